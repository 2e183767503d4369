"""When a cron expression fires on a wall clock: each local minute once, whatever daylight saving time does.

Which expressions are read at all is decided in `cron`; what an occurrence loads, in the engine.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import cast
from zoneinfo import ZoneInfo

from croniter import CroniterBadDateError, croniter

from dialer.domain import zones
from dialer.domain.cron import check_cron
from dialer.domain.zones import EPOCH, SECOND
from dialer.errors import BadCron

__all__ = ["BadCron", "Cron", "Occurrence", "latest_missed", "parse_cron"]

_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One firing of a schedule."""

    #: When, in UTC.
    instant: datetime
    #: The wall clock's text at that instant, e.g. "2026-11-23T09:00": the key by which runs are told apart.
    local: str


@dataclass(frozen=True, slots=True)
class Cron:
    """A five-field expression that is known to fire; made by `parse_cron`.

    In a fold only the first pass counts. A minute that a gap swallows fires at the first one after the gap, unless
    the expression names no hours (`*` or `*/2`), whose next turn comes anyway.
    """

    text: str

    def next_occurrence(self, after: datetime, zone: str) -> Occurrence | None:
        """The first occurrence later than `after` (aware) on the clock of the zone."""
        place = zones.zone(zone)
        for wall in self._walls(_wall(after, place), "get_next"):
            occurrence = self._at(wall, place)
            if occurrence and occurrence.instant > after:
                return occurrence
        return None

    def _walls(self, start: datetime, step: str) -> Iterator[datetime]:
        """The matching minutes of a clock without a zone, from `start` (excluded) on or back."""
        clock = croniter(self.text, start, ret_type=datetime)
        try:
            while True:
                yield cast(datetime, getattr(clock, step)())
        except (CroniterBadDateError, OverflowError):
            return

    def _at(self, wall: datetime, place: ZoneInfo) -> Occurrence | None:
        first_pass = wall.replace(tzinfo=place, fold=0).astimezone(UTC)
        if _wall(first_pass, place) == wall:
            return Occurrence(first_pass, _text(wall))
        if self.text.split()[1].startswith("*"):
            return None
        return _after_gap(wall, place)


def parse_cron(text: object) -> Cron:
    """Read a cron expression; BadCron (CRON_INVALID) says what is wrong with it."""
    return Cron(check_cron(text))


def latest_missed(cron: Cron, after: datetime, now: datetime, zone: str) -> Occurrence | None:
    """The last occurrence in (after, now]: after downtime that one is run, and none of those before it."""
    place = zones.zone(zone)
    for wall in cron._walls(_latest_wall(now, place) + _MINUTE, "get_prev"):
        occurrence = cron._at(wall, place)
        if occurrence and occurrence.instant <= now:
            return occurrence if occurrence.instant > after else None
    return None


def _after_gap(wall: datetime, place: ZoneInfo) -> Occurrence:
    """The first whole minute that the clock shows after the gap in which `wall` lies."""
    before = wall.replace(tzinfo=place, fold=1).astimezone(UTC)  # a missing minute read by the offset after the gap
    change = EPOCH + timedelta(seconds=zones.next_change(place.key, (before - EPOCH) // SECOND))
    shown = change.astimezone(place)
    instant = change + timedelta(seconds=-shown.second % 60)
    return Occurrence(instant, _text(_wall(instant, place)))


def _wall(instant: datetime, place: ZoneInfo) -> datetime:
    """What the clock of the place shows, to the minute, without its zone."""
    if instant.utcoffset() is None:
        raise ValueError(f"an instant needs a UTC offset, got {instant.isoformat()}")
    return instant.astimezone(place).replace(tzinfo=None, second=0, microsecond=0, fold=0)


def _latest_wall(now: datetime, place: ZoneInfo) -> datetime:
    """The highest minute that the clock has shown by now, or one a little later: in a fold it has been further on."""
    shown = _wall(now, place)
    if now.astimezone(place).fold == 0:
        return shown
    passes = [shown.replace(tzinfo=place, fold=fold).astimezone(UTC) for fold in (0, 1)]
    return shown + (passes[1] - passes[0])


def _text(wall: datetime) -> str:
    return wall.isoformat(timespec="minutes")
