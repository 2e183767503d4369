"""The ledger on PostgreSQL: connection settings, advisory barrier, and what is due as `postgresql_release` asks it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from zlib import crc32

import psycopg
from sqlalchemy import URL, Connection, Engine, Table, create_engine, text
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.ext.compiler import compiles

from dialer.domain.call import DueCohort
from dialer.ledger import postgresql_release
from dialer.ledger.backend import Marked, NewRows, Portion
from dialer.ledger.columns import clock, quarter, texts
from dialer.ledger.copying import copy_calls
from dialer.ledger.direct import Direct, Stack
from dialer.ledger.postgresql_direct import LibpqDirect

#: Namespaces of our advisory locks (two int4): one key for everything, one for each batch.
ALL_NAMESPACE, BATCH_NAMESPACE, MIGRATION_NAMESPACE = 0x6469616C, 0x6469616D, 0x6469616E

_SETTINGS = {
    "statement_timeout": "30s",
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "60s",
    # of single statements; what the database has set for itself may be another
    "default_transaction_isolation": r"read\ committed",
    "synchronous_commit": "on",  # a claim that a crash un-commits is dialed again
    "timezone": "UTC",
    "datestyle": "ISO",
    # Whether a batch has an open call, or a cohort a due one, is asked in every tick. Where statistics lag behind, the
    # planner hopes to meet one early in the table, and reads all of it when there is none.
    "enable_seqscan": "off",
    "jit": "off",
}
_CONNECT = {
    "connect_timeout": 5,
    "keepalives": 1,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,  # a database host that vanished is noticed while we wait for its answer
    "application_name": "dialer",
    "client_encoding": "utf8",
}
_POOL = {"pool_size": 40, "max_overflow": 40, "pool_timeout": 10, "pool_use_lifo": True, "pool_pre_ping": True}

_SHARE = text("SELECT pg_advisory_xact_lock_shared(:all, 0), pg_advisory_xact_lock_shared(:batch, :key)")
_SHARE_DIRECTLY = b"SELECT pg_advisory_xact_lock_shared(%d, 0), pg_advisory_xact_lock_shared(%d, %d)"
_EXCLUDE = text("SELECT pg_advisory_xact_lock(:namespace, :key)")


@compiles(clock, "postgresql")
def _clock(element: Any, compiler: Any, **_: Any) -> str:
    return "clock_timestamp()"


@compiles(texts, "postgresql")
def _texts(element: Any, compiler: Any, **given: Any) -> str:
    return f"(SELECT json_array_elements_text(CAST({compiler.process(element.clauses, **given)} AS json)))"


@compiles(quarter, "postgresql")
def _quarter(element: Any, compiler: Any, **given: Any) -> str:
    instant = compiler.process(element.clauses, **given)
    return f"date_bin('15 minutes', {instant}, TIMESTAMPTZ '2000-01-01 00:00:00+00')"


class PostgreSql:
    """The backend for production."""

    lost: tuple[type[Exception], ...] = (psycopg.OperationalError, psycopg.InterfaceError)

    def __init__(self, url: URL) -> None:
        self.address = f"postgresql://{url.host or 'local socket'}:{url.port or 5432}/{url.database or ''}"
        self.engine = engine_of(url)
        # Single reads need no transaction: BEGIN and COMMIT would be two round trips more.
        self._reader = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        self.direct = Stack(lambda: LibpqDirect(self.engine))

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        with self._reader.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        with self.engine.begin() as connection:
            yield connection

    def insert(self, table: Table) -> Any:
        return postgresql_insert(table)

    def share(self, connection: Any, batch_id: str) -> None:
        if isinstance(connection, LibpqDirect):
            connection.say(_SHARE_DIRECTLY % (ALL_NAMESPACE, BATCH_NAMESPACE, barrier_key(batch_id)))
            return
        assert isinstance(connection, Connection)  # noqa: S101 - of the two kinds that there are
        keys = {"all": ALL_NAMESPACE, "batch": BATCH_NAMESPACE, "key": barrier_key(batch_id)}
        connection.execute(_SHARE, keys)

    def exclude(self, connection: Connection, batch_id: str) -> None:
        connection.execute(_EXCLUDE, {"namespace": BATCH_NAMESPACE, "key": barrier_key(batch_id)})

    def exclude_all(self, connection: Connection) -> None:
        connection.execute(_EXCLUDE, {"namespace": ALL_NAMESPACE, "key": 0})

    def insert_calls(self, connection: Connection, rows: NewRows) -> tuple[int, int]:
        return copy_calls(connection, rows)

    def due(self, direct: Direct, rooms: Mapping[str, int], least: int, most_cohorts: int) -> list[DueCohort]:
        return postgresql_release.due(direct, rooms, least, most_cohorts)

    def mark(self, direct: Direct, portions: Sequence[Portion]) -> Marked:
        return postgresql_release.mark(direct, portions)


def engine_of(url: URL) -> Engine:
    given = url.query.get("options", "")
    settings = [f"-c {name}={value}" for name, value in _SETTINGS.items()]
    options = " ".join([*settings, given if isinstance(given, str) else " ".join(given)]).strip()
    plain = url.set(drivername="postgresql+psycopg").difference_update_query(["options"])
    return create_engine(
        plain,
        isolation_level="READ COMMITTED",  # the barrier rests on each statement's own snapshot
        connect_args=_CONNECT | {"options": options},
        **_POOL,
    )


def barrier_key(batch_id: str) -> int:
    """An int4. Two batches that share one wait for each other now and then, which is harmless."""
    return crc32(batch_id.encode()) - (1 << 31)
