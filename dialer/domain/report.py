"""The month's end: sums of attempts by batch and day, the day being a zone's own; what is summed, the ledger says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, time, timedelta
from functools import reduce

from dialer.domain.batch import BatchName
from dialer.domain.zones import zone

#: A zone is at most so far from UTC, and a bit.
_FURTHEST = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Sums:
    """Attempts that reached, or may have reached, a provider, and what came of them; every other count is a part of
    `attempts`. Whole numbers, so that they are the same in whatever order they are added."""

    attempts: int = 0
    answered: int = 0
    voicemail: int = 0
    no_answer: int = 0
    busy: int = 0
    declined: int = 0
    failed: int = 0
    handed_off: int = 0
    rejected: int = 0
    unresolved: int = 0
    under_way: int = 0
    milliseconds: int = 0
    microcredits: int = 0

    def __add__(self, other: Sums) -> Sums:
        return Sums(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))

    def as_json(self) -> dict[str, float]:
        counts = {each.name: getattr(self, each.name) for each in fields(self)}
        milliseconds, microcredits = counts.pop("milliseconds"), counts.pop("microcredits")
        return {**counts, "minutes": round(milliseconds / 60_000, 4), "credits": microcredits / 1_000_000}


@dataclass(frozen=True, slots=True)
class Quarter:
    """What was claimed of one batch in a quarter of an hour. Every zone's day begins with one."""

    batch_id: str
    name: BatchName
    starts_at: datetime
    sums: Sums


@dataclass(frozen=True, slots=True)
class ReportLine:
    """One batch on one day."""

    day: date
    batch_id: str
    name: BatchName
    sums: Sums

    def as_json(self) -> dict[str, object]:
        named = {"agent_id": self.name.agent_id, "batch_ref": self.name.batch_ref}
        return {"day": self.day.isoformat(), "batch_id": self.batch_id, **named, **self.sums.as_json()}


@dataclass(frozen=True, slots=True)
class Report:
    """Of one workspace, from the first day to the last, both included."""

    workspace_id: str
    first: date
    last: date
    timezone: str
    lines: tuple[ReportLine, ...]

    @property
    def totals(self) -> Sums:
        return reduce(Sums.__add__, (line.sums for line in self.lines), Sums())

    def as_json(self) -> dict[str, object]:
        return {
            "workspace_id": self.workspace_id,
            "from": self.first.isoformat(),
            "to": self.last.isoformat(),
            "timezone": self.timezone,
            "lines": [line.as_json() for line in self.lines],
            "totals": self.totals.as_json(),
        }


def reach(first: date, last: date) -> tuple[datetime, datetime]:
    """Instants around these days of any zone."""
    start, end = datetime.combine(first, time(), UTC), datetime.combine(last, time(), UTC)
    return start - _FURTHEST, end + 2 * _FURTHEST


def lines(quarters: Iterable[Quarter], first: date, last: date, timezone: str) -> tuple[ReportLine, ...]:
    """By day, then by name. A day is what the zone's calendar says: 23 or 25 hours long where its clocks change."""
    here = zone(timezone)
    sums: dict[tuple[date, BatchName, str], Sums] = {}
    for each in quarters:
        day = each.starts_at.astimezone(here).date()
        if first <= day <= last:
            key = day, each.name, each.batch_id
            sums[key] = sums.get(key, Sums()) + each.sums
    order = sorted(sums, key=lambda key: (key[0], key[1].agent_id, key[1].batch_ref, key[2]))
    return tuple(ReportLine(day, batch_id, name, sums[day, name, batch_id]) for day, name, batch_id in order)
