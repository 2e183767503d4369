"""What runs aside goes on whatever happens to it, until it is told to stop."""

from __future__ import annotations

from queue import SimpleQueue
from threading import Event

from structlog.testing import capture_logs

from dialer.errors import RedisUnreachable
from workers.aside import Aside
from workers.outage import outages

PATIENCE_SECONDS = 5.0


def test_it_runs_at_once_and_again_until_it_is_stopped() -> None:
    ran: SimpleQueue[int] = SimpleQueue()
    aside = Aside("beat", lambda: ran.put(1), 0.001)
    aside.start()
    for _ in range(3):
        ran.get(timeout=PATIENCE_SECONDS)
    aside.stop()
    assert aside.wait(PATIENCE_SECONDS)


def test_what_is_under_way_is_waited_for() -> None:
    began, go = Event(), Event()

    def slow() -> None:
        began.set()
        go.wait(PATIENCE_SECONDS)

    aside = Aside("ask", slow, 10.0)
    aside.start()
    began.wait(PATIENCE_SECONDS)
    aside.stop()
    assert not aside.wait(0.001)
    go.set()
    assert aside.wait(PATIENCE_SECONDS)


def failing(error: Exception) -> list[str]:
    """Events in the log of something that fails three times."""
    ran: SimpleQueue[int] = SimpleQueue()

    def fail() -> None:
        ran.put(1)
        raise error

    aside = Aside("ask", fail, 0.001)
    with capture_logs() as lines:
        aside.start()
        for _ in range(3):
            ran.get(timeout=PATIENCE_SECONDS)
        aside.stop()
        aside.wait(PATIENCE_SECONDS)
    outages.ended()
    return [line["event"] for line in lines]


def test_a_failure_is_a_line_in_the_log_each_time() -> None:
    assert failing(ValueError("a bug")).count("aside.failed") >= 3


def test_an_outage_is_said_once() -> None:
    assert failing(RedisUnreachable("gone")) == ["redis.lost"]
