"""What each class of answer makes of the call and its attempt: the table of what came back, row by row."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from dialer.domain.call import Claim
from dialer.domain.placement import Answer, AnswerKind, Capabilities, Placement
from dialer.domain.states import (
    LIVE_ATTEMPTS,
    LIVE_STATES,
    UNSPENT_ATTEMPTS,
    AttemptState,
    CallState,
    CloseReason,
    is_legal,
)
from dialer.engine.recording import doubled, recording_of, unsent_backoff
from dialer.ports.ledger import Recording
from tests.unit.builders import DAY, NOW, PHONE, a_claim

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
ASKABLE = Capabilities(reports_outcomes=True, can_find=True)
SILENT = Capabilities(reports_outcomes=False, can_find=False)
PLACEMENT = Placement(
    reference="ref-1",
    call_id="call-1",
    workspace_id="ws-1",
    agent_id="agent-1",
    batch_ref="autumn",
    wire_ref="autumn",
    cli=None,
    phone=PHONE,
    variables={},
    nbf=NOW,
    exp=NOW + DAY,
    block_rules=(),
    timezone=None,
    is_test=False,
)
#: WITHHELD defers before anything is recorded.
RECORDED = [kind for kind in AnswerKind if kind is not AnswerKind.WITHHELD]


def recorded(kind: AnswerKind, able: Capabilities = ASKABLE, claim: Claim | None = None) -> Recording:
    return recording_of(Answer(kind), claim or a_claim(), PLACEMENT, able)


@pytest.mark.parametrize(
    ("kind", "call", "attempt", "reason"),
    [
        (AnswerKind.ACCEPTED, CallState.IN_PROGRESS, AttemptState.IN_PROGRESS, None),
        (AnswerKind.REJECTED, CallState.CLOSED, AttemptState.REJECTED, CloseReason.REJECTED),
        (AnswerKind.AUTH, CallState.READY, AttemptState.REFUSED, None),
        (AnswerKind.CREDIT, CallState.READY, AttemptState.REFUSED, None),
        (AnswerKind.CONFIGURATION, CallState.READY, AttemptState.REFUSED, None),
        (AnswerKind.THROTTLED, CallState.READY, AttemptState.REFUSED, None),
        (AnswerKind.NOT_SENT, CallState.WAITING, AttemptState.NOT_SENT, None),
        (AnswerKind.UNKNOWN, CallState.UNKNOWN, AttemptState.UNKNOWN, None),
    ],
)
def test_what_an_answer_makes_of_a_call(
    kind: AnswerKind, call: CallState, attempt: AttemptState, reason: CloseReason | None
) -> None:
    written = recorded(kind)
    assert (written.call_state, written.attempt_state, written.close_reason) == (call, attempt, reason)


@pytest.mark.parametrize("able", [ASKABLE, SILENT])
@pytest.mark.parametrize("kind", RECORDED)
def test_every_answer_is_a_legal_move_that_keeps_call_and_attempt_together(
    kind: AnswerKind, able: Capabilities
) -> None:
    written = recorded(kind, able)
    assert is_legal(CallState.DIALING, written.call_state)
    assert (written.call_state in LIVE_STATES) == (written.attempt_state in LIVE_ATTEMPTS)
    assert (written.call_state is CallState.CLOSED) == (written.close_reason is not None)
    assert (written.call_state in LIVE_STATES) == (written.first_look is not None)
    assert (written.call_state is CallState.WAITING) == (written.after is not None)


@pytest.mark.parametrize("kind", RECORDED)
def test_only_what_surely_placed_no_call_may_be_dialed_again(kind: AnswerKind) -> None:
    goes_back = recorded(kind).call_state in (CallState.READY, CallState.WAITING)
    assert goes_back == (recorded(kind).attempt_state in UNSPENT_ATTEMPTS)
    assert goes_back == (kind not in (AnswerKind.ACCEPTED, AnswerKind.REJECTED, AnswerKind.UNKNOWN))


def test_what_a_silent_provider_accepted_is_handed_off() -> None:
    written = recorded(AnswerKind.ACCEPTED, SILENT)
    assert written == Recording(CallState.CLOSED, AttemptState.HANDED_OFF, CloseReason.HANDED_OFF)


def test_where_control_is_relayed_the_provider_may_hold_it_until_the_exp_that_it_was_told() -> None:
    written = recorded(AnswerKind.ACCEPTED, replace(SILENT, relays_control=True))
    assert written.held_until == PLACEMENT.exp


@pytest.mark.parametrize(
    ("number", "spent", "pause"),
    [
        (1, 0, 5 * SECOND),
        (2, 0, 10 * SECOND),
        (3, 0, 20 * SECOND),
        (7, 0, 5 * MINUTE),
        (1000, 0, 5 * MINUTE),
        # Claims that were spent do not lengthen it.
        (3, 2, 5 * SECOND),
        (4, 2, 10 * SECOND),
        (1, 1, 5 * SECOND),
    ],
)
def test_a_request_that_never_left_is_repeated_after_growing_pauses(number: int, spent: int, pause: timedelta) -> None:
    claim = a_claim(number=number, attempts_spent=spent)
    assert unsent_backoff(claim) == pause
    assert recorded(AnswerKind.NOT_SENT, claim=claim).after == pause


def test_doubling_stops_at_the_longest_however_often() -> None:
    assert [doubled(SECOND, steps, MINUTE) for steps in (0, 1, 5, 6, 7)] == [
        SECOND,
        2 * SECOND,
        32 * SECOND,
        MINUTE,
        MINUTE,
    ]
    assert doubled(SECOND, 10**9, MINUTE) == MINUTE
