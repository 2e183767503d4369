"""From ready to queued: open cohorts first, each one's oldest due, and marked before they are pushed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from psycopg import sql
from sqlalchemy import Engine, event

from dialer.domain.batch import CohortZones
from dialer.domain.states import BatchState, CallState, HoldScope, Lane
from dialer.ledger import SqlLedger
from dialer.ledger.tables import calls
from tests.contract.ledger.builders import (
    ACCOUNT,
    DAY,
    HOUR,
    LONG_AGO,
    MELBOURNE,
    PERTH,
    House,
    never_open,
    new_calls,
    phone_of,
    terms_of,
)


def test_an_open_cohort_gives_its_oldest_due_calls_first(house: House, ledger: SqlLedger) -> None:
    batch = house.load(calls=new_calls(5))
    third = ledger.reading.calls(batch.batch_id)[2]
    house.rewrite(calls, calls.c.call_id == third.call_id, due_at=LONG_AGO)
    [due] = house.due(room=2)
    assert (due.account, due.batch_id, due.lane, due.count, due.has_more) == (
        ACCOUNT, batch.batch_id, Lane.NORMAL, 3, True
    )  # fmt: skip
    queued = ledger.release.enqueue([due] * 3)
    assert [house.call(one.call_id).phone for one in queued] == [phone_of(2), phone_of(0), phone_of(1)]


def test_every_open_cohort_shows_what_is_due(house: House, ledger: SqlLedger) -> None:
    house.load(calls=new_calls(3, zones=MELBOURNE) + new_calls(3, first=3, zones=PERTH))
    house.load(terms_of("autumn"), calls=new_calls(3))
    found = house.due()
    assert [(due.count, due.has_more) for due in found] == [(3, False)] * 3
    assert len({due.cohort_id for due in found}) == 3
    assert len(house.due(most_cohorts=1)) == 1


def test_no_more_is_looked_at_than_fills_the_room_where_all_have_something(house: House, ledger: SqlLedger) -> None:
    for ref in ("one", "two", "three"):
        house.load(terms_of(ref), calls=new_calls(9))
    assert [(due.count, due.has_more) for due in ledger.release.due({ACCOUNT: 12}, 2)] == [(5, True)] * 3
    assert [(due.count, due.has_more) for due in ledger.release.due({ACCOUNT: 3}, 9)] == [(9, True)] * 3
    assert [(due.count, due.has_more) for due in ledger.release.due({ACCOUNT: 30}, 1)] == [(9, False)] * 3


def test_turns_are_kept_and_those_without_a_call_left_out(house: House, ledger: SqlLedger) -> None:
    for ref in ("one", "two"):
        house.load(terms_of(ref), calls=new_calls(2))
    one, two = house.due()
    queued = ledger.release.enqueue([one, two, one, two, two])
    assert [house.call(each.call_id).batch_id for each in queued] == [
        one.batch_id, two.batch_id, one.batch_id, two.batch_id
    ]  # fmt: skip


def test_cohorts_without_a_due_call_do_not_use_up_the_limit(house: House, ledger: SqlLedger) -> None:
    for ref in ("one", "two", "three"):
        house.load(terms_of(ref))
    house.push()
    house.load(terms_of("four"))
    assert len(house.due(most_cohorts=1)) == 1


def test_a_calls_own_lane_beats_its_batchs(house: House, ledger: SqlLedger) -> None:
    house.load(terms_of(lane=Lane.LOW), calls=new_calls(1, lane=Lane.HIGH) + new_calls(2, first=1))
    [high], [low] = house.due(Lane.HIGH), house.due(Lane.LOW)
    assert (high.count, low.count) == (1, 2)
    assert [queued.lane for queued in ledger.release.enqueue([high, low, low])] == [Lane.HIGH, Lane.LOW, Lane.LOW]
    assert house.due() == []


def test_calls_whose_own_lane_is_their_batchs_wait_with_the_others(house: House, ledger: SqlLedger) -> None:
    batch = house.load(calls=new_calls(2) + new_calls(2, first=2, lane=Lane.NORMAL))
    second, third = ledger.reading.calls(batch.batch_id)[1:3]
    house.rewrite(calls, calls.c.call_id == third.call_id, due_at=LONG_AGO)
    house.rewrite(calls, calls.c.call_id == second.call_id, due_at=LONG_AGO + HOUR)
    [due] = house.due()
    assert due.count == 4
    queued = ledger.release.enqueue([due] * 3)
    assert [house.call(one.call_id).phone for one in queued] == [phone_of(2), phone_of(1), phone_of(0)]


def test_accounts_are_asked_together_and_others_not_shown(house: House, ledger: SqlLedger) -> None:
    house.load(terms_of(account="other"))
    assert house.due() == []
    assert len(house.due(account="other")) == 1
    house.load(terms_of("ours"))
    assert {due.account for due in ledger.release.due({ACCOUNT: 5, "other": 5, "third": 5}, 5)} == {ACCOUNT, "other"}


def test_a_cohort_that_is_closed_now_shows_nothing(house: House, ledger: SqlLedger) -> None:
    now = ledger.now()
    house.load(terms_of("later", nbf=now + HOUR))
    house.load(terms_of("over", exp=now - HOUR))
    house.load(terms_of("never"), next_span=never_open)
    assert house.due() == []


@pytest.mark.parametrize("wanted", [BatchState.PAUSED, BatchState.TERMINATED])
def test_a_halted_batch_shows_nothing(house: House, ledger: SqlLedger, wanted: BatchState) -> None:
    batch = house.load()
    ledger.batches.control(batch.batch_id, wanted, "stop", "user")
    assert house.due() == []


@pytest.mark.parametrize(
    ("scope", "key"), [(HoldScope.ALL, ""), (HoldScope.WORKSPACE, "w1"), (HoldScope.ACCOUNT, ACCOUNT)]
)
def test_a_red_button_hides_all_under_it_until_it_is_lifted(
    house: House, ledger: SqlLedger, scope: HoldScope, key: str
) -> None:
    house.load()
    ledger.accounts.hold(scope, key, on=True)
    assert house.due() == []
    ledger.accounts.hold(scope, key, on=False)
    assert len(house.due()) == 1


@pytest.mark.parametrize(("scope", "key"), [(HoldScope.WORKSPACE, "w2"), (HoldScope.ACCOUNT, "other")])
def test_a_red_button_of_others_hides_nothing(house: House, ledger: SqlLedger, scope: HoldScope, key: str) -> None:
    house.load()
    ledger.accounts.hold(scope, key, on=True)
    assert len(house.due()) == 1


def test_a_batch_of_many_cohorts_hides_no_batch_of_one(house: House, ledger: SqlLedger) -> None:
    zones = [CohortZones((f"Etc/GMT+{hours}",)) for hours in range(1, 13)]
    house.load(terms_of("wide"), [new_calls(1, first=first, zones=each)[0] for first, each in enumerate(zones)])
    narrow = {house.load(terms_of(ref)).batch_id for ref in ("one", "two")}
    for _ in range(5):
        found = house.due(most_cohorts=4)
        assert len(found) == 4
        assert narrow <= {due.batch_id for due in found}


def test_a_call_is_queued_once_and_counts_its_pushes(house: House, ledger: SqlLedger) -> None:
    house.load(calls=new_calls(2))
    [due] = house.due()
    first = ledger.release.enqueue([due] * 2)
    assert [(queued.push_seq, queued.lane) for queued in first] == [(1, Lane.NORMAL)] * 2
    assert [house.call(queued.call_id).phone for queued in first] == [phone_of(0), phone_of(1)]
    assert ledger.release.enqueue([due] * 2) == []
    assert ledger.claims.hand_back(house.ticket(first[0]), None, "no channel")
    assert [(queued.call_id, queued.push_seq) for queued in house.push()] == [(first[0].call_id, 2)]


def test_what_an_account_has_in_use_is_counted_from_rows(house: House, ledger: SqlLedger) -> None:
    house.load(calls=new_calls(4))
    house.load(terms_of(lane=Lane.TEST))
    house.push(Lane.TEST)
    claims = [house.claim(house.ticket(queued)) for queued in house.push()[:3]]
    house.open_attempt(claims[0])
    load = ledger.release.load_of([ACCOUNT, "idle"])
    assert (load[ACCOUNT].queued, load[ACCOUNT].dialing) == (2, 2)
    assert (load[ACCOUNT].in_progress, load[ACCOUNT].queued_tests) == (1, 1)
    assert (load["idle"].queued, load["idle"].dialing, load["idle"].in_progress) == (0, 0, 0)


def test_due_calls_are_found_by_the_partial_index_however_much_waits(house: House, ledger: SqlLedger) -> None:
    """Thousands of calls that are paused, closed or not open yet cost the look at the few that are due nothing."""
    paused = house.load(terms_of("paused"), calls=new_calls(4000))
    ledger.batches.control(paused.batch_id, BatchState.PAUSED, "", "user")
    house.load(terms_of("closed", nbf=ledger.now() + DAY), calls=new_calls(4000))
    house.load(terms_of("due"), calls=new_calls(20))
    [due] = house.due()
    with plans_of(ledger) as plans:
        assert [found.count for found in house.due()] == [20]
        assert len(ledger.release.enqueue([due] * 8)) == 8
    assert len(plans) >= 2
    for plan in plans:
        assert "ix_calls_ready" in plan
        assert "Seq Scan on calls" not in plan
        assert "SCAN calls" not in plan


@contextmanager
def plans_of(ledger: SqlLedger) -> Iterator[list[str]]:
    """The plans of each statement about ready calls, at the end of the block."""
    engine = ledger._transactions.backend.engine
    told: list[tuple[str, Any]] = []
    plans: list[str] = []

    def listen(connection: Any, cursor: Any, statement: str, values: Any, *rest: Any) -> None:
        if "'ready'" in statement:
            told.append((statement, values))

    event.listen(engine, "before_cursor_execute", listen)
    try:
        yield plans
    finally:
        event.remove(engine, "before_cursor_execute", listen)
    for statement, values in told:
        plans.extend(
            on_postgresql(engine, statement, values) if is_remote(engine) else on_sqlite(engine, statement, values)
        )


def is_remote(engine: Engine) -> bool:
    return engine.dialect.name == "postgresql"


def on_sqlite(engine: Engine, statement: str, values: Any) -> list[str]:
    with closing(engine.raw_connection()) as connection:
        cursor = connection.cursor()
        cursor.execute("EXPLAIN QUERY PLAN " + statement, values)
        return ["\n".join(map(str, cursor.fetchall()))]


def on_postgresql(engine: Engine, statement: str, values: Any) -> list[str]:
    """A prepared statement is planned with its values a few times, and then perhaps without, once for all."""
    arguments = sql.SQL(", ").join(map(sql.Literal, values))
    plans = []
    with closing(engine.raw_connection()) as connection:
        cursor = connection.cursor()
        for mode in ("force_custom_plan", "force_generic_plan"):
            cursor.execute(f"SET LOCAL plan_cache_mode = {mode}")
            cursor.execute("PREPARE asked AS " + statement)
            cursor.execute(sql.SQL("EXPLAIN EXECUTE asked ({})").format(arguments))
            plans.append("\n".join(line for (line,) in cursor.fetchall()))
            cursor.execute("DEALLOCATE asked")
    return plans


def test_a_batchs_cohorts_are_read_with_whether_they_have_a_ready_call(house: House, ledger: SqlLedger) -> None:
    batch = house.load(calls=new_calls(1, zones=PERTH))
    house.push()
    house.load(calls=new_calls(1, first=1, zones=MELBOURNE))
    found = ledger.reading.cohorts([batch.batch_id])[batch.batch_id]
    assert [(cohort.zones, has_ready) for cohort, has_ready in found] == [(PERTH, False), (MELBOURNE, True)]
    assert ledger.reading.tally(batch.batch_id).states[CallState.QUEUED] == 1
