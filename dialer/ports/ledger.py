"""The port to the ledger, the SQL truth: one room per aggregate, each method one short transaction.

Every method raises LedgerUnreachable when the database does not answer. All instants are aware, UTC, by the database's
clock. A method that moves a call does so by compare-and-set and says whether it did: False = somebody else was first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Protocol

from dialer.domain.batch import Batch, BatchName, BatchTerms, Cohort, CohortZones, Span, StaleCohort
from dialer.domain.call import (
    CallRecord,
    Claim,
    DueCohort,
    NewCall,
    NotClaimed,
    OpenAttempt,
    Queued,
    Suppression,
    Ticket,
)
from dialer.domain.placement import Answer, ControlOrder, Progress
from dialer.domain.states import (
    DRAIN,
    AttemptState,
    BatchState,
    CallState,
    CloseReason,
    HoldScope,
    Lane,
    Outcome,
    StopKind,
)
from dialer.ports.clients import Agents, Answers, Contacts, Inbox, Keys, Notices, Views
from dialer.ports.upkeep import Alerts, Books, Erasure, Gauges, Overview, Retention

#: First open span of a cohort at or after an instant; pure, given by the engine.
NextSpan = Callable[[BatchTerms, CohortZones, datetime], Span | None]
#: From the row as it stands (None = new) to the terms wanted; pure; may raise LoadRefused or BatchTerminated.
Merge = Callable[[Batch | None, datetime], BatchTerms]


#: The zones that gate a number, by the number and its own timezone; pure, given by the engine.
ZonesOf = Callable[[str, str | None], CohortZones]


@dataclass(frozen=True, slots=True)
class OpenedLoad:
    """A load under way."""

    load_id: str
    batch: Batch
    created: bool
    #: batch fields that an upsert changed, by their outside names
    changed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Added:
    """What became of one chunk of numbers; `known` came with earlier loads, `duplicates` with an earlier chunk of
    this one."""

    accepted: int
    known: int
    suppressed: int
    duplicates: int = 0


class Loads(Protocol):
    """Numbers on their way in."""

    def open(
        self,
        name: BatchName | None,
        merge: Merge,
        next_span: NextSpan,
        *,
        resume: bool | Literal["user"],
        draft: bool = False,
        begin: bool = False,
        template_id: str | None = None,
        occurrence: str | None = None,
    ) -> OpenedLoad:
        """Create the batch or change its terms, under its exclusive barrier, its cohorts' spans with it.

        `name` None = always a new batch (test calls; the merged terms name it). A completed batch reopens; `resume`
        lifts a pause ("user": only one that the dialer did not set itself). `draft` counts for a new batch only,
        `begin` for one that is a draft still. A run (`template_id`, `occurrence`) is unique per template and
        occurrence: a second open of it returns the existing batch.
        """
        ...

    def add(self, load: OpenedLoad, calls: Sequence[NewCall], next_span: NextSpan, *, is_first: bool = False) -> Added:
        """Insert one chunk (any length up to some thousands), cohorts as needed; one commit. Duplicates are left as
        they are. `is_first`: none of the numbers is likely to be known, so the quickest way in is tried first."""
        ...

    def finish(self, load: OpenedLoad) -> Batch:
        """The last row is in: dialing may begin; an empty batch completes at once."""
        ...

    def test_call(
        self, name: BatchName, merge: Merge, call: NewCall, next_span: NextSpan, batch_id: str | None = None
    ) -> tuple[Batch, str, bool]:
        """One call in a batch of its own, in one commit: its batch, its call id, and whether it is new. While one to
        the same number under the same name is open, that one, however many ask at once. `batch_id`: of the batch that
        it makes; where that is there already, open or over, nothing is made."""
        ...


class Batches(Protocol):
    """Whole batches: found, controlled, completed."""

    def find(self, name: BatchName) -> Batch | None:
        """By its name; a test call's batches by their newest."""
        ...

    def tests(self, name: BatchName) -> list[Batch]:
        """Test calls under this name: those that are not over, and the newest that its provider may still hold."""
        ...

    def get(self, batch_id: str) -> Batch | None: ...

    def control(
        self, batch_id: str, wanted: BatchState, reason: str, by: str, *, relay: bool = False, above: int = 0
    ) -> tuple[Batch, int]:
        """Pause, resume (wanted ACTIVE) or terminate under the exclusive barrier; returns the row and calls in
        `dialing`.

        control_seq + 1 only when the state changes. Already there, completed or terminated: nothing changes. When
        this has returned, no claim of the old state commits any more. Terminate closes waiting, ready and queued calls
        up to a chunk; `Sweeps.terminated` does the rest. A resume clears the row of rejections.
        `above`: control_seq becomes higher than this, even where the state stays (words that a rollback forgot).
        `relay`: a change is written to the outbox in the same transaction, for a provider that holds calls of its own.
        """
        ...

    def start(self, batch_id: str) -> Batch:
        """A draft begins; anything else stays as it is."""
        ...

    def unschedule(self, batch_id: str) -> bool:
        """Back to a draft: an active batch before its nbf of which nothing was tried; False for any other."""
        ...

    def rezone(self, batch_id: str, timezone: str, zones_of: ZonesOf, next_span: NextSpan) -> bool:
        """Change the timezone of a draft, or of an active batch before its nbf, of which nothing was tried; its calls
        go to the cohorts of their zones. False for any other."""
        ...

    def hide(self, batch_id: str) -> bool:
        """Deleted for whoever reads by `Views`: a draft, which is terminated by it, or one that is over; False for any
        other. Loading it again shows it again."""
        ...

    def note_rejection(self, batch_id: str) -> int:
        """Count one more rejection in a row; returns the row's length."""
        ...

    def unknowns(self, batch_id: str, enough: int) -> tuple[int, int]:
        """Open unknowns that a provider's answer left (not those of dead workers), and the batch's size; the size is
        0 where the unknowns are no more than `enough`."""
        ...

    def cohorts(self, batch_id: str) -> list[Cohort]: ...

    def controlled(self) -> list[Batch]:
        """Batches whose signal Redis must carry: paused ones, active ones that were ever controlled, and terminated
        ones with a call not closed yet."""
        ...

    def page(
        self, workspace_id: str | None = None, state: str | None = None, after: str | None = None, limit: int = 500
    ) -> list[Batch]:
        """Newest first, by keyset; `state` in outside words (scheduled, running, …); runs and test calls included."""
        ...


