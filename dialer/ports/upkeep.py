"""The ledger's rooms for whoever runs the dialer: what is going on, what is wrong, and what is not kept for ever.

As in `dialer.ports.ledger`: each method one short transaction, LedgerUnreachable when the database does not answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from dialer.domain.batch import Batch
from dialer.domain.figures import LedgerFigures
from dialer.domain.report import Quarter
from dialer.domain.states import CallState, Lane
from dialer.domain.upkeep import Alert, AlertKind, Condition, Erased, Tiding


@dataclass(frozen=True, slots=True)
class Lease:
    """Who leads, and when it last ticked."""

    holder: str | None
    term: int
    ticked_at: datetime | None


class Overview(Protocol):
    """The whole ledger at a glance, from the few rows that are in flight."""

    def in_flight(self) -> Mapping[CallState, int]:
        """Calls that are queued, dialing, in progress and unknown; every one of these states is a key."""
        ...

    def queued_by_lane(self) -> dict[Lane, int]: ...

    def dialing_by_worker(self) -> dict[str, int]: ...

    def lease(self) -> Lease: ...

    def open_batches(self, workspace_id: str | None, limit: int) -> tuple[list[Batch], int]:
        """Batches that are not over, those with calls in flight first, then the newest; and how many there are."""
        ...


class Gauges(Protocol):
    """The ledger in figures, for machines that watch."""

    def read(self) -> LedgerFigures:
        """What became of everything, by account, and what waits. Its cost grows with batches, not with calls."""
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


#: One row of the ledger as it stands, by its columns' names, for whoever reads the archive.
Row = dict[str, Any]


class Retention(Protocol):
    """Batches that are over for long: read whole, then removed."""

    def prunable(self, older: timedelta, after: str | None, limit: int) -> list[str]:
        """Ids of batches that are over for so long; never one with an open call, a load under way, a run that is kept,
        a word or a webhook that is still to be told, or a call that its provider may hold."""
        ...

    def whole(self, batch_id: str) -> Row | None:
        """The batch with all but its calls."""
        ...

    def page(self, batch_id: str, after: str | None, limit: int) -> list[Row]:
        """Its calls in load order, each with its attempts and decisions; `after` = the last call id seen."""
        ...

    def seal(self, batch_id: str, older: timedelta, archive: str) -> bool:
        """The point of no return, under its exclusive barrier: its sums are kept and its row is removed, at once.

        False where it is not, or no longer, to be pruned: nothing was done.
        """
        ...

    def unfinished(self) -> list[str]:
        """Sealed batches whose calls are not all removed yet."""
        ...

    def empty(self, batch_id: str, limit: int) -> int:
        """Remove up to `limit` calls of a sealed batch, with all that belongs to them; how many. Less: it is done."""
        ...

    def forget_alerts(self, older: timedelta) -> int:
        """Alerts that were over before that and that nobody is still to be told of."""
        ...


class Books(Protocol):
    """What was attempted when, how it ended, and what it cost."""

    def quarters(self, workspace_id: str, start: datetime, end: datetime) -> Iterator[Quarter]:
        """Every quarter of an hour in which something was claimed, batch by batch, pruned ones included."""
        ...


class Archive(Protocol):
    """Where pruned batches go."""

    def write(self, folder: str, batch_id: str, rows: Iterable[Row]) -> str:
        """Everything of one batch, safe on its disk when this returns: its name there. ArchiveUnwritable."""
        ...

    def keep_only(self, name: str) -> None:
        """The batch is sealed under this name: what others that broke off have left of it goes."""
        ...

    def discard(self, name: str) -> None:
        """It was not pruned after all, or by somebody else."""
        ...

    def erase(self, phone: str, forms: Sequence[str], token: str) -> int:
        """As in the ledger: in every file in which it stands. How many; ArchiveUnwritable."""
        ...


class Erasure(Protocol):
    """One number made unreadable. Each step is safe to repeat; `begin` first, `finish` last."""

    def begin(self, phone: str) -> Erased:
        """Its own rows, in one transaction under the barrier of everything: no claim is under way meanwhile.

        Calls still to be dialed close `suppressed`; entries of the do-not-call list go on under the token.
        CallUnderWay: nothing was done.
        """
        ...

    def sweep(self, forms: Sequence[str], token: str, phone: str) -> Mapping[str, int]:
        """Contacts of this number go; in the texts of others the token takes the place of every form of it. Rows by
        table."""
        ...

    def sweep_calls(self, forms: Sequence[str], token: str, after: str | None, limit: int) -> tuple[int, str | None]:
        """The same in what is kept of up to `limit` calls and their attempts; how many rows, and where to go on."""
        ...

    def left(self, forms: Sequence[str]) -> list[str]:
        """Names in which it stands: table and column."""
        ...

    def finish(self, token: str) -> None: ...
