"""The figures in Prometheus' words; every process that serves them serves the same, for they are the ledger's.

Labels are accounts, lanes, and words of the glossary: never a number, a batch or a workspace.
"""

from __future__ import annotations

from collections.abc import Iterator
from threading import Lock

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from dialer.clock import SystemClock
from dialer.domain.figures import AccountFigures, Figures
from dialer.domain.states import CallState, CloseReason, Outcome, StopKind
from dialer.errors import LedgerUnreachable, SchemaOutdated
from dialer.facade import Dialer

#: Several who scrape, or one who is impatient, cost the ledger one look.
_FRESH_SECONDS = 2.0

Accounts = list[tuple[str, AccountFigures]]


class Metrics:
    """Reads the figures when somebody asks, at most every two seconds."""

    def __init__(self, dialer: Dialer) -> None:
        self._dialer = dialer
        self._clock = SystemClock()
        self._lock = Lock()
        self._text, self._read_at = b"", float("-inf")

    def text(self) -> bytes:
        with self._lock:
            if self._clock.boottime() - self._read_at >= _FRESH_SECONDS:
                self._text, self._read_at = self._rendered(), self._clock.boottime()
            return self._text

    def _rendered(self) -> bytes:
        try:
            figures = self._dialer.figures()
        except (LedgerUnreachable, SchemaOutdated):
            figures = None
        registry = CollectorRegistry()
        registry.register(_Once(figures))
        return bytes(generate_latest(registry))


class _Once(Collector):
    """One reading; None = the ledger cannot be read, which is a figure too."""

    def __init__(self, figures: Figures | None) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        up = 0.0 if self._figures is None else 1.0
        yield _gauge("dialer_ledger_up", "1 while the ledger can be read", up)
        if self._figures is not None:
            yield from _house(self._figures)
            accounts = sorted(self._figures.accounts.items())
            yield from _counts(accounts)
            yield from _guards(accounts)
            yield from _room(accounts)


def _house(figures: Figures) -> Iterator[Metric]:
    yield _gauge(
        "dialer_redis_up", "1 while Redis answers and a scheduler has set it up", float(figures.is_redis_ready)
    )
    yield _gauge("dialer_holds", "Red buttons and drains that are on, whatever their reach", float(figures.holds))
    yield _gauge("dialer_ledger_doubted", "1 while the ledger seems to be a restored copy", float(figures.is_doubted))
    notices = GaugeMetricFamily(
        "dialer_notices", "Outgoing webhooks that wait, and those that were given up", labels=["state"]
    )
    notices.add_metric(["waiting"], figures.notices_waiting)
    notices.add_metric(["dead"], figures.notices_dead)
    yield notices
    if figures.last_tick is not None:
        ticked = figures.last_tick.timestamp()
        yield _gauge("dialer_scheduler_last_tick_timestamp_seconds", "When the leading scheduler ticked last", ticked)
        age = (figures.at - figures.last_tick).total_seconds()
        yield _gauge("dialer_scheduler_tick_age_seconds", "Seconds since the leading scheduler ticked", age)
    workers = GaugeMetricFamily("dialer_workers", "Workers with a fresh heartbeat, by lane", labels=["lane"])
    ahead = GaugeMetricFamily("dialer_look_ahead", "Calls that were pushed and not claimed, by lane", labels=["lane"])
    for lane, count in figures.workers.items():
        workers.add_metric([lane.word], count)
        ahead.add_metric([lane.word], figures.look_ahead[lane])
    yield workers
    yield ahead


def _counts(accounts: Accounts) -> Iterator[Metric]:
    ended = CounterMetricFamily("dialer_attempts", "Attempts that ended, by outcome", labels=["account", "outcome"])
    closed = CounterMetricFamily("dialer_calls_closed", "Calls that closed, by reason", labels=["account", "reason"])
    flight = GaugeMetricFamily("dialer_calls_in_flight", "Calls by state", labels=["account", "state"])
    unknown = GaugeMetricFamily("dialer_unknowns", "Calls that may or may not have been placed", labels=["account"])
    lag = GaugeMetricFamily(
        "dialer_due_lag_seconds", "For how long the longest overdue call is due", labels=["account"]
    )
    for name, figures in accounts:
        for outcome in Outcome:
            ended.add_metric([name, outcome.value], figures.attempts.get(outcome, 0))
        ended.add_metric([name, CloseReason.HANDED_OFF.value], figures.closed.get(CloseReason.HANDED_OFF, 0))
        for reason in CloseReason:
            closed.add_metric([name, reason.value], figures.closed.get(reason, 0))
        for state in (CallState.QUEUED, CallState.DIALING, CallState.IN_PROGRESS, CallState.UNKNOWN):
            flight.add_metric([name, state.value], figures.in_flight.get(state, 0))
        unknown.add_metric([name], figures.in_flight.get(CallState.UNKNOWN, 0))
        lag.add_metric([name], figures.due_lag.total_seconds())
    yield from (ended, closed, flight, unknown, lag)


def _guards(accounts: Accounts) -> Iterator[Metric]:
    stopped = GaugeMetricFamily("dialer_account_stopped", "1 while this stops the account", labels=["account", "stop"])
    held = GaugeMetricFamily("dialer_account_held", "1 while the account's red button is pressed", labels=["account"])
    balance = GaugeMetricFamily("dialer_account_balance_credits", "Credits left, where told", labels=["account"])
    for name, figures in accounts:
        for stop in StopKind:
            stopped.add_metric([name, stop.value], float(figures.stop is stop))
        held.add_metric([name], float(figures.is_held))
        if figures.balance is not None:
            balance.add_metric([name], figures.balance)
    yield from (stopped, held, balance)


def _room(accounts: Accounts) -> Iterator[Metric]:
    permits = GaugeMetricFamily("dialer_permits", "Channels in use, by Redis' book", labels=["account"])
    channels = GaugeMetricFamily("dialer_channels", "Channels that there are", labels=["account"])
    pace = GaugeMetricFamily("dialer_calls_per_second", "New calls allowed in a second", labels=["account"])
    for name, figures in accounts:
        if figures.permits is not None:
            permits.add_metric([name], figures.permits)
        channels.add_metric([name], figures.channels)
        pace.add_metric([name], figures.calls_per_second)
    yield from (permits, channels, pace)


def _gauge(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(name, words, value=value)
