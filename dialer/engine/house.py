"""The gates that are not about one number: batch, red buttons, account, scheduler, Redis, workers; read for `why` and
`explain`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from dialer.domain.batch import Batch, BatchTerms
from dialer.domain.gate import GateReading
from dialer.domain.states import BatchState, HoldScope
from dialer.errors import RedisUnreachable
from dialer.ports import Switchboard
from dialer.ports.ledger import AccountState, Hold, WorkerRow

#: A leader ticks every second; silent for this long, none is there.
SCHEDULER_SILENT = timedelta(seconds=10)
#: A balance older than this closes the guard.
BALANCE_STALE = timedelta(minutes=3)


@dataclass(frozen=True, slots=True)
class House:
    """What the gates of every batch are read from, as it stood at one moment."""

    now: datetime
    doubt: str | None
    holds: Sequence[Hold]
    configured: Collection[str]
    accounts: Mapping[str, AccountState]
    last_tick: datetime | None
    redis: GateReading
    workers: Sequence[WorkerRow]

    def gates(self, batch: Batch) -> list[GateReading]:
        """In the order in which they would have to be opened."""
        return [
            _ledger(self.doubt),
            _state(batch),
            _load(batch),
            _holds(self.holds, batch.terms),
            _account(self, batch.terms),
            _scheduler(self.last_tick, self.now),
            self.redis,
            _worker(self.workers, batch.terms),
        ]


def read_house(desk: Switchboard, now: datetime) -> House:
    return House(
        now=now,
        doubt=desk.ledger.trust.doubt(),
        holds=desk.ledger.accounts.holds(),
        configured=desk.accounts.keys(),
        accounts={state.name: state for state in desk.ledger.accounts.all()},
        last_tick=desk.ledger.workers.last_tick(),
        redis=_redis(desk),
        workers=desk.ledger.workers.all(desk.rules.timing.dead_after),
    )


def _ledger(doubt: str | None) -> GateReading:
    if doubt is not None:
        return GateReading("ledger", is_open=False, detail=doubt)
    return GateReading("ledger", is_open=True, detail="nothing says that it is a restored copy")


def _state(batch: Batch) -> GateReading:
    match batch.state:
        case BatchState.ACTIVE:
            return GateReading("batch", is_open=True, detail="active")
        case BatchState.DRAFT:
            detail = "a draft: `dialer start` begins it"
        case BatchState.PAUSED:
            who = "paused by the dialer" if batch.paused_by == "dialer" else "paused"
            detail = f"{who}: {batch.pause_reason}" if batch.pause_reason else who
        case _:
            detail = batch.state.value
    return GateReading("batch", is_open=False, detail=detail)


def _load(batch: Batch) -> GateReading:
    if batch.is_loaded:
        return GateReading("load", is_open=True, detail="a load is under way" if batch.is_loading else "loaded")
    return GateReading(
        "load", is_open=False, detail="load unfinished: it is under way, or was interrupted; then repeat it"
    )


def _holds(holds: Sequence[Hold], terms: BatchTerms) -> GateReading:
    for hold in holds:
        if hold.on and hold.is_drain:
            since = f" since {hold.since.isoformat()}" if hold.since else ""
            return GateReading("hold", is_open=False, detail=f"the dialer is drained{since}: `dialer undrain` lifts it")
        if hold.on and holds_batch(hold, terms):
            where = {
                "all": "everything is",
                "workspace": f"workspace {hold.key} is",
                "account": f"account {hold.key} is",
            }
            since = f" since {hold.since.isoformat()}" if hold.since else ""
            return GateReading("hold", is_open=False, detail=f"{where[hold.scope.value]} held (`dialer pause`){since}")
    return GateReading("hold", is_open=True, detail="no red button is pressed")


def holds_batch(hold: Hold, terms: BatchTerms) -> bool:
    match hold.scope:
        case HoldScope.ALL:
            return True
        case HoldScope.WORKSPACE:
            return hold.key == terms.name.workspace_id
        case HoldScope.ACCOUNT:
            return hold.key == terms.account


def _account(house: House, terms: BatchTerms) -> GateReading:
    if terms.account not in house.configured:
        return GateReading("account", is_open=False, detail=f"account {terms.account!r} is not in the configuration")
    state = house.accounts.get(terms.account)
    if state is None:
        return GateReading(
            "account", is_open=False, detail=f"account {terms.account} waits for a scheduler to register it"
        )
    return account_guard(state)


def account_guard(state: AccountState) -> GateReading:
    """Whether this account may place calls at all."""
    if state.stop is not None and not state.is_probing:
        detail = f"account {state.name} stopped ({state.stop.value}): {state.reason}"
        return GateReading("account", is_open=False, detail=detail, until=state.until)
    if state.minimum_balance is not None and (why := _balance(state)) is not None:
        return GateReading("account", is_open=False, detail=f"account {state.name}: {why}")
    return GateReading("account", is_open=True, detail=_probing(state) if state.is_probing else "open")


def _probing(state: AccountState) -> str:
    """In words fit for whoever waits for it to be over."""
    if state.stop is None:
        return "open"
    return f"probing with one call, after it was stopped ({state.stop.value}): {state.reason}"


def _balance(state: AccountState) -> str | None:
    if state.balance_at is None or state.read_at - state.balance_at > BALANCE_STALE:
        return "its balance could not be read within 3 minutes"
    if state.balance is not None and state.minimum_balance is not None and state.balance < state.minimum_balance:
        return f"balance {state.balance:g} is below the minimum of {state.minimum_balance:g} credits"
    return None


def _scheduler(last: datetime | None, now: datetime) -> GateReading:
    if last is not None and now - last <= SCHEDULER_SILENT:
        return GateReading("scheduler", is_open=True, detail="ticking")
    since = f"since {last.isoformat()}" if last else "ever"
    return GateReading(
        "scheduler", is_open=False, detail=f"no scheduler heartbeat {since}: is `dialer scheduler` running?"
    )


def _redis(desk: Switchboard) -> GateReading:
    try:
        stands = desk.signals.epoch_stands()
    except RedisUnreachable as error:
        return GateReading("redis", is_open=False, detail=error.message)
    detail = "reachable" if stands else "new or wiped: the scheduler has not rebuilt it yet"
    return GateReading("redis", stands, detail)


def _worker(rows: Sequence[WorkerRow], terms: BatchTerms) -> GateReading:
    serving = [row for row in rows if row.is_alive and terms.lane in row.lanes]
    if serving:
        return GateReading("worker", is_open=True, detail=f"{len(serving)} on lane {terms.lane.word}")
    return GateReading(
        "worker", is_open=False, detail=f"no worker on lane {terms.lane.word}: is `dialer worker` running?"
    )
