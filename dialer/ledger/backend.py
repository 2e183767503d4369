"""What differs between the two databases; each module named like one says how."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Connection, Engine, Table

from dialer.domain.batch import CohortZones
from dialer.domain.call import DueCohort, NewCall
from dialer.domain.states import CallState, Lane
from dialer.ledger.direct import Direct, Stack

#: Columns of a call on its way in, in the order in which SQLite takes their values.
NEW_CALL_COLUMNS = (
    "call_id",
    "batch_id",
    "cohort_id",
    "phone",
    "variables",
    "timezone",
    "lane",
    "max_retries",
    "state",
    "close_reason",
    "due_at",
    "created_at",
    "closed_at",
)


#: A cohort, a lane, and how many of its due calls are taken.
Portion = tuple[int, Lane, int]
#: Of each cohort and lane the calls that were marked, in the order in which they fell due, with their push sequences.
Marked = dict[tuple[int, Lane], list[tuple[str, int]]]


@dataclass(frozen=True, slots=True)
class NewRows:
    """A chunk of calls on their way in, all of one batch."""

    batch_id: str
    #: the state of those that are not suppressed
    opened: CallState
    now: datetime
    ids: Sequence[str]
    calls: Sequence[NewCall]
    cohorts: Mapping[CohortZones, int]
    #: none of the numbers is likely to be known
    is_first: bool

    @property
    def suppressed(self) -> int:
        return sum(call.is_suppressed for call in self.calls)


class Backend(Protocol):
    """One kind of database."""

    engine: Engine
    #: where the ledger lies, without any password
    address: str
    #: connections of the driver's own, for what every dispatch and every tick costs
    direct: Stack
    #: what its driver raises when the database does not answer
    lost: tuple[type[Exception], ...]

    def reading(self) -> AbstractContextManager[Connection]:
        """A connection for reads that need no common snapshot."""
        ...

    def writing(self) -> AbstractContextManager[Connection]:
        """One transaction, committed at the end of the block, rolled back when it raises."""
        ...

    def insert(self, table: Table) -> Any:
        """The dialect's own INSERT, which knows ON CONFLICT; both spell it alike but share no type."""
        ...

    def share(self, connection: Any, batch_id: str) -> None:
        """Shared barrier of everything and of the batch, until the transaction ends. Read in the next statement.

        `connection`: one of SQLAlchemy's, or a Direct.
        """
        ...

    def exclude(self, connection: Connection, batch_id: str) -> None:
        """Exclusive barrier of the batch: whoever shared it has committed by now."""
        ...

    def exclude_all(self, connection: Connection) -> None:
        """Exclusive barrier of everything."""
        ...

    def insert_calls(self, connection: Connection, rows: NewRows) -> tuple[int, int]:
        """Insert calls whose number is new to the batch; returns how many came in open, and how many closed."""
        ...

    def due(self, direct: Direct, rooms: Mapping[str, int], least: int, most_cohorts: int) -> list[DueCohort]:
        """`Release.due`."""
        ...

    def mark(self, direct: Direct, portions: Sequence[Portion]) -> Marked:
        """ready → queued, committed: of each portion as many as it says, oldest due first. Held rows stay."""
        ...
