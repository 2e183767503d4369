"""Recurrence: which expressions are read, and that each wall-clock minute fires once, against a scan and cronsim."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dialer.domain.recurrence import Cron, Occurrence, latest_missed, parse_cron
from dialer.errors import BadCron

MINUTE = timedelta(minutes=1)
NEW_YORK = "America/New_York"

#: Offset changes, in UTC, of the zones in which schedules are compared.
CHANGES = {
    "America/New_York": ["2026-03-08T07:00", "2026-11-01T06:00"],
    "Europe/London": ["2026-03-29T01:00", "2026-10-25T01:00"],
    "Australia/Lord_Howe": ["2026-04-04T15:00", "2026-10-03T15:30"],
    "America/Santiago": ["2026-04-05T03:00", "2026-09-06T04:00"],
    "America/Havana": ["2026-03-08T05:00", "2026-11-01T05:00"],
    "Africa/Casablanca": ["2026-02-15T02:00", "2026-03-22T02:00"],
    "Pacific/Apia": ["2011-12-30T10:00"],
    "Asia/Kathmandu": ["2026-06-01T00:00"],
}


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def occurrences(cron: Cron, after: datetime, until: datetime, zone: str) -> list[Occurrence]:
    found = []
    occurrence = cron.next_occurrence(after, zone)
    while occurrence is not None and occurrence.instant <= until:
        found.append(occurrence)
        occurrence = cron.next_occurrence(occurrence.instant, zone)
    return found


some_values = st.lists(st.integers(0, 59), min_size=1, max_size=3).map(lambda values: ",".join(map(str, values)))
a_minute = st.sampled_from(["*", "*/5", "*/7", "*/30", "10-20", "59"]) | some_values
some_hours = st.lists(st.integers(0, 23), min_size=1, max_size=4).map(lambda hours: ",".join(map(str, hours)))
an_hour = st.sampled_from(["*", "*/2", "0-3", "1", "2"]) | some_hours
some_days = st.sampled_from(["* * *", "* * 0,6", "* * mon-fri", "1-31/2 * *", "1,15 * 0", "* 3,10,11 *", "* * sun#1"])
an_expression = st.builds("{} {} {}".format, a_minute, an_hour, some_days)


@st.composite
def moments(draw: st.DrawFn) -> tuple[datetime, str]:
    """An instant within thirty hours of an offset change."""
    zone = draw(st.sampled_from(sorted(CHANGES)))
    change = utc(draw(st.sampled_from(CHANGES[zone])))
    return change + timedelta(seconds=draw(st.integers(-108_000, 108_000))), zone


def by_scan(expression: str, after: datetime, until: datetime, zone: str) -> list[Occurrence]:
    """Watch the clock, minute by minute: what it shows for the first time fires, and what it skipped is made up for."""
    minutes, hours = _field(expression.split()[0], 60), _field(expression.split()[1], 24)
    days = CronSim(f"0 0 {' '.join(expression.split()[2:])}", datetime(2000, 1, 1))  # noqa: DTZ001 - only for its days

    def matches(wall: datetime) -> bool:
        return wall.minute in minutes and wall.hour in hours and wall.month in days.months and days.match_day(wall)

    at = after.replace(second=0, microsecond=0) - timedelta(hours=30)
    reached = at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    found = []
    while (at := at + MINUTE) <= until:
        shown = at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        if shown <= reached:
            continue
        skipped = [reached + MINUTE * step for step in range(1, (shown - reached) // MINUTE)]
        made_up = not expression.split()[1].startswith("*") and any(map(matches, skipped))
        if (matches(shown) or made_up) and at > after:
            found.append(Occurrence(at, shown.isoformat(timespec="minutes")))
        reached = shown
    return found


def _field(text: str, size: int) -> set[int]:
    values: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        first, _, last = ("0", "", str(size - 1)) if span == "*" else span.partition("-")
        values.update(range(int(first), int(last or first) + 1, int(step or 1)))
    return values


@settings(max_examples=120, deadline=None)
@given(an_expression, moments())
def test_a_schedule_fires_when_a_watched_clock_would(expression: str, moment: tuple[datetime, str]) -> None:
    after, zone = moment
    until = after + timedelta(hours=5)
    assert occurrences(parse_cron(expression), after, until, zone) == by_scan(expression, after, until, zone)


@settings(max_examples=120, deadline=None)
@given(an_expression, moments(), st.integers(0, 2880))
def test_the_latest_missed_is_the_last_of_those_that_were(
    expression: str, moment: tuple[datetime, str], down_minutes: int
) -> None:
    now, zone = moment
    after = now - timedelta(minutes=down_minutes)
    missed = by_scan(expression, after, now, zone)
    assert latest_missed(parse_cron(expression), after, now, zone) == (missed[-1] if missed else None)


@settings(max_examples=150, deadline=None)
@given(st.builds("{} {} {}".format, some_values, some_hours, some_days), moments())
def test_schedules_at_fixed_times_agree_with_cronsim(expression: str, moment: tuple[datetime, str]) -> None:
    after, zone = moment
    assume(after.astimezone(ZoneInfo(zone)).fold == 0)  # from a second pass, cronsim goes back in time
    cronsim = CronSim(expression, after.astimezone(ZoneInfo(zone)))
    expected = [next(cronsim).astimezone(UTC) for _ in range(6)]
    assert [found.instant for found in occurrences(parse_cron(expression), after, expected[-1], zone)] == expected


@settings(max_examples=150, deadline=None)
@given(an_expression, st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1)))  # noqa: DTZ001 - UTC is added below
def test_in_a_zone_without_changes_every_schedule_agrees_with_cronsim(expression: str, moment: datetime) -> None:
    after = moment.replace(tzinfo=UTC)
    cronsim = CronSim(expression, after)
    expected = [next(cronsim) for _ in range(6)]
    assert [found.instant for found in occurrences(parse_cron(expression), after, expected[-1], "UTC")] == expected


@settings(max_examples=60, deadline=None)
@given(an_expression, moments())
def test_no_local_minute_fires_twice(expression: str, moment: tuple[datetime, str]) -> None:
    after, zone = moment
    found = occurrences(parse_cron(expression), after, after + timedelta(hours=30), zone)
    assert len({occurrence.local for occurrence in found}) == len(found)


def test_a_daily_time_in_a_fold_fires_in_its_first_pass_only() -> None:
    found = occurrences(parse_cron("30 1 * * *"), utc("2026-11-01T00:00"), utc("2026-11-02T08:00"), NEW_YORK)
    assert [(one.instant, one.local) for one in found] == [
        (utc("2026-11-01T05:30"), "2026-11-01T01:30"),
        (utc("2026-11-02T06:30"), "2026-11-02T01:30"),
    ]


def test_every_minute_pauses_in_the_second_pass_of_a_fold() -> None:
    cron = parse_cron("* * * * *")
    assert cron.next_occurrence(utc("2026-11-01T05:59"), NEW_YORK) == Occurrence(
        utc("2026-11-01T07:00"), "2026-11-01T02:00"
    )
    assert latest_missed(cron, utc("2026-10-31T05:59"), utc("2026-11-01T06:30"), NEW_YORK) == Occurrence(
        utc("2026-11-01T05:59"), "2026-11-01T01:59"
    )


@pytest.mark.parametrize("expression", ["30 2 * * *", "0,15,30 2 * * *", "*/10 2 * * *", "0,30 2,3 8 * *"])
def test_a_time_in_a_gap_fires_once_at_the_first_minute_after_it(expression: str) -> None:
    first = parse_cron(expression).next_occurrence(utc("2026-03-08T06:59"), NEW_YORK)
    assert first == Occurrence(utc("2026-03-08T07:00"), "2026-03-08T03:00")
    second = parse_cron(expression).next_occurrence(first.instant, NEW_YORK)
    assert second is not None
    assert second.local != first.local


def test_a_schedule_of_every_hour_does_not_make_up_for_a_gap() -> None:
    found = occurrences(parse_cron("30 * * * *"), utc("2026-03-08T06:00"), utc("2026-03-08T08:00"), NEW_YORK)
    assert [one.local for one in found] == ["2026-03-08T01:30", "2026-03-08T03:30"]


def test_a_missing_midnight_and_a_missing_day_fire_when_they_are_over() -> None:
    midnight = parse_cron("0 0 * * *").next_occurrence(utc("2026-09-05T12:00"), "America/Santiago")
    assert midnight == Occurrence(utc("2026-09-06T04:00"), "2026-09-06T01:00")
    nine = occurrences(parse_cron("0 9 * * *"), utc("2011-12-30T09:00"), utc("2011-12-30T20:00"), "Pacific/Apia")
    assert [one.local for one in nine] == ["2011-12-31T00:00", "2011-12-31T09:00"]


def test_after_is_excluded_and_now_included() -> None:
    cron = parse_cron("0 9 * * *")
    assert cron.next_occurrence(utc("2026-11-23T09:00"), "UTC") == Occurrence(
        utc("2026-11-24T09:00"), "2026-11-24T09:00"
    )
    assert latest_missed(cron, utc("2026-11-22T09:00"), utc("2026-11-23T09:00"), "UTC") == Occurrence(
        utc("2026-11-23T09:00"), "2026-11-23T09:00"
    )
    assert latest_missed(cron, utc("2026-11-23T09:00"), utc("2026-11-24T08:59:59"), "UTC") is None


def test_a_year_of_downtime_is_one_missed_run() -> None:
    now = utc("2026-11-23T03:04:05")
    missed = latest_missed(parse_cron("* * * * *"), now - timedelta(days=365), now, "Australia/Melbourne")
    assert missed == Occurrence(utc("2026-11-23T03:04"), "2026-11-23T14:04")


def test_the_leap_day_of_a_far_year_is_found() -> None:
    found = parse_cron("0 9 29 2 *").next_occurrence(utc("2096-03-01T00:00"), "UTC")
    assert found == Occurrence(utc("2104-02-29T09:00"), "2104-02-29T09:00")


def test_a_naive_instant_is_an_error() -> None:
    naive = datetime(2026, 11, 23)  # noqa: DTZ001 - the very mistake
    with pytest.raises(ValueError, match="UTC offset"):
        parse_cron("0 9 * * *").next_occurrence(naive, "UTC")
    with pytest.raises(ValueError, match="UTC offset"):
        latest_missed(parse_cron("0 9 * * *"), utc("2026-11-22"), naive, "UTC")


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("0 9 * * *", "0 9 * * *"),
        ("  0  9\t* * MON-Fri ", "0 9 * * MON-Fri"),
        ("*/15 8-18/2 1,15 jan,JUL *", "*/15 8-18/2 1,15 jan,JUL *"),
        ("0 9 L * *", "0 9 L * *"),
        ("0 9 * * fri#2", "0 9 * * fri#2"),
        ("0 9 * * L5", "0 9 * * L5"),
        ("0 22-2 * * *", "0 22-2 * * *"),
        ("0 9 * * 0-7", "0 9 * * 0-7"),
        ("0 9 1 * 5", "0 9 1 * 5"),
    ],
)
def test_five_fields_are_read(text: str, kept: str) -> None:
    assert parse_cron(text) == Cron(kept)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "expected text"),
        (5, "expected text"),
        ("", "got 0"),
        ("0 9 * *", "got 4"),
        ("0 9 * * * *", "got 6"),
        ("0 9 * * * * 2026", "got 7"),
        ("@daily", "aliases"),
        ("@reboot", "aliases"),
        ("R 9 * * *", "minute: 'r' is none of"),
        ("R(0-10) 9 * * *", "none of"),
        ("H 9 * * *", "none of"),
        ("0 H/3 * * *", "hour: 'h/3' is none of"),
        ("0 9 ? * *", "none of"),
        ("0 9 15W * *", "none of"),
        ("60 9 * * *", ""),
        ("0 24 * * *", ""),
        ("0 9 0 * *", ""),
        ("0 9 * 13 *", ""),
        ("0 9 * * 8", ""),
        ("0 mon * * *", ""),
        ("0 9 * mon *", ""),
        ("0 9 * * jan", ""),
        ("-1 9 * * *", "none of"),
        ("1,,2 9 * * *", "none of"),
        ("1-2-3 9 * * *", "none of"),
        ("*/0 * * * *", "step of 0"),
        ("*/90 * * * *", "step of 90"),
        ("5-5 * * * *", "equal ends"),  # croniter reads every minute there
        ("0 9-09 * * *", "equal ends"),
        ("0 9 * * mon-1", "equal ends"),
        ("0 9 * * sun-7", "equal ends"),
        ("0 9 * * 7/2", "several ways"),
        ("0 9 * * *,1", "alone"),
        ("0 9 */2 * 1", "several ways"),  # either, says croniter; both, says Debian
        ("0 9 8 * mon#2", "several ways"),
        ("0 0 31 2 *", "never fires"),
        ("0 0 31 4,6,9,11 *", "never fires"),
        ("0 9 * * *\n", "plain ASCII"),
        ("0 9 * *\u00a0*", "plain ASCII"),
        ("٠ 9 * * *", "plain ASCII"),
        ("0 9 * * \0", "plain ASCII"),
        ("1," * 100_000 + "2 * * * *", "at most 256"),
    ],
)
def test_what_is_not_an_expression_is_refused_with_its_reason(text: object, says: str) -> None:
    with pytest.raises(BadCron) as caught:
        parse_cron(text)
    assert caught.value.code == "CRON_INVALID"
    assert says in str(caught.value)
    assert len(str(caught.value)) < 600
    assert "Traceback" not in str(caught.value)


@settings(deadline=None)
@given(st.text(alphabet="0123456789*/,-LRHW#?@ monsu", max_size=30) | st.text(max_size=12))
def test_any_text_is_an_expression_or_a_bad_cron(text: str) -> None:
    try:
        cron = parse_cron(text)
    except BadCron:
        return
    assert cron.next_occurrence(utc("2026-11-23"), "UTC") is not None
