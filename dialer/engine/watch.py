"""How a batch stands, in one document and one line: what is left, what came of it, and why nothing dials now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from dialer.domain.batch import Batch, Cohort, CohortZones, Span
from dialer.domain.states import BatchState, CallState, Outcome
from dialer.domain.status import AccountStatus, BatchStatus
from dialer.domain.zones import zone
from dialer.engine.control import outside_state
from dialer.engine.house import account_guard, house_gates
from dialer.errors import InvalidInput
from dialer.ports import Switchboard
from dialer.ports.ledger import Tally


def status(desk: Switchboard, batch: Batch) -> BatchStatus:
    """The document of contract section 5."""
    now = desk.ledger.now()
    tally = desk.ledger.reading.tally(batch.batch_id)
    cohorts = desk.ledger.reading.ready_cohorts(batch.batch_id) or desk.ledger.batches.cohorts(batch.batch_id)
    name = batch.terms.name
    return BatchStatus(
        batch_id=batch.batch_id,
        workspace_id=name.workspace_id,
        agent_id=name.agent_id,
        batch_ref=name.batch_ref,
        state=outside_state(batch, is_begun=batch.terms.nbf <= now),
        total=tally.total,
        counts={state.value: count for state, count in tally.states.items()},
        closed={reason.value: count for reason, count in tally.closed.items()},
        outcomes={outcome.value: count for outcome, count in tally.outcomes.items() if outcome is not Outcome.UNKNOWN},
        attempts=tally.attempts,
        in_flight=tally.states[CallState.DIALING],
        why=why(desk, batch, tally, cohorts, now),
        next_open_at=next_open(batch, cohorts, now),
        rate_per_minute=float(tally.last_minute),
        eta=_eta(tally, cohorts, now),
    )


def next_open(batch: Batch, cohorts: Sequence[Cohort], now: datetime) -> datetime | None:
    """The earliest instant at which a cohort is open; now, where one is. None when it is over."""
    if batch.state in (BatchState.COMPLETED, BatchState.TERMINATED):
        return None
    return min((max(span.opens_at, now) for span, _ in _ahead(cohorts, now)), default=None)


def _ahead(cohorts: Sequence[Cohort], now: datetime) -> list[tuple[Span, CohortZones]]:
    """Spans that are not over, the first to open first."""
    ahead = [(cohort.span, cohort.zones) for cohort in cohorts if cohort.span and cohort.span.closes_at > now]
    return sorted(ahead, key=lambda pair: pair[0].opens_at)


def _eta(tally: Tally, cohorts: Sequence[Cohort], now: datetime) -> datetime | None:
    """At the pace of the last minute; none while part of what is left sleeps until its window opens."""
    if any(span.opens_at > now for span, _ in _ahead(cohorts, now)):
        return None
    left = sum(tally.states[state] for state in (CallState.WAITING, CallState.READY, CallState.QUEUED))
    if left == 0 or tally.last_minute == 0:
        return None
    return now + timedelta(minutes=left / tally.last_minute)


def why(desk: Switchboard, batch: Batch, tally: Tally, cohorts: Sequence[Cohort], now: datetime) -> str | None:
    """Why nothing dials now, in one line; None while calls go out."""
    closed = next((gate for gate in house_gates(desk, batch, now) if not gate.is_open), None)
    if closed is not None:
        until = f" (until {closed.until.isoformat()})" if closed.until else ""
        return closed.detail + until
    if batch.terms.is_template:
        return "a template: its runs are dialed, not its own calls"
    if tally.states[CallState.DIALING] or tally.states[CallState.QUEUED]:
        return None
    return _hours(batch, tally, cohorts, now) or _room(desk, batch, tally) or _rest(desk, batch, tally)


def _hours(batch: Batch, tally: Tally, cohorts: Sequence[Cohort], now: datetime) -> str | None:
    if now < batch.terms.nbf:
        return f"not before {batch.terms.nbf.isoformat()}"
    if not tally.states[CallState.READY]:
        return None
    ahead = _ahead(cohorts, now)
    if not ahead:
        return "blocked until after exp"
    span, zones = ahead[0]
    return None if span.opens_at <= now else f"blocked until {local(span.opens_at, zones.rules)}"


def local(instant: datetime, zones: Sequence[str]) -> str:
    """An instant on the clock of the first zone, with all of them named."""
    if not zones:
        return instant.isoformat()
    try:
        return f"{instant.astimezone(zone(zones[0])).isoformat()} ({', '.join(zones)})"
    except InvalidInput:  # a zone that this machine's zone data has no more
        return f"{instant.isoformat()} ({', '.join(zones)})"


def _room(desk: Switchboard, batch: Batch, tally: Tally) -> str | None:
    if not tally.states[CallState.READY]:
        return None
    account = desk.accounts[batch.terms.account]
    load = desk.ledger.release.load_of([account.name])[account.name]
    under_way = load.dialing + load.in_progress
    if under_way >= account.channels - account.test_headroom:
        return f"no free channel: {under_way} of {account.channels} of account {account.name} are in use"
    return None


def _rest(desk: Switchboard, batch: Batch, tally: Tally) -> str | None:
    states = tally.states
    if states[CallState.READY]:
        return None
    if states[CallState.WAITING]:
        due = desk.ledger.reading.earliest_due(batch.batch_id)
        return f"nothing is due before {due.isoformat()}" if due else None
    if states[CallState.IN_PROGRESS]:
        return f"all were dialed: {states[CallState.IN_PROGRESS]} in progress"
    if states[CallState.UNKNOWN]:
        return f"all were dialed: {states[CallState.UNKNOWN]} unknown, the provider is being asked"
    return None


def accounts(desk: Switchboard) -> list[AccountStatus]:
    """Every configured account with its guards and what is in use."""
    states = {state.name: state for state in desk.ledger.accounts.all()}
    loads = desk.ledger.release.load_of(list(desk.accounts))
    held = {hold.key for hold in desk.ledger.accounts.holds() if hold.on and hold.scope == "account"}
    rows = []
    for name, account in desk.accounts.items():
        state, load = states.get(name), loads[name]
        guard = account_guard(state) if state else None
        word = "stopped" if guard is None or not guard.is_open else "probing" if state and state.is_probing else "open"
        rows.append(
            AccountStatus(
                name=name,
                kind=account.kind,
                state=word,
                stop=state.stop.value if state and state.stop else None,
                reason=(state.reason if state and state.stop else None)
                or (guard.detail if guard and not guard.is_open else None),
                until=state.until if state else None,
                balance=state.balance if state else None,
                balance_at=state.balance_at if state else None,
                minimum_balance=account.minimum_balance,
                calls_per_second=account.calls_per_second,
                channels=account.channels,
                in_use=load.dialing + load.in_progress,
                queued=load.queued,
                held=name in held,
            )
        )
    return rows
