"""The ledger in figures: by account, never by call, and only what could be dialed is overdue."""

from __future__ import annotations

import uuid
from datetime import timedelta

from dialer.domain.batch import Batch
from dialer.domain.states import BatchState, CallState, CloseReason, HoldScope, Lane, Outcome
from dialer.ledger import SqlLedger
from dialer.ledger.client_tables import notices
from dialer.ledger.moves import close_dialable
from dialer.ledger.tables import batches, calls, cohorts
from tests.contract.ledger.builders import ACCOUNT, DAY, FAR_OFF, HOUR, MINUTE, House, new_calls, terms_of

OTHER = "inspra_us"


def overdue(house: House, ledger: SqlLedger, by: timedelta) -> None:
    house.rewrite(calls, calls.c.state == "ready", due_at=ledger.now() - by)


def lag(ledger: SqlLedger, account: str = ACCOUNT) -> timedelta:
    return ledger.gauges.read().due_lag.get(account, timedelta(0))


def test_an_empty_ledger_has_nothing_to_tell(ledger: SqlLedger) -> None:
    figures = ledger.gauges.read()
    assert (figures.attempts, figures.closed, figures.in_flight, figures.due_lag) == ({}, {}, {}, {})
    assert figures.look_ahead == dict.fromkeys(Lane, 0)


def test_calls_are_counted_for_their_account_state_and_lane(house: House, ledger: SqlLedger) -> None:
    house.load(calls=new_calls(3))
    house.load(terms_of("other", account=OTHER, lane=Lane.HIGH), [*new_calls(1), *new_calls(1, first=1, lane=Lane.LOW)])
    house.claim(house.ticket(house.push()[0]))
    for lane in (Lane.HIGH, Lane.LOW):
        house.push(lane, account=OTHER)
    figures = ledger.gauges.read()
    assert figures.in_flight[ACCOUNT] == {
        CallState.QUEUED: 2, CallState.DIALING: 1, CallState.IN_PROGRESS: 0, CallState.UNKNOWN: 0
    }  # fmt: skip
    assert figures.in_flight[OTHER][CallState.QUEUED] == 2
    assert figures.look_ahead == {Lane.TEST: 0, Lane.HIGH: 1, Lane.NORMAL: 2, Lane.LOW: 1}


def test_what_ended_is_counted_folded_or_not(house: House, ledger: SqlLedger) -> None:
    house.load(calls=new_calls(2) + new_calls(1, first=2, is_suppressed=True))
    before = ledger.gauges.read()
    assert before.closed[ACCOUNT][CloseReason.SUPPRESSED] == 1
    assert not any(before.attempts[ACCOUNT].values())
    while ledger.sweeps.fold(100):
        pass
    folded = ledger.gauges.read()
    assert (folded.closed, folded.attempts) == (before.closed, before.attempts)


def test_what_was_pruned_stays_counted_and_what_is_requeued_counts_again(house: House, ledger: SqlLedger) -> None:
    kept, gone = (house.load(terms_of(ref), new_calls(2, is_suppressed=True)) for ref in ("kept", "gone"))
    ledger.batches.control(kept.batch_id, BatchState.TERMINATED, "why", "user")
    before = ledger.gauges.read().closed
    for batch in (kept, gone):
        house.rewrite(batches, batches.c.batch_id == batch.batch_id, **over_since(ledger, DAY))
        assert ledger.retention.seal(batch.batch_id, HOUR, "archive")
        assert ledger.gauges.read().closed == before
        ledger.retention.empty(batch.batch_id, 100)
        assert ledger.gauges.read().closed == before
    assert before[ACCOUNT][CloseReason.SUPPRESSED] == 4
    again = house.load(terms_of("again"), new_calls(1))
    close_dialable_as_expired(house, again)
    assert ledger.decisions.requeue(again.batch_id, CloseReason.EXPIRED, "me") == 1
    assert ledger.gauges.read().closed[ACCOUNT][CloseReason.EXPIRED] == 1
    close_dialable_as_expired(house, again)
    assert ledger.gauges.read().closed[ACCOUNT][CloseReason.EXPIRED] == 2


def over_since(ledger: SqlLedger, age: timedelta) -> dict[str, object]:
    then = ledger.now() - age
    return {"created_at": then, "completed_at": then, "state": "completed", "is_drained": True}


def close_dialable_as_expired(house: House, batch: Batch) -> None:
    with house.ledger._transactions.write() as connection:
        close_dialable(connection, batch.batch_id, CloseReason.EXPIRED, house.ledger.now(), 100)


def test_notices_that_wait_and_dead_ones_are_counted(house: House, ledger: SqlLedger) -> None:
    def standing() -> tuple[int, int]:
        figures = ledger.gauges.read()
        return figures.notices_waiting, figures.notices_dead

    now = ledger.now()
    for index, ends in enumerate(({"due_at": now}, {"due_at": now}, {"heard_at": now}, {"dead_at": now})):
        with house.ledger._transactions.write() as connection:
            connection.execute(
                notices.insert().values(
                    notice_id=str(uuid.UUID(int=index)), workspace_id="w1", agent_id="a", number=1, state="ended",
                    call_id=str(uuid.UUID(int=9)), created_at=now, **ends,
                )
            )  # fmt: skip
    assert standing() == (2, 1)
    [first, second] = ledger.notices.due(10)
    ledger.notices.heard(first, "answered 200")
    ledger.notices.later(second, None, "answered 410")
    assert standing() == (0, 2)
    ledger.notices.replay()
    assert standing() == (2, 0)


def test_a_call_is_overdue_from_when_it_could_have_gone(house: House, ledger: SqlLedger) -> None:
    house.load()
    overdue(house, ledger, 2 * HOUR)
    assert 2 * HOUR <= lag(ledger) < 2 * HOUR + MINUTE
    house.rewrite(cohorts, cohorts.c.number == 1, opens_at=ledger.now() - MINUTE)
    assert MINUTE <= lag(ledger) < 2 * MINUTE
    house.rewrite(cohorts, cohorts.c.number == 1, opens_at=FAR_OFF - HOUR)
    assert lag(ledger) == timedelta(0)


def test_the_longest_overdue_of_any_lane_counts(house: House, ledger: SqlLedger) -> None:
    house.load(calls=[*new_calls(1), *new_calls(1, first=1, lane=Lane.LOW), *new_calls(1, first=2, lane=Lane.HIGH)])
    overdue(house, ledger, MINUTE)
    house.rewrite(calls, calls.c.lane == int(Lane.LOW), due_at=ledger.now() - HOUR)
    assert lag(ledger) >= HOUR
    assert lag(ledger, OTHER) == timedelta(0)


def test_what_somebody_holds_is_not_overdue(house: House, ledger: SqlLedger) -> None:
    batch = house.load()
    overdue(house, ledger, HOUR)
    for scope, key in ((HoldScope.ALL, ""), (HoldScope.WORKSPACE, "w1"), (HoldScope.ACCOUNT, ACCOUNT)):
        ledger.accounts.hold(scope, key, on=True)
        assert lag(ledger) == timedelta(0)
        ledger.accounts.hold(scope, key, on=False)
        assert lag(ledger) >= HOUR
    ledger.batches.control(batch.batch_id, BatchState.PAUSED, "why", "user")
    assert lag(ledger) == timedelta(0)


def test_every_outcome_is_a_figure_even_at_zero(house: House, ledger: SqlLedger) -> None:
    house.load()
    figures = ledger.gauges.read()
    assert set(figures.attempts[ACCOUNT]) == set(Outcome)
    assert set(figures.closed[ACCOUNT]) == set(CloseReason)
