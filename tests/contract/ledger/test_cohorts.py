"""Gates of many numbers on one row: when a span is over, the next one is written once."""

from __future__ import annotations

from dialer.domain.batch import Span
from dialer.domain.states import BatchState
from dialer.ledger import SqlLedger
from dialer.ledger.tables import cohorts
from tests.contract.ledger.builders import DAY, HOUR, LONG_AGO, MELBOURNE, House, never_open, terms_of


def end_span(house: House) -> None:
    house.rewrite(cohorts, cohorts.c.number == 1, opens_at=LONG_AGO, closes_at=house.ledger.now())


def test_a_span_that_is_over_makes_a_stale_cohort_with_its_terms(house: House, ledger: SqlLedger) -> None:
    batch = house.load()
    assert ledger.cohorts.stale(10) == []
    end_span(house)
    [stale] = ledger.cohorts.stale(10)
    assert (stale.cohort.batch_id, stale.cohort.zones, stale.terms) == (batch.batch_id, MELBOURNE, batch.terms)


def test_the_next_span_is_written_by_compare_and_set(house: House, ledger: SqlLedger) -> None:
    house.load()
    end_span(house)
    [stale] = ledger.cohorts.stale(10)
    now = ledger.now()
    tomorrow = Span(now + DAY, now + DAY + HOUR)
    assert ledger.cohorts.set_span(stale.cohort, tomorrow)
    assert not ledger.cohorts.set_span(stale.cohort, Span(now, now + HOUR))
    [cohort] = ledger.batches.cohorts(stale.cohort.batch_id)
    assert cohort.span == tomorrow
    assert ledger.cohorts.stale(10) == []


def test_a_cohort_that_never_opens_again_is_not_asked_about_again(house: House, ledger: SqlLedger) -> None:
    batch = house.load()
    end_span(house)
    [stale] = ledger.cohorts.stale(10)
    assert ledger.cohorts.set_span(stale.cohort, None)
    assert ledger.cohorts.stale(10) == []
    [cohort] = ledger.batches.cohorts(batch.batch_id)
    assert cohort.span is None
    assert ledger.cohorts.set_span(cohort, Span(LONG_AGO, LONG_AGO + DAY))


def test_paused_batches_are_kept_fresh_and_those_that_are_over_are_left_alone(house: House, ledger: SqlLedger) -> None:
    batch = house.load()
    house.load(terms_of("never"), next_span=never_open)
    house.rewrite(cohorts, cohorts.c.batch_id == batch.batch_id, opens_at=LONG_AGO, closes_at=LONG_AGO + DAY)
    ledger.batches.control(batch.batch_id, BatchState.PAUSED, "", "user")
    assert len(ledger.cohorts.stale(10)) == 1
    ledger.batches.control(batch.batch_id, BatchState.TERMINATED, "", "user")
    assert ledger.cohorts.stale(10) == []
