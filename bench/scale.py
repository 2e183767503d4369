"""One ledger in which millions wait: what a tick, a look and a process cost in it, and what a call takes on disk.

Filling it takes longer than all that is measured, so it is filled once for all of it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench import reading, release, resident
from bench.crowd import Crowd
from bench.stage import Stage, ask


def measure(
    stage: Stage, kind: str, few: int, many: int, *, ticks: int, gone: int, repeats: int, minutes: float
) -> dict[str, dict[str, Any]]:
    """By the names that results.json has for its parts."""
    with release.ticking(stage, kind, few) as small, release.ticking(stage, kind, many) as large:
        size = bytes_per_call(large.crowd)
        released = release.compare(small, large, ticks, gone)
        return {
            "scale": size,
            "release": released,
            "reading": reading.ask_all(stage, large.crowd, repeats),
            "resident": resident.watch(stage, large.crowd, minutes),
        }


def bytes_per_call(crowd: Crowd) -> dict[str, Any]:
    """With all indexes, of calls that were loaded and have not moved."""
    if crowd.has_statistics:
        [(whole, table)] = ask(
            crowd.url, "SELECT pg_total_relation_size('calls'), pg_relation_size('calls') FROM pg_class LIMIT 1"
        )
        return {
            "calls": crowd.count,
            "bytes_per_call": round(whole / crowd.count),
            "bytes_of_its_row": round(table / crowd.count),
        }
    size = Path(crowd.url.removeprefix("sqlite:///")).stat().st_size
    return {"calls": crowd.count, "bytes_per_call": round(size / crowd.count)}
