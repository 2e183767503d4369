"""An unknown attempt taken once more, put back, or left alone; both ledgers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from dialer.domain.call import Claim, NotClaimed, OpenAttempt
from dialer.domain.placement import AnswerKind
from dialer.domain.states import AttemptState, BatchState, CallState, CloseReason, HoldScope, StopKind
from dialer.ledger.tables import attempts, cohorts
from dialer.ports.ledger import Recording, Retaken
from tests.contract.ledger.builders import (
    ACCOUNT,
    DEADLINE,
    IN_PROGRESS,
    LONG_AGO,
    MINUTE,
    START,
    UNKNOWN,
    House,
    answer,
)


def unknown(house: House) -> tuple[Claim, OpenAttempt]:
    claim = house.claim()
    return claim, house.open_attempt(claim, UNKNOWN)


def retake(house: House, attempt: OpenAttempt) -> Retaken | NotClaimed:
    return house.ledger.redials.retake(attempt, "redial", "redial", START, DEADLINE)


def retaken(house: House, attempt: OpenAttempt) -> Retaken:
    taken = retake(house, attempt)
    assert isinstance(taken, Retaken), taken
    return taken


def test_it_is_the_same_claim_again(house: House) -> None:
    house.load()
    first, attempt = unknown(house)
    again = retaken(house, attempt).claim
    same = "claim_id call_id number reference phone variables wire_ref claimed_at closes_at kept terms attempts_spent"
    for name in same.split():
        assert getattr(again, name) == getattr(first, name), name
    call = house.call(first.call_id)
    assert (call.state, call.attempts_spent) == (CallState.DIALING, 0)
    assert call.attempts[0].state is AttemptState.DIALING


def test_that_it_was_taken_again_stands_beside_the_gates_of_the_first_time(house: House) -> None:
    house.load()
    _, attempt = unknown(house)
    before = house.call(attempt.call_id).attempts[0].gates
    taken = house.ledger.redials.retake(attempt, "redial", "redial", START, DEADLINE, "epoch-2")
    assert isinstance(taken, Retaken)
    assert taken.claim.epoch == "epoch-2"
    *first, again = house.call(attempt.call_id).attempts[0].gates
    assert tuple(first) == before
    assert (again["gate"], again["signal_epoch"], again["at"]) == ("redial", "epoch-2", taken.now.isoformat())


def test_its_answer_is_recorded_and_spends_one_attempt(house: House) -> None:
    house.load()
    _, attempt = unknown(house)
    claim = retaken(house, attempt).claim
    assert house.ledger.claims.record(claim, answer(), IN_PROGRESS)
    call = house.call(claim.call_id)
    assert (call.state, call.attempts_spent, len(call.attempts)) == (CallState.IN_PROGRESS, 1, 1)


def test_put_back_it_is_as_unknown_as_before_and_keeps_what_was_told(house: House) -> None:
    house.load()
    _, attempt = unknown(house)
    before = house.call(attempt.call_id).attempts[0]
    claim = retaken(house, attempt).claim
    assert house.ledger.redials.put_back(claim, "a gate has closed")
    assert not house.ledger.redials.put_back(claim, "twice")
    call = house.call(claim.call_id)
    assert (call.state, call.attempts_spent) == (CallState.UNKNOWN, 1)
    after = call.attempts[0]
    assert (after.state, after.detail, after.http_status) == (before.state, before.detail, before.http_status)


def test_one_attempt_is_taken_once(house: House) -> None:
    house.load()
    _, attempt = unknown(house)
    retaken(house, attempt)
    second = retake(house, attempt)
    assert isinstance(second, NotClaimed)
    assert second.is_duplicate


def test_what_was_resolved_or_settled_meanwhile_is_not_taken(house: House) -> None:
    batch = house.load()
    _, attempt = unknown(house)
    house.ledger.decisions.resolve(batch.batch_id, None, placed=False, by="ada")
    assert isinstance(retake(house, attempt), NotClaimed)
    assert house.call(attempt.call_id).state is CallState.READY


def paused(house: House, batch_id: str) -> None:
    house.ledger.batches.control(batch_id, BatchState.PAUSED, "lunch", "user")


def terminated(house: House, batch_id: str) -> None:
    house.ledger.batches.control(batch_id, BatchState.TERMINATED, "over", "user")


def held(house: House, batch_id: str) -> None:
    house.ledger.accounts.hold(HoldScope.ALL, "", on=True)


def stopped(house: House, batch_id: str) -> None:
    house.ledger.accounts.stop(ACCOUNT, StopKind.AUTH, "no key", MINUTE)


def doubted(house: House, batch_id: str) -> None:
    house.ledger.trust.raise_doubt("because")


def shut(house: House, batch_id: str) -> None:
    house.rewrite(cohorts, cohorts.c.batch_id == batch_id, closes_at=LONG_AGO + MINUTE)


@pytest.mark.parametrize("gate", [paused, terminated, held, stopped, doubted, shut], ids=lambda gate: gate.__name__)
def test_a_closed_gate_leaves_it_unknown_and_says_which(house: House, gate: Any) -> None:
    batch = house.load()
    _, attempt = unknown(house)
    gate(house, batch.batch_id)
    refusal = retake(house, attempt)
    assert isinstance(refusal, NotClaimed)
    assert refusal.why
    call = house.call(attempt.call_id)
    assert (call.state, call.attempts_spent) == (CallState.UNKNOWN, 1)


def test_a_redialer_that_died_leaves_an_orphan_that_is_unknown_again(house: House) -> None:
    house.load()
    _, attempt = unknown(house)
    claim = retaken(house, attempt).claim
    assert house.ledger.sweeps.orphans(timedelta(seconds=10), 10) == []
    house.rewrite(attempts, attempts.c.call_id == claim.call_id, deadline_at=LONG_AGO)
    assert house.ledger.sweeps.orphans(timedelta(seconds=10), 10) == [(ACCOUNT, claim.reference)]
    call = house.call(claim.call_id)
    assert (call.state, call.attempts_spent) == (CallState.UNKNOWN, 1)
    assert house.ledger.claims.record(claim, answer(), IN_PROGRESS)
    assert house.call(claim.call_id).attempts_spent == 1


def test_the_record_of_the_gates_comes_with_it(house: House) -> None:
    house.load()
    _, attempt = unknown(house)
    house.rewrite(attempts, attempts.c.call_id == attempt.call_id, gates='[{"gate": "hours"}]')
    assert retaken(house, attempt).gates == '[{"gate": "hours"}]'


NOT_SENT = Recording(CallState.WAITING, AttemptState.NOT_SENT, after=MINUTE)
#: What a worker that was frozen before its request, and wakes up while that is sent once more, still writes.
LATE: dict[str, Callable[[House, Claim], object]] = {
    "defer": lambda house, claim: house.ledger.claims.defer(claim, None, "too late"),
    "close": lambda house, claim: house.ledger.claims.close(claim, CloseReason.SUPPRESSED, "on the list"),
    "withdraw": lambda house, claim: house.ledger.claims.withdraw(claim.call_id, claim.claim_id, "the ledger was lost"),
    "failed": lambda house, claim: house.ledger.failures.undialed(claim.call_id, 1, claim, "it broke", MINUTE, 5),
    "not sent": lambda house, claim: house.ledger.claims.record(claim, answer(AnswerKind.NOT_SENT), NOT_SENT),
}


@pytest.mark.parametrize("state", [CallState.DIALING, CallState.UNKNOWN])
@pytest.mark.parametrize("late", LATE)
def test_that_the_first_request_never_left_says_nothing_about_the_second(
    house: House, late: str, state: CallState
) -> None:
    house.load()
    first, attempt = unknown(house)
    second = retaken(house, attempt).claim
    if state is CallState.UNKNOWN:
        assert house.ledger.claims.record(second, answer(AnswerKind.UNKNOWN), UNKNOWN)
    assert not LATE[late](house, first)
    call = house.call(first.call_id)
    assert (call.state, [each.state.value for each in call.attempts]) == (state, [state.value])
    assert house.ledger.claims.record(second, answer(), IN_PROGRESS)
