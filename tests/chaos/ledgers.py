"""The ledgers that suites run on, seen from below: counted in plain SQL, kept and put back as a backup would be."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

import psycopg

from dialer.ledger import migrate
from tests.servers import PostgresServer

OPEN_CALLS = "SELECT count(*) FROM calls WHERE state <> 'closed'"
UNKNOWNS = "SELECT reference FROM attempts WHERE state IN ('unknown', 'unresolved')"


class Books(Protocol):
    """One ledger of one suite."""

    kind: str
    #: where the processes find it
    url: str

    def rows(self, query: str) -> list[tuple[Any, ...]]: ...

    def open_calls(self) -> int: ...

    def unknowns(self) -> set[str]: ...

    def keep(self) -> None:
        """A backup; nobody may be at work."""
        ...

    def put_back(self) -> None:
        """The ledger as it was when it was kept; nobody may be at work."""
        ...


class _Counted:
    def rows(self, query: str) -> list[tuple[Any, ...]]:
        raise NotImplementedError

    def open_calls(self) -> int:
        return int(self.rows(OPEN_CALLS)[0][0])

    def unknowns(self) -> set[str]:
        return {str(row[0]) for row in self.rows(UNKNOWNS)}


class SqliteBooks(_Counted):
    """One file."""

    kind = "sqlite"

    def __init__(self, home: Path) -> None:
        self.path = home / "ledger.db"
        self.url = f"sqlite:///{self.path}"
        migrate(self.url)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, timeout=10)) as connection:
            return connection.execute(query).fetchall()

    def keep(self) -> None:
        shutil.copyfile(self.path, self.path.with_suffix(".kept"))

    def put_back(self) -> None:
        for left in self.path.parent.glob(f"{self.path.name}-*"):
            left.unlink()
        shutil.copyfile(self.path.with_suffix(".kept"), self.path)


class PostgresBooks(_Counted):
    """One database on a server of the suite's own. `behind` is the port that the processes connect to instead."""

    kind = "postgresql"

    def __init__(self, server: PostgresServer, name: str = "ledger") -> None:
        self.server = server
        self.name = name
        self.own_url = server.create_database(name)
        self.url = self.own_url
        migrate(self.own_url)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.own_url, autocommit=True, connect_timeout=5) as connection:
            return connection.execute(query.encode()).fetchall()

    def keep(self) -> None:
        self._leave()
        self.server.drop_database("kept")  # an earlier backup
        self.server.create_database("kept", self.name)

    def put_back(self) -> None:
        self.server.drop_database(self.name)
        self.server.create_database(self.name, "kept")

    def _leave(self) -> None:
        """A template must have no connections: of killed processes some linger for a moment."""
        self.server.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{self.name}'")
