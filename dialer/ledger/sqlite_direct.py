"""One SQLite connection of the standard library's own, for the statements of a dispatch and of a release.

Whoever reads takes his turn too: with a rollback journal a reader holds a commit up, and SQLite's own waiting is long.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from threading import Lock
from typing import Any

from sqlalchemy import Boolean, Engine
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.sql.type_api import TypeEngine

from dialer.ledger.columns import Instant, as_text
from dialer.ledger.direct import Reader, Repeated, Row, Statement, connected, tell

_DIALECT = SQLiteDialect_pysqlite()


class SqliteDirect:
    """`dialer.ledger.direct.Direct`. It holds `turn` from the begin of a transaction to its end."""

    def __init__(self, engine: Engine, commit: Callable[[sqlite3.Connection], None], turn: Lock) -> None:
        self._engine, self._commit, self._turn = engine, commit, turn
        self._connection: sqlite3.Connection = connected(engine)
        # KiB. Each thread may have one of these, and looks at a few pages.
        self._connection.execute("PRAGMA cache_size=-1024")
        self._has_turn = False

    def read(self, statement: Statement, values: Mapping[str, Any]) -> Row | None:
        spelled = statement.spelled(_DIALECT, reader)
        found = self._fetched(spelled.text, spelled.arguments(values))
        return spelled.row(found[0]) if found else None

    def rows(self, statement: Statement, values: Mapping[str, Any]) -> list[Row]:
        spelled = statement.spelled(_DIALECT, reader)
        arguments = spelled.arguments(values)
        tell(self._engine, spelled.text, arguments)
        return [spelled.row(each) for each in self._fetched(spelled.text, arguments)]

    def begin(self) -> None:
        self._turn.acquire()
        self._has_turn = True
        self._connection.execute("BEGIN IMMEDIATE")

    def write(self, statement: Statement, values: Mapping[str, Any]) -> int:
        spelled = statement.spelled(_DIALECT, reader)
        tell(self._engine, spelled.text, values)
        return self._execute(spelled.text, spelled.arguments(values)).rowcount

    def commit(self) -> None:
        self._commit(self._connection)
        self._pass_on()

    def rollback(self) -> None:
        self._connection.execute("ROLLBACK")
        self._pass_on()

    @property
    def is_fit(self) -> bool:
        return not self._has_turn

    def close(self) -> None:
        try:
            self._connection.close()  # rolls back what was begun
        finally:
            self._pass_on()

    def _fetched(self, text: str, arguments: list[Any]) -> list[Any]:
        if self._has_turn:
            return self._execute(text, arguments).fetchall()
        with self._turn:
            return self._execute(text, arguments).fetchall()

    def _execute(self, text: str, arguments: list[Any]) -> sqlite3.Cursor:
        try:
            return self._connection.execute(text, [_bound(value) for value in arguments])
        except sqlite3.IntegrityError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_CONSTRAINT_UNIQUE:
                raise Repeated from error
            raise

    def _pass_on(self) -> None:
        if self._has_turn:
            self._has_turn = False
            self._turn.release()


def _bound(value: Any) -> Any:
    return as_text(value.astimezone(UTC)) if isinstance(value, datetime) else value


def reader(kind: TypeEngine[Any]) -> Reader:
    """From what SQLite keeps to the value that SQLAlchemy would have given."""
    if isinstance(kind, Instant):
        return _instant
    return bool if isinstance(kind, Boolean) else _same


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _same(value: Any) -> Any:
    return value
