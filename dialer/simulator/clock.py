"""Reads the simulator's own clocks, so that the auditor shares none with what it audits."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import formatdate
from time import monotonic, time_ns
from typing import NamedTuple


class Instant(NamedTuple):
    """One moment on both clocks, in seconds; on Linux `mono` is comparable between the processes of one machine."""

    wall: float
    mono: float

    def later(self, seconds: float) -> Instant:
        return Instant(self.wall + seconds, self.mono + seconds)


def read() -> Instant:
    return Instant(time_ns() / 1e9, monotonic())


def iso(wall: float) -> str:
    """ISO 8601 in UTC with milliseconds and `Z`, as the seeds write it."""
    return datetime.fromtimestamp(wall, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def http_date(wall: float) -> str:
    return formatdate(wall, usegmt=True)


def wall_of(text: object) -> float | None:
    """Seconds since the epoch of an ISO 8601 text with a zone; None if it is not one."""
    try:
        instant = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return instant.timestamp() if instant.tzinfo else None
