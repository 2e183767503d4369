"""The ledger's rooms for whoever runs the dialer: what is going on, what is wrong, and what is not kept for ever.

As in `dialer.ports.ledger`: each method one short transaction, LedgerUnreachable when the database does not answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Protocol

from dialer.domain.states import CallState
from dialer.domain.upkeep import Alert, AlertKind, Condition, Tiding


class Overview(Protocol):
    """The whole ledger at a glance, from the few rows that are in flight."""

    def in_flight(self) -> Mapping[CallState, int]:
        """Calls that are queued, dialing, in progress and unknown; every one of these states is a key."""
        ...


class Alerts(Protocol):
    """What is wrong, from its beginning to its end, and who is still to be told."""

    def observe(self, kinds: Sequence[AlertKind], found: Sequence[Condition], channels: Sequence[str]) -> list[Alert]:
        """Of these kinds exactly this is wrong now. What is new begins, what is gone is over, once, whoever looks.

        In the same transaction each gets its tidings: a beginning for every channel, an end for those that were to be
        told of the beginning. Returns what began or ended just now.
        """
        ...

    def open(self) -> list[Alert]:
        """What is wrong, oldest first."""
        ...

    def due(self, channels: Sequence[str], limit: int) -> list[Tiding]:
        """Tidings to be told now; each is put off for a minute, so that it is handed out once. Never an end before its
        beginning was told or given up."""
        ...

    def told(self, tiding_id: int) -> None: ...

    def later(self, tiding_id: int, after: timedelta | None, detail: str) -> None:
        """`tries` plus one; None = given up."""
        ...


class Alarm(Protocol):
    """One way of calling whoever runs the dialer. Must end by itself, soon."""

    @property
    def channel(self) -> str: ...

    def tell(self, tiding: Tiding) -> str | None:
        """None = told; else why not, without any secret."""
        ...
