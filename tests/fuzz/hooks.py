"""A check of our own, loaded by schemathesis: what our schema allows is only refused for what no schema can say."""

from __future__ import annotations

import re
from typing import Any

import schemathesis

#: The form of a body, which the schema promises to describe.
FORM = {"BODY_INVALID", "FIELD_MISSING", "FIELD_TOO_LONG", "UNKNOWN_FIELD", "FIELD_TYPE"}
#: To JSON Schema 2.0 is an integer; to us it is what a spreadsheet made of one.
ALMOST_WHOLE = re.compile(r"got -?[0-9]+(\.0+|e\+?[0-9]+)\b|got -?[0-9.]+e\+[0-9]+")
#: A field of the right form, and wrong for another reason; blanks alone are no text. Control characters our patterns
#: forbid, and schemathesis makes them up all the same.
MEANING = re.compile(
    "control characters|expected text, got nothing|test_numbers|idempotency key|caller ID|may not|no account|"
    "at least one|on its clock"
)


@schemathesis.check
def refused_for_its_meaning_only(ctx: Any, response: Any, case: Any) -> None:
    """A 400 to data that fits the schema names no mistake of form."""
    meta = case.meta
    if meta is None or not meta.generation.mode.is_positive or response.status_code != 400:
        return
    told = response.json()
    code = told.get("code") or told.get("error")
    words = str(told.get("message") or told.get("error"))
    if code in FORM and not ALMOST_WHOLE.search(words) and not MEANING.search(words):
        raise AssertionError(f"the schema allows what is refused: {code}: {words}")
