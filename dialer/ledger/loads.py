"""Numbers on their way in: the batch's upsert under its exclusive barrier, then chunk after chunk of its calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from dialer.domain.batch import Batch, BatchName, BatchTerms, CohortZones, Span
from dialer.domain.call import NewCall
from dialer.domain.states import BatchState, CallState, CloseReason, Lane
from dialer.errors import BatchTerminated, BatchUnknown
from dialer.ledger.backend import NewRows
from dialer.ledger.columns import word
from dialer.ledger.moves import has_open_call
from dialer.ledger.rows import batch_of, changes, cohort_of, columns_of, span_columns, zones_of, zones_text
from dialer.ledger.tables import batches, calls, cohorts
from dialer.ledger.tallies import add_delta, counted
from dialer.ledger.tokens import known_by_token
from dialer.ledger.transactions import Transactions, now_of
from dialer.ledger.upkeep_tables import pruned
from dialer.ports.ledger import Added, Merge, NextSpan, OpenedLoad

#: Changes of these move the cohorts' spans.
WINDOW_FIELDS = {"nbf", "exp", "block_rules", "calling_hours", "timezone", "ignore_hours"}
OPEN_TRIES = 5

PHONES_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Wanted:
    """One `open`, as asked for."""

    name: BatchName | None
    merge: Merge
    next_span: NextSpan
    resume: bool | Literal["user"] = False
    draft: bool = False
    begin: bool = False
    template_id: str | None = None
    occurrence: str | None = None
    #: of the batch that is made; None = a new one
    batch_id: str | None = None


class SqlLoads:
    """`dialer.ports.ledger.Loads`."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

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
        wanted = Wanted(name, merge, next_span, resume, draft, begin, template_id, occurrence)
        for left in reversed(range(OPEN_TRIES)):
            try:
                with self._transactions.write() as connection:
                    return self._open(connection, wanted)
            except IntegrityError:
                # Somebody created the batch of that name at the same moment: next time we find it.
                if left == 0:
                    raise
        raise AssertionError("unreachable")

    def add(self, load: OpenedLoad, calls: Sequence[NewCall], next_span: NextSpan, *, is_first: bool = False) -> Added:
        with self._transactions.write() as connection:
            # Shared, so that a terminate waits for this chunk, and a chunk after it sees the batch terminated.
            self._transactions.backend.share(connection, load.batch.batch_id)
            return add_calls(connection, self._transactions, load, calls, next_span, is_first=is_first)

    def finish(self, load: OpenedLoad) -> Batch:
        with self._transactions.write() as connection:
            self._transactions.backend.exclude(connection, load.batch.batch_id)
            return finish(connection, load)

    def test_call(
        self, name: BatchName, merge: Merge, call: NewCall, next_span: NextSpan, batch_id: str | None = None
    ) -> tuple[Batch, str, bool]:
        wanted = Wanted(None, merge, next_span, batch_id=batch_id)
        with self._transactions.write() as connection:
            # Nobody else of the same name and number is between his look and his row.
            self._transactions.backend.exclude(connection, f"{name}/{call.phone}")
            known = made_as(connection, batch_id) or open_test(connection, name, call.phone)
            if known is not None:
                return (*known, False)
            load = create(connection, self._transactions, wanted, self._transactions.ids.take(now_of(connection))[0])
            # In a batch that is new no number can be known: it goes straight in, without a staging table.
            add_calls(connection, self._transactions, load, [call], next_span, is_first=True)
            batch = finish(connection, load)
            return batch, only_call(connection, batch), True

    def _open(self, connection: Connection, wanted: Wanted) -> OpenedLoad:
        load_id = self._transactions.ids.take(now_of(connection))[0]
        found = find_run(connection, wanted.template_id, wanted.occurrence)
        if found is not None:
            return self._reopen_run(connection, found, load_id)
        found = find(connection, wanted.name)
        if found is None:
            return create(connection, self._transactions, wanted, load_id)
        self._transactions.backend.exclude(connection, found)
        return self._merge(connection, locked(connection, found), wanted, load_id)

    def _merge(self, connection: Connection, batch: Batch, wanted: Wanted, load_id: str) -> OpenedLoad:
        now = now_of(connection)
        terms = wanted.merge(batch, now)
        if batch.state is BatchState.TERMINATED:
            raise BatchTerminated
        changed = changes(batch.terms, terms)
        columns = columns_of(terms) | reopening(batch) | resuming(batch, wanted.resume)
        columns |= {"hidden_at": None}  # what is dialed is shown
        if wanted.begin and batch.state is BatchState.DRAFT:
            columns["state"] = BatchState.ACTIVE.value
            changed = (*changed, "status")
        rewrite(connection, batch.batch_id, **columns, is_loading=True, load_id=load_id, is_drained=False)
        if WINDOW_FIELDS & set(changed) or batch.state is BatchState.COMPLETED:
            renew_spans(connection, batch.batch_id, terms, wanted.next_span, now)
        return OpenedLoad(load_id, locked(connection, batch.batch_id), created=False, changed=changed)

    def _reopen_run(self, connection: Connection, batch_id: str, load_id: str) -> OpenedLoad:
        """A run that was loaded stays as it is; one whose load was interrupted is loaded on."""
        batch = locked(connection, batch_id)
        if not batch.is_loaded and batch.state is not BatchState.TERMINATED:
            rewrite(connection, batch_id, is_loading=True, load_id=load_id)
        return OpenedLoad(load_id, locked(connection, batch_id), created=False, changed=())


