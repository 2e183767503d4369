"""Incoming webhooks: stored raw and once, looked at until the attempt they speak of is known, forgotten later."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, delete, func, select, update

from dialer.domain.notice import Hint
from dialer.domain.states import LIVE_ATTEMPTS, AttemptState
from dialer.ledger.client_tables import inbox
from dialer.ledger.columns import word
from dialer.ledger.tables import ASKED, attempts, calls, is_asked
from dialer.ledger.transactions import Transactions, now_of

#: For the operator who decides about an unresolved call.
_AFTERWARDS = "; a webhook of the provider spoke of it afterwards"


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
            once = new.on_conflict_do_nothing(index_elements=["account", "event_id"]).returning(inbox.c.entry_id)
            return connection.execute(once).first() is not None

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

    def speaks_of(
        self, account: str, provider_call_id: str | None, reference: str | None, phone: str | None = None
    ) -> str | None:
        a = attempts.c
        with self._transactions.write() as connection:
            found = _found(connection, account, provider_call_id, reference)
            if found is None:
                if phone is not None:
                    _ask(connection, _nameless(account, phone))
                return None
            state, this = AttemptState(found[a.state]), and_(a.call_id == found[a.call_id], a.number == found[a.number])
            if state in ASKED:
                _ask(connection, this)
                return "asked"
            if state is AttemptState.UNRESOLVED:
                said = func.coalesce(a.detail, "")
                late = update(attempts).where(this, said.not_like(f"%{_AFTERWARDS}"))
                connection.execute(late.values(detail=said + _AFTERWARDS))
            # One whose own answer is still on its way is not known by the provider's id: this hint waits for it.
            return None if state in LIVE_ATTEMPTS else "over"


def _found(
    connection: Connection, account: str, provider_call_id: str | None, reference: str | None
) -> RowMapping | None:
    """By the provider's own id before ours: what a provider repeats of ours it may repeat wrongly."""
    a = attempts.c
    names = []
    if provider_call_id is not None:
        names.append(a.provider_call_id == provider_call_id)
    if reference is not None and _is_id(reference):
        names.append(a.reference == reference)
    for name in names:
        query = select(a.call_id, a.number, a.state).where(a.account == account, name).limit(1)
        if (row := connection.execute(query).mappings().first()) is not None:
            return row
    return None


def _nameless(account: str, phone: str) -> ColumnElement[bool]:
    """Attempts to this number whose answer was lost, so that neither name can be matched."""
    a, c = attempts.c, calls.c
    same_number = select(c.call_id).where(c.phone == phone)
    lost = a.state == word(AttemptState.UNKNOWN), a.provider_call_id.is_(None)
    return and_(a.call_id.in_(same_number), a.account == account, *lost)


def _ask(connection: Connection, which: ColumnElement[bool]) -> None:
    """The provider is asked about these at once."""
    due = update(attempts).where(which, is_asked()).values(next_look_at=now_of(connection))
    connection.execute(due)


def _is_id(text: str) -> bool:
    """A reference is a UUID; anything else can be none of ours (and PostgreSQL refuses to compare it)."""
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


def _hint_of(row: RowMapping) -> Hint:
    i = inbox.c
    return Hint(row[i.entry_id], row[i.account], row[i.event_id], row[i.body], row[i.received_at], row[i.tries])
