"""What a numbering plan says of most numbers at a glance, so that a million of them need not cost a minute.

Two shortcuts around phonenumbers, both derived from its own metadata and both exact: whatever they cannot be certain
of is left to the library, and to the caller who asks it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import Any, Final

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata
from phonenumbers.tzdata import TIMEZONE_DATA

# By name: typeshed hides them, and whether mypy sees them depends on which libraries it follows.
codes: Any = import_module("re._constants")
parser: Any = import_module("re._parser")

_DIGITS: Final = frozenset("0123456789")
_KINDS: Final = (
    "general_desc",
    "premium_rate",
    "toll_free",
    "shared_cost",
    "voip",
    "personal_number",
    "pager",
    "uan",
    "voicemail",
    "fixed_line",
    "mobile",
)
#: The area code of a North American number is looked up beside the library.
_LEAST_DECIDING: Final = 3
#: A process that meets numbers of the whole world forgets what it learned now and then.
_MOST_STEPS: Final = 200_000
#: Most numbers are decided within so many characters.
_HEAD_CHARS: Final = 8
_MOST_HEADS: Final = 50_000

#: What is left of a pattern: digit sets, alternatives (a list of sequences) and repeats, one after the other.
_Rest = tuple[Any, ...]


class _BeyondUs(Exception):
    """A pattern with something in it that is more than digits."""


@dataclass(frozen=True, slots=True)
class _Step:
    """Where the plan's patterns stand after some digits."""

    rests: frozenset[_Rest]
    #: the digits so far, country code included
    path: str
    is_decided: bool
    onward: dict[str, _Step] = field(default_factory=dict)
    #: the first number that was decided here, by its length
    met: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Plan:
    """The numbers of one country code."""

    code: str
    #: of whole numbers, plus and code included
    whole_lengths: frozenset[int]
    #: what a number could begin with that the library would strip
    stripped: re.Pattern[str] | None
    start: _Step | None

    def may_be_stripped(self, national: str) -> bool:
        return self.stripped is not None and self.stripped.match(national) is not None


@dataclass(slots=True)
class _Head:
    """Numbers that begin alike. Not frozen: reading its fields is what a load does most."""

    #: empty where the library is to be asked about each of them
    lengths: frozenset[int]
    stripped: re.Pattern[str] | None
    #: where the national number begins
    begin: int
    #: where the plan's patterns stand behind the head
    step: _Step | None


_heads: dict[str, _Head] = {}


def kin_of(phone: str) -> str | None:
    """A number of which phonenumbers says the same as of this text, a plus and digits: that it reads it as just that
    number, finds it possible, and what type and zones it has. Often one met before. None: it has to be asked.

    Both begin alike up to where no pattern of their plan tells one digit from another, and are as long.
    """
    head = _heads.get(phone[:_HEAD_CHARS]) or _head_of(phone[:_HEAD_CHARS])
    if len(phone) not in head.lengths or (head.stripped is not None and head.stripped.match(phone, head.begin)):
        return None
    step = head.step
    if step is None:
        return phone
    if not step.is_decided:
        step = _walk(step, phone[_HEAD_CHARS:])
    return step.met.setdefault(len(phone), phone)


def _walk(step: _Step, digits: str) -> _Step:
    for digit in digits:
        if step.is_decided:
            break
        step = step.onward.get(digit) or _go_on(step, digit)
    return step


def _head_of(begin: str) -> _Head:
    if len(_heads) >= _MOST_HEADS:
        _heads.clear()
    return _heads.setdefault(begin, _read_head(begin, _plan_of(begin)))


def _read_head(begin: str, plan: _Plan | None) -> _Head:
    if plan is None:
        return _Head(frozenset(), None, 0, None)
    national = 1 + len(plan.code)
    step = None if plan.start is None else _walk(plan.start, begin[national:])
    return _Head(plan.whole_lengths, plan.stripped, national, step)


def is_surely_possible(phone: str) -> bool:
    """Whether phonenumbers reads this text, a plus and digits, as just that number and finds it possible.

    False means only that it has to be asked.
    """
    return kin_of(phone) is not None


def one_alike(phone: str) -> str:
    """As `kin_of`, of any E.164 number, also one that is not possible; itself, where nothing is certain."""
    plan = _plan_of(phone)
    if plan is None or plan.start is None:
        return phone
    national = phone[1 + len(plan.code) :]
    if plan.may_be_stripped(national):
        return phone
    return _walk(plan.start, national).met.setdefault(len(phone), phone)