class Cohorts(Protocol):
    """Gates of many numbers on one row."""

    def stale(self, limit: int) -> list[StaleCohort]:
        """Cohorts of active or paused batches whose span is over and that were not yet given the next one."""
        ...

    def set_span(self, cohort: Cohort, span: Span | None) -> bool:
        """Compare-and-set on the span read."""
        ...


@dataclass(frozen=True, slots=True)
class AccountLoad:
    """How much of an account is in use, from rows."""

    queued: int
    dialing: int
    #: in_progress and unknown: they hold a channel
    in_progress: int
    #: of the queued ones, those on the test lane
    queued_tests: int


class Release(Protocol):
    """ready → queued, in bounded look-ahead."""

    def load_of(self, accounts: Sequence[str]) -> Mapping[str, AccountLoad]: ...

    def due(self, rooms: Mapping[str, int], least: int, most_cohorts: int = 1000) -> list[DueCohort]:
        """Every open cohort with calls that are due, by account and lane; `rooms`: of which accounts, and how many
        calls each may take.

        Looks at `least` calls of each at least, and at as many as fill the room where all have them. Only active,
        loaded batches that nothing holds; a template's calls never. The cost does not grow with what waits.
        """
        ...

    def enqueue(self, turns: Sequence[DueCohort]) -> list[Queued]:
        """ready → queued (push_seq + 1), committed: for each turn the next call of its cohort, oldest due first, where
        there still is one; in the order of the turns."""
        ...

    def recall(self, account: str, limit: int) -> int:
        """queued → ready, of an account that may not dial: their messages are stale from here on. How many."""
        ...


