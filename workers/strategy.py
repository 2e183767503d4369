"""How a worker hands a message to a thread: what Celery does for each of its tasks, less what ours never use.

No retries, results, time limits, revocations, etas or links; the ledger has its own. What is left is what people look
at: `inspect active` and `inspect stats`, and the events that Flower shows, where a worker was started with -E.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from typing import Any

from celery.exceptions import InvalidTaskError
from celery.utils.log import get_logger
from celery.worker import state

_logger = get_logger(__name__)


class Held:
    """A message that this worker holds, until its call is dispatched."""

    __slots__ = ("__weakref__", "_ack", "args", "eventer", "hostname", "id", "name", "task", "time_start")

    def __init__(self, message: Any, ack: Callable[..., Any], task: Any, consumer: Any) -> None:
        self.id = str(message.headers.get("id"))
        self.task, self.hostname = task, consumer.hostname
        #: with its lane, as Flower is to show it
        self.name = str(message.headers.get("shadow") or task.name)
        #: Celery puts that of each new connection here: what is under way outlasts the one that it came by.
        self.eventer = consumer.event_dispatcher
        self.args = arguments(message)
        self.time_start: float | None = None
        self._ack = ack

    def info(self, safe: bool = False) -> dict[str, Any]:
        """As `celery inspect` shows it."""
        told = {"id": self.id, "name": self.name, "type": str(self.task.name), "hostname": self.hostname}
        return {**told, "args": self.args, "kwargs": {}, "time_start": self.time_start, "acknowledged": False}

    def tell(self, kind: str, **facts: Any) -> None:
        """Whoever watches, if anybody does."""
        if self.eventer and self.eventer.enabled and self.task.send_events:
            self.eventer.send(kind, uuid=self.id, **facts)

    def acknowledge(self, connection_errors: tuple[type[BaseException], ...]) -> None:
        self._ack(_logger, connection_errors)


def strategy(task: Any, app: Any, consumer: Any) -> Callable[..., None]:
    """Celery's `task.Strategy`: asked once for each connection, what it returns is given every message."""
    name, pool, errors, run = task.name, consumer.pool, consumer.connection_errors, task.run

    def work(held: Held) -> None:
        held.time_start = time.time()  # noqa: TID251 - for people, and on Celery's own clock
        state.active_requests.add(held)
        held.tell("task-started")
        try:
            run(*held.args)
        finally:
            state.task_ready(held)
            state.total_count[name] += 1
            state.all_total_count[0] += 1
            held.acknowledge(errors)
            held.tell("task-succeeded", result="None", runtime=time.time() - held.time_start)  # noqa: TID251

    def receive(message: Any, _: Any, ack: Callable[..., Any], __: Any, callbacks: Iterable[Any]) -> None:
        held = Held(message, ack, task, consumer)
        held.tell("task-received", name=held.name, args=repr(held.args), kwargs="{}", root_id=held.id)
        state.task_reserved(held)
        for callback in callbacks or ():
            callback(held)
        pool.apply_async(work, (held,), callback=_done)

    return receive


def arguments(message: Any) -> tuple[str, int]:
    """InvalidTaskError for what no scheduler of ours pushed."""
    try:
        (call_id, push_seq), *_ = json.loads(message.body)
        return str(call_id), int(push_seq)
    except (TypeError, ValueError) as error:
        raise InvalidTaskError(f"expected a call id and a push sequence: {error}") from None


def _done(result: object) -> None:
    """Celery's pools want to be told whom to tell."""
