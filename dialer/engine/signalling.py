"""What the ledger decided, told to Redis at once: a signal for workers, a wake for the scheduler. Rescue repeats it."""

from __future__ import annotations

from dialer.domain.batch import Batch
from dialer.domain.states import BatchState, HoldScope
from dialer.errors import RedisUnreachable
from dialer.ports import Signal, Switchboard
from dialer.ports.ledger import Hold


def wake(desk: Switchboard, *, is_test: bool = False) -> tuple[str, ...]:
    """Wake the scheduler; without Redis what was done stands all the same, and a warning says so."""
    try:
        desk.signals.wake(is_test=is_test)
    except RedisUnreachable as error:
        return (f"{error} (what was asked is in the ledger)",)
    return ()


def tell(desk: Switchboard, signal: Signal) -> tuple[str, ...]:
    """Write one signal; without Redis the ledger's word counts, and a warning says so."""
    try:
        desk.signals.write(signal)
    except RedisUnreachable as error:
        return (f"{error} (the ledger has it; no worker can dial without Redis)",)
    return ()


def batch_signal(batch: Batch) -> Signal:
    word = {BatchState.PAUSED: "pause", BatchState.TERMINATED: "terminate"}.get(batch.state, "go")
    return Signal(Signal.batch_key(batch.batch_id), word, batch.control_seq)


def hold_signal(hold: Hold) -> Signal:
    key = {HoldScope.ALL: "all", HoldScope.WORKSPACE: f"w:{hold.key}", HoldScope.ACCOUNT: f"a:{hold.key}"}[hold.scope]
    return Signal(key, "hold" if hold.on else "go", hold.seq)
