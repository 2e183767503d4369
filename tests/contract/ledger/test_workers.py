"""Heartbeats of workers, and the lease of the leading scheduler with its term."""

from __future__ import annotations

from datetime import timedelta

from dialer.domain.states import Lane
from dialer.ledger import SqlLedger
from dialer.ledger.tables import lease, workers
from tests.contract.ledger.builders import MINUTE, SECOND, House

DEAD_AFTER = timedelta(seconds=10)


def test_a_beating_worker_is_alive_on_its_lanes(ledger: SqlLedger) -> None:
    before = ledger.now()
    ledger.workers.beat("w", "b1", [Lane.TEST, Lane.LOW])
    [row] = ledger.workers.all(DEAD_AFTER)
    assert (row.worker, row.boot_id, row.lanes, row.is_alive) == ("w", "b1", (Lane.TEST, Lane.LOW), True)
    assert row.beat_at >= before


def test_a_silent_worker_is_dead_and_alive_again_when_it_beats(house: House, ledger: SqlLedger) -> None:
    ledger.workers.beat("w", "b1", [])
    house.rewrite(workers, workers.c.worker == "w", beat_at=ledger.now() - MINUTE)
    assert [row.is_alive for row in ledger.workers.all(DEAD_AFTER)] == [False]
    ledger.workers.beat("w", "b1", [])
    assert [row.is_alive for row in ledger.workers.all(DEAD_AFTER)] == [True]


def test_a_clean_stop_counts_for_that_very_start_of_a_worker(ledger: SqlLedger) -> None:
    ledger.workers.beat("w", "b2", [])
    ledger.workers.stopped("w", "b1")
    assert [row.is_alive for row in ledger.workers.all(DEAD_AFTER)] == [True]
    ledger.workers.stopped("w", "b2")
    assert [row.is_alive for row in ledger.workers.all(DEAD_AFTER)] == [False]
    ledger.workers.beat("w", "b3", [])
    assert [(row.boot_id, row.is_alive) for row in ledger.workers.all(DEAD_AFTER)] == [("b3", True)]


def test_one_scheduler_leads_and_keeps_its_term(ledger: SqlLedger) -> None:
    assert ledger.workers.lead("one", MINUTE) == 1
    assert ledger.workers.lead("two", MINUTE) is None
    assert ledger.workers.lead("one", MINUTE) == 1


def test_a_lease_that_ran_out_begins_a_new_term_for_whoever_comes(house: House, ledger: SqlLedger) -> None:
    ledger.workers.lead("one", MINUTE)
    house.rewrite(lease, lease.c.id == 1, until=ledger.now() - SECOND)
    assert ledger.workers.lead("two", MINUTE) == 2
    assert ledger.workers.lead("one", MINUTE) is None
    house.rewrite(lease, lease.c.id == 1, until=ledger.now() - SECOND)
    assert ledger.workers.lead("two", MINUTE) == 3


def test_who_resigns_makes_room_and_nobody_resigns_for_others(ledger: SqlLedger) -> None:
    ledger.workers.lead("one", MINUTE)
    ledger.workers.resign("two")
    assert ledger.workers.lead("two", MINUTE) is None
    ledger.workers.resign("one")
    assert ledger.workers.lead("two", MINUTE) == 2


def test_only_the_leaders_ticks_count(ledger: SqlLedger) -> None:
    assert ledger.workers.last_tick() is None
    ledger.workers.lead("one", MINUTE)
    ledger.workers.ticked("two")
    assert ledger.workers.last_tick() is None
    before = ledger.now()
    ledger.workers.ticked("one")
    tick = ledger.workers.last_tick()
    assert tick is not None
    assert before <= tick <= ledger.now()
    ledger.workers.resign("one")
    assert ledger.workers.last_tick() == tick
