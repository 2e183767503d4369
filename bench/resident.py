"""What a scheduler and a worker hold in memory while they dial, with many calls in the ledger."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import linear_regression
from typing import Any

from redis import Redis

from bench.crowd import Crowd
from bench.figures import figure
from bench.memory import resident_megabytes
from bench.stage import Stage, ask
from dialer.simulator import Simulator
from workers import programs
from workers.celery_app import CONCURRENCY
from workers.children import Child, end_in_order

LOOK_SECONDS = 1.0
DUE, DUE_AGAIN = 2000, 50
#: Calls that must have ended before we believe that everything is imported and every thread has worked.
ENDED_FIRST = 500
PATIENCE_SECONDS = 120.0


def watch(stage: Stage, crowd: Crowd, minutes: float) -> dict[str, Any]:
    """Calls fall due now and then all the while, so that ticks have something to do."""
    empty = redis_megabytes(stage)
    crowd.fall_due(DUE)
    with at_work(stage, crowd.url) as (scheduler, worker):
        wait_until_warm(crowd.url)
        seen: dict[str, list[float]] = {"scheduler": [], "worker": [], "redis": []}
        looks = round(60 * minutes / LOOK_SECONDS)
        for look in range(looks):
            time.sleep(LOOK_SECONDS)
            if look % 10 == 0:
                crowd.fall_due(DUE_AGAIN)
            seen["scheduler"].append(resident_megabytes(scheduler.pid))
            seen["worker"].append(resident_megabytes(worker.pid))
            seen["redis"].append(redis_megabytes(stage) - empty)
    return {
        "calls": crowd.count,
        "minutes": minutes,
        "worker_slots": CONCURRENCY,
        **{f"{name}_megabytes": figure(values) for name, values in seen.items()},
        **{f"{name}_megabytes_per_hour": round(slope(seen[name]), 1) for name in ("scheduler", "worker")},
    }


def slope(megabytes: list[float]) -> float:
    """Per hour, of the second half: by then everything is imported, and every thread has worked."""
    later = megabytes[len(megabytes) // 2 :]
    if len(later) < 2:
        return 0.0
    return linear_regression(range(len(later)), later).slope * 3600 / LOOK_SECONDS


def redis_megabytes(stage: Stage) -> float:
    with Redis.from_url(stage.redis.url) as redis:
        return int(redis.info("memory")["used_memory"]) / 1e6


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
