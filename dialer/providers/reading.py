"""Reads values out of answers whose shape nobody promised: every reader takes anything and answers a value or None."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

#: Our clock and a provider's may differ by this much when instants are compared.
SKEW = timedelta(seconds=5)

_ID_LIMIT = 255
#: Epoch numbers from here on are milliseconds (1973 in milliseconds, the year 5138 in seconds).
_MILLISECONDS_FROM = 1e11
_SEPARATORS = str.maketrans("", "", "-_ \t\r\n")


def first(value: Any, *paths: str) -> Any:
    """The first value that is there and not null, at dotted paths: `first(body, "id", "data.id", "calls.0.id")`."""
    for path in paths:
        found = value
        for step in path.split("."):
            found = _step(found, step)
        if found is not None:
            return found
    return None


def _step(value: Any, step: str) -> Any:
    if isinstance(value, Mapping):
        return value.get(step)
    if isinstance(value, list) and step.isdigit() and int(step) < len(value):
        return value[int(step)]
    return None


def under(value: Any, *envelopes: str) -> Mapping[str, Any]:
    """The object inside the first envelope that holds one (dotted paths), else the value itself; {} for no object."""
    inside = [first(value, envelope) for envelope in envelopes]
    return next((one for one in (*inside, value) if isinstance(one, Mapping)), {})


def rows(value: Any, *names: str) -> list[Mapping[str, Any]] | None:
    """A list of objects: bare, under one of `names` (dotted paths), or right under `data`; None for no list."""
    named = (value, *(first(value, name) for name in names), *under(value, "data").values())
    found = next((one for one in named if isinstance(one, list)), None)
    if found is None or not all(isinstance(row, Mapping) for row in found):
        return None
    return found


def storable(text: str) -> str:
    """What both ledgers can store: no NUL, no half of a surrogate pair."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def identifier(value: Any) -> str | None:
    """An id that can be stored and put into a path; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return None
    text = str(value).strip()
    fits = 0 < len(text) <= _ID_LIMIT and text.isprintable() and text.strip(".")
    return text if fits and text == storable(text) else None


def text(value: Any) -> str | None:
    """Words as they stand; a list or an object (a transcript by turns) as JSON."""
    if isinstance(value, str):
        return storable(value) if value.strip() else None
    if not isinstance(value, (list, Mapping)) or not value:
        return None
    try:
        return storable(json.dumps(value, ensure_ascii=False))
    except (ValueError, RecursionError):
        return None


def number(value: Any) -> float | None:
    """A finite number, also when it is written as text."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        read = float(value)
    except (ValueError, OverflowError):
        return None
    return read if math.isfinite(read) else None


def count(value: Any) -> int:
    """A counter; nothing readable counts as none."""
    read = number(value)
    return int(read) if read is not None and read > 0 else 0


def instant(value: Any) -> datetime | None:
    """ISO 8601, or an epoch in seconds or milliseconds, as aware UTC; without an offset it is taken for UTC."""
    epoch = number(value)
    try:
        if epoch is not None:
            seconds = epoch / 1000 if epoch >= _MILLISECONDS_FROM else epoch
            return datetime.fromtimestamp(seconds, UTC) if seconds > 0 else None
        read = datetime.fromisoformat(value.strip()) if isinstance(value, str) else None
        if read is None:
            return None
        return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None


def word(value: Any) -> str:
    """A status word without case and separators: "No-Answer" is "noanswer"."""
    return value.translate(_SEPARATORS).casefold() if isinstance(value, str) else ""


def reaches_back(created: Sequence[datetime | None], limit: int, since: datetime) -> bool:
    """Whether a list, newest first, of at most `limit` rows shows everything since `since`.

    A full page does only when its last row is older, and is the oldest: in another order nothing can be concluded.
    """
    if len(created) < limit:
        return True
    known = [moment for moment in created if moment is not None]
    return len(known) == len(created) and known[-1] == min(known) and known[-1] < since - SKEW
