"""Reads one field of a scenario and says clearly what is wrong with it; what the fields mean is `scenario`'s."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from fnmatch import translate
from typing import Any, NamedTuple, NoReturn

from dialer.errors import InvalidInput

#: A reader takes the field's place in the scenario and its value, and returns what it means.
Reader = Callable[[str, Any], Any]


class Span(NamedTuple):
    """A duration in seconds; both ends are the same when it is fixed."""

    low: float
    high: float


def refuse(where: str, expected: str, value: Any) -> NoReturn:
    raise InvalidInput(f"{where}: expected {expected}, got {value!r:.80}", code="SCENARIO_INVALID")


def unknown(where: str, value: Any, valid: Sequence[str]) -> NoReturn:
    nearest = get_close_matches(str(value), valid, n=1, cutoff=0.0)
    hint = f"; nearest is {nearest[0]!r}" if nearest else ""
    text = f"{where}: {value!r:.80} is not known{hint} (known: {', '.join(valid)})"
    raise InvalidInput(text, code="SCENARIO_INVALID")


def fields(where: str, value: Any, readers: Mapping[str, Reader]) -> dict[str, Any]:
    """The fields of a JSON object, each read; an unknown key is refused with the nearest valid one."""
    if not isinstance(value, Mapping):
        refuse(where, "an object", value)
    for key in value:
        if key not in readers:
            unknown(where, key, list(readers))
    return {key: readers[key](f"{where}.{key}", held) for key, held in value.items()}


def flag(where: str, value: Any) -> bool:
    if not isinstance(value, bool):
        refuse(where, "true or false", value)
    return value


def amount(where: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1e12:
        refuse(where, "a number from 0 to 1e12", value)
    return float(value)


def count(where: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        refuse(where, "a whole number, 1 or more", value)
    return value


def integer(where: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        refuse(where, "a whole number", value)
    return value


def share(where: str, value: Any) -> float:
    if amount(where, value) > 1:
        refuse(where, "a probability from 0 to 1", value)
    return float(value)


def text(where: str, value: Any) -> str:
    if not isinstance(value, str) or not value:
        refuse(where, "a text", value)
    return value


def texts(where: str, value: Any) -> frozenset[str]:
    if not isinstance(value, (list, tuple)):
        refuse(where, "a list of texts", value)
    return frozenset(text(f"{where}[{at}]", held) for at, held in enumerate(value))


def span(where: str, value: Any) -> Span:
    """Seconds, or [from, to] for a range that is drawn from evenly."""
    if not isinstance(value, (list, tuple)):
        return Span(seconds := amount(where, value), seconds)
    if len(value) != 2 or amount(where, value[0]) > amount(where, value[1]):
        refuse(where, "seconds, or [from, to] with from <= to", value)
    return Span(float(value[0]), float(value[1]))


def word(*valid: str) -> Reader:
    def read(where: str, value: Any) -> str:
        if not isinstance(value, str) or value not in valid:
            unknown(where, value, valid)
        return value

    return read


def weights(*valid: str) -> Reader:
    """One word, or an object of words and their weights: {"answered": 3, "busy": 1}."""

    def read(where: str, value: Any) -> dict[str, float]:
        if not isinstance(value, Mapping):
            return {word(*valid)(where, value): 1.0}
        weighed: dict[str, float] = fields(where, value, dict.fromkeys(valid, amount))
        if not sum(weighed.values()):
            refuse(where, "at least one weight above 0", value)
        return weighed

    return read


def patterns(where: str, value: Any) -> tuple[re.Pattern[str], ...]:
    """One phone pattern or a list of them: `*` is any run of characters, `?` any one."""
    listed = value if isinstance(value, (list, tuple)) else [value]
    return tuple(re.compile(translate(text(where, one).replace("[", "[[]"))) for one in listed)


def turns(where: str, value: Any) -> Callable[[int], bool]:
    """Which request for a number: 2, [1, 3], or "3+" for the third and every later one."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]+\+", value):
        first = int(value[:-1])
        return lambda turn: turn >= first
    listed = value if isinstance(value, (list, tuple)) else [value]
    if not listed or any(isinstance(one, bool) or not isinstance(one, int) or one < 1 for one in listed):
        refuse(where, 'a whole number from 1, a list of them, or "3+"', value)
    return frozenset(listed).__contains__
