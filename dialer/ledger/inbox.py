"""Incoming webhooks: stored raw and once, looked at until the attempt they speak of is known, forgotten later."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Connection, RowMapping, and_, delete, or_, select, update

from dialer.domain.notice import Hint
from dialer.domain.states import LIVE_ATTEMPTS, AttemptState
from dialer.ledger.client_tables import inbox
from dialer.ledger.tables import ASKED, attempts, is_asked
from dialer.ledger.transactions import Transactions, now_of


class SqlInbox:
    """`dialer.ports.clients.Inbox`."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def store(self, account: str, event_id: str, body: str) -> bool:
        with self._transactions.write() as connection:
            now = now_of(connection)
            new = self._transactions.backend.insert(inbox).values(
                account=account, event_id=event_id, body=body, received_at=now, due_at=now, tries=0
            )
            return connection.execute(new.on_conflict_do_nothing(index_elements=["account", "event_id"])).rowcount == 1

    def due(self, limit: int) -> list[Hint]:
        i = inbox.c
        query = select(inbox).where(i.done_at.is_(None)).order_by(i.due_at, i.entry_id).limit(limit)
        with self._transactions.read() as connection:
            rows = connection.execute(query.where(i.due_at <= now_of(connection))).mappings().all()
        return [_hint_of(row) for row in rows]

    def done(self, entry_id: int, detail: str) -> None:
        this = update(inbox).where(inbox.c.entry_id == entry_id, inbox.c.done_at.is_(None))
        with self._transactions.write() as connection:
            connection.execute(this.values(done_at=now_of(connection), detail=detail))

    def later(self, entry_id: int, after: timedelta, detail: str) -> None:
        i = inbox.c
        this = update(inbox).where(i.entry_id == entry_id, i.done_at.is_(None))
        with self._transactions.write() as connection:
            due_at = now_of(connection) + after
            connection.execute(this.values(due_at=due_at, tries=i.tries + 1, detail=detail))

    def forget(self, lasting: timedelta, limit: int) -> int:
        i = inbox.c
        with self._transactions.write() as connection:
            old = select(i.entry_id).where(i.received_at <= now_of(connection) - lasting).limit(limit)
            ids = connection.execute(old).scalars().all()
            connection.execute(delete(inbox).where(i.entry_id.in_(ids)))
            return len(ids)

    def speaks_of(self, account: str, provider_call_id: str | None, reference: str | None) -> str | None:
        with self._transactions.write() as connection:
            found = _found(connection, account, provider_call_id, reference)
            if found is None:
                return None
            state = AttemptState(found[attempts.c.state])
            if state in ASKED:
                a = attempts.c
                this = and_(a.call_id == found[a.call_id], a.number == found[a.number], is_asked())
                connection.execute(update(attempts).where(this).values(next_look_at=now_of(connection)))
                return "asked"
            # One whose own answer is still on its way is not known by the provider's id: this hint waits for it.
            return None if state in LIVE_ATTEMPTS else "over"


def _found(
    connection: Connection, account: str, provider_call_id: str | None, reference: str | None
) -> RowMapping | None:
    a = attempts.c
    names = []
    if provider_call_id is not None:
        names.append(a.provider_call_id == provider_call_id)
    if reference is not None:
        names.append(a.reference == reference)
    if not names:
        return None
    query = select(a.call_id, a.number, a.state).where(a.account == account, or_(*names)).limit(1)
    return connection.execute(query).mappings().first()


def _hint_of(row: RowMapping) -> Hint:
    i = inbox.c
    return Hint(row[i.entry_id], row[i.account], row[i.event_id], row[i.body], row[i.received_at], row[i.tries])
