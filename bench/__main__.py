"""`python -m bench [--full]`: which benchmarks run, at which size, and where their figures go."""

from __future__ import annotations

import argparse
import os
import platform
import sqlite3
import sys
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from bench import dispatch, latency, loading, pacing, report, scale, serving
from bench.figures import plain
from bench.stage import KINDS, Stage, ask


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    few: int
    many: int
    ticks: int
    gone: int
    loads: int
    loaded: int
    repeats: int
    minutes: float
    test_calls: int
    #: calls that one worker process dispatches, and how often it and its peers do
    dispatched: int
    rounds: int
    paces: tuple[int, ...]
    paced_seconds: float
    probes: int
    #: calls that wait while a test call is probed
    behind: int


QUICK = Size(
    few=10_000,
    many=50_000,
    ticks=8,
    gone=25_000,
    loads=1,
    loaded=30_000,
    repeats=5,
    minutes=0.1,
    test_calls=400,
    dispatched=400,
    rounds=1,
    paces=(10, 50),
    paced_seconds=3.0,
    probes=5,
    behind=50_000,
)
FULL = Size(
    few=10_000,
    many=5_000_000,
    ticks=60,
    gone=250_000,
    loads=3,
    loaded=1_000_000,
    repeats=100,
    minutes=5,
    test_calls=4000,
    dispatched=5000,
    rounds=5,
    paces=(1, 10, 50, 200),
    paced_seconds=20.0,
    probes=100,
    behind=1_000_000,
)

#: Each returns its parts by the names that they have in the results.
Measure = Callable[[Stage, str, Size], dict[str, dict[str, Any]]]
BENCHMARKS: dict[str, Measure] = {
    "load": lambda stage, kind, size: {
        "load": loading.measure(stage, kind, size.loaded // 10, size.loaded, size.loads)
    },
    "scale": lambda stage, kind, size: scale.measure(
        stage, kind, size.few, size.many, ticks=size.ticks, gone=size.gone, repeats=size.repeats, minutes=size.minutes
    ),
    "serving": lambda stage, kind, size: {
        "serving": serving.measure(stage, kind, size.test_calls, size.loaded, size.loads)
    },
    "dispatch": lambda stage, kind, size: {"dispatch": dispatch.measure(stage, kind, size.dispatched, size.rounds)},
    "pacing": lambda stage, kind, size: {"pacing": pacing.measure(stage, kind, size.paces, size.paced_seconds)},
    "latency": lambda stage, kind, size: {"latency": latency.measure(stage, kind, size.behind, size.probes)},
}


def main() -> int:
    chosen = arguments()
    size = FULL if chosen.full else QUICK
    results: dict[str, Any] = {"form": "full" if chosen.full else "quick"}
    with Stage.up() as stage:
        results["machine"] = machine(stage)
        for name in chosen.only:
            for kind in chosen.ledger:
                began = perf_counter()
                for part, found in BENCHMARKS[name](stage, kind, size).items():
                    results.setdefault(part, {})[kind] = plain(found)
                print(f"{name} on {kind}: measured in {perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    print(report.keep(results))
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--full", action="store_true", help="millions of calls instead of a few: about an hour")
    parser.add_argument("--only", nargs="+", choices=list(BENCHMARKS), default=list(BENCHMARKS))
    parser.add_argument("--ledger", nargs="+", choices=KINDS, default=list(KINDS))
    return parser.parse_args()


def machine(stage: Stage) -> dict[str, str]:
    """What the figures depend on."""
    [(postgres,)] = ask(stage.postgres.url("postgres"), "SHOW server_version")
    return {
        "cores": str(os.cpu_count()),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "postgresql": str(postgres),
        "system": f"{platform.system()} {platform.machine()}",
    }


if __name__ == "__main__":
    sys.exit(main())
