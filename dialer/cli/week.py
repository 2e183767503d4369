"""Draws open spans as a week: a line for each day on a wall clock, a sign for each half hour of it.

Exact to the minute and over offset changes: each minute that passes is put where the wall clock shows it, so a half
hour that comes twice holds sixty minutes, and one that is left out holds none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from dialer.domain.zones import zone

OPEN, PARTLY, BLOCKED, NEVER, BEYOND = "█", "▒", "·", "╳", " "
LEGEND: Final = f"{OPEN} open  {PARTLY} open for part of the half hour  {BLOCKED} blocked  {NEVER} skipped by the clock"
HOURS: Final = " ".join(f"{hour:02d} " for hour in range(0, 24, 2))
HALF_HOURS: Final = 48
MINUTE: Final = timedelta(minutes=1)

Interval = tuple[datetime, datetime]


@dataclass
class _HalfHour:
    minutes: int = 0
    open_minutes: int = 0


def draw(timezone: str, open_spans: Sequence[Interval], start: datetime, end: datetime) -> list[str]:
    """Lines of text for [start, end), aware instants; spans are half-open, in order."""
    days: dict[date, list[_HalfHour]] = {}
    place = zone(timezone)
    for instant, is_open in _minutes(open_spans, start, end):
        local = instant.astimezone(place)
        day = days.setdefault(local.date(), [_HalfHour() for _ in range(HALF_HOURS)])
        half_hour = day[local.hour * 2 + local.minute // 30]
        half_hour.minutes += 1
        half_hour.open_minutes += is_open
    edges = {min(days, default=None), max(days, default=None)}
    return [
        f"{'':10}  {HOURS}".rstrip(),
        *(f"{day:%a %d %b}  {_signs(row, day in edges)}" for day, row in days.items()),
    ]


def _minutes(spans: Sequence[Interval], start: datetime, end: datetime) -> Iterator[tuple[datetime, bool]]:
    """Every minute, and whether all of it is open."""
    instant = start.astimezone(UTC).replace(second=0, microsecond=0)  # in UTC, where each minute comes once
    at = 0
    while instant < end:
        while at < len(spans) and spans[at][1] <= instant:
            at += 1
        yield instant, at < len(spans) and spans[at][0] <= instant and instant + MINUTE <= spans[at][1]
        instant += MINUTE


def _signs(row: Iterable[_HalfHour], is_edge: bool) -> str:
    """An empty half hour of the first or last day lies beyond what was asked for; of any other day it never comes."""
    return "".join(_sign(half_hour, BEYOND if is_edge else NEVER) for half_hour in row).rstrip()


def _sign(half_hour: _HalfHour, empty: str) -> str:
    if not half_hour.minutes:
        return empty
    if half_hour.open_minutes == half_hour.minutes:
        return OPEN
    return PARTLY if half_hour.open_minutes else BLOCKED
