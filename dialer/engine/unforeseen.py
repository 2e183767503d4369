"""What nobody foresaw: put into words with a fingerprint, so that one item that fails neither stops the others nor
goes on failing unseen. Who counts it, and what becomes of the call, is up to the move."""

from __future__ import annotations

import hashlib
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import PurePath
from typing import TypeVar

from dialer.domain.placement import Answer, AnswerKind
from dialer.errors import LedgerUnreachable, RedisUnreachable

#: A call that failed so often in a row is set aside as `unresolved`.
MOST_FAILURES = 5
#: Between two tries of a call that failed.
BACKOFF = timedelta(minutes=1)
#: Not unforeseen: nobody is dialed until they are back, whoever the call is.
OUTAGES = (RedisUnreachable, LedgerUnreachable)
_INNERMOST = 3
_LONGEST = 300
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Unforeseen:
    """An exception in words. `about` names the item; no number and no variable is in the fingerprint."""

    why: str
    fingerprint: str
    about: str = ""


def unforeseen(error: Exception, where: str = "", about: str = "") -> Unforeseen:
    """`where` is what it happened to, in the sentence `unforeseen ValueError [1f2e3d4c5b6a] WHERE: its words`."""
    told, place = fingerprint(error), f" {where}" if where else ""
    why = f"unforeseen {type(error).__name__} [{told}]{place}: {error}".replace("\x00", "?")[:_LONGEST]
    return Unforeseen(why, told, about)


def fingerprint(error: Exception) -> str:
    """The same for the same mistake at the same place: exception type and innermost frames, never its words."""
    frames = traceback.extract_tb(error.__traceback__)[-_INNERMOST:]
    places = [f"{PurePath(frame.filename).name}:{frame.name}:{frame.lineno}" for frame in frames]
    return hashlib.sha256("\n".join([type(error).__qualname__, *places]).encode()).hexdigest()[:12]


def attempted(step: Callable[[], Result], otherwise: Result, failed: list[Unforeseen], about: str) -> Result:
    """What the step returns; what it raises is noted, and the next step goes on. An outage stops them all."""
    try:
        return step()
    except OUTAGES:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, it must not hold up the others
        failed.append(unforeseen(error, f"in {about}", about))
        return otherwise


def broken(error: Exception) -> Answer:
    """What an adapter that raises has told: nothing."""
    return Answer(AnswerKind.UNKNOWN, unforeseen(error, "in the adapter").why)
