"""`dialer.upkeep`: what whoever runs the dialer does with the whole of it, beside loading and controlling batches."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from dialer.archives import JsonlArchive
from dialer.domain.glance import Glance
from dialer.domain.report import Report
from dialer.domain.upkeep import DrainReceipt, ErasureReceipt, PruneReceipt
from dialer.engine import drain, erase, prune, report
from dialer.engine.drain import OnDrain
from dialer.engine.erase import OnSwept
from dialer.engine.glance import glance
from dialer.engine.prune import OnPruned
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

    def prune(self, older: timedelta, into: Path, on_progress: OnPruned | None = None) -> PruneReceipt:
        """Batches that were over before that: archived as compressed JSONL below the directory `into`, then removed.

        Bounded in every step, safe to repeat, goes on with what broke off. InvalidInput for less than a day;
        ArchiveUnwritable: what could not be archived was not removed.
        """
        return prune.prune(self._desk, JsonlArchive(into), older, on_progress)

    def erase(self, phone: str, archive: Path | None = None, on_progress: OnSwept | None = None) -> ErasureReceipt:
        """Make one number unreadable wherever it stands, in the archive below that directory, too; its entries of the
        do-not-call list go on, and `calls(phone=…)` still finds its calls. CallUnderWay: nothing was done."""
        return erase.erase(self._desk, phone, JsonlArchive(archive) if archive else None, on_progress)

    def report(self, workspace_id: str, first: date, last: date, timezone: str = "") -> Report:
        """Attempts, outcomes, minutes and credits by batch and day, both days included, as the zone's calendar has
        them (absent: `default_timezone`). Neither prune nor erase changes what it says. InvalidInput."""
        return report.report(self._desk, workspace_id, first, last, timezone)

    def glance(self, workspace_id: str | None = None) -> Glance:
        """The whole dialer at one moment, as `dialer top` shows it. Needs the ledger only."""
        return glance(self._desk, workspace_id)

    def workers(self) -> list[WorkerRow]:
        """Every worker that ever beat and is not forgotten: its lanes, its version, and whether it is alive."""
        return self._desk.ledger.workers.all(self._desk.rules.timing.dead_after)

    def undrain(self) -> UndrainReceipt:
        lifted, warnings = drain.undrain(self._desk)
        return UndrainReceipt(lifted, warnings)
