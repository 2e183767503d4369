"""A ledger in doubt, and what it may have forgotten when it was restored; both ledgers."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from dialer.domain.batch import Cohort
from dialer.domain.call import NotClaimed, OpenAttempt
from dialer.domain.reference import NUMBERS_FORGOTTEN, forgotten_references
from dialer.domain.states import AttemptState, BatchState, CallState, CloseReason
from dialer.ledger.tables import calls
from tests.contract.ledger.builders import FAR_OFF, HOUR, LONG_AGO, MINUTE, SECOND, House, new_calls

SINCE = timedelta(minutes=5)


def cohort(house: House, batch_id: str) -> Cohort:
    [only] = house.ledger.batches.cohorts(batch_id)
    return only


def recover(house: House, batch_id: str, taken_at: datetime | None = None, limit: int = 100) -> int:
    return house.ledger.trust.recover(cohort(house, batch_id), taken_at or house.ledger.now() - SINCE, limit)


def recovered(house: House) -> OpenAttempt:
    [attempt] = house.ledger.attempts.due(10)
    assert attempt.is_recovered
    return attempt


def test_a_fresh_ledger_is_in_no_doubt_and_never_ticked(house: House) -> None:
    assert house.ledger.trust.doubt() is None
    assert house.ledger.workers.last_tick() is None


def test_the_first_doubt_stands_until_it_is_confirmed(house: House) -> None:
    house.ledger.trust.raise_doubt("first")
    house.ledger.trust.raise_doubt("second")
    assert house.ledger.trust.doubt() == "first"
    house.ledger.trust.confirm()
    assert house.ledger.trust.doubt() is None
    last = house.ledger.workers.last_tick()
    assert last is not None
    assert house.ledger.now() - last < MINUTE


def test_in_doubt_nothing_is_claimed_and_the_call_comes_back(house: House) -> None:
    batch = house.load()
    ticket = house.ticket()
    house.ledger.trust.raise_doubt("because")
    refusal = house.take(ticket)
    assert isinstance(refusal, NotClaimed)
    assert refusal.why == "the ledger is in doubt: because"
    assert house.only_call(batch).state is CallState.READY
    house.ledger.trust.confirm()
    house.claim()


@pytest.mark.parametrize("state", ["ready", "queued", "waiting, due"])
def test_what_was_due_becomes_unknown_once(house: House, state: str) -> None:
    batch = house.load()
    if state == "queued":
        house.push()
    if state == "waiting, due":
        house.rewrite(calls, calls.c.batch_id == batch.batch_id, state="waiting", due_at=LONG_AGO)
    taken_at = house.ledger.now() - SINCE
    assert recover(house, batch.batch_id, taken_at) == 1
    call = house.only_call(batch)
    assert (call.state, call.attempts_spent) == (CallState.UNKNOWN, 1)
    assert [each.state for each in call.attempts] == [AttemptState.UNKNOWN]
    assert recover(house, batch.batch_id, taken_at) == 0


def test_what_was_not_due_or_is_under_way_or_over_is_left_alone(house: House) -> None:
    batch = house.load(calls=new_calls(4))
    waiting, dialing, closed, ready = (call.call_id for call in house.ledger.reading.calls(batch.batch_id))
    house.rewrite(calls, calls.c.call_id == waiting, state="waiting", due_at=FAR_OFF)
    house.rewrite(calls, calls.c.call_id == closed, state="closed", close_reason="reached")
    [queued] = [each for each in house.push() if each.call_id == dialing]
    house.claim(house.ticket(queued))
    assert recover(house, batch.batch_id) == 1
    assert house.call(ready).state is CallState.UNKNOWN
    assert house.call(dialing).state is CallState.DIALING


def test_it_is_bounded(house: House) -> None:
    batch = house.load(calls=new_calls(5))
    taken_at = house.ledger.now() - SINCE
    assert [recover(house, batch.batch_id, taken_at, limit=2) for _ in range(4)] == [2, 2, 1, 0]


def test_its_references_are_those_that_forgotten_claims_would_have_had(house: House) -> None:
    batch = house.load()
    ticket = house.ticket()
    recover(house, batch.batch_id)
    attempt = recovered(house)
    assert attempt.reference == ticket.reference
    names = forgotten_references(house.ledger.ledger_id, attempt.call_id, attempt.number)
    assert len(names) >= NUMBERS_FORGOTTEN
    assert names[0] == ticket.reference


def test_the_numbers_that_may_have_been_used_are_not_given_again(house: House) -> None:
    batch = house.load()
    recover(house, batch.batch_id)
    attempt = recovered(house)
    assert house.ledger.decisions.never_placed(attempt, "the list")
    claim = house.claim()
    names = forgotten_references(house.ledger.ledger_id, attempt.call_id, attempt.number)
    assert claim.reference not in names
    assert (claim.number, claim.attempts_spent) == (attempt.number + 1, 0)
    assert house.call(claim.call_id).attempts[0].decisions[0]["by"] == "the list"
    assert not house.ledger.decisions.never_placed(attempt, "twice")


def test_what_was_found_meanwhile_is_not_taken_for_never_placed(house: House) -> None:
    batch = house.load()
    recover(house, batch.batch_id)
    attempt = recovered(house)
    assert house.ledger.attempts.found(attempt, "their-1")
    assert not house.ledger.decisions.never_placed(attempt, "the list")
    call = house.only_call(batch)
    assert (call.state, call.attempts_spent) == (CallState.IN_PROGRESS, 1)


def test_a_list_that_was_asked_since_too_late_disowns_nothing(house: House) -> None:
    batch = house.load()
    taken_at = house.ledger.now() - SINCE
    recover(house, batch.batch_id, taken_at)
    attempt = recovered(house)
    recover(house, batch.batch_id, taken_at - MINUTE)  # while it was asked: the backup is older than was said
    assert not house.ledger.decisions.never_placed(attempt, "the list")
    assert house.only_call(batch).state is CallState.UNKNOWN


@pytest.mark.parametrize(("over", "reason"), [("terminated", CloseReason.TERMINATED), ("expired", CloseReason.EXPIRED)])
def test_in_a_batch_that_is_over_what_never_was_closes(house: House, over: str, reason: CloseReason) -> None:
    batch = house.load()
    recover(house, batch.batch_id)
    attempt = recovered(house)
    if over == "terminated":
        house.ledger.batches.control(batch.batch_id, BatchState.TERMINATED, "over", "user")
    else:
        house.let_expire(batch)
    assert house.ledger.decisions.never_placed(attempt, "the list")
    call = house.only_call(batch)
    assert (call.close_reason, call.attempts_spent) == (reason, 0)


def test_an_earlier_instant_goes_back_further_and_a_later_one_asks_nothing_again(house: House) -> None:
    batch = house.load(calls=new_calls(2))
    now = house.ledger.now()
    assert recover(house, batch.batch_id, now - MINUTE) == 2
    assert recover(house, batch.batch_id, now - HOUR) == 0
    attempt, other = house.ledger.attempts.due(10)
    assert attempt.claimed_at == other.claimed_at == now - HOUR
    house.ledger.decisions.never_placed(attempt, "the list")
    assert recover(house, batch.batch_id, now - MINUTE) == 0
    assert recover(house, batch.batch_id, now - 2 * HOUR) == 1


def test_a_later_restore_asks_again(house: House) -> None:
    batch = house.load()
    recover(house, batch.batch_id, house.ledger.now() - MINUTE)
    house.ledger.decisions.never_placed(recovered(house), "the list")
    assert recover(house, batch.batch_id, house.ledger.now() + SECOND) == 1


def test_a_row_that_is_younger_than_the_backup_has_no_name_of_before(house: House) -> None:
    batch = house.load()
    recover(house, batch.batch_id, house.ledger.now() - HOUR)
    assert recovered(house).is_nameless


def test_a_row_that_was_in_the_backup_has_its_name(house: House) -> None:
    batch = house.load()
    recover(house, batch.batch_id, house.ledger.now())
    assert not recovered(house).is_nameless
