"""From ready to queued: open cohorts first, each one's oldest due, and marked before they are pushed."""

from __future__ import annotations

import pytest
from sqlalchemy import text

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


def test_an_open_cohort_shows_its_oldest_due_calls_first(house: House, ledger: SqlLedger) -> None:
    batch = house.load(calls=new_calls(5))
    third = ledger.reading.calls(batch.batch_id)[2]
    house.rewrite(calls, calls.c.call_id == third.call_id, due_at=LONG_AGO)
    heads = ledger.release.heads(ACCOUNT, Lane.NORMAL, per_cohort=3)
    assert [house.call(head.call_id).phone for head in heads] == [phone_of(2), phone_of(0), phone_of(1)]
    assert {head.batch_id for head in heads} == {batch.batch_id}


def test_every_open_cohort_shows_its_heads(house: House, ledger: SqlLedger) -> None:
    house.load(calls=new_calls(3, zones=MELBOURNE) + new_calls(3, first=3, zones=PERTH))
    house.load(terms_of("autumn"), calls=new_calls(3))
    heads = ledger.release.heads(ACCOUNT, Lane.NORMAL, per_cohort=2)
    assert len(heads) == 6
    assert len({head.cohort_id for head in heads}) == 3
    assert len({head.cohort_id for head in ledger.release.heads(ACCOUNT, Lane.NORMAL, 2, limit_cohorts=1)}) == 1


def test_cohorts_without_a_due_call_do_not_use_up_the_limit(house: House, ledger: SqlLedger) -> None:
    for ref in ("one", "two", "three"):
        house.load(terms_of(ref))
    house.push()
    house.load(terms_of("four"))
    assert len(ledger.release.heads(ACCOUNT, Lane.NORMAL, per_cohort=5, limit_cohorts=1)) == 1


def test_a_calls_own_lane_beats_its_batchs(house: House, ledger: SqlLedger) -> None:
    house.load(terms_of(lane=Lane.LOW), calls=new_calls(1, lane=Lane.HIGH) + new_calls(2, first=1))
    high, low = (ledger.release.heads(ACCOUNT, lane, 10) for lane in (Lane.HIGH, Lane.LOW))
    assert (len(high), len(low)) == (1, 2)
    assert [queued.lane for queued in ledger.release.enqueue(high + low)] == [Lane.HIGH, Lane.LOW, Lane.LOW]
    assert ledger.release.heads(ACCOUNT, Lane.NORMAL, 10) == []


def test_another_accounts_calls_are_not_shown(house: House, ledger: SqlLedger) -> None:
    house.load(terms_of(account="other"))
    assert ledger.release.heads(ACCOUNT, Lane.NORMAL, 10) == []
    assert len(ledger.release.heads("other", Lane.NORMAL, 10)) == 1


def test_a_cohort_that_is_closed_now_shows_nothing(house: House, ledger: SqlLedger) -> None:
    now = ledger.now()
    house.load(terms_of("later", nbf=now + HOUR))
    house.load(terms_of("over", exp=now - HOUR))
    house.load(terms_of("never"), next_span=never_open)
    assert ledger.release.heads(ACCOUNT, Lane.NORMAL, 10) == []


@pytest.mark.parametrize("wanted", [BatchState.PAUSED, BatchState.TERMINATED])
def test_a_halted_batch_shows_nothing(house: House, ledger: SqlLedger, wanted: BatchState) -> None:
    batch = house.load()
    ledger.batches.control(batch.batch_id, wanted, "stop", "user")
    assert ledger.release.heads(ACCOUNT, Lane.NORMAL, 10) == []


@pytest.mark.parametrize(
    ("scope", "key"), [(HoldScope.ALL, ""), (HoldScope.WORKSPACE, "w1"), (HoldScope.ACCOUNT, ACCOUNT)]
)
def test_a_red_button_hides_all_under_it_until_it_is_lifted(
    house: House, ledger: SqlLedger, scope: HoldScope, key: str
) -> None:
    house.load()
    ledger.accounts.hold(scope, key, on=True)
    assert ledger.release.heads(ACCOUNT, Lane.NORMAL, 10) == []
    ledger.accounts.hold(scope, key, on=False)
    assert len(ledger.release.heads(ACCOUNT, Lane.NORMAL, 10)) == 1


