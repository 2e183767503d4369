"""Connections of the driver's own: what rests is looked at before it is used, and what breaks is never used again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from sqlalchemy import Text, column, event, func, select, text

from dialer.domain.call import NotClaimed
from dialer.domain.states import CallState
from dialer.errors import LedgerUnreachable
from dialer.ledger import SqlLedger, open_ledger
from dialer.ledger.direct import Statement
from dialer.ledger.tables import attempts, calls
from tests.contract.ledger.builders import ACCOUNT, IN_PROGRESS, House, answer, new_calls


@pytest.fixture
def server(postgres_url: str) -> Iterator[psycopg.Connection[Any]]:
    """An administrator, who ends others' connections."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def remote(postgres_url: str) -> Iterator[House]:
    ledger = open_ledger(postgres_url)
    ledger.accounts.ensure(ACCOUNT, None, "keys")
    yield House(ledger)
    ledger.close()


def end_all_others(server: psycopg.Connection[Any]) -> int:
    """Returns when they have gone: until then one of them might still take a question, and end amid it."""
    others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    return server.execute(f"SELECT pg_terminate_backend(pid, 10000) {others}".encode()).rowcount


@contextmanager
def before(ledger: SqlLedger, beginning: str, act: Callable[[], object]) -> Iterator[None]:
    """`act` once, right before a statement that begins so."""
    done: list[str] = []

    def listen(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if statement.startswith(beginning) and not done:
            done.append(statement)
            act()

    engine = ledger._transactions.backend.engine
    event.listen(engine, "before_cursor_execute", listen)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", listen)
    assert done, f"nothing began with {beginning}"


def counted(ledger: SqlLedger, state: CallState) -> tuple[int, int]:
    """Calls in this state, and attempts."""
    with ledger._transactions.read() as connection:
        in_state = select(func.count()).select_from(calls).where(calls.c.state == state.value)
        return connection.execute(in_state).scalar_one(), connection.execute(
            select(func.count()).select_from(attempts)
        ).scalar_one()


def test_a_connection_that_was_ended_while_it_rested_is_not_used_again(
    remote: House, server: psycopg.Connection[Any]
) -> None:
    remote.load(calls=new_calls(2))
    first, second = remote.push()
    remote.claim(remote.ticket(first))
    assert end_all_others(server)
    remote.ledger._transactions.backend.engine.dispose()  # SQLAlchemy's own notice it by failing once
    remote.claim(remote.ticket(second))


def test_calls_are_marked_by_what_is_committed_whatever_the_database_has_set(server: psycopg.Connection[Any]) -> None:
    """A statement by itself has no older snapshot, with which it would fail where another moved a row."""
    database = server.info.dbname
    server.execute(f"ALTER DATABASE {database} SET default_transaction_isolation = 'serializable'".encode())
    ledger = open_ledger(f"postgresql://{server.info.user}@{server.info.host}:{server.info.port}/{database}")
    level = Statement(text("SELECT current_setting('transaction_isolation') AS level"), [column("level", Text)])
    with ledger._transactions.direct() as direct:
        [row] = direct.rows(level, {})
    assert row["level"] == "read committed"
    ledger.close()


def test_a_mark_whose_connection_breaks_before_it_marks_nothing_and_is_made_on_another(
    remote: House, server: psycopg.Connection[Any]
) -> None:
    remote.load(calls=new_calls(2))
    due = remote.due()
    cut = before(remote.ledger, "\n    WITH portion", lambda: end_all_others(server))
    with cut, pytest.raises(LedgerUnreachable):
        remote.ledger.release.enqueue(due * 2)
    remote.ledger._transactions.backend.engine.dispose()
    assert counted(remote.ledger, CallState.QUEUED) == (0, 0)
    assert len(remote.ledger.release.enqueue(due * 2)) == 2
    assert counted(remote.ledger, CallState.QUEUED) == (2, 0)


def test_a_claim_whose_connection_breaks_before_the_commit_was_not_made(
    remote: House, server: psycopg.Connection[Any]
) -> None:
    remote.load()
    ticket = remote.ticket()
    cut = before(remote.ledger, "INSERT INTO attempts", lambda: end_all_others(server))
    with cut, pytest.raises(LedgerUnreachable):
        remote.take(ticket)
    remote.ledger._transactions.backend.engine.dispose()
    assert counted(remote.ledger, CallState.QUEUED) == (1, 0)
    remote.claim(ticket)


def test_an_answer_whose_connection_breaks_before_the_commit_was_not_written(
    remote: House, server: psycopg.Connection[Any]
) -> None:
    remote.load()
    claim = remote.claim()
    cut = before(remote.ledger, "UPDATE attempts", lambda: end_all_others(server))
    with cut, pytest.raises(LedgerUnreachable):
        remote.ledger.claims.record(claim, answer(provider_call_id="theirs"), IN_PROGRESS)
    remote.ledger._transactions.backend.engine.dispose()
    assert counted(remote.ledger, CallState.DIALING) == (1, 1)
    assert remote.ledger.claims.record(claim, answer(provider_call_id="theirs"), IN_PROGRESS)
    assert counted(remote.ledger, CallState.IN_PROGRESS) == (1, 1)


def test_a_call_that_moved_after_it_was_read_is_not_claimed_and_gets_no_attempt(ledger_url: str) -> None:
    """Between the look at a call's gates and its claim another worker gets the same message."""
    ledger, other = open_ledger(ledger_url), open_ledger(ledger_url)
    ledger.accounts.ensure(ACCOUNT, None, "keys")
    house = House(ledger)
    house.load()
    ticket = house.ticket()
    if ledger_url.startswith("sqlite"):
        # Whoever reads there holds the one turn to write: nobody moves a call in between.
        assert not isinstance(house.take(ticket), NotClaimed)
        assert isinstance(House(other).take(ticket), NotClaimed)
    else:
        with before(ledger, "UPDATE calls", lambda: House(other).claim(ticket)):
            assert isinstance(house.take(ticket), NotClaimed)
    assert counted(ledger, CallState.DIALING) == (1, 1)
    ledger.close()
    other.close()


def test_what_the_database_refuses_leaves_no_connection_behind_that_is_half_in_it(house: House) -> None:
    """The provider gives one id to two calls: the second is written without it, on a connection that is sound."""
    house.load(calls=new_calls(3))
    first, second, third = (house.claim(house.ticket(queued)) for queued in house.push())
    for claim in (first, second, third):
        assert house.ledger.claims.record(claim, answer(provider_call_id="the same"), IN_PROGRESS)
    assert counted(house.ledger, CallState.IN_PROGRESS) == (3, 3)


@pytest.mark.parametrize("text", ["'; DROP TABLE calls; --", "\\'", "$1 $2", "%s %%", "{}", '"', "ü 漢 🙂", ""])
def test_whatever_a_provider_says_is_kept_word_for_word(house: House, text: str) -> None:
    house.load()
    claim = house.claim()
    assert house.ledger.claims.record(claim, answer(detail=text, raw=text, provider_call_id="their-1"), IN_PROGRESS)
    with house.ledger._transactions.read() as connection:
        kept = connection.execute(select(attempts.c.detail, attempts.c.raw)).one()
    assert kept == (text or None, text)
