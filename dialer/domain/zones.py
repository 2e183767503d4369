"""Which names are timezones, and what UTC offset a zone has at an instant and until when; rules are `window`'s.

Instants are whole POSIX seconds here: offsets, and the moments at which they change, are whole seconds in every zone.
"""

from __future__ import annotations

from bisect import bisect_right
from calendar import isleap
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from typing import Final, cast
from zoneinfo import ZoneInfo, available_timezones

from dialer.errors import InvalidInput, shown

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
SECOND: Final = timedelta(seconds=1)
DAY_SECONDS: Final = 86_400
WEEK_SECONDS: Final = 7 * DAY_SECONDS

#: In the list of names, but no place: `localtime` would be the server's clock, not the callee's.
_NO_PLACES: Final = frozenset({"Factory", "localtime", "posixrules", "Etc/Unknown"})
#: From here on each zone follows one yearly rule, which depends only on the year's first weekday and its length.
_RULED_FROM: Final = 2104
#: Within so many years, without a century among them, years of every such shape occur.
_SHAPES_RECUR_YEARS: Final = 28
#: No zone ever changed its offset twice within so short a time (Freetown, 1939, came nearest: four days).
_PROBE_SECONDS: Final = 3 * DAY_SECONDS
#: Before this year every zone has one offset.
_RECORDED_FROM: Final = 1800
_CALENDAR_CYCLE_SECONDS: Final = 146_097 * DAY_SECONDS  # 400 years: a whole number of weeks


def check_timezone(name: object) -> str:
    """The name itself when it is an IANA zone that this machine knows; else InvalidInput TIMEZONE_INVALID."""
    if isinstance(name, str) and name in _names():
        return name
    near = _names_by_lower_case().get(name.lower()) if isinstance(name, str) else None
    hint = f"did you mean {near!r}?" if near else "expected an IANA name such as 'Australia/Melbourne'"
    raise InvalidInput(f"timezone {shown(name, 80)} is not known: {hint}", code="TIMEZONE_INVALID")


def is_timezone(name: str) -> bool:
    """Whether `check_timezone` would accept it."""
    return name in _names()


@cache  # bounded: names that are not real raise, and are not kept
def zone(name: str) -> ZoneInfo:
    """The zone of that name, read once; InvalidInput TIMEZONE_INVALID for names that are not one."""
    return ZoneInfo(check_timezone(name))


def offset_at(name: str, second: int) -> tuple[int, int]:
    """UTC offset of the zone at a POSIX second, in seconds, and the second until which it surely stays."""
    year = (EPOCH + timedelta(seconds=second)).year
    starts, offsets = _offsets_of(name, year)
    index = bisect_right(starts, second) - 1
    return offsets[index], starts[index + 1]


def next_change(name: str, second: int) -> int:
    """The first POSIX second after `second` at which the zone's offset differs. Ask only where one is near."""
    offset, until = offset_at(name, second)
    while offset_at(name, until)[0] == offset:
        until = offset_at(name, until)[1]
    return until


def repeats_from(second: int) -> int:
    """The second from which zones and weekdays only repeat what they did after `second`."""
    if second <= _year_start(_RULED_FROM):
        return _year_start(_RULED_FROM + _SHAPES_RECUR_YEARS)  # by then, years of every shape have been seen
    return second + _CALENDAR_CYCLE_SECONDS


@lru_cache(maxsize=1)
def _names() -> frozenset[str]:
    return frozenset(available_timezones()) - _NO_PLACES


@lru_cache(maxsize=1)
def _names_by_lower_case() -> dict[str, str]:
    return {name.lower(): name for name in _names()}


@lru_cache(maxsize=8192)
def _offsets_of(name: str, year: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Starts of the constant stretches of a UTC year, its end added, and the offset of each stretch."""
    like = _recorded_year_like(year)
    if like != year:
        shift = _year_start(year) - _year_start(like)
        starts, offsets = _offsets_of(name, like)
        return tuple(start + shift for start in starts), offsets
    return _read_year(zone(name), year)


def _recorded_year_like(year: int) -> int:
    """The year itself, or beyond the records one of the same shape, so that no date overflows and few are read."""
    if _RECORDED_FROM <= year < _RULED_FROM + _SHAPES_RECUR_YEARS:
        return year
    first = _RULED_FROM if year >= _RULED_FROM else _RECORDED_FROM - _SHAPES_RECUR_YEARS
    return next(like for like in range(first, first + _SHAPES_RECUR_YEARS) if _shape(like) == _shape(year))


def _shape(year: int) -> tuple[int, bool]:
    return date(year, 1, 1).weekday(), isleap(year)


def _read_year(place: ZoneInfo, year: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    first, end = _year_start(year), _year_start(year) + (366 if isleap(year) else 365) * DAY_SECONDS
    starts, offsets = [first], [_offset(place, first)]
    for low in range(first, end, _PROBE_SECONDS):
        high = min(low + _PROBE_SECONDS, end)
        if _offset(place, high) != offsets[-1]:
            starts.append(_change_within(place, low, high))
            offsets.append(_offset(place, starts[-1]))
    if starts[-1] == end:
        del starts[-1], offsets[-1]
    return (*starts, end), tuple(offsets)


def _change_within(place: ZoneInfo, low: int, high: int) -> int:
    """The one second in (low, high] at which the offset changes."""
    before = _offset(place, low)
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(place, middle) == before:
            low = middle
        else:
            high = middle
    return high


def _offset(place: ZoneInfo, second: int) -> int:
    return cast(timedelta, (EPOCH + timedelta(seconds=second)).astimezone(place).utcoffset()) // SECOND


def _year_start(year: int) -> int:
    return (date(year, 1, 1).toordinal() - EPOCH.toordinal()) * DAY_SECONDS
