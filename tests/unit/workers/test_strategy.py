"""How a worker holds a message: what Celery asks of it, on a lost connection too, and what people see."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from celery import Celery
from celery.exceptions import InvalidTaskError
from celery.worker import state
from celery.worker.consumer.events import Events

from workers.strategy import Held, arguments, strategy

CALL = "019aa0f0-0000-7000-8000-000000000001"


class Pool:
    """Does what it is given when it is told to."""

    def __init__(self) -> None:
        self.given: list[Callable[[], None]] = []

    def apply_async(self, target: Callable[..., None], args: tuple[Any, ...], **_: Any) -> None:
        self.given.append(lambda: target(*args))

    def work(self) -> None:
        while self.given:
            self.given.pop(0)()


class Dispatcher:
    """Celery's, as Flower's events go through it."""

    enabled = True

    def __init__(self) -> None:
        self.sent: list[tuple[str, dict[str, Any]]] = []

    def send(self, kind: str, **facts: Any) -> None:
        self.sent.append((kind, facts))


@pytest.fixture(autouse=True)
def _nothing_is_held() -> Iterator[None]:
    state.reset_state()
    yield
    state.reset_state()


@pytest.fixture
def app() -> Celery:
    made = Celery("held", broker="memory://", set_as_current=False)
    made.conf.update(worker_send_task_events=True)
    return made


def a_consumer(app: Celery) -> Any:
    return SimpleNamespace(
        app=app,
        hostname="w@h",
        pool=Pool(),
        connection_errors=(OSError,),
        event_dispatcher=None,
        connection_for_write=lambda **_: app.connection_for_write(),
        amqheartbeat=0,
        hub=None,
    )


def a_message(body: str = json.dumps([[CALL, 7], {}, None])) -> Any:
    return SimpleNamespace(headers={"id": f"{CALL}.7"}, body=body)


class Task:
    """One of ours."""

    name, send_events = "dialer.dial", True

    def __init__(self, run: Callable[[str, int], None]) -> None:
        self.run = run


def received(app: Celery, consumer: Any, run: Callable[[str, int], None], acks: list[str]) -> None:
    receive = strategy(Task(run), app, consumer)
    receive(a_message(), None, lambda *_: acks.append("ack"), None, [])


def test_a_message_is_acknowledged_once_its_call_is_dispatched(app: Celery) -> None:
    consumer, acks, dialed = a_consumer(app), list[str](), list[Any]()
    received(app, consumer, lambda *call: dialed.append((*call, list(acks))), acks)
    assert [held.id for held in state.reserved_requests] == [f"{CALL}.7"]
    consumer.pool.work()
    assert dialed == [(CALL, 7, [])]
    assert acks == ["ack"]
    assert not state.reserved_requests
    assert not state.active_requests
    assert state.total_count["dialer.dial"] == 1


def test_a_message_is_acknowledged_even_where_its_task_raises(app: Celery) -> None:
    """Else a slot were lost: a worker holds a message for each, and no more."""
    consumer, acks = a_consumer(app), list[str]()

    def fail(*_: Any) -> None:
        raise RuntimeError("boom")

    received(app, consumer, fail, acks)
    with pytest.raises(RuntimeError, match="boom"):
        consumer.pool.work()
    assert acks == ["ack"]
    assert not state.active_requests


def test_what_is_under_way_outlasts_a_lost_connection_to_redis(app: Celery) -> None:
    """Celery's own step: on a reconnect it hands each message that is held the new connection's dispatcher."""
    consumer, acks = a_consumer(app), list[str]()
    step = Events(consumer, task_events=True)
    step.start(consumer)
    first = consumer.event_dispatcher
    received(app, consumer, lambda *_: step.start(consumer), acks)
    [held] = state.reserved_requests
    assert held.eventer is first
    consumer.pool.work()
    assert held.eventer is consumer.event_dispatcher is not first
    assert acks == ["ack"]


def test_a_lost_connection_forgets_no_message_that_is_worked_on(app: Celery) -> None:
    """As Celery's `Consumer.on_close` has it: what is active stays known by its id."""
    consumer, seen = a_consumer(app), list[Any]()
    received(app, consumer, lambda *_: seen.extend(state.active_requests), [])
    consumer.pool.work()
    assert [held.id for held in seen] == [f"{CALL}.7"]


def test_whoever_watches_is_told_of_each_step(app: Celery) -> None:
    consumer = a_consumer(app)
    consumer.event_dispatcher = told = Dispatcher()
    received(app, consumer, lambda *_: None, [])
    consumer.pool.work()
    assert [kind for kind, _ in told.sent] == ["task-received", "task-started", "task-succeeded"]
    assert {facts["uuid"] for _, facts in told.sent} == {f"{CALL}.7"}


def test_what_inspect_shows_holds_ids_only(app: Celery) -> None:
    held = Held(a_message(), lambda *_: None, Task(lambda *_: None), a_consumer(app))
    told = held.info()
    assert (told["id"], told["args"], told["hostname"]) == (f"{CALL}.7", (CALL, 7), "w@h")
    json.dumps(told)


@pytest.mark.parametrize("body", ["", "nonsense", "[]", "{}", '[["one"], {}]', '[["one", "two"], {}]', "null", "[7]"])
def test_what_no_scheduler_pushed_is_no_message(body: str) -> None:
    with pytest.raises(InvalidTaskError, match="expected a call id and a push sequence"):
        arguments(a_message(body))
