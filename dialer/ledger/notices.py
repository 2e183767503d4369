"""Outgoing webhooks: written by the move that ends an attempt, handed out one by one, sent again until heard."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, and_, bindparam, delete, insert, select, update

from dialer.domain.call import Claim
from dialer.domain.notice import Notice
from dialer.domain.states import AttemptState
from dialer.ledger.client_tables import agents, notices
from dialer.ledger.direct import Direct, Statement
from dialer.ledger.ids import IdMaker
from dialer.ledger.moves import LISTENER, Standing
from dialer.ledger.tables import batches
from dialer.ledger.transactions import Transactions, now_of

#: For so long nobody else is handed the same notice: a whole try, and its answer written down.
HANDED_OUT = timedelta(minutes=1)

_IDS = IdMaker()
#: With its agent's registration as it stands: a corrected address or a new secret counts for what is still to be sent.
_WHOLE: Select[Any] = select(notices, agents.c.webhook_url, agents.c.webhook_secret).join_from(
    notices,
    agents,
    and_(agents.c.workspace_id == notices.c.workspace_id, agents.c.agent_id == notices.c.agent_id),
    isouter=True,
)


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
        with self._transactions.read() as connection:
            row = connection.execute(_WHOLE.where(notices.c.notice_id == notice_id)).mappings().one_or_none()
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
        self, workspace_id: str | None = None, *, dead_only: bool = False, after: str | None = None, limit: int = 200
    ) -> list[Notice]:
        n = notices.c
        query = _WHOLE.order_by(n.notice_id.desc()).limit(limit)
        if workspace_id is not None:
            query = query.where(n.workspace_id == workspace_id)
        if dead_only:
            query = query.where(n.dead_at.is_not(None))
        if after is not None:
            query = query.where(n.notice_id < after)
        with self._transactions.read() as connection:
            return [_notice_of(row) for row in connection.execute(query).mappings().all()]

    def replay(self, workspace_id: str | None = None, notice_id: str | None = None) -> int:
        n = notices.c
        again = update(notices).where(n.dead_at.is_not(None) if notice_id is None else n.notice_id == notice_id)
        if workspace_id is not None:
            again = again.where(n.workspace_id == workspace_id)
        with self._transactions.write() as connection:
            now = {"due_at": now_of(connection), "dead_at": None, "heard_at": None, "tries": 0}
            return connection.execute(again.values(now)).rowcount

    def forget(self, lasting: timedelta, limit: int) -> int:
        n = notices.c
        with self._transactions.write() as connection:
            is_old = n.created_at <= now_of(connection) - lasting
            old = select(n.notice_id).where(is_old, n.due_at.is_(None), n.heard_at.is_not(None)).limit(limit)
            ids = connection.execute(old).scalars().all()
            connection.execute(delete(notices).where(n.notice_id.in_(ids)))
            return len(ids)


def announce(connection: Connection, call: Standing, number: int, state: AttemptState) -> None:
    """This attempt of the call is over: whoever its agent's registration names is to be told. In the move's own
    transaction, so that neither is without the other; costs nothing where nobody listens."""
    if call.has_listener:
        _write(connection, call.batch_id, [(call.call_id, number)], state, call.now)


def announce_directly(direct: Direct, claim: Claim, state: AttemptState, now: datetime) -> None:
    """The same, where it is known that somebody listens."""
    [notice_id] = _IDS.take(now)
    names = {"workspace_id": claim.terms.name.workspace_id, "agent_id": claim.terms.name.agent_id}
    row = {"notice_id": notice_id, "call_id": claim.call_id, "number": claim.number, "state": state.value, **names}
    direct.write(_NOTICE, {**row, "created_at": now, "due_at": now})


_NOTICE = Statement(
    insert(notices)
    .inline()
    .values(
        {
            name: bindparam(name)
            for name in (
                *("notice_id", "call_id", "number", "state", "workspace_id", "agent_id"),
                *("created_at", "due_at"),
            )
        }
    )
)


def announce_all(
    connection: Connection, batch_id: str, ended: Sequence[tuple[str, int]], state: AttemptState, now: datetime
) -> None:
    """As `announce`, for many attempts of one batch: call ids and attempt numbers."""
    has_listener = select(LISTENER).select_from(batches).where(batches.c.batch_id == batch_id)
    if ended and connection.execute(has_listener).scalar():
        _write(connection, batch_id, ended, state, now)


def _write(
    connection: Connection, batch_id: str, ended: Sequence[tuple[str, int]], state: AttemptState, now: datetime
) -> None:
    b = batches.c
    whose = connection.execute(select(b.workspace_id, b.agent_id).where(b.batch_id == batch_id)).mappings().one()
    rows = [
        {"notice_id": notice_id, "call_id": call_id, "number": number, "state": state.value}
        for notice_id, (call_id, number) in zip(_IDS.take(now, len(ended)), ended, strict=True)
    ]
    connection.execute(insert(notices), [{**row, **whose, "created_at": now, "due_at": now} for row in rows])


def _notice_of(row: RowMapping) -> Notice:
    n = notices.c
    names = ("notice_id", "workspace_id", "agent_id", "call_id", "number", "created_at", "tries")
    ends = ("due_at", "heard_at", "dead_at", "detail")
    return Notice(
        **{name: row[n[name]] for name in (*names, *ends)},
        state=AttemptState(row[n.state]),
        url=row[agents.c.webhook_url],
        secret=row[agents.c.webhook_secret],
    )
