"""The open spans of cohorts: found for the ledger when a batch is loaded, and renewed in each tick when one is over."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import lru_cache, partial

from dialer.domain.batch import BatchTerms, CohortZones, Span, StaleCohort
from dialer.domain.gate import next_span
from dialer.engine.unforeseen import Unforeseen, attempted
from dialer.ports import HouseRules, Switchboard

#: Cohorts renewed in one tick; the rest waits for the next.
RENEWED_AT_ONCE = 200


@lru_cache(maxsize=8)
def _finder(legal_hours: tuple[str, ...]) -> Callable[[BatchTerms, CohortZones, datetime], Span | None]:
    def find(terms: BatchTerms, zones: CohortZones, now: datetime) -> Span | None:
        return next_span(terms, zones, legal_hours, now)

    return find


def span_finder(rules: HouseRules) -> Callable[[BatchTerms, CohortZones, datetime], Span | None]:
    """The NextSpan that the ledger is given, under these house rules."""
    return _finder(rules.legal_hours)


def renew(desk: Switchboard, failed: list[Unforeseen]) -> int:
    """Give every cohort whose span is over its next one; returns how many. One that cannot be read stays closed."""
    stale = desk.ledger.cohorts.stale(RENEWED_AT_ONCE)
    if not stale:
        return 0
    now = desk.ledger.now()
    find = span_finder(desk.rules)

    def renewed(item: StaleCohort) -> bool:
        return desk.ledger.cohorts.set_span(item.cohort, find(item.terms, item.cohort.zones, now))

    return sum(attempted(partial(renewed, item), False, failed, _named(item)) for item in stale)


def _named(item: StaleCohort) -> str:
    return f"the hours of cohort {item.cohort.number} of batch {item.cohort.batch_id}"