def create(connection: Connection, transactions: Transactions, wanted: Wanted, load_id: str) -> OpenedLoad:
    now = now_of(connection)
    terms = wanted.merge(None, now)
    if wanted.name is not None and was_terminated(connection, wanted.name):
        raise BatchTerminated
    batch_id = wanted.batch_id or transactions.ids.take(now)[0]
    state = BatchState.DRAFT if wanted.draft else BatchState.ACTIVE
    connection.execute(
        insert(batches).values(
            **columns_of(terms),
            batch_id=batch_id,
            state=state.value,
            control_seq=0,
            rejections=0,
            load_id=load_id,
            is_loading=True,
            is_loaded=False,
            is_drained=False,
            template_id=wanted.template_id,
            occurrence=wanted.occurrence,
            created_at=now,
        )
    )
    return OpenedLoad(load_id, locked(connection, batch_id), created=True, changed=())


def finish(connection: Connection, load: OpenedLoad) -> Batch:
    """Under the batch's exclusive barrier."""
    batch = locked(connection, load.batch.batch_id)
    now = now_of(connection)
    columns: dict[str, Any] = {"is_loaded": True}
    # A test call has one row, and its load is over once that is in, whoever says so.
    if batch.terms.is_test or loading(connection, batch.batch_id) == load.load_id:
        columns |= {"is_loading": False, "load_id": None}
    rewrite(connection, batch.batch_id, **columns)
    complete_if_over(connection, replace(batch, **{k: v for k, v in columns.items() if k != "load_id"}), now)
    return locked(connection, batch.batch_id)


def add_calls(
    connection: Connection,
    transactions: Transactions,
    load: OpenedLoad,
    new: Sequence[NewCall],
    next_span: NextSpan,
    *,
    is_first: bool = False,
) -> Added:
    """One chunk, within the caller's transaction, its batch's shared barrier held."""
    batch = get(connection, load.batch.batch_id)
    if batch.state is BatchState.TERMINATED:
        raise BatchTerminated
    if batch.state is BatchState.COMPLETED or not batch.is_loading:
        # Another load of this batch finished meanwhile; ours keeps it open.
        rewrite(connection, batch.batch_id, **reopening(batch), is_loading=True, load_id=load.load_id, is_drained=False)
    now = now_of(connection)
    before = len(new)
    if erased := known_by_token(connection, batch.batch_id, (call.phone for call in new)):
        new = [call for call in new if call.phone not in erased]
    known_before = before - len(new)
    numbers = cohort_ids(connection, batch, new, next_span, now)
    ids = transactions.ids.take(now, len(new))
    opened = CallState.WAITING if batch.terms.is_template else CallState.READY
    rows = NewRows(batch.batch_id, opened, now, ids, new, numbers, is_first)
    accepted, suppressed = transactions.backend.insert_calls(connection, rows) if new else (0, 0)
    add_delta(connection, batch.batch_id, {"total": 1, **counted(opened)}, accepted)
    add_delta(connection, batch.batch_id, {"total": 1, **counted(CallState.CLOSED, CloseReason.SUPPRESSED)}, suppressed)
    repeated = len(new) - accepted - suppressed
    phones = [call.phone for call in new] if repeated else []
    known = count_before(connection, batch.batch_id, load.load_id, phones)
    return Added(accepted, known + known_before, suppressed, duplicates=repeated - known)


