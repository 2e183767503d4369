"""Bulk moves of the scheduler: bounded, safe to repeat, and each only where its reason holds."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dialer.domain.states import AttemptState, BatchState, CallState, CloseReason, Lane
from dialer.ledger import SqlLedger
from dialer.ledger.tables import attempts, batches, calls, workers
from tests.contract.ledger.builders import (
    ACCOUNT,
    BOOT,
    DAY,
    HOUR,
    LONG_AGO,
    MINUTE,
    SECOND,
    WORKER,
    House,
    new_calls,
    terms_of,
)

DEAD_AFTER = timedelta(seconds=10)
OVERDUE = timedelta(seconds=-1)


def test_waiting_calls_are_promoted_when_due_oldest_first_and_in_bounded_numbers(
    house: House, ledger: SqlLedger
) -> None:
    house.load(calls=new_calls(3))
    for after, queued in zip((2 * SECOND, SECOND, HOUR), house.push(), strict=True):
        ledger.claims.hand_back(house.ticket(queued), after, "pace")
    house.rewrite(calls, calls.c.due_at < ledger.now() + MINUTE, due_at=LONG_AGO)
    assert [ledger.sweeps.promote(1), ledger.sweeps.promote(10), ledger.sweeps.promote(10)] == [1, 1, 0]


def test_a_message_lost_on_its_way_is_pushed_again(house: House, ledger: SqlLedger) -> None:
    house.load(terms_of(lane=Lane.HIGH), calls=new_calls(2))
    first, second = house.push(Lane.HIGH)
    house.rewrite(calls, calls.c.call_id == first.call_id, queued_at=ledger.now() - MINUTE)
    [again] = ledger.sweeps.stale_queued(20 * SECOND, 10)
    assert (again.call_id, again.push_seq, again.lane) == (first.call_id, 2, Lane.HIGH)
    assert ledger.sweeps.stale_queued(20 * SECOND, 10) == []
    assert {queued.call_id for queued in ledger.sweeps.stale_queued(timedelta(0), 10)} == {
        first.call_id,
        second.call_id,
    }


def test_an_empty_redis_has_every_queued_call_pushed_once_more_in_chunks(house: House, ledger: SqlLedger) -> None:
    house.load(calls=new_calls(5))
    house.push()
    chunks = [len(ledger.sweeps.stale_queued(timedelta(0), 3)) for _ in range(2)]
    assert chunks == [3, 3]


def claimed(house: House, deadline: timedelta = OVERDUE) -> str:
    house.load()
    return house.claim(deadline=deadline).reference


def test_the_claim_of_a_worker_that_never_beat_is_an_orphan(house: House, ledger: SqlLedger) -> None:
    reference = claimed(house)
    assert ledger.sweeps.orphans(DEAD_AFTER, 10) == [(ACCOUNT, reference)]
    [record] = ledger.reading.calls()
    assert (record.state, record.attempts[0].state) == (CallState.UNKNOWN, AttemptState.UNKNOWN)
    assert record.attempts_spent == 1
    assert ledger.sweeps.orphans(DEAD_AFTER, 10) == []


def test_the_claim_of_a_living_worker_is_its_own(house: House, ledger: SqlLedger) -> None:
    ledger.workers.beat(WORKER, BOOT, [Lane.NORMAL])
    claimed(house)
    assert ledger.sweeps.orphans(DEAD_AFTER, 10) == []


def test_a_silent_a_stopped_and_a_restarted_worker_are_dead(house: House, ledger: SqlLedger) -> None:
    reference = claimed(house)
    ledger.workers.beat(WORKER, BOOT, [Lane.NORMAL])
    house.rewrite(workers, workers.c.worker == WORKER, beat_at=ledger.now() - MINUTE)
    assert ledger.sweeps.orphans(DEAD_AFTER, 10) == [(ACCOUNT, reference)]


def test_a_worker_that_stopped_left_orphans(house: House, ledger: SqlLedger) -> None:
    reference = claimed(house)
    ledger.workers.beat(WORKER, BOOT, [Lane.NORMAL])
    ledger.workers.stopped(WORKER, BOOT)
    assert ledger.sweeps.orphans(DEAD_AFTER, 10) == [(ACCOUNT, reference)]


def test_a_worker_that_started_anew_left_orphans(house: House, ledger: SqlLedger) -> None:
    reference = claimed(house)
    ledger.workers.beat(WORKER, "boot-2", [Lane.NORMAL])
    assert ledger.sweeps.orphans(DEAD_AFTER, 10) == [(ACCOUNT, reference)]


def test_a_dead_workers_claim_is_no_orphan_before_its_deadline(house: House, ledger: SqlLedger) -> None:
    claimed(house, deadline=MINUTE)
    assert ledger.sweeps.orphans(DEAD_AFTER, 10) == []


def test_a_claim_forsaken_for_minutes_is_an_orphan_even_of_a_living_worker(house: House, ledger: SqlLedger) -> None:
    reference = claimed(house, deadline=-HOUR)
    ledger.workers.beat(WORKER, BOOT, [Lane.NORMAL])
    assert ledger.sweeps.orphans(DEAD_AFTER, 10) == [(ACCOUNT, reference)]


def test_an_orphan_is_asked_about_after_a_few_seconds(house: House, ledger: SqlLedger) -> None:
    claimed(house)
    ledger.sweeps.orphans(DEAD_AFTER, 10)
    assert ledger.attempts.due(10) == []
    house.rewrite(attempts, attempts.c.number == 1, next_look_at=attempts.c.since_at)
    assert len(ledger.attempts.due(10)) == 1


def test_what_was_not_dialed_by_exp_closes_expired_in_bounded_numbers(house: House, ledger: SqlLedger) -> None:
    batch = house.load(calls=new_calls(5))
    queued = house.push(per_cohort=3)
    ledger.claims.hand_back(house.ticket(queued[0]), HOUR, "pace")
    claim = house.claim(house.ticket(queued[1]))
    assert ledger.sweeps.expired(10) == 0
    house.let_expire(batch)
    assert [ledger.sweeps.expired(3), ledger.sweeps.expired(3), ledger.sweeps.expired(3)] == [3, 1, 0]
    tally = ledger.reading.tally(batch.batch_id)
    assert (tally.closed[CloseReason.EXPIRED], tally.states[CallState.DIALING]) == (4, 1)
    assert house.call(claim.call_id).state is CallState.DIALING


def test_a_draft_that_never_began_expires_but_never_completes(house: House, ledger: SqlLedger) -> None:
    batch = house.load(draft=True)
    house.let_expire(batch)
    assert ledger.sweeps.expired(10) == 1
    assert ledger.sweeps.expired(10) == 0
    assert ledger.sweeps.complete() == []


def test_the_rest_of_a_terminated_batch_is_swept(house: House, ledger: SqlLedger) -> None:
    batch = house.load(calls=new_calls(2500))
    assert ledger.sweeps.terminated(10) == 0
    ledger.batches.control(batch.batch_id, BatchState.TERMINATED, "enough", "user")
    left = 2500 - ledger.reading.tally(batch.batch_id).closed[CloseReason.TERMINATED]
    assert left == 500
    assert [ledger.sweeps.terminated(300), ledger.sweeps.terminated(300), ledger.sweeps.terminated(300)] == [
        300,
        200,
        0,
    ]


def test_a_batch_completes_when_nothing_of_it_is_open(house: House, ledger: SqlLedger) -> None:
    batch = house.load(calls=new_calls(2))
    first, second = (house.claim(house.ticket(queued)) for queued in house.push())
    ledger.claims.close(first, CloseReason.SUPPRESSED, "")
    assert ledger.sweeps.complete() == []
    ledger.claims.close(second, CloseReason.SUPPRESSED, "")
    assert ledger.sweeps.complete() == [batch.batch_id]
    assert ledger.sweeps.complete() == []
    completed = ledger.batches.get(batch.batch_id)
    assert completed is not None
    assert completed.state is BatchState.COMPLETED
    assert completed.completed_at is not None


def test_a_paused_batch_completes_too(house: House, ledger: SqlLedger) -> None:
    batch = house.load()
    claim = house.claim()
    ledger.batches.control(batch.batch_id, BatchState.PAUSED, "", "user")
    ledger.claims.close(claim, CloseReason.SUPPRESSED, "")
    assert ledger.sweeps.complete() == [batch.batch_id]


def test_a_batch_under_load_does_not_complete(house: House, ledger: SqlLedger) -> None:
    house.load()
    claim = house.claim()
    house.open(terms_of())
    ledger.claims.close(claim, CloseReason.SUPPRESSED, "")
    assert ledger.sweeps.complete() == []


def test_a_template_completes_after_its_exp(house: House, ledger: SqlLedger) -> None:
    template = house.load(terms_of(cron="0 9 * * *"), calls=new_calls(2))
    empty = house.load(terms_of("empty", cron="0 9 * * *"), calls=[])
    assert empty.state is BatchState.ACTIVE
    assert ledger.sweeps.complete() == []
    house.let_expire(template)
    house.let_expire(empty)
    assert ledger.sweeps.expired(10) == 2
    assert set(ledger.sweeps.complete()) == {template.batch_id, empty.batch_id}


@pytest.mark.parametrize("sweep", ["expired", "terminated"])
def test_a_batch_that_was_swept_and_opens_again_is_swept_again(house: House, ledger: SqlLedger, sweep: str) -> None:
    batch = house.load(draft=True)
    house.let_expire(batch)
    ledger.sweeps.expired(10)
    house.load(terms_of(), calls=new_calls(2))
    if sweep == "expired":
        house.rewrite(batches, batches.c.batch_id == batch.batch_id, exp=LONG_AGO + DAY)
        assert ledger.sweeps.expired(10) == 1
    else:
        ledger.batches.control(batch.batch_id, BatchState.TERMINATED, "", "user")
        assert ledger.reading.tally(batch.batch_id).closed[CloseReason.TERMINATED] == 1
