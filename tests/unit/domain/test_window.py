"""Hours on wall clocks, against a naive scan of minutes, around the offset changes of awkward zones."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dialer.domain.window import Hours, Timetable, looks_inverted, nights_open, spans
from dialer.errors import BadRule, InvalidInput

MINUTE = timedelta(minutes=1)
MELBOURNE = ("Australia/Melbourne",)
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

#: Offset changes, in UTC, of the zones in which the search is compared with the scan.
CHANGES = {
    "America/New_York": ["2026-03-08T07:00", "2026-11-01T06:00"],
    "Europe/London": ["2026-03-29T01:00", "2026-10-25T01:00"],
    "Australia/Melbourne": ["2026-04-04T16:00", "2026-10-03T16:00"],
    "Australia/Lord_Howe": ["2026-04-04T15:00", "2026-10-03T15:30"],
    "America/Santiago": ["2026-04-05T03:00", "2026-09-06T04:00"],
    "America/Havana": ["2026-03-08T05:00", "2026-11-01T05:00"],
    "Asia/Kathmandu": ["1985-12-31T18:30", "2026-06-01T00:00"],
    "Pacific/Apia": ["2011-12-30T10:00", "2011-09-24T14:00"],
    "Africa/Casablanca": ["2026-02-15T02:00", "2026-03-22T02:00"],
    "Africa/Cairo": ["2026-04-23T22:00", "2026-10-29T21:00"],
    "Asia/Gaza": ["2026-03-28T00:00", "2026-10-23T23:00"],
    "America/St_Johns": ["2006-04-02T03:31", "2006-10-29T02:31"],
}


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def holds(rule: str, wall: datetime) -> bool:
    days, times = rule.lower().replace(" ", "").split("|")
    today = _names_day(days, wall.weekday())
    yesterday = _names_day(days, (wall.weekday() - 1) % 7)
    minute = wall.hour * 60 + wall.minute
    for first, last in re.findall(r"(\d{4})-(\d{4})", times):
        start = int(first[:2]) * 60 + int(first[2:])
        end = 1440 if last in ("2359", "2400") else int(last[:2]) * 60 + int(last[2:])
        if start < end and today and start <= minute < end:
            return True
        if start > end and ((today and minute >= start) or (yesterday and minute < end)):
            return True
    return False


def _names_day(days: str, day: int) -> bool:
    for part in days.split(","):
        first, _, last = part.partition("-")
        if part == "*" or DAYS[day] in (first, last):
            return True
        if last and (day - DAYS.index(first)) % 7 < (DAYS.index(last) - DAYS.index(first)) % 7:
            return True
    return False


def open_by_scan(hours: Hours, instant: datetime, zones: Sequence[str]) -> bool:
    walls = [instant.astimezone(ZoneInfo(name)) for name in zones]
    return all(
        not any(holds(rule, wall) for rule in hours.block_rules)
        and (not hours.calling_hours or any(holds(rule, wall) for rule in hours.calling_hours))
        for wall in walls
    )


def first_by_scan(
    wanted: bool, hours: Hours, start: datetime, zones: Sequence[str], limit: datetime, step: timedelta = MINUTE
) -> datetime | None:
    seconds = int(step.total_seconds())
    floor = start.astimezone(UTC).replace(microsecond=0)
    floor -= timedelta(seconds=int(floor.timestamp()) % seconds)
    for at in _steps(floor, limit, step):
        if open_by_scan(hours, at, zones) is wanted:
            return max(start.astimezone(UTC), at)
    return None


def _steps(start: datetime, limit: datetime, step: timedelta) -> Iterator[datetime]:
    while start < limit:
        yield start
        start += step


a_day = st.sampled_from(["Mon", "TUE", "wed", "Thu", "Fri", "Sat", "Sun"])
some_days = st.just("*") | st.lists(
    a_day | st.tuples(a_day, a_day).map("-".join), min_size=1, max_size=3
).map(",".join)  # fmt: skip
a_time = st.builds("{:02}{:02}".format, st.integers(0, 23), st.sampled_from([0, 1, 15, 30, 45, 59]))
a_span = st.tuples(a_time, a_time | st.just("2400")).filter(lambda ends: ends[0] != ends[1]).map("-".join)
a_rule = st.builds("{}|{}".format, some_days, st.lists(a_span, min_size=1, max_size=2).map(",".join))
some_hours = st.builds(Hours, st.lists(a_rule, max_size=3), st.lists(a_rule, max_size=2))
some_zones = st.lists(st.sampled_from(sorted(CHANGES)), min_size=1, max_size=3, unique=True)


@st.composite
def moments(draw: st.DrawFn) -> tuple[datetime, tuple[str, ...]]:
    """An instant within a day and a half of an offset change of the first of some zones."""
    zones = draw(some_zones)
    change = utc(draw(st.sampled_from(CHANGES[zones[0]])))
    near = st.integers(-2160, 2160).map(lambda minutes: timedelta(minutes=minutes))
    fraction = st.sampled_from([timedelta(0), timedelta(microseconds=-1), timedelta(seconds=59, microseconds=999_999)])
    return change + draw(near) + draw(fraction), tuple(zones)


@settings(max_examples=150, deadline=None)
@given(some_hours, moments(), st.booleans())
@example(Hours(["*|0000-2400"]), (utc("2026-11-01T05:30"), ("America/New_York",)), True)
@example(Hours(["*|0200-0230"]), (utc("2026-03-08T06:30"), ("America/New_York",)), False)
@example(Hours(["Fri|0000-2400"]), (utc("2011-12-30T09:00"), ("Pacific/Apia",)), True)
def test_the_search_finds_what_a_scan_of_every_minute_finds(
    hours: Hours, moment: tuple[datetime, tuple[str, ...]], wanted: bool
) -> None:
    start, zones = moment
    limit = start + timedelta(hours=50)
    search = hours.next_open if wanted else hours.next_close
    assert search(start, zones, limit) == first_by_scan(wanted, hours, start, zones, limit)


@settings(max_examples=150, deadline=None)
@given(some_hours, moments())
def test_open_is_what_the_wall_clocks_say(hours: Hours, moment: tuple[datetime, tuple[str, ...]]) -> None:
    instant, zones = moment
    assert hours.is_open(instant, zones) is open_by_scan(hours, instant, zones)


@settings(max_examples=100, deadline=None)
@given(some_hours, moments(), st.integers(1, 400))
def test_what_is_found_is_the_first_to_the_microsecond(
    hours: Hours, moment: tuple[datetime, tuple[str, ...]], days: int
) -> None:
    start, zones = moment
    limit = start + timedelta(days=days)
    opens = hours.next_open(start, zones, limit)
    if opens is None:
        return
    assert start <= opens < limit
    assert hours.is_open(opens, zones)
    assert opens == start or not hours.is_open(opens - timedelta(microseconds=1), zones)
    closes = hours.next_close(opens, zones, limit)
    assert closes is None or (not hours.is_open(closes, zones) and hours.is_open(closes - timedelta.resolution, zones))


@pytest.mark.parametrize(
    ("zone", "around"),
    [
        ("Africa/Monrovia", "1972-01-07T00:44:30"),  # the last zone to give up odd seconds
        ("America/New_York", "1883-11-18T17:00:00"),
        ("Europe/Amsterdam", "1937-06-30T23:40:28"),
    ],
)
@pytest.mark.parametrize("wanted", [True, False])
def test_offsets_of_odd_seconds_are_exact_to_the_second(zone: str, around: str, wanted: bool) -> None:
    start = utc(around) - timedelta(minutes=70)
    for minute in range(0, 60, 7):
        hours = Hours([f"*|{hour:02}{minute:02}-{hour:02}{minute + 3:02}" for hour in range(24)])
        begin, limit = start + timedelta(minutes=minute * 2), start + timedelta(hours=4)
        search = hours.next_open if wanted else hours.next_close
        expected = first_by_scan(wanted, hours, begin, (zone,), limit, timedelta(seconds=1))
        assert search(begin, (zone,), limit) == expected


def test_block_rules_forbid_on_the_callee_s_wall_clock() -> None:
    hours = Hours(["Mon-Fri|0800-1600"])
    monday = datetime(2026, 11, 23, tzinfo=ZoneInfo("Australia/Melbourne"))
    assert hours.is_open(monday.replace(hour=7, minute=59, second=59, microsecond=999_999), MELBOURNE)
    assert not hours.is_open(monday.replace(hour=8), MELBOURNE)
    assert not hours.is_open(monday.replace(hour=15, minute=59, second=59, microsecond=999_999), MELBOURNE)
    assert hours.is_open(monday.replace(hour=16), MELBOURNE)


def test_calling_hours_allow_and_block_rules_still_forbid() -> None:
    hours = Hours(block_rules=["*|1200-1300"], calling_hours=["Mon-Fri|0900-1700"])
    opens = [open_ for open_, _ in spans(Timetable(((hours, ("UTC",)),)), utc("2026-11-23"), utc("2026-11-24"))]
    assert opens == [utc("2026-11-23T09:00"), utc("2026-11-23T13:00")]


def test_a_night_span_of_friday_blocks_saturday_morning_and_not_friday_morning() -> None:
    hours = Hours(["Fri|2200-0600"])
    assert not hours.is_open(utc("2026-11-28T05:59:59.999999"), ("UTC",))
    assert hours.is_open(utc("2026-11-28T06:00"), ("UTC",))
    assert hours.is_open(utc("2026-11-27T05:59"), ("UTC",))


def test_a_night_span_of_sunday_runs_into_monday() -> None:
    assert not Hours(["Sun|2200-0600"]).is_open(utc("2026-11-23T05:59"), ("UTC",))


@pytest.mark.parametrize("end", ["2359", "2400"])
def test_both_ends_of_the_day_close_its_last_minute(end: str) -> None:
    hours = Hours([f"Mon|0000-{end}"])
    assert not hours.is_open(utc("2026-11-23T23:59:59.999999"), ("UTC",))
    assert hours.is_open(utc("2026-11-24T00:00"), ("UTC",))


def test_in_a_fold_both_passes_are_blocked() -> None:
    hours, zones = Hours(["*|0100-0200"]), ("America/New_York",)
    assert hours.next_open(utc("2026-11-01T05:00"), zones, utc("2026-11-02")) == utc("2026-11-01T07:00")


def test_the_missing_minutes_of_a_gap_never_block() -> None:
    hours, zones = Hours(["*|0200-0300"]), ("America/New_York",)
    assert hours.next_close(utc("2026-03-08T05:00"), zones, utc("2026-03-09T05:00")) is None


def test_closed_in_any_zone_is_closed() -> None:
    hours = Hours(calling_hours=["*|0900-1700"])
    opens = hours.next_open(utc("2026-11-23T05:00"), ["America/New_York", "America/Los_Angeles"], utc("2026-11-24"))
    assert opens == utc("2026-11-23T17:00")
    assert hours.next_close(
        utc("2026-11-23T17:00"), ["America/New_York", "America/Los_Angeles"], utc("2026-11-24")
    ) == (utc("2026-11-23T22:00"))


def test_no_rules_are_always_open_wherever_the_number_lies() -> None:
    assert Hours().is_open(utc("2026-11-23T03:00"), ())
    assert Hours().next_open(utc("2026-11-23T03:00"), MELBOURNE, utc("2026-11-24")) == utc("2026-11-23T03:00")
    assert Hours().next_close(utc("2026-11-23T03:00"), MELBOURNE, utc("2026-11-24")) is None


def test_the_limit_itself_is_not_found() -> None:
    hours = Hours(["*|0000-0900"])
    assert hours.next_open(utc("2026-11-23"), ("UTC",), utc("2026-11-23T09:00")) is None
    assert hours.next_open(utc("2026-11-23"), ("UTC",), utc("2026-11-23T09:00:00.000001")) == utc("2026-11-23T09:00")
    assert hours.next_open(utc("2026-11-24"), ("UTC",), utc("2026-11-23")) is None


def test_instants_of_any_offset_come_back_in_utc() -> None:
    start = datetime(2026, 11, 23, 20, tzinfo=timezone(timedelta(hours=11)))
    opens = Hours(["*|0000-1000"]).next_open(start, ("UTC",), start + timedelta(days=1))
    assert opens is not None
    assert (opens.tzinfo, opens) == (UTC, utc("2026-11-23T10:00"))


@pytest.mark.parametrize("rules", [["*|0000-2400"], ["Mon-Fri|0000-2359", "Sat,Sun|0000-1200,1200-2400"]])
def test_rules_without_a_gap_never_open(rules: list[str]) -> None:
    assert Hours(rules).next_open(utc("2026-11-23"), MELBOURNE, utc("9999-12-31")) is None


def test_zones_without_a_common_hour_never_open_however_far_one_looks() -> None:
    far_apart = ("Pacific/Auckland", "America/Los_Angeles", "Europe/London")
    hours = Hours(calling_hours=["*|0900-1700"])
    assert hours.next_open(utc("2026-11-23"), far_apart, utc("9999-12-31T23:59:59")) is None


def test_an_hour_that_opens_only_while_offsets_differ_is_found_months_ahead() -> None:
    """London and New York are four hours apart for a few weeks a year, five in the rest."""
    hours = Hours(calling_hours=["*|0800-1230"], block_rules=["*|0800-0830"])
    zones = ("Europe/London", "America/New_York")
    assert hours.next_open(utc("2026-11-23"), zones, utc("2027-11-01")) is None
    hours = Hours(calling_hours=["*|0800-1230"])
    assert hours.next_open(utc("2026-11-23"), zones, utc("2027-11-01")) == utc("2027-03-14T12:00")


def test_a_naive_instant_is_an_error() -> None:
    naive = datetime(2026, 11, 23)  # noqa: DTZ001 - the very mistake
    hours, now = Hours(["Mon|0800-1600"]), utc("2026-11-23")
    for ask in (
        lambda: hours.is_open(naive, MELBOURNE),
        lambda: hours.next_open(naive, MELBOURNE, now),
        lambda: hours.next_close(now, MELBOURNE, naive),
        lambda: Hours(["*|0000-2400"]).next_open(naive, MELBOURNE, now),
    ):
        with pytest.raises(ValueError, match="UTC offset"):
            ask()


def test_rules_without_a_zone_are_an_error_and_not_open() -> None:
    with pytest.raises(ValueError, match="timezone"):
        Hours(["Mon|0800-1600"]).is_open(utc("2026-11-23"), ())


@pytest.mark.parametrize("zones", [["Mars/Base"], ["Australia/Melbourne", ""], "Australia/Melbourne", ["Etc/Unknown"]])
def test_an_unknown_zone_is_an_error_and_not_open(zones: Sequence[str]) -> None:
    for hours in (Hours(["Mon|0800-1600"]), Hours()):
        with pytest.raises(InvalidInput) as caught:
            hours.is_open(utc("2026-11-23"), zones)
        assert caught.value.code == "TIMEZONE_INVALID"


def test_hours_refuse_malformed_rules_on_either_side() -> None:
    for make in (lambda: Hours(["Mon"]), lambda: Hours(calling_hours=["Mon"])):
        with pytest.raises(BadRule) as caught:
            make()
        assert caught.value.code == "NO_BAR"
    with pytest.raises(BadRule) as caught:
        Hours(["Mon|0800-1600"] * 65)
    assert caught.value.code == "TOO_MANY"


def test_hours_of_the_same_texts_are_the_same_value() -> None:
    assert Hours(["Mon|0800-1600"]) == Hours(("Mon|0800-1600",))
    assert len({Hours(["Mon|0800-1600"]), Hours(("Mon|0800-1600",)), Hours()}) == 2


def test_a_timetable_is_open_when_each_of_its_hours_is_open_in_its_own_zones() -> None:
    legal = Hours(calling_hours=["*|0800-2100"])
    batch = Hours(block_rules=["*|0000-1200"])
    timetable = Timetable(((legal, ("Australia/Perth",)), (batch, ("Australia/Sydney",))))
    day = list(spans(timetable, utc("2026-11-22T13:00"), utc("2026-11-23T13:00")))
    assert day == [(utc("2026-11-23T01:00"), utc("2026-11-23T13:00"))]
    assert timetable.is_open(utc("2026-11-23T01:00"))
    assert not timetable.is_open(utc("2026-11-23T00:59:59.999999"))
    assert timetable.zones == ("Australia/Perth", "Australia/Sydney")


@settings(max_examples=60, deadline=None)
@given(some_hours, some_hours, moments(), some_zones)
def test_spans_cover_just_the_open_minutes(
    one: Hours, other: Hours, moment: tuple[datetime, tuple[str, ...]], other_zones: list[str]
) -> None:
    start, zones = moment
    start, end = start.replace(second=0, microsecond=0), start + timedelta(days=2)
    found = list(spans(Timetable(((one, zones), (other, tuple(other_zones)))), start, end))
    for at in _steps(start, end, timedelta(minutes=13)):
        is_open = open_by_scan(one, at, zones) and open_by_scan(other, at, other_zones)
        assert is_open is any(opens <= at < closes for opens, closes in found)
    assert all(before[1] < after[0] for before, after in pairwise(found))


def test_a_timetable_without_hours_is_open() -> None:
    assert list(spans(Timetable(), utc("2026-11-23"), utc("2026-11-24"))) == [(utc("2026-11-23"), utc("2026-11-24"))]


@pytest.mark.parametrize(
    ("rules", "inverted"),
    [
        (["Mon-Fri|0800-1600"], True),  # the seed's own example
        (["Mon-Fri|0900-1200,1300-1700"], True),
        (["*|0900-1700"], True),
        (["Mon-Fri|0800-1600", "*|2000-0800"], False),  # after work only, and meant so
        (["*|2100-0800"], False),
        (["*|1200-1300"], False),
        (["Sat,Sun|0000-2400"], False),
        (["*|0000-2400"], False),
        (["Mon|0800-1600"], False),
        ([], False),
    ],
)
def test_blocked_business_hours_with_open_nights_look_inverted(rules: list[str], inverted: bool) -> None:
    assert looks_inverted(rules) is inverted


@pytest.mark.parametrize(
    ("block_rules", "nights"),
    [
        (["*|2100-0800"], False),
        (["*|2100-0759"], True),
        (["*|2101-0800"], True),
        (["Mon-Fri|2100-0800", "Sat,Sun|0000-2400"], True),  # Monday 00:00 to 08:00 belongs to Sunday's night
        (["Sun-Fri|2100-0800", "Sat,Sun|0000-2400"], False),
        ([], True),
    ],
)
def test_a_minute_of_the_night_that_is_open_is_noticed(block_rules: list[str], nights: bool) -> None:
    timetable = Timetable(((Hours(block_rules), MELBOURNE),))
    assert nights_open(timetable, utc("2026-11-20"), utc("2026-12-20")) is nights


def test_only_nights_between_the_two_instants_count() -> None:
    timetable = Timetable(((Hours(), ("UTC",)),))
    assert not nights_open(timetable, utc("2026-11-23T08:00"), utc("2026-11-23T21:00"))
    assert nights_open(timetable, utc("2026-11-23T08:00"), utc("2026-11-23T21:00:00.000001"))


def test_it_is_night_when_it_is_night_in_one_of_the_zones() -> None:
    zones = ("America/New_York", "America/Los_Angeles")
    timetable = Timetable(((Hours(["*|2300-0600"]), zones),))
    assert nights_open(timetable, utc("2026-11-23T14:00"), utc("2026-11-23T14:01"))
