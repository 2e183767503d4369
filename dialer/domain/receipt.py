"""What a caller is told after a load, a control word or a test call."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple


class Rejection(NamedTuple):
    """A row that was not taken. `row` counts from 1; in a CSV the header is row 1."""

    row: int
    phone: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class LoadReceipt:
    """What became of a load's rows; the counts add up to the rows read."""

    batch_id: str
    #: new calls
    accepted: int = 0
    #: numbers that earlier loads brought; left as they are
    already_known: int = 0
    #: the same number again in this load
    duplicates: int = 0
    #: on the do-not-call list for good: kept, closed, never dialed
    suppressed: int = 0
    rejected: int = 0
    #: the first 10,000 rejected rows
    rejections: tuple[Rejection, ...] = ()
    warnings: tuple[str, ...] = ()
    #: batch fields that this load changed
    changed: tuple[str, ...] = ()
    #: accepted numbers by the zones that gate them, e.g. {"Australia/Melbourne": 12}
    zones: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ContactReceipt:
    """What became of the rows that were brought into a contact list; the counts add up to the rows read."""

    list_id: str
    #: new to the list
    added: int = 0
    #: numbers that it had: they took what was given anew
    already_known: int = 0
    #: the same number again among these rows: the later one counts
    duplicates: int = 0
    rejected: int = 0
    #: the first 10,000 rejected rows
    rejections: tuple[Rejection, ...] = ()


@dataclass(frozen=True, slots=True)
class ControlReceipt:
    """The state after a pause, resume or terminate."""

    batch_id: str
    state: str
    #: calls claimed before: their requests may still go out
    in_flight: int
    #: calls that a provider which cannot be asked may still be holding
    handed_over: int
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CallRef:
    """A test call, and whether something holds it."""

    call_id: str
    batch_id: str
    held: bool
    why: str | None
    next_eligible_at: datetime | None