class Claims(Protocol):
    """queued → dialing and what comes of it, in a worker."""

    def ticket(self, call_id: str, push_seq: int) -> Ticket | None:
        """A plain read; None unless the call is queued at this very push."""
        ...

    def keep(self, call_id: str, kept: Mapping[str, str]) -> None:
        """Remember what `prepare` left, for retries."""
        ...

    def hand_back(self, ticket: Ticket, after: timedelta | None, why: str) -> bool:
        """queued → ready, or → waiting until `after` from now; nothing is spent."""
        ...

    def take(
        self,
        ticket: Ticket,
        worker: str,
        boot_id: str,
        claim_id: str,
        start: timedelta,
        deadline: timedelta,
        account_of: Callable[[Claim], str] | None = None,
    ) -> Claim | NotClaimed:
        """The point of no return: under the batch's shared barrier, in a second statement, by compare-and-set,
        committed.

        Tests push sequence, batch state (active and loaded), holds, the account's guard and opens_at <= clock <
        closes_at         with the clock read after the barrier. Not open: the call is handed back in the same
        transaction (ready; closed
        `terminated` or `expired` where that is so). If the commit's answer is lost the claim counts as not made: raise.
        `start`: how long its request may leave (left_by); `deadline`: until it must be recorded (row deadline).
        `account_of`: JSON of the gates as they stand for the claim, kept on the attempt; pure.
        """
        ...

    def defer(self, claim: Claim, after: timedelta | None, why: str) -> bool:
        """dialing → ready or waiting, with this claim's id: no request was made, so its attempt row is deleted."""
        ...

    def withdraw(self, call_id: str, claim_id: str, why: str) -> bool:
        """dialing → ready for a claim whose commit was not confirmed: its maker knows that nothing was sent. False
        where it was never committed."""
        ...

    def close(self, claim: Claim, reason: CloseReason, why: str) -> bool:
        """dialing → closed by the gate: no request was made, its attempt row is deleted."""
        ...

    def record(self, claim: Claim, answer: Answer, recording: Recording) -> bool:
        """Write what came back, on a row that is `dialing` or meanwhile `unknown` under this claim id."""
        ...


@dataclass(frozen=True, slots=True)
class Recording:
    """What an answer makes of the call and its attempt."""

    call_state: CallState
    attempt_state: AttemptState
    close_reason: CloseReason | None = None
    #: for waiting: how long
    after: timedelta | None = None
    #: for in_progress and unknown: when to ask first
    first_look: timedelta | None = None
    #: handed off where control can be relayed: until when the provider may still hold it
    held_until: datetime | None = None
    outcome: Outcome | None = None


#: The "worker" of an attempt that was sent once more.
SENDS_AGAIN = "redial"


@dataclass(frozen=True, slots=True)
class Retaken:
    """An unknown attempt taken once more: its claim as it was, the ledger's clock now, the end of the open window."""

    claim: Claim
    now: datetime
    closes_at: datetime
    #: JSON of the gates that were read for the claim
    gates: str | None = None


class Redials(Protocol):
    """unknown → dialing, the same attempt under the same reference."""

    def retake(
        self, attempt: OpenAttempt, worker: str, boot_id: str, start: timedelta, deadline: timedelta, epoch: str = ""
    ) -> Retaken | NotClaimed:
        """As `Claims.take`: under the barrier, every gate of the ledger read again, by compare-and-set, committed.
        That it was, when and in which epoch is added to the gates that its attempt went through.

        Not open: it stays unknown, and NotClaimed names the gate.
        """
        ...

    def put_back(self, claim: Claim, why: str) -> bool:
        """dialing → unknown under this claim: nothing was sent this time; what was told of the first time stays."""
        ...


class Attempts(Protocol):
    """Live attempts: asked about, settled, resolved."""

    def due(self, limit: int, batch_id: str | None = None) -> list[OpenAttempt]:
        """in_progress and unknown ones whose next look is due (`batch_id`: all of that batch, due or not).

        Taking them moves their next look half a minute ahead, so that two askers don't ask twice at once.
        """
        ...

    def by_provider_id(self, account: str, provider_call_id: str) -> OpenAttempt | None: ...

    def settle(
        self, attempt: OpenAttempt, progress: Progress, again_after: timedelta | None, reason: CloseReason | None
    ) -> bool:
        """Close the attempt once with its outcome; the call waits `again_after` (counted from now) or closes with
        `reason`.

        In a terminated batch, or with the new due instant past exp, a call that would wait closes (terminated |
        exhausted).
        """
        ...

    def found(self, attempt: OpenAttempt, provider_call_id: str) -> bool:
        """unknown → in_progress."""
        ...

    def look_later(
        self, attempt: OpenAttempt, after: timedelta, note: str | None = None, raw: str | None = None
    ) -> None:
        """Ask again later; keeps the provider's latest words."""
        ...

    def give_up(self, attempt: OpenAttempt, why: str) -> bool:
        """→ closed `unresolved`, attempt unresolved; frees nothing in Redis (the caller does).

        False, and nothing changes, when the call is not in the state any more in which the attempt was read.
        """
        ...


@dataclass(frozen=True, slots=True)
class Failed:
    """A failure counted; `is_set_aside`: the call is closed `unresolved` by it."""

    batch_id: str
    count: int
    is_set_aside: bool


