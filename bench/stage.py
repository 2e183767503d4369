"""What the benchmarks run on: private servers, empty ledgers on them, and a configuration for each."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Self

import psycopg

from dialer.bootstrap import open_switchboard
from dialer.coordination.connection import RedisServer
from dialer.ledger import migrate
from dialer.ports import Switchboard
from dialer.settings import Settings, load_settings
from tests.servers import PostgresServer
from workers.celery_queue import CeleryQueue
from workers.embedded_redis import EmbeddedRedis

SQLITE, POSTGRESQL = "sqlite", "postgresql"
KINDS = (SQLITE, POSTGRESQL)
#: Where nobody listens: most benchmarks place no call.
NOBODY = "http://127.0.0.1:9"

CONFIGURATION = """
database_url = "{ledger}"
redis_url = "{redis}"
default_provider = "bench"
# Open at whatever hour it is run, and for numbers of whatever range.
legal_hours = []
default_timezone = "Australia/Sydney"

{accounts}
"""
ACCOUNT = """
[providers.{name}]
kind = "inspra"
base_url = "{provider}"
caller_id = "+61255509999"
calls_per_second = {calls_per_second}
channels = {channels}
"""
ACCOUNTS = ("bench", "second")


@dataclass
class Stage:
    """One Redis and one PostgreSQL (fsync on), for all benchmarks of a run."""

    home: Path
    redis: EmbeddedRedis
    postgres: PostgresServer
    _names: Iterator[int] = field(default_factory=lambda: count(1))

    @classmethod
    @contextmanager
    def up(cls) -> Iterator[Self]:
        with ExitStack() as stack:
            home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dialer-bench-")))
            redis = stack.enter_context(EmbeddedRedis(home, persistent=False))
            postgres = stack.enter_context(PostgresServer(durable=True))
            for name in [name for name in os.environ if name.startswith("DIALER_")]:
                del os.environ[name]  # numbers of ours must never get into somebody's ledger
            yield cls(home, redis, postgres)

    @contextmanager
    def ledger(self, kind: str) -> Iterator[str]:
        """The url of an empty ledger, gone afterwards."""
        name = f"bench_{next(self._names)}"
        folder = self.home / name
        folder.mkdir()
        url = f"sqlite:///{folder / 'ledger.db'}" if kind == SQLITE else self.postgres.create_database(name)
        migrate(url)
        yield url
        if kind == POSTGRESQL:
            self.postgres.drop_database(name)
        shutil.rmtree(folder)

    def configuration(
        self, url: str, provider: str = NOBODY, calls_per_second: float = 1000.0, channels: int = 251
    ) -> Path:
        """A dialer.toml for that ledger."""
        limits = {"calls_per_second": calls_per_second, "channels": channels}
        path = self.home / f"{next(self._names)}.toml"
        accounts = "".join(ACCOUNT.format(name=name, provider=provider, **limits) for name in ACCOUNTS)
        path.write_text(CONFIGURATION.format(ledger=url, redis=self.redis.url, accounts=accounts), encoding="utf-8")
        return path

    def settings(self, url: str) -> Settings:
        return load_settings(self.configuration(url))

    def desk(self, url: str) -> Switchboard:
        return self.desk_of(self.configuration(url))

    def desk_of(self, configuration: Path) -> Switchboard:
        """As the scheduler has it: with a queue that really pushes."""
        settings = load_settings(configuration)
        return open_switchboard(settings, CeleryQueue(RedisServer(settings.redis_address())))


def execute(url: str, *statements: str) -> None:
    """Each in a transaction of its own."""
    if url.startswith("sqlite:"):
        connection = sqlite3.connect(url.removeprefix("sqlite:///"), timeout=30, isolation_level=None)
        for statement in statements:
            connection.execute(statement)
        connection.close()
    else:
        with psycopg.connect(url, autocommit=True) as server:
            for statement in statements:
                server.execute(statement.encode())


def ask(url: str, query: str) -> list[tuple[Any, ...]]:
    if url.startswith("sqlite:"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            return connection.execute(query).fetchall()
    with psycopg.connect(url) as server:
        return server.execute(query.encode()).fetchall()
