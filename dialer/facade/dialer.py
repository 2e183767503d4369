"""Class Dialer: batches, calls, suppression, accounts. Contract section 3 says what every method promises."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from types import TracebackType
from typing import Literal, Self

from dialer.bootstrap import open_switchboard
from dialer.checks import check_all
from dialer.domain.batch import Batch, BatchName
from dialer.domain.call import CallRecord, Suppression
from dialer.domain.figures import Figures
from dialer.domain.phone import parse_phone
from dialer.domain.receipt import CallRef, ControlReceipt, LoadReceipt
from dialer.domain.reference import as_id
from dialer.domain.spec import BatchSpec, TestCallSpec
from dialer.domain.states import HoldScope
from dialer.domain.status import AccountStatus, BatchStatus, CheckLine, Explanation, ReconcileReport, ZoneWeek
from dialer.engine import control, figures, ingest, trust, watch
from dialer.engine.explain import explain, weeks
from dialer.engine.ingest import OnProgress, OnRejection
from dialer.engine.reconcile import ask
from dialer.engine.settle import release_channel
from dialer.engine.signalling import wake
from dialer.engine.terms import read_batch
from dialer.engine.trust import RestoreReport
from dialer.errors import BatchUnknown, CallUnknown, FieldError, LoadRefused
from dialer.facade import words
from dialer.facade.agents import Agents
from dialer.facade.contacts import Contacts
from dialer.facade.keys import Keys
from dialer.facade.portfolio import Portfolio
from dialer.facade.upkeep import Upkeep
from dialer.facade.webhooks import Webhooks
from dialer.facade.workspace import Workspace
from dialer.failpoints import reached
from dialer.ports import Switchboard, Throttle
from dialer.settings import Settings, load_settings

_POLL_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class HoldReceipt:
    """A red button pressed or lifted; `in_flight`: calls claimed before, whose requests may still go out."""

    scope: str
    key: str
    held: bool
    in_flight: int
    warnings: tuple[str, ...] = ()


class Dialer:
    """Loads, controls and watches batches. Needs the ledger only: without Redis it commits and warns."""

    def __init__(self, settings: Settings | None = None) -> None:
        """Raises ConfigInvalid, LedgerUnreachable, SchemaOutdated."""
        self._settings = settings or load_settings()
        self._sit_down(open_switchboard(self._settings))

    def _sit_down(self, desk: Switchboard) -> None:
        """At a desk that stands; what it knows a lot about has a room of its own."""
        self._desk = desk
        self.agents = Agents(desk)
        self.contacts = Contacts(desk)
        self.webhooks = Webhooks(desk)
        self.keys = Keys(desk)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._desk.ledger.close()

    @property
    def upkeep(self) -> Upkeep:
        """Drain, prune, erase, report, and the whole at a glance."""
        return Upkeep(self._desk)

    def load_batch(
        self,
        spec: BatchSpec | Mapping[str, object],
        calls: object = None,
        *,
        resume: bool | Literal["user"] = False,
        country: str | None = None,
        phone_column: str = "phone",
        on_progress: OnProgress | None = None,
        on_rejection: OnRejection | None = None,
    ) -> LoadReceipt:
        """Load a batch or add to it. `calls`: CallSpec or mappings, any iterable, or the path of a .csv or .jsonl file,
        streamed; without it the spec's own call_list. LoadRefused names every error and nothing was written.
        `resume` lifts a pause; "user": only one that was not the dialer's own."""
        return ingest.load(
            self._desk,
            read_batch(self._desk, spec),
            calls,
            resume=resume,
            country=country,
            phone_column=phone_column,
            on_progress=on_progress,
            on_rejection=on_rejection,
        )

    def pause_batch(self, workspace_id: str, agent_id: str, batch_ref: str) -> ControlReceipt:
        """When this returns no new request starts, but for the `in_flight` ones. Reversible."""
        return self.control_batch(self.named_batch(workspace_id, agent_id, batch_ref), "pause")

    def resume_batch(self, workspace_id: str, agent_id: str, batch_ref: str) -> ControlReceipt:
        return self.control_batch(self.named_batch(workspace_id, agent_id, batch_ref), "resume")

    def terminate_batch(self, workspace_id: str, agent_id: str, batch_ref: str) -> ControlReceipt:
        """As pause, and final: what was not dialed closes `terminated`."""
        return self.control_batch(self.named_batch(workspace_id, agent_id, batch_ref), "terminate")

    def start_batch(self, workspace_id: str, agent_id: str, batch_ref: str) -> ControlReceipt:
        """A draft begins."""
        return control.start(self._desk, self.named_batch(workspace_id, agent_id, batch_ref))

    def pause_all(self, workspace_id: str | None = None, account: str | None = None) -> HoldReceipt:
        """The red button, durable: for everything, one workspace, or one provider account."""
        return self._press(workspace_id, account, on=True)

    def resume_all(self, workspace_id: str | None = None, account: str | None = None) -> HoldReceipt:
        """Lift the red button of the same reach; batches paused one by one stay paused."""
        return self._press(workspace_id, account, on=False)

    def test_call(self, spec: TestCallSpec | Mapping[str, object], *, batch_id: str | None = None) -> CallRef:
        """One call before all others; while one to the same ref and phone is open, that one is returned. `batch_id`: an
        id of the ledger's for the batch it makes, so that a repeat makes nothing twice."""
        batch, call_id, _ = ingest.load_test_call(self._desk, TestCallSpec.read(spec), batch_id)
        told = self._explained(call_id)
        # closed at once, e.g. on the do-not-call list, is held too: for good
        held = told.state in ("waiting", "ready", "closed") and told.why is not None
        return CallRef(call_id, batch.batch_id, held, told.why if held else None, told.next_eligible_at)

    def status(self, batch_id: str) -> BatchStatus:
        return watch.status(self._desk, self._batch(batch_id))

    def batches(self, workspace_id: str | None = None, state: str | None = None) -> list[BatchStatus]:
        """Newest first; `state` in the contract's words, e.g. running."""
        words.one_of(state, words.BATCH_STATES, "state")
        words.workspace(workspace_id)
        found: list[BatchStatus] = []
        after: str | None = None
        while page := self._desk.ledger.batches.page(workspace_id, state, after):
            found.extend(watch.statuses(self._desk, page))
            after = page[-1].batch_id
        return found

    def calls(
        self,
        batch_id: str | None = None,
        state: str | None = None,
        outcome: str | None = None,
        *,
        phone: str | None = None,
    ) -> Iterator[CallRecord]:
        """In load order, attempts included, streamed. `state` takes close reasons too, e.g. unresolved."""
        known = None if batch_id is None else self._batch(batch_id).batch_id
        words.one_of(state, words.CALL_WORDS, "state")
        words.one_of(outcome, words.OUTCOMES, "outcome")
        number = None if phone is None else parse_phone(phone)
        read = partial(self._desk.ledger.reading.calls, known, phone=number, state=state, outcome=outcome)
        return _paged(read)

    def explain(self, batch_id: str, phone: str) -> Explanation:
        """Why this number is not being dialed now, and when it will be; CallUnknown."""
        found = self._desk.ledger.reading.call_of(self._batch(batch_id).batch_id, parse_phone(phone))
        if found is None:
            raise CallUnknown(f"batch {batch_id} has no call to {phone}")
        return explain(self._desk, *found)

    def explain_call(self, call_id: str) -> Explanation:
        return self._explained(call_id)

    def suppress(
        self, phone: str, reason: str, until: datetime | None = None, workspace_id: str | None = None
    ) -> list[str]:
        """Do not call: for one workspace, or for all; returns calls under way, which cannot be stopped."""
        entry = words.suppression(phone, reason, until, workspace_id, self._desk.ledger.now())
        self._desk.ledger.suppressions.add([entry])
        return self._desk.ledger.suppressions.under_way(entry.phone)

    def suppress_all(self, entries: Sequence[Suppression]) -> None:
        """Many at once, in one commit; their numbers must be E.164 already."""
        self._desk.ledger.suppressions.add(entries)

    def unsuppress(self, phone: str, workspace_id: str | None = None) -> bool:
        """False when there was no such entry."""
        return self._desk.ledger.suppressions.remove(parse_phone(phone), words.workspace(workspace_id))

    def suppressions(self, workspace_id: str | None = None, phone: str | None = None) -> Iterator[Suppression]:
        number = None if phone is None else parse_phone(phone)
        return self._desk.ledger.suppressions.entries(words.workspace(workspace_id), number)

    def wait(
        self,
        batch_id: str,
        timeout: float | None = None,
        on_progress: Callable[[BatchStatus], None] | None = None,
    ) -> BatchStatus:
        """Until the batch is closed, or `timeout` seconds are over: the last status tells which."""
        clock = self._desk.clock
        give_up_at = None if timeout is None else clock.boottime() + timeout
        while True:
            now = self.status(batch_id)
            if on_progress:
                on_progress(now)
            is_over = now.state in ("completed", "terminated") and now.counts["closed"] == now.total
            if is_over or (give_up_at is not None and clock.boottime() >= give_up_at):
                return now
            clock.sleep(_POLL_SECONDS)

    def portfolio(self, workspace_id: str) -> Portfolio:
        """What clients of the HTTP dialects see and change of this workspace."""
        return Portfolio(self._desk, workspace_id)

    def within(self, workspace_id: str) -> Workspace:
        """The dialer as whoever loads and controls batches of this workspace by their names sees it."""
        return Workspace(self, workspace_id)

    def find_batch(self, name: str) -> Batch:
        """By batch id, or by WORKSPACE/AGENT/REF; BatchUnknown."""
        return self._batch(name)

    def control_batch(self, batch: Batch, action: str, *, is_named: bool = True) -> ControlReceipt:
        """start | pause | resume | terminate, on a batch found by `find_batch`; by its name, test calls under that name
        are reached too."""
        verb = control.VERBS[action]
        return control.by_name(verb, self._desk, batch) if is_named else verb(self._desk, batch)

    def accounts(self) -> list[AccountStatus]:
        return watch.accounts(self._desk)

    def resume_account(self, name: str) -> bool:
        """Lift an account's stop; False when it had none."""
        if name not in self._desk.accounts:
            message = f"expected one of {', '.join(sorted(self._desk.accounts))}"
            raise LoadRefused([FieldError("PROVIDER_UNKNOWN", "account", name, message)])
        lifted = self._desk.ledger.accounts.lift(name)
        wake(self._desk)
        return lifted

    def requeue(self, batch_id: str, reason: str, by: str = "user") -> int:
        """Closed calls of that reason (rejected, unresolved, expired) become dialable again; how many."""
        wanted = words.requeued(reason)
        moved = self._desk.ledger.decisions.requeue(self._batch(batch_id).batch_id, wanted, words.text(by, "by"))
        wake(self._desk)
        return moved

    def resolve(self, batch_id: str, *, placed: bool, call_id: str | None = None, by: str = "user") -> int:
        """An operator's word on unknown and unresolved calls, one or all of a batch; `placed=False` makes them dialable
        again. Recorded with who and when; how many."""
        batch = self._batch(batch_id)
        only = None if call_id is None else self._call_within(batch, call_id)
        resolved = self._desk.ledger.decisions.resolve(batch.batch_id, only, placed, words.text(by, "by"))
        reached("resolve.decided")
        for account, reference in resolved:
            if reference:  # one that was set aside before its first claim has none
                release_channel(self._desk, account, reference)
        wake(self._desk)
        return len(resolved)

    def confirm_ledger(self) -> None:
        """An operator says that this ledger is the latest: dialing may go on."""
        trust.confirm(self._desk)
        wake(self._desk)

    def restored(self, taken_at: datetime) -> RestoreReport:
        """After restoring a backup of `taken_at` (aware): what could have been dialed since becomes unknown."""
        report = trust.restored(self._desk, words.instant(taken_at, "taken_at"))
        wake(self._desk)
        return report

    def windows(self, batch_id: str, days: int = 7) -> list[ZoneWeek]:
        """Open spans per zone set, from now on."""
        ahead, now = words.days(days), self._desk.ledger.now()
        return weeks(self._desk, self._batch(batch_id), now, now + ahead)

    def reconcile(self, batch_id: str) -> ReconcileReport:
        """Ask the providers about a batch's live attempts now."""
        attempts = self._desk.ledger.attempts.due(10_000, self._batch(batch_id).batch_id)
        events = [ask(self._desk, attempt).event for attempt in attempts]
        return ReconcileReport(
            len(events), *(events.count(event) for event in ("found", "settled", "unresolved", "later"))
        )

    def figures(self) -> Figures:
        """What `/metrics` exports; LedgerUnreachable."""
        return figures.read(self._desk)

    @property
    def throttle(self) -> Throttle | None:
        """The pace of API keys, counted for all servers."""
        return self._desk.throttle

    def readiness(self) -> dict[str, str]:
        """Ledger, schema and Redis, one word each: ok, or what is wrong."""
        return figures.readiness(self._desk)

    def check(self) -> list[CheckLine]:
        return check_all(self._settings, self._desk)

    def under_way(self, phone: str) -> list[str]:
        """Calls to this number that cannot be stopped any more."""
        return self._desk.ledger.suppressions.under_way(parse_phone(phone))

    def _press(self, workspace_id: str | None, account: str | None, *, on: bool) -> HoldReceipt:
        if workspace_id is not None and account is not None:
            message = "expected a workspace or an account, not both"
            raise LoadRefused([FieldError("FIELD_TYPE", "account", account, message)])
        if account is not None and account not in self._desk.accounts:
            message = f"expected one of {', '.join(sorted(self._desk.accounts))}"
            raise LoadRefused([FieldError("PROVIDER_UNKNOWN", "account", account, message)])
        if workspace_id is not None:  # an empty one would reach everybody
            words.name(workspace_id, "workspace_id")
        scope = HoldScope.WORKSPACE if workspace_id else HoldScope.ACCOUNT if account else HoldScope.ALL
        key = workspace_id or account or ""
        in_flight, warnings = control.press(self._desk, scope, key, on)
        return HoldReceipt(scope.value, key, on, in_flight, warnings)

    def named_batch(self, workspace_id: str, agent_id: str, batch_ref: str) -> Batch:
        """By the name that its user gave it; BatchUnknown."""
        name = BatchName(workspace_id, agent_id, batch_ref)
        can_be = all(map(words.is_text, (workspace_id, agent_id, batch_ref)))
        batch = self._desk.ledger.batches.find(name) if can_be else None
        if batch is None:
            raise BatchUnknown(f"no batch {str(name)[:800]} was ever loaded")
        return batch

    def _batch(self, batch_id: object) -> Batch:
        """Wherever an id is asked for, a name will do."""
        if isinstance(batch_id, str) and batch_id.count("/") >= 2:
            return self.named_batch(*batch_id.split("/", 2))
        known = as_id(batch_id)
        batch = self._desk.ledger.batches.get(known) if known else None
        if batch is None:
            raise BatchUnknown(f"no batch {batch_id!r:.100}: expected a batch id, or WORKSPACE/AGENT/REF")
        return batch

    def _call_within(self, batch: Batch, call_id: str) -> str:
        told = self._explained(call_id)
        if told.batch_id != batch.batch_id:
            raise CallUnknown(f"batch {batch.batch_id} has no call {call_id!r:.100}")
        return told.call_id

    def _explained(self, call_id: str) -> Explanation:
        known = as_id(call_id)
        found = self._desk.ledger.reading.call(known) if known else None
        if found is None:
            raise CallUnknown(f"no call {call_id!r:.100}")
        return explain(self._desk, *found)


def _paged(read: Callable[..., Sequence[CallRecord]]) -> Iterator[CallRecord]:
    after: str | None = None
    while page := read(after=after):
        yield from page
        after = page[-1].call_id
