"""Stops releasing, before an upgrade or a shutdown: durable in the ledger, over every lane, until it is lifted.

A drain is a hold of its own beside the red button, kept from Redis: what was claimed before it may go out.
"""

from __future__ import annotations

from collections.abc import Callable

from dialer.domain.states import DRAIN, CallState, HoldScope
from dialer.domain.upkeep import DrainReceipt
from dialer.engine.signalling import wake
from dialer.failpoints import reached
from dialer.ports import Switchboard

POLL_SECONDS = 0.5
OnDrain = Callable[[DrainReceipt], None]


def drain(desk: Switchboard, timeout: float | None = None, on_progress: OnDrain | None = None) -> DrainReceipt:
    """Returns when nothing is in flight, or `timeout` seconds are over; the drain itself stays either way."""
    desk.ledger.accounts.hold(HoldScope.ALL, DRAIN, on=True)
    reached("drain.committed")
    give_up_at = None if timeout is None else desk.clock.boottime() + timeout
    while True:
        stands = standing(desk)
        if on_progress is not None:
            on_progress(stands)
        is_over = stands.in_flight == 0 or not stands.drained
        if is_over or (give_up_at is not None and desk.clock.boottime() >= give_up_at):
            return stands
        desk.clock.sleep(POLL_SECONDS)


def undrain(desk: Switchboard) -> tuple[bool, tuple[str, ...]]:
    """Whether there was a drain, and warnings."""
    was_drained = standing(desk).drained
    desk.ledger.accounts.hold(HoldScope.ALL, DRAIN, on=False)
    return was_drained, wake(desk)


def standing(desk: Switchboard) -> DrainReceipt:
    hold = next((hold for hold in desk.ledger.accounts.holds() if hold.is_drain and hold.on), None)
    counts = desk.ledger.overview.in_flight()
    return DrainReceipt(
        drained=hold is not None,
        since=hold.since if hold else None,
        in_flight=counts[CallState.DIALING],
        queued=counts[CallState.QUEUED],
        in_progress=counts[CallState.IN_PROGRESS],
        unknown=counts[CallState.UNKNOWN],
    )
