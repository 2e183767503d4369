"""A scheduler and workers as real processes on one ledger, dialing the stub until somebody has seen enough."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.processes import running
from bench.stage import Stage
from bench.stub import Stub
from dialer import Dialer
from dialer.settings import load_settings
from workers import programs


@dataclass(frozen=True, slots=True)
class House:
    """At work; `dialer` is the API of a process beside it."""

    dialer: Dialer
    stub: Stub
    workers: tuple[int, ...]
    scheduler: int


@contextmanager
def at_work(stage: Stage, stub: Stub, configuration: Path, workers: int, slots: int) -> Iterator[House]:
    """So many workers, the small one for test calls beside them, and a scheduler."""
    os.environ["DIALER_CONFIG"] = str(configuration)
    with ExitStack() as stack:
        stack.callback(os.environ.pop, "DIALER_CONFIG")
        commands = [programs.worker(f"bench{number}", slots) for number in range(workers)]
        pids = [stack.enter_context(running(command)).pid for command in [*commands, programs.test_worker()]]
        dialer = stack.enter_context(Dialer(load_settings(configuration)))
        scheduler = stack.enter_context(running(programs.scheduler()))
        yield House(dialer, stub, tuple(pids), scheduler.pid)
