"""Timezone names, and the offsets of zones against what zoneinfo says itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialer.domain.window import check_timezone
from dialer.domain.zones import EPOCH, offset_at, repeats_from
from dialer.errors import InvalidInput

ZONES = sorted(available_timezones() - {"Factory", "localtime", "posixrules"})
FIRST_DAY = datetime(1, 1, 3, tzinfo=UTC)
LAST_DAY = datetime(9998, 12, 29, tzinfo=UTC)


@pytest.mark.parametrize("name", ["Australia/Melbourne", "UTC", "Etc/GMT+10", "America/Argentina/Ushuaia"])
def test_an_iana_name_is_a_timezone(name: str) -> None:
    assert check_timezone(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "", " ", "Mars/Base", "australia/melbourne", "AUSTRALIA/MELBOURNE", "Etc/Unknown", "localtime", "Factory",
        "/usr/share/zoneinfo/UTC", "../../etc/passwd", "Australia/../UTC", "Australia", "Australia/Melbourne ",
        "Australia/Melbourne\n", "UTC\0", "GMT+10:00", "+10:00", "x" * 100_000, None, 10, True, b"UTC", ["UTC"],
    ],
)  # fmt: skip
def test_anything_else_is_refused_with_a_code(name: object) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_timezone(name)
    assert caught.value.code == "TIMEZONE_INVALID"
    assert len(str(caught.value)) < 250


def test_a_name_in_the_wrong_case_is_refused_with_the_right_one() -> None:
    with pytest.raises(InvalidInput, match="did you mean 'Australia/Melbourne'"):
        check_timezone("australia/melbourne")


@settings(deadline=None)
@given(st.sampled_from(ZONES), st.integers((FIRST_DAY - EPOCH).days * 86400, (LAST_DAY - EPOCH).days * 86400))
def test_the_offset_is_what_zoneinfo_says_in_any_year(name: str, second: int) -> None:
    offset, until = offset_at(name, second)
    assert timedelta(seconds=offset) == _offset(name, second)
    assert timedelta(seconds=offset) == _offset(name, until - 1)
    assert until > second


@settings(deadline=None)
@given(st.sampled_from(ZONES), st.integers(1850, 2200))
def test_offsets_change_exactly_where_they_are_said_to(name: str, year: int) -> None:
    second = (datetime(year, 1, 1, tzinfo=UTC) - EPOCH).days * 86400
    end = second + 365 * 86400
    known = []
    while second < end:
        offset, until = offset_at(name, second)
        known += [(second, offset)]
        second = until
    hourly = range(known[0][0], end, 3600)
    told = [max(pair for pair in known if pair[0] <= at)[1] for at in hourly[::37]]
    assert told == [int(_offset(name, at).total_seconds()) for at in hourly[::37]]


def test_no_zone_of_this_machine_changes_twice_between_two_probes() -> None:
    """Halves the probes of every zone over the years that calls are made in: nothing new may turn up."""
    for name in ZONES:
        start = (datetime(2024, 1, 1, tzinfo=UTC) - EPOCH).days * 86400
        for day in range(start, start + 3 * 365 * 86400, 2 * 86400):
            offset, until = offset_at(name, day)
            if until > day + 86400:
                assert timedelta(seconds=offset) == _offset(name, day + 86400), (name, day)


def test_the_search_for_an_open_minute_ends_where_zones_begin_to_repeat_themselves() -> None:
    assert EPOCH + timedelta(seconds=repeats_from(0)) == datetime(2132, 1, 1, tzinfo=UTC)
    late = (datetime(2150, 6, 1, tzinfo=UTC) - EPOCH).days * 86400
    assert EPOCH + timedelta(seconds=repeats_from(late)) == datetime(2550, 6, 1, tzinfo=UTC)


def _offset(name: str, second: int) -> timedelta:
    offset = (EPOCH + timedelta(seconds=second)).astimezone(ZoneInfo(name)).utcoffset()
    assert offset is not None
    return offset
