"""Reads the whole dialer at a glance, in as many questions as for one batch, and says what is wrong first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from dialer.domain.glance import Glance, LaneGlance, WorkerGlance
from dialer.domain.states import HoldScope, Lane
from dialer.domain.upkeep import Alert
from dialer.engine import watch
from dialer.engine.alerting import is_silent
from dialer.engine.house import SCHEDULER_SILENT
from dialer.errors import RedisUnreachable
from dialer.ports import Switchboard
from dialer.ports.ledger import Hold, WorkerRow

#: A worker that is gone is shown for so long.
GONE_SHOWN = timedelta(minutes=10)
BATCHES_SHOWN = 50


def glance(desk: Switchboard, workspace_id: str | None = None, limit: int = BATCHES_SHOWN) -> Glance:
    """Needs the ledger only; a Redis that is away is one of the things that are wrong."""
    ledger = desk.ledger
    now, holds, alerts = ledger.now(), [hold for hold in ledger.accounts.holds() if hold.on], ledger.alerts.open()
    lease, rows = ledger.overview.lease(), ledger.workers.all(desk.rules.timing.dead_after)
    open_batches, count = ledger.overview.open_batches(workspace_id, limit)
    workers = tuple(_workers(rows, ledger.overview.dialing_by_worker(), now))
    lanes = _lanes(ledger.overview.queued_by_lane(), rows)
    redis = _redis(desk)
    is_ticking = lease.ticked_at is not None and now - lease.ticked_at <= SCHEDULER_SILENT
    return Glance(
        at=now,
        scheduler=lease.holder,
        last_tick_seconds=None if lease.ticked_at is None else (now - lease.ticked_at).total_seconds(),
        is_ticking=is_ticking,
        redis=redis,
        drained_since=next((hold.since for hold in holds if hold.is_drain), None),
        held=tuple(_held(hold) for hold in holds if not hold.is_drain),
        in_flight={state.value: number for state, number in ledger.overview.in_flight().items()},
        lanes=lanes,
        workers=workers,
        accounts=tuple(watch.accounts(desk)),
        batches=tuple(watch.statuses(desk, open_batches)) if open_batches else (),
        open_batches=count,
        alerts=tuple(alerts),
        wrong=tuple(_wrong(desk, lease.ticked_at, redis, lanes, workers, alerts, now)),
    )


def _redis(desk: Switchboard) -> str | None:
    try:
        return None if desk.signals.epoch_stands() else "new or wiped: the scheduler has not rebuilt it yet"
    except RedisUnreachable as error:
        return error.message


def _held(hold: Hold) -> str:
    return "all" if hold.scope is HoldScope.ALL else f"{hold.scope.value} {hold.key}"


def _lanes(queued: dict[Lane, int], rows: Sequence[WorkerRow]) -> tuple[LaneGlance, ...]:
    return tuple(
        LaneGlance(lane.word, queued.get(lane, 0), sum(row.is_alive and lane in row.lanes for row in rows))
        for lane in Lane
    )


def _workers(rows: Sequence[WorkerRow], dialing: dict[str, int], now: datetime) -> Iterator[WorkerGlance]:
    for row in sorted(rows, key=lambda row: (not row.is_alive, row.worker)):
        silent = now - row.beat_at
        if row.is_alive or silent <= GONE_SHOWN or dialing.get(row.worker):
            state = "alive" if row.is_alive else "stopped" if row.is_stopped else "silent"
            lanes = tuple(lane.word for lane in row.lanes)
            seconds = max(0.0, silent.total_seconds())
            yield WorkerGlance(row.worker, state, lanes, dialing.get(row.worker, 0), seconds, row.revision)


def _wrong(
    desk: Switchboard,
    ticked_at: datetime | None,
    redis: str | None,
    lanes: Sequence[LaneGlance],
    workers: Sequence[WorkerGlance],
    alerts: Sequence[Alert],
    now: datetime,
) -> Iterator[str]:
    if (doubt := desk.ledger.trust.doubt()) is not None:
        yield f"the ledger is in doubt: {doubt}"
    if ticked_at is None:
        yield "no scheduler ever ticked: is `dialer scheduler` running?"
    elif now - ticked_at > SCHEDULER_SILENT:
        lost = "lost" if is_silent(desk, ticked_at, now) else "silent"
        yield f"scheduler {lost}: no tick for {(now - ticked_at).total_seconds():.0f} s"
    if redis is not None:
        yield f"redis: {redis}"
    for lane in lanes:
        if not lane.workers and (lane.queued or lane.lane == Lane.NORMAL.word):
            yield f"no worker on lane {lane.lane}" + (f", {lane.queued} queued" if lane.queued else "")
    for worker in workers:
        if worker.state == "silent" and worker.dialing:
            yield f"worker {worker.worker} is silent and left {worker.dialing} claims"
    for alert in alerts:
        yield alert.detail
