"""The whole ledger at a glance: counted from the rows in flight, whatever else there is."""

from __future__ import annotations

from dialer.domain.states import BatchState, CallState, Lane
from dialer.ledger import SqlLedger
from tests.contract.ledger.builders import SECOND, UNKNOWN, WORKER, House, name_of, new_calls, terms_of


def test_calls_in_flight_are_counted_by_state_lane_and_worker(house: House, ledger: SqlLedger) -> None:
    assert set(ledger.overview.in_flight().values()) == {0}
    house.load(terms_of("many"), new_calls(5))
    house.load(terms_of("low", lane=Lane.LOW), new_calls(2))
    pushed = house.push()
    house.push(Lane.LOW)
    house.claim(house.ticket(pushed[0]))
    house.open_attempt(house.claim(house.ticket(pushed[1])))
    house.open_attempt(house.claim(house.ticket(pushed[2])), UNKNOWN)
    assert ledger.overview.in_flight() == {
        CallState.QUEUED: 4,
        CallState.DIALING: 1,
        CallState.IN_PROGRESS: 1,
        CallState.UNKNOWN: 1,
    }
    assert ledger.overview.queued_by_lane() == {Lane.NORMAL: 2, Lane.LOW: 2}
    assert ledger.overview.dialing_by_worker() == {WORKER: 1}


def test_open_batches_come_busy_ones_first_then_the_newest(house: House, ledger: SqlLedger) -> None:
    old = house.load(terms_of("old"))
    house.push()
    middle, new = house.load(terms_of("middle")), house.load(terms_of("new"))
    over = house.load(terms_of("over"), [])
    assert over.state is BatchState.COMPLETED
    found, count = ledger.overview.open_batches(None, 2)
    assert ([batch.batch_id for batch in found], count) == ([old.batch_id, new.batch_id], 3)
    found, _ = ledger.overview.open_batches("w1", 10)
    assert [batch.batch_id for batch in found] == [old.batch_id, new.batch_id, middle.batch_id]
    assert ledger.overview.open_batches("nobody", 10) == ([], 0)
    assert name_of("old") == found[0].terms.name


def test_the_lease_tells_who_leads_and_when_it_ticked(ledger: SqlLedger) -> None:
    lease = ledger.overview.lease()
    assert (lease.holder, lease.ticked_at) == (None, None)
    term = ledger.workers.lead("host/1", 5 * SECOND)
    ledger.workers.ticked("host/1")
    lease = ledger.overview.lease()
    assert (lease.holder, lease.term) == ("host/1", term)
    assert lease.ticked_at is not None
