"""Migrations: up, down and up again on both databases, to exactly the tables that the code knows."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, select, update

from dialer.domain.upkeep import SchemaStatus
from dialer.errors import SchemaOutdated
from dialer.ledger import migrate, open_ledger, schema_revision, schema_status
from dialer.ledger.schema import MIGRATIONS, head, known
from dialer.ledger.tables import ledger, metadata
from dialer.ledger.transactions import Transactions, backend_of


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where no ledger is yet."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'new.db'}"
    url: str = request.getfixturevalue("empty_postgres_url")
    return url


@pytest.fixture
def transactions(empty_url: str) -> Iterator[Transactions]:
    transactions = Transactions(backend_of(empty_url))
    yield transactions
    transactions.backend.engine.dispose()


def shape(url: str) -> list[str]:
    """Every table, constraint and index in the database's own words."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            rows = connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
        statements = [re.sub(r"[\s\"]+", " ", row[0]) for row in rows if "alembic_version" not in row[0]]
        # A table's constraints come in no order.
        return sorted(
            line.removesuffix(" )")
            for statement in statements
            for line in re.split(r", (?=[A-Z])|(?<=NULL), ", statement)
        )
    with psycopg.connect(url) as connection:
        constraints = connection.execute(
            "SELECT conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint "
            "WHERE connamespace = 'public'::regnamespace"
        ).fetchall()
        indexes = connection.execute("SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'").fetchall()
        columns = connection.execute(
            "SELECT concat_ws(' ', table_name, column_name, data_type, is_nullable, column_default, "
            "character_maximum_length) FROM information_schema.columns WHERE table_schema = 'public'"
        ).fetchall()
        settings = connection.execute(
            "SELECT relname || ' ' || reloptions::text FROM pg_class WHERE reloptions IS NOT NULL "
            "AND relnamespace = 'public'::regnamespace"
        ).fetchall()
    found = [row[0] for rows in (constraints, indexes, columns, settings) for row in rows]
    return sorted(line for line in found if "alembic_version" not in line)


def test_a_new_ledger_has_the_newest_schema_and_an_identity_of_its_own(empty_url: str) -> None:
    assert schema_revision(empty_url) is None
    migrate(empty_url)
    assert schema_revision(empty_url) == head()
    opened = open_ledger(empty_url)
    opened.check()
    first = opened.ledger_id
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", first)
    migrate(empty_url)
    again = open_ledger(empty_url)
    assert again.ledger_id == first
    for each in (opened, again):
        each.close()


def test_up_down_and_up_again_leave_the_same_tables(empty_url: str, transactions: Transactions) -> None:
    migrate(empty_url)
    up = shape(empty_url)
    migrate(empty_url, "base")
    with transactions.read() as connection:
        assert inspect(connection).get_table_names() in ([], ["alembic_version"])
    assert schema_revision(empty_url) is None
    migrate(empty_url)
    assert shape(empty_url) == up


def test_the_migrations_make_what_the_code_knows(empty_url: str, transactions: Transactions) -> None:
    migrate(empty_url)
    migrated = shape(empty_url)
    with transactions.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    migrate(empty_url, "base")
    with transactions.write() as connection:
        metadata.create_all(connection)
    assert shape(empty_url) == migrated


def become(transactions: Transactions, revision: str, oldest: str) -> None:
    """What the migrations of a later version would have done to this ledger."""
    with transactions.write() as connection:
        connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{revision}'")
        connection.execute(update(ledger).values(oldest_revision=oldest))


def test_a_ledger_of_an_older_schema_or_none_is_refused_with_the_way_out(
    empty_url: str, transactions: Transactions
) -> None:
    opened = open_ledger(empty_url)
    with pytest.raises(SchemaOutdated, match=r"schema none, .* run `dialer migrate`"):
        opened.check()
    migrate(empty_url, "0001")
    with pytest.raises(SchemaOutdated, match=r"schema 0001, .* run `dialer migrate`"):
        opened.check()
    opened.close()


def test_a_newer_schema_is_taken_while_it_lets_versions_as_old_as_ours_run(
    empty_url: str, transactions: Transactions
) -> None:
    migrate(empty_url)
    become(transactions, "9998", oldest=head())
    opened = open_ledger(empty_url)
    opened.check()
    become(transactions, "9999", oldest="9998")
    with pytest.raises(SchemaOutdated, match=r"9999.*no version before 9998 may run on it"):
        opened.check()
    opened.close()


def test_files_are_named_by_their_revisions_for_scheduler_and_workers_go_by_that() -> None:
    steps = list(ScriptDirectory(str(MIGRATIONS)).walk_revisions())
    assert known() == {step.revision for step in steps}
    assert [head()] == ScriptDirectory(str(MIGRATIONS)).get_heads()


def test_a_process_that_migrates_nothing_does_not_carry_what_it_would_take() -> None:
    looks = "import sys, workers.scheduler; sys.exit('alembic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", looks], check=False).returncode == 0


def test_the_steps_that_a_ledger_lacks_are_told_in_order(empty_url: str, transactions: Transactions) -> None:
    assert [step.revision for step in schema_status(empty_url).pending][:2] == ["0001", "0002"]
    migrate(empty_url, "0001")
    lacking = schema_status(empty_url)
    assert (lacking.found, lacking.needed, lacking.may_run) == ("0001", head(), False)
    assert lacking.pending[0].revision == "0002"
    assert lacking.pending[0].words.startswith("Keys, agents, contacts")
    migrate(empty_url)
    assert schema_status(empty_url) == SchemaStatus(head(), head(), (), None, may_run=True)
    become(transactions, "9999", oldest="9998")
    assert schema_status(empty_url) == SchemaStatus("9999", head(), (), "9998", may_run=False)


def test_every_ledger_has_a_key_of_its_own_for_erased_numbers(empty_url: str, transactions: Transactions) -> None:
    keys = []
    for _ in range(2):
        migrate(empty_url)
        with transactions.read() as connection:
            keys.append(connection.execute(select(ledger.c.erasure_key)).scalar_one())
        migrate(empty_url, "base")
    assert all(re.fullmatch("[0-9a-f]{64}", key) for key in keys)
    assert keys[0] != keys[1]
