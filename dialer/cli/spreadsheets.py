"""Writes CSV that is safe to open in a spreadsheet: no cell of ours is ever taken for a formula."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable
from typing import IO, Any, Final

#: a spreadsheet reads a cell that begins like this as a formula, and runs it
_FORMULA_SIGNS: Final = ("=", "+", "-", "@", "\t", "\r")
#: E.164 computes nothing, and has to stay dialable; so does a plain number
_HARMLESS: Final = re.compile(r"\+[0-9]{2,15}|-?[0-9]+(\.[0-9]+)?")


def guarded(value: Any) -> str:
    """The text of a cell; what could be a formula gets a ' in front. Phone numbers in E.164 stay as they are.

    Objects and lists are written as JSON.
    """
    if isinstance(value, dict | list):
        value = json.dumps(value, ensure_ascii=False)
    text = "" if value is None else str(value)
    is_formula = text.startswith(_FORMULA_SIGNS) and not _HARMLESS.fullmatch(text)
    return f"'{text}" if is_formula else text


class Sheet:
    """Rows to an open text file."""

    def __init__(self, file: IO[str], columns: Iterable[str]) -> None:
        self._writer = csv.writer(file, lineterminator="\n")
        self._writer.writerow(columns)

    def add(self, values: Iterable[Any]) -> None:
        self._writer.writerow(map(guarded, values))
