"""What was answered to requests with an Idempotency-Key, so that a repeat gets the same and makes nothing twice."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Connection, RowMapping, and_, delete, select, update

from dialer.ledger.client_tables import answers
from dialer.ledger.transactions import Transactions, now_of
from dialer.ports.clients import Begun


class SqlAnswers:
    """`dialer.ports.clients.Answers`."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def begin(self, workspace_id: str, idempotency_key: str, fingerprint: str, lasting: timedelta) -> Begun:
        a = answers.c
        this = and_(a.workspace_id == workspace_id, a.idempotency_key == idempotency_key)
        with self._transactions.write() as connection:
            now = now_of(connection)
            connection.execute(delete(answers).where(this, a.created_at <= now - lasting))
            new = self._transactions.backend.insert(answers).values(
                workspace_id=workspace_id,
                idempotency_key=idempotency_key,
                fingerprint=fingerprint,
                ref=self._transactions.ids.take(now)[0],
                created_at=now,
            )
            connection.execute(new.on_conflict_do_nothing(index_elements=["workspace_id", "idempotency_key"]))
            return _begun_of(connection.execute(select(answers).where(this)).mappings().one())

    def finish(self, workspace_id: str, idempotency_key: str, ref: str, status: int, body: str) -> None:
        a = answers.c
        this = and_(a.workspace_id == workspace_id, a.idempotency_key == idempotency_key, a.ref == ref)
        with self._transactions.write() as connection:
            connection.execute(update(answers).where(this, a.status.is_(None)).values(status=status, body=body))

    def forget(self, lasting: timedelta, limit: int) -> int:
        with self._transactions.write() as connection:
            return _forget(connection, lasting, limit)


def _forget(connection: Connection, lasting: timedelta, limit: int) -> int:
    a = answers.c
    query = select(a.workspace_id, a.idempotency_key).where(a.created_at <= now_of(connection) - lasting).limit(limit)
    old = connection.execute(query).all()
    for workspace_id, idempotency_key in old:
        this = and_(a.workspace_id == workspace_id, a.idempotency_key == idempotency_key)
        connection.execute(delete(answers).where(this))
    return len(old)


def _begun_of(row: RowMapping) -> Begun:
    a = answers.c
    return Begun(row[a.ref], row[a.fingerprint], row[a.status], row[a.body])
