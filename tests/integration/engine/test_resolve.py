"""An operator's word on calls of which nothing could be learned, and answers that come after it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from dialer.domain.batch import Batch
from dialer.domain.placement import Answer, AnswerKind, Placement
from dialer.domain.states import AttemptState, BatchState, CallState, CloseReason
from dialer.engine.dispatch import Dispatched
from dialer.errors import BatchTerminated, DialerError
from tests.integration.engine.rig import HANDS_OFF, MINUTE, SECOND, Rig, an_answer, phone, phones

PHONE = phone(0)
SILENCE = an_answer(AnswerKind.UNKNOWN, "no answer", is_fault=True)


def unknowns(rig: Rig, count: int = 1, **terms: Any) -> Batch:
    batch = rig.load(phones(count), **terms)
    rig.provider.answers("*", *[SILENCE] * count)
    rig.step()
    assert rig.status(batch).counts["unknown"] == count
    return batch


def unresolved(rig: Rig, count: int = 1, **terms: Any) -> Batch:
    batch = unknowns(rig, count, **terms)
    for _ in range(10):
        rig.ask(2 * MINUTE)
    rig.tick()
    assert rig.status(batch).closed["unresolved"] == count
    return batch


def said(rig: Rig, batch: Batch, number: str = PHONE) -> list[tuple[str, str]]:
    return [
        (word["decision"], word["by"]) for attempt in rig.call(batch, number).attempts for word in attempt.decisions
    ]


def test_unknowns_taken_for_placed_close_handed_off_and_free_their_channels(either: Rig) -> None:
    batch = unknowns(either, 3)
    assert either.dialer.resolve(batch.batch_id, placed=True, by="ada") == 3
    either.tick()
    status = either.status(batch)
    assert (status.state, status.closed["handed_off"], either.held()) == ("completed", 3, 0)
    assert said(either, batch) == [("placed", "ada")]
    [attempt] = either.call(batch, PHONE).attempts
    assert attempt.decisions[0]["at"] == either.now
    assert either.placed == phones(3)


def test_unknowns_taken_for_not_placed_are_dialed_again_with_all_their_attempts(either: Rig) -> None:
    batch = unknowns(either, 3)
    assert either.dialer.resolve(batch.batch_id, placed=False, by="ada") == 3
    assert either.status(batch).attempts == 0
    either.step()
    assert either.placed == phones(3) * 2
    assert said(either, batch) == [("not-placed", "ada")]
    assert either.call(batch, PHONE).attempts_spent == 1


def test_one_call_is_resolved_and_its_neighbours_are_not(rig: Rig) -> None:
    batch = unknowns(rig, 3)
    one = rig.call(batch, PHONE)
    assert rig.dialer.resolve(batch.batch_id, placed=True, call_id=one.call_id) == 1
    assert rig.dialer.resolve(batch.batch_id, placed=True, call_id=one.call_id) == 0
    assert rig.status(batch).counts["unknown"] == 2


@pytest.mark.parametrize("placed", [True, False])
def test_unresolved_calls_of_a_completed_batch(either: Rig, placed: bool) -> None:
    batch = unresolved(either, 2)
    assert either.again(batch).state is BatchState.COMPLETED
    assert either.dialer.resolve(batch.batch_id, placed=placed, by="ada") == 2
    either.step()
    if placed:
        assert either.status(batch).closed["handed_off"] == 2
        assert either.again(batch).state is BatchState.COMPLETED
    else:
        assert either.again(batch).state is BatchState.ACTIVE
        assert either.placed == phones(2) * 2


@pytest.mark.parametrize("over", ["terminated", "expired"])
def test_in_a_batch_that_is_over_nothing_becomes_dialable_and_nothing_is_half_written(either: Rig, over: str) -> None:
    batch = unknowns(either, 2, exp=either.now + 10 * MINUTE)
    if over == "terminated":
        either.terminate(batch)
    else:
        either.later(10 * MINUTE)
    with pytest.raises(DialerError) as refusal:
        either.dialer.resolve(batch.batch_id, placed=False)
    assert refusal.value.code == {"terminated": "BATCH_TERMINATED", "expired": "WINDOW_PAST"}[over]
    assert either.status(batch).counts["unknown"] == 2
    assert said(either, batch) == []
    assert either.status(batch).attempts == 2
    assert either.dialer.resolve(batch.batch_id, placed=True) == 2
    assert either.status(batch).closed["handed_off"] == 2


def test_a_terminated_batch_refuses_by_its_own_error(rig: Rig) -> None:
    batch = unknowns(rig)
    rig.terminate(batch)
    with pytest.raises(BatchTerminated):
        rig.dialer.resolve(batch.batch_id, placed=False)


def test_a_paused_batch_stays_paused_with_its_calls_ready(rig: Rig) -> None:
    batch = unknowns(rig)
    rig.pause(batch)
    rig.dialer.resolve(batch.batch_id, placed=False)
    rig.step()
    assert rig.call(batch).state is CallState.READY
    assert rig.placed == [PHONE]


def test_a_whole_batch_is_resolved_and_a_long_name_is_cut(rig: Rig) -> None:
    batch = unknowns(rig, 5)
    assert rig.dialer.resolve(batch.batch_id, placed=True, by="a" * 999) == 5
    assert [len(by) for _, by in said(rig, batch)] == [255]


def test_calls_under_way_and_closed_ones_are_left_alone(rig: Rig) -> None:
    batch = rig.load(phones(2))
    rig.step()
    rig.end(PHONE)
    rig.ask(5 * SECOND)
    assert rig.dialer.resolve(batch.batch_id, placed=False) == 0
    assert rig.placed == phones(2)


def late(rig: Rig, batch: Batch, meanwhile: str) -> Dispatched:
    """The worker seemed dead, an operator spoke, and now it answers: 201."""

    def answer(placement: Placement) -> Answer:
        rig.clock.advance(timedelta(minutes=20).total_seconds())
        rig.ledger.sweeps.orphans(timedelta(seconds=10), 100)
        assert rig.call(batch).state is CallState.UNKNOWN
        rig.dialer.resolve(batch.batch_id, placed=meanwhile == "placed", by="ada")
        if meanwhile == "claimed again":
            rig.beat()
            rig.provider.answers(PHONE, SILENCE)
            rig.step()
            assert len(rig.placed) == 2
        return rig.provider.accept(placement)

    rig.provider.answers(PHONE, answer)
    rig.tick()
    return rig.work(1)[0]


def test_a_late_acceptance_is_taken_though_an_operator_said_not_placed(either: Rig) -> None:
    batch = either.load([PHONE])
    late(either, batch, "not placed")
    call = either.call(batch)
    assert (call.state, call.attempts_spent) == (CallState.IN_PROGRESS, 1)
    assert [attempt.state for attempt in call.attempts] == [AttemptState.IN_PROGRESS]
    either.step()
    assert either.placed == [PHONE]
    either.end(PHONE)
    either.ask(5 * SECOND)
    assert either.call(batch).close_reason is CloseReason.REACHED


def test_a_late_acceptance_of_a_provider_without_outcomes_closes_it_handed_off(hands_off: Rig) -> None:
    batch = hands_off.load([PHONE])
    late(hands_off, batch, "not placed")
    call = hands_off.call(batch)
    assert (call.close_reason, call.attempts_spent) == (CloseReason.HANDED_OFF, 1)
    hands_off.step()
    assert hands_off.placed == [PHONE]


@pytest.mark.parametrize("meanwhile", ["claimed again", "placed"])
def test_a_late_acceptance_that_can_move_nothing_is_kept_where_it_is_seen(either: Rig, meanwhile: str) -> None:
    batch = either.load([PHONE])
    told = late(either, batch, meanwhile)
    first = either.call(batch).attempts[0]
    assert first.provider_call_id is not None
    assert first.http_status == 201
    assert "accepted came too late to count" in str(first.detail)
    assert told.event == "late"


def test_hands_off_providers_resolve_the_same_way(hands_off: Rig) -> None:
    assert hands_off.provider.capabilities == HANDS_OFF
    batch = unresolved(hands_off)
    assert hands_off.dialer.resolve(batch.batch_id, placed=False) == 1
    hands_off.step()
    assert hands_off.call(batch).close_reason is CloseReason.HANDED_OFF
