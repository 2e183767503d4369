"""`make simulate`: many seeds, on two processes; a seed that breaks the promise is printed with its last steps, and
`make simulate SEED=123` plays it again exactly."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tests.simulation.auditor import Broken
from tests.simulation.driver import EVENTS, Report, simulate
from tests.simulation.ground import Ground, memory_directory
from tests.simulation.world import GUARDS

CHUNK = 25


def play(first: int, count: int, events: int, without: str | None) -> tuple[list[Report], list[str]]:
    """These seeds, one after the other; what was found, and what broke."""
    reports, broken = [], []
    with tempfile.TemporaryDirectory(dir=memory_directory()) as directory:
        ground = Ground(Path(directory))
        for seed in range(first, first + count):
            try:
                reports.append(simulate(ground, seed, events, without))
            except Exception as error:  # noqa: BLE001 - the other seeds are played all the same
                broken.append(str(error) if isinstance(error, Broken) else f"seed {seed}: {error!r}")
        ground.close()
    return reports, broken


def main() -> int:
    """0 when every seed kept the promise."""
    given = _arguments()
    began, figures, broken = time.monotonic(), Counter[str](), 0
    first, count = (given.seed, 1) if given.seed is not None else (given.first, given.seeds)
    starts = range(first, first + count, CHUNK)
    with ProcessPoolExecutor(given.processes) as pool:
        chunks = [
            pool.submit(play, start, min(CHUNK, first + count - start), given.events, given.without) for start in starts
        ]
        for chunk in chunks:
            reports, failures = chunk.result()
            for failure in failures:
                sys.stdout.write(f"{failure}\n")
                sys.stdout.flush()
            broken += len(failures)
            for report in reports:
                figures.update(report.figures())
    told = " ".join(f"{name}={number}" for name, number in figures.items())
    sys.stdout.write(f"seeds={count} broken={broken} {told} seconds={time.monotonic() - began:.0f}\n")
    return 1 if broken else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=10_000, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--seed", type=int, help="only this one")
    parser.add_argument("--events", type=int, default=EVENTS, help="moves and faults of each")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--without", choices=GUARDS, help="take this guard away, to see what it is for")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
