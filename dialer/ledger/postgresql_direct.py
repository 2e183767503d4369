"""One PostgreSQL connection asked through libpq itself: prepared statements, text in and out, no cursor in between.

Each question is one call of libpq's, in which the GIL is given up once: between threads that is most of the cost.
"""

from __future__ import annotations

import select
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg.errors import UniqueViolation, error_from_result
from psycopg.pq import ConnStatus, ExecStatus, TransactionStatus
from psycopg.pq.abc import PGconn, PGresult
from sqlalchemy import Boolean, Dialect, Double, Engine, Integer
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.sql.type_api import TypeEngine

from dialer.ledger.columns import Instant
from dialer.ledger.direct import Reader, Repeated, Row, Spelled, Statement, connected, tell

_DIALECT: Dialect = PGDialect_psycopg(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]
_BEGIN = b"BEGIN ISOLATION LEVEL READ COMMITTED;"  # the barrier rests on each statement's own snapshot
_FINE = (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK)


class LibpqDirect:
    """`dialer.ledger.direct.Direct`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        #: said with the first command of the transaction where that is plain text, else before its first statement
        self._begins = False
        self._connection: psycopg.Connection[Any] = connected(engine)
        self._connection.autocommit = True  # psycopg says no BEGIN of its own
        self._libpq: PGconn = self._connection.pgconn
        self._prepared: set[str] = set()
        self._watch = select.poll()
        self._watch.register(self._libpq.socket, select.POLLIN)

    def read(self, statement: Statement, values: Mapping[str, Any]) -> Row | None:
        spelled = statement.spelled(_DIALECT, reader)
        result = self._execute(spelled, values)
        if result.ntuples == 0:
            return None
        return spelled.row([result.get_value(0, place) for place in range(result.nfields)])

    def rows(self, statement: Statement, values: Mapping[str, Any]) -> list[Row]:
        spelled = statement.spelled(_DIALECT, reader)
        tell(self._engine, spelled.text, spelled.arguments(values))
        result = self._execute(spelled, values)
        places = range(result.nfields)
        return [spelled.row([result.get_value(row, place) for place in places]) for row in range(result.ntuples)]

    def begin(self) -> None:
        self._begins = True

    def say(self, command: bytes) -> None:
        """Plain text, several commands maybe; answers are for nobody."""
        self._say(command)

    def write(self, statement: Statement, values: Mapping[str, Any]) -> int:
        spelled = statement.spelled(_DIALECT, reader)
        tell(self._engine, spelled.text, values)
        return self._execute(spelled, values).command_tuples or 0

    def commit(self) -> None:
        if self._say(b"COMMIT").command_status != b"COMMIT":
            raise psycopg.OperationalError("the transaction was rolled back")

    def rollback(self) -> None:
        self._say(b"ROLLBACK")

    @property
    def is_fit(self) -> bool:
        """An idle server says nothing, unless it has ended or was told to."""
        is_idle = self._libpq.transaction_status == TransactionStatus.IDLE and not self._begins
        return is_idle and not self._watch.poll(0)

    def close(self) -> None:
        self._connection.close()

    def _execute(self, spelled: Spelled, values: Mapping[str, Any]) -> PGresult:
        if self._begins:
            self._say(b"")
        if spelled.name not in self._prepared:
            self._checked(self._libpq.prepare(spelled.encoded, spelled.text.encode()))
            self._prepared.add(spelled.name)
        texts: list[Any] = [_text(value) for value in spelled.arguments(values)]
        return self._checked(self._libpq.exec_prepared(spelled.encoded, texts))

    def _say(self, command: bytes) -> PGresult:
        if self._begins:
            self._begins, command = False, _BEGIN + command
        return self._checked(self._libpq.exec_(command))

    def _checked(self, result: PGresult) -> PGresult:
        if result.status in _FINE:
            return result
        if self._libpq.status == ConnStatus.BAD:
            raise psycopg.OperationalError(self._libpq.get_error_message() or "the connection is lost")
        error = error_from_result(result, "utf-8")
        if isinstance(error, UniqueViolation):
            raise Repeated from error
        raise error


def _text(value: Any) -> bytes | None:
    if value is None:
        return None
    if isinstance(value, str):
        text = value.encode()
        if b"\0" in text:  # libpq would take what stands before it for all of it
            raise psycopg.DataError("PostgreSQL text fields cannot contain NUL bytes")
        return text
    if isinstance(value, bool):
        return b"t" if value else b"f"
    return (value.isoformat() if isinstance(value, datetime) else str(value)).encode()


def reader(kind: TypeEngine[Any]) -> Reader:
    """From PostgreSQL's text to the value that SQLAlchemy would have given."""
    if isinstance(kind, Instant):
        return _instant
    if isinstance(kind, Boolean):
        return b"t".__eq__
    if isinstance(kind, Integer):
        return int
    return float if isinstance(kind, Double) else bytes.decode


def _instant(text: bytes) -> datetime:
    """The session's timezone is UTC, its datestyle ISO."""
    return datetime.fromisoformat(text.decode()).replace(tzinfo=UTC)