def count_before(connection: Connection, batch_id: str, load_id: str, phones: Sequence[str]) -> int:
    """How many of the numbers came with earlier loads: their ids are older than the load's."""
    count, c = 0, calls.c
    for start in range(0, len(phones), PHONES_AT_ONCE):
        chunk = phones[start : start + PHONES_AT_ONCE]
        known = select(func.count()).where(c.phone.in_(chunk), c.batch_id == batch_id, c.call_id < load_id)
        count += connection.execute(known).scalar_one()
    return count


def cohort_ids(
    connection: Connection, batch: Batch, new: Sequence[NewCall], next_span: NextSpan, now: datetime
) -> dict[CohortZones, int]:
    """Each zone set's cohort, created where it is new, in order of appearance."""
    wanted = dict.fromkeys(call.zones for call in new)
    known = _known_cohorts(connection, batch.batch_id)
    if all(zones_text(zones) in known for zones in wanted):
        return {zones: known[zones_text(zones)] for zones in wanted}
    locked(connection, batch.batch_id)  # numbers are given one load after the other
    known = _known_cohorts(connection, batch.batch_id)
    number = len(known)
    for zones in wanted:
        text = zones_text(zones)
        if text not in known:
            number += 1
            span = span_columns(next_span(batch.terms, zones_of(text), now))
            row = insert(cohorts).values(batch_id=batch.batch_id, number=number, zones=text, **span)
            known[text] = connection.execute(row.returning(cohorts.c.cohort_id)).scalar_one()
    return {zones: known[zones_text(zones)] for zones in wanted}


def _known_cohorts(connection: Connection, batch_id: str) -> dict[str, int]:
    found = select(cohorts.c.zones, cohorts.c.cohort_id).where(cohorts.c.batch_id == batch_id)
    return dict(connection.execute(found).all())


def renew_spans(connection: Connection, batch_id: str, terms: BatchTerms, next_span: NextSpan, now: datetime) -> None:
    rows = connection.execute(select(cohorts).where(cohorts.c.batch_id == batch_id)).mappings().all()
    for cohort in map(cohort_of, rows):
        span: Span | None = next_span(terms, cohort.zones, now)
        renewed = update(cohorts).where(cohorts.c.cohort_id == cohort.cohort_id).values(**span_columns(span))
        connection.execute(renewed)


def find(connection: Connection, name: BatchName | None) -> str | None:
    """The id of the batch of that name that is no test call's."""
    if name is None:
        return None
    found = select(batches.c.batch_id).where(*is_named(name), batches.c.lane != word(Lane.TEST))
    return connection.execute(found).scalar_one_or_none()


def was_terminated(connection: Connection, name: BatchName) -> bool:
    """Final for good, though all else of it was pruned."""
    p = pruned.c
    same = p.workspace_id == name.workspace_id, p.agent_id == name.agent_id, p.batch_ref == name.batch_ref
    query = select(p.batch_id).where(*same, p.state == word(BatchState.TERMINATED), p.lane != word(Lane.TEST)).limit(1)
    return connection.execute(query).first() is not None


def is_named(name: BatchName) -> tuple[Any, ...]:
    b = batches.c
    return b.workspace_id == name.workspace_id, b.agent_id == name.agent_id, b.batch_ref == name.batch_ref


