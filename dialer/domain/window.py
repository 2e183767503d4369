"""When numbers may be dialed at all: what rules mean on the wall clocks of zones, exactly, over every offset change.

Instants come in as aware datetimes and go out in UTC. Which zones a number lies in is decided in `phone`; what
follows from a closed window, in `gate`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from dialer.domain.rule import DAY_MINUTES, MAX_RULES, WEEK_MINUTES, Rule, parse_rule, parse_rules
from dialer.domain.zones import EPOCH, SECOND, WEEK_SECONDS, check_timezone, offset_at, repeats_from
from dialer.errors import InvalidInput

__all__ = [
    "MAX_RULES",
    "Hours",
    "Rule",
    "Timetable",
    "check_timezone",
    "looks_inverted",
    "nights_open",
    "parse_rule",
    "parse_rules",
    "spans",
]

#: POSIX second 0 was a Thursday: added, a local second counts from a Monday 00:00.
_EPOCH_WEEKDAY_SECONDS: Final = 3 * 86_400
_NEVER: Final = 1 << 62


@dataclass(frozen=True, slots=True)
class _Week:
    """The open minutes of a week on a wall clock."""

    #: One byte per minute since Monday 00:00: 1 is open.
    minutes: bytes
    #: The minutes that differ from the one before them, ascending.
    edges: tuple[int, ...]

    @classmethod
    def of(cls, blocked: Iterable[Rule], allowed: Sequence[Rule]) -> _Week:
        minutes = bytearray(WEEK_MINUTES) if allowed else bytearray(b"\1" * WEEK_MINUTES)
        _fill(minutes, allowed, b"\1")
        _fill(minutes, blocked, b"\0")
        return cls(bytes(minutes), tuple(_edges(minutes)))

    def look(self, local_second: int) -> tuple[bool, int]:
        """Whether this second of the local clock is open, and the local second at which that changes."""
        minute, seconds = divmod((local_second + _EPOCH_WEEKDAY_SECONDS) % WEEK_SECONDS, 60)
        if not self.edges:
            return bool(self.minutes[0]), _NEVER
        index = bisect_right(self.edges, minute)
        edge = self.edges[index] if index < len(self.edges) else self.edges[0] + WEEK_MINUTES
        return bool(self.minutes[minute]), local_second + (edge - minute) * 60 - seconds


def _edges(minutes: bytearray) -> Iterator[int]:
    if minutes[0] != minutes[-1]:
        yield 0
    at = 0
    while (at := minutes.find(1 - minutes[at], at)) != -1:
        yield at


def _fill(minutes: bytearray, rules: Iterable[Rule], flag: bytes) -> None:
    for rule in rules:
        for start, end in rule.week_spans():
            stop = min(end, WEEK_MINUTES)
            minutes[start:stop] = flag * (stop - start)
            minutes[: end - stop] = flag * (end - stop)


@dataclass(frozen=True, slots=True)
class Hours:
    """Rule texts and what they mean together: dialing is forbidden by any of `block_rules`, and allowed only in
    `calling_hours` where some are given. BadRule where a text is none.

    `zones` are IANA names: closed in one of them is closed. Rules without a zone are a ValueError, never open.
    """

    block_rules: Sequence[str] = ()
    calling_hours: Sequence[str] = ()
    _week: _Week = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        blocked, allowed = parse_rules(self.block_rules), parse_rules(self.calling_hours)
        object.__setattr__(self, "block_rules", tuple(rule.text for rule in blocked))
        object.__setattr__(self, "calling_hours", tuple(rule.text for rule in allowed))
        object.__setattr__(self, "_week", _Week.of(blocked, allowed))

    def is_open(self, instant: datetime, zones: Iterable[str]) -> bool:
        """Whether dialing is allowed at this instant in every zone."""
        return _timetable(self, _names(zones)).is_open(instant)

    def next_open(self, instant: datetime, zones: Iterable[str], limit: datetime) -> datetime | None:
        """The earliest open instant in [instant, limit)."""
        return _timetable(self, _names(zones)).next_open(instant, limit)

    def next_close(self, instant: datetime, zones: Iterable[str], limit: datetime) -> datetime | None:
        """The earliest closed instant in [instant, limit)."""
        return _timetable(self, _names(zones)).next_close(instant, limit)


_NIGHT: Final = Hours(calling_hours=("*|2100-0800",))


@dataclass(frozen=True, slots=True)
class Timetable:
    """Several hours, each counted in zones of its own; open when all of them are."""

    pairs: tuple[tuple[Hours, tuple[str, ...]], ...] = ()
    #: What has to be looked at: hours that are always open drop out, equal ones count once.
    _clocks: tuple[tuple[_Week, str], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        pairs = tuple((hours, _names(zones)) for hours, zones in self.pairs)
        clocks = dict.fromkeys(clock for pair in pairs for clock in _clocks_of(*pair))
        object.__setattr__(self, "pairs", pairs)
        object.__setattr__(self, "_clocks", tuple(clocks))

    @property
    def zones(self) -> tuple[str, ...]:
        """Every zone on whose clock something is counted, sorted."""
        return tuple(sorted({name for _, names in self.pairs for name in names}))

    def is_open(self, instant: datetime) -> bool:
        """Whether dialing is allowed at this instant."""
        second = _second(instant)
        return all(week.look(second + offset_at(name, second)[0])[0] for week, name in self._clocks)

    def next_open(self, instant: datetime, limit: datetime) -> datetime | None:
        """The earliest open instant in [instant, limit); None means that there is none."""
        if any(not any(week.minutes) for week, _ in self._clocks):
            _second(instant), _second(limit)
            return None
        return self._first(True, instant, limit)

    def next_close(self, instant: datetime, limit: datetime) -> datetime | None:
        """The earliest closed instant in [instant, limit); None means that there is none."""
        return self._first(False, instant, limit)

    def _first(self, wanted: bool, instant: datetime, limit: datetime) -> datetime | None:
        """States change at whole seconds only, so the search runs over those; a fraction is kept as it came."""
        start, end = _second(instant), -((EPOCH - _aware(limit)) // SECOND)
        if instant >= limit:
            return None
        found = self._search(wanted, start, min(end, repeats_from(start)))
        return None if found is None else max(instant.astimezone(UTC), EPOCH + timedelta(seconds=found))

    def _search(self, wanted: bool, second: int, end: int) -> int | None:
        """Go from one stretch of constant offsets to the next; in each, hours repeat after a week."""
        barren: set[tuple[int, ...]] = set()
        while second < end:
            offsets, until = self._stretch(second)
            stop = min(until, end)
            if offsets not in barren:
                found = self._within(wanted, offsets, second, min(stop, second + WEEK_SECONDS))
                if found is not None:
                    return found
                if stop - second >= WEEK_SECONDS:
                    barren.add(offsets)
            second = stop
        return None

    def _stretch(self, second: int) -> tuple[tuple[int, ...], int]:
        looks = [offset_at(name, second) for _, name in self._clocks]
        return tuple(offset for offset, _ in looks), min((until for _, until in looks), default=_NEVER)

    def _within(self, wanted: bool, offsets: tuple[int, ...], second: int, stop: int) -> int | None:
        """Leap from edge to edge while offsets stay as they are."""
        while second < stop:
            closed_until: list[int] = []
            open_until: list[int] = []
            for (week, _), offset in zip(self._clocks, offsets, strict=True):
                is_open, until = week.look(second + offset)
                (open_until if is_open else closed_until).append(until - offset)
            if wanted is not bool(closed_until):
                return second
            second = max(closed_until) if wanted else min(open_until, default=_NEVER)
        return None


def spans(timetable: Timetable, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The open spans [opens, closes) within [start, end), in order."""
    opens = timetable.next_open(start, end)
    while opens is not None:
        closes = timetable.next_close(opens, end) or end.astimezone(UTC)
        yield opens, closes
        opens = timetable.next_open(closes, end)


