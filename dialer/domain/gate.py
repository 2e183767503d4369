"""May this number be dialed at this instant: one pure decision, read again before every request; signals are not its
business."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from dialer.domain.batch import BatchTerms, CohortZones, Span
from dialer.domain.call import Suppression
from dialer.domain.retry import attempts_allowed
from dialer.domain.states import CloseReason
from dialer.domain.window import Hours, Timetable
from dialer.domain.zones import zone


@dataclass(frozen=True, slots=True)
class Dial:
    """Every gate is open."""


@dataclass(frozen=True, slots=True)
class Defer:
    """Not now; `until` None = when its cohort opens again."""

    until: datetime | None
    why: str


@dataclass(frozen=True, slots=True)
class Close:
    """Never."""

    reason: CloseReason
    why: str


Verdict = Dial | Defer | Close


@dataclass(frozen=True, slots=True)
class GateReading:
    """One gate with what it says; `until` = when that changes, None = unknown or never."""

    gate: str
    is_open: bool
    detail: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Applicant:
    """What the gates look at of one call."""

    terms: BatchTerms
    #: the zones its batch's rules count in, and those of the legal hours, read fresh from the number
    zones: CohortZones
    legal_hours: tuple[str, ...]
    suppression: Suppression | None
    attempts_spent: int
    max_retries: int


@lru_cache(maxsize=4096)
def _hours(block_rules: tuple[str, ...], calling_hours: tuple[str, ...]) -> Hours:
    return Hours(block_rules=block_rules, calling_hours=calling_hours)


@lru_cache(maxsize=4096)
def _timetable(block_rules: tuple[str, ...], calling_hours: tuple[str, ...], zones: tuple[str, ...]) -> Timetable:
    """Calls of one batch in one zone all ask for the same."""
    return Timetable(((_hours(block_rules, calling_hours), zones),))


def batch_hours(terms: BatchTerms, zones: CohortZones) -> Timetable:
    """The hours of the batch's own rules."""
    if terms.ignore_hours:
        return Timetable(())
    return _timetable(terms.block_rules, terms.calling_hours, zones.rules)


def legal_timetable(terms: BatchTerms, zones: CohortZones, legal_hours: tuple[str, ...]) -> Timetable:
    """The hours in which anyone may be called at all."""
    if terms.ignore_hours or not legal_hours:
        return Timetable(())
    return _timetable((), legal_hours, zones.legal or zones.rules)


def timetable(terms: BatchTerms, zones: CohortZones, legal_hours: tuple[str, ...]) -> Timetable:
    """All hours that gate a cohort."""
    return Timetable(batch_hours(terms, zones).pairs + legal_timetable(terms, zones, legal_hours).pairs)


def next_span(terms: BatchTerms, zones: CohortZones, legal_hours: tuple[str, ...], now: datetime) -> Span | None:
    """The open span that holds at `now`, or the next one, cut to nbf and exp; None = never again."""
    start = max(now, terms.nbf)
    hours = timetable(terms, zones, legal_hours)
    opens = hours.next_open(start, terms.exp)
    if opens is None:
        return None
    return Span(opens, hours.next_close(opens, terms.exp) or terms.exp)


def readings(applicant: Applicant, now: datetime) -> list[GateReading]:
    """Every gate of one number, in the order in which they decide."""
    terms = applicant.terms
    return [
        _not_before(terms, now),
        _expiry(terms, now),
        _hours_gate("hours", batch_hours(terms, applicant.zones), terms, now, applicant.zones.rules),
        _hours_gate(
            "legal_hours",
            legal_timetable(terms, applicant.zones, applicant.legal_hours),
            terms,
            now,
            applicant.zones.legal or applicant.zones.rules,
        ),
        _suppression(applicant.suppression, terms.exp, now),
        _retries(applicant),
    ]


def judge(applicant: Applicant, now: datetime) -> Verdict:
    """Dial, defer or close one call at `now`, the ledger's clock."""
    return verdict(readings(applicant, now))


def verdict(gates: Sequence[GateReading]) -> Verdict:
    """What the first closed gate says."""
    return next((_verdict(reading) for reading in gates if not reading.is_open), Dial())


def _verdict(reading: GateReading) -> Verdict:
    match reading.gate:
        case "exp":
            return Close(CloseReason.EXPIRED, reading.detail)
        case "suppression" if reading.until is None:
            return Close(CloseReason.SUPPRESSED, reading.detail)
        case "retries":
            return Close(CloseReason.EXHAUSTED, reading.detail)
        case "hours" | "legal_hours" if reading.until is None:
            return Close(CloseReason.EXPIRED, reading.detail)
        case _:
            return Defer(reading.until, reading.detail)


def _not_before(terms: BatchTerms, now: datetime) -> GateReading:
    is_open = terms.nbf <= now
    return GateReading("nbf", is_open, f"not before {terms.nbf.isoformat()}", None if is_open else terms.nbf)


def _expiry(terms: BatchTerms, now: datetime) -> GateReading:
    is_open = now < terms.exp
    detail = f"expires {terms.exp.isoformat()}" if is_open else f"expired {terms.exp.isoformat()}"
    return GateReading("exp", is_open, detail, terms.exp if is_open else None)


def _hours_gate(gate: str, hours: Timetable, terms: BatchTerms, now: datetime, zones: Sequence[str]) -> GateReading:
    where = ", ".join(zones) or "no zone"
    if terms.ignore_hours or not hours.pairs:
        return GateReading(gate, is_open=True, detail="ignored by this test call" if terms.ignore_hours else "no rules")
    if hours.is_open(now):
        return GateReading(gate, is_open=True, detail=f"open ({where})", until=hours.next_close(now, terms.exp))
    opens = hours.next_open(now, terms.exp)
    until = opens.astimezone(zone(zones[0])) if opens and zones else opens
    detail = f"blocked until {until.isoformat() if until else 'after exp'} ({where})"
    return GateReading(gate, is_open=False, detail=detail, until=opens)


def _suppression(entry: Suppression | None, exp: datetime, now: datetime) -> GateReading:
    if entry is None or (entry.until is not None and entry.until <= now):
        return GateReading("suppression", is_open=True, detail="not on the do-not-call list")
    until = entry.until if entry.until is not None and entry.until < exp else None
    lasting = f"until {entry.until.isoformat()}" if entry.until else "for good"
    return GateReading("suppression", is_open=False, detail=f"suppressed {lasting}: {entry.reason}", until=until)


def _retries(applicant: Applicant) -> GateReading:
    allowed = attempts_allowed(applicant.max_retries)
    detail = f"{applicant.attempts_spent} of {allowed} attempts spent"
    return GateReading("retries", applicant.attempts_spent < allowed, detail)
