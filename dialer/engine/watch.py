"""How a batch stands, in one document and one line: what is left, what came of it, and why nothing dials now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from dialer.domain.batch import Batch, Cohort, CohortZones, Span
from dialer.domain.gate import GateReading
from dialer.domain.states import BatchState, CallState, Outcome
from dialer.domain.status import AccountStatus, BatchStatus
from dialer.domain.zones import zone
from dialer.engine.control import outside_state
from dialer.engine.house import account_guard, read_house
from dialer.errors import InvalidInput
from dialer.ports import Switchboard
from dialer.ports.ledger import AccountLoad, Tally

_OVER = (BatchState.COMPLETED, BatchState.TERMINATED)


@dataclass(frozen=True, slots=True)
class View:
    """All that is known of one batch, read together with other batches'."""

    batch: Batch
    tally: Tally
    #: those with something ready; where none has, all of them
    cohorts: Sequence[Cohort]
    #: the earliest retry or deferral of a batch in which nothing is due
    first_due: datetime | None
    #: the closed gates that are not about one number
    closed: Sequence[GateReading]
    #: what its account has in use
    load: AccountLoad
    now: datetime


def status(desk: Switchboard, batch: Batch) -> BatchStatus:
    """The document of contract section 5."""
    return statuses(desk, [batch])[0]


def statuses(desk: Switchboard, batches: Sequence[Batch]) -> list[BatchStatus]:
    """Of many batches, in as many questions to the ledger as for one."""
    return [_status(desk, view) for view in views(desk, batches)]


def views(desk: Switchboard, batches: Sequence[Batch]) -> list[View]:
    reading, now = desk.ledger.reading, desk.ledger.now()
    house = read_house(desk, now)
    tallies = reading.tallies([batch.batch_id for batch in batches])
    cohorts = reading.cohorts([batch.batch_id for batch in batches if batch.state not in _OVER])
    first_due = reading.earliest_due([batch_id for batch_id, tally in tallies.items() if _only_waits(tally)])
    loads = desk.ledger.release.load_of(sorted({batch.terms.account for batch in batches}))
    return [
        View(
            batch=batch,
            tally=tallies[batch.batch_id],
            cohorts=_telling(cohorts.get(batch.batch_id, [])),
            first_due=first_due.get(batch.batch_id),
            closed=[gate for gate in house.gates(batch) if not gate.is_open],
            load=loads[batch.terms.account],
            now=now,
        )
        for batch in batches
    ]


def _only_waits(tally: Tally) -> bool:
    return bool(tally.states[CallState.WAITING]) and not tally.states[CallState.READY]


def _telling(cohorts: Sequence[tuple[Cohort, bool]]) -> list[Cohort]:
    return [cohort for cohort, has_ready in cohorts if has_ready] or [cohort for cohort, _ in cohorts]


def _status(desk: Switchboard, view: View) -> BatchStatus:
    batch, tally, now = view.batch, view.tally, view.now
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
        why=why(desk, view),
        next_open_at=next_open(view),
        rate_per_minute=float(tally.last_minute),
        eta=_eta(view),
    )


def next_open(view: View) -> datetime | None:
    """The earliest instant at which a cohort is open; now, where one is. None when it is over."""
    return min((max(span.opens_at, view.now) for span, _ in _ahead(view)), default=None)


def _ahead(view: View) -> list[tuple[Span, CohortZones]]:
    """Spans that are not over, the first to open first."""
    spans = [(cohort.span, cohort.zones) for cohort in view.cohorts if cohort.span and cohort.span.closes_at > view.now]
    return sorted(spans, key=lambda pair: pair[0].opens_at)


def _eta(view: View) -> datetime | None:
    """At the pace of the last minute; none while part of what is left sleeps until its window opens."""
    tally, now = view.tally, view.now
    if view.batch.state in _OVER or any(span.opens_at > now for span, _ in _ahead(view)):
        return None
    left = sum(tally.states[state] for state in (CallState.WAITING, CallState.READY, CallState.QUEUED))
    if left == 0 or tally.last_minute == 0:
        return None
    return now + timedelta(minutes=left / tally.last_minute)


def why(desk: Switchboard, view: View) -> str | None:
    """Why nothing dials now, in one line; None while calls go out."""
    if view.closed:
        gate = view.closed[0]
        until = f" (until {gate.until.isoformat()})" if gate.until else ""
        return gate.detail + until
    if view.batch.terms.is_template:
        return "a template: its runs are dialed, not its own calls"
    if view.tally.states[CallState.DIALING] or view.tally.states[CallState.QUEUED]:
        return None
    return _hours(view) or _room(desk, view) or _rest(view)


def _hours(view: View) -> str | None:
    nbf = view.batch.terms.nbf
    if view.now < nbf:
        return f"not before {nbf.isoformat()}"
    if not view.tally.states[CallState.READY]:
        return None
    ahead = _ahead(view)
    if not ahead:
        return "blocked until after exp"
    span, zones = ahead[0]
    return None if span.opens_at <= view.now else f"blocked until {local(span.opens_at, zones.rules)}"


def local(instant: datetime, zones: Sequence[str]) -> str:
    """An instant on the clock of the first zone, with all of them named."""
    if not zones:
        return instant.isoformat()
    try:
        return f"{instant.astimezone(zone(zones[0])).isoformat()} ({', '.join(zones)})"
    except InvalidInput:  # a zone that this machine's zone data has no more
        return f"{instant.isoformat()} ({', '.join(zones)})"


def _room(desk: Switchboard, view: View) -> str | None:
    if not view.tally.states[CallState.READY]:
        return None
    account = desk.accounts[view.batch.terms.account]
    under_way = view.load.dialing + view.load.in_progress
    if under_way >= account.channels - account.test_headroom:
        return f"no free channel: {under_way} of {account.channels} of account {account.name} are in use"
    return None


def _rest(view: View) -> str | None:
    states = view.tally.states
    if states[CallState.READY]:
        return None
    if states[CallState.WAITING]:
        return f"nothing is due before {view.first_due.isoformat()}" if view.first_due else None
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
