"""Is this ledger the latest? A restored backup forgot who was dialed since: until an operator speaks, nobody is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from dialer.domain.batch import Batch, Cohort
from dialer.domain.gate import timetable
from dialer.domain.states import BatchState
from dialer.engine.recur import run_schedules
from dialer.errors import FieldError, LoadRefused, RedisUnreachable
from dialer.ports import Switchboard

#: A tick and the memory of it are written one after the other, by clocks that may be a little apart.
SLACK = timedelta(seconds=5)
#: An empty Redis cannot vouch for a ledger whose scheduler was silent for so long.
SILENCE = timedelta(minutes=10)
CHUNK = 500
AT_WORK = "`dialer restored` is at work, or was interrupted: then repeat it"
#: A draft may have been begun since.
_MAY_HAVE_DIALED = (BatchState.DRAFT, BatchState.ACTIVE, BatchState.PAUSED)


def weigh(desk: Switchboard) -> str | None:
    """Read at the start of each tick: why nothing may be released, and what Redis remembers from here on."""
    if (doubt := desk.ledger.trust.doubt()) is not None:
        return doubt
    ledger_id = desk.ledger.ledger_id
    # In this order: whoever is frozen in between, while another leads, must not take the other's tick for a lost one.
    now, seen = desk.ledger.now(), desk.signals.witnessed_tick(ledger_id)
    last = desk.ledger.workers.last_tick()
    why = _suspicion(last, seen, now)
    if why is not None:
        desk.ledger.trust.raise_doubt(why)
        return why
    if last is not None:
        desk.signals.witness_tick(ledger_id, last)
    return None


def _suspicion(last: datetime | None, seen: datetime | None, now: datetime) -> str | None:
    advice = "after restoring a backup say `dialer restored --taken-at T`, otherwise `dialer confirm-ledger`"
    if seen is not None and (last is None or last < seen - SLACK):
        had = last.isoformat() if last else "never"
        return f"the ledger is older than what Redis saw of it (last tick {had}, seen {seen.isoformat()}): {advice}"
    if seen is None and last is not None and now - last > SILENCE:
        return f"Redis is empty and the ledger's last tick is from {last.isoformat()}: {advice}"
    return None


@dataclass(frozen=True, slots=True)
class RestoreReport:
    """What a restored ledger may have forgotten: calls that are asked about, and those that only a person can tell."""

    asked: int
    unasked: int


def confirm(desk: Switchboard) -> None:
    """An operator says that the ledger is the latest, whatever Redis remembers."""
    desk.ledger.trust.confirm()
    try:
        desk.signals.witness_tick(desk.ledger.ledger_id, desk.ledger.now())
    except RedisUnreachable:
        return  # it remembers an earlier tick, or comes back empty: neither is later than the confirmation


def restored(desk: Switchboard, taken_at: datetime) -> RestoreReport:
    """After a backup of `taken_at` was restored: every call that could have been dialed since becomes unknown.

    Where the provider can be asked, what its list does not show is dialable again; elsewhere it ends unresolved, for
    `dialer resolve`. Runs of templates that fell due since are loaded first: they may be doubles of forgotten ones.
    """
    now = desk.ledger.now()
    if taken_at > now:
        raise LoadRefused([FieldError("TIMESTAMP_INVALID", "taken_at", taken_at.isoformat(), "lies in the future")])
    desk.ledger.trust.raise_doubt(AT_WORK)
    run_schedules(desk)
    asked = unasked = 0
    after: str | None = None
    while page := desk.ledger.batches.page(None, None, after):
        for batch in page:
            count = _recover(desk, batch, taken_at, now)
            asked, unasked = (asked + count, unasked) if _can_ask(desk, batch) else (asked, unasked + count)
        after = page[-1].batch_id
    confirm(desk)
    return RestoreReport(asked, unasked)


def _can_ask(desk: Switchboard, batch: Batch) -> bool:
    provider = desk.providers.get(batch.terms.account)
    return provider is not None and provider.capabilities.can_find


def _recover(desk: Switchboard, batch: Batch, taken_at: datetime, now: datetime) -> int:
    if batch.state not in _MAY_HAVE_DIALED or batch.terms.is_template:
        return 0
    found = 0
    for cohort in desk.ledger.batches.cohorts(batch.batch_id):
        if _was_open(desk, batch, cohort, taken_at, now):
            while recovered := desk.ledger.trust.recover(cohort, taken_at, CHUNK):
                found += recovered
    return found


def _was_open(desk: Switchboard, batch: Batch, cohort: Cohort, taken_at: datetime, now: datetime) -> bool:
    """Whether anybody of the cohort may have been dialed between the backup and now."""
    # A batch that was loaded again since need not have begun when it says: the forgotten one had an nbf of its own.
    is_younger = batch.created_at > taken_at and batch.terms.nbf <= now
    start, end = taken_at if is_younger else max(taken_at, batch.terms.nbf), min(now, batch.terms.exp)
    try:
        hours = timetable(batch.terms, cohort.zones, desk.rules.legal_hours)
        return start < end and hours.next_open(start, end) is not None
    except Exception:  # noqa: BLE001 - hours that cannot be read today may have been open then
        return start < end
