"""What is wrong enough to call somebody, and who is called: once when it begins, once when it is over.

The leading scheduler looks at accounts and batches. Whether a scheduler ticks at all, every worker and every scheduler
that stands by looks, and whoever looks tells. What was told is in the ledger, so that a restart tells nothing again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from dialer.domain.phone import without_numbers
from dialer.domain.states import BatchState, StopKind
from dialer.domain.upkeep import Alert, AlertKind, Condition, Tiding
from dialer.engine.control import DIALER
from dialer.engine.guards import LEFT_UNANSWERED
from dialer.engine.house import account_guard
from dialer.engine.recording import doubled
from dialer.failpoints import reached
from dialer.ports import Switchboard
from dialer.ports.ledger import AccountState

#: Of the leader; the rest is everybody's.
HOUSE = (AlertKind.ACCOUNT_STOPPED, AlertKind.CREDIT_GUARD, AlertKind.BATCH_PAUSED, AlertKind.UNKNOWN_CAP)
#: A throttled account goes on by itself; for so long in a row, it is worth a look.
THROTTLED_FOR = timedelta(minutes=1)
#: As many times the patience with a silent worker: a restart takes no longer.
SILENT_TIMES = 3
AT_ONCE = 20
FIRST_PAUSE, LAST_PAUSE = timedelta(seconds=10), timedelta(minutes=10)
#: With these pauses, a day.
MOST_TRIES = 150
_DETAIL_CHARS = 500


@dataclass
class Watch:
    """One process' looks at one set of kinds."""

    kinds: tuple[AlertKind, ...]
    _seen: set[tuple[AlertKind, str]] = field(default_factory=set)

    def observe(self, desk: Switchboard, found: list[Condition]) -> list[Alert]:
        """What is only seen once passes: a balance is not read yet, a scheduler takes over. Returns what began or
        ended."""
        sure = self._seen | {alert.key for alert in desk.ledger.alerts.open()}
        self._seen = {condition.key for condition in found}
        channels = [alarm.channel for alarm in desk.alarms]
        return desk.ledger.alerts.observe(self.kinds, [each for each in found if each.key in sure], channels)


def house_watch() -> Watch:
    return Watch(HOUSE)


def scheduler_watch() -> Watch:
    return Watch((AlertKind.SCHEDULER_LOST,))


def watch_house(desk: Switchboard, watch: Watch) -> list[Alert]:
    """Accounts and batches, by the leader."""
    return watch.observe(desk, [*_accounts(desk), *_batches(desk)])


def watch_scheduler(desk: Switchboard, watch: Watch) -> list[Alert]:
    """Whether a scheduler ticks, by whoever is there."""
    return watch.observe(desk, list(_scheduler(desk)))


@dataclass(frozen=True, slots=True)
class Rung:
    """What came of one tiding, for the log. `why` None = it was told."""

    tiding: Tiding
    why: str | None


def ring(desk: Switchboard) -> list[Rung]:
    """Ring for what is due. Takes as long as the alarms take: never called in a tick."""
    alarms = {alarm.channel: alarm for alarm in desk.alarms}
    done = []
    for tiding in desk.ledger.alerts.due(list(alarms), AT_ONCE) if alarms else []:
        why = alarms[tiding.channel].tell(tiding)
        reached("alerts.told")
        if why is None:
            desk.ledger.alerts.told(tiding.tiding_id)
        else:
            is_last = tiding.tries + 1 >= MOST_TRIES
            pause = None if is_last else doubled(FIRST_PAUSE, tiding.tries, LAST_PAUSE)
            desk.ledger.alerts.later(tiding.tiding_id, pause, why)
        done.append(Rung(tiding, why))
    return done


def _accounts(desk: Switchboard) -> Iterator[Condition]:
    for state in desk.ledger.accounts.all():
        if state.name in desk.accounts and (kind := _stop(state)) is not None:
            yield _condition(kind, state.name, _words(state))


def _stop(state: AccountState) -> AlertKind | None:
    """While it is probed, too: the stop is over when a call was accepted."""
    match state.stop:
        case StopKind.AUTH | StopKind.BREAKER:
            return AlertKind.ACCOUNT_STOPPED
        case StopKind.THROTTLED:
            is_long = state.since is not None and state.read_at - state.since >= THROTTLED_FOR
            return AlertKind.ACCOUNT_STOPPED if is_long else None
        case StopKind.CREDIT:
            return AlertKind.CREDIT_GUARD
        case None:
            return None if account_guard(state).is_open else AlertKind.CREDIT_GUARD


def _words(state: AccountState) -> str:
    if state.stop is None:
        return account_guard(state).detail
    return f"account {state.name} stopped ({state.stop.value}): {state.reason}"


def _batches(desk: Switchboard) -> Iterator[Condition]:
    for batch in desk.ledger.batches.controlled():
        if batch.state is BatchState.PAUSED and batch.paused_by == DIALER:
            reason = batch.pause_reason or ""
            kind = AlertKind.UNKNOWN_CAP if LEFT_UNANSWERED in reason else AlertKind.BATCH_PAUSED
            yield _condition(kind, batch.batch_id, f"batch {batch.terms.name} paused by the dialer: {reason}")


def _scheduler(desk: Switchboard) -> Iterator[Condition]:
    last = desk.ledger.workers.last_tick()
    if last is not None and is_silent(desk, last, desk.ledger.now()):
        yield _condition(AlertKind.SCHEDULER_LOST, "", f"no scheduler has ticked since {last.isoformat()}")


def is_silent(desk: Switchboard, last: datetime, now: datetime) -> bool:
    return now - last > SILENT_TIMES * desk.rules.timing.dead_after


def _condition(kind: AlertKind, subject: str, words: str) -> Condition:
    return Condition(kind, subject, without_numbers(words)[:_DETAIL_CHARS])
