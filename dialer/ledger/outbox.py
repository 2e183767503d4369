"""Control words for providers, repeated until heard."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, and_, delete, insert, not_, or_, select, update

from dialer.domain.batch import Batch, Cohort
from dialer.domain.placement import ControlOrder
from dialer.domain.states import DIALABLE_STATES, CallState
from dialer.ledger.columns import word, words
from dialer.ledger.moves import dialing
from dialer.ledger.rows import cohort_of, terms_of
from dialer.ledger.tables import batches, calls, cohorts, in_flight, outbox
from dialer.ledger.transactions import Transactions, now_of
from dialer.ports.ledger import OutboxEntry

#: Said once more when nothing is in flight: a request on its way may reach the provider after the first word.
_SAID_TWICE = ("pause", "terminate")


class SqlOutbox:
    """`dialer.ports.ledger.Outbox`."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def due(self, limit: int) -> list[OutboxEntry]:
        o = outbox.c
        is_its_turn = or_(not_(o.is_last_word), not_(_anything_in_flight()))
        query = (
            select(outbox, batches)
            .join_from(outbox, batches, batches.c.batch_id == o.batch_id)
            .where(o.done_at.is_(None), is_its_turn)
            .order_by(o.due_at, o.entry_id)
            .limit(limit)
        )
        with self._transactions.read() as connection:
            rows = connection.execute(query.where(o.due_at <= now_of(connection))).mappings().all()
        return [_entry_of(row) for row in rows]

    def stands(self, entry: OutboxEntry) -> bool:
        this = select(outbox.c.entry_id).where(outbox.c.entry_id == entry.entry_id, outbox.c.done_at.is_(None))
        with self._transactions.read() as connection:
            return connection.execute(this).first() is not None

    def done(self, entry: OutboxEntry) -> None:
        this = update(outbox).where(outbox.c.entry_id == entry.entry_id, outbox.c.done_at.is_(None))
        with self._transactions.write() as connection:
            connection.execute(this.values(done_at=now_of(connection)))

    def retry(self, entry: OutboxEntry, after: timedelta, detail: str) -> None:
        o = outbox.c
        this = update(outbox).where(o.entry_id == entry.entry_id, o.done_at.is_(None))
        with self._transactions.write() as connection:
            due_at = now_of(connection) + after
            connection.execute(this.values(due_at=due_at, detail=detail, tries=o.tries + 1))


def add_words(connection: Connection, batch: Batch, action: str) -> None:
    """In the transaction of the control word itself, so that neither is without the other."""
    o, now = outbox.c, now_of(connection)
    known = select(cohorts).where(cohorts.c.batch_id == batch.batch_id, cohorts.c.wire_exp > now)
    held = [cohort_of(row) for row in connection.execute(known.order_by(cohorts.c.number)).mappings().all()]
    refs = [cohort.wire_ref(batch.terms.name.batch_ref) for cohort in held]
    unsent = and_(o.batch_id == batch.batch_id, o.wire_ref.in_(refs), o.done_at.is_(None))
    connection.execute(delete(outbox).where(unsent))
    if action == "resume":
        idle = [cohort for cohort in held if not _has_dialable_call(connection, cohort)]
        refs = [cohort.wire_ref(batch.terms.name.batch_ref) for cohort in idle]
    entries = [
        {"wire_ref": ref, "is_last_word": is_last}
        for is_last in _words_of(connection, batch.batch_id, action)
        for ref in refs
    ]
    whole = {"batch_id": batch.batch_id, "action": action, "tries": 0, "due_at": now, "created_at": now}
    if entries:
        connection.execute(insert(outbox), [entry | whole for entry in entries])


def _has_dialable_call(connection: Connection, cohort: Cohort) -> bool:
    mine = and_(calls.c.batch_id == cohort.batch_id, calls.c.cohort_id == cohort.cohort_id)
    some = select(calls.c.call_id).where(mine, calls.c.state.in_(words(DIALABLE_STATES))).limit(1)
    return connection.execute(some).first() is not None


def _words_of(connection: Connection, batch_id: str, action: str) -> list[bool]:
    """One word for each wire ref, and a last one where the first may be overtaken by a request in flight."""
    is_said_twice = action in _SAID_TWICE and dialing(connection, calls.c.batch_id == batch_id) > 0
    return [False, True] if is_said_twice else [False]


def _anything_in_flight() -> Any:
    some = select(calls.c.call_id).where(
        in_flight(), calls.c.state == word(CallState.DIALING), calls.c.batch_id == outbox.c.batch_id
    )
    return some.correlate(outbox).exists()


def _entry_of(row: RowMapping) -> OutboxEntry:
    o, terms = outbox.c, terms_of(row)
    order = ControlOrder(
        action=row[o.action],
        workspace_id=terms.name.workspace_id,
        agent_id=terms.wire_agent_id,
        wire_ref=row[o.wire_ref],
        cli=terms.cli,
        nbf=terms.nbf,
        exp=terms.exp,
        block_rules=terms.block_rules,
    )
    return OutboxEntry(row[o.entry_id], row[o.batch_id], terms.account, order, row[o.tries])