class Failures(Protocol):
    """Moves that failed for a reason nobody foresaw. None = somebody else has moved the call since."""

    def undialed(
        self, call_id: str, push_seq: int, claim: Claim | None, why: str, after: timedelta, most: int
    ) -> Failed | None:
        """No request has left: the call (queued at this push, or dialing under this claim) waits for `after`, or is
        set aside at the `most`-th failure in a row. A claim's attempt stays, `not_sent`, and says why."""
        ...

    def unasked(self, attempt: OpenAttempt, why: str, after: timedelta, most: int) -> Failed | None:
        """Asking failed: asked again later, or set aside at the `most`-th failure in a row."""
        ...


class Sweeps(Protocol):
    """Bulk moves of the scheduler, each bounded by `limit` rows and safe to repeat."""

    def promote(self, limit: int) -> int:
        """waiting → ready where due_at has come (templates have no due_at)."""
        ...

    def stale_queued(self, older: timedelta, limit: int) -> list[Queued]:
        """queued for longer than `older`: push_seq + 1, to be pushed again. timedelta(0) = all (Redis came back
        empty)."""
        ...

    def orphans(self, dead_after: timedelta, limit: int) -> list[tuple[str, str]]:
        """dialing of a worker proven dead (heartbeat silent, stopped, or boot id replaced) past the row's deadline →
        unknown.

        Returns (account, reference) of each.
        """
        ...

    def expired(self, limit: int) -> int:
        """waiting, ready and queued calls of batches whose exp has passed → closed `expired`."""
        ...

    def terminated(self, limit: int) -> int:
        """waiting, ready and queued calls of terminated batches → closed `terminated`."""
        ...

    def fold(self, limit: int) -> int:
        """Up to `limit` of the changes that moves appended to tallies become part of their sums; how many."""
        ...

    def recount(self, dead_after: timedelta) -> list[str]:
        """Batches whose tally had drifted, and is true again: workers of a version that does not count were at work.

        To be repeated while there are such workers; costs nothing when there are none.
        """
        ...

    def complete(self) -> list[str]:
        """Active or paused batches without an open call and without a load under way → completed. Templates, and loads
        that were interrupted for good, after exp."""
        ...


class Suppressions(Protocol):
    """The do-not-call list."""

    def add(self, entries: Sequence[Suppression]) -> None:
        """Upsert by (phone, workspace)."""
        ...

    def remove(self, phone: str, workspace_id: str | None) -> bool: ...

    def of(self, phones: Iterable[str], workspace_id: str) -> Mapping[str, Suppression]:
        """The strictest entry in force for each (for all, or for this workspace)."""
        ...

    def entries(self, workspace_id: str | None = None, phone: str | None = None) -> Iterator[Suppression]: ...

    def under_way(self, phone: str) -> list[str]:
        """Calls to this number in dialing, in_progress or unknown: they cannot be stopped."""
        ...


@dataclass(frozen=True, slots=True)
class AccountState:
    """Guards of one account. `open_now` is the ledger's verdict at `read_at`."""

    name: str
    stop: StopKind | None
    reason: str | None
    until: datetime | None
    since: datetime | None
    #: stops in a row of this kind: backoff grows with it
    step: int
    balance: float | None
    balance_at: datetime | None
    minimum_balance: float | None
    read_at: datetime

    @property
    def is_probing(self) -> bool:
        """A stop whose time is over: one call at a time until one is accepted."""
        return self.stop is not None and self.until is not None and self.until <= self.read_at

    @property
    def has_answered(self) -> bool:
        """Since its stop ran out it has answered a question, so that one call may find out the rest."""
        return self.balance_at is not None and self.until is not None and self.balance_at >= self.until


@dataclass(frozen=True, slots=True)
class Hold:
    """One red button; `on` False once lifted. Its seq travels in the signal."""

    scope: HoldScope
    key: str
    on: bool
    seq: int
    since: datetime | None

    @property
    def is_drain(self) -> bool:
        """Lifted by `undrain` alone; the ledger's only, for a call that was claimed before it is to go out."""
        return self.scope is HoldScope.ALL and self.key == DRAIN


