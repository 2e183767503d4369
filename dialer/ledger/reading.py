"""What readers see of calls: a batch's counts, and records in load order by keyset."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from sqlalchemy import Column, Connection, RowMapping, Select, func, literal, select, tuple_, union_all

from dialer.domain.batch import Batch, Cohort
from dialer.domain.call import AttemptRecord, CallRecord
from dialer.domain.states import AttemptState, CallState, CloseReason, Lane, Outcome
from dialer.ledger.columns import word
from dialer.ledger.rows import LANE, MAX_RETRIES, batch_of, cohort_of
from dialer.ledger.tables import IN_FLIGHT, attempts, batches, calls, cohorts, decisions, live
from dialer.ledger.tallies import counts_of
from dialer.ledger.tally_tables import closed_as, ended_with
from dialer.ledger.tokens import names_of
from dialer.ledger.transactions import Transactions, now_of
from dialer.ports.ledger import Tally

A_MINUTE = timedelta(minutes=1)

_RECORD: Select[Any] = select(calls, LANE.label("own_lane"), MAX_RETRIES.label("own_retries")).join_from(
    calls, batches, batches.c.batch_id == calls.c.batch_id
)
_WHOLE: Select[Any] = (
    select(calls, cohorts, batches, LANE.label("own_lane"), MAX_RETRIES.label("own_retries"))
    .join_from(calls, batches, batches.c.batch_id == calls.c.batch_id)
    .join(cohorts, cohorts.c.cohort_id == calls.c.cohort_id)
)


class SqlReading:
    """`dialer.ports.ledger.Reading`."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def tally(self, batch_id: str) -> Tally:
        return self.tallies([batch_id])[batch_id]

    def tallies(self, batch_ids: Sequence[str]) -> dict[str, Tally]:
        with self._transactions.read() as connection:
            counts, lately = counts_of(connection, batch_ids), _last_minute(connection, batch_ids)
        return {batch_id: _tally(counts[batch_id], lately.get(batch_id, 0)) for batch_id in batch_ids}

    def handed_over(self, batch_id: str) -> int:
        a = attempts.c
        held = select(func.count()).where(a.batch_id == batch_id, a.held_until.is_not(None))
        with self._transactions.read() as connection:
            return connection.execute(held.where(a.held_until > now_of(connection))).scalar_one()

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
        with self._transactions.read() as connection:
            names = None if phone is None else names_of(connection, phone)
            ids = _ids(batch_id, names, state, outcome, after, limit)
            wanted = connection.execute(ids).scalars().all()
            return records(connection, wanted)

    def call(self, call_id: str) -> tuple[CallRecord, Cohort, Batch] | None:
        return self._whole(_WHOLE.where(calls.c.call_id == call_id))

    def call_of(self, batch_id: str, phone: str) -> tuple[CallRecord, Cohort, Batch] | None:
        with self._transactions.read() as connection:
            named = calls.c.phone.in_(names_of(connection, phone))
        return self._whole(_WHOLE.where(named, calls.c.batch_id == batch_id).order_by(calls.c.call_id.desc()).limit(1))

    def cohorts(self, batch_ids: Sequence[str]) -> dict[str, list[tuple[Cohort, bool]]]:
        c = calls.c
        some = select(c.call_id).where(c.cohort_id == cohorts.c.cohort_id, c.state == word(CallState.READY))
        has_ready = some.correlate(cohorts).exists().label("has_ready")
        query = select(cohorts, has_ready).where(cohorts.c.batch_id.in_(batch_ids))
        found: dict[str, list[tuple[Cohort, bool]]] = {batch_id: [] for batch_id in batch_ids}
        with self._transactions.read() as connection:
            for row in connection.execute(query.order_by(cohorts.c.batch_id, cohorts.c.number)).mappings():
                found[row[cohorts.c.batch_id]].append((cohort_of(row), bool(row["has_ready"])))
        return found

    def earliest_due(self, batch_ids: Sequence[str]) -> dict[str, datetime]:
        c = calls.c
        waits = select(c.due_at).where(c.batch_id == batches.c.batch_id, c.state == word(CallState.WAITING))
        first = waits.order_by(c.due_at).limit(1).correlate(batches).scalar_subquery().label("first")
        query = select(batches.c.batch_id, first).where(batches.c.batch_id.in_(batch_ids))
        with self._transactions.read() as connection:
            return {batch_id: due for batch_id, due in connection.execute(query).all() if due is not None}

    def live_references(self, account: str) -> list[str]:
        query = select(attempts.c.reference).where(live(), attempts.c.account == account)
        with self._transactions.read() as connection:
            return list(connection.execute(query.order_by(attempts.c.claimed_at)).scalars().all())

    def _whole(self, query: Select[Any]) -> tuple[CallRecord, Cohort, Batch] | None:
        with self._transactions.read() as connection:
            row = connection.execute(query).mappings().one_or_none()
            if row is None:
                return None
            of = _attempts_of(connection, [row[calls.c.call_id]])
        return record_of(row, of[row[calls.c.call_id]]), cohort_of(row), batch_of(row)


