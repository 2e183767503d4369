"""Watches a process and its children at work: how fast something is used up meanwhile, and for how much CPU."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

LOOK_SECONDS = 0.05
PATIENCE_SECONDS = 180.0
#: What counts: neither the start, with its imports and first connections, nor the end, when slots run empty.
FROM, TO = 0.15, 0.85
_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Pace:
    """Of the middle of a run."""

    per_second: float
    cpu_ms_each: float


@contextmanager
def running(command: Sequence[str], env: Mapping[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """In a session of its own, ended in order, its output kept out of the way."""
    process = subprocess.Popen(
        command,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def pace(process: subprocess.Popen[bytes], total: int, done: Callable[[], int]) -> Pace:
    """Until all of `total` is done."""
    looks = [(time.monotonic(), 0, cpu_seconds(process.pid))]
    give_up_at = looks[0][0] + PATIENCE_SECONDS
    while looks[-1][1] < total:
        time.sleep(LOOK_SECONDS)
        looks.append((time.monotonic(), done(), cpu_seconds(process.pid)))
        if process.poll() is not None or looks[-1][0] > give_up_at:
            raise RuntimeError(f"{process.args!r} got no further than {looks[-1][1]} of {total}")
    first = next(look for look in looks if look[1] >= FROM * total)
    last = next(look for look in looks if look[1] >= TO * total)
    if last[1] == first[1]:  # over within one look
        first = looks[max(0, looks.index(first) - 1)]
    count = last[1] - first[1]
    return Pace(count / (last[0] - first[0]), 1000 * (last[2] - first[2]) / count)


def cpu_seconds(pid: int) -> float:
    """User and system time of a process, of those it started and still has, and of those it has waited for."""
    return sum(_ticks(each) for each in [pid, *descendants(pid)]) / _TICK


def descendants(pid: int) -> Iterator[int]:
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = [int(child) for child in task.read_text().split()]
        except OSError:
            continue
        for child in children:
            yield child
            yield from descendants(child)


def _ticks(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return sum(map(int, fields[11:15]))
