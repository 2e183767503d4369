"""Our own OpenAPI document, asked in every way that it allows and in many that it does not: `make fuzz` asks longer."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.asking import MADE_UP, ask

#: What the two forms ask at least, and from how many cases for each operation on it is the long one.
SHORT, LONG = 300, 5000
LONG_FROM = 50


@pytest.mark.timeout(3600)
def test_every_answer_is_one_that_our_document_promises(
    sqlite_url: str, redis_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    most, seed = request.config.getoption("fuzz_most"), request.config.getoption("fuzz_seed")
    asked = ask(sqlite_url, redis_url, tmp_path, most, seed, "" if most >= LONG_FROM else MADE_UP)
    assert asked.exit_code == 0, asked.said
    assert asked.cases >= (LONG if most >= LONG_FROM else SHORT), asked.said
    request.config.get_terminal_writer().line(f" {asked.cases} cases")
