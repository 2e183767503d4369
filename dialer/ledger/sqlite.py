"""The ledger in one SQLite file: pragmas, begin mode, patient commits, and what is due as `sqlite_release` asks it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

from sqlalchemy import URL, Connection, Engine, Table, create_engine, event
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.pool import QueuePool

from dialer.domain.call import DueCohort
from dialer.domain.states import CallState, CloseReason
from dialer.ledger import sqlite_release
from dialer.ledger.backend import NEW_CALL_COLUMNS, Marked, NewRows, Portion
from dialer.ledger.columns import as_text, clock, quarter, texts
from dialer.ledger.direct import Direct, Stack
from dialer.ledger.sqlite_direct import SqliteDirect
from dialer.ledger.sqlite_release import CLOCK

BUSY_SECONDS = 10.0
COMMIT_TRIES = 3
#: Before this version a write-ahead log that several processes write can be corrupted.
SAFE_WAL = (3, 51, 3)
OWNER_ONLY = 0o600

_POOL = {"poolclass": QueuePool, "pool_size": 40, "max_overflow": 40, "pool_timeout": 30}
_MARKS = ", ".join("?" * len(NEW_CALL_COLUMNS))
_INSERT = (
    f"INSERT INTO calls ({', '.join(NEW_CALL_COLUMNS)}) VALUES ({_MARKS}) ON CONFLICT (phone, batch_id) DO NOTHING"  # noqa: S608
)
_READY, _CLOSED, _SUPPRESSED = CallState.READY.value, CallState.CLOSED.value, CloseReason.SUPPRESSED.value


@compiles(clock, "sqlite")
def _clock(element: Any, compiler: Any, **_: Any) -> str:
    return CLOCK


@compiles(texts, "sqlite")
def _texts(element: Any, compiler: Any, **given: Any) -> str:
    return f"(SELECT value FROM json_each({compiler.process(element.clauses, **given)}))"  # noqa: S608 - a bound parameter


@compiles(quarter, "sqlite")
def _quarter(element: Any, compiler: Any, **given: Any) -> str:
    instant = compiler.process(element.clauses, **given)
    minute = f"CAST(substr({instant}, 15, 2) AS INTEGER) / 15 * 15"
    return f"(substr({instant}, 1, 14) || printf('%02d', {minute}) || ':00.000000')"


class Sqlite:
    """The backend for one machine. Its one write lock is the barrier: who writes, writes alone."""

    lost: tuple[type[Exception], ...] = (sqlite3.OperationalError,)

    def __init__(self, url: URL) -> None:
        self.address = f"sqlite:///{url.database or ''}"
        self.engine = engine_of(url)
        self._writer = self.engine.execution_options(begin="BEGIN IMMEDIATE")
        # Threads of this process queue here: SQLite's own waiting is a lottery, and a loser may wait for seconds.
        self._turn = Lock()
        self.direct = Stack(lambda: SqliteDirect(self.engine, commit_directly, self._turn))

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        with self.engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        with self._turn, self._writer.begin() as connection:
            yield connection
            commit(connection)

    def insert(self, table: Table) -> Any:
        return sqlite_insert(table)

    def share(self, connection: Any, batch_id: str) -> None:
        """Nothing to do: BEGIN IMMEDIATE excludes every other writer."""

    def exclude(self, connection: Connection, batch_id: str) -> None:
        """Nothing to do: BEGIN IMMEDIATE excludes every other writer."""

    def exclude_all(self, connection: Connection) -> None:
        """Nothing to do: BEGIN IMMEDIATE excludes every other writer."""

    def insert_calls(self, connection: Connection, rows: NewRows) -> tuple[int, int]:
        return insert(connection, rows, closed=False), insert(connection, rows, closed=True)

    def due(self, direct: Direct, rooms: Mapping[str, int], least: int, most_cohorts: int) -> list[DueCohort]:
        return sqlite_release.due(direct, rooms, least, most_cohorts)

    def mark(self, direct: Direct, portions: Sequence[Portion]) -> Marked:
        return sqlite_release.mark(direct, portions)


def engine_of(url: URL) -> Engine:
    engine = create_engine(url.set(drivername="sqlite"), connect_args={"timeout": BUSY_SECONDS}, **_POOL)
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    event.listen(engine, "do_connect", _own)
    return engine


def insert(connection: Connection, rows: NewRows, *, closed: bool) -> int:
    """Those that come in closed, or the others; how many of them were new."""
    values = row_values(rows, closed=closed)
    return connection.exec_driver_sql(_INSERT, values).rowcount if values else 0


def row_values(rows: NewRows, *, closed: bool) -> list[tuple[Any, ...]]:
    """In the order of `NEW_CALL_COLUMNS`."""
    batch_id, cohorts, now = rows.batch_id, rows.cohorts, as_text(rows.now)
    state, reason = (_CLOSED, _SUPPRESSED) if closed else (rows.opened.value, None)
    stands = state, reason, now if state == _READY else None, now, now if closed else None
    return [
        (
            call_id,
            batch_id,
            cohorts[call.zones],
            call.phone,
            call.variables,
            call.timezone,
            None if call.lane is None else int(call.lane),
            call.max_retries,
            *stands,
        )
        for call_id, call in zip(rows.ids, rows.calls, strict=True)
        if call.is_suppressed is closed
    ]


def commit(connection: Connection) -> None:
    """A busy commit has changed nothing and is still open: it is repeated. Any other failure is the caller's."""
    for left in reversed(range(COMMIT_TRIES)):
        try:
            connection.exec_driver_sql("COMMIT")
            return
        except OperationalError as error:
            if left == 0 or not is_busy(error.orig):
                raise


def commit_directly(connection: sqlite3.Connection) -> None:
    """The same on the driver's own connection."""
    for left in reversed(range(COMMIT_TRIES)):
        try:
            connection.execute("COMMIT")
            return
        except sqlite3.OperationalError as error:
            if left == 0 or not is_busy(error):
                raise


def is_busy(error: BaseException | None) -> bool:
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY


def _own(dialect: Any, record: Any, arguments: list[Any], options: dict[str, Any]) -> None:
    """The ledger holds phone numbers: its file, and the journals that inherit its mode, are the owner's only."""
    path = Path(arguments[0])
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, OWNER_ONLY))
    except OSError:
        pass  # it is there already, or connecting tells what is wrong


def _prepare(connection: Any, record: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves
    journal = "wal" if sqlite3.sqlite_version_info >= SAFE_WAL else "truncate"
    (found,) = connection.execute(f"PRAGMA journal_mode={journal}").fetchone()
    if found != journal:
        raise sqlite3.OperationalError(
            f"the file is in use with journal mode {found}, which is not safe with SQLite {sqlite3.sqlite_version}"
        )
    connection.execute("PRAGMA synchronous=FULL")  # NORMAL may lose the last commits: a lost claim is dialed again
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA cache_size=-32768")  # KiB; numbers come in no order, so a load touches its whole index


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))
