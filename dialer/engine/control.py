"""Start, pause, resume, terminate: committed to the ledger under the barrier first, then to Redis, then passed on to
providers.

When one of these has returned, no claim of the old state commits any more (contract, section 1). Redis may be away: the
ledger's word counts, and the scheduler repeats it to Redis and to providers until it is heard.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from dialer.domain.batch import Batch
from dialer.domain.receipt import ControlReceipt
from dialer.domain.states import BatchState, HoldScope
from dialer.engine.signalling import batch_signal, hold_signal, tell, wake
from dialer.errors import BatchTerminated
from dialer.failpoints import reached
from dialer.ports import Switchboard

OPERATOR, DIALER = "user", "dialer"


def pause(
    desk: Switchboard, batch: Batch, reason: str = "paused by an operator", by: str = OPERATOR, above: int = 0
) -> ControlReceipt:
    """`above`: a control sequence that Redis has seen and the ledger has forgotten."""
    return _control(desk, batch, BatchState.PAUSED, reason, by, above)


def resume(desk: Switchboard, batch: Batch, by: str = OPERATOR) -> ControlReceipt:
    """BatchTerminated when it is final; what is completed stays so."""
    if batch.state is BatchState.TERMINATED:
        raise BatchTerminated(f"batch {batch.terms.name} was terminated")
    receipt = _control(desk, batch, BatchState.ACTIVE, "resumed", by)
    return replace(receipt, warnings=(*receipt.warnings, *wake(desk)))


def terminate(
    desk: Switchboard, batch: Batch, reason: str = "terminated by an operator", by: str = OPERATOR
) -> ControlReceipt:
    return _control(desk, batch, BatchState.TERMINATED, reason, by)


def start(desk: Switchboard, batch: Batch) -> ControlReceipt:
    """A draft begins."""
    if batch.state is BatchState.TERMINATED:
        raise BatchTerminated(f"batch {batch.terms.name} was terminated")
    started = desk.ledger.batches.start(batch.batch_id)
    return replace(_receipt(desk, started, 0), warnings=wake(desk))


Verb = Callable[[Switchboard, Batch], ControlReceipt]
VERBS: Mapping[str, Verb] = {"start": start, "pause": pause, "resume": resume, "terminate": terminate}


def by_name(verb: Verb, desk: Switchboard, batch: Batch) -> ControlReceipt:
    """`verb` on a batch that was named, and on the test calls under that name: each has a batch of its own."""
    receipt = verb(desk, batch)
    tests = [test for test in desk.ledger.batches.tests(batch.terms.name) if test.batch_id != batch.batch_id]
    reached_too = [verb(desk, test) for test in tests if test.state is not BatchState.TERMINATED]
    every = [receipt, *reached_too]
    return replace(
        receipt,
        in_flight=sum(each.in_flight for each in every),
        handed_over=sum(each.handed_over for each in every),
        warnings=tuple(dict.fromkeys(warning for each in every for warning in each.warnings)),
    )


def press(desk: Switchboard, scope: HoldScope, key: str, on: bool, above: int = 0) -> tuple[int, tuple[str, ...]]:
    """Press or lift a red button; calls in flight under it, and warnings."""
    hold, in_flight = desk.ledger.accounts.hold(scope, key, on, above)
    reached("hold.committed")
    warnings = tell(desk, hold_signal(hold))
    reached("hold.told")
    return in_flight, warnings if on else (*warnings, *wake(desk))


def _control(
    desk: Switchboard, batch: Batch, wanted: BatchState, reason: str, by: str, above: int = 0
) -> ControlReceipt:
    provider = desk.providers.get(batch.terms.account)
    relay = provider is not None and provider.capabilities.relays_control
    controlled, in_flight = desk.ledger.batches.control(batch.batch_id, wanted, reason, by, relay=relay, above=above)
    reached("control.committed")
    warnings = tell(desk, batch_signal(controlled)) if controlled.control_seq != batch.control_seq else ()
    reached("control.told")
    if controlled.terms.is_template:
        for run in desk.ledger.schedules.runs(batch.batch_id, open_only=True):
            warnings += _control(desk, run, wanted, reason, by).warnings
    return _receipt(desk, controlled, in_flight, warnings)


def _receipt(desk: Switchboard, batch: Batch, in_flight: int, warnings: tuple[str, ...] = ()) -> ControlReceipt:
    handed_over = desk.ledger.reading.handed_over(batch.batch_id)
    state = outside_state(batch, is_begun=batch.terms.nbf <= desk.ledger.now())
    return ControlReceipt(batch.batch_id, state, in_flight, handed_over, warnings)


def outside_state(batch: Batch, *, is_begun: bool) -> str:
    """The contract's word for a batch's state: an active one is scheduled before nbf, running after."""
    if batch.state is BatchState.ACTIVE:
        return "running" if is_begun else "scheduled"
    return batch.state.value
