"""How one value of a spec is read: strictly, with a code and an expectation where it cannot be; which fields there are,
and what they must be together, is `spec`'s."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import Any, Final

from pydantic import BeforeValidator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from dialer.domain.phone import parse_phone
from dialer.domain.recurrence import parse_cron
from dialer.domain.retry import MAX_RETRIES, RetryPolicy
from dialer.domain.zones import check_timezone
from dialer.errors import DialerError, shown

NAME_LIMIT = 255
PRIORITIES = ("high", "normal", "low")
LONGEST_DELAY = timedelta(days=365)
LONGEST_CALL_SECONDS = 86_400

_TIMESTAMP: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ]((?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:[.,]\d{1,9})?)?)"
    r"([Zz]|[+-](?:[01]\d|2[0-3])(?::?[0-5]\d)?)?",
    re.ASCII,
)
_DURATION: Final = re.compile(
    r"P(?=[\dT])(?:(?P<weeks>\d{1,9})W)?(?:(?P<days>\d{1,9})D)?"
    r"(?:T(?=\d)(?:(?P<hours>\d{1,9})H)?(?:(?P<minutes>\d{1,9})M)?(?:(?P<seconds>\d{1,9}(?:\.\d{1,9})?)S)?)?",
    re.ASCII,
)


def wrong(code: str, message: str) -> PydanticCustomError:
    """What a reader raises; pydantic collects them all."""
    return PydanticCustomError(code, "{message}", {"message": message})


def read_name(value: object) -> str:
    """An id, ref or title: text of 1 to 255 characters without control characters."""
    if value is None or (isinstance(value, str) and not value.strip()):
        raise wrong("FIELD_MISSING", "expected text, got nothing")
    if not isinstance(value, str):
        raise wrong("FIELD_TYPE", f"expected text, got {type(value).__name__}")
    if len(value) > NAME_LIMIT:
        raise wrong("FIELD_TOO_LONG", f"expected at most {NAME_LIMIT} characters, got {len(value)}")
    if any(ord(character) < 32 or 0xD800 <= ord(character) <= 0xDFFF for character in value):
        raise wrong("FIELD_TYPE", "expected text without control characters or lone surrogates")
    return value


def read_timestamp(value: object) -> datetime:
    """ISO 8601 with an offset (`Z` counts), or an aware datetime; to UTC."""
    if isinstance(value, datetime):
        moment = value
    elif isinstance(value, str):
        moment = _read_iso(value)
    else:
        hint = " (epoch numbers are not accepted here)" if isinstance(value, int | float) else ""
        raise wrong(
            "TIMESTAMP_INVALID", f"expected ISO 8601 text such as 2026-11-23T09:00:00Z, got {shown(value)}{hint}"
        )
    if moment.utcoffset() is None:
        raise wrong("TIMESTAMP_NAIVE", f"{value!s:.60} has no offset: add Z or e.g. +11:00")
    try:
        return moment.astimezone(UTC)
    except (OverflowError, ValueError):
        raise wrong("TIMESTAMP_INVALID", f"{value!s:.60} lies outside the years 1 to 9999") from None


def _read_iso(value: str) -> datetime:
    match = _TIMESTAMP.fullmatch(value)
    if match is None:
        hint = ": is that an epoch number?" if value.strip().isdigit() else ""
        raise wrong("TIMESTAMP_INVALID", f"expected ISO 8601 such as 2026-11-23T09:00:00Z, got {shown(value)}{hint}")
    day, time, offset = match.groups()
    time = re.sub(r"(\.\d{6})\d+", r"\1", time.replace(",", "."))
    try:
        return datetime.fromisoformat(f"{day}T{time}{(offset or '').upper()}")
    except ValueError as error:
        raise wrong("TIMESTAMP_INVALID", f"{shown(value)} is no date and time: {error}") from None


def read_retries(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_RETRIES:
        raise wrong("MAX_RETRIES_INVALID", f"expected a whole number from 0 to {MAX_RETRIES}, got {shown(value)}")
    return value


def read_priority(value: object) -> str:
    if value not in PRIORITIES:
        raise wrong("PRIORITY_INVALID", f"expected one of {', '.join(PRIORITIES)}, got {shown(value)}")
    return str(value)


def read_delay(value: object) -> timedelta | None:
    """A timedelta, seconds as a number, or an ISO 8601 duration such as PT30M; None = never."""
    if value is None:
        return None
    delay: timedelta | None = None
    if isinstance(value, timedelta):
        delay = value
    elif isinstance(value, str) and (match := _DURATION.fullmatch(value)):
        delay = timedelta(**{unit: float(amount) for unit, amount in match.groupdict().items() if amount})
    elif isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= LONGEST_DELAY.total_seconds():
        delay = timedelta(seconds=value)
    if delay is None or not timedelta(0) <= delay <= LONGEST_DELAY:
        expected = f"seconds, an ISO 8601 duration such as PT30M (at most {LONGEST_DELAY.days} days), or null"
        raise wrong("RETRY_INVALID", f"expected {expected}, got {shown(value)}")
    return delay


def read_retry(value: object) -> RetryPolicy:
    """A delay for each outcome; outcomes left out keep their default."""
    known = [field.name for field in fields(RetryPolicy)]
    if isinstance(value, RetryPolicy):
        value = {name: getattr(value, name) for name in known}
    if not isinstance(value, Mapping):
        raise wrong("RETRY_INVALID", f"expected an object with {', '.join(known)}, got {shown(value)}")
    delays: dict[str, timedelta | None] = {}
    for key, delay in value.items():
        outcome = snake(str(key)) if isinstance(key, str) else ""
        if outcome not in known:
            raise wrong("RETRY_INVALID", f"unknown outcome {shown(key)}{nearest(str(outcome), known, value)}")
        if outcome in delays:
            raise wrong("RETRY_INVALID", f"{outcome} is given twice")
        delays[outcome] = _read_outcome_delay(outcome, delay)
    return RetryPolicy(**delays)


def _read_outcome_delay(outcome: str, value: object) -> timedelta | None:
    try:
        return read_delay(value)
    except PydanticCustomError as error:
        raise wrong(error.type, f"{outcome}: {error.message()}") from None


def read_rule_list(value: object) -> tuple[Any, ...]:
    """The list as it is; its rules are read one by one, so that each bad one is named."""
    if not isinstance(value, list | tuple):
        raise wrong("FIELD_TYPE", f"expected a list of rules such as ['Mon-Fri|0800-1600'], got {shown(value)}")
    return tuple(value)


def read_zone(value: object) -> str:
    try:
        return check_timezone(value)
    except DialerError as error:
        raise wrong(error.code, error.message) from None


def read_cli(value: object) -> str | None:
    """E.164; an empty text counts as left out."""
    if value == "":
        return None
    try:
        return parse_phone(value)
    except DialerError as error:
        raise wrong("CLI_NOT_E164", error.message) from None


def read_cron(value: object) -> str:
    try:
        return parse_cron(value).text
    except DialerError as error:
        raise wrong(error.code, error.message) from None


def read_max_call(value: object) -> timedelta:
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, int | float) or not 1 <= value <= LONGEST_CALL_SECONDS:
        raise wrong("FIELD_TYPE", f"expected seconds from 1 to {LONGEST_CALL_SECONDS}, got {shown(value)}")
    return timedelta(seconds=value)


def one_of(*words: str) -> BeforeValidator:
    def read(value: object) -> str:
        if value not in words:
            raise wrong("FIELD_TYPE", f"expected one of {', '.join(words)}, got {shown(value)}")
        return str(value)

    return BeforeValidator(read)


def read_flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise wrong("FIELD_TYPE", f"expected true or false, got {shown(value)}")
    return value


def read_rows(value: object) -> list[Any]:
    if not isinstance(value, list | tuple):
        raise wrong("FIELD_TYPE", f"expected a list, got {type(value).__name__}")
    return list(value)


def snake(word: str) -> str:
    """maxRetries -> max_retries; what is snake already stays."""
    return re.sub(r"(?<=[a-z])([A-Z])", lambda match: "_" + match[1].lower(), word)


def nearest(word: str, known: Collection[str], written: Iterable[object]) -> str:
    """The hint after an unknown field: the nearest valid name, as whoever wrote the names `written` would write it."""
    if any(isinstance(name, str) and re.search("[a-z][A-Z]", name) for name in written):
        known = [to_camel(name) for name in known]
    plain = {_plain(name): name for name in known}
    near = get_close_matches(_plain(word[:NAME_LIMIT]), plain, n=1, cutoff=0.5)
    return f": did you mean {plain[near[0]]!r}?" if near else f": expected one of {', '.join(known)}"


def _plain(word: str) -> str:
    return re.sub(r"[\W_]", "", word.lower())
