"""Templates and their runs: when the next occurrence is, and which numbers it is given."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, RowMapping, and_, select, update

from dialer.domain.batch import Batch, BatchTerms, CohortZones, Span
from dialer.domain.call import NewCall, Suppression
from dialer.domain.states import BatchState, CallState, CloseReason, Lane
from dialer.ledger.columns import word
from dialer.ledger.loads import add_calls, get, locked, rewrite
from dialer.ledger.moves import close_dialable
from dialer.ledger.rows import batch_of, zones_of
from dialer.ledger.suppressions import in_force
from dialer.ledger.tables import batches, calls, cohorts, schedules
from dialer.ledger.transactions import Transactions, now_of
from dialer.ports.ledger import Added, DueSchedule, OpenedLoad

#: Calls that the end of a run closes itself; the sweep of what has expired closes the rest.
END_CHUNK = 2000

_OVER = (BatchState.COMPLETED.value, BatchState.TERMINATED.value)


class SqlSchedules:
    """`dialer.ports.ledger.Schedules`."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def set_next(
        self, batch_id: str, next_at: datetime | None, last_local: str | None, expected: datetime | None
    ) -> bool:
        s = schedules.c
        advanced = {"next_at": next_at, "last_local": last_local}
        with self._transactions.write() as connection:
            if expected is None:
                create = self._transactions.backend.insert(schedules).values(batch_id=batch_id, **advanced)
                connection.execute(create.on_conflict_do_update(index_elements=["batch_id"], set_=advanced))
                return True
            this = and_(s.batch_id == batch_id, s.next_at == expected)
            return connection.execute(update(schedules).where(this).values(**advanced)).rowcount == 1

    def due(self) -> list[DueSchedule]:
        s, b = schedules.c, batches.c
        query = (
            select(schedules, batches)
            .join_from(schedules, batches, b.batch_id == s.batch_id)
            .where(b.state == word(BatchState.ACTIVE), b.is_loaded, b.cron.is_not(None))
            .order_by(s.next_at)
        )
        with self._transactions.read() as connection:
            rows = connection.execute(query.where(s.next_at <= now_of(connection))).mappings().all()
        return [DueSchedule(batch_of(row), row[s.next_at], row[s.last_local]) for row in rows]

    def copy_calls(self, template_id: str, load: OpenedLoad, after: str | None, limit: int) -> tuple[Added, str | None]:
        with self._transactions.write() as connection:
            self._transactions.backend.share(connection, load.batch.batch_id)
            now, run = now_of(connection), get(connection, load.batch.batch_id)
            if run.state is BatchState.TERMINATED:
                return Added(0, 0, 0), None
            rows = _template_calls(connection, template_id, after, limit)
            phones = [row[calls.c.phone] for row in rows]
            listed = in_force(connection, phones, run.terms.name.workspace_id, now)
            wanted = [_copied(row) for row in rows if not _bars(listed.get(row[calls.c.phone]), run)]
            added = add_calls(connection, self._transactions, load, wanted, _not_known_yet)
        return added, rows[-1][calls.c.call_id] if len(rows) == limit else None

    def end_run(self, batch_id: str, reason: str) -> None:
        c = cohorts.c
        with self._transactions.write() as connection:
            self._transactions.backend.exclude(connection, batch_id)
            run, now = locked(connection, batch_id), now_of(connection)
            if run.state.value in _OVER:
                return
            # Its exp is now: what comes back later closes too, and the sweep finds what this chunk leaves. Where its
            # load was interrupted, nobody will go on with it: it is over, lest the run never complete.
            over = {"is_loaded": True, "is_loading": False, "load_id": None}
            rewrite(connection, batch_id, exp=min(run.terms.exp, now), **over)
            cut = update(cohorts).where(c.batch_id == batch_id, c.closes_at > now)
            connection.execute(cut.values(closes_at=now))
            close_dialable(connection, batch_id, CloseReason.EXPIRED, now, END_CHUNK, reason)

    def runs(self, template_id: str, open_only: bool) -> list[Batch]:
        query = select(batches).where(batches.c.template_id == template_id).order_by(batches.c.batch_id)
        if open_only:
            query = query.where(batches.c.state.not_in(_OVER))
        with self._transactions.read() as connection:
            return [batch_of(row) for row in connection.execute(query).mappings().all()]


def _template_calls(connection: Connection, template_id: str, after: str | None, limit: int) -> list[RowMapping]:
    """Those that wait: one that entered suppressed, or is closed otherwise, is in no run."""
    c = calls.c
    query = (
        select(calls, cohorts.c.zones)
        .join_from(calls, cohorts, cohorts.c.cohort_id == c.cohort_id)
        .where(c.batch_id == template_id, c.state == word(CallState.WAITING))
        .order_by(c.call_id)
        .limit(limit)
    )
    if after is not None:
        query = query.where(c.call_id > after)
    return list(connection.execute(query).mappings().all())


def _copied(row: RowMapping) -> NewCall:
    c = calls.c
    return NewCall(
        phone=row[c.phone],
        zones=zones_of(row[cohorts.c.zones]),
        variables=row[c.variables],
        timezone=row[c.timezone],
        max_retries=row[c.max_retries],
        lane=None if row[c.lane] is None else Lane(row[c.lane]),
    )


def _bars(entry: Suppression | None, run: Batch) -> bool:
    """An entry that ends within the run only defers the number."""
    return entry is not None and (entry.until is None or entry.until >= run.terms.exp)


def _not_known_yet(terms: BatchTerms, zones: CohortZones, now: datetime) -> Span:
    """An empty span: over at once, so the next tick gives the cohort its first real one."""
    return Span(now, now)
