"""New calls by PostgreSQL's COPY: straight into their table where no number is likely to be known, else through a
staging table that leaves known numbers as they are."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import psycopg
from psycopg.errors import UniqueViolation
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from dialer.domain.call import NewCall
from dialer.domain.states import CallState, CloseReason
from dialer.ledger.backend import NewRows

# What is a call's own comes first, then what a whole cohort of the chunk has in common.
_COLUMNS = (
    "call_id, phone, variables, timezone, lane, max_retries, "
    "batch_id, cohort_id, created_at, state, close_reason, due_at, closed_at"
)
_STAGING = (
    f"CREATE TEMP TABLE IF NOT EXISTS new_calls ON COMMIT DELETE ROWS AS SELECT {_COLUMNS} FROM calls WHERE false"  # noqa: S608
)
_INSERT = text(
    f"WITH inserted AS (INSERT INTO calls ({_COLUMNS}) SELECT {_COLUMNS} FROM new_calls "  # noqa: S608
    "ON CONFLICT (phone, batch_id) DO NOTHING RETURNING state) "
    "SELECT count(*) FILTER (WHERE state <> 'closed'), count(*) FILTER (WHERE state = 'closed') FROM inserted"
)
_NONE = "\\N"
_NOTHING_OWN = "\t" + "\t".join([_NONE] * 4)


def copy_calls(connection: Connection, rows: NewRows) -> tuple[int, int]:
    """How many came in open, and how many closed."""
    lines = copy_text(rows)
    if rows.is_first and _copy_at_once(connection, lines):
        return len(rows.calls) - rows.suppressed, rows.suppressed
    connection.exec_driver_sql(_STAGING)
    _copy(connection, "new_calls", lines)
    accepted, closed = connection.execute(_INSERT).one()
    return accepted, closed


def _copy_at_once(connection: Connection, lines: str) -> bool:
    """False where a number was known after all: then nothing has come in."""
    try:
        with connection.begin_nested():
            _copy(connection, "calls", lines)
    except UniqueViolation:
        return False
    return True


def _copy(connection: Connection, table: str, lines: str) -> None:
    driver: Any = connection.connection.driver_connection
    statement = f"COPY {table} ({_COLUMNS}) FROM STDIN"
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            copy.write(lines)
    except psycopg.OperationalError as error:
        raise OperationalError(statement, None, error, connection_invalidated=driver.closed) from error


def copy_text(rows: NewRows) -> str:
    """In COPY's text format."""
    opened = {zones: _in_common(rows, cohort_id) for zones, cohort_id in rows.cohorts.items()}
    closed = {zones: _in_common(rows, cohort_id, closed=True) for zones, cohort_id in rows.cohorts.items()}
    return "".join(
        [
            f"{call_id}\t{call.phone}{_own(call)}{(closed if call.is_suppressed else opened)[call.zones]}"
            for call_id, call in zip(rows.ids, rows.calls, strict=True)
        ]
    )


def _own(call: NewCall) -> str:
    if call.variables is None and call.timezone is None and call.lane is None and call.max_retries is None:
        return _NOTHING_OWN
    variables = _NONE if call.variables is None else _escaped(call.variables)
    lane = _NONE if call.lane is None else int(call.lane)
    retries = _NONE if call.max_retries is None else call.max_retries
    return f"\t{variables}\t{call.timezone or _NONE}\t{lane}\t{retries}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def _in_common(rows: NewRows, cohort_id: int, *, closed: bool = False) -> str:
    now = _instant(rows.now)
    due = now if rows.opened is CallState.READY and not closed else _NONE
    state = CallState.CLOSED if closed else rows.opened
    reason = CloseReason.SUPPRESSED.value if closed else _NONE
    columns = [rows.batch_id, str(cohort_id), now, state.value, reason, due, now if closed else _NONE]
    return "\t" + "\t".join(columns) + "\n"


def _instant(value: datetime) -> str:
    return value.isoformat(" ", "microseconds")
