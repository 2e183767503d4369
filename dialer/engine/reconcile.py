"""Asking providers: how a call goes on, and whether a request without an answer placed one. Nothing is dialed here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from dialer.domain.call import OpenAttempt
from dialer.domain.placement import Absent, Found, NotTold, Progress, Sought
from dialer.domain.reference import forgotten_references
from dialer.domain.states import AttemptState
from dialer.engine.recording import FIRST_PROGRESS_LOOK, FIRST_UNKNOWN_LOOK, doubled
from dialer.engine.redial import may_redial, redial
from dialer.engine.settle import free, settle
from dialer.engine.unforeseen import BACKOFF, MOST_FAILURES, OUTAGES, unforeseen
from dialer.failpoints import reached
from dialer.ports import Switchboard, VoiceProvider

_GROWTH = 1.5
_LONGEST_PROGRESS_PAUSE = timedelta(seconds=30)
_LONGEST_UNKNOWN_PAUSE = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of one question. `event`: settled | found | redialed | not_placed | unresolved | later | failed.

    `fingerprint` of what nobody foresaw.
    """

    #: `later` also where somebody else moved the call meanwhile: one that goes on keeps its channel
    event: str
    attempt: OpenAttempt
    detail: str = ""
    fingerprint: str | None = None


def ask(desk: Switchboard, attempt: OpenAttempt) -> Asked:
    """Ask the provider about one live attempt and write down what it says; five failures in a row set it aside."""
    try:
        return _ask(desk, attempt)
    except OUTAGES:
        raise
    except Exception as error:  # noqa: BLE001 - an answer that nobody foresaw must not silence the others
        return _failed(desk, attempt, error)


def _failed(desk: Switchboard, attempt: OpenAttempt, error: Exception) -> Asked:
    told = unforeseen(error, "asking about it")
    failed = desk.ledger.failures.unasked(attempt, told.why, BACKOFF, MOST_FAILURES)
    if failed is not None and failed.is_set_aside:
        free(desk, attempt)
        return Asked("unresolved", attempt, told.why, told.fingerprint)
    return Asked("failed", attempt, told.why, told.fingerprint)


def _ask(desk: Switchboard, attempt: OpenAttempt) -> Asked:
    provider = desk.providers.get(attempt.account)
    if provider is None:
        return _later(desk, attempt, f"account {attempt.account!r} is not configured here")
    if attempt.provider_call_id is not None:
        return _progress(desk, provider, attempt)
    return _find(desk, provider, attempt)


def _sought(desk: Switchboard, attempt: OpenAttempt) -> Sought:
    return Sought(
        reference=attempt.reference,
        phone=attempt.phone,
        agent_id=attempt.agent_id,
        claimed_at=attempt.claimed_at,
        left_by=attempt.left_by,
        provider_call_id=attempt.provider_call_id,
        also=_forgotten(desk, attempt) if attempt.is_recovered else (),
    )


def _forgotten(desk: Switchboard, attempt: OpenAttempt) -> tuple[str, ...]:
    """What the provider may know this call by: every reference but those of attempts older than the backup."""
    found = desk.ledger.reading.call(attempt.call_id)
    tried = found[0].attempts if found else ()
    older = (each for each in tried if each.claimed_at is not None and each.claimed_at < attempt.claimed_at)
    known = frozenset(each.reference for each in older)
    return forgotten_references(desk.ledger.ledger_id, attempt.call_id, attempt.number, known)


def _progress(desk: Switchboard, provider: VoiceProvider, attempt: OpenAttempt) -> Asked:
    told = provider.progress(_sought(desk, attempt))
    if isinstance(told, Progress) and told.ended:
        return _settled(desk, attempt, told)
    detail = told.detail
    if attempt.state is AttemptState.UNKNOWN:
        return _identified(desk, attempt, told)
    if attempt.age >= attempt.terms.max_call:
        return _give_up(desk, attempt, f"no outcome within {attempt.terms.max_call}: {detail}")
    return _later(desk, attempt, detail, told.raw if isinstance(told, Progress) else None)


