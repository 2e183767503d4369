"""Which texts are cron expressions that every cron reads alike; when they fire is decided in `recurrence`.

Stricter than croniter on purpose: a schedule that is read otherwise than it was meant dials a whole batch too often.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from croniter import CroniterError, croniter

from dialer.errors import BadCron, shown

MAX_CRON_CHARS: Final = 256

_FIELDS: Final = ("minute", "hour", "day of month", "month", "day of week")
_SIZES: Final = (60, 24, 31, 12, 7)
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_VALUE: Final = r"[0-9]{1,2}|[a-z]{3}"
_ITEM: Final = re.compile(
    rf"(?P<star>\*)(?:/(?P<star_step>[0-9]{{1,2}}))?"
    rf"|(?P<first>{_VALUE})(?:-(?P<last>{_VALUE}))?(?:/(?P<step>[0-9]{{1,2}}))?"
)
_NTH_WEEKDAY: Final = re.compile(rf"(?:{_VALUE})#[1-5]|l[0-7]")


def check_cron(text: object) -> str:
    """The expression with single blanks between its five fields; BadCron when it is none, or never fires."""
    if not isinstance(text, str):
        raise BadCron(f"{shown(text, 80)}: expected text with five fields, got {type(text).__name__}")
    if len(text) > MAX_CRON_CHARS or not text.isascii() or not text.replace("\t", " ").isprintable():
        raise BadCron(f"{shown(text, 80)}: expected at most {MAX_CRON_CHARS} plain ASCII characters")
    fields = text.lower().split()
    if len(fields) != len(_FIELDS):
        hint = "; aliases such as @daily are not read" if text.lstrip().startswith("@") else ""
        raise BadCron(f"{text!r}: expected five fields ({', '.join(_FIELDS)}), got {len(fields)}{hint}")
    for index, field in enumerate(fields):
        for item in field.split(","):
            _check_item(text, index, field, item)
    _check_days(text, fields[2], fields[4])
    _check_fires(text, " ".join(fields))
    return " ".join(text.split())


def _check_item(text: str, index: int, field: str, item: str) -> None:
    if (index == 2 and item == "l") or (index == 4 and _NTH_WEEKDAY.fullmatch(item)):
        return
    match = _ITEM.fullmatch(item)
    if match is None:
        raise _bad(text, index, f"{item!r} is none of *, 5, 1-5, */15, 1,2 (R, H, ? and W are not read)")
    step = match["star_step"] or match["step"]
    if match["star"] and field != item:
        raise _bad(text, index, "* stands alone, or as */15")
    if step and not 0 < int(step) <= _SIZES[index]:
        raise _bad(text, index, f"a step of {step} does not fit; steps start anew in each {_SIZES[index]}")
    if match["last"] and item != "0-7" and _number(index, match["first"]) == _number(index, match["last"]):
        raise _bad(text, index, f"{item!r} has equal ends: write the value alone")
    if index == 4 and match["step"] and not match["last"]:
        raise _bad(text, index, f"{item!r} is read in several ways: write the days out")


def _check_days(text: str, day: str, weekday: str) -> None:
    """Both day fields restricted means either of them; but only where no cron reads it otherwise."""
    if day == "*" or weekday == "*":
        return
    if day.startswith("*") or weekday.startswith("*") or "#" in weekday or "l" in weekday:
        raise _bad(text, 4, "with this day of month it is read in several ways: restrict one of the two")


def _check_fires(text: str, expression: str) -> None:
    try:
        croniter(expression, datetime(2000, 1, 1)).get_next(datetime)  # noqa: DTZ001 - a wall clock, of no zone
    except CroniterError as error:
        reason = "it never fires" if "failed to find" in str(error) else str(error)
        raise BadCron(f"{text!r}: {reason:.200}") from None


def _number(index: int, value: str) -> int | str:
    """The number that a value stands for; what is none stays as it is, for croniter to refuse."""
    if value.isdigit():
        return int(value) % 7 if index == 4 else int(value)
    names = {3: _MONTHS, 4: _WEEKDAYS}.get(index, ())
    return names.index(value) + (index == 3) if value in names else value


def _bad(text: str, index: int, expected: str) -> BadCron:
    return BadCron(f"{text!r}: {_FIELDS[index]}: {expected}")
