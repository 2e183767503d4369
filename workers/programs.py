"""The command lines of our processes, as `dialer up` and the demo start them."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from dialer.domain.states import Lane
from workers.lanes import lanes_of

#: So that a pool full of calls cannot hold a test call up.
TEST_SLOTS = 2


def scheduler() -> list[str]:
    return [sys.executable, "-m", "workers.scheduler"]


def worker(name: str, slots: int, lanes: Iterable[Lane] = Lane, processes: int = 1) -> list[str]:
    """`name` becomes its node name, name@host; of several name-1@host, name-2@host, …"""
    queues = ",".join(lane.queue for lane in lanes_of(lane.queue for lane in lanes))
    several = ["--processes", str(processes)] if processes > 1 else []
    return [sys.executable, "-m", "workers.work", "-Q", queues, "-c", str(slots), "-n", f"{name}@%h", *several]


def test_worker() -> list[str]:
    """A small one for test calls alone."""
    return worker("tests", TEST_SLOTS, [Lane.TEST])


def serving(*, port: int | None = None) -> list[str]:
    """The HTTP API; its first line tells where. `port` absent = as configured."""
    return [sys.executable, "-m", "workers.serving", *([] if port is None else ["--port", str(port)])]


def simulator(scenario: str, log: str) -> list[str]:
    """On a free port; its first line tells which."""
    return [sys.executable, "-m", "dialer.simulator", "--port", "0", "--scenario", scenario, "--log", log]
