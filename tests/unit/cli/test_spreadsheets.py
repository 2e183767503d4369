"""CSV that a spreadsheet may open."""

from __future__ import annotations

import csv
import io

import pytest

from dialer.cli.spreadsheets import Sheet, guarded


@pytest.mark.parametrize(
    "text", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "+61278132035\n=1", "+"]
)
def test_a_cell_that_a_spreadsheet_would_compute_is_guarded(text: str) -> None:
    assert guarded(text) == f"'{text}"


@pytest.mark.parametrize("value", ["+61278132035", "-3.5", 12, "plain", "", None, "a=b"])
def test_numbers_to_dial_and_plain_values_stay_as_they_are(value: object) -> None:
    assert guarded(value) == ("" if value is None else str(value))


def test_line_breaks_commas_and_quotes_survive() -> None:
    file = io.StringIO()
    Sheet(file, ["a", "b"]).add(['one\ntwo, "three"', None])
    assert list(csv.reader(io.StringIO(file.getvalue()))) == [["a", "b"], ['one\ntwo, "three"', ""]]
