"""`dialer.upkeep`: what whoever runs the dialer does with the whole of it, beside loading and controlling batches."""

from __future__ import annotations

from dataclasses import dataclass

from dialer.domain.upkeep import DrainReceipt
from dialer.engine import drain
from dialer.engine.drain import OnDrain
from dialer.ports import Switchboard
from dialer.ports.ledger import WorkerRow


@dataclass(frozen=True, slots=True)
class UndrainReceipt:
    """`lifted`: there was a drain."""

    lifted: bool
    warnings: tuple[str, ...] = ()


class Upkeep:
    """Hangs on `Dialer`; opens nothing of its own."""

    def __init__(self, desk: Switchboard) -> None:
        self._desk = desk

    def drain(self, timeout: float | None = None, on_progress: OnDrain | None = None) -> DrainReceipt:
        """Stop releasing calls, test calls too, until `undrain`: durable, whatever restarts and whatever Redis forgets.

        Returns when nothing is in flight, or `timeout` seconds are over: then `in_flight` is not 0.
        """
        return drain.drain(self._desk, timeout, on_progress)

    def workers(self) -> list[WorkerRow]:
        """Every worker that ever beat and is not forgotten: its lanes, its version, and whether it is alive."""
        return self._desk.ledger.workers.all(self._desk.rules.timing.dead_after)

    def undrain(self) -> UndrainReceipt:
        lifted, warnings = drain.undrain(self._desk)
        return UndrainReceipt(lifted, warnings)
