"""What is read out of answers whose shape nobody promised."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dialer.providers import reading

NINE = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"id": "a"}, "a"),
        ({"data": {"id": "b"}}, "b"),
        ({"calls": [{"id": "c"}]}, "c"),
        ({"id": None, "data": {"id": "d"}}, "d"),
        ({"calls": []}, None),
        ([], None),
        (None, None),
        ("id", None),
    ],
)
def test_the_first_path_that_leads_somewhere_is_taken(value: Any, expected: Any) -> None:
    assert reading.first(value, "id", "data.id", "calls.0.id") == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("call-1", "call-1"),
        (" call-1\n", "call-1"),
        (17, "17"),
        ("x" * 255, "x" * 255),
        ("x" * 256, None),
        ("", None),
        ("   ", None),
        (True, None),
        (None, None),
        (1.5, None),
        ({"id": "a"}, None),
        ("..", None),  # would climb in a path
        (".", None),
        ("a\x00b", None),
        ("a\nb", None),
        ("\ud800", None),
    ],
)
def test_an_id_is_something_that_can_be_stored_and_put_into_a_path(value: Any, expected: str | None) -> None:
    assert reading.identifier(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (25, 25.0),
        ("25.5", 25.5),
        (-3, -3.0),
        ("NaN", None),
        (float("inf"), None),
        (10**400, None),
        (True, None),
        ("many", None),
        (None, None),
        ([1], None),
    ],
)
def test_a_number_is_finite_or_none(value: Any, expected: float | None) -> None:
    assert reading.number(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-11-23T09:00:00Z", NINE),
        ("2026-11-23T20:00:00+11:00", NINE),
        ("2026-11-23T09:00:00", NINE),
        (NINE.timestamp(), NINE),
        (int(NINE.timestamp() * 1000), NINE),
        (str(int(NINE.timestamp())), NINE),
        ("yesterday", None),
        ("", None),
        (0, None),
        (-5, None),
        (1e300, None),
        (True, None),
        (None, None),
        ("0001-01-01T00:00:00+14:00", None),
    ],
)
def test_an_instant_is_aware_utc_or_none(value: Any, expected: datetime | None) -> None:
    assert reading.instant(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([{"id": 1}], [{"id": 1}]),
        ({"calls": [{"id": 1}]}, [{"id": 1}]),
        ({"data": [{"id": 1}]}, [{"id": 1}]),
        ({"data": {"batch_calls": [{"id": 1}]}}, [{"id": 1}]),
        ({"data": {"whatever": [{"id": 1}]}}, [{"id": 1}]),
        ({"data": None}, None),
        ({"calls": ["a"]}, None),
        ("calls", None),
        (None, None),
    ],
)
def test_a_list_of_objects_is_found_bare_or_enveloped(value: Any, expected: Any) -> None:
    assert reading.rows(value, "calls", "data") == expected


def test_texts_lose_what_a_ledger_cannot_store() -> None:
    assert reading.storable("a\x00b\ud800c") == "a\ufffdb?c"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Hello", "Hello"),
        (" ", None),
        ([], None),
        ([{"role": "agent"}], '[{"role": "agent"}]'),
        (7, None),
        (None, None),
    ],
)
def test_words_come_as_they_stand(value: Any, expected: str | None) -> None:
    assert reading.text(value) == expected


@pytest.mark.parametrize("said", ["no-answer", "NO_ANSWER", "No Answer", "noAnswer"])
def test_a_word_loses_case_and_separators(said: str) -> None:
    assert reading.word(said) == "noanswer"


MINUTES = [NINE - timedelta(minutes=passed) for passed in range(5)]


@pytest.mark.parametrize(
    ("created", "since", "expected"),
    [
        (MINUTES[:4], NINE - timedelta(days=1), True),  # not full: everything there is
        ([], NINE, True),
        (MINUTES, NINE - timedelta(minutes=3), True),
        (MINUTES, NINE - timedelta(minutes=4), False),  # the oldest is of that very moment: another may be behind it
        (MINUTES, NINE - timedelta(hours=1), False),
        (list(reversed(MINUTES)), NINE - timedelta(minutes=3), False),  # oldest first: the page shows the wrong end
        ([*MINUTES[:4], None], NINE, False),
        ([None] * 5, NINE, False),
    ],
)
def test_a_full_page_is_complete_only_when_its_end_is_older(
    created: list[datetime | None], since: datetime, expected: bool
) -> None:
    assert reading.reaches_back(created, 5, since) is expected
