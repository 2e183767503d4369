"""Days of a report: what a zone's calendar says, through every change of its clocks."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from dialer.domain.batch import BatchName
from dialer.domain.report import Quarter, Report, Sums, lines, reach

SPRING, AUTUMN = BatchName("w1", "a1", "spring"), BatchName("w1", "a1", "autumn")


def quarter(instant: datetime, name: BatchName = SPRING, **sums: int) -> Quarter:
    return Quarter(f"id-{name.batch_ref}", name, instant, Sums(**{"attempts": 1, **sums}))


def every_quarter(first: date, last: date) -> list[Quarter]:
    start, end = reach(first, last)
    return [quarter(start + timedelta(minutes=15 * step)) for step in range(int((end - start) / timedelta(minutes=15)))]


@pytest.mark.parametrize(
    ("timezone", "day", "hours"),
    [
        ("UTC", date(2026, 11, 23), 24),
        ("Australia/Melbourne", date(2026, 10, 4), 23),  # clocks go on
        ("Australia/Melbourne", date(2027, 4, 4), 25),  # and back
        ("America/Havana", date(2026, 3, 8), 23),  # its midnight does not exist
        ("America/Havana", date(2026, 11, 1), 25),  # its midnight exists twice
        ("Asia/Kathmandu", date(2026, 11, 23), 24),  # +05:45
        ("Pacific/Chatham", date(2026, 9, 27), 23),  # +12:45, changed at 02:45
        ("Pacific/Kiritimati", date(2026, 11, 23), 24),  # +14
        ("Australia/Lord_Howe", date(2026, 10, 4), 23.5),  # half an hour
    ],
)
def test_a_day_is_as_long_as_it_is_there(timezone: str, day: date, hours: float) -> None:
    [line] = lines(every_quarter(day, day), day, day, timezone)
    assert (line.day, line.sums.attempts) == (day, hours * 4)


@pytest.mark.parametrize("timezone", ["Australia/Melbourne", "America/Havana", "Pacific/Chatham", "Asia/Kathmandu"])
def test_days_side_by_side_leave_nothing_out_and_count_nothing_twice(timezone: str) -> None:
    first, last = date(2026, 1, 1), date(2026, 12, 31)
    found = lines(every_quarter(first, last), first, last, timezone)
    assert [line.day for line in found] == [first + timedelta(days=step) for step in range(365)]
    here = ZoneInfo(timezone)
    year = datetime(2027, 1, 1, tzinfo=here).astimezone(UTC) - datetime(2026, 1, 1, tzinfo=here).astimezone(UTC)
    assert sum(line.sums.attempts for line in found) == year / timedelta(minutes=15)


def test_lines_are_by_day_and_by_name_and_the_totals_are_their_sum() -> None:
    first, last = date(2026, 11, 22), date(2026, 11, 23)
    late = datetime(2026, 11, 22, 23, 45, tzinfo=UTC)
    given = [
        quarter(late + timedelta(minutes=15), answered=1, milliseconds=90_000, microcredits=300_000),
        quarter(late, answered=1, milliseconds=61_500, microcredits=100_000),
        quarter(late, AUTUMN, busy=1),
        quarter(late - timedelta(minutes=30), busy=1),
    ]
    report = Report("w1", first, last, "UTC", lines(given, first, last, "UTC"))
    told = [(line.day.day, line.name.batch_ref, line.sums.attempts) for line in report.lines]
    assert told == [(22, "autumn", 1), (22, "spring", 2), (23, "spring", 1)]
    assert report.totals == Sums(attempts=4, answered=2, busy=2, milliseconds=151_500, microcredits=400_000)
    document = report.as_json()
    assert document["totals"] == report.totals.as_json()
    assert report.totals.as_json()["minutes"] == 2.525
    assert report.totals.as_json()["credits"] == 0.4


def test_a_day_on_which_nothing_was_attempted_has_no_line() -> None:
    day = date(2026, 11, 23)
    assert lines([], day, day, "UTC") == ()
    assert Report("w1", day, day, "UTC", ()).totals == Sums()