def made_as(connection: Connection, batch_id: str | None) -> tuple[Batch, str] | None:
    """The test call that was made under this id before, however it ended."""
    if batch_id is None:
        return None
    row = connection.execute(select(batches).where(batches.c.batch_id == batch_id)).mappings().one_or_none()
    return None if row is None else (batch_of(row), only_call(connection, batch_of(row)))


def only_call(connection: Connection, batch: Batch) -> str:
    only = select(calls.c.call_id).where(calls.c.batch_id == batch.batch_id)
    return str(connection.execute(only).scalar_one())


def open_test(connection: Connection, name: BatchName, phone: str) -> tuple[Batch, str] | None:
    """A test call to this number under this name that is not closed yet: its batch and call id."""
    query = (
        select(batches, calls.c.call_id)
        .join_from(batches, calls, calls.c.batch_id == batches.c.batch_id)
        .where(*is_named(name), batches.c.lane == word(Lane.TEST))
        .where(calls.c.phone == phone, calls.c.state != word(CallState.CLOSED))
        .order_by(batches.c.batch_id.desc())
        .limit(1)
    )
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else (batch_of(row), row[calls.c.call_id])


def find_run(connection: Connection, template_id: str | None, occurrence: str | None) -> str | None:
    if template_id is None:
        return None
    run = select(batches.c.batch_id).where(batches.c.template_id == template_id, batches.c.occurrence == occurrence)
    return connection.execute(run).scalar_one_or_none()


def get(connection: Connection, batch_id: str) -> Batch:
    row = connection.execute(select(batches).where(batches.c.batch_id == batch_id)).mappings().one_or_none()
    if row is None:
        raise BatchUnknown(f"no batch {batch_id!r:.80} is in the ledger")
    return batch_of(row)


def locked(connection: Connection, batch_id: str) -> Batch:
    """The batch as it stands; its row stays so until the transaction ends."""
    query = select(batches).where(batches.c.batch_id == batch_id).with_for_update()
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise BatchUnknown(f"no batch {batch_id!r:.80} is in the ledger")
    return batch_of(row)


def loading(connection: Connection, batch_id: str) -> str | None:
    """The id of the latest load under way."""
    load_id: str | None = connection.execute(
        select(batches.c.load_id).where(batches.c.batch_id == batch_id)
    ).scalar_one()
    return load_id


def rewrite(connection: Connection, batch_id: str, **columns: Any) -> None:
    connection.execute(update(batches).where(batches.c.batch_id == batch_id).values(**columns))


def reopening(batch: Batch) -> dict[str, Any]:
    """A completed batch opens as it was when its last call ended: a user's pause was not lifted by that."""
    if batch.state is not BatchState.COMPLETED:
        return {}
    state = BatchState.PAUSED if batch.paused_by == "user" else BatchState.ACTIVE
    return {"state": state.value, "completed_at": None}


def resuming(batch: Batch, wanted: bool | Literal["user"] = True) -> dict[str, Any]:
    """A pause ends, and with it the row of rejections that may have caused it; "user": not one of the dialer's own."""
    may_end = wanted is True or (wanted == "user" and batch.paused_by == "user")
    is_paused = batch.state is BatchState.PAUSED or reopening(batch).get("state") == BatchState.PAUSED.value
    if not is_paused or not may_end:
        return {}
    return {
        "state": BatchState.ACTIVE.value,
        "control_seq": batch.control_seq + 1,
        "pause_reason": None,
        "paused_by": None,
        "rejections": 0,
    }


def complete_if_over(connection: Connection, batch: Batch, now: datetime) -> bool:
    """Active or paused, nothing open, no load under way; a template not before its exp. Under the exclusive barrier."""
    is_running = batch.state in (BatchState.ACTIVE, BatchState.PAUSED)
    is_past = now >= batch.terms.exp  # then nothing can be loaded any more: an interrupted load is over, too
    may_end = is_past or (batch.is_loaded and not batch.is_loading and not batch.terms.is_template)
    if not is_running or not may_end or has_open_call(connection, batch.batch_id):
        return False
    rewrite(connection, batch.batch_id, state=BatchState.COMPLETED.value, completed_at=now, is_drained=True)
    return True