class Accounts(Protocol):
    """Guards of provider accounts, and the red buttons."""

    def ensure(self, name: str, minimum_balance: float | None, fingerprint: str) -> None:
        """The row of a configured account; a changed fingerprint of its credentials lifts an auth stop."""
        ...

    def all(self) -> list[AccountState]: ...

    def stop(self, name: str, kind: StopKind, reason: str, lasting: timedelta) -> AccountState:
        """Close the guard until now + lasting; step + 1 when the kind is the same, never shortens a stop in force."""
        ...

    def lift(self, name: str, *, probed: bool = False) -> bool:
        """Open the guard: an operator says so, or (probed) the answer to a probe came, which says nothing about a stop
        that came after it and is in force. False when it was open, or stays closed."""
        ...

    def set_balance(self, name: str, credits: float | None) -> None:
        """As read just now; None where it has none, and only answered."""
        ...

    def note(self, name: str, is_fault: bool) -> str:
        """Remember one more answer of the account: its last twenty, newest last, 1 = a fault. A row without a fault
        writes nothing; `stop` forgets them."""
        ...

    def hold(self, scope: HoldScope, key: str, on: bool, above: int = 0) -> tuple[Hold, int]:
        """Press or lift a red button under the exclusive barrier of everything; returns it and calls in `dialing`
        under it. Of scope `all` there are two: the button itself, and the drain (key DRAIN)."""
        ...

    def holds(self) -> list[Hold]: ...


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """A pause, terminate or resume to be passed on to a provider."""

    entry_id: int
    batch_id: str
    account: str
    order: ControlOrder
    tries: int


class Outbox(Protocol):
    """Control words for providers, repeated until heard; written by `Batches.control`.

    One word for every wire ref whose provider-side exp lies ahead; a newer one replaces an unsent older one. A pause or
    terminate is said again when nothing of the batch is in flight: a request on its way may overtake the first word. A
    resume is said only where no call is left to send: elsewhere the next placement resumes by itself.
    """

    def due(self, limit: int) -> list[OutboxEntry]: ...

    def stands(self, entry: OutboxEntry) -> bool:
        """Neither said nor replaced by a newer word since it was read."""
        ...

    def done(self, entry: OutboxEntry) -> None: ...

    def retry(self, entry: OutboxEntry, after: timedelta, detail: str) -> None: ...


@dataclass(frozen=True, slots=True)
class WorkerRow:
    """One worker's heartbeat."""

    worker: str
    boot_id: str
    lanes: tuple[Lane, ...]
    beat_at: datetime
    is_alive: bool
    #: the schema that its version was written for; None = a version that did not tell
    revision: str | None = None
    #: it said itself that it stopped
    is_stopped: bool = False


class Workers(Protocol):
    """Heartbeats and the scheduler's lease."""

    def beat(self, worker: str, boot_id: str, lanes: Sequence[Lane]) -> None: ...

    def stopped(self, worker: str, boot_id: str) -> None:
        """A clean stop: nothing of it is in flight any more."""
        ...

    def all(self, dead_after: timedelta) -> list[WorkerRow]: ...

    def lead(self, holder: str, lasting: timedelta) -> int | None:
        """Take or keep the scheduler's lease; returns the term, or None while another holds it."""
        ...

    def resign(self, holder: str) -> None: ...

    def ticked(self, holder: str) -> None:
        """The leader's tick succeeded just now."""
        ...

    def last_tick(self) -> datetime | None: ...


@dataclass(frozen=True, slots=True)
class DueSchedule:
    """A template whose next occurrence has come; `expected` guards the advance."""

    batch: Batch
    next_at: datetime
    last_local: str | None


