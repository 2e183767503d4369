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

    __slots__ = ("__weakref__", "_ack", "args", "hostname", "id", "name", "time_start")

    def __init__(self, message: Any, ack: Callable[..., Any], name: str, hostname: str) -> None:
        self.id: str = message.headers["id"]
        self.name, self.hostname = name, hostname
        self.args = arguments(message)
        self.time_start: float | None = None
        self._ack = ack

    def info(self, safe: bool = False) -> dict[str, Any]:
        """As `celery inspect` shows it."""
        told = {"id": self.id, "name": self.name, "type": self.name, "hostname": self.hostname}
        return {**told, "args": self.args, "kwargs": {}, "time_start": self.time_start, "acknowledged": False}

    def acknowledge(self, connection_errors: tuple[type[BaseException], ...]) -> None:
        self._ack(_logger, connection_errors)


def strategy(task: Any, app: Any, consumer: Any) -> Callable[..., None]:
    """Celery's `task.Strategy`: asked once for each connection, what it returns is given every message."""
    name, hostname, pool, errors = task.name, consumer.hostname, consumer.pool, consumer.connection_errors
    events = consumer.event_dispatcher
    run = task.run

    def tell(kind: str, held: Held, **facts: Any) -> None:
        if events and events.enabled and task.send_events:
            events.send(kind, uuid=held.id, **facts)

    def work(held: Held) -> None:
        held.time_start = time.time()  # noqa: TID251 - for people, and on Celery's own clock
        state.active_requests.add(held)
        tell("task-started", held)
        try:
            run(*held.args)
        finally:
            state.task_ready(held)
            state.total_count[name] += 1
            state.all_total_count[0] += 1
            held.acknowledge(errors)
            tell("task-succeeded", held, result="None", runtime=time.time() - held.time_start)  # noqa: TID251

    def receive(message: Any, _: Any, ack: Callable[..., Any], __: Any, callbacks: Iterable[Any]) -> None:
        held = Held(message, ack, name, hostname)
        tell("task-received", held, name=name, args=repr(held.args), kwargs="{}", root_id=held.id)
        state.task_reserved(held)
        for callback in callbacks or ():
            callback(held)
        pool.apply_async(work, (held,), callback=_done)

    return receive


def arguments(message: Any) -> tuple[str, int]:
    """InvalidTaskError for what no scheduler of ours pushed."""
    try:
        (call_id, push_seq), *_ = json.loads(message.body)
    except (TypeError, ValueError) as error:
        raise InvalidTaskError(f"expected a call id and a push sequence: {error}") from None
    return str(call_id), int(push_seq)


def _done(result: object) -> None:
    """Celery's pools want to be told whom to tell."""
