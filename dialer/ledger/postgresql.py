"""The ledger on PostgreSQL: connection settings, advisory barrier, and the look at the heads of cohorts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from zlib import crc32

from sqlalchemy import URL, Connection, Engine, Table, create_engine, text
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.ext.compiler import compiles

from dialer.domain.call import ReadyHead
from dialer.domain.states import Lane
from dialer.ledger.backend import NewRows
from dialer.ledger.columns import clock, ids, quarter, texts
from dialer.ledger.copying import copy_calls

#: Namespaces of our advisory locks (two int4): one key for everything, one for each batch.
ALL_NAMESPACE, BATCH_NAMESPACE, MIGRATION_NAMESPACE = 0x6469616C, 0x6469616D, 0x6469616E

_SETTINGS = {
    "statement_timeout": "30s",
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "60s",
    "synchronous_commit": "on",  # a claim that a crash un-commits is dialed again
    "timezone": "UTC",
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
}
_POOL = {"pool_size": 40, "max_overflow": 40, "pool_timeout": 10, "pool_use_lifo": True, "pool_pre_ping": True}

# Open cohorts first, then the heads of each: what waits, is paused or is over is never looked at. A cohort with nothing
# to give does not use up the limit; where more have something, each batch shows one before any shows a second, and
# chance is fair to all. The order names the lane, or PostgreSQL would not see that with `lane IS NULL`, too, the index
# is in the order asked for. The clock is read once, and an index condition may use it.
_HEADS = text(
    """
    SELECT head.call_id, cohort.batch_id, cohort.cohort_id
    FROM (
        SELECT cohorts.cohort_id, cohorts.batch_id, batches.lane
        FROM batches JOIN cohorts ON cohorts.batch_id = batches.batch_id
        WHERE batches.state = 'active' AND NOT batches.is_drained AND batches.account = :account
          AND batches.is_loaded AND batches.cron IS NULL
          AND cohorts.opens_at <= (SELECT clock_timestamp()) AND cohorts.closes_at > (SELECT clock_timestamp())
          AND NOT EXISTS (
            SELECT FROM holds WHERE is_on AND (scope = 'all'
              OR (scope = 'workspace' AND key = batches.workspace_id) OR (scope = 'account' AND key = batches.account)))
          AND (EXISTS (SELECT FROM calls WHERE calls.cohort_id = cohorts.cohort_id
                 AND calls.state = 'ready' AND calls.lane = :lane)
            OR (batches.lane = :lane AND EXISTS (SELECT FROM calls WHERE calls.cohort_id = cohorts.cohort_id
                 AND calls.state = 'ready' AND calls.lane IS NULL)))
        ORDER BY row_number() OVER (PARTITION BY cohorts.batch_id ORDER BY random()), random() LIMIT :limit_cohorts
    ) AS cohort
    CROSS JOIN LATERAL (
        (SELECT call_id, due_at FROM calls WHERE calls.cohort_id = cohort.cohort_id
           AND calls.state = 'ready' AND calls.lane = :lane ORDER BY lane, due_at, call_id LIMIT :per_cohort)
        UNION ALL
        (SELECT call_id, due_at FROM calls WHERE calls.cohort_id = cohort.cohort_id AND cohort.lane = :lane
           AND calls.state = 'ready' AND calls.lane IS NULL ORDER BY lane, due_at, call_id LIMIT :per_cohort)
        ORDER BY due_at, call_id LIMIT :per_cohort
    ) AS head
    ORDER BY cohort.cohort_id, head.due_at, head.call_id
    """
)

_SHARE = text("SELECT pg_advisory_xact_lock_shared(:all, 0), pg_advisory_xact_lock_shared(:batch, :key)")
_EXCLUDE = text("SELECT pg_advisory_xact_lock(:namespace, :key)")


@compiles(clock, "postgresql")
def _clock(element: Any, compiler: Any, **_: Any) -> str:
    return "clock_timestamp()"


@compiles(texts, "postgresql")
def _texts(element: Any, compiler: Any, **given: Any) -> str:
    return f"(SELECT json_array_elements_text(CAST({compiler.process(element.clauses, **given)} AS json)))"


@compiles(ids, "postgresql")
def _ids(element: Any, compiler: Any, **given: Any) -> str:
    listed = compiler.process(element.clauses, **given)
    return f"(SELECT CAST(json_array_elements_text(CAST({listed} AS json)) AS uuid))"


@compiles(quarter, "postgresql")
def _quarter(element: Any, compiler: Any, **given: Any) -> str:
    instant = compiler.process(element.clauses, **given)
    return f"date_bin('15 minutes', {instant}, TIMESTAMPTZ '2000-01-01 00:00:00+00')"


class PostgreSql:
    """The backend for production."""

    def __init__(self, url: URL) -> None:
        self.address = f"postgresql://{url.host or 'local socket'}:{url.port or 5432}/{url.database or ''}"
        self.engine = engine_of(url)
        # Single reads need no transaction: BEGIN and COMMIT would be two round trips more.
        self._reader = self.engine.execution_options(isolation_level="AUTOCOMMIT")

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

    def share(self, connection: Connection, batch_id: str) -> None:
        keys = {"all": ALL_NAMESPACE, "batch": BATCH_NAMESPACE, "key": barrier_key(batch_id)}
        connection.execute(_SHARE, keys)

    def exclude(self, connection: Connection, batch_id: str) -> None:
        connection.execute(_EXCLUDE, {"namespace": BATCH_NAMESPACE, "key": barrier_key(batch_id)})

    def exclude_all(self, connection: Connection) -> None:
        connection.execute(_EXCLUDE, {"namespace": ALL_NAMESPACE, "key": 0})

    def insert_calls(self, connection: Connection, rows: NewRows) -> tuple[int, int]:
        return copy_calls(connection, rows)

    def heads(
        self, connection: Connection, account: str, lane: Lane, per_cohort: int, limit_cohorts: int
    ) -> list[ReadyHead]:
        wanted = {
            "account": account,
            "lane": int(lane),
            "per_cohort": per_cohort,
            "limit_cohorts": limit_cohorts,
        }
        return [
            ReadyHead(str(call_id), str(batch_id), cohort_id)
            for call_id, batch_id, cohort_id in connection.execute(_HEADS, wanted)
        ]


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
