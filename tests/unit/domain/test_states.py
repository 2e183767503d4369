"""The table of legal moves: nothing is dialed twice by a move that should not be."""

from __future__ import annotations

import pytest

from dialer.domain.states import (
    DIALABLE_STATES,
    LEGAL_MOVES,
    LIVE_ATTEMPTS,
    LIVE_STATES,
    OPEN_STATES,
    UNSPENT_ATTEMPTS,
    AttemptState,
    CallState,
    Lane,
    is_legal,
)

W, R, Q, D = CallState.WAITING, CallState.READY, CallState.QUEUED, CallState.DIALING
P, U, C = CallState.IN_PROGRESS, CallState.UNKNOWN, CallState.CLOSED


def reachable(start: CallState, avoiding: frozenset[CallState] = frozenset()) -> set[CallState]:
    seen, edge = {start}, [start]
    while edge:
        further = set(LEGAL_MOVES[edge.pop()]) - seen - avoiding
        seen |= further
        edge.extend(further)
    return seen


def test_every_state_is_dialable_live_or_closed() -> None:
    assert DIALABLE_STATES | LIVE_STATES | {C} == set(CallState)
    assert not DIALABLE_STATES & LIVE_STATES
    assert set(CallState) - {C} == OPEN_STATES


def test_every_state_has_its_row_and_only_states_in_it() -> None:
    assert set(LEGAL_MOVES) == set(CallState)
    assert all(set(row) <= set(CallState) and all(row.values()) for row in LEGAL_MOVES.values())


@pytest.mark.parametrize("old", CallState)
@pytest.mark.parametrize("new", CallState)
def test_a_move_is_legal_where_the_table_has_it(old: CallState, new: CallState) -> None:
    assert is_legal(old, new) == (new in LEGAL_MOVES[old])


def test_dialing_is_entered_by_a_claim_of_a_queued_call_or_the_repeat_of_an_unknown_one() -> None:
    assert {old for old in CallState if is_legal(old, D)} == {Q, U}


def test_a_call_is_queued_from_ready_or_pushed_again() -> None:
    assert {old for old in CallState if is_legal(old, Q)} == {R, Q}


def test_a_call_in_progress_never_goes_straight_back_to_the_queue() -> None:
    assert not is_legal(P, Q)
    assert not is_legal(P, R)
    assert not is_legal(P, D)
    assert not is_legal(D, Q)
    assert not is_legal(U, Q)


def test_the_only_live_state_left_without_an_outcome_is_dialing() -> None:
    assert {state for state in LIVE_STATES if is_legal(state, U)} == {D, P}


@pytest.mark.parametrize("state", sorted(OPEN_STATES))
def test_every_open_call_can_close(state: CallState) -> None:
    assert C in reachable(state)


@pytest.mark.parametrize("state", sorted(OPEN_STATES))
def test_no_call_is_trapped_without_being_dialed(state: CallState) -> None:
    assert D in reachable(state, avoiding=frozenset({C}))


def test_a_closed_call_opens_only_by_being_made_ready() -> None:
    assert set(LEGAL_MOVES[C]) == {R}


def test_no_attempt_is_both_live_and_unspent() -> None:
    assert not LIVE_ATTEMPTS & UNSPENT_ATTEMPTS
    assert {AttemptState.REFUSED, AttemptState.NOT_SENT} == UNSPENT_ATTEMPTS


def test_lanes_are_served_test_calls_first() -> None:
    assert [lane.word for lane in sorted(Lane)] == ["test", "high", "normal", "low"]
    assert [lane.queue for lane in sorted(Lane)] == ["dialer.test", "dialer.high", "dialer.normal", "dialer.low"]
    assert [Lane.of(word) for word in ("low", "normal", "high", "test")] == [
        Lane.LOW,
        Lane.NORMAL,
        Lane.HIGH,
        Lane.TEST,
    ]