class Schedules(Protocol):
    """Templates and their runs."""

    def set_next(
        self, batch_id: str, next_at: datetime | None, last_local: str | None, expected: datetime | None
    ) -> bool:
        """Advance by compare-and-set on the instant read (`expected` None = create or overwrite)."""
        ...

    def due(self) -> list[DueSchedule]:
        """Active, loaded templates whose next_at has come."""
        ...

    def copy_calls(self, template_id: str, load: OpenedLoad, after: str | None, limit: int) -> tuple[Added, str | None]:
        """Copy one chunk of the template's numbers into a run, suppressed ones left out; returns the keyset cursor to
        go on from."""
        ...

    def end_run(self, batch_id: str, reason: str) -> None:
        """The next occurrence has come: what of this run was not dialed closes `expired`."""
        ...

    def runs(self, template_id: str, open_only: bool) -> list[Batch]: ...


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts of one batch, which agree with its rows and with each other. Every key is present."""

    total: int
    states: Mapping[CallState, int]
    closed: Mapping[CloseReason, int]
    #: per call: the outcome of its last ended attempt
    outcomes: Mapping[Outcome, int]
    #: sum of attempts_spent
    attempts: int
    #: placement requests recorded in the last minute
    last_minute: int


class Reading(Protocol):
    """What readers see; nothing here moves anything."""

    def tally(self, batch_id: str) -> Tally: ...

    def tallies(self, batch_ids: Sequence[str]) -> Mapping[str, Tally]: ...

    def handed_over(self, batch_id: str) -> int:
        """Calls that a provider which cannot be asked may still hold."""
        ...

    def calls(
        self,
        batch_id: str | None = None,
        *,
        phone: str | None = None,
        state: str | None = None,
        outcome: str | None = None,
        after: str | None = None,
        limit: int = 500,
    ) -> list[CallRecord]:
        """In load order by keyset (`after` = last call_id seen), attempts included. `state` also takes close
        reasons."""
        ...

    def call(self, call_id: str) -> tuple[CallRecord, Cohort, Batch] | None: ...

    def call_of(self, batch_id: str, phone: str) -> tuple[CallRecord, Cohort, Batch] | None: ...

    def cohorts(self, batch_ids: Sequence[str]) -> Mapping[str, list[tuple[Cohort, bool]]]:
        """Each batch's cohorts in order, and whether they have a call in `ready`."""
        ...

    def earliest_due(self, batch_ids: Sequence[str]) -> Mapping[str, datetime]:
        """The earliest due_at among the waiting calls of each batch that has one."""
        ...

    def live_references(self, account: str) -> list[str]:
        """References of attempts that hold a channel: dialing, in_progress, unknown; queued ones' next references are
        not here."""
        ...


class Decisions(Protocol):
    """What operators decide about calls that are over or unknown; each word is recorded."""

    def requeue(self, batch_id: str, reason: CloseReason, by: str) -> int:
        """Closed calls of that reason → ready, recorded; a completed batch reopens (its exp must lie ahead)."""
        ...

    def resolve(self, batch_id: str, call_id: str | None, placed: bool, by: str) -> list[tuple[str, str]]:
        """An operator's word on unknown and unresolved calls (one, or all of the batch), recorded with who and when.

        Placed: closed `handed_off`. Not placed: → ready, its attempt not spent; a completed batch reopens (its exp must
        lie ahead; BatchTerminated where it cannot). Returns (account, reference) of each: their channels are free;
        both are empty for a call that was set aside before its first claim.
        """
        ...

    def never_placed(self, attempt: OpenAttempt, by: str) -> bool:
        """A recovered attempt never was: its call comes back, unspent, or closes where its batch is over; recorded.

        False, and nothing changes, when it is not `unknown` any more.
        """
        ...


class Trust(Protocol):
    """Whether this ledger is the latest: a restored backup has forgotten who was dialed since."""

    def doubt(self) -> str | None:
        """Why nothing may be dialed until an operator has spoken; None = nothing."""
        ...

    def raise_doubt(self, why: str) -> None:
        """No claim commits from here on."""
        ...

    def confirm(self) -> None:
        """An operator says it is the latest: the doubt is over, and so is whatever its last tick was."""
        ...

    def recover(self, cohort: Cohort, taken_at: datetime, limit: int) -> int:
        """Calls of the cohort that were due at some time since `taken_at` → unknown, as attempts that were forgotten.

        Bounded by `limit`, safe to repeat; 0 = nothing is left. Repeated with an earlier `taken_at`, it goes back
        further, also with those that are still unknown. A call whose row was made since `taken_at` may be the double
        of one that was forgotten with its row: its attempt is nameless.
        """
        ...


class Ledger(Protocol):
    """The rooms of the ledger."""

    loads: Loads
    batches: Batches
    cohorts: Cohorts
    release: Release
    claims: Claims
    redials: Redials
    attempts: Attempts
    failures: Failures
    sweeps: Sweeps
    suppressions: Suppressions
    accounts: Accounts
    outbox: Outbox
    workers: Workers
    schedules: Schedules
    reading: Reading
    decisions: Decisions
    trust: Trust
    keys: Keys
    agents: Agents
    contacts: Contacts
    answers: Answers
    inbox: Inbox
    notices: Notices
    views: Views
    overview: Overview
    gauges: Gauges
    alerts: Alerts
    retention: Retention
    erasure: Erasure
    books: Books

    @property
    def ledger_id(self) -> str:
        """A uuid made with the schema; references are derived from it."""
        ...

    @property
    def keeps_host_time(self) -> bool:
        """Its clock is that of the machine that asks (SQLite), not a server's."""
        ...

    def now(self) -> datetime:
        """The ledger's clock."""
        ...

    def check(self) -> None:
        """Raise LedgerUnreachable or SchemaOutdated."""
        ...

    def close(self) -> None: ...
