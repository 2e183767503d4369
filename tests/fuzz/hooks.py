"""A check of our own, loaded by schemathesis: what our schema allows is only refused for what no schema can say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import schemathesis

#: The form of a body, which the schema promises to describe.
FORM = {"BODY_INVALID", "FIELD_MISSING", "FIELD_TOO_LONG", "UNKNOWN_FIELD", "FIELD_TYPE"}
#: To JSON Schema 2.0 is an integer; to us it is what a spreadsheet made of one.
ALMOST_WHOLE = re.compile(r"expected (a whole number|a Unix timestamp).*got -?[0-9]+(\.0+|(\.[0-9]+)?e\+?[0-9]+)$")
#: Of the right form, but not with this configuration: no schema knows that.
CONFIGURED = (
    "only numbers of the configuration's test_numbers may be called outside hours",
    "this provider declares no idempotency key",
    "has no caller_id of its own",
)


@schemathesis.check
def refused_for_its_meaning_only(ctx: Any, response: Any, case: Any) -> None:
    """A 400 to data that fits the schema names no mistake of form."""
    meta = case.meta
    if meta is None or not meta.generation.mode.is_positive or response.status_code != 400:
        return
    for code, words in complaints(response.json()):
        if code in FORM and not ALMOST_WHOLE.search(words) and not any(one in words for one in CONFIGURED):
            raise AssertionError(f"the schema allows what is refused: {code}: {words}")


def complaints(told: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Code and words of each, where an answer has them one by one; else of the first."""
    if "errors" in told:
        yield from ((one["code"], one["message"]) for one in told["errors"])
        return
    words = str(told.get("message") or told["error"])
    yield told.get("code") or told["error"], re.split(r"; (?=[\w.\[\]]+: )", words)[0]
