"""Opens the ledger's transactions and turns a database that does not answer into LedgerUnreachable."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import Connection, make_url, select
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from dialer.errors import ConfigInvalid, LedgerUnreachable
from dialer.ledger.backend import Backend
from dialer.ledger.columns import clock
from dialer.ledger.direct import Direct
from dialer.ledger.ids import IdMaker


class Transactions:
    """What every room of the ledger stands on. Safe for many threads; not to be carried through a fork."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.ids = IdMaker()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        with self._reaching(), self.backend.reading() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction. When its commit is not confirmed it raises, and whoever claimed has not claimed."""
        with self._reaching(), self.backend.writing() as connection:
            yield connection

    @contextmanager
    def direct(self) -> Iterator[Direct]:
        """A connection of the driver's own; what was begun on it and not committed is rolled back when it raises."""
        try:
            with self._reaching(), self.backend.direct.take() as direct:
                yield direct
        except self.backend.lost as error:
            raise self._unreachable(error) from error

    def close(self) -> None:
        self.backend.direct.close()
        self.backend.engine.dispose()

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        try:
            yield
        except (OperationalError, InterfaceError, PoolTimeout) as error:
            raise self._unreachable(error) from error
        except DBAPIError as error:
            if error.connection_invalidated:
                raise self._unreachable(error) from error
            raise

    def _unreachable(self, error: Exception) -> LedgerUnreachable:
        words = str(getattr(error, "orig", None) or error).strip().splitlines() or [type(error).__name__]
        return LedgerUnreachable(f"{self.backend.address}: {words[0]}")


def backend_of(url: str) -> Backend:
    """ConfigInvalid unless it names a PostgreSQL database or an SQLite file.

    The other kind's driver is not loaded: no process has a use for it, and psycopg is none of the small ones.
    """
    try:
        parsed = make_url(url.replace("postgres://", "postgresql://", 1))
    except ArgumentError:
        raise ConfigInvalid("database_url is not a URL: expected postgresql://… or sqlite:///…") from None
    kind = parsed.get_backend_name()
    if kind == "postgresql":
        from dialer.ledger.postgresql import PostgreSql

        return PostgreSql(parsed)
    if kind == "sqlite" and parsed.database not in (None, "", ":memory:"):
        from dialer.ledger.sqlite import Sqlite

        return Sqlite(parsed)
    raise ConfigInvalid(f"database_url names {kind!r}: expected postgresql://… or sqlite:///FILE")


def now_of(connection: Connection) -> datetime:
    """The ledger's clock, read in a statement of its own."""
    return connection.execute(select(clock())).scalar_one()
