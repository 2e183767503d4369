"""What the leading scheduler does, and how often: a fast tick, housekeeping, and questions that may take their time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from dialer.domain.batch import Batch
from dialer.domain.client import ANSWERS_KEPT
from dialer.domain.states import Lane
from dialer.engine import rescue
from dialer.engine.balances import read_balances as _read_balances
from dialer.engine.inbox import REMEMBERED, Heeded
from dialer.engine.inbox import settle_inbox as _settle_inbox
from dialer.engine.outbox import relay_outbox as _relay_outbox
from dialer.engine.reconcile import Asked, ask
from dialer.engine.recur import run_schedules
from dialer.engine.release import ReleaseMemory, release
from dialer.engine.spans import renew
from dialer.engine.telling import HEARD_KEPT
from dialer.engine.telling import hand_out as _hand_out
from dialer.engine.trust import weigh
from dialer.engine.unforeseen import Unforeseen, attempted
from dialer.ports import Switchboard

__all__ = [
    "ReleaseMemory",
    "TickReport",
    "ask_around",
    "forget",
    "hand_out_notices",
    "keep_house",
    "read_balances",
    "rebuild",
    "recount",
    "relay_outbox",
    "release_tests",
    "settle_inbox",
    "tick",
]

SWEEP = 2000
ASKED_AT_ONCE = 50
#: Ten thousand each round, which is more than moves append between two.
FOLDED_AT_ONCE, FOLDS = 2000, 5


@dataclass(frozen=True, slots=True)
class TickReport:
    """What one tick moved, for the log."""

    renewed: int = 0
    runs: tuple[str, ...] = ()
    promoted: int = 0
    pushed: int = 0
    expired: int = 0
    terminated: int = 0
    completed: tuple[str, ...] = ()
    #: why nothing may be released at all
    doubt: str | None = None
    #: what nobody foresaw; the rest went on
    failed: tuple[Unforeseen, ...] = ()

    @property
    def is_busy(self) -> bool:
        """There may be more to do at once."""
        return bool(self.runs) or self.pushed > 0 or max(self.promoted, self.expired, self.terminated) >= SWEEP


def tick(desk: Switchboard, memory: ReleaseMemory) -> TickReport:
    """One tick of the leader: bounded in everything, so that it is never late for the next.

    In doubt nothing is released, and no run is loaded either: it may be the double of one that was forgotten.
    """
    sweeps, doubt = desk.ledger.sweeps, weigh(desk)
    failed: list[Unforeseen] = []
    nothing: tuple[str, ...] = ()
    # Runs first: a new one's cohorts get their spans below, and are dialed in this tick.
    load_runs = partial(run_schedules, desk, failed)
    runs = attempted(lambda: tuple(load_runs()), nothing, failed, "the schedules") if doubt is None else nothing
    return TickReport(
        runs=runs,
        renewed=attempted(lambda: renew(desk, failed), 0, failed, "the spans"),
        promoted=attempted(lambda: sweeps.promote(SWEEP), 0, failed, "the calls that fell due"),
        pushed=attempted(lambda: len(release(desk, memory, failed)), 0, failed, "the release") if doubt is None else 0,
        expired=attempted(lambda: sweeps.expired(SWEEP), 0, failed, "the batches that expired"),
        terminated=attempted(lambda: sweeps.terminated(SWEEP), 0, failed, "the batches that were terminated"),
        completed=attempted(lambda: tuple(sweeps.complete()), nothing, failed, "the batches that are complete"),
        doubt=doubt,
        failed=tuple(failed),
    )


def release_tests(desk: Switchboard, memory: ReleaseMemory) -> TickReport:
    """Between two ticks, at once, beside one that is under way: a person waits for each of these."""
    if (doubt := desk.ledger.trust.doubt()) is not None or not desk.signals.epoch_stands():
        return TickReport(doubt=doubt)  # the next tick says what is to be done
    failed: list[Unforeseen] = []
    urgent = partial(release, desk, memory, failed, (Lane.TEST,))
    pushed = attempted(lambda: len(urgent()), 0, failed, "the release of test calls")
    return TickReport(pushed=pushed, failed=tuple(failed))


def rebuild(desk: Switchboard) -> int:
    """Redis came back empty, or is another one: returns how many messages were pushed again."""
    return rescue.rebuild(desk)


@dataclass(frozen=True, slots=True)
class HouseReport:
    """What housekeeping found."""

    rolled_back: tuple[str, ...] = ()
    orphans: int = 0
    repushed: int = 0
    folded: int = 0
    failed: tuple[Unforeseen, ...] = ()


def keep_house(desk: Switchboard) -> HouseReport:
    """Every few seconds: Redis made to say what the ledger says, dead workers' claims, lost messages."""
    failed: list[Unforeseen] = []
    nothing: list[Batch] = []
    rolled_back = attempted(lambda: rescue.align_signals(desk), nothing, failed, "the signals")
    attempted(lambda: rescue.derive_permits(desk), None, failed, "the permits")
    orphans = attempted(lambda: rescue.bury_orphans(desk), 0, failed, "the claims of dead workers")
    repushed = attempted(lambda: rescue.repush(desk, rescue.STALE_QUEUED), 0, failed, "the lost messages")
    folded = attempted(lambda: fold(desk), 0, failed, "the tallies")
    return HouseReport(tuple(batch.batch_id for batch in rolled_back), orphans, repushed, folded, tuple(failed))


def fold(desk: Switchboard) -> int:
    """What moves appended to tallies becomes part of their sums, so that a reader adds up little."""
    folded = 0
    for _ in range(FOLDS):
        taken = desk.ledger.sweeps.fold(FOLDED_AT_ONCE)
        folded += taken
        if taken < FOLDED_AT_ONCE:
            break
    return folded


def recount(desk: Switchboard) -> int:
    """While workers of an older version, which do not count their moves, are there: tallies are made true again."""
    return len(desk.ledger.sweeps.recount(desk.rules.timing.dead_after))


def ask_around(desk: Switchboard, each: Callable[..., Iterable[Asked]] = map) -> list[Asked]:
    """Ask providers about the live attempts whose turn it is; `each` maps, in a thread pool where there is one."""
    return list(each(partial(ask, desk), desk.ledger.attempts.due(ASKED_AT_ONCE)))


def relay_outbox(desk: Switchboard) -> int:
    return len(_relay_outbox(desk))


def settle_inbox(desk: Switchboard) -> list[Heeded]:
    return _settle_inbox(desk)


def hand_out_notices(desk: Switchboard) -> int:
    return _hand_out(desk)


def forget(desk: Switchboard) -> int:
    """Webhooks of both directions and answers that nobody will ask for again; bounded, safe to repeat."""
    ledger = desk.ledger
    webhooks = ledger.inbox.forget(REMEMBERED, SWEEP) + ledger.notices.forget(HEARD_KEPT, SWEEP)
    return webhooks + ledger.answers.forget(ANSWERS_KEPT, SWEEP)


def read_balances(desk: Switchboard) -> int:
    return len(_read_balances(desk))
