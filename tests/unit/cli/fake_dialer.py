"""A Dialer that answers from memory, and a person who types."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Self

from typer.testing import CliRunner, Result

from dialer.cli import app
from dialer.cli.desk import Desk
from dialer.domain.batch import Batch, BatchName, BatchTerms
from dialer.domain.call import AttemptRecord, CallRecord, Suppression
from dialer.domain.glance import Glance, LaneGlance, WorkerGlance
from dialer.domain.receipt import CallRef, ControlReceipt, LoadReceipt, Rejection
from dialer.domain.report import Report, ReportLine, Sums
from dialer.domain.states import AttemptState, BatchState, CallState, CloseReason, Outcome
from dialer.domain.status import (
    AccountStatus,
    BatchStatus,
    CheckLine,
    Explanation,
    Gate,
    ReconcileReport,
    ZoneWeek,
)
from dialer.domain.upkeep import DrainReceipt, ErasureReceipt, PruneReceipt, SchemaStatus
from dialer.engine.trust import RestoreReport
from dialer.errors import BatchUnknown, DialerError
from dialer.facade import HoldReceipt
from dialer.facade.upkeep import UndrainReceipt

BATCH_ID = "0194f5a0-0000-7000-8000-000000000001"
NOON = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
PHONE = "+61278132035"


def a_status(**changes: Any) -> BatchStatus:
    """A batch of ten, four of them closed."""
    counts = dict.fromkeys((state.value for state in CallState), 0) | {"ready": 6, "closed": 4}
    closed = dict.fromkeys((reason.value for reason in CloseReason), 0) | {"reached": 3, "exhausted": 1}
    outcomes = dict.fromkeys((outcome.value for outcome in Outcome if outcome is not Outcome.UNKNOWN), 0)
    plain = BatchStatus(
        batch_id=BATCH_ID,
        workspace_id="acme",
        agent_id="agent-7",
        batch_ref="spring",
        state="running",
        total=10,
        counts=counts,
        closed=closed,
        outcomes=outcomes | {"answered": 3},
        attempts=5,
        in_flight=0,
        why="blocked until 2026-11-23T16:00:00+11:00 (Australia/Melbourne)",
        next_open_at=NOON + timedelta(hours=4),
        rate_per_minute=0.0,
        eta=None,
    )
    return replace(plain, **changes)


def a_call(**changes: Any) -> CallRecord:
    """A call that was answered."""
    attempt = AttemptRecord(
        number=1,
        reference="r-1",
        account="main",
        provider_call_id="p-1",
        state=AttemptState.ENDED,
        outcome=Outcome.ANSWERED,
        started_at=NOON,
        answered_at=None,
        ended_at=None,
        duration_seconds=12.5,
        credits_charged=None,
        recording_url=None,
        summary=None,
        transcript=None,
        http_status=200,
        detail="fine",
        raw=None,
    )
    plain = CallRecord(
        call_id="c-1",
        batch_id=BATCH_ID,
        phone=PHONE,
        timezone=None,
        priority="normal",
        state=CallState.CLOSED,
        close_reason=CloseReason.REACHED,
        outcome=Outcome.ANSWERED,
        due_at=None,
        max_retries=0,
        attempts_spent=1,
        variables={"FIRST_NAME": "Kim"},
        attempts=(attempt,),
    )
    return replace(plain, **changes)


def a_drain(in_flight: int, *, drained: bool = True) -> DrainReceipt:
    return DrainReceipt(drained, NOON, in_flight, queued=4, in_progress=7, unknown=1)


def a_glance(**changes: Any) -> Glance:
    """Everything is well, and nothing is in flight."""
    plain = Glance(
        at=NOON,
        scheduler="host/1",
        last_tick_seconds=0.4,
        is_ticking=True,
        redis=None,
        drained_since=None,
        held=(),
        in_flight={"queued": 0, "dialing": 0, "in_progress": 0, "unknown": 0},
        lanes=(LaneGlance("test", 0, 1), LaneGlance("normal", 3, 2)),
        workers=(WorkerGlance("w1@host/1", "alive", ("test", "normal"), 0, 0.5, "0004"),),
        accounts=(),
        batches=(a_status(),),
        open_batches=1,
        alerts=(),
        wrong=(),
    )
    return replace(plain, **changes)


class FakeUpkeep:
    """Of a FakeDialer."""

    def __init__(self, dialer: FakeDialer) -> None:
        self._dialer = dialer

    def drain(self, timeout: float | None, on_progress: Callable[[DrainReceipt], None]) -> DrainReceipt:
        self._dialer._note("drain", timeout)
        for stands in self._dialer.drains:
            on_progress(stands)
        return self._dialer.drains[-1]

    def prune(self, older: timedelta, into: Path, on_progress: Any) -> PruneReceipt:
        self._dialer._note("prune", (older, into))
        return PruneReceipt(batches=2, calls=1500, finished=1)

    def erase(self, phone: str, archive: Path | None, on_progress: Any) -> ErasureReceipt:
        self._dialer._note("erase", (phone, archive))
        counts = {"calls": 2, "closed": 1, "attempts": 1, "suppressions": 0}
        calls, left = (("main", "p-1"),), ("batches.batch_ref",)
        elsewhere = {"contacts": 1}
        is_suppressed = bool(self._dialer.entries)
        return ErasureReceipt(
            "#3fa",
            NOON,
            **counts,
            elsewhere=elsewhere,
            archives=1,
            provider_calls=calls,
            left=left,
            is_suppressed=is_suppressed,
        )

    def report(self, workspace_id: str, first: date, last: date, timezone: str) -> Report:
        self._dialer._note("report", (workspace_id, first, last, timezone))
        name = BatchName(workspace_id, "agent-7", "=spring")
        sums = Sums(attempts=3, answered=2, busy=1, milliseconds=90_000, microcredits=1_250_000)
        return Report(workspace_id, first, last, timezone or "UTC", (ReportLine(first, BATCH_ID, name, sums),))

    def glance(self, workspace_id: str | None = None) -> Glance:
        self._dialer._note("glance", workspace_id)
        return self._dialer.glances[0]

    def undrain(self) -> UndrainReceipt:
        self._dialer._note("undrain")
        return UndrainReceipt(self._dialer.drains[-1].drained, ("REDIS_UNREACHABLE: committed all the same",))


@dataclass
class FakeDialer:
    """Answers what a test put in; remembers what it was asked."""

    asked: list[tuple[str, Any]] = field(default_factory=list)
    failing: DialerError | Exception | None = None
    receipt: LoadReceipt = field(default_factory=lambda: LoadReceipt(BATCH_ID, accepted=2))
    rejections: Sequence[Rejection] = ()
    statuses: list[BatchStatus] = field(default_factory=lambda: [a_status()])
    found_calls: list[CallRecord] = field(default_factory=lambda: [a_call()])
    checks: list[CheckLine] = field(default_factory=lambda: [CheckLine("ledger", ok=True, detail="reachable")])
    entries: list[Suppression] = field(default_factory=list)
    under_way_calls: list[str] = field(default_factory=list)
    week: list[ZoneWeek] = field(default_factory=list)
    held: bool = False
    #: what makes a decision impossible
    refused: Exception | None = None
    #: of the attempt that `explain_call` shows
    attempt_changes: dict[str, Any] = field(default_factory=dict)
    glances: list[Glance] = field(default_factory=lambda: [a_glance()])
    #: how a drain stands, look after look
    drains: list[DrainReceipt] = field(default_factory=lambda: [a_drain(2), a_drain(2), a_drain(0)])
    schema: SchemaStatus = field(default_factory=lambda: SchemaStatus("0009", "0009", (), None, may_run=True))

    @property
    def upkeep(self) -> FakeUpkeep:
        return FakeUpkeep(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def _note(self, verb: str, what: Any = None) -> None:
        self.asked.append((verb, what))
        if self.failing is not None:
            raise self.failing

    def load_batch(self, spec: Any, calls: Any = None, *, on_rejection: Any, on_progress: Any, **options: Any) -> Any:
        self._note("load_batch", (spec, calls, options))
        for rejection in self.rejections:
            on_rejection(rejection)
        return replace(self.receipt, rejected=len(self.rejections), rejections=tuple(self.rejections))

    def test_call(self, spec: Any) -> CallRef:
        self._note("test_call", spec)
        why = "blocked until 9 o'clock" if self.held else None
        return CallRef("c-1", BATCH_ID, self.held, why, NOON if self.held else None)

    def find_batch(self, name: str) -> Batch:
        self._note("find_batch", name)
        if name not in {BATCH_ID, "acme/agent-7/spring"}:
            raise BatchUnknown(f"no batch {name!r}")
        terms = BatchTerms(BatchName("acme", "agent-7", "spring"), "main", NOON, NOON + timedelta(days=30))
        return Batch(BATCH_ID, terms, BatchState.ACTIVE, 1, NOON)

    def control_batch(self, batch: Batch, action: str, *, is_named: bool = True) -> ControlReceipt:
        self._note("control_batch", (action, is_named))
        return ControlReceipt(batch.batch_id, f"{action}d", 3, 0, ("REDIS_UNREACHABLE: committed all the same",))

    def pause_all(self, workspace_id: str | None = None, account: str | None = None) -> HoldReceipt:
        self._note("pause_all", (workspace_id, account))
        return HoldReceipt("all", "", True, 3)

    def resume_all(self, workspace_id: str | None = None, account: str | None = None) -> HoldReceipt:
        self._note("resume_all", (workspace_id, account))
        return HoldReceipt("all", "", False, 0)

    def status(self, batch_id: str) -> BatchStatus:
        self._note("status", batch_id)
        return self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]

    def batches(self, workspace_id: str | None = None, state: str | None = None) -> list[BatchStatus]:
        self._note("batches", (workspace_id, state))
        return self.statuses

    def calls(self, batch_id: str | None = None, **wanted: Any) -> Iterator[CallRecord]:
        self._note("calls", (batch_id, wanted))
        yield from self.found_calls

    def explain(self, batch_id: str, phone: str) -> Explanation:
        self._note("explain", (batch_id, phone))
        gates = (
            Gate("hours", "closed", "Mon-Fri|0800-1600 blocks", NOON),
            Gate("suppression", "open", "not on the list"),
        )
        return Explanation(batch_id, "c-1", phone, "ready", "blocked", NOON, gates)

    def explain_call(self, call_id: str) -> Explanation:
        self._note("explain_call", call_id)
        attempts = tuple(replace(attempt, **self.attempt_changes) for attempt in a_call().attempts)
        return Explanation(BATCH_ID, call_id, PHONE, "ready", None, None, (), attempts)

    def accounts(self) -> list[AccountStatus]:
        self._note("accounts")
        stop = ("stopped", "credit", "balance 3 below 25", None, 3.0, NOON, 25.0)
        return [AccountStatus("main", "outboundcalls", *stop, 5.0, 50, 2, 0, held=False)]

    def resume_account(self, name: str) -> bool:
        self._note("resume_account", name)
        return True

    def requeue(self, batch_id: str, reason: str, by: str = "user") -> int:
        self._note("requeue", (batch_id, str(reason)))
        return 12

    def resolve(self, batch_id: str, *, placed: bool, call_id: str | None = None, by: str = "user") -> int:
        self._note("resolve", (batch_id, placed, call_id))
        if self.refused is not None:
            raise self.refused
        return 3

    def restored(self, taken_at: datetime) -> RestoreReport:
        self._note("restored", taken_at)
        return RestoreReport(asked=1200, unasked=3)

    def confirm_ledger(self) -> None:
        self._note("confirm_ledger")

    def windows(self, batch_id: str, days: int = 7) -> list[ZoneWeek]:
        self._note("windows", days)
        return self.week

    def reconcile(self, batch_id: str) -> ReconcileReport:
        self._note("reconcile", batch_id)
        return ReconcileReport(asked=5, found=1, settled=2, unresolved=0, later=2)

    def check(self) -> list[CheckLine]:
        self._note("check")
        return self.checks

    def suppress(self, phone: str, reason: str, until: datetime | None, workspace_id: str | None) -> list[str]:
        self._note("suppress", Suppression(phone, reason, workspace_id, until))
        return self.under_way_calls

    def suppress_all(self, entries: Sequence[Suppression]) -> None:
        self._note("suppress_all", list(entries))

    def unsuppress(self, phone: str, workspace_id: str | None = None) -> bool:
        self._note("unsuppress", (phone, workspace_id))
        return False

    def suppressions(self, workspace_id: str | None = None, phone: str | None = None) -> list[Suppression]:
        self._note("suppressions", (workspace_id, phone))
        return self.entries

    def said(self, verb: str) -> Any:
        """What the last call of a verb was about."""
        return [what for name, what in self.asked if name == verb][-1]


@dataclass
class Shell:
    """A person at a terminal."""

    desk: Desk
    #: command lines that this process would have become
    became: list[Sequence[str]]
    #: URLs of ledgers that were migrated
    migrated: list[str]

    def __call__(self, *words: str, stdin: str | bytes | None = None) -> Result:
        return CliRunner().invoke(app, list(words), input=stdin, obj=self.desk, catch_exceptions=False)
