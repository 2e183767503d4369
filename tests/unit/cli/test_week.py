"""The drawing of a week, against what the clock on the wall shows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from dialer.cli.week import draw
from dialer.domain.window import Hours, Timetable, spans

MELBOURNE = ZoneInfo("Australia/Melbourne")


def rows_of(
    start: datetime, days: int, *, calling: tuple[str, ...] = (), blocked: tuple[str, ...] = ()
) -> dict[str, str]:
    """Signs by day, of a zone's local days."""
    end = start + timedelta(days=days)
    hours = Timetable(((Hours(blocked, calling), ("Australia/Melbourne",)),))
    lines = draw("Australia/Melbourne", list(spans(hours, start, end)), start, end)
    return {line[:10]: line[12:] for line in lines[1:]}


def test_each_half_hour_is_a_sign() -> None:
    monday = datetime(2026, 11, 23, tzinfo=MELBOURNE)
    rows = rows_of(monday, 2, calling=("Mon-Fri|0900-1715",))
    assert rows["Mon 23 Nov"] == "·" * 18 + "█" * 16 + "▒" + "·" * 13
    assert rows["Tue 24 Nov"] == rows["Mon 23 Nov"]


def test_what_lies_before_now_is_left_empty() -> None:
    rows = rows_of(datetime(2026, 11, 23, 12, tzinfo=MELBOURNE), 1)
    assert rows["Mon 23 Nov"] == " " * 24 + "█" * 24
    assert rows["Tue 24 Nov"] == "█" * 24


def test_an_hour_that_the_clock_skips_is_marked() -> None:
    # daylight saving begins on Sunday 4 October 2026 at 2:00, which becomes 3:00
    rows = rows_of(datetime(2026, 10, 3, tzinfo=MELBOURNE), 3)
    assert rows["Sun 04 Oct"] == "█" * 4 + "╳╳" + "█" * 42


def test_an_hour_that_comes_twice_is_open_only_if_both_passes_are() -> None:
    # on Sunday 5 April 2026 the hour from 2:00 to 3:00 comes twice: 15:00 to 17:00 UTC
    second_pass = datetime(2026, 4, 4, 16, tzinfo=UTC)
    lines = draw(
        "Australia/Melbourne",
        [(second_pass, second_pass + timedelta(hours=1))],
        datetime(2026, 4, 4, tzinfo=MELBOURNE),
        datetime(2026, 4, 6, 12, tzinfo=MELBOURNE),
    )
    assert lines[2][12:] == "·" * 4 + "▒▒" + "·" * 42


def test_a_minute_that_is_not_open_to_its_end_is_not_drawn_open() -> None:
    start = datetime(2026, 11, 23, tzinfo=UTC)
    opened = [(start, start + timedelta(minutes=29, seconds=30))]
    assert draw("Etc/UTC", opened, start, start + timedelta(hours=1))[1][12:] == "▒·"


def test_the_hours_stand_above_their_signs() -> None:
    start = datetime(2026, 11, 23, tzinfo=UTC)
    header, row = draw(
        "Etc/UTC", [(start + timedelta(hours=14), start + timedelta(hours=15))], start, start + timedelta(days=1)
    )
    assert header.index("14") == row.index("█")