def _last_minute(connection: Connection, batch_ids: Sequence[str]) -> dict[str, int]:
    """Placement requests recorded since then."""
    a = attempts.c
    lately = select(a.batch_id, func.count()).where(a.batch_id.in_(batch_ids), a.placed_at.is_not(None))
    lately = lately.where(a.placed_at > now_of(connection) - A_MINUTE).group_by(a.batch_id)
    return dict(connection.execute(lately).all())


def _tally(counts: Mapping[str, int], last_minute: int) -> Tally:
    closed = {reason: counts[closed_as(reason)] for reason in CloseReason}
    states = {state: counts[state.value] for state in IN_FLIGHT} | {
        CallState.WAITING: counts["waiting"],
        CallState.CLOSED: sum(closed.values()),
    }
    states[CallState.READY] = counts["total"] - sum(states.values())
    return Tally(
        total=counts["total"],
        states={state: states[state] for state in CallState},
        closed=closed,
        outcomes={outcome: counts[ended_with(outcome)] for outcome in Outcome},
        attempts=counts["attempts"] + states[CallState.IN_PROGRESS] + states[CallState.UNKNOWN],
        last_minute=last_minute,
    )


def _ids(
    batch_id: str | None,
    phones: Sequence[str] | None,
    state: str | None,
    outcome: str | None,
    after: str | None,
    limit: int,
) -> Select[Any]:
    """A page of ids in load order, read from an index in that order. Where nothing but the batch is given, it merges
    the heads of all states."""
    c = calls.c
    kept: list[Any] = [] if phones is None else [c.phone.in_(phones)]
    said = [each for each in (_outcome(outcome), _stands(state)) if each is not None]
    if batch_id is None:
        equal = [column == word(member) for column, member in said] + ([] if after is None else [c.call_id > after])
        return select(c.call_id).where(*kept, *equal).order_by(c.call_id).limit(limit)
    kept.append(c.batch_id == batch_id)
    if said:
        (column, member), *others = said
        kept += [other == word(value) for other, value in others]
        return _alike(column, member, after).where(*kept).limit(limit)
    heads = [_alike(c.state, state, after).where(*kept).limit(limit) for state in CallState]
    merged = union_all(*(select(head.subquery()) for head in heads)).subquery("merged")
    return select(merged.c.call_id).order_by(merged.c.call_id).limit(limit)


def _outcome(outcome: str | None) -> tuple[Column[Any], Enum] | None:
    return None if outcome is None else (calls.c.outcome, Outcome(outcome))


def _stands(state: str | None) -> tuple[Column[Any], Enum] | None:
    """In this state, or closed for this reason, which says that it is closed."""
    if state is None:
        return None
    is_state = state in set(CallState)
    return (calls.c.state, CallState(state)) if is_state else (calls.c.close_reason, CloseReason(state))


