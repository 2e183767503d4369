"""What one rule of blockRules, callingHours or legal_hours says; what a set of them means is decided in `window`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from dialer.errors import BadRule, InvalidInput, shown

DAY_MINUTES: Final = 1440
WEEK_MINUTES: Final = 7 * DAY_MINUTES
MAX_RULES: Final = 64
MAX_RULE_CHARS: Final = 256

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_BLANKS: Final = " \t"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, e.g. "Mon-Fri|0800-1600": the spans hold on each of the days, on a wall clock."""

    #: As it was given.
    text: str
    #: 0 is Monday; ascending.
    days: tuple[int, ...]
    #: [start, end) in minutes since midnight; an end at or below the start lies on the next day.
    spans: tuple[tuple[int, int], ...]

    def week_spans(self) -> Iterator[tuple[int, int]]:
        """[start, end) in minutes since Monday 00:00; an end beyond the week goes on at its beginning."""
        for day in self.days:
            for start, end in self.spans:
                length = end - start if end > start else end - start + DAY_MINUTES
                yield day * DAY_MINUTES + start, day * DAY_MINUTES + start + length


def parse_rule(text: object) -> Rule:
    """Read one rule; BadRule (`.code .rule .position`) says what is wrong, and at which character."""
    if not isinstance(text, str):
        raise BadRule("NOT_A_STRING", text, 0, f"expected text, got {type(text).__name__}")
    if len(text) > MAX_RULE_CHARS:
        raise BadRule("TOO_LONG", text, MAX_RULE_CHARS, f"at most {MAX_RULE_CHARS} characters, got {len(text)}")
    if not text.isascii():
        _reject_beyond_ascii(text)
    if text.count("|") != 1:
        position = text.index("|", text.index("|") + 1) if "|" in text else 0
        raise BadRule("NO_BAR", text, position, "expected DAYS|TIMES with one bar, e.g. 'Mon-Fri|0800-1600'")
    bar = text.index("|")
    return Rule(text, _days(text, bar), tuple(_times(text, bar + 1)))


def parse_rules(texts: Iterable[object]) -> tuple[Rule, ...]:
    """Read a list of rules; the first that is wrong raises BadRule, and so does a 65th (TOO_MANY)."""
    if isinstance(texts, str):
        raise InvalidInput(f"rules: expected a list of rules, got the text {shown(texts, 80)}", code="FIELD_TYPE")
    rules = tuple(texts)
    if len(rules) > MAX_RULES:
        raise BadRule("TOO_MANY", rules[MAX_RULES], 0, f"at most {MAX_RULES} rules, got {len(rules)}")
    return tuple(parse_rule(text) for text in rules)


def _reject_beyond_ascii(text: str) -> None:
    position = next(index for index, char in enumerate(text) if not char.isascii())
    hint = "; is that a dash instead of '-'?" if text[position] in "‐‑‒–—−" else ""
    raise BadRule("NOT_ASCII", text, position, f"only ASCII is read{hint}")


def _words(text: str, start: int, stop: int, separator: str) -> Iterator[tuple[str, int]]:
    """The pieces of text[start:stop] between separators, blanks around them dropped, each with its position."""
    position = start
    for piece in text[start:stop].split(separator):
        bare = piece.lstrip(_BLANKS)
        yield bare.rstrip(_BLANKS), position + len(piece) - len(bare)
        position += len(piece) + 1


def _days(text: str, stop: int) -> tuple[int, ...]:
    if text[:stop].strip(_BLANKS) == "*":
        return tuple(range(7))
    days: set[int] = set()
    for word, position in _words(text, 0, stop, ","):
        days.update(_day_range(text, word, position))
    return tuple(sorted(days))


def _day_range(text: str, word: str, position: int) -> Iterator[int]:
    ends = [_day(text, *end) for end in _ends(text, word, position, most="Mon-Fri")]
    first, last = ends[0], ends[-1]
    return ((first + step) % 7 for step in range((last - first) % 7 + 1))


def _ends(text: str, word: str, position: int, most: str) -> list[tuple[str, int]]:
    ends = list(_words(text, position, position + len(word), "-"))
    if len(ends) > 2:
        raise BadRule("BAD_RANGE", text, position, f"{word!r} has more than two ends, expected e.g. {most}")
    return ends


def _day(text: str, word: str, position: int) -> int:
    if word.lower() not in _DAYS:
        raise BadRule("BAD_DAY", text, position, f"{word!r} is not one of Mon,Tue,Wed,Thu,Fri,Sat,Sun (or * alone)")
    return _DAYS.index(word.lower())


def _times(text: str, start: int) -> Iterator[tuple[int, int]]:
    for word, position in _words(text, start, len(text), ","):
        ends = _ends(text, word, position, most="0800-1600")
        if len(ends) != 2:
            raise BadRule("BAD_RANGE", text, position, f"{word!r} is not a span HHMM-HHMM, e.g. 0800-1600")
        yield _span(text, position, *ends)


def _span(text: str, position: int, start: tuple[str, int], end: tuple[str, int]) -> tuple[int, int]:
    if start[0] == "2400":
        raise BadRule("BAD_TIME", text, start[1], "'2400' is allowed only as an end")
    first, last = _minute(text, *start), _minute(text, *end)
    if first == last:
        raise BadRule("EMPTY_RANGE", text, position, "start and end are equal; for a whole day write 0000-2400")
    return first, DAY_MINUTES if last == DAY_MINUTES - 1 else last


def _minute(text: str, word: str, position: int) -> int:
    if len(word) != 4 or not word.isdigit():
        raise BadRule("BAD_TIME", text, position, f"{word!r} is not four digits HHMM")
    hour, minute = int(word[:2]), int(word[2:])
    if (hour > 23 and word != "2400") or minute > 59:
        raise BadRule("BAD_TIME", text, position, f"{word!r} is not a time of day, 0000 to 2359 (2400 as an end)")
    return hour * 60 + minute