@pytest.mark.parametrize(("scope", "key"), [(HoldScope.WORKSPACE, "w2"), (HoldScope.ACCOUNT, "other")])
def test_a_red_button_of_others_hides_nothing(house: House, ledger: SqlLedger, scope: HoldScope, key: str) -> None:
    house.load()
    ledger.accounts.hold(scope, key, on=True)
    assert len(ledger.release.heads(ACCOUNT, Lane.NORMAL, 10)) == 1


def test_a_batch_of_many_cohorts_hides_no_batch_of_one(house: House, ledger: SqlLedger) -> None:
    zones = [CohortZones((f"Etc/GMT+{hours}",)) for hours in range(1, 13)]
    house.load(terms_of("wide"), [new_calls(1, first=first, zones=each)[0] for first, each in enumerate(zones)])
    narrow = {house.load(terms_of(ref)).batch_id for ref in ("one", "two")}
    for _ in range(5):
        heads = ledger.release.heads(ACCOUNT, Lane.NORMAL, per_cohort=1, limit_cohorts=4)
        assert len(heads) == 4
        assert narrow <= {head.batch_id for head in heads}


def test_a_call_is_queued_once_and_counts_its_pushes(house: House, ledger: SqlLedger) -> None:
    house.load(calls=new_calls(2))
    heads = ledger.release.heads(ACCOUNT, Lane.NORMAL, 10)
    first = ledger.release.enqueue(heads)
    assert [(queued.push_seq, queued.lane) for queued in first] == [(1, Lane.NORMAL)] * 2
    assert [queued.call_id for queued in first] == [head.call_id for head in heads]
    assert ledger.release.enqueue(heads) == []
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


def test_heads_are_found_by_the_partial_index_however_much_waits(house: House, ledger: SqlLedger) -> None:
    """Thousands of calls that are paused, closed or not open yet cost the look at the few that are due nothing."""
    paused = house.load(terms_of("paused"), calls=new_calls(4000))
    ledger.batches.control(paused.batch_id, BatchState.PAUSED, "", "user")
    house.load(terms_of("closed", nbf=ledger.now() + DAY), calls=new_calls(4000))
    house.load(terms_of("due"), calls=new_calls(20))
    plan = plan_of(ledger)
    assert "ix_calls_ready" in plan
    assert "Seq Scan on calls" not in plan
    assert "SCAN calls" not in plan
    assert len(ledger.release.heads(ACCOUNT, Lane.NORMAL, 8)) == 8


def plan_of(ledger: SqlLedger) -> str:
    """The plan of the statement as the backend sends it."""
    from dialer.ledger import postgresql, sqlite

    backend = ledger._transactions.backend
    with backend.engine.connect() as connection:
        if isinstance(backend, postgresql.PostgreSql):
            wanted = {"account": ACCOUNT, "lane": 2, "per_cohort": 8, "limit_cohorts": 1000}
            rows = connection.execute(text(f"EXPLAIN {postgresql._HEADS.text}"), wanted)
            return "\n".join(str(row[0]) for row in rows)
        explain = f"EXPLAIN QUERY PLAN {sqlite._OWN_LANE} UNION ALL {sqlite._BATCH_LANE}{sqlite._ORDER}"
        rows = connection.exec_driver_sql(explain, (1, 2, 8, 1, 8, 8))
        return "\n".join(str(row[3]) for row in rows.all())


def test_a_batchs_cohorts_are_read_with_whether_they_have_a_ready_call(house: House, ledger: SqlLedger) -> None:
    batch = house.load(calls=new_calls(1, zones=PERTH))
    house.push()
    house.load(calls=new_calls(1, first=1, zones=MELBOURNE))
    found = ledger.reading.cohorts([batch.batch_id])[batch.batch_id]
    assert [(cohort.zones, has_ready) for cohort, has_ready in found] == [(PERTH, False), (MELBOURNE, True)]
    assert ledger.reading.tally(batch.batch_id).states[CallState.QUEUED] == 1
