"""The database's own bulk path into the ledger's own table, constraints and indexes included: COPY, or executemany.

Nothing is checked here, and no number is looked up: this is the ceiling of any load. It also fills ledgers quickly.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from datetime import datetime
from itertools import islice
from typing import Any

import psycopg

Row = tuple[Any, ...]
#: Rows of one executemany and one commit: as many as one chunk of ours.
CHUNK = 5000


def bulk(url: str, table: str, columns: tuple[str, ...], rows: Iterable[Row]) -> None:
    """Every row into `table`. Instants are aware datetimes."""
    if url.startswith("sqlite:///"):
        executemany(url.removeprefix("sqlite:///"), table, columns, rows)
    else:
        copy(url, table, columns, rows)


def copy(url: str, table: str, columns: tuple[str, ...], rows: Iterable[Row]) -> None:
    """One COPY in one transaction."""
    statement = f"COPY {table} ({', '.join(columns)}) FROM STDIN"
    with psycopg.connect(url) as connection, connection.cursor() as cursor, cursor.copy(statement) as stream:
        for row in rows:
            stream.write_row(row)


def executemany(path: str, table: str, columns: tuple[str, ...], rows: Iterable[Row]) -> None:
    """With the pragmas of the embedded ledger."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")
    statement = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
    stream = iter(rows)
    while chunk := [tuple(map(bound, row)) for row in islice(stream, CHUNK)]:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(statement, chunk)
        connection.execute("COMMIT")
    connection.close()


def bound(value: Any) -> Any:
    """As the ledger writes instants into SQLite."""
    return value.isoformat(" ", "microseconds")[:26] if isinstance(value, datetime) else value
