"""A ledger that is away says so without its password; one that is back is used again; its file is the owner's only."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from dialer.errors import ConfigInvalid, LedgerUnreachable
from dialer.ledger import SqlLedger, migrate, open_ledger
from dialer.ledger.tables import workers
from tests.contract.ledger.builders import ACCOUNT, House, new_calls, terms_of
from tests.servers import PostgresServer


@pytest.mark.parametrize("url", ["mysql://x/y", "sqlite://", "sqlite:///:memory:", "dialer.db", ""])
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(ConfigInvalid, match="database_url"):
        open_ledger(url)


def test_a_ledger_that_is_away_names_its_address_and_not_its_password() -> None:
    ledger = open_ledger("postgresql://dialer:secret@127.0.0.1:1/ledger")
    with pytest.raises(LedgerUnreachable, match=r"127\.0\.0\.1:1/ledger") as caught:
        ledger.check()
    assert "secret" not in str(caught.value)
    ledger.close()


def test_a_file_that_cannot_be_opened_is_a_ledger_out_of_reach(tmp_path: Path) -> None:
    ledger = open_ledger(f"sqlite:///{tmp_path / 'missing' / 'ledger.db'}")
    with pytest.raises(LedgerUnreachable, match=r"missing/ledger\.db"):
        ledger.now()
    ledger.close()


def test_a_server_that_came_back_is_used_again(own_postgres: PostgresServer) -> None:
    url = own_postgres.create_database("ledger")
    migrate(url)
    ledger = open_ledger(url)
    ledger.accounts.ensure(ACCOUNT, None, "keys")
    house = House(ledger)
    batch = house.load()
    claim = house.claim()
    own_postgres.stop_immediate()
    for ask in (ledger.now, lambda: ledger.claims.defer(claim, None, "")):
        with pytest.raises(LedgerUnreachable):
            ask()
    own_postgres.start()
    ledger.check()
    assert ledger.claims.defer(claim, None, "back again")
    assert len(house.push()) == 1
    assert ledger.batches.get(batch.batch_id) == batch
    ledger.close()


def test_a_ledgers_file_and_its_journal_are_the_owners_only(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    migrate(f"sqlite:///{path}")
    assert {file.stat().st_mode & 0o777 for file in tmp_path.iterdir()} == {0o600}


def test_sqlite_keeps_its_commits_on_disk(sqlite_url: str) -> None:
    ledger = open_ledger(sqlite_url)
    with ledger._transactions.read() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert pragmas["journal_mode"] == ("wal" if sqlite3.sqlite_version_info >= (3, 51, 3) else "truncate")
    assert (pragmas["synchronous"], pragmas["foreign_keys"]) == (2, 1)
    ledger.close()


def test_a_reader_in_the_way_of_a_commit_is_waited_for(sqlite_url: str) -> None:
    """With a rollback journal an open cursor holds commits up: ours wait, and go through when it is closed."""
    ledger = open_ledger(sqlite_url)
    ledger.accounts.ensure(ACCOUNT, None, "keys")
    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as reader, ThreadPoolExecutor(1) as pool:
        cursor = reader.execute("SELECT name FROM sqlite_master")
        cursor.fetchone()
        writing = pool.submit(ledger.workers.beat, "w", "b", [])
        with pytest.raises(TimeoutError):
            writing.exception(0.2)
        cursor.close()
        reader.rollback()
        writing.result(20)
    ledger.close()


def test_settings_of_a_postgresql_session_guard_it_against_hanging(postgres_url: str) -> None:
    ledger = open_ledger(postgres_url)
    with ledger._transactions.read() as connection:
        found = {
            name: connection.execute(text(f"SHOW {name}")).scalar_one()
            for name in ("statement_timeout", "lock_timeout", "synchronous_commit", "timezone", "transaction_isolation")
        }
    assert found == {
        "statement_timeout": "30s",
        "lock_timeout": "5s",
        "synchronous_commit": "on",
        "timezone": "UTC",
        "transaction_isolation": "read committed",
    }
    ledger.close()


def test_forty_threads_use_one_ledger(ledger: SqlLedger) -> None:
    house = House(ledger)
    house.load(calls=new_calls(40))
    tickets = [house.ticket(queued) for queued in house.push()]

    def dial(index: int) -> str:
        claim = house.claim(tickets[index])
        ledger.claims.defer(claim, None, "")
        return house.call(claim.call_id).phone

    with ThreadPoolExecutor(40) as pool:
        assert len(set(pool.map(dial, range(40)))) == 40


def test_an_instant_without_an_offset_is_refused(house: House) -> None:
    with pytest.raises(Exception, match="UTC offset"):
        house.load(terms_of(nbf=datetime(2026, 1, 1)))  # noqa: DTZ001  -- what must not get in


def test_instants_keep_their_microseconds_and_sort(house: House) -> None:
    instant = datetime(2026, 11, 23, 9, 0, 0, 1, tzinfo=UTC)
    house.ledger.workers.beat("w", "b", [])
    house.rewrite(workers, workers.c.worker == "w", beat_at=instant)
    [row] = house.ledger.workers.all(instant - instant)
    assert row.beat_at == instant
