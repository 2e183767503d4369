"""The servers that tests run on: one Redis and one PostgreSQL for each test process, started when first asked for.

`redis_url` is empty for each test; `postgres_url` and `sqlite_url` are a migrated ledger for each test; `ledger_url` is
the two in turn. Tests that stop or kill a server take one of their own: `own_redis`, `own_postgres`.
"""

from __future__ import annotations

import gc
import shutil
from collections.abc import Generator, Iterator
from itertools import count
from pathlib import Path

import pytest
from redis import Redis

from tests import statements
from tests.servers import PostgresServer
from workers.embedded_redis import EmbeddedRedis

MIGRATED = "migrated"
numbers = count(1)

statements.share()


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRedis]:
    with EmbeddedRedis(tmp_path_factory.mktemp("redis"), persistent=False) as server:
        yield server


@pytest.fixture
def redis_url(redis_server: EmbeddedRedis) -> str:
    """An empty Redis, shared with the other tests of this process one after the other: leave it running."""
    with Redis.from_url(redis_server.url) as redis:
        redis.flushall()
        redis.script_flush()
    return redis_server.url


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[EmbeddedRedis]:
    """A Redis of the test's own, with an append-only file, to kill, restart and empty."""
    with EmbeddedRedis(tmp_path / "redis", persistent=True) as server:
        yield server


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    with PostgresServer() as server:
        yield server


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL of the test's own, to stop and restart; fsync on, no ledger in it."""
    with PostgresServer(durable=True) as server:
        yield server


@pytest.fixture
def empty_postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    yield from fresh_database(postgres_server, "template0")


@pytest.fixture(scope="session")
def migrated_template(postgres_server: PostgresServer) -> str:
    """The name of a database with the ledger's schema in it; copying it is faster than migrating again."""
    from dialer.ledger import migrate

    migrate(postgres_server.create_database(MIGRATED))
    return MIGRATED


@pytest.fixture
def postgres_url(postgres_server: PostgresServer, migrated_template: str) -> Iterator[str]:
    yield from fresh_database(postgres_server, migrated_template)


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from dialer.ledger import migrate

    path = tmp_path_factory.mktemp("ledger") / "migrated.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite_url(migrated_file: Path, tmp_path: Path) -> str:
    return f"sqlite:///{shutil.copyfile(migrated_file, tmp_path / 'ledger.db')}"


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest) -> str:
    """A migrated ledger: the test runs on both kinds."""
    name = {"sqlite": "sqlite_url", "postgresql": "postgres_url"}[request.param]
    url: str = request.getfixturevalue(name)
    return url


def fresh_database(server: PostgresServer, template: str) -> Iterator[str]:
    name = f"test_{next(numbers)}"
    yield server.create_database(name, template)
    server.drop_database(name)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is collected stays for good: looking for garbage among it took a third of the time, in each process."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(tryfirst=True)  # the distributor looks for groups in this hook, too
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """System tests start real processes: those of a module one after the other, and first, for they take longest."""
    for item in items:
        if item.nodeid.startswith("tests/system/"):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))
    items.sort(key=is_system_test, reverse=True)


def is_system_test(item: pytest.Item) -> bool:
    return item.nodeid.startswith(("tests/system/", "tests/chaos/"))
