"""What an answer writes on a claimed call and its attempt, in one transaction; what it means, the engine decided."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, bindparam, exists, select, update

from dialer.domain.call import Claim
from dialer.domain.placement import Answer, AnswerKind
from dialer.domain.states import DIALABLE_STATES, UNSPENT_ATTEMPTS, AttemptState, CallState, CloseReason
from dialer.domain.zones import EPOCH
from dialer.errors import IllegalMove
from dialer.ledger.columns import clock, word
from dialer.ledger.direct import Direct, Statement
from dialer.ledger.loads import rewrite
from dialer.ledger.moves import LISTENER, Standing, closing, move, standing
from dialer.ledger.notices import announce, announce_directly
from dialer.ledger.tables import LIVE, attempts, batches, calls
from dialer.ledger.tallies import add_delta, counted, difference, note_change
from dialer.ports.ledger import SENDS_AGAIN, Recording

#: The request never left: nothing was placed.
_NOTHING_PLACED = frozenset({AnswerKind.NOT_SENT, AnswerKind.WITHHELD})
#: Where a dialing call goes whatever its batch is doing.
_PLAIN = frozenset({CallState.CLOSED, CallState.IN_PROGRESS, CallState.UNKNOWN})
#: Nothing more will be heard of it. (What was refused or not sent spends nothing: its call simply comes again.)
_OVER = frozenset({AttemptState.HANDED_OFF, AttemptState.REJECTED})


def record(connection: Connection, claim: Claim, answer: Answer, recording: Recording) -> bool:
    """False unless the call is `dialing`, or meanwhile `unknown`, under this claim; a late answer stays readable."""
    call = standing(connection, claim.call_id)
    if call is not None and answer.kind is AnswerKind.ACCEPTED:
        call = _taken_back(connection, call, claim)
    if call is None or call.claim_id != claim.claim_id or call.state not in (CallState.DIALING, CallState.UNKNOWN):
        _write_late(connection, claim, answer)
        return False
    if recording.call_state in DIALABLE_STATES and was_sent_again(connection, claim.call_id, claim.claim_id):
        _write_late(connection, claim, answer)
        return False
    _move_call(connection, call, recording)
    _write_attempt(connection, call, claim, answer, recording)
    if recording.attempt_state in _OVER:
        announce(connection, call, claim.number, recording.attempt_state)
    if answer.kind is AnswerKind.ACCEPTED and call.rejections:
        rewrite(connection, call.batch_id, rejections=0)
    return True


def still_dialing(connection: Connection, call_id: str, claim_id: str) -> Standing | None:
    """The call, locked, while its claim's first holder may say that it sent nothing; None when it was moved since."""
    call = standing(connection, call_id)
    if call is None or call.state is not CallState.DIALING or call.claim_id != claim_id:
        return None
    return None if was_sent_again(connection, call_id, claim_id) else call


def was_sent_again(connection: Connection, call_id: str, claim_id: str) -> bool:
    """Under the same claim, when its first holder was taken for dead: that one cannot say what became of the second
    request, should it wake up and find that its own never left."""
    a = attempts.c
    again = select(a.number).where(a.call_id == call_id, a.claim_id == claim_id, a.worker == SENDS_AGAIN)
    return connection.execute(again).first() is not None


def record_plainly(direct: Direct, claim: Claim, answer: Answer, recording: Recording) -> bool:
    """The same, without a look before, for a call that is `dialing` under this claim and goes on, or is over.

    False, and nothing written, wherever what becomes of it depends on how it and its batch stand.
    """
    state, reason = recording.call_state, recording.close_reason
    if state not in _PLAIN or recording.outcome is not None or (state is CallState.CLOSED) != (reason is not None):
        return False
    direct.begin()
    spent = int(recording.attempt_state not in UNSPENT_ATTEMPTS)
    this = {"this_call": claim.call_id, "this_claim": claim.claim_id, "this_number": claim.number}
    moved = direct.read(_moves(state), {**this, "new_reason": reason, "spent": spent})
    if moved is None:
        direct.rollback()
        return False
    outcome, attempts_spent = moved[calls.c.outcome], moved[calls.c.attempts_spent]
    before = counted(CallState.DIALING, None, outcome, attempts_spent - spent)
    note_change(direct, claim.batch_id, difference(before, counted(state, reason, outcome, attempts_spent)))
    columns = attempt_columns(answer, recording, moved["now"])
    if answer.provider_call_id is not None:
        columns["provider_call_id"] = answer.provider_call_id
    direct.write(_writes(tuple(columns)), columns | this)
    if moved["has_listener"] and recording.attempt_state in _OVER:
        announce_directly(direct, claim, recording.attempt_state, moved["now"])
    if answer.kind is AnswerKind.ACCEPTED and moved["rejections"]:
        direct.write(_TAKEN, {"this_batch": claim.batch_id})
    direct.commit()
    return True


@cache
def _moves(state: CallState) -> Statement:
    """dialing → here; what that changes in the tally, whether somebody is to be told, and the ledger's clock."""
    c, b, now = calls.c, batches.c, clock()
    columns: dict[str, Any] = {"attempts_spent": c.attempts_spent + bindparam("spent"), "failures": 0}
    if state is CallState.CLOSED:
        closed = closing(CloseReason.REACHED, EPOCH)
        columns |= {**closed, "close_reason": bindparam("new_reason"), "closed_at": now}
    this = c.call_id == bindparam("this_call"), c.claim_id == bindparam("this_claim")
    own_batch = b.batch_id == c.batch_id
    told = (
        c.attempts_spent,
        c.outcome,
        (c.closed_at if state is CallState.CLOSED else now).label("now"),
        select(b.rejections).where(own_batch).correlate(calls).scalar_subquery().label("rejections"),
        select(LISTENER).select_from(batches).where(own_batch).correlate(calls).scalar_subquery().label("has_listener"),
    )
    return Statement(move([CallState.DIALING], state).where(*this).values(**columns).returning(*told), told)


