"""Races between real threads on separate connections: what has returned is over, and nobody claims past it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier, Event
from typing import Any

import pytest
from sqlalchemy import event

from dialer.domain.call import Claim, NotClaimed, Suppression
from dialer.domain.states import BatchState, CallState, CloseReason, HoldScope
from dialer.errors import BatchTerminated
from dialer.ledger import SqlLedger, open_ledger
from tests.contract.ledger.builders import (
    ACCOUNT,
    IN_PROGRESS,
    House,
    always_open,
    answer,
    new_calls,
    terms_of,
)

#: Long enough for the other side to run through if nothing held it.
A_WHILE = 0.4
PATIENCE = 20


@pytest.fixture
def other(ledger_url: str) -> Iterator[SqlLedger]:
    """The same ledger as another process sees it: nothing shared but the database."""
    ledger = open_ledger(ledger_url)
    yield ledger
    ledger.close()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(32) as pool:
        yield pool


@contextmanager
def held_before(ledger: SqlLedger, beginning: str) -> Iterator[tuple[Event, Event]]:
    """Statements that begin so wait: the first event says that one is there, the second lets it go on."""
    there, go_on = Event(), Event()

    def wait(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if statement.startswith(beginning):
            there.set()
            assert go_on.wait(PATIENCE)

    engine = ledger._transactions.backend.engine
    event.listen(engine, "before_cursor_execute", wait)
    try:
        yield there, go_on
    finally:
        go_on.set()
        event.remove(engine, "before_cursor_execute", wait)


def is_done(future: Future[Any], within: float) -> bool:
    try:
        future.exception(within)
    except TimeoutError:
        return False
    return True


def test_of_many_threads_with_the_same_message_one_claims(house: House, pool: ThreadPoolExecutor) -> None:
    batch = house.load()
    ticket = house.ticket()
    start = Barrier(16)

    def take() -> Claim | NotClaimed:
        start.wait(PATIENCE)
        return house.take(ticket)

    verdicts = [future.result() for future in [pool.submit(take) for _ in range(16)]]
    assert sum(isinstance(verdict, Claim) for verdict in verdicts) == 1
    assert all(verdict.is_duplicate for verdict in verdicts if isinstance(verdict, NotClaimed))
    assert [attempt.number for attempt in house.only_call(batch).attempts] == [1]


def test_many_threads_claim_many_calls_once_each(house: House, pool: ThreadPoolExecutor) -> None:
    house.load(calls=new_calls(64))
    tickets = [house.ticket(queued) for queued in house.push()]
    claims = [future.result() for future in [pool.submit(house.take, ticket) for ticket in tickets * 2]]
    won = [claim.call_id for claim in claims if isinstance(claim, Claim)]
    assert len(won) == len(set(won)) == 64


CONTROLS: list[tuple[str, Callable[[SqlLedger, str], int]]] = [
    ("terminate", lambda ledger, batch: ledger.batches.control(batch, BatchState.TERMINATED, "enough", "user")[1]),
    ("pause", lambda ledger, batch: ledger.batches.control(batch, BatchState.PAUSED, "lunch", "user")[1]),
    ("hold", lambda ledger, batch: ledger.accounts.hold(HoldScope.ALL, "", on=True)[1]),
    ("hold account", lambda ledger, batch: ledger.accounts.hold(HoldScope.ACCOUNT, ACCOUNT, on=True)[1]),
]


@pytest.mark.parametrize("control", [verb for _, verb in CONTROLS], ids=[word for word, _ in CONTROLS])
def test_a_claim_under_way_commits_before_a_control_verb_returns_or_not_at_all(
    house: House, other: SqlLedger, pool: ThreadPoolExecutor, control: Callable[[SqlLedger, str], int]
) -> None:
    batch = house.load(calls=new_calls(2))
    first, second = (house.ticket(queued) for queued in house.push())
    with held_before(house.ledger, "UPDATE calls SET state='dialing'") as (there, go_on):
        claiming = pool.submit(house.take, first)
        assert there.wait(PATIENCE)  # past the barrier, its gates read, its update not sent
        controlling = pool.submit(control, other, batch.batch_id)
        assert not is_done(controlling, A_WHILE)
        go_on.set()
        assert isinstance(claiming.result(PATIENCE), Claim)
        assert controlling.result(PATIENCE) == 1  # in flight
    assert isinstance(house.take(second), NotClaimed)


def test_a_claim_under_way_that_read_the_list_before_an_entry_is_among_those_that_the_entry_tells(
    house: House, other: SqlLedger, pool: ThreadPoolExecutor
) -> None:
    house.load(calls=new_calls(1))
    ticket = house.ticket()
    with held_before(house.ledger, "UPDATE calls SET state='dialing'") as (there, go_on):
        claiming = pool.submit(house.take, ticket)
        assert there.wait(PATIENCE)
        adding = pool.submit(other.suppressions.add, [Suppression(ticket.phone, "asked us not to")])
        assert not is_done(adding, A_WHILE)
        go_on.set()
        claim = claiming.result(PATIENCE)
        adding.result(PATIENCE)
    assert isinstance(claim, Claim)
    assert claim.suppression is None
    assert other.suppressions.under_way(ticket.phone) == [ticket.call_id]


@pytest.mark.parametrize("wanted", [BatchState.TERMINATED, BatchState.PAUSED])
def test_a_claim_that_meets_a_control_verb_under_way_waits_and_then_sees_it(
    house: House, other: SqlLedger, pool: ThreadPoolExecutor, wanted: BatchState
) -> None:
    batch = house.load()
    ticket = house.ticket()
    with held_before(other, "UPDATE batches SET") as (there, go_on):
        controlling = pool.submit(other.batches.control, batch.batch_id, wanted, "stop", "user")
        assert there.wait(PATIENCE)
        claiming = pool.submit(house.take, ticket)
        assert not is_done(claiming, A_WHILE)
        go_on.set()
        assert controlling.result(PATIENCE)[1] == 0
        assert isinstance(claiming.result(PATIENCE), NotClaimed)
    assert house.only_call(batch).attempts == ()


def test_a_chunk_under_way_is_in_before_a_terminate_returns_and_is_closed_with_the_rest(
    house: House, other: SqlLedger, pool: ThreadPoolExecutor
) -> None:
    opened = house.open(terms_of())
    batch_id = opened.batch.batch_id
    inserting = "INSERT INTO calls" if "sqlite" in house.ledger.address else "WITH inserted"
    with held_before(house.ledger, inserting) as (there, go_on):
        adding = pool.submit(house.ledger.loads.add, opened, new_calls(3), always_open)
        assert there.wait(PATIENCE)
        terminating = pool.submit(other.batches.control, batch_id, BatchState.TERMINATED, "enough", "user")
        assert not is_done(terminating, A_WHILE)
        go_on.set()
        assert adding.result(PATIENCE).accepted == 3
        terminating.result(PATIENCE)
    assert other.reading.tally(batch_id).closed[CloseReason.TERMINATED] == 3
    with pytest.raises(BatchTerminated):
        house.ledger.loads.add(opened, new_calls(1, first=9), always_open)


def test_two_who_create_the_same_batch_at_once_make_one(
    house: House, other: SqlLedger, pool: ThreadPoolExecutor
) -> None:
    start = Barrier(8)

    def load(ledger: SqlLedger) -> str:
        start.wait(PATIENCE)
        return House(ledger).load(calls=new_calls(3)).batch_id

    loading = [pool.submit(load, ledger) for ledger in [house.ledger, other] * 4]
    [batch_id] = {future.result(PATIENCE) for future in loading}
    assert house.ledger.reading.tally(batch_id).total == 3


def test_an_attempt_is_settled_or_recorded_by_one_of_many(house: House, pool: ThreadPoolExecutor) -> None:
    batch = house.load()
    claim = house.claim()
    start = Barrier(8)

    def record() -> bool:
        start.wait(PATIENCE)
        return house.ledger.claims.record(claim, answer(), IN_PROGRESS)

    assert sum(future.result() for future in [pool.submit(record) for _ in range(8)]) == 1
    assert house.only_call(batch).attempts_spent == 1


def test_all_rooms_work_at_once_without_a_deadlock(house: House, other: SqlLedger, pool: ThreadPoolExecutor) -> None:
    """Sweeps, control verbs, loads and claims meet on the same rows; each goes on, and every call ends closed."""
    batch = house.load(calls=new_calls(200))

    def dial(ledger: SqlLedger) -> None:
        mine = House(ledger)
        for queued in mine.push(per_cohort=10):
            ticket = ledger.claims.ticket(queued.call_id, queued.push_seq)
            claim = mine.take(ticket) if ticket else None
            if isinstance(claim, Claim):
                ledger.claims.defer(claim, None, "again")

    def sweep(ledger: SqlLedger) -> None:
        ledger.sweeps.promote(50)
        ledger.sweeps.expired(50)
        ledger.sweeps.terminated(50)
        ledger.sweeps.complete()

    def toggle(ledger: SqlLedger) -> None:
        ledger.batches.control(batch.batch_id, BatchState.PAUSED, "", "user")
        ledger.batches.control(batch.batch_id, BatchState.ACTIVE, "", "user")

    work = [dial, sweep, dial, toggle] * 6
    done = [pool.submit(verb, ledger) for verb in work for ledger in (house.ledger, other)]
    for future in done:
        future.result(60)
    other.batches.control(batch.batch_id, BatchState.TERMINATED, "", "user")
    other.sweeps.terminated(1000)
    assert other.reading.tally(batch.batch_id).states[CallState.CLOSED] == 200
