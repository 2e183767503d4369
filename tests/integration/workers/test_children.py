"""Our child processes: heard, started again when they die, and ended when it is time."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from workers.children import Child, end_in_order

FOR_EVER = "import time\nprint('up', flush=True)\nwhile True: time.sleep(1)"
DEAF = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + FOR_EVER

Heard = list[tuple[str, str]]
Start = Callable[..., Child]


@pytest.fixture
def heard() -> Heard:
    return []


@pytest.fixture
def start(heard: Heard) -> Iterator[Start]:
    with ExitStack() as stack:

        def started(program: str, name: str = "child", patience: float = 5.0) -> Child:
            child = Child(name, [sys.executable, "-c", program], lambda *line: heard.append(line), patience)
            child.start()
            stack.callback(child.wait)
            stack.callback(child.end, signal.SIGKILL)
            return child

        yield started


def until(come: Callable[[], object]) -> None:
    give_up_at = time.monotonic() + 10
    while not come():
        assert time.monotonic() < give_up_at
        time.sleep(0.01)


def test_what_a_child_says_is_passed_on_under_its_name(start: Start, heard: Heard) -> None:
    start("import sys\nprint('one')\nprint('two', file=sys.stderr)", name="worker").wait()
    assert sorted(heard) == [("worker", "one"), ("worker", "two")]


def test_a_child_that_dies_is_started_again(start: Start, heard: Heard) -> None:
    child = start(FOR_EVER)
    until(lambda: len(heard) == 1)
    first = child.pid
    os.kill(first, signal.SIGKILL)
    until(lambda: child.exit_code is not None)
    child.mend()
    assert child.pid == 0  # not at once: it may die of something that takes a moment to pass
    while len(heard) < 2:
        child.mend()
        time.sleep(0.01)
    assert child.pid not in (0, first)


def test_a_child_that_does_not_listen_is_killed_when_patience_is_over(start: Start, heard: Heard) -> None:
    child = start(DEAF, patience=0.2)
    until(lambda: heard)
    child.end()
    child.wait()
    assert child.pid == 0


def test_children_end_group_by_group(start: Start, heard: Heard) -> None:
    last_words = "import signal, sys\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(print('down')))\n" + FOR_EVER
    scheduler, worker = start(last_words, "scheduler"), start(last_words, "worker")
    until(lambda: len(heard) == 2)
    end_in_order([scheduler], [worker])
    assert heard[2:] == [("scheduler", "down"), ("worker", "down")]
