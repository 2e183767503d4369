"""What came back for one request, and its class by contract: the table of statuses stands here and nowhere else.

What a 2xx says is each adapter's to read.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

from dialer.domain.placement import Answer, AnswerKind, NotTold
from dialer.providers import reading

RAW_LIMIT = 64 * 1024
_DETAIL_LIMIT = 300

_BY_STATUS = {
    400: AnswerKind.REJECTED,
    401: AnswerKind.AUTH,
    402: AnswerKind.CREDIT,
    403: AnswerKind.AUTH,
    404: AnswerKind.CONFIGURATION,
    422: AnswerKind.REJECTED,
    429: AnswerKind.THROTTLED,
}


def classify(status: int) -> AnswerKind:
    """Total: what is not known not to have placed a call (408, 409, 3xx, 5xx, anything odd) is unknown."""
    if 200 <= status < 300:
        return AnswerKind.ACCEPTED
    return _BY_STATUS.get(status, AnswerKind.UNKNOWN)


def is_fault(status: int) -> bool:
    """Counts toward the breaker, as what was not sent and what timed out does."""
    return status == HTTPStatus.REQUEST_TIMEOUT or 500 <= status < 600


def retry_after(said: str | None, now: datetime) -> timedelta | None:
    """Retry-After as seconds or as an HTTP date seen from `now`; None when absent or odd. Unclamped, never negative."""
    said = (said or "").strip()
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", said, re.ASCII):
        return timedelta(seconds=float(said))
    date = http_date(said)
    return max(date - now, timedelta(0)) if date else None


def http_date(said: str | None) -> datetime | None:
    try:
        date = parsedate_to_datetime(said or "")
        return date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None


@dataclass(frozen=True, slots=True)
class Failure:
    """No answer: what became of the request, without a secret or a number in it."""

    #: NOT_SENT, WITHHELD, UNKNOWN, or REJECTED where the request cannot be written at all
    kind: AnswerKind
    detail: str = ""
    is_fault: bool = False
    http_status: int | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer with a status. Its body may hold numbers, so it stays out of the repr."""

    status: int
    body: bytes = field(default=b"", repr=False)
    #: why the body cannot be read; "" = it can
    unreadable: str = ""
    retry_after: timedelta | None = None
    #: ours, to be taken out of what is kept: some providers repeat the key in the refusal
    secrets: tuple[str, ...] = field(default=(), repr=False)

    @property
    def is_ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def text(self) -> str:
        """The body as the ledger may keep it: at most 64 KiB of UTF-8, without NUL and without our secrets."""
        text = reading.storable(self.body[:RAW_LIMIT].decode("utf-8", "replace"))
        for secret in self.secrets:
            text = text.replace(secret, "[secret]")
        return text.encode()[:RAW_LIMIT].decode("utf-8", "ignore")

    def json(self) -> Any:
        """The JSON value; None when there is none that can be read (no UTF-8, NaN, nested too deep, HTML)."""
        try:
            return json.loads(self.body.decode("utf-8-sig"), parse_constant=_refuse_constant)
        except (ValueError, RecursionError):
            return None


def as_answer(came: Reply | Failure) -> Answer:
    """The answer by its class; ACCEPTED means a 2xx that the adapter has yet to read."""
    if isinstance(came, Failure):
        return Answer(came.kind, came.detail, http_status=came.http_status, is_fault=came.is_fault)
    return Answer(
        classify(came.status),
        "" if came.is_ok else words_of(came),
        http_status=came.status,
        retry_after=came.retry_after,
        raw=came.text or None,
        is_fault=is_fault(came.status),
    )


def placed(came: Reply | Failure, *id_paths: str) -> Answer:
    """The answer to a placement whose id is at one of `id_paths` (dotted); a 2xx without it is unknown."""
    answer = as_answer(came)
    if answer.kind is not AnswerKind.ACCEPTED or isinstance(came, Failure):
        return answer
    call_id = reading.identifier(reading.first(came.json(), *id_paths))
    if call_id is None:
        return replace(answer, kind=AnswerKind.UNKNOWN, detail=f"no id: {came.unreadable or 'none in the answer'}")
    return replace(answer, provider_call_id=call_id)


def not_told(came: Reply | Failure) -> NotTold:
    """For a question that got no usable answer."""
    if isinstance(came, Failure):
        return NotTold(came.detail, came.http_status)
    return NotTold(f"unreadable: {came.unreadable or 'not as expected'}" if came.is_ok else words_of(came), came.status)


def words_of(reply: Reply) -> str:
    """The provider's own words for a refusal, in one line, else the status' name."""
    said = reading.first(reply.json(), "message", "error.message", "error", "detail", "title", "errors.0.message")
    words = said if isinstance(said, str) else reading.first(said, "0.msg", "0.message", "0")
    clean = words if isinstance(words, str) and words.strip() else _status_name(reply.status)
    for secret in reply.secrets:
        clean = clean.replace(secret, "[secret]")
    return " ".join(reading.storable(clean).split())[:_DETAIL_LIMIT]


def _status_name(status: int) -> str:
    known = {one.value: one.phrase for one in HTTPStatus}
    return f"HTTP {status} {known.get(status, '')}".rstrip()


def _refuse_constant(constant: str) -> Any:
    raise ValueError(constant)
