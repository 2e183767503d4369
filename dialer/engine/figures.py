"""Gathers the figures: counts from the ledger, guards from the house's gates, channels in use from Redis; and whether
all three rooms are there."""

from __future__ import annotations

from collections import Counter

from dialer.domain.figures import AccountFigures, Figures, LedgerFigures
from dialer.domain.states import HoldScope, Lane
from dialer.engine.house import House, read_house
from dialer.errors import LedgerUnreachable, RedisUnreachable, SchemaOutdated
from dialer.ports import Switchboard


def read(desk: Switchboard) -> Figures:
    """LedgerUnreachable. Without Redis, what it would have said is missing."""
    house = read_house(desk, desk.ledger.now())
    counted = desk.ledger.gauges.read()
    return Figures(
        at=house.now,
        accounts={name: _account(desk, house, counted, name) for name in desk.accounts},
        look_ahead=counted.look_ahead,
        workers=_workers(house),
        last_tick=house.last_tick,
        is_redis_ready=house.redis.is_open,
        holds=sum(hold.on for hold in house.holds),
        is_doubted=house.doubt is not None,
        notices_waiting=counted.notices_waiting,
        notices_dead=counted.notices_dead,
    )


def _account(desk: Switchboard, house: House, counted: LedgerFigures, name: str) -> AccountFigures:
    account, state = desk.accounts[name], house.accounts.get(name)
    return AccountFigures(
        attempts=counted.attempts.get(name, {}),
        closed=counted.closed.get(name, {}),
        in_flight=counted.in_flight.get(name, {}),
        channels=account.channels,
        calls_per_second=account.calls_per_second,
        permits=_permits(desk, name) if house.redis.is_open else None,
        stop=state.stop if state else None,
        is_held=any(hold.on and hold.scope is HoldScope.ACCOUNT and hold.key == name for hold in house.holds),
        balance=state.balance if state else None,
        due_lag=counted.due_lag.get(name, AccountFigures().due_lag),
    )


def _permits(desk: Switchboard, name: str) -> int | None:
    try:
        return desk.admission.held(name)
    except RedisUnreachable:
        return None


def _workers(house: House) -> dict[Lane, int]:
    alive = Counter(lane for worker in house.workers if worker.is_alive for lane in worker.lanes)
    return {lane: alive[lane] for lane in Lane}


def readiness(desk: Switchboard) -> dict[str, str]:
    """Ledger, schema and Redis, in a word each: ok, or what is wrong."""
    redis = _redis(desk)
    try:
        desk.ledger.check()
    except LedgerUnreachable:
        return {"ledger": "unreachable", "schema": "unknown", "redis": redis}
    except SchemaOutdated:
        return {"ledger": "ok", "schema": "outdated", "redis": redis}
    return {"ledger": "ok", "schema": "ok", "redis": redis}


def _redis(desk: Switchboard) -> str:
    try:
        return "ok" if desk.signals.epoch_stands() else "waits for a scheduler"
    except RedisUnreachable:
        return "unreachable"
