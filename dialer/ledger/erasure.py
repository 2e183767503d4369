"""One number made unreadable, wherever it is: its own rows at once, under the barrier; others' words page by page."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from sqlalchemy import Column, Connection, Table, and_, delete, or_, select, update

from dialer.domain.states import DIALABLE_STATES, CallState, CloseReason
from dialer.domain.upkeep import Erased
from dialer.errors import CallUnderWay
from dialer.ledger.client_tables import answers, contacts, inbox, notices
from dialer.ledger.moves import standing
from dialer.ledger.tables import PHONE_CHARS, accounts, attempts, batches, calls, outbox, suppressions
from dialer.ledger.tokens import SIGN, key_of, token_of
from dialer.ledger.transactions import Transactions, now_of
from dialer.ledger.upkeep_tables import erasures, pruned

CALLS_AT_ONCE = 2000
ERASED = "its number was erased"
_WORDS_OF_AN_ATTEMPT = ("raw", "detail", "summary", "transcript", "recording_url")
#: Texts of others in which the number may stand; small tables.
_TEXTS: tuple[tuple[Table, tuple[str, ...]], ...] = (
    (inbox, ("body", "detail")),
    (answers, ("body",)),
    (notices, ("detail",)),
    (outbox, ("detail",)),
    (batches, ("pause_reason",)),
    (accounts, ("reason",)),
    (contacts, ("name", "company", "custom_fields")),
)
#: Of every call: read page by page.
_CALL_TEXTS: tuple[tuple[Table, tuple[str, ...]], ...] = (
    (calls, ("variables", "why")),
    (attempts, _WORDS_OF_AN_ATTEMPT),
)
#: Names by which others know a thing: they stay.
_NAMES: tuple[tuple[Table, str], ...] = (
    (batches, "batch_ref"),
    (batches, "title"),
    (pruned, "batch_ref"),
    (answers, "idempotency_key"),
)


class SqlErasure:
    """`dialer.ports.upkeep.Erasure`."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def begin(self, phone: str) -> Erased:
        with self._transactions.write() as connection:
            self._transactions.backend.exclude_all(connection)
            token = token_of(key_of(connection), phone)
            rows = connection.execute(_calls_to(phone)).all()
            live = [row.call_id for row in rows if CallState(row.state) not in (*DIALABLE_STATES, CallState.CLOSED)]
            if live:
                raise CallUnderWay(f"a call to it is under way, repeat this when it is over: {', '.join(live)}")
            self._remember(connection, token)
            ids = [row.call_id for row in rows]
            closed = [row.call_id for row in rows if CallState(row.state) in DIALABLE_STATES]
            for call_id in closed:
                _close(connection, call_id)
            placed = _placed(connection, ids)
            tried = _empty_attempts(connection, ids)
            for row in rows:
                _rename(connection, row.call_id, row.batch_id, token)
            _silence(connection, ids)
            listed = self._relist(connection, phone, token)
        return Erased(token, len(ids), len(closed), tried, listed, tuple(placed))

    def sweep(self, forms: Sequence[str], token: str, phone: str) -> Mapping[str, int]:
        counts: Counter[str] = Counter()
        with self._transactions.write() as connection:
            counts["contacts"] = connection.execute(delete(contacts).where(contacts.c.phone == phone)).rowcount
        for table, columns in _TEXTS:
            with self._transactions.write() as connection:
                counts[table.name] += _scrub(connection, table, columns, forms, token)
        return {name: count for name, count in counts.items() if count}

    def sweep_calls(self, forms: Sequence[str], token: str, after: str | None, limit: int) -> tuple[int, str | None]:
        c = calls.c
        page = select(c.call_id).order_by(c.call_id).limit(limit)
        with self._transactions.read() as connection:
            query = page if after is None else page.where(c.call_id > after)
            ids = connection.execute(query).scalars().all()
        if not ids:
            return 0, None
        count = 0
        with self._transactions.write() as connection:
            for table, columns in _CALL_TEXTS:
                within = and_(table.c.call_id >= ids[0], table.c.call_id <= ids[-1])
                count += _scrub(connection, table, columns, forms, token, within)
        return count, ids[-1] if len(ids) == limit else None

    def left(self, forms: Sequence[str]) -> list[str]:
        found = []
        with self._transactions.read() as connection:
            for table, name in _NAMES:
                query = select(table.c[name]).where(_has(table.c[name], forms))
                found += [f"{table.name}.{name}" for _ in connection.execute(query).all()]
        return sorted(set(found))

    def finish(self, token: str) -> None:
        with self._transactions.write() as connection:
            this = update(erasures).where(erasures.c.token == token)
            connection.execute(this.values(done_at=now_of(connection)))

    def _remember(self, connection: Connection, token: str) -> None:
        new = self._transactions.backend.insert(erasures).values(token=token, began_at=now_of(connection))
        connection.execute(new.on_conflict_do_update(index_elements=["token"], set_={"done_at": None}))

    def _relist(self, connection: Connection, phone: str, token: str) -> int:
        """Entries of the do-not-call list go on under the token. Where there is one already, the longer one stays."""
        s = suppressions.c
        entries = connection.execute(select(suppressions).where(s.phone == phone)).mappings().all()
        for entry in entries:
            whose = and_(s.phone == token, s.workspace_id == entry["workspace_id"])
            known = connection.execute(select(s.until).where(whose)).first()
            if known is None:
                row = {**entry, "phone": token}
                connection.execute(suppressions.insert().values(**row))
            elif known.until is not None and (entry["until"] is None or entry["until"] > known.until):
                connection.execute(update(suppressions).where(whose).values(until=entry["until"]))
        connection.execute(delete(suppressions).where(s.phone == phone))
        return len(entries)


