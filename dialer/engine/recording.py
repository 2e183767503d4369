"""What an answer makes of a call and its attempt: pure, one row of contract section 6's table per case."""

from __future__ import annotations

from datetime import timedelta

from dialer.domain.call import Claim
from dialer.domain.placement import Answer, AnswerKind, Capabilities, Placement
from dialer.domain.states import AttemptState, CallState, CloseReason
from dialer.ports.ledger import Recording

FIRST_PROGRESS_LOOK = timedelta(seconds=3)
FIRST_UNKNOWN_LOOK = timedelta(seconds=5)
_BACKOFF = timedelta(seconds=5)
_LONGEST_BACKOFF = timedelta(minutes=5)


def recording_of(answer: Answer, claim: Claim, placement: Placement, able: Capabilities) -> Recording:
    """How `answer` is written down; WITHHELD comes here only where the witness forbids the request."""
    match answer.kind:
        case AnswerKind.ACCEPTED if able.reports_outcomes:
            return Recording(CallState.IN_PROGRESS, AttemptState.IN_PROGRESS, first_look=FIRST_PROGRESS_LOOK)
        case AnswerKind.ACCEPTED:
            held_until = placement.exp if able.relays_control else None
            return Recording(CallState.CLOSED, AttemptState.HANDED_OFF, CloseReason.HANDED_OFF, held_until=held_until)
        case AnswerKind.REJECTED:
            return Recording(CallState.CLOSED, AttemptState.REJECTED, CloseReason.REJECTED)
        case AnswerKind.AUTH | AnswerKind.CREDIT | AnswerKind.CONFIGURATION | AnswerKind.THROTTLED:
            # The account's or the batch's guard holds it back from here on, so it need not wait by itself.
            return Recording(CallState.READY, AttemptState.REFUSED)
        case AnswerKind.NOT_SENT:
            return Recording(CallState.WAITING, AttemptState.NOT_SENT, after=unsent_backoff(claim))
        case _:
            return Recording(CallState.UNKNOWN, AttemptState.UNKNOWN, first_look=FIRST_UNKNOWN_LOOK)


def unsent_backoff(claim: Claim) -> timedelta:
    """5 s, doubling to 5 min with every claim of this call that spent nothing."""
    unspent = max(0, claim.number - claim.attempts_spent - 1)
    return doubled(_BACKOFF, unspent, _LONGEST_BACKOFF)


def doubled(first: timedelta, steps: int, longest: timedelta) -> timedelta:
    """`first`, doubled `steps` times, `longest` at most."""
    factor: int = 1 << min(steps, 20)
    return min(first * factor, longest)
