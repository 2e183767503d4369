"""What whoever runs the dialer is told: how a drain stands, what was pruned, erased and reported, and what is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class DrainReceipt:
    """How a drain stands. `in_flight`: requests that may still go out or be under way, the only ones it waits for."""

    drained: bool
    since: datetime | None
    in_flight: int
    #: on their way to a worker; it hands them back
    queued: int
    #: at their providers: they end by themselves, whatever version of the dialer asks
    in_progress: int
    unknown: int


@dataclass(frozen=True, slots=True)
class PendingStep:
    """One step of the schema that a ledger lacks."""

    revision: str
    words: str


@dataclass(frozen=True, slots=True)
class SchemaStatus:
    """Which schema a ledger has beside the one that this version needs."""

    found: str | None
    needed: str
    pending: tuple[PendingStep, ...]
    #: of a newer ledger: the oldest version, by its schema, that may run on it
    oldest_allowed: str | None
    #: this version may run on it as it is
    may_run: bool
