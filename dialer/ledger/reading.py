"""What readers see of calls: counts from rows, and records in load order by keyset."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, func, select, union_all

from dialer.domain.batch import Batch, Cohort
from dialer.domain.call import AttemptRecord, CallRecord
from dialer.domain.states import AttemptState, CallState, CloseReason, Lane, Outcome
from dialer.ledger.columns import word
from dialer.ledger.rows import LANE, MAX_RETRIES, batch_of, cohort_of
from dialer.ledger.tables import attempts, batches, calls, cohorts, decisions, live
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
        c = calls.c
        count, spent = func.count(), func.sum(c.attempts_spent)
        query = select(c.state, c.close_reason, c.outcome, count, spent).where(c.batch_id == batch_id)
        with self._transactions.read() as connection:
            groups = connection.execute(query.group_by(c.state, c.close_reason, c.outcome)).all()
            held, last_minute = _at_providers(connection, batch_id)
        states, closed, outcomes = (dict.fromkeys(kind, 0) for kind in (CallState, CloseReason, Outcome))
        for state, reason, outcome, number, _ in groups:
            states[CallState(state)] += number
            if reason is not None:
                closed[CloseReason(reason)] += number
            if outcome is not None:
                outcomes[Outcome(outcome)] += number
        total, attempted = sum(states.values()), sum(spent for *_, spent in groups)
        return Tally(total, states, closed, outcomes, attempted, held, last_minute)  # type: ignore[arg-type]

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
        where = _narrowed(phone, state, outcome, after)
        ids = _ids(batch_id, _states(state), where, limit)
        with self._transactions.read() as connection:
            wanted = connection.execute(ids).scalars().all()
            return records(connection, wanted)

    def call(self, call_id: str) -> tuple[CallRecord, Cohort, Batch] | None:
        return self._whole(_WHOLE.where(calls.c.call_id == call_id))

    def call_of(self, batch_id: str, phone: str) -> tuple[CallRecord, Cohort, Batch] | None:
        return self._whole(_WHOLE.where(calls.c.phone == phone, calls.c.batch_id == batch_id))

    def ready_cohorts(self, batch_id: str) -> list[Cohort]:
        c = calls.c
        some = select(c.call_id).where(c.cohort_id == cohorts.c.cohort_id, c.state == word(CallState.READY))
        query = select(cohorts).where(cohorts.c.batch_id == batch_id, some.correlate(cohorts).exists())
        with self._transactions.read() as connection:
            rows = connection.execute(query.order_by(cohorts.c.number)).mappings().all()
        return [cohort_of(row) for row in rows]

    def earliest_due(self, batch_id: str) -> datetime | None:
        c = calls.c
        query = select(func.min(c.due_at)).where(c.batch_id == batch_id, c.state == word(CallState.WAITING))
        with self._transactions.read() as connection:
            earliest: datetime | None = connection.execute(query).scalar_one()
        return earliest

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


def _at_providers(connection: Connection, batch_id: str) -> tuple[int, int]:
    """Calls that a provider may still hold, and placement requests recorded in the last minute."""
    a, now = attempts.c, now_of(connection)
    held = select(func.count()).where(a.batch_id == batch_id, a.held_until.is_not(None), a.held_until > now)
    lately = select(func.count()).where(a.batch_id == batch_id, a.placed_at.is_not(None), a.placed_at > now - A_MINUTE)
    return connection.execute(held).scalar_one(), connection.execute(lately).scalar_one()


def _states(state: str | None) -> Sequence[CallState]:
    if state is None:
        return tuple(CallState)
    return (CallState(state),) if state in set(CallState) else (CallState.CLOSED,)


def _narrowed(phone: str | None, state: str | None, outcome: str | None, after: str | None) -> list[Any]:
    c = calls.c
    where = []
    if phone is not None:
        where.append(c.phone == phone)
    if state is not None and state not in set(CallState):
        where.append(c.close_reason == CloseReason(state).value)
    if outcome is not None:
        where.append(c.outcome == Outcome(outcome).value)
    if after is not None:
        where.append(c.call_id > after)
    return where


def _ids(batch_id: str | None, states: Sequence[CallState], where: list[Any], limit: int) -> Any:
    """Ids in load order. A page of a batch merges the heads of its states, each read from the index in order."""
    c = calls.c
    if batch_id is None:
        narrowed = where if len(states) == len(CallState) else [*where, c.state == word(states[0])]
        return select(c.call_id).where(*narrowed).order_by(c.call_id).limit(limit)
    heads = [
        select(c.call_id).where(c.batch_id == batch_id, c.state == word(state), *where).order_by(c.call_id).limit(limit)
        for state in states
    ]
    merged = union_all(*(select(head.subquery()) for head in heads)).subquery("merged")
    return select(merged.c.call_id).order_by(merged.c.call_id).limit(limit)


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
