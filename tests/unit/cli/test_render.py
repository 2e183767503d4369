"""Records as JSON and as cells."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr

from dialer.cli.render import cell, jsonable, printable
from dialer.domain.receipt import Rejection
from dialer.domain.states import CallState, Lane


@dataclass
class Pair:
    left: Any
    right: Any


class Model(BaseModel):
    secret: SecretStr
    at: datetime


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (datetime(2026, 11, 23, 9, tzinfo=UTC), "2026-11-23T09:00:00Z"),
        (datetime(2026, 11, 23, 9, tzinfo=timezone(timedelta(hours=11))), "2026-11-23T09:00:00+11:00"),
        (timedelta(minutes=30), "PT1800S"),
        (timedelta(seconds=0.5), "PT0.5S"),
        (date(2026, 11, 23), "2026-11-23"),
        (CallState.READY, "ready"),
        (Lane.HIGH, "high"),
        (float("nan"), None),
        (float("inf"), None),
        (True, True),
        (Path("/srv"), "/srv"),
        ({"a", "b"}, ["a", "b"]),
        ({("x", "y"): {CallState.READY: 1}}, {"x,y": {"ready": 1}}),
        (Pair(Pair(1, None), (2.5, "x")), {"left": {"left": 1, "right": None}, "right": [2.5, "x"]}),
        (
            Rejection(2, "12", "PHONE_NOT_E164", "no"),
            {"row": 2, "phone": "12", "code": "PHONE_NOT_E164", "message": "no"},
        ),
    ],
)
def test_any_record_becomes_json(value: object, plain: object) -> None:
    assert jsonable(value) == plain
    json.dumps(jsonable(value), allow_nan=False)


def test_a_secret_in_a_record_stays_hidden() -> None:
    record = jsonable(Model(secret=SecretStr("s3cret"), at=datetime(2026, 1, 1, tzinfo=UTC)))
    assert record == {"secret": "**********", "at": "2026-01-01T00:00:00Z"}


def test_a_record_that_knows_its_own_json_is_asked() -> None:
    class Knows:
        def as_json(self) -> dict[str, object]:
            return {"at": datetime(2026, 1, 1, tzinfo=UTC)}

    assert jsonable([Knows()]) == [{"at": "2026-01-01T00:00:00Z"}]


def test_a_long_duration_is_exact() -> None:
    assert jsonable(timedelta(days=30, seconds=1)) == "PT2592001S"


@pytest.mark.parametrize("text", ["\x1b[31mred", "a\rb", "\x07", "\x9b2J", "‮gnp", "\udcff"])
def test_what_a_provider_says_cannot_steer_the_terminal(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    assert len(shown) == len(text)


def test_a_cell_is_one_line_of_plain_text() -> None:
    assert str(cell("[red]a\nb[/red]")) == "[red]a b[/red]"
    assert str(cell(None)) == "–"
    assert str(cell(1234.5)) == "1,234.5"
    assert str(cell({"a": 1})) == '{"a": 1}'
    assert str(cell(datetime(2026, 11, 23, 9, 0, 0, 1, UTC))) == "2026-11-23 09:00:00 Z"
