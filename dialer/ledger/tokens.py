"""What stands for a number that was erased: made of it by a key of this ledger's own, and never made back.

Whoever has the whole ledger, the key in it, can try out whether a number that he guesses was in it; whoever has a
table, an export or an archive cannot.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterable
from weakref import WeakKeyDictionary

from sqlalchemy import ColumnElement, Connection, Engine, not_, select

from dialer.ledger.columns import texts
from dialer.ledger.direct import Direct, Statement
from dialer.ledger.tables import PHONE_CHARS, calls, ledger
from dialer.ledger.upkeep_tables import erasures

#: No number begins so.
SIGN = "#"

_keys: WeakKeyDictionary[Engine, bytes] = WeakKeyDictionary()


def key_of(connection: Connection) -> bytes:
    """Read once for each opened ledger: it never changes."""
    known = _keys.get(connection.engine)
    if known is None:
        key: str | None = connection.execute(select(ledger.c.erasure_key)).scalar_one()
        if key is None:
            raise AssertionError("this ledger has no key for tokens: it was made by no migration")
        known = _keys[connection.engine] = bytes.fromhex(key)
    return known


_KEY = Statement(select(ledger.c.erasure_key))


def key_directly(direct: Direct, engine: Engine) -> bytes:
    """The same, for a claim."""
    known = _keys.get(engine)
    if known is None:
        row = direct.read(_KEY, {})
        if row is None or row[ledger.c.erasure_key] is None:
            raise AssertionError("this ledger has no key for tokens: it was made by no migration")
        known = _keys[engine] = bytes.fromhex(row[ledger.c.erasure_key])
    return known


def token_of(key: bytes, phone: str) -> str:
    return SIGN + hmac.digest(key, phone.encode(), "sha256").hex()[: PHONE_CHARS - 1]


def names_of(connection: Connection, phone: str) -> list[str]:
    """What a number is called in this ledger: itself, and its token."""
    return [phone, token_of(key_of(connection), phone)]


def tokens_of(connection: Connection, phones: Iterable[str]) -> dict[str, str]:
    """Token to number; empty where nothing was ever erased, which costs one look."""
    if connection.execute(select(erasures.c.token).limit(1)).first() is None:
        return {}
    key = key_of(connection)
    return {token_of(key, phone): phone for phone in phones}


def known_by_token(connection: Connection, batch_id: str, phones: Iterable[str]) -> set[str]:
    """Of these numbers those that were in the batch before they were erased."""
    tokens = tokens_of(connection, phones)
    if not tokens:
        return set()
    c = calls.c
    wanted = c.phone.op("IN", is_comparison=True)(texts(json.dumps(list(tokens))))
    found = connection.execute(select(c.phone).where(wanted, c.batch_id == batch_id)).scalars().all()
    return {tokens[token] for token in found}


def is_number() -> ColumnElement[bool]:
    """Calls whose number was not erased: only these can ever be dialed again."""
    return not_(calls.c.phone.startswith(SIGN, autoescape=True))
