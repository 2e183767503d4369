"""What `dialer check` looks at: configuration, ledger, Redis, providers, clocks and timezone data, one line each."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version

from dialer.coordination import ServerFacts, mended_in, open_coordination
from dialer.domain.placement import Answer, Balance
from dialer.domain.status import CheckLine
from dialer.engine.balances import question
from dialer.errors import DialerError
from dialer.ports import Switchboard
from dialer.settings import Settings

#: Further apart than this, and nobody should dial.
MOST_SKEW_SECONDS = 2.0


def check_all(settings: Settings, desk: Switchboard) -> list[CheckLine]:
    """Every line, whatever the ones before it said."""
    return [
        CheckLine("configuration", ok=True, detail=f"{len(desk.accounts)} provider account(s)"),
        *_ledger(desk),
        *_redis(settings, desk),
        *_providers(desk),
        *_hours(settings),
        CheckLine("timezones", ok=True, detail=f"tzdata {version('tzdata')}"),
    ]


def _ledger(desk: Switchboard) -> Iterator[CheckLine]:
    try:
        desk.ledger.check()
        skew = abs((desk.ledger.now() - desk.clock.utc()).total_seconds())
    except DialerError as error:
        yield CheckLine("ledger", ok=False, detail=str(error))
        return
    yield CheckLine("ledger", ok=True, detail="reachable, schema up to date")
    yield CheckLine("clock", skew <= MOST_SKEW_SECONDS, f"{skew:.1f} s from the ledger's")


def _redis(settings: Settings, desk: Switchboard) -> Iterator[CheckLine]:
    try:
        redis = open_coordination(settings.redis_address())
        facts, stands_open = redis.ping(), redis.stands_open()
        redis.close()
    except DialerError as error:
        yield CheckLine("redis", ok=False, detail=str(error))
        return
    policy = facts["maxmemory_policy"]
    yield _redis_version(facts)
    yield CheckLine("redis eviction", policy == "noeviction", f"maxmemory-policy {policy}")
    if facts["persistence"] == "none":
        detail = "no persistence: harmless, but a restart then costs a rebuild"
        yield CheckLine("redis persistence", ok=True, detail=detail, is_warning=True)
    if stands_open and not settings.embeds_redis:
        detail = "open: whoever reaches it needs no password to stop or forge; see ops/redis/users.acl"
        yield CheckLine("redis access", ok=True, detail=detail, is_warning=True)
    skew = abs((facts["time"] - desk.clock.utc()).total_seconds())
    yield CheckLine("redis clock", skew <= MOST_SKEW_SECONDS, f"{skew:.1f} s from this machine's")


def _redis_version(facts: ServerFacts) -> CheckLine:
    found = f"{facts['server']} {facts['version']}"
    mended = mended_in(facts["server"], facts["version"])
    if mended is None:
        return CheckLine("redis", ok=True, detail=found)
    detail = f"{found} has known faults, mended in {mended} (or by your distribution, under the old number)"
    return CheckLine("redis", ok=True, detail=detail, is_warning=True)


def _providers(desk: Switchboard) -> Iterator[CheckLine]:
    if not desk.accounts:
        yield CheckLine("providers", ok=False, detail="no account is configured: add [providers.NAME]")
    for name, account in desk.accounts.items():
        able = desk.providers[name].capabilities
        if able.has_balance or able.can_find:
            yield _asked(f"provider {name}", question(desk.providers[name], desk.clock.utc()), account.minimum_balance)
        else:
            detail = f"{account.kind} at {account.base_url}, not asked: no harmless question"
            yield CheckLine(f"provider {name}", ok=True, detail=detail)


def _asked(name: str, told: Balance | Answer, minimum: float | None) -> CheckLine:
    match told:
        case Balance(None):
            return CheckLine(name, ok=True, detail="reachable")
        case Balance(float() | int() as credits) if minimum is not None and credits < minimum:
            detail = f"reachable, but balance {credits:g} is below its minimum of {minimum:g}: nothing is placed"
            return CheckLine(name, ok=False, detail=detail)
        case Balance(credits):
            return CheckLine(name, ok=True, detail=f"reachable, balance {credits:g}")
        case Answer(detail=detail, http_status=status):
            return CheckLine(name, ok=False, detail=f"HTTP {status}: {detail}" if status else detail)


def _hours(settings: Settings) -> Iterator[CheckLine]:
    rules = settings.house_rules()
    if rules.legal_hours:
        yield CheckLine("legal hours", ok=True, detail=", ".join(rules.legal_hours))
    else:
        detail = 'legal_hours is empty: only a batch\'s own rules keep nights quiet; consider ["*|0800-2100"]'
        yield CheckLine("legal hours", ok=True, detail=detail, is_warning=True)
