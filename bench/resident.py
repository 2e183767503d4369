"""What a scheduler and a worker hold in memory while they dial, with many calls in the ledger."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bench.crowd import Crowd
from bench.figures import figure
from bench.memory import resident_megabytes
from bench.stage import Stage, ask
from dialer.simulator import Simulator
from workers import programs
from workers.celery_app import CONCURRENCY
from workers.children import Child, end_in_order

LOOK_SECONDS = 0.5
DUE = 2000
#: Calls that must have ended before we believe that everything is imported and every thread has worked.
ENDED_FIRST = 500
PATIENCE_SECONDS = 120.0


def measure(stage: Stage, kind: str, count: int, looks: int) -> dict[str, Any]:
    with stage.ledger(kind) as url:
        crowd = Crowd(stage, url, count).take_statistics()
        crowd.fall_due(DUE)
        with at_work(stage, url) as (scheduler, worker):
            wait_until_warm(url)
            scheduler_mb, worker_mb = [], []
            for _ in range(looks):
                time.sleep(LOOK_SECONDS)
                scheduler_mb.append(resident_megabytes(scheduler.pid))
                worker_mb.append(resident_megabytes(worker.pid))
    return {
        "calls": count,
        "worker_slots": CONCURRENCY,
        "scheduler_megabytes": figure(scheduler_mb),
        "worker_megabytes": figure(worker_mb),
    }


@contextmanager
def at_work(stage: Stage, url: str) -> Iterator[tuple[Child, Child]]:
    """Real processes that dial a provider which rings nobody."""
    lines: list[str] = []
    with Simulator({"defaults": {"ring_seconds": 0.1, "talk_seconds": 0.1}}) as simulator:
        os.environ["DIALER_CONFIG"] = str(stage.configuration(url, f"{simulator.url}/inspra"))
        children = [
            Child(name, command, lambda _, line: lines.append(line), 15.0)
            for name, command in (
                ("scheduler", programs.scheduler()),
                ("worker", programs.worker("bench", CONCURRENCY)),
            )
        ]
        try:
            for child in children:
                child.start()
            yield children[0], children[1]
        finally:
            end_in_order(children[:1], children[1:])
            del os.environ["DIALER_CONFIG"]


def wait_until_warm(url: str) -> None:
    for _ in range(int(PATIENCE_SECONDS / LOOK_SECONDS)):
        [(ended,)] = ask(url, "SELECT count(*) FROM attempts WHERE placed_at IS NOT NULL")
        if ended >= ENDED_FIRST:
            return
        time.sleep(LOOK_SECONDS)
    raise RuntimeError(f"only {ended} calls were placed within {PATIENCE_SECONDS:.0f} s")
