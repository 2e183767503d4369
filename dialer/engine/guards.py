"""What an answer means for others: the account stops, or the batch pauses; nothing is spent while a guard is closed."""

from __future__ import annotations

from datetime import timedelta

from dialer.domain.batch import Batch
from dialer.domain.call import Claim
from dialer.domain.placement import Answer, AnswerKind
from dialer.domain.states import StopKind
from dialer.engine import control
from dialer.engine.recording import doubled
from dialer.ports import Switchboard
from dialer.ports.ledger import AccountState

#: One probe call this long after a 401 or 403.
AUTH_PROBE = timedelta(minutes=15)
#: A 402 closes the guard for this long at least.
CREDIT_PAUSE = timedelta(minutes=1)
_SHORTEST, _LONGEST = timedelta(seconds=1), timedelta(minutes=15)
_FIRST_THROTTLE, _LAST_THROTTLE = timedelta(seconds=5), timedelta(minutes=5)
FAULTS_IN_A_ROW = 5
FAULTS_OF_TWENTY = 10
FIRST_BREAK, LAST_BREAK = timedelta(seconds=15), timedelta(minutes=10)
#: The longest break where each probe by a call leaves one more unknown.
LAST_DEAR_BREAK = timedelta(hours=1)
#: More open unknowns than this, and than one in a hundred of the batch, pause it.
UNKNOWNS_LEFT_OPEN = 20
LEFT_UNANSWERED = "requests were left without a clear answer"
#: As many rejected numbers in a row say that it is not the numbers.
REJECTIONS_IN_A_ROW = 10


def heed(desk: Switchboard, claim: Claim, answer: Answer) -> str | None:
    """Close the guards that this answer closes; what was closed, in words."""
    broken = _breaker(desk, claim, answer)
    return _guard(desk, claim, answer) or broken


def _breaker(desk: Switchboard, claim: Claim, answer: Answer) -> str | None:
    """Five faults in a row, or half of the last twenty answers, and nothing more is sent until a probe is answered."""
    name = claim.terms.account
    if answer.kind is AnswerKind.WITHHELD or not (answer.is_fault or claim.is_watched):
        return None
    recent = desk.ledger.accounts.note(name, answer.is_fault)
    is_broken = recent.endswith("1" * FAULTS_IN_A_ROW) or recent.count("1") >= FAULTS_OF_TWENTY
    if not answer.is_fault or not (is_broken or claim.is_probe):
        return None
    known = _stopped(desk, name, StopKind.BREAKER)
    if known is not None and not known.is_probing:
        return None  # what was under way when it opened says nothing new
    longest = LAST_DEAR_BREAK if answer.kind is AnswerKind.UNKNOWN else LAST_BREAK
    lasting = doubled(FIRST_BREAK, known.step if known else 0, longest)
    state = desk.ledger.accounts.stop(name, StopKind.BREAKER, _words(answer), lasting)
    return f"account {name} stopped until {state.until}: too many requests without an answer"


def _guard(desk: Switchboard, claim: Claim, answer: Answer) -> str | None:
    name, words = claim.terms.account, _words(answer)
    match answer.kind:
        case AnswerKind.AUTH:
            desk.ledger.accounts.stop(name, StopKind.AUTH, words, AUTH_PROBE)
        case AnswerKind.CREDIT:
            desk.ledger.accounts.stop(name, StopKind.CREDIT, words, CREDIT_PAUSE)
        case AnswerKind.THROTTLED:
            desk.ledger.accounts.stop(name, StopKind.THROTTLED, words, _throttle(desk, name, answer))
        case AnswerKind.CONFIGURATION:
            return _pause(desk, claim, f"agent or number id wrong at the provider ({words})")
        case AnswerKind.REJECTED:
            _answered(desk, claim)
            return _rejected(desk, claim, words)
        case AnswerKind.UNKNOWN:
            return _too_many_unknowns(desk, claim, words)
        case AnswerKind.ACCEPTED:
            return _answered(desk, claim)
        case _:
            return None
    return f"account {name} stopped: {words}"


def _words(answer: Answer) -> str:
    status = f"HTTP {answer.http_status}" if answer.http_status else "no status"
    return f"{status}: {answer.detail}"[:300] if answer.detail else status


def _throttle(desk: Switchboard, name: str, answer: Answer) -> timedelta:
    """Retry-After within 1 s to 15 min; unreadable: 5 s, doubling to 5 min."""
    if answer.retry_after is not None:
        return min(max(answer.retry_after, _SHORTEST), _LONGEST)
    return doubled(_FIRST_THROTTLE, _step(desk, name, StopKind.THROTTLED), _LAST_THROTTLE)


def _step(desk: Switchboard, name: str, kind: StopKind) -> int:
    """Stops of this kind in a row so far."""
    known = _stopped(desk, name, kind)
    return known.step if known else 0


def _stopped(desk: Switchboard, name: str, kind: StopKind) -> AccountState | None:
    return next((state for state in desk.ledger.accounts.all() if state.name == name and state.stop is kind), None)


def _rejected(desk: Switchboard, claim: Claim, words: str) -> str | None:
    if desk.ledger.batches.note_rejection(claim.batch_id) < REJECTIONS_IN_A_ROW:
        return None
    return _pause(desk, claim, f"{REJECTIONS_IN_A_ROW} numbers in a row were rejected, the last with {words}")


def _too_many_unknowns(desk: Switchboard, claim: Claim, words: str) -> str | None:
    """A provider that keeps us in the dark must not be given a thousand numbers to be dark about."""
    unknowns, size = desk.ledger.batches.unknowns(claim.batch_id, UNKNOWNS_LEFT_OPEN)
    if unknowns <= max(UNKNOWNS_LEFT_OPEN, size // 100):
        return None
    return _pause(desk, claim, f"{unknowns} {LEFT_UNANSWERED}, the last with {words}")


def _answered(desk: Switchboard, claim: Claim) -> str | None:
    """The account took a request, or refused this one number: it serves."""
    if claim.is_probe and desk.ledger.accounts.lift(claim.terms.account, probed=True):
        return f"account {claim.terms.account} goes on"
    return None


def set_aside(desk: Switchboard, batch_id: str, words: str) -> str | None:
    """One more call was set aside. So many in a row say that it is not the calls: the batch pauses."""
    if desk.ledger.batches.note_rejection(batch_id) < REJECTIONS_IN_A_ROW:
        return None
    return _pause_batch(desk, batch_id, f"{REJECTIONS_IN_A_ROW} calls in a row were set aside, the last with {words}")


def _pause(desk: Switchboard, claim: Claim, reason: str) -> str:
    return _pause_batch(desk, claim.batch_id, reason)


def _pause_batch(desk: Switchboard, batch_id: str, reason: str) -> str:
    batch: Batch | None = desk.ledger.batches.get(batch_id)
    if batch is not None:
        control.pause(desk, batch, reason, by=control.DIALER)
    return f"batch {batch_id} paused: {reason}"
