"""An operator's word on calls of which nothing could be learned, in both ledgers."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dialer.domain.batch import Batch
from dialer.domain.call import Claim, OpenAttempt
from dialer.domain.placement import AnswerKind
from dialer.domain.states import AttemptState, BatchState, CallState, CloseReason
from dialer.errors import BatchTerminated, InvalidInput
from dialer.ledger.tables import calls
from dialer.ports.ledger import Recording
from tests.contract.ledger.builders import IN_PROGRESS, MINUTE, UNKNOWN, House, answer, new_calls

Learned = Callable[[House], tuple[Claim, OpenAttempt]]


def unknown(house: House) -> tuple[Claim, OpenAttempt]:
    claim = house.claim()
    return claim, house.open_attempt(claim, UNKNOWN)


def unresolved(house: House) -> tuple[Claim, OpenAttempt]:
    claim, attempt = unknown(house)
    assert house.ledger.attempts.give_up(attempt, "nobody knows")
    return claim, attempt


def said(house: House, call_id: str) -> list[tuple[str, str]]:
    return [(one["decision"], one["by"]) for each in house.call(call_id).attempts for one in each.decisions]


@pytest.mark.parametrize("learned", [unknown, unresolved])
def test_placed_closes_it_handed_off_and_is_recorded(house: House, learned: Learned) -> None:
    batch = house.load()
    claim, attempt = learned(house)
    told = house.ledger.decisions.resolve(batch.batch_id, None, placed=True, by="ada")
    assert told == [(attempt.account, attempt.reference)]
    call = house.call(claim.call_id)
    assert (call.close_reason, call.attempts_spent) == (CloseReason.HANDED_OFF, 1)
    assert call.attempts[0].state is AttemptState.HANDED_OFF
    assert said(house, claim.call_id) == [("placed", "ada")]
    assert call.attempts[0].decisions[0]["at"] is not None


def load_again(house: House, batch: Batch) -> None:
    house.load(calls=new_calls(first=5))


def resolve(house: House, batch: Batch) -> None:
    assert house.ledger.decisions.resolve(batch.batch_id, None, placed=False, by="ada")


def requeue(house: House, batch: Batch) -> None:
    assert house.ledger.decisions.requeue(batch.batch_id, CloseReason.UNRESOLVED, "ada") == 1


@pytest.mark.parametrize("reopen", [load_again, resolve, requeue])
@pytest.mark.parametrize(
    ("by", "is_resumed", "state"),
    [("user", False, BatchState.PAUSED), ("user", True, BatchState.ACTIVE), ("dialer", False, BatchState.ACTIVE)],
)
def test_a_users_pause_is_not_lifted_by_the_end_of_the_last_call(
    house: House, reopen: Callable[[House, Batch], None], by: str, is_resumed: bool, state: BatchState
) -> None:
    """Paused while its last call was under way, it completed; what opens it again must not dial unasked."""
    batch = house.load()
    _, attempt = unknown(house)
    house.ledger.batches.control(batch.batch_id, BatchState.PAUSED, "lunch", by)
    assert house.ledger.attempts.give_up(attempt, "nobody knows")
    assert house.ledger.sweeps.complete() == [batch.batch_id]
    if is_resumed:
        completed, _ = house.ledger.batches.control(batch.batch_id, BatchState.ACTIVE, "", "user")
        assert completed.state is BatchState.COMPLETED
    reopen(house, batch)
    found = house.ledger.batches.get(batch.batch_id)
    assert found is not None
    assert found.state is state
    assert bool(house.push()) is (state is BatchState.ACTIVE)


@pytest.mark.parametrize("learned", [unknown, unresolved])
def test_not_placed_makes_it_dialable_and_gives_the_attempt_back(house: House, learned: Learned) -> None:
    batch = house.load()
    claim, _ = learned(house)
    house.ledger.sweeps.complete()
    assert len(house.ledger.decisions.resolve(batch.batch_id, None, placed=False, by="ada")) == 1
    call = house.call(claim.call_id)
    assert (call.state, call.attempts_spent) == (CallState.READY, 0)
    assert call.attempts[0].state is AttemptState.NOT_SENT
    found = house.ledger.batches.get(batch.batch_id)
    assert found is not None
    assert found.state is BatchState.ACTIVE
    assert house.claim().number == 2


def test_nothing_else_is_touched(house: House) -> None:
    batch = house.load(calls=new_calls(3))
    first, *_ = house.push()
    house.open_attempt(house.claim(house.ticket(first)))
    assert house.ledger.decisions.resolve(batch.batch_id, None, placed=False, by="ada") == []


def test_a_batch_that_is_over_refuses_and_nothing_is_half_written(house: House) -> None:
    batch = house.load()
    claim, _ = unknown(house)
    house.let_expire(batch)
    with pytest.raises(InvalidInput, match="WINDOW_PAST"):
        house.ledger.decisions.resolve(batch.batch_id, None, placed=False, by="ada")
    house.ledger.batches.control(batch.batch_id, BatchState.TERMINATED, "over", "user")
    with pytest.raises(BatchTerminated):
        house.ledger.decisions.resolve(batch.batch_id, None, placed=False, by="ada")
    call = house.call(claim.call_id)
    assert (call.state, call.attempts_spent, said(house, claim.call_id)) == (CallState.UNKNOWN, 1, [])


def test_what_was_set_aside_before_any_claim_is_resolved_too(house: House) -> None:
    batch = house.load()
    ticket = house.ticket()
    failed = house.ledger.failures.undialed(ticket.call_id, ticket.push_seq, None, "unforeseen", MINUTE, most=1)
    assert failed is not None
    assert failed.is_set_aside
    assert house.ledger.decisions.resolve(batch.batch_id, None, placed=False, by="ada") == [("", "")]
    call = house.call(ticket.call_id)
    assert (call.state, call.attempts_spent) == (CallState.READY, 0)


def test_a_long_name_is_cut(house: House) -> None:
    batch = house.load()
    claim, _ = unknown(house)
    house.ledger.decisions.resolve(batch.batch_id, None, placed=True, by="a" * 400)
    assert said(house, claim.call_id) == [("placed", "a" * 255)]


def test_an_acceptance_after_not_placed_is_taken_while_nobody_else_has_the_call(house: House) -> None:
    batch = house.load()
    claim = house.claim()
    house.rewrite(calls, calls.c.call_id == claim.call_id, state="unknown", attempts_spent=1)
    house.ledger.decisions.resolve(batch.batch_id, None, placed=False, by="ada")
    assert house.ledger.claims.record(claim, answer(), IN_PROGRESS)
    call = house.call(claim.call_id)
    assert (call.state, call.attempts_spent) == (CallState.IN_PROGRESS, 1)
    assert call.attempts[0].provider_call_id == "their-1"


def test_what_is_no_acceptance_leaves_the_operators_word_alone(house: House) -> None:
    batch = house.load()
    claim = house.claim()
    house.rewrite(calls, calls.c.call_id == claim.call_id, state="unknown", attempts_spent=1)
    house.ledger.decisions.resolve(batch.batch_id, None, placed=False, by="ada")
    refused = Recording(CallState.CLOSED, AttemptState.REJECTED, CloseReason.REJECTED)
    assert not house.ledger.claims.record(claim, answer(AnswerKind.REJECTED), refused)
    call = house.call(claim.call_id)
    assert (call.state, call.attempts_spent) == (CallState.READY, 0)
    assert "rejected came too late to count" in str(call.attempts[0].detail)


def test_an_answer_recorded_twice_is_not_called_late(house: House) -> None:
    """A commit whose confirmation was lost is tried again."""
    house.load()
    claim = house.claim()
    assert house.ledger.claims.record(claim, answer(), IN_PROGRESS)
    assert not house.ledger.claims.record(claim, answer(), IN_PROGRESS)
    assert house.call(claim.call_id).attempts[0].detail == "the provider's words"