def _identified(desk: Switchboard, attempt: OpenAttempt, told: Progress | NotTold) -> Asked:
    """An unknown whose provider id is known: the answer broke off after the id, say."""
    if isinstance(told, Progress) and attempt.provider_call_id is not None:
        desk.ledger.attempts.found(attempt, attempt.provider_call_id)
        return Asked("found", attempt, told.detail)
    if attempt.age >= desk.rules.timing.give_up:
        return _give_up(desk, attempt, f"nothing could be learned within {desk.rules.timing.give_up}: {told.detail}")
    return _later(desk, attempt, told.detail)


def _find(desk: Switchboard, provider: VoiceProvider, attempt: OpenAttempt) -> Asked:
    told, age = _told(desk, provider, attempt), attempt.age
    match told:
        case Found(provider_call_id, progress):
            desk.ledger.attempts.found(attempt, provider_call_id)
            reached("reconcile.found")
            return _settle_found(desk, attempt, provider_call_id, progress)
        case Absent() if age >= desk.rules.timing.absent and attempt.is_recovered:
            return _never_was(desk, attempt)
        case Absent() if age >= desk.rules.timing.absent and may_redial(desk, attempt):
            return _redialed(desk, attempt)
        case Absent() if age >= desk.rules.timing.absent:
            return _give_up(desk, attempt, "the provider's list does not show it")
        case NotTold(detail) if age >= desk.rules.timing.give_up:
            return _give_up(desk, attempt, f"nothing could be learned within {desk.rules.timing.give_up}: {detail}")
        case Absent():
            return _later(desk, attempt, "not in the provider's list yet")
        case NotTold(detail):
            return _later(desk, attempt, detail)


def _told(desk: Switchboard, provider: VoiceProvider, attempt: OpenAttempt) -> Found | Absent | NotTold:
    if not provider.capabilities.can_find:
        return NotTold("this provider cannot be asked for a lost call")
    if attempt.is_nameless:
        return NotTold("it was loaded after the backup: a call of before may have gone out under a name nobody knows")
    return provider.find(_sought(desk, attempt))


def _never_was(desk: Switchboard, attempt: OpenAttempt) -> Asked:
    """The provider's list reaches back to the backup and does not show it: the ledger has forgotten nothing here."""
    by = "the provider's list, after the ledger was restored"
    if not desk.ledger.decisions.never_placed(attempt, by):
        return Asked("later", attempt)
    free(desk, attempt)
    return Asked("not_placed", attempt)


def _redialed(desk: Switchboard, attempt: OpenAttempt) -> Asked:
    told = redial(desk, attempt)
    return Asked("redialed", attempt) if told == "redialed" else _later(desk, attempt, f"not redialed yet: {told}")


def _settle_found(desk: Switchboard, attempt: OpenAttempt, provider_call_id: str, progress: Progress | None) -> Asked:
    if progress is None or not progress.ended:
        return Asked("found", attempt, provider_call_id)
    return _settled(desk, attempt, progress)


def _settled(desk: Switchboard, attempt: OpenAttempt, progress: Progress) -> Asked:
    return Asked("settled" if settle(desk, attempt, progress) else "later", attempt, progress.detail)


def _give_up(desk: Switchboard, attempt: OpenAttempt, why: str) -> Asked:
    if not desk.ledger.attempts.give_up(attempt, why):
        return Asked("later", attempt)
    reached("reconcile.given_up")
    free(desk, attempt)
    return Asked("unresolved", attempt, why)


def _later(desk: Switchboard, attempt: OpenAttempt, detail: str, raw: str | None = None) -> Asked:
    desk.ledger.attempts.look_later(attempt, pause_before(attempt), detail, raw)
    return Asked("later", attempt, detail)


def pause_before(attempt: OpenAttempt) -> timedelta:
    """The pause before the next question: 3 s, growing by half to 30 s; for unknowns 5 s, doubling to 2 min."""
    if attempt.state is AttemptState.UNKNOWN:
        return doubled(FIRST_UNKNOWN_LOOK, attempt.looks, _LONGEST_UNKNOWN_PAUSE)
    pause: float = FIRST_PROGRESS_LOOK.total_seconds() * _GROWTH ** min(attempt.looks, 20)
    return min(timedelta(seconds=pause), _LONGEST_PROGRESS_PAUSE)
