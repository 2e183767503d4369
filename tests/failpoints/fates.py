"""Where a process may end in the middle of a move, and what becomes of the call then: one row for each point and case.

`left` is how things are right after the exit: the call's state, calls at the provider, channels taken in Redis. `ends`
is how the call closes once healthy processes have taken over, and how many calls the provider placed in all.
"""

from __future__ import annotations

from dataclasses import dataclass

from dialer.domain.states import CallState, CloseReason

QUEUED, DIALING, READY, WAITING = CallState.QUEUED, CallState.DIALING, CallState.READY, CallState.WAITING
IN_PROGRESS, UNKNOWN, CLOSED = CallState.IN_PROGRESS, CallState.UNKNOWN, CallState.CLOSED
REACHED, UNRESOLVED, HANDED_OFF = CloseReason.REACHED, CloseReason.UNRESOLVED, CloseReason.HANDED_OFF
REJECTED, SUPPRESSED = CloseReason.REJECTED, CloseReason.SUPPRESSED


@dataclass(frozen=True, slots=True)
class Left:
    """Right after the exit."""

    state: CallState
    placed: int
    held: int


@dataclass(frozen=True, slots=True)
class Ends:
    """After healthy processes have taken over; no channel is held then."""

    reason: CloseReason
    placed: int


@dataclass(frozen=True, slots=True)
class Fate:
    """Who dies where, and what becomes of the one call of the batch. `case` names the setting in `cases.py`."""

    point: str
    left: Left
    ends: Ends
    case: str = "worker"
    turn: int = 1

    def __str__(self) -> str:
        return f"{self.point}-{self.case}" + (f"-{self.turn}" if self.turn > 1 else "")


#: Before the claim nothing has happened. From the claim to the answer's record nobody can know, so the provider is
#: asked: its list shows the call, which ends as it did on the line, or does not show it, and an operator decides.
DISPATCH = (
    Fate("dispatch.ticket", Left(QUEUED, 0, 0), Ends(REACHED, 1)),
    Fate("dispatch.permitted", Left(QUEUED, 0, 1), Ends(REACHED, 1)),
    Fate("dispatch.slept", Left(QUEUED, 0, 1), Ends(REACHED, 1)),
    Fate("dispatch.not_claimed", Left(READY, 0, 1), Ends(REACHED, 1), "paused after the push"),
    Fate("dispatch.claimed", Left(DIALING, 0, 1), Ends(UNRESOLVED, 0)),
    Fate("dispatch.closed", Left(CLOSED, 0, 1), Ends(SUPPRESSED, 0), "suppressed after the push"),
    Fate("dispatch.deferred", Left(WAITING, 0, 1), Ends(REACHED, 1), "suppressed for a minute"),
    Fate("dispatch.gated", Left(DIALING, 0, 1), Ends(UNRESOLVED, 0)),
    Fate("dispatch.prepared", Left(DIALING, 0, 1), Ends(UNRESOLVED, 0), "with a contact"),
    Fate("dispatch.kept", Left(DIALING, 0, 1), Ends(UNRESOLVED, 0), "with a contact"),
    Fate("dispatch.connected", Left(DIALING, 0, 1), Ends(UNRESOLVED, 0)),
    Fate("dispatch.armed", Left(DIALING, 0, 1), Ends(UNRESOLVED, 0)),
    Fate("request.sent", Left(DIALING, 1, 1), Ends(REACHED, 1)),
    Fate("dispatch.answered", Left(DIALING, 1, 1), Ends(REACHED, 1)),
    Fate("dispatch.recorded", Left(IN_PROGRESS, 1, 1), Ends(REACHED, 1)),
    Fate("dispatch.heeded", Left(IN_PROGRESS, 1, 1), Ends(REACHED, 1)),
    Fate("dispatch.done", Left(IN_PROGRESS, 1, 1), Ends(REACHED, 1)),
    # Inspra cannot be asked.
    Fate("dispatch.armed", Left(DIALING, 0, 1), Ends(UNRESOLVED, 0), "inspra"),
    Fate("request.sent", Left(DIALING, 1, 1), Ends(UNRESOLVED, 1), "inspra"),
    Fate("dispatch.recorded", Left(CLOSED, 1, 1), Ends(HANDED_OFF, 1), "inspra"),
    Fate("dispatch.done", Left(CLOSED, 1, 0), Ends(HANDED_OFF, 1), "inspra"),
    # An answer that closes a guard: the next call meets the same answer, and closes it.
    Fate("dispatch.answered", Left(DIALING, 0, 1), Ends(UNRESOLVED, 0), "out of credits"),
    Fate("dispatch.recorded", Left(READY, 0, 1), Ends(REACHED, 1), "out of credits"),
    Fate("dispatch.recorded", Left(CLOSED, 0, 1), Ends(REJECTED, 0), "rejected"),
    # A draft is executed by a second request, with a second look. What was not executed rings nobody.
    Fate("request.sent", Left(DIALING, 0, 1), Ends(UNRESOLVED, 0), "draft"),
    Fate("dispatch.armed", Left(DIALING, 0, 1), Ends(UNRESOLVED, 0), "draft", turn=2),
    Fate("request.sent", Left(DIALING, 1, 1), Ends(REACHED, 1), "draft", turn=2),
)

