"""What readers see: counts that agree with the rows, and records in load order."""

from __future__ import annotations

import uuid
from collections import Counter

import pytest

from dialer.domain.placement import AnswerKind, Progress
from dialer.domain.states import AttemptState, BatchState, CallState, CloseReason, Outcome
from dialer.errors import BatchTerminated, InvalidInput
from dialer.ledger import SqlLedger
from dialer.ports.ledger import Recording
from tests.contract.ledger.builders import (
    HOUR,
    House,
    answer,
    new_calls,
    phone_of,
    terms_of,
)

REJECTED = Recording(CallState.CLOSED, AttemptState.REJECTED, CloseReason.REJECTED)


def dialed(house: House) -> str:
    """A batch with a call in most states: answered, busy and waiting, rejected, dialing, queued, ready."""
    batch = house.load(calls=new_calls(7))
    queued = house.push(per_cohort=5)
    answered, busy, rejected, _ = (house.claim(house.ticket(each)) for each in queued[:4])
    ended = Progress(ended=True, outcome=Outcome.ANSWERED)
    house.ledger.attempts.settle(house.open_attempt(answered), ended, None, CloseReason.REACHED)
    engaged = Progress(ended=True, outcome=Outcome.BUSY)
    house.ledger.attempts.settle(house.open_attempt(busy), engaged, HOUR, None)
    house.ledger.claims.record(rejected, answer(AnswerKind.REJECTED, provider_call_id=None), REJECTED)
    return batch.batch_id


def test_a_tally_has_every_key_even_of_an_empty_batch(house: House, ledger: SqlLedger) -> None:
    tally = ledger.reading.tally(house.load(calls=[]).batch_id)
    assert (tally.total, tally.attempts, tally.last_minute) == (0, 0, 0)
    assert set(tally.states) == set(CallState)
    assert set(tally.closed) == set(CloseReason)
    assert set(tally.outcomes) == set(Outcome)


def test_a_tally_agrees_with_the_calls_one_by_one(house: House, ledger: SqlLedger) -> None:
    batch_id = dialed(house)
    tally, records = ledger.reading.tally(batch_id), ledger.reading.calls(batch_id)
    assert {state: count for state, count in tally.states.items() if count} == Counter(r.state for r in records)
    assert {reason: count for reason, count in tally.closed.items() if count} == Counter(
        r.close_reason for r in records if r.close_reason
    )
    assert {outcome: n for outcome, n in tally.outcomes.items() if n} == Counter(
        r.outcome for r in records if r.outcome
    )
    assert (tally.total, tally.attempts) == (7, sum(record.attempts_spent for record in records))
    assert tally.last_minute == 3


def test_calls_are_read_by_state_close_reason_and_outcome(house: House, ledger: SqlLedger) -> None:
    batch_id = dialed(house)

    def phones(**named: str) -> list[str]:
        return [record.phone for record in ledger.reading.calls(batch_id, **named)]  # type: ignore[arg-type]

    assert phones(state="ready") == [phone_of(5), phone_of(6)]
    assert phones(state="closed") == [phone_of(0), phone_of(2)]
    assert phones(state="rejected") == [phone_of(2)]
    assert phones(outcome="busy") == [phone_of(1)]
    assert phones(state="waiting", outcome="answered") == []


def test_a_number_is_read_over_all_batches(house: House, ledger: SqlLedger) -> None:
    first, second = house.load(), house.load(terms_of("autumn"), calls=new_calls(3))
    found = ledger.reading.calls(phone=phone_of(0))
    assert [record.batch_id for record in found] == [first.batch_id, second.batch_id]
    assert ledger.reading.calls(second.batch_id, phone=phone_of(2))[0].phone == phone_of(2)
    assert ledger.reading.calls(phone="+61400000000") == []


def test_one_call_is_read_with_its_cohort_and_batch(house: House, ledger: SqlLedger) -> None:
    batch = house.load()
    [record] = ledger.reading.calls(batch.batch_id)
    [cohort] = ledger.batches.cohorts(batch.batch_id)
    assert ledger.reading.call(record.call_id) == (record, cohort, batch)
    assert ledger.reading.call_of(batch.batch_id, phone_of(0)) == (record, cohort, batch)
    assert ledger.reading.call(str(uuid.uuid4())) is None
    assert ledger.reading.call_of(batch.batch_id, phone_of(1)) is None


def test_a_calls_attempts_are_read_in_order(house: House, ledger: SqlLedger) -> None:
    house.load()
    refused = Recording(CallState.READY, AttemptState.REFUSED)
    for _ in range(3):
        ledger.claims.record(house.claim(), answer(AnswerKind.THROTTLED, provider_call_id=None), refused)
    [record] = ledger.reading.calls()
    assert [attempt.number for attempt in record.attempts] == [1, 2, 3]


def test_a_requeue_makes_calls_dialable_again_and_the_batch_with_them(house: House, ledger: SqlLedger) -> None:
    batch = house.load(calls=new_calls(2))
    for queued in house.push():
        rejected = answer(AnswerKind.REJECTED, provider_call_id=None)
        ledger.claims.record(house.claim(house.ticket(queued)), rejected, REJECTED)
    assert ledger.sweeps.complete() == [batch.batch_id]
    assert ledger.decisions.requeue(batch.batch_id, CloseReason.EXPIRED, "ops") == 0
    assert ledger.decisions.requeue(batch.batch_id, CloseReason.REJECTED, "ops") == 2
    reopened = ledger.batches.get(batch.batch_id)
    assert reopened is not None
    assert (reopened.state, reopened.completed_at) == (BatchState.ACTIVE, None)
    assert [queued.push_seq for queued in house.push()] == [2, 2]
    assert ledger.reading.tally(batch.batch_id).closed[CloseReason.REJECTED] == 0


def test_a_requeue_needs_a_batch_that_may_still_be_dialed(house: House, ledger: SqlLedger) -> None:
    batch = house.load()
    house.let_expire(batch)
    with pytest.raises(InvalidInput, match="WINDOW_PAST"):
        ledger.decisions.requeue(batch.batch_id, CloseReason.REJECTED, "ops")
    ledger.batches.control(batch.batch_id, BatchState.TERMINATED, "", "user")
    with pytest.raises(BatchTerminated):
        ledger.decisions.requeue(batch.batch_id, CloseReason.REJECTED, "ops")


def test_many_calls_are_requeued(house: House, ledger: SqlLedger) -> None:
    batch = house.load(calls=new_calls(4500, is_suppressed=True))
    assert batch.state is BatchState.COMPLETED
    assert ledger.decisions.requeue(batch.batch_id, CloseReason.SUPPRESSED, "ops") == 4500


def test_the_ledgers_clock_is_aware_and_goes_on(ledger: SqlLedger) -> None:
    first, second = ledger.now(), ledger.now()
    assert first.utcoffset() is not None
    assert first <= second
