"""Reads the words and values that callers of class Dialer hand in; what is none of them is one clear error, and nothing
is asked of the ledger or written to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import TypeVar

from pydantic_core import PydanticCustomError

from dialer.domain.call import Suppression
from dialer.domain.fields import read_name, read_timestamp
from dialer.domain.phone import parse_phone
from dialer.domain.states import CallState, CloseReason, Outcome
from dialer.errors import InvalidInput, shown

T = TypeVar("T")

CALL_WORDS = (*map(str, CallState), *map(str, CloseReason))
OUTCOMES = tuple(str(outcome) for outcome in Outcome)
BATCH_STATES = ("draft", "scheduled", "running", "paused", "completed", "terminated")
#: After any other reason the number was called as often as its policy says, or must not be called at all.
REQUEUED = (CloseReason.REJECTED, CloseReason.UNRESOLVED, CloseReason.EXPIRED)
LONGEST_VIEW_DAYS = 366


def one_of(word: object, words: Iterable[str], what: str) -> str | None:
    """The word itself, None where none was given."""
    known = tuple(map(str, words))
    if word is None:
        return None
    if isinstance(word, str) and word in known:
        return word
    raise InvalidInput(f"{what}: expected one of {', '.join(known)}, got {shown(word)}", code="FIELD_TYPE")


def workspace(value: object) -> str | None:
    """None where none was given."""
    return None if value is None else text(value, "workspace_id")


def requeued(reason: object) -> CloseReason:
    if isinstance(reason, str) and reason in REQUEUED:
        return CloseReason(reason)
    raise InvalidInput(f"closed: expected one of {', '.join(REQUEUED)}, got {shown(reason)}", code="FIELD_TYPE")


def instant(value: object, what: str) -> datetime:
    """An aware instant, or ISO 8601 text with an offset."""
    return _read(read_timestamp, value, what)


def name(value: object, what: str) -> str:
    """An id as specs have them: text of 1 to 255 characters."""
    return _read(read_name, value, what)


def is_text(value: object) -> bool:
    """What every ledger can hold; bytes of a command line that are no UTF-8 come as lone surrogates."""
    return isinstance(value, str) and not any(char == "\0" or "\ud800" <= char <= "\udfff" for char in value)


def text(value: object, what: str) -> str:
    """Of any length: a do-not-call entry is not refused for being explained at length."""
    if isinstance(value, str) and is_text(value):
        return value
    raise InvalidInput(f"{what}: expected text without NUL or lone surrogates, got {shown(value)}", code="FIELD_TYPE")


def days(value: object) -> timedelta:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= LONGEST_VIEW_DAYS:
        raise InvalidInput(
            f"days: expected more than 0 and at most {LONGEST_VIEW_DAYS}, got {shown(value)}", code="FIELD_TYPE"
        )
    return timedelta(days=value)


def suppression(phone: object, why: object, until: object, workspace_id: object, now: datetime) -> Suppression:
    """A do-not-call entry that holds from now on: one that is over already would only lift what stands."""
    last = None if until is None else instant(until, "until")
    if last is not None and last <= now:
        raise InvalidInput(f"until: {last.isoformat()} has passed: it is {now.isoformat()}", code="WINDOW_PAST")
    reach = None if workspace_id is None else name(workspace_id, "workspace_id")
    return Suppression(parse_phone(phone), text(why, "reason"), reach, last)


def _read(read: Callable[[object], T], value: object, what: str) -> T:
    try:
        return read(value)
    except PydanticCustomError as error:
        raise InvalidInput(f"{what}: {error.message()}", code=error.type) from None