RELEASE = (
    Fate("release.enqueued", Left(QUEUED, 0, 0), Ends(REACHED, 1), "scheduler"),
    Fate("release.pushed", Left(QUEUED, 0, 0), Ends(REACHED, 1), "scheduler"),
    Fate("lease.taken", Left(READY, 0, 0), Ends(REACHED, 1), "scheduler"),
)

RESCUE = (
    Fate("rescue.requeued", Left(QUEUED, 0, 0), Ends(REACHED, 1), "message lost"),
    Fate("rescue.orphaned", Left(UNKNOWN, 0, 1), Ends(UNRESOLVED, 0), "worker died armed"),
    Fate("rescue.orphaned", Left(UNKNOWN, 1, 1), Ends(REACHED, 1), "worker died after its request"),
)

ASKING = (
    Fate("settle.committed", Left(CLOSED, 1, 1), Ends(REACHED, 1), "in progress"),
    Fate("settle.committed", Left(WAITING, 1, 1), Ends(REACHED, 2), "nobody there, once"),
    Fate("reconcile.found", Left(IN_PROGRESS, 1, 1), Ends(REACHED, 1), "unknown, placed"),
    Fate("reconcile.given_up", Left(CLOSED, 0, 1), Ends(UNRESOLVED, 0), "unknown, absent"),
    Fate("redial.retaken", Left(DIALING, 0, 1), Ends(REACHED, 1), "with a key"),
    Fate("dispatch.armed", Left(DIALING, 0, 1), Ends(REACHED, 1), "with a key"),
    Fate("request.sent", Left(DIALING, 1, 1), Ends(REACHED, 1), "with a key", turn=2),
    Fate("dispatch.answered", Left(DIALING, 1, 1), Ends(REACHED, 1), "with a key"),
    Fate("resolve.decided", Left(CLOSED, 0, 1), Ends(HANDED_OFF, 0), "an operator's word"),
)

#: Redis came back empty while one call waited for a worker: what each step of the rebuild leaves.
REBUILD = (
    Fate("rebuild.aligned", Left(QUEUED, 0, 0), Ends(REACHED, 1), "redis wiped"),
    Fate("rebuild.derived", Left(QUEUED, 0, 0), Ends(REACHED, 1), "redis wiped"),
    Fate("rebuild.raised", Left(QUEUED, 0, 0), Ends(REACHED, 1), "redis wiped"),
)

ONE_CALL = (*DISPATCH, *RELEASE, *RESCUE, *ASKING, *REBUILD)


@dataclass(frozen=True, slots=True)
class Loading:
    """A load of three numbers ends: so many are in the ledger, and whether it has to be repeated to be dialed."""

    point: str
    known: int
    is_loaded: bool = False


LOADING = (
    Loading("ingest.opened", known=0),
    Loading("ingest.chunk", known=3),
    Loading("ingest.read", known=3),
    Loading("ingest.finished", known=3, is_loaded=True),
)
#: The one number of a test call: calls in the ledger.
TEST_CALLS = (Loading("test_call.loaded", known=1, is_loaded=True),)
TEMPLATES = (Loading("ingest.planned", known=2), Loading("ingest.finished", known=2, is_loaded=True))


@dataclass(frozen=True, slots=True)
class Saying:
    """A control word that the ledger has: whether Redis has heard it."""

    point: str
    verb: str
    is_told: bool


CONTROL = (
    Saying("control.committed", "pause_batch", is_told=False),
    Saying("control.told", "pause_batch", is_told=True),
    Saying("control.committed", "terminate_batch", is_told=False),
    Saying("control.told", "terminate_batch", is_told=True),
    Saying("hold.committed", "pause_all", is_told=False),
    Saying("hold.told", "pause_all", is_told=True),
)


@dataclass(frozen=True, slots=True)
class Running:
    """An occurrence of a template with two numbers has come: so many are in its run, or there is no run yet."""

    point: str
    copied: int | None


RECURRENCE = (
    Running("recur.opened", copied=0),
    Running("recur.copied", copied=2),
    Running("recur.finished", copied=2),
)


@dataclass(frozen=True, slots=True)
class Pruning:
    """A prune of a batch of 1500 numbers ended: whether its batch is there still, and how many of its calls are."""

    point: str
    is_there: bool
    left: int
    turn: int = 1


PRUNING = (
    Pruning("prune.archived", is_there=True, left=1500),
    Pruning("prune.sealed", is_there=False, left=1500),
    Pruning("prune.emptied", is_there=False, left=500),
    Pruning("prune.emptied", is_there=False, left=0, turn=2),
)

#: Each has a test of its own.
ALONE = (
    *("drain.committed", "push.lane", "outbox.relayed", "balances.read", "balances.written", "recur.ended"),
    *("inbox.stored", "inbox.heeded", "notices.handed_out", "notice.sent"),
    *("alerts.told", "erase.begun"),
)

TABLE = frozenset(
    [*ALONE, *(row.point for row in (*ONE_CALL, *LOADING, *TEST_CALLS, *TEMPLATES, *CONTROL, *RECURRENCE, *PRUNING))]
)
