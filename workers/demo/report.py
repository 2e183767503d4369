"""What a demo has to show: every number accounted for, held against what the simulated providers received."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from dialer import BatchStatus, CallRecord

#: Shown in this order.
REASONS = (
    "reached",
    "handed_off",
    "exhausted",
    "rejected",
    "expired",
    "suppressed",
    "terminated",
    "unresolved",
)


@dataclass(frozen=True, slots=True)
class BatchLine:
    """One batch at its end; `closed` by reason, `open`: numbers that are not accounted for."""

    batch: str
    provider: str
    numbers: int
    closed: dict[str, int]
    open: int
    attempts: int


@dataclass(frozen=True, slots=True)
class Received:
    """What the providers saw. `doubled`: attempts that placed more than one call, and numbers called more often than
    the ledger knows of."""

    requests: int
    placements: int
    numbers: int
    doubled: int
    faults: dict[str, int]


@dataclass(frozen=True, slots=True)
class Report:
    """The demo's result."""

    calls: int
    seconds: float
    batches: list[BatchLine]
    simulator: Received

    @property
    def is_good(self) -> bool:
        return self.simulator.doubled == 0 and not any(line.open for line in self.batches)


def line_of(status: BatchStatus, provider: str) -> BatchLine:
    closed = {reason: status.closed.get(reason, 0) for reason in REASONS}
    missing = status.total - sum(closed.values())
    return BatchLine(status.batch_ref, provider, status.total, closed, missing, status.attempts)


def received(log: Path, calls: Iterable[CallRecord]) -> Received:
    """Read from the simulator's own log, which the dialer has no hand in."""
    requests: Counter[str] = Counter()
    faults: Counter[str] = Counter()
    by_reference: Counter[str] = Counter()
    by_phone: Counter[str] = Counter()
    with log.open(encoding="utf-8") as lines:
        for line in lines:
            entry = json.loads(line)
            if entry["event"] != "request":
                continue
            requests[entry["on"]] += 1
            if entry["fault"]:
                faults[entry["fault"]] += 1
            for phone in entry["numbers"][: len(entry["placed"])]:
                by_reference[f"{entry['reference']} {phone}"] += 1
                by_phone[phone] += 1
    attempts = {call.phone: len(call.attempts) for call in calls}
    twice = sum(1 for many in by_reference.values() if many > 1)
    unknown = sum(1 for phone, many in by_phone.items() if many > attempts.get(phone, 0))
    return Received(sum(requests.values()), by_phone.total(), len(by_phone), twice + unknown, dict(faults))


def as_document(report: Report) -> str:
    return json.dumps({"ok": report.is_good, **asdict(report)}, indent=2)


def show(report: Report, console: Console) -> None:
    console.print(_table(report.batches))
    seen = report.simulator
    faults = ", ".join(f"{many} × {name}" for name, many in sorted(seen.faults.items())) or "none"
    console.print(
        f"The providers received {seen.requests} requests and placed {seen.placements} calls to {seen.numbers} numbers."
    )
    console.print(f"They misbehaved on purpose: {faults}.")
    console.print(f"Calls placed twice: {seen.doubled}.")
    verdict = "[green]Every number is accounted for" if report.is_good else "[red]Not every number is accounted for"
    console.print(f"{verdict}[/] ({report.calls} numbers in {report.seconds:.1f} s).")


def _table(lines: Sequence[BatchLine]) -> Table:
    table = Table(title="How every number ended", title_justify="left")
    table.add_column("")
    for line in lines:
        table.add_column(f"{line.batch}\n({line.provider})", justify="right")
    table.add_row("numbers", *(str(line.numbers) for line in lines), end_section=True)
    for reason in REASONS:
        if any(line.closed[reason] for line in lines):
            table.add_row(reason.replace("_", " "), *(str(line.closed[reason]) for line in lines))
    table.add_row("still open", *(str(line.open) for line in lines), end_section=True)
    table.add_row("attempts", *(str(line.attempts) for line in lines))
    return table
