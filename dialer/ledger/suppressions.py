"""The do-not-call list: entries for everybody or for one workspace, for good or until an instant."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, delete, literal, or_, select, tuple_

from dialer.domain.call import Suppression
from dialer.domain.states import CallState
from dialer.ledger.columns import texts, words
from dialer.ledger.direct import Direct, Statement
from dialer.ledger.tables import batches, calls, suppressions
from dialer.ledger.tokens import names_of, tokens_of
from dialer.ledger.transactions import Transactions, now_of
from dialer.ledger.upkeep_tables import erasures

PAGE = 500
#: Numbers of one look: a chunk of a load.
LOOKED_UP = 5000
#: In a row's key; NULL would not be unique.
FOR_ALL = ""

_UNDER_WAY = (CallState.DIALING, CallState.IN_PROGRESS, CallState.UNKNOWN)
_COLUMNS: Select[Any] = select(
    suppressions.c.phone,
    suppressions.c.workspace_id,
    suppressions.c.reason,
    suppressions.c.until,
    suppressions.c.created_at,
)

_FOR_IT = suppressions.c.workspace_id.in_([literal(FOR_ALL), batches.c.workspace_id])
#: Whether a call's number is on the list at all, in force or not: so few are that it is looked up only then.
IS_LISTED = (
    select(suppressions.c.phone)
    .where(suppressions.c.phone.in_([calls.c.phone, bindparam("token", type_=calls.c.phone.type)]), _FOR_IT)
    .correlate(calls, batches)
    .exists()
    .label("is_listed")
)
_LISTED = Statement(
    _COLUMNS.where(
        suppressions.c.phone.in_([bindparam("phone"), bindparam("token")]),
        suppressions.c.workspace_id.in_([literal(FOR_ALL), bindparam("workspace_id")]),
        or_(suppressions.c.until.is_(None), suppressions.c.until > bindparam("now")),
    )
    .order_by(suppressions.c.until.is_(None).desc(), suppressions.c.until.desc())
    .limit(1)
)


class SqlSuppressions:
    """`dialer.ports.ledger.Suppressions`."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def add(self, entries: Sequence[Suppression]) -> None:
        upsert = self._transactions.backend.insert(suppressions)
        given = {"reason": upsert.excluded.reason, "until": upsert.excluded.until}
        upsert = upsert.on_conflict_do_update(index_elements=["phone", "workspace_id"], set_=given)
        with self._transactions.write() as connection:
            # A claim that read the list before this commits first: then it is under way, and whoever asks is told so.
            self._transactions.backend.exclude_all(connection)
            now, erased = now_of(connection), _erased(connection, entries)
            rows = [
                {
                    "phone": erased.get(entry.phone, entry.phone),
                    "workspace_id": entry.workspace_id or FOR_ALL,
                    "reason": entry.reason,
                    "until": entry.until,
                    "created_at": entry.created_at or now,
                }
                for entry in entries
            ]
            if rows:
                connection.execute(upsert, rows)

    def remove(self, phone: str, workspace_id: str | None) -> bool:
        s = suppressions.c
        with self._transactions.write() as connection:
            named = s.phone.in_(names_of(connection, phone))
            gone = delete(suppressions).where(named, s.workspace_id == (workspace_id or FOR_ALL))
            return connection.execute(gone).rowcount > 0

    def of(self, phones: Iterable[str], workspace_id: str) -> Mapping[str, Suppression]:
        found: dict[str, Suppression] = {}
        numbers = iter(phones)
        with self._transactions.read() as connection:
            now = now_of(connection)
            while chunk := list(islice(numbers, LOOKED_UP)):
                found |= in_force(connection, chunk, workspace_id, now)
        return found

    def entries(self, workspace_id: str | None = None, phone: str | None = None) -> Iterator[Suppression]:
        s = suppressions.c
        query = _COLUMNS.order_by(s.phone, s.workspace_id).limit(PAGE)
        if workspace_id is not None:
            query = query.where(s.workspace_id == workspace_id)
        if phone is not None:
            with self._transactions.read() as connection:
                query = query.where(s.phone.in_(names_of(connection, phone)))
        page = self._page(query)
        while page:
            yield from (suppression_of(row, phone) for row in page)
            last = page[-1]
            page = self._page(query.where(tuple_(s.phone, s.workspace_id) > (last.phone, last.workspace_id)))

    def _page(self, query: Select[Any]) -> Sequence[Row[Any]]:
        with self._transactions.read() as connection:
            return connection.execute(query).all()

    def under_way(self, phone: str) -> list[str]:
        query = select(calls.c.call_id).where(calls.c.phone == phone, calls.c.state.in_(words(_UNDER_WAY)))
        with self._transactions.read() as connection:
            return list(connection.execute(query.order_by(calls.c.call_id)).scalars().all())


def strictest(connection: Connection, phone: str, workspace_id: str, now: datetime) -> Suppression | None:
    return in_force(connection, [phone], workspace_id, now).get(phone)


def listed(direct: Direct, names: tuple[str, str], workspace_id: str, now: datetime) -> Suppression | None:
    """`strictest`, for a claim: a number by its two names, itself and its token."""
    row = direct.read(_LISTED, {"phone": names[0], "token": names[1], "workspace_id": workspace_id, "now": now})
    if row is None:
        return None
    s = suppressions.c
    return Suppression(names[0], row[s.reason], row[s.workspace_id] or None, row[s.until], row[s.created_at])


def in_force(connection: Connection, phones: Sequence[str], workspace_id: str, now: datetime) -> dict[str, Suppression]:
    """For each number the entry that lasts longest."""
    s = suppressions.c
    # A single number is a claim's: one look less.
    one = dict(zip(reversed(names_of(connection, phones[0])), phones, strict=False)) if len(phones) == 1 else None
    numbers = tokens_of(connection, phones) if one is None else one
    query = _COLUMNS.where(
        s.phone.op("IN", is_comparison=True)(texts(json.dumps([*phones, *numbers]))),
        s.workspace_id.in_([FOR_ALL, workspace_id]),
        or_(s.until.is_(None), s.until > now),
    )
    found: dict[str, Suppression] = {}
    for row in connection.execute(query).all():
        entry = suppression_of(row, numbers.get(row.phone))
        if entry.phone not in found or _outlasts(entry, found[entry.phone]):
            found[entry.phone] = entry
    return found


def suppression_of(row: Row[Any], phone: str | None = None) -> Suppression:
    """`phone`: the number that was asked for, where the list has but its token."""
    return Suppression(phone or row.phone, row.reason, row.workspace_id or None, row.until, row.created_at)


def _erased(connection: Connection, entries: Sequence[Suppression]) -> dict[str, str]:
    """Number to token, of numbers that were erased: they are not written down again."""
    tokens = tokens_of(connection, [entry.phone for entry in entries])
    wanted = erasures.c.token.op("IN", is_comparison=True)(texts(json.dumps(list(tokens))))
    found = connection.execute(select(erasures.c.token).where(wanted)).scalars().all() if tokens else []
    return {tokens[token]: token for token in found}


def _outlasts(one: Suppression, other: Suppression) -> bool:
    if one.until is None or other.until is None:
        return one.until is None and other.until is not None
    return one.until > other.until
