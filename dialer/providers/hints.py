"""Whom a provider's webhook speaks of, read wherever it may say so; what is made of it is the engine's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dialer.domain.notice import Heard
from dialer.domain.phone import parse_phone
from dialer.errors import InvalidInput
from dialer.providers import reading

#: Not `id`: where that is the call's, its second event would be taken for the first one repeated.
_EVENT_ID = ("eventId", "event_id")


def heard(
    told: Mapping[str, Any], *, call_ids: Sequence[str], references: Sequence[str], phones: Sequence[str]
) -> Heard:
    """The first readable name of each kind, at dotted paths."""
    return Heard(
        provider_call_id=_first(told, call_ids),
        reference=_first(told, references),
        phone=_number(told, phones),
        event_id=_first(told, _EVENT_ID),
    )


def _first(told: Mapping[str, Any], paths: Sequence[str]) -> str | None:
    readable = (reading.identifier(reading.first(told, path)) for path in paths)
    return next((one for one in readable if one is not None), None)


def _number(told: Mapping[str, Any], paths: Sequence[str]) -> str | None:
    try:
        return parse_phone(reading.first(told, *paths))
    except InvalidInput:
        return None