def _alike(column: Column[Any], member: Enum, after: str | None) -> Select[Any]:
    """Calls whose column has this value, spelled as a range. Of one that is equal, PostgreSQL drops the column from the
    order, finds the primary key to be in it, and may read millions of other calls there before the first of these."""
    c, value = calls.c, word(member)
    begin = (
        column >= value if after is None else tuple_(column, c.call_id) > tuple_(value, literal(after, c.call_id.type))
    )
    return select(c.call_id).where(begin, column <= value).order_by(column, c.call_id)


def records(connection: Connection, call_ids: Sequence[str]) -> list[CallRecord]:
    if not call_ids:
        return []
    c = calls.c
    rows = connection.execute(_RECORD.where(c.call_id.in_(call_ids)).order_by(c.call_id)).mappings().all()
    of = _attempts_of(connection, call_ids)
    return [record_of(row, of[row[c.call_id]]) for row in rows]


def _attempts_of(connection: Connection, call_ids: Sequence[str]) -> dict[str, list[AttemptRecord]]:
    a = attempts.c
    query = select(attempts).where(a.call_id.in_(call_ids)).order_by(a.call_id, a.number)
    found: dict[str, list[AttemptRecord]] = defaultdict(list)
    decided = _decisions_of(connection, call_ids)
    for row in connection.execute(query).mappings().all():
        found[row[a.call_id]].append(attempt_of(row, decided[row[a.call_id], row[a.number]]))
    return found


def _decisions_of(connection: Connection, call_ids: Sequence[str]) -> dict[tuple[str, int], list[dict[str, Any]]]:
    d = decisions.c
    query = select(decisions).where(d.call_id.in_(call_ids)).order_by(d.decision_id)
    found: dict[tuple[str, int], list[dict[str, Any]]] = defaultdict(list)
    for row in connection.execute(query).mappings().all():
        made = {"decision": row[d.decision], "by": row[d.made_by], "at": row[d.made_at]}
        found[row[d.call_id], row[d.number]].append(made)
    return found


def record_of(row: RowMapping, of: Sequence[AttemptRecord]) -> CallRecord:
    c = calls.c
    return CallRecord(
        call_id=row[c.call_id],
        batch_id=row[c.batch_id],
        phone=row[c.phone],
        timezone=row[c.timezone],
        priority=Lane(row["own_lane"]).word,
        state=CallState(row[c.state]),
        close_reason=None if row[c.close_reason] is None else CloseReason(row[c.close_reason]),
        outcome=None if row[c.outcome] is None else Outcome(row[c.outcome]),
        due_at=row[c.due_at],
        max_retries=row["own_retries"],
        attempts_spent=row[c.attempts_spent],
        variables=_variables(row[c.variables]),
        attempts=tuple(of),
        why=row[c.why],
    )


def attempt_of(row: RowMapping, decided: Sequence[dict[str, Any]]) -> AttemptRecord:
    a = attempts.c
    return AttemptRecord(
        number=row[a.number],
        reference=row[a.reference],
        account=row[a.account],
        provider_call_id=row[a.provider_call_id],
        state=AttemptState(row[a.state]),
        outcome=None if row[a.outcome] is None else Outcome(row[a.outcome]),
        started_at=row[a.started_at],
        answered_at=row[a.answered_at],
        ended_at=row[a.ended_at],
        duration_seconds=row[a.duration_seconds],
        credits_charged=row[a.credits_charged],
        recording_url=row[a.recording_url],
        summary=row[a.summary],
        transcript=row[a.transcript],
        http_status=row[a.http_status],
        detail=row[a.detail],
        raw=row[a.raw],
        claimed_at=row[a.claimed_at],
        worker=row[a.worker],
        gates=_gates(row[a.gates]),
        decisions=tuple(decided),
    )


def _variables(text: str | None) -> dict[str, Any] | None:
    """What cannot be read is shown as it is: one row must not hide a batch from its readers."""
    try:
        return None if text is None else dict(json.loads(text))
    except (ValueError, TypeError):
        return {"unreadable": text}


def _gates(text: str | None) -> tuple[dict[str, Any], ...]:
    try:
        return tuple(json.loads(text or "[]"))
    except ValueError:
        return ({"gate": "record", "verdict": "unreadable", "detail": text},)
