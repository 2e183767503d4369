"""API keys: digests, scopes, and when each was used last."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import RowMapping, or_, select, update

from dialer.domain.client import ApiKey, Scope
from dialer.ledger.client_tables import keys
from dialer.ledger.transactions import Transactions, now_of

#: `last_used_at` is as exact as this, so that a busy key is not a row that every request writes.
_USED = timedelta(minutes=1)


class SqlKeys:
    """`dialer.ports.clients.Keys`."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def create(self, workspace_id: str, scopes: Sequence[Scope], key_digest: str, secret_digest: str) -> ApiKey:
        key_id = str(uuid.uuid4())
        with self._transactions.write() as connection:
            now = now_of(connection)
            connection.execute(
                keys.insert().values(
                    key_id=key_id,
                    workspace_id=workspace_id,
                    key_digest=key_digest,
                    secret_digest=secret_digest,
                    scopes=",".join(scopes),
                    created_at=now,
                )
            )
        return ApiKey(key_id, workspace_id, tuple(scopes), now)

    def find(self, key_digest: str) -> tuple[ApiKey, str] | None:
        query = select(keys).where(keys.c.key_digest == key_digest)
        with self._transactions.read() as connection:
            row = connection.execute(query).mappings().one_or_none()
        return None if row is None else (_key_of(row), row[keys.c.secret_digest])

    def entries(self, workspace_id: str | None = None) -> list[ApiKey]:
        query = select(keys).order_by(keys.c.created_at, keys.c.key_id)
        if workspace_id is not None:
            query = query.where(keys.c.workspace_id == workspace_id)
        with self._transactions.read() as connection:
            return [_key_of(row) for row in connection.execute(query).mappings().all()]

    def revoke(self, key_id: str) -> bool:
        this = update(keys).where(keys.c.key_id == key_id, keys.c.revoked_at.is_(None))
        with self._transactions.write() as connection:
            return connection.execute(this.values(revoked_at=now_of(connection))).rowcount == 1

    def used(self, key_id: str) -> None:
        k = keys.c
        with self._transactions.write() as connection:
            now = now_of(connection)
            is_old = or_(k.last_used_at.is_(None), k.last_used_at <= now - _USED)
            connection.execute(update(keys).where(k.key_id == key_id, is_old).values(last_used_at=now))


def _key_of(row: RowMapping) -> ApiKey:
    k = keys.c
    scopes = tuple(Scope(word) for word in row[k.scopes].split(",") if word)
    return ApiKey(row[k.key_id], row[k.workspace_id], scopes, row[k.created_at], row[k.revoked_at], row[k.last_used_at])
