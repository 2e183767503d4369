"""Why is this number not being dialed now, and when will it be: every gate with its verdict, and the one that holds
it."""

from __future__ import annotations

from datetime import datetime

from dialer.domain.batch import Batch, Cohort
from dialer.domain.call import CallRecord
from dialer.domain.gate import Applicant, GateReading, readings, timetable
from dialer.domain.states import DIALABLE_STATES, CallState, CloseReason
from dialer.domain.status import Explanation, Gate, ZoneWeek
from dialer.domain.window import spans
from dialer.engine.house import read_house
from dialer.engine.rows import RowError, zones_for
from dialer.engine.unforeseen import unforeseen
from dialer.ports import Switchboard


def explain(desk: Switchboard, record: CallRecord, cohort: Cohort, batch: Batch) -> Explanation:
    """Read every gate of one call, as the worker would right before the request."""
    now = desk.ledger.now()
    gates = [*read_house(desk, now).gates(batch), *_own_gates(desk, record, cohort, batch, now)]
    closed = [gate for gate in gates if not gate.is_open]
    return Explanation(
        batch_id=batch.batch_id,
        call_id=record.call_id,
        phone=record.phone,
        state=record.state.value,
        why=_why(record, closed, batch),
        next_eligible_at=_next_eligible(desk, record, cohort, batch, closed, now),
        gates=tuple(Gate(gate.gate, "open" if gate.is_open else "closed", gate.detail, gate.until) for gate in gates),
        attempts=record.attempts,
    )


def _own_gates(desk: Switchboard, record: CallRecord, cohort: Cohort, batch: Batch, now: datetime) -> list[GateReading]:
    own = _call_state(record, now)
    try:
        return [own, *readings(applicant_of(desk, record, cohort, batch), now)]
    except Exception as error:  # noqa: BLE001 - a row that cannot be read is to be seen all the same
        return [own, GateReading("hours", is_open=False, detail=unforeseen(error, "reading its gates").why)]


def applicant_of(desk: Switchboard, record: CallRecord, cohort: Cohort, batch: Batch) -> Applicant:
    workspace = batch.terms.name.workspace_id
    try:
        zones = zones_for(record.phone, record.timezone, batch.terms.timezone, desk.rules)
    except RowError:
        zones = cohort.zones
    return Applicant(
        terms=batch.terms,
        zones=zones,
        legal_hours=desk.rules.legal_hours,
        suppression=desk.ledger.suppressions.of([record.phone], workspace).get(record.phone),
        attempts_spent=record.attempts_spent,
        max_retries=record.max_retries,
    )


def _call_state(record: CallRecord, now: datetime) -> GateReading:
    match record.state:
        case CallState.CLOSED:
            reason = record.close_reason.value if record.close_reason else "closed"
            told = f": {record.why}" if record.close_reason is CloseReason.UNRESOLVED and record.why else ""
            return GateReading("call", is_open=False, detail=f"closed: {reason}{told}")
        case CallState.WAITING if record.due_at is None:
            return GateReading("call", is_open=False, detail="belongs to a template: its runs are dialed")
        case CallState.WAITING if record.due_at is not None and record.due_at > now:
            detail = f"waiting until {record.due_at.isoformat()}" + (f": {record.why}" if record.why else "")
            return GateReading("call", is_open=False, detail=detail, until=record.due_at)
        case CallState.UNKNOWN:
            return GateReading(
                "call", is_open=False, detail="unknown whether a request placed it: the provider is being asked"
            )
        case CallState.DIALING | CallState.IN_PROGRESS:
            return GateReading("call", is_open=False, detail="is being called right now")
        case _:
            return GateReading("call", is_open=True, detail=record.state.value)


def _why(record: CallRecord, closed: list[GateReading], batch: Batch) -> str | None:
    """The call's own state says most where it is no longer to be dialed; else the first gate that holds it."""
    if record.state not in DIALABLE_STATES:
        return next(gate.detail for gate in closed if gate.gate == "call")
    # A gate that opens last says most truly what the number waits for; those without an end come first.
    lasting = [gate for gate in closed if gate.until is None]
    if lasting:
        return lasting[0].detail
    return max(closed, key=lambda gate: gate.until or batch.terms.exp).detail if closed else None


def _next_eligible(
    desk: Switchboard, record: CallRecord, cohort: Cohort, batch: Batch, closed: list[GateReading], now: datetime
) -> datetime | None:
    """The earliest instant at which every gate that has an end is open; None when one has none."""
    if record.state not in DIALABLE_STATES or any(gate.until is None for gate in closed):
        return None
    earliest = max([now, batch.terms.nbf, *(gate.until for gate in closed if gate.until is not None)])
    zones = applicant_of(desk, record, cohort, batch).zones
    return timetable(batch.terms, zones, desk.rules.legal_hours).next_open(earliest, batch.terms.exp)


def weeks(desk: Switchboard, batch: Batch, start: datetime, end: datetime) -> list[ZoneWeek]:
    """The open spans of every zone set of a batch."""
    drawn = []
    for cohort in desk.ledger.batches.cohorts(batch.batch_id):
        hours = timetable(batch.terms, cohort.zones, desk.rules.legal_hours)
        begin, finish = max(start, batch.terms.nbf), min(end, batch.terms.exp)
        zones = tuple(dict.fromkeys(cohort.zones.rules + cohort.zones.legal))
        drawn.append(ZoneWeek(zones, tuple(spans(hours, begin, finish)) if begin < finish else (), start, end))
    return drawn
