"""Makes a request with an Idempotency-Key count once: a repeat within a day gets the answer of the first.

What such a request makes is named after its key's entry, so that one which broke off half-way and comes again goes on
where it was, and makes nothing twice. Only what was done is kept as an answer: who was refused may ask again.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from fastapi import Header, Response

from dialer.api.problems import Kind, Problem
from dialer.facade.portfolio import Portfolio

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[!-~]+$",
        description="A repeat within a day gets the same answer and makes nothing twice; another body with it is 409.",
        examples=["7f9c24e5"],
    ),
]


def once(
    ours: Portfolio,
    key: str | None,
    asked: tuple[str, Mapping[str, Any]],
    make: Callable[[str], str],
    answer: Callable[[str, int], Response],
    status: int = 200,
) -> Response:
    """`asked`: the path and the body; `make`: does it under this ref, an id, and tells what was done in a text that is
    kept; `answer`: the text as a response."""
    if key is None:
        return answer(make(str(uuid.uuid4())), status)
    fingerprint = _fingerprint(*asked)
    begun = ours.begin(key, fingerprint)
    if begun.fingerprint != fingerprint:
        message = "the Idempotency-Key came with another request before, within a day: use a new one for each"
        raise Problem(Kind.CONFLICT, "IDEMPOTENCY_KEY_REUSED", message, field="Idempotency-Key")
    if begun.status is None or begun.body is None:
        text = make(begun.ref)
        ours.finish(key, begun, status, text)
        return answer(text, status)
    return answer(begun.body, begun.status)


def as_json(text: str, status: int) -> Response:
    return Response(text, status, media_type="application/json")


def _fingerprint(path: str, body: Mapping[str, Any]) -> str:
    text = json.dumps([path, body], sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()