def _plan_of(phone: str) -> _Plan | None:
    for end in (2, 3, 4):
        if int(phone[1:end]) in COUNTRY_CODE_TO_REGION_CODE:
            return _plan(phone[1:end])
    return None


@cache
def _plan(code: str) -> _Plan | None:
    regions = COUNTRY_CODE_TO_REGION_CODE[int(code)]
    described = [PhoneMetadata.metadata_for_region_or_calling_code(int(code), region) for region in regions]
    main = described[0]
    if main is None or main.general_desc is None:
        return None
    stripped = main.national_prefix_for_parsing
    possible = set(main.general_desc.possible_length) - set(main.general_desc.possible_length_local_only)
    return _Plan(
        code=code,
        whole_lengths=frozenset(1 + len(code) + length for length in possible),
        stripped=re.compile(stripped) if stripped else None,
        start=_start(code, described),
    )


def _start(code: str, described: Iterable[Any]) -> _Step | None:
    try:
        rests = frozenset(_read(parser.parse(pattern)) for pattern in _patterns(described))
    except _BeyondUs:
        return None
    return _Step(rests, code, is_decided=False)


def _patterns(described: Iterable[Any]) -> Iterator[str]:
    for region in described:
        if region is None:
            continue
        if region.leading_digits:
            yield region.leading_digits
        for kind in _KINDS:
            desc = getattr(region, kind)
            if desc is not None and desc.national_number_pattern:
                yield desc.national_number_pattern


_steps_made = 0


def _go_on(step: _Step, digit: str) -> _Step:
    global _steps_made
    if _steps_made >= _MOST_STEPS:
        _plan.cache_clear()
        _heads.clear()
        _steps_made = 0
    _steps_made += 1
    rests = frozenset(rest for before in step.rests for rest in _after(before, digit))
    path = step.path + digit
    return step.onward.setdefault(digit, _Step(rests, path, _is_decided(rests, path)))


def _is_decided(rests: frozenset[_Rest], path: str) -> bool:
    known = path in _undecided_zones() or len(path) < 1 + _LEAST_DECIDING
    return not known and all(_is_free(rest) for rest in rests)


@cache
def _undecided_zones() -> frozenset[str]:
    """Beginnings behind which the library knows zones of a longer one."""
    return frozenset(prefix[:end] for prefix in TIMEZONE_DATA for end in range(1, len(prefix)))


def _is_free(rest: _Rest) -> bool:
    """Whether only the number of digits to come matters."""
    return all(
        part is _DIGITS or (isinstance(part, tuple) and part[0] == "repeat" and _is_free(part[3])) for part in rest
    )


def _after(rest: _Rest, digit: str) -> Iterator[_Rest]:
    """What may be left of a pattern behind one more digit."""
    if not rest:
        return
    part, others = rest[0], rest[1:]
    if isinstance(part, frozenset):
        if digit in part:
            yield others
    elif part[0] == "one of":
        for alternative in part[1]:
            yield from _after(alternative + others, digit)
    else:
        _, least, most, repeated = part
        if most > 0:
            again = ("repeat", max(0, least - 1), most - 1, repeated)
            yield from _after((*repeated, again, *others), digit)
        if least == 0:
            yield from _after(others, digit)


def _read(parsed: Iterable[Any]) -> _Rest:
    """A parsed pattern in our own three words."""
    rest: list[Any] = []
    for code, given in parsed:
        if code is codes.LITERAL:
            rest.append(frozenset(chr(given)))
        elif code is codes.IN:
            rest.append(_digits_of(given))
        elif code is codes.BRANCH:
            rest.append(("one of", tuple(_read(each) for each in given[1])))
        elif code is codes.SUBPATTERN:
            rest.extend(_read(given[-1]))
        elif code is codes.MAX_REPEAT and given[1] <= 20:
            rest.append(("repeat", int(given[0]), int(given[1]), _read(given[2])))
        else:
            raise _BeyondUs
    return tuple(rest)


def _digits_of(given: Iterable[Any]) -> frozenset[str]:
    digits: set[str] = set()
    for code, value in given:
        if code is codes.LITERAL:
            digits.add(chr(value))
        elif code is codes.RANGE:
            digits.update(map(chr, range(value[0], value[1] + 1)))
        elif code is codes.CATEGORY and value is codes.CATEGORY_DIGIT:
            digits |= _DIGITS
        else:
            raise _BeyondUs
    return _DIGITS if digits == _DIGITS else frozenset(digits)