@cache
def _writes(columns: tuple[str, ...]) -> Statement:
    this = attempts.c.call_id == bindparam("this_call"), attempts.c.number == bindparam("this_number")
    return Statement(update(attempts).where(*this).values({name: bindparam(name) for name in columns}))


#: A number that was taken ends a row of rejected ones.
_TAKEN = Statement(
    update(batches).where(batches.c.batch_id == bindparam("this_batch"), batches.c.rejections > 0).values(rejections=0)
)


def _taken_back(connection: Connection, call: Standing, claim: Claim) -> Standing:
    """An operator said `not placed`, and the provider says that it was: nobody dials it again while that can be helped.

    The call is unknown under this claim once more, unless another claim has it already.
    """
    a, c = attempts.c, calls.c
    is_ours = select(a.number).where(a.call_id == claim.call_id, a.claim_id == claim.claim_id)
    was_given_up = is_ours.where(a.state == word(AttemptState.NOT_SENT), a.number == c.claim_seq).exists()
    if call.state not in DIALABLE_STATES:
        return call
    again = {"claim_id": claim.claim_id, "attempts_spent": c.attempts_spent + 1, "why": None}
    takes = move([call.state], CallState.UNKNOWN).where(c.call_id == claim.call_id, was_given_up)
    if connection.execute(takes.values(**again)).rowcount != 1:
        return call
    add_delta(connection, call.batch_id, difference(counted(call.state), counted(CallState.UNKNOWN, attempts_spent=1)))
    return standing(connection, claim.call_id) or call


def _write_late(connection: Connection, claim: Claim, answer: Answer) -> None:
    """Too late to move the call: the provider's words are kept on the attempt, where an operator finds them."""
    a = attempts.c
    this = update(attempts).where(a.call_id == claim.call_id, a.number == claim.number, a.claim_id == claim.claim_id)
    words = f"{answer.kind.value} came too late to count: {answer.detail}"
    late: dict[str, Any] = {"detail": words, "http_status": answer.http_status, "raw": answer.raw}
    if answer.provider_call_id is not None:
        late |= provider_id_columns(connection, claim.call_id, claim.number, answer.provider_call_id, words)
    connection.execute(this.where(a.placed_at.is_(None)).values(**late))


def _move_call(connection: Connection, call: Standing, recording: Recording) -> None:
    spent: dict[str, Any] = {"attempts_spent": call.attempts_spent + _newly_spent(call, recording.attempt_state)}
    spent["failures"] = 0
    if recording.outcome is not None:
        spent["outcome"] = recording.outcome.value
    match recording.call_state:
        case CallState.CLOSED:
            if recording.close_reason is None:
                raise IllegalMove("a call closes with a reason")
            call.close(connection, recording.close_reason, None, **spent)
        case CallState.WAITING | CallState.READY:
            call.back(connection, recording.after, None, **spent)
        case CallState.UNKNOWN if call.state is CallState.UNKNOWN:
            pass  # rescue was first: its move stands, the answer is added to the attempt
        case state:
            call.move(connection, state, **spent)


def _newly_spent(call: Standing, attempt_state: AttemptState) -> int:
    """A call spends its attempt when it leaves `dialing`; an unknown one gets it back when nothing was placed."""
    is_spent = attempt_state not in UNSPENT_ATTEMPTS
    return int(is_spent) - int(call.state is CallState.UNKNOWN)


def _write_attempt(connection: Connection, call: Standing, claim: Claim, answer: Answer, recording: Recording) -> None:
    columns = attempt_columns(answer, recording, call.now)
    if answer.provider_call_id is not None:
        columns |= provider_id_columns(
            connection, claim.call_id, claim.number, answer.provider_call_id, columns["detail"]
        )
    a = attempts.c
    connection.execute(update(attempts).where(a.call_id == claim.call_id, a.number == claim.number).values(**columns))


def attempt_columns(answer: Answer, recording: Recording, now: datetime) -> dict[str, Any]:
    columns: dict[str, Any] = {
        "state": recording.attempt_state.value,
        "http_status": answer.http_status,
        "detail": answer.detail or None,
        "raw": answer.raw,
        "held_until": recording.held_until,
        "outcome": recording.outcome and recording.outcome.value,
        "next_look_at": None,
    }
    if answer.kind not in _NOTHING_PLACED:
        columns["placed_at"] = now
    if recording.attempt_state in LIVE:
        columns["since_at"] = now
        columns["next_look_at"] = now + recording.first_look if recording.first_look else now
    elif recording.attempt_state is not AttemptState.HANDED_OFF:
        columns["ended_at"] = now
    return columns


def provider_id_columns(
    connection: Connection, call_id: str, number: int, provider_call_id: str, detail: str | None
) -> dict[str, Any]:
    """The provider's id; one that it gave to another attempt before goes into the detail, for it tells nobody apart."""
    this, other = attempts.alias("this"), attempts.alias("other")
    repeated = (
        select(exists(other.c.call_id))
        .join_from(this, other, other.c.account == this.c.account)
        .where(this.c.call_id == call_id, this.c.number == number, other.c.provider_call_id == provider_call_id)
        .where((other.c.call_id != call_id) | (other.c.number != number))
    )
    if not connection.execute(repeated).scalar():
        return {"provider_call_id": provider_call_id}
    words = f"the provider gave the id {provider_call_id!r:.100} to an earlier call too"
    return {"detail": f"{detail}; {words}" if detail else words}