def looks_inverted(block_rules: Sequence[str]) -> bool:
    """Whether weekday business hours are mostly blocked and weekday nights are not: meant as calling hours?"""
    week = _Week.of(parse_rules(block_rules), ())
    business = _blocked_share(week, 9 * 60, 17 * 60)
    night = _blocked_share(week, 0, 6 * 60)
    return business > 0.5 > night


def nights_open(timetable: Timetable, start: datetime, end: datetime) -> bool:
    """Whether some instant of [start, end) is open while it is between 21:00 and 08:00 in one of the zones."""
    at_night = (Timetable((*timetable.pairs, (_NIGHT, (name,)))) for name in timetable.zones)
    return any(one_zone.next_open(start, end) is not None for one_zone in at_night)


def _blocked_share(week: _Week, start: int, end: int) -> float:
    """Share of the minutes [start, end) of Monday to Friday that are closed."""
    days = [week.minutes[day * DAY_MINUTES + start : day * DAY_MINUTES + end] for day in range(5)]
    return sum(day.count(0) for day in days) / (5 * (end - start))


@lru_cache(maxsize=4096)
def _timetable(hours: Hours, zones: tuple[str, ...]) -> Timetable:
    return Timetable(((hours, zones),))


def _clocks_of(hours: Hours, zones: tuple[str, ...]) -> Iterator[tuple[_Week, str]]:
    if not zones and (hours.block_rules or hours.calling_hours):
        raise ValueError("rules count on a wall clock: at least one timezone is needed")
    for name in zones:
        check_timezone(name)
        if not all(hours._week.minutes):
            yield hours._week, name


def _names(zones: Iterable[str]) -> tuple[str, ...]:
    if isinstance(zones, str):
        raise InvalidInput(f"expected a list of timezones, got the text {zones!r:.80}", code="TIMEZONE_INVALID")
    return tuple(zones)


def _second(instant: datetime) -> int:
    return (_aware(instant) - EPOCH) // SECOND


def _aware(instant: datetime) -> datetime:
    if instant.utcoffset() is None:
        raise ValueError(f"an instant needs a UTC offset, got {instant.isoformat()}")
    return instant
