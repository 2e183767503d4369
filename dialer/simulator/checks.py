"""Decides whether the fields of a request body are as the seeds have them; says what is wrong with the first."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from zoneinfo import ZoneInfo

from dialer.simulator import clock

#: A field's check: whether the value will do, and what is expected.
Check = tuple[Callable[[Any], bool], str]
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)


def is_phone(value: Any) -> bool:
    return isinstance(value, str) and _PHONE.fullmatch(value) is not None


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _is_zone(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(ZoneInfo(value))
    except (KeyError, ValueError, OSError):
        # Unknown names, paths and directories raise one each.
        return False


def _is_milliseconds(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1e11 <= value < 1e14


def _is_small_object(value: Any) -> bool:
    return isinstance(value, dict) and len(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")) <= 5 * 1024


def _is_instant(value: Any) -> bool:
    return isinstance(value, str) and clock.wall_of(value) is not None


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


TEXT: Check = (_is_text, "a text")
PHONE: Check = (is_phone, "a number in E.164")
ZONE: Check = (_is_zone, "an IANA timezone")
MILLISECONDS: Check = (_is_milliseconds, "a Unix timestamp in milliseconds")
VARIABLES: Check = (_is_small_object, "an object of at most 5 KB")
INSTANT: Check = (_is_instant, "an ISO 8601 time with a zone")
TEXTS: Check = (_is_texts, "a list of texts")
OBJECT: Check = (lambda value: isinstance(value, dict), "an object")
LIST: Check = (lambda value: isinstance(value, list), "a list")
FLAG: Check = (lambda value: isinstance(value, bool), "true or false")
RETRIES: Check = (lambda value: type(value) is int and 0 <= value <= 100, "a whole number from 0")


def complaint(body: Any, required: Mapping[str, Check], optional: Mapping[str, Check] | None = None) -> str | None:
    """What is wrong with the first field that is, or None; an optional field may also be null."""
    if not isinstance(body, dict):
        return "the body: expected a JSON object"
    for name, (will_do, expected) in required.items():
        if name not in body:
            return f"{name}: is missing, expected {expected}"
        if not will_do(body[name]):
            return f"{name}: expected {expected}, got {body[name]!r:.80}"
    for name, (will_do, expected) in (optional or {}).items():
        if body.get(name) is not None and not will_do(body[name]):
            return f"{name}: expected {expected}, got {body[name]!r:.80}"
    return None