def _calls_to(phone: str) -> Any:
    c = calls.c
    query = select(c.call_id, c.batch_id, c.state).where(c.phone == phone)
    return query.order_by(c.call_id).with_for_update(of=calls)


def _close(connection: Connection, call_id: str) -> None:
    call = standing(connection, call_id)
    if call is not None:
        call.close(connection, CloseReason.SUPPRESSED, ERASED)


def _placed(connection: Connection, call_ids: Sequence[str]) -> list[tuple[str, str]]:
    """What its providers call these calls: they hold data of their own."""
    a = attempts.c
    query = select(a.account, a.provider_call_id).where(a.call_id.in_(call_ids), a.provider_call_id.is_not(None))
    return [(account, call) for account, call in connection.execute(query.order_by(a.call_id, a.number)).all()]


def _empty_attempts(connection: Connection, call_ids: Sequence[str]) -> int:
    a = attempts.c
    query = select(a.call_id, a.number, a.gates).where(a.call_id.in_(call_ids))
    rows = connection.execute(query).all()
    for call_id, number, gates in rows:
        this = update(attempts).where(a.call_id == call_id, a.number == number)
        nothing = dict.fromkeys(_WORDS_OF_AN_ATTEMPT)
        connection.execute(this.values(**nothing, gates=_without_print(gates)))
    return len(rows)


def _without_print(gates: str | None) -> str | None:
    """Why it was called stays; what was made of the request, number and variables, could be tried out."""
    try:
        read = json.loads(gates or "null")
        return json.dumps([{k: v for k, v in gate.items() if k != "request"} for gate in read]) if read else gates
    except (ValueError, AttributeError, TypeError):
        return None


def _rename(connection: Connection, call_id: str, batch_id: str, token: str) -> None:
    c = calls.c
    taken = connection.execute(select(c.call_id).where(c.phone == token, c.batch_id == batch_id)).first()
    name = token if taken is None else f"{SIGN}{uuid4().hex}"[:PHONE_CHARS]
    nothing = {"variables": None, "kept": None, "why": ERASED}
    connection.execute(update(calls).where(c.call_id == call_id).values(phone=name, **nothing))


def _silence(connection: Connection, call_ids: Sequence[str]) -> None:
    """What is still to be told of these calls would tell the number's story on: it is not told any more."""
    n = notices.c
    untold = update(notices).where(n.call_id.in_(call_ids), n.due_at.is_not(None))
    connection.execute(untold.values(due_at=None, dead_at=now_of(connection), detail=ERASED))


def _has(column: Column[Any], forms: Sequence[str]) -> Any:
    return or_(*(column.contains(form, autoescape=True) for form in forms))


def _scrub(
    connection: Connection, table: Table, columns: Sequence[str], forms: Sequence[str], token: str, *within: Any
) -> int:
    """In these texts every form of the number gives way to the token; how many rows."""
    keys = list(table.primary_key.columns)
    texts = [table.c[name] for name in columns]
    query = select(*keys, *texts).where(or_(*(_has(text, forms) for text in texts)), *within)
    rows = connection.execute(query).all()
    for row in rows:
        this = update(table)
        for key, value in zip(keys, row, strict=False):
            this = this.where(key == value)
        said = row[len(keys) :]
        rewritten = {name: replaced(text, forms, token) for name, text in zip(columns, said, strict=True) if text}
        connection.execute(this.values(**rewritten))
    return len(rows)


def replaced(text: str, forms: Sequence[str], token: str) -> str:
    for form in forms:
        text = text.replace(form, token)
    return text
