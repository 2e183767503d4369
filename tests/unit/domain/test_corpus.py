"""The checked-in tables of bad input: large enough, without doubles, and no case of them takes long to refuse."""

from __future__ import annotations

import json
from collections.abc import Callable
from time import process_time
from typing import Any

import pytest

from dialer.domain.phone import parse_phone
from dialer.domain.rule import parse_rule
from dialer.domain.spec import BatchSpec
from dialer.errors import DialerError
from tests.unit.builders import CORPUS, PHONE, a_reader, a_spec, corpus, names

TABLES = sorted(path.stem for path in CORPUS.glob("*.json"))
#: Of one refusal, in seconds of this process: what hangs takes far longer, what is merely slow on a busy machine not.
MOST_SECONDS = 0.5
REFUSALS: dict[str, Callable[[Any], object]] = {
    "numbers": parse_phone,
    "rules": parse_rule,
    "timestamps": lambda value: a_spec(nbf=value),
    "timezones": lambda value: a_spec(timezone=value),
    "max_retries": lambda value: a_spec(max_retries=value),
    "priority": lambda value: a_spec(priority=value),
    "variables": lambda value: a_reader().read({"phone": PHONE, "variables": value}),
    "rows": lambda value: a_reader().read(value),
    "specs": lambda value: BatchSpec.read({**names(), **value}),
    "documents": BatchSpec.model_validate_json,
}


def test_there_are_hundreds_of_cases() -> None:
    assert sum(len(corpus(table)) for table in TABLES) >= 700


@pytest.mark.parametrize("table", TABLES)
def test_no_case_is_there_twice(table: str) -> None:
    lines = [json.dumps(case) for case in json.loads((CORPUS / f"{table}.json").read_text(encoding="utf-8"))]
    assert len(lines) == len(set(lines))


@pytest.mark.parametrize("table", REFUSALS)
def test_no_refusal_takes_long(table: str) -> None:
    slow = {}
    for number, (value, *_) in enumerate(corpus(table)):
        start = process_time()
        with pytest.raises(DialerError):
            REFUSALS[table](value)
        if process_time() - start > MOST_SECONDS:
            slow[number] = process_time() - start
    assert slow == {}
