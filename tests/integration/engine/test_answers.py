"""What each kind of answer does to call, attempt, guard, permit and attempts spent: contract section 6, row by row."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import pytest

from dialer.domain.placement import Answer, AnswerKind, Placement
from dialer.domain.states import AttemptState, BatchState, CallState, CloseReason, StopKind
from dialer.ports.voice import LastLook
from dialer.testing.providers import FakeProvider
from tests.integration.engine.rig import MINUTE, SECOND, Rig, an_answer, phones, refusal

PHONE = phones(1)[0]


@dataclass(frozen=True)
class Row:
    """An answer, and what is to come of it."""

    answer: Answer
    call: CallState
    attempt: AttemptState
    spent: int
    held: int
    reason: CloseReason | None = None
    stop: StopKind | None = None
    batch: BatchState = BatchState.ACTIVE


ROWS = [
    Row(
        an_answer(AnswerKind.ACCEPTED, provider_call_id="their-1"),
        CallState.IN_PROGRESS,
        AttemptState.IN_PROGRESS,
        spent=1,
        held=1,
    ),
    Row(
        refusal(AnswerKind.REJECTED, 422),
        CallState.CLOSED,
        AttemptState.REJECTED,
        spent=1,
        held=0,
        reason=CloseReason.REJECTED,
    ),
    Row(refusal(AnswerKind.AUTH, 401), CallState.READY, AttemptState.REFUSED, spent=0, held=0, stop=StopKind.AUTH),
    Row(refusal(AnswerKind.CREDIT, 402), CallState.READY, AttemptState.REFUSED, spent=0, held=0, stop=StopKind.CREDIT),
    Row(
        refusal(AnswerKind.CONFIGURATION, 404),
        CallState.READY,
        AttemptState.REFUSED,
        spent=0,
        held=0,
        batch=BatchState.PAUSED,
    ),
    Row(
        refusal(AnswerKind.THROTTLED, 429),
        CallState.READY,
        AttemptState.REFUSED,
        spent=0,
        held=0,
        stop=StopKind.THROTTLED,
    ),
    Row(an_answer(AnswerKind.NOT_SENT, is_fault=True), CallState.WAITING, AttemptState.NOT_SENT, spent=0, held=0),
    # a request that may have placed a call holds its channel until it is known
    Row(refusal(AnswerKind.UNKNOWN, 502, is_fault=True), CallState.UNKNOWN, AttemptState.UNKNOWN, spent=1, held=1),
]


@pytest.mark.parametrize("row", ROWS, ids=[row.answer.kind.value for row in ROWS])
def test_an_answer_moves_call_attempt_guard_and_permit(rig: Rig, row: Row) -> None:
    batch = rig.load([PHONE])
    rig.provider.answers(PHONE, row.answer)
    rig.step()
    call, [account] = rig.call(batch), rig.ledger.accounts.all()
    assert (call.state, call.close_reason, call.attempts_spent) == (row.call, row.reason, row.spent)
    assert [attempt.state for attempt in call.attempts] == [row.attempt]
    assert call.attempts[0].detail == "the provider's words"
    assert call.attempts[0].http_status == row.answer.http_status
    assert rig.held() == row.held
    assert account.stop is row.stop
    assert rig.again(batch).state is row.batch
    assert rig.status(batch).attempts == row.spent


@pytest.mark.parametrize("row", ROWS, ids=[row.answer.kind.value for row in ROWS])
def test_derived_permits_are_what_the_answer_left(rig: Rig, row: Row) -> None:
    batch = rig.load([PHONE])
    rig.provider.answers(PHONE, row.answer)
    rig.step()
    live = rig.ledger.reading.live_references("au")
    assert live == ([rig.call(batch).attempts[0].reference] if row.held else [])


def test_a_refused_call_goes_out_again_under_a_new_reference(rig: Rig) -> None:
    batch = rig.load([PHONE], max_retries=0)
    rig.provider.answers(PHONE, refusal(AnswerKind.THROTTLED, 429, retry_after=2 * SECOND))
    rig.step()
    rig.later(3 * SECOND)
    rig.dial(PHONE)
    call = rig.call(batch)
    assert call.close_reason is CloseReason.REACHED
    assert [attempt.state for attempt in call.attempts] == [AttemptState.REFUSED, AttemptState.ENDED]
    assert len({attempt.reference for attempt in call.attempts}) == 2
    assert call.attempts_spent == 1


def test_what_was_not_sent_backs_off_further_each_time_and_spends_nothing(rig: Rig) -> None:
    batch = rig.load([PHONE], max_retries=0)
    rig.provider.answers(PHONE, *[an_answer(AnswerKind.NOT_SENT)] * 9)
    pauses = []
    for _ in range(9):
        rig.step()
        due_at = rig.call(batch).due_at
        assert due_at is not None
        pauses.append(round((due_at - rig.now).total_seconds()))
        rig.later(due_at - rig.now)
    assert pauses == [5, 10, 20, 40, 80, 160, 300, 300, 300]
    assert rig.call(batch).attempts_spent == 0
    rig.dial(PHONE)
    assert rig.call(batch).close_reason is CloseReason.REACHED
    assert rig.placed == [PHONE]


def test_an_adapter_that_raises_before_the_last_look_has_sent_nothing(rig: Rig) -> None:
    batch = rig.load([PHONE])
    rig.providers["au"] = Raising()
    rig.step()
    assert rig.attempts(batch) == [AttemptState.NOT_SENT]
    assert rig.call(batch).attempts_spent == 0


def test_an_adapter_that_raises_after_the_last_look_is_unknown_and_never_dialed_again(rig: Rig) -> None:
    batch = rig.load([PHONE], max_retries=5)
    rig.provider.answers(PHONE, _explode)
    rig.step()
    assert rig.call(batch).state is CallState.UNKNOWN
    for _ in range(20):
        rig.ask(MINUTE)
        rig.step()
    assert rig.placed == [PHONE]
    assert rig.call(batch).close_reason is CloseReason.UNRESOLVED


def test_an_answer_that_comes_after_rescue_made_it_unknown_is_still_taken(rig: Rig) -> None:
    """The worker was thought dead while its answer was on the way."""
    batch = rig.load([PHONE])

    def late(placement: Placement) -> Answer:
        rig.clock.advance(300)
        assert rig.ledger.sweeps.orphans(timedelta(0), 10)
        return an_answer(AnswerKind.ACCEPTED, provider_call_id="their-1")

    rig.provider.answers(PHONE, late)
    rig.step()
    call = rig.call(batch)
    assert (call.state, call.attempts_spent) == (CallState.IN_PROGRESS, 1)


class Raising(FakeProvider):
    """What an adapter must not do."""

    def place(self, placement: Placement, last_look: LastLook) -> Answer:
        raise RuntimeError("a bug")


def _explode(placement: Placement) -> Answer:
    raise RuntimeError("a bug")
