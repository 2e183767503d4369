"""The first move: numbers come into the ledger, in chunks, once each; what cannot be dialed is said in the receipt."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import chain, islice
from typing import Literal

import phonenumbers

from dialer.domain.batch import Batch, BatchName, BatchTerms, CohortZones
from dialer.domain.call import NewCall
from dialer.domain.client import Agent
from dialer.domain.gate import timetable
from dialer.domain.receipt import LoadReceipt, Rejection
from dialer.domain.spec import BatchSpec, TestCallSpec
from dialer.domain.states import Lane
from dialer.domain.window import nights_open
from dialer.engine.recur import plan
from dialer.engine.rows import RowError, RowReader, open_rows
from dialer.engine.signalling import batch_signal, tell, wake
from dialer.engine.spans import span_finder
from dialer.engine.terms import drafted, term_warnings, test_terms
from dialer.errors import FieldError, LoadRefused, shown
from dialer.failpoints import reached
from dialer.ports import Switchboard
from dialer.ports.ledger import OpenedLoad

CHUNK = 5000
#: The receipt names this many rejected rows; `on_rejection` is told all of them.
REJECTIONS_KEPT = 10_000

OnProgress = Callable[[int], None]
OnRejection = Callable[[Rejection], None]


@dataclass
class Load:
    """One load under way: reads rows, writes chunks, keeps the receipt's counts."""

    desk: Switchboard
    opened: OpenedLoad
    reader: RowReader
    on_progress: OnProgress | None = None
    on_rejection: OnRejection | None = None
    counts: Counter[str] = field(default_factory=Counter)
    zones: Counter[CohortZones] = field(default_factory=Counter)
    rejections: list[Rejection] = field(default_factory=list)
    carries_variables: bool = False
    #: no number was met twice so far: the quick way in may be tried
    is_first: bool = field(init=False)
    _openings: dict[CohortZones, bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.is_first = self.opened.created

    @property
    def terms(self) -> BatchTerms:
        return self.opened.batch.terms

    def take(self, rows: Iterator[tuple[int, object]]) -> None:
        now, read = self.desk.ledger.now(), 0
        while some := list(islice(rows, CHUNK)):
            self.write(self._checked(some, now))
            read += len(some)
            if self.on_progress:
                self.on_progress(read)
        if self.on_progress and not read:
            self.on_progress(0)

    def _checked(self, rows: Iterable[tuple[int, object]], now: datetime) -> dict[str, NewCall]:
        """The calls of these rows by their numbers; the others reject themselves."""
        chunk: dict[str, NewCall] = {}
        for number, row in rows:
            try:
                call = self.reader.read(row)
                if not self._openings.get(call.zones):
                    self._check_opens(call.zones, now)
            except RowError as error:
                self._reject(Rejection(number, _phone_text(row), error.code, error.message))
            else:
                if chunk.setdefault(call.phone, call) is not call:
                    self.counts["duplicates"] += 1
        return chunk

    def _check_opens(self, zones: CohortZones, now: datetime) -> None:
        if zones not in self._openings:
            self._openings[zones] = _ever_opens(self.desk, self.terms, zones, now)
        if not self._openings[zones]:
            raise RowError("NEVER_OPEN", _never_open(zones))

    def _reject(self, rejection: Rejection) -> None:
        self.counts["rejected"] += 1
        if len(self.rejections) < REJECTIONS_KEPT:
            self.rejections.append(rejection)
        if self.on_rejection:
            self.on_rejection(rejection)

    def write(self, chunk: dict[str, NewCall]) -> None:
        if not chunk:
            return
        for phone, entry in self.desk.ledger.suppressions.of(chunk, self.terms.name.workspace_id).items():
            chunk[phone].is_suppressed = entry.until is None
        calls = list(chunk.values())
        added = self.desk.ledger.loads.add(self.opened, calls, span_finder(self.desk.rules), is_first=self.is_first)
        reached("ingest.chunk")
        self.is_first = self.is_first and not added.known and not added.duplicates
        self.counts["accepted"] += added.accepted
        self.counts["already_known"] += added.known
        self.counts["duplicates"] += added.duplicates
        self.counts["suppressed"] += added.suppressed
        self.zones.update(call.zones for call in calls)
        self.carries_variables = self.carries_variables or any(call.variables for call in calls)

    def receipt(self, warnings: Sequence[str]) -> LoadReceipt:
        counts = {
            name: self.counts[name] for name in ("accepted", "already_known", "duplicates", "suppressed", "rejected")
        }
        return LoadReceipt(
            batch_id=self.opened.batch.batch_id,
            rejections=tuple(self.rejections),
            warnings=tuple(warnings),
            changed=self.opened.changed,
            zones=_zone_counts(self.zones),
            **counts,
        )


def _ever_opens(desk: Switchboard, terms: BatchTerms, zones: CohortZones, now: datetime) -> bool:
    return timetable(terms, zones, desk.rules.legal_hours).next_open(max(terms.nbf, now), terms.exp) is not None


def _never_open(zones: CohortZones) -> str:
    where = ", ".join(dict.fromkeys(zones.rules + zones.legal))
    return f"no dialable minute between nbf and exp in {where}"


def _zone_counts(zones: Counter[CohortZones]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for cohort, count in zones.items():
        counts[", ".join(cohort.rules)] += count
    return dict(counts)


def _phone_text(row: object) -> str:
    if isinstance(row, RowError):
        return ""
    phone = row.get("phone") if isinstance(row, dict) else getattr(row, "phone", None)
    if phone is None or not isinstance(phone, str):
        return "" if phone is None else shown(phone)
    return phone[:64].encode(errors="backslashreplace").decode()  # undecodable bytes of a file came as surrogates


def load(
    desk: Switchboard,
    spec: BatchSpec,
    calls: object = None,
    *,
    resume: bool | Literal["user"] = False,
    country: str | None = None,
    phone_column: str = "phone",
    on_progress: OnProgress | None = None,
    on_rejection: OnRejection | None = None,
) -> LoadReceipt:
    """Load a batch, or add to it. LoadRefused: nothing was written. Interrupted: repeat it, known numbers stay as
    they are."""
    _check_country(country)
    draft = drafted(desk, spec)
    with open_rows(() if calls is None else calls, phone_column) as further:
        # The spec's own first: a body that lists numbers, and a file beside it, are dialed both.
        rows = chain(enumerate(spec.call_list, start=1), further)
        opened = desk.ledger.loads.open(
            draft.name,
            draft.merge,
            span_finder(desk.rules),
            resume=resume,
            draft=spec.status == "draft",
            begin="status" in spec.given and spec.status == "scheduled",
        )
        reached("ingest.opened")
        terms = opened.batch.terms
        unheard = tell(desk, batch_signal(opened.batch)) if resume and opened.batch.control_seq else ()
        work = Load(desk, opened, RowReader(desk.rules, terms.timezone, country), on_progress, on_rejection)
        work.take(rows)
    reached("ingest.read")
    if terms.is_template:
        # Before it is loaded: one that is loaded and not planned would never run, and nobody would repeat the load.
        plan(desk, opened.batch)
        reached("ingest.planned")
    desk.ledger.loads.finish(opened)
    reached("ingest.finished")
    return work.receipt([*_warnings(desk, work), *unheard, *wake(desk)])


def _check_country(country: object) -> None:
    if country is None or (isinstance(country, str) and country.upper() in phonenumbers.SUPPORTED_REGIONS):
        return
    message = f"expected a two-letter country code such as AU, got {shown(country)}"
    raise LoadRefused([FieldError("FIELD_TYPE", "country", shown(country), message)])


def _warnings(desk: Switchboard, work: Load) -> list[str]:
    terms = work.terms
    able = desk.providers[terms.account].capabilities
    warnings = term_warnings(terms, able)
    if work.carries_variables and not able.carries_variables:
        warnings.append("VARIABLES_NOT_SENT: this account sends no variables (outboundcalls needs a contact_list_id)")
    now = max(desk.ledger.now(), terms.nbf)
    for zones in work.zones:
        if nights_open(timetable(terms, zones, desk.rules.legal_hours), now, terms.exp):
            where = ", ".join(zones.rules)
            warnings.append(f"NIGHTS_OPEN: numbers in {where} may be dialed between 21:00 and 08:00 of their clock")
            break
    return warnings


def load_test_call(desk: Switchboard, spec: TestCallSpec, batch_id: str | None = None) -> tuple[Batch, str, bool]:
    """A call in a batch of its own on the test lane: its batch, its call id, and whether it is new. `batch_id`: of the
    batch it makes; who comes again with it finds that call, however it ended."""
    ref = spec.batch_ref or f"test-{batch_id or uuid.uuid4()}"
    name = BatchName(spec.workspace_id, spec.agent_id, ref)
    agent = desk.ledger.agents.find(spec.workspace_id, spec.agent_id)
    call = _test_row(desk, spec, name, agent)

    def merge(_: Batch | None, now: datetime) -> BatchTerms:
        terms = test_terms(spec, name, call.phone, desk, agent, now)
        if not _ever_opens(desk, terms, call.zones, now):
            raise LoadRefused([FieldError("NEVER_OPEN", "phone", spec.phone, _never_open(call.zones))])
        return terms

    entry = desk.ledger.suppressions.of([call.phone], spec.workspace_id).get(call.phone)
    is_suppressed = entry is not None and entry.until is None
    wanted = replace(call, lane=Lane.TEST, max_retries=0, is_suppressed=is_suppressed)
    loaded = desk.ledger.loads.test_call(name, merge, wanted, span_finder(desk.rules), batch_id)
    reached("test_call.loaded")
    wake(desk, is_test=True)
    return loaded


def _test_row(desk: Switchboard, spec: TestCallSpec, name: BatchName, agent: Agent | None) -> NewCall:
    """LoadRefused says all that is wrong, with its number and with its terms."""
    try:
        return _one_row(desk, spec)
    except LoadRefused as refused:
        try:
            test_terms(spec, name, "", desk, agent, desk.ledger.now())
        except LoadRefused as further:
            known = {error.field for error in refused.errors} | {"ignore_hours"}
            refused.errors.extend(error for error in further.errors if error.field not in known)
        raise LoadRefused(refused.errors) from None


def _one_row(desk: Switchboard, spec: TestCallSpec) -> NewCall:
    if spec.phone is None:
        raise LoadRefused([FieldError("FIELD_MISSING", "phone", None, "expected a number in E.164, got nothing")])
    row = {"phone": spec.phone, "variables": spec.variables, "timezone": spec.timezone}
    try:
        return RowReader(desk.rules, spec.timezone).read(row)
    except RowError as error:
        field_name = {"PHONE": "phone", "VARIABLES": "variables"}.get(error.code.split("_")[0], "timezone")
        raise LoadRefused([FieldError(error.code, field_name, getattr(spec, field_name), error.message)]) from None
