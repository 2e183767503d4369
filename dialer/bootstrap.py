"""From Settings to the Switchboard: the only room that knows all the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from dialer.alarms import CommandAlarm, WebhookAlarm
from dialer.clock import SystemClock
from dialer.coordination import Coordination, open_coordination
from dialer.domain.address import parse_network
from dialer.domain.call import Queued
from dialer.domain.states import Lane
from dialer.errors import RedisUnreachable
from dialer.ledger import migrate, open_ledger
from dialer.ports import Admission, CallQueue, Ledger, Signals, Switchboard, Throttle
from dialer.ports.courier import Courier
from dialer.ports.upkeep import Alarm
from dialer.providers.courier import WebhookCourier
from dialer.providers.registry import build
from dialer.settings import Settings, fingerprint

_SQLITE = "sqlite:///"


class _Redis:
    """Redis found when it is first needed: loading and controlling go on without it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.found: Coordination | None = None

    def get(self) -> Coordination:
        if self.found is None:
            self.found = open_coordination(self._settings.redis_address())
        return self.found


class _Late:
    """One port of a Redis that may not be there yet."""

    def __init__(self, redis: _Redis, port: str) -> None:
        self._redis, self._port = redis, port

    def __getattr__(self, verb: str) -> Any:
        if (coordination := self._redis.found) is not None:
            known = getattr(getattr(coordination, self._port), verb)
            setattr(self, verb, known)  # from now on it is not looked for
            return known

        def call(*arguments: Any, **named: Any) -> Any:
            return getattr(getattr(self._redis.get(), self._port), verb)(*arguments, **named)

        return call


class NoQueue:
    """The CallQueue of a process that never pushes: the scheduler does."""

    def push(self, calls: Sequence[Queued]) -> None:
        raise RedisUnreachable("this process has no queue: only the scheduler pushes")

    def depths(self) -> Mapping[Lane, int]:
        return {}

    def tell(self, notice_ids: Sequence[str]) -> None:
        raise RedisUnreachable("this process has no queue: only the scheduler pushes")

    def untold(self) -> int:
        return 0


def open_own_ledger(settings: Settings) -> Ledger:
    """The ledger, its schema checked; a new SQLite file gets its schema at once. SchemaOutdated, LedgerUnreachable."""
    url = settings.ledger_url()
    if url.startswith(_SQLITE):
        path = Path(url.removeprefix(_SQLITE))
        if not path.exists() or path.stat().st_size == 0:
            migrate(url)
    ledger = open_ledger(url)
    try:
        ledger.check()
    except Exception:
        ledger.close()
        raise
    return ledger


def open_courier(settings: Settings) -> Courier:
    """For a process that tells agents' owners how their calls ended."""
    return WebhookCourier(SystemClock().boottime, [parse_network(text) for text in settings.webhook_allow])


def alarms_of(settings: Settings) -> tuple[Alarm, ...]:
    """Whom the configuration names to be told of alerts."""
    alarms: list[Alarm] = []
    if url := settings.alert_webhook.get_secret_value():
        alarms.append(WebhookAlarm(url))
    if settings.alert_command:
        alarms.append(CommandAlarm(settings.alert_command))
    return tuple(alarms)


def open_switchboard(settings: Settings, queue: CallQueue | None = None) -> Switchboard:
    """Every port of one process. A process with a queue dials, and so makes its accounts known to the ledger."""
    accounts = settings.accounts()
    providers = {name: build(account) for name, account in accounts.items()}
    ledger = open_own_ledger(settings)
    redis = _Redis(settings)
    desk = Switchboard(
        ledger=ledger,
        admission=cast(Admission, _Late(redis, "admission")),
        signals=cast(Signals, _Late(redis, "signals")),
        queue=queue or NoQueue(),
        clock=SystemClock(),
        accounts=accounts,
        providers=providers,
        rules=settings.house_rules(),
        alarms=alarms_of(settings),
        throttle=cast(Throttle, _Late(redis, "throttle")),
    )
    if queue is not None:
        for account in accounts.values():
            ledger.accounts.ensure(account.name, account.minimum_balance, fingerprint(account))
    return desk
