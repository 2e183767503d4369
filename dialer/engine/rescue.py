"""What crashes left behind: lost messages pushed again, claims of dead workers made unknown, Redis rebuilt from the
ledger."""

from __future__ import annotations

from datetime import timedelta

from dialer.domain.batch import Batch
from dialer.domain.states import BatchState, HoldScope
from dialer.engine import control
from dialer.engine.signalling import batch_signal, hold_signal
from dialer.failpoints import reached
from dialer.ports import Signal, Switchboard

#: A message that nobody took for this long is taken for lost; a second one is harmless.
STALE_QUEUED = timedelta(seconds=20)
#: A permit granted but not yet claimed lives at least this long.
PERMIT_GRACE_SECONDS = 15.0
LIMIT = 1000


def rebuild(desk: Switchboard) -> int:
    """Redis is new, wiped or another: signals and permits from the ledger, then the epoch, then every queued call
    again."""
    align_signals(desk)
    reached("rebuild.aligned")
    derive_permits(desk, grace_seconds=0.0)
    reached("rebuild.derived")
    desk.signals.raise_epoch()
    reached("rebuild.raised")
    return repush(desk, timedelta(0))


def repush(desk: Switchboard, older: timedelta) -> int:
    """Push again what was queued for longer than `older`."""
    pushed = 0
    while calls := desk.ledger.sweeps.stale_queued(older, LIMIT):
        reached("rescue.requeued")
        desk.queue.push(calls)
        pushed += len(calls)
        if older or len(calls) < LIMIT:
            break
    return pushed


def align_signals(desk: Switchboard) -> list[Batch]:
    """Make Redis say what the ledger says; a halt that only Redis remembers shows that the ledger was rolled back."""
    rolled_back = []
    for signal in desk.signals.align(wanted_signals(desk)):
        if not signal.key.startswith("b:"):
            _press_again(desk, signal)
        elif (batch := desk.ledger.batches.get(signal.key.removeprefix("b:"))) is not None and _pause_again(
            desk, batch, signal
        ):
            rolled_back.append(batch)
        else:
            _forget(desk, signal)
    return rolled_back


def _pause_again(desk: Switchboard, batch: Batch, signal: Signal) -> bool:
    """The batch is read anew: an operator's word may have reached both since the signals were compared."""
    if batch.control_seq >= signal.seq or batch.state not in (BatchState.ACTIVE, BatchState.PAUSED):
        return False
    reason = f"Redis has seen a later control word ({signal.word}) than the ledger: the ledger was rolled back"
    control.pause(desk, batch, reason, by=control.DIALER, above=signal.seq)
    return True


def _press_again(desk: Switchboard, signal: Signal) -> None:
    """A red button that the ledger has forgotten."""
    kind, _, key = signal.key.partition(":")
    scope = {"w": HoldScope.WORKSPACE, "a": HoldScope.ACCOUNT}.get(kind, HoldScope.ALL)
    known = next((hold for hold in desk.ledger.accounts.holds() if (hold.scope, hold.key) == (scope, key)), None)
    if signal.word == "hold" and (known is None or known.seq < signal.seq):
        control.press(desk, scope, key, on=True, above=signal.seq)


def _forget(desk: Switchboard, signal: Signal) -> None:
    """A word about a batch that is over, or that this ledger never had: it becomes `go`, to be dropped next time."""
    if signal.key not in {wanted.key for wanted in wanted_signals(desk)}:
        desk.signals.write(Signal(signal.key, "go", signal.seq))


def wanted_signals(desk: Switchboard) -> list[Signal]:
    """Every batch that is paused, or terminated with calls still open, or was controlled and runs; every red button.
    Not a drain: what was claimed before it may go out."""
    signals = [hold_signal(hold) for hold in desk.ledger.accounts.holds() if not hold.is_drain]
    return signals + [batch_signal(batch) for batch in desk.ledger.batches.controlled()]


def derive_permits(desk: Switchboard, grace_seconds: float = PERMIT_GRACE_SECONDS) -> None:
    for name in desk.accounts:
        desk.admission.derive(name, desk.ledger.reading.live_references(name), grace_seconds)


def bury_orphans(desk: Switchboard) -> int:
    """Claims of workers proven dead become unknown; their channels stay taken until the provider tells."""
    orphans = desk.ledger.sweeps.orphans(desk.rules.timing.dead_after, LIMIT)
    reached("rescue.orphaned")
    return len(orphans)
