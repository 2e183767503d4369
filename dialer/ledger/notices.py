"""Outgoing webhooks: written by the move that ends an attempt, handed out one by one, sent again until heard."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, RowMapping, and_, delete, literal, select, update

from dialer.domain.notice import Notice
from dialer.ledger.client_tables import agents, notices
from dialer.ledger.columns import Instant
from dialer.ledger.ids import IdMaker
from dialer.ledger.tables import batches
from dialer.ledger.transactions import Transactions, now_of

#: For so long nobody else is handed the same notice: a whole try, and its answer written down.
HANDED_OUT = timedelta(minutes=1)

_IDS = IdMaker()


class SqlNotices:
    """`dialer.ports.clients.Notices`."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def due(self, limit: int) -> list[str]:
        n = notices.c
        chosen = select(n.notice_id).where(n.due_at.is_not(None)).order_by(n.due_at).limit(limit)
        with self._transactions.write() as connection:
            now = now_of(connection)
            chosen = chosen.where(n.due_at <= now).with_for_update(skip_locked=True)
            ids = list(connection.execute(chosen).scalars().all())
            if ids:
                connection.execute(update(notices).where(n.notice_id.in_(ids)).values(due_at=now + HANDED_OUT))
            return ids

    def get(self, notice_id: str) -> Notice | None:
        query = select(notices).where(notices.c.notice_id == notice_id)
        with self._transactions.read() as connection:
            row = connection.execute(query).mappings().one_or_none()
        return None if row is None else _notice_of(row)

    def heard(self, notice_id: str, detail: str) -> None:
        n = notices.c
        with self._transactions.write() as connection:
            this = update(notices).where(n.notice_id == notice_id)
            said = {"heard_at": now_of(connection), "due_at": None, "dead_at": None, "detail": detail}
            connection.execute(this.values(tries=n.tries + 1, **said))

    def later(self, notice_id: str, after: timedelta | None, detail: str) -> None:
        n = notices.c
        with self._transactions.write() as connection:
            now = now_of(connection)
            when = {"due_at": None, "dead_at": now} if after is None else {"due_at": now + after}
            this = update(notices).where(n.notice_id == notice_id, n.due_at.is_not(None))
            connection.execute(this.values(tries=n.tries + 1, detail=detail, **when))

    def entries(
        self, workspace_id: str, *, dead_only: bool = False, after: str | None = None, limit: int = 200
    ) -> list[Notice]:
        n = notices.c
        query = select(notices).where(n.workspace_id == workspace_id).order_by(n.notice_id.desc()).limit(limit)
        if dead_only:
            query = query.where(n.dead_at.is_not(None))
        if after is not None:
            query = query.where(n.notice_id < after)
        with self._transactions.read() as connection:
            return [_notice_of(row) for row in connection.execute(query).mappings().all()]

    def replay(self, workspace_id: str, notice_id: str | None = None) -> int:
        n = notices.c
        which = n.dead_at.is_not(None) if notice_id is None else n.notice_id == notice_id
        with self._transactions.write() as connection:
            again = {"due_at": now_of(connection), "dead_at": None, "heard_at": None, "tries": 0}
            return connection.execute(
                update(notices).where(n.workspace_id == workspace_id, which).values(again)
            ).rowcount

    def forget(self, lasting: timedelta, limit: int) -> int:
        n = notices.c
        with self._transactions.write() as connection:
            is_old = n.created_at <= now_of(connection) - lasting
            old = select(n.notice_id).where(is_old, n.due_at.is_(None), n.heard_at.is_not(None)).limit(limit)
            ids = connection.execute(old).scalars().all()
            connection.execute(delete(notices).where(n.notice_id.in_(ids)))
            return len(ids)


def announce(connection: Connection, batch_id: str, call_id: str, number: int, now: datetime) -> None:
    """This attempt is over: whoever its agent's registration names is to be told. In the move's own transaction, so
    that neither is without the other."""
    a, b, n = agents.c, batches.c, notices.c
    [notice_id] = _IDS.take(now)
    told = (
        select(
            literal(notice_id, n.notice_id.type),
            b.workspace_id,
            b.agent_id,
            literal(call_id, n.call_id.type),
            literal(number),
            a.webhook_url,
            a.webhook_secret,
            literal(now, Instant()),
            literal(now, Instant()),
        )
        .join_from(batches, agents, and_(a.workspace_id == b.workspace_id, a.agent_id == b.agent_id))
        .where(b.batch_id == batch_id, a.webhook_url.is_not(None), a.webhook_secret.is_not(None))
    )
    columns = ["notice_id", "workspace_id", "agent_id", "call_id", "number", "url", "secret", "created_at", "due_at"]
    connection.execute(notices.insert().from_select(columns, told))


def _notice_of(row: RowMapping) -> Notice:
    n = notices.c
    names = ("notice_id", "workspace_id", "agent_id", "call_id", "number", "url", "secret", "created_at", "tries")
    ends = ("due_at", "heard_at", "dead_at", "detail")
    return Notice(**{name: row[n[name]] for name in (*names, *ends)})
