"""Guards of provider accounts, and the red buttons."""

from __future__ import annotations

import pytest

from dialer.domain.states import HoldScope, StopKind
from dialer.errors import Unknown
from dialer.ledger import SqlLedger
from dialer.ledger.tables import accounts
from dialer.ports.ledger import AccountState
from tests.contract.ledger.builders import ACCOUNT, HOUR, MINUTE, SECOND, House, new_calls


def state_of(ledger: SqlLedger) -> AccountState:
    [state] = [state for state in ledger.accounts.all() if state.name == ACCOUNT]
    return state


def let_stop_run_out(house: House) -> None:
    house.rewrite(accounts, accounts.c.name == ACCOUNT, until=house.ledger.now() - SECOND)


def test_a_configured_account_is_open(ledger: SqlLedger) -> None:
    ledger.accounts.ensure(ACCOUNT, 25.0, "keys")
    state = state_of(ledger)
    assert (state.stop, state.step, state.minimum_balance, state.balance) == (None, 0, 25.0, None)
    assert not state.is_probing


def test_a_stop_lasts_and_says_why_and_since_when(ledger: SqlLedger) -> None:
    before = ledger.now()
    state = ledger.accounts.stop(ACCOUNT, StopKind.THROTTLED, "slow down", MINUTE)
    assert (state.stop, state.reason, state.step) == (StopKind.THROTTLED, "slow down", 1)
    assert state.since is not None
    assert state.since >= before
    assert state.until == state.since + MINUTE
    assert state_of(ledger).until == state.until


def test_stops_in_a_row_of_one_kind_count_and_another_kind_begins_anew(house: House, ledger: SqlLedger) -> None:
    ledger.accounts.stop(ACCOUNT, StopKind.THROTTLED, "", SECOND)
    let_stop_run_out(house)
    assert state_of(ledger).is_probing
    assert ledger.accounts.stop(ACCOUNT, StopKind.THROTTLED, "", MINUTE).step == 2
    let_stop_run_out(house)
    assert ledger.accounts.stop(ACCOUNT, StopKind.CREDIT, "", MINUTE).step == 1


def test_the_refusals_of_one_burst_are_one_stop(ledger: SqlLedger) -> None:
    for _ in range(8):
        state = ledger.accounts.stop(ACCOUNT, StopKind.THROTTLED, "", MINUTE)
    assert state.step == 1


def test_a_shorter_stop_never_shortens_the_one_in_force(ledger: SqlLedger) -> None:
    long = ledger.accounts.stop(ACCOUNT, StopKind.AUTH, "wrong key", HOUR)
    short = ledger.accounts.stop(ACCOUNT, StopKind.THROTTLED, "slow down", SECOND)
    assert (short.stop, short.reason, short.until) == (StopKind.AUTH, "wrong key", long.until)
    longer = ledger.accounts.stop(ACCOUNT, StopKind.THROTTLED, "slow down", 2 * HOUR)
    assert (longer.stop, longer.reason) == (StopKind.THROTTLED, "slow down")


def test_an_answer_lifts_a_stop_once_and_the_row_begins_anew(ledger: SqlLedger) -> None:
    assert not ledger.accounts.lift(ACCOUNT)
    ledger.accounts.stop(ACCOUNT, StopKind.AUTH, "wrong key", HOUR)
    assert ledger.accounts.lift(ACCOUNT)
    assert not ledger.accounts.lift(ACCOUNT)
    assert (state_of(ledger).stop, state_of(ledger).until, state_of(ledger).step) == (None, None, 0)


def test_the_answer_to_a_probe_lifts_no_stop_that_came_while_it_was_under_way(house: House, ledger: SqlLedger) -> None:
    ledger.accounts.stop(ACCOUNT, StopKind.BREAKER, "no answer", SECOND)
    let_stop_run_out(house)  # and a call probes it
    ledger.accounts.stop(ACCOUNT, StopKind.THROTTLED, "slow down", HOUR)
    assert not ledger.accounts.lift(ACCOUNT, probed=True)
    assert state_of(ledger).stop is StopKind.THROTTLED
    let_stop_run_out(house)
    assert ledger.accounts.lift(ACCOUNT, probed=True)


def test_changed_credentials_lift_an_auth_stop_and_no_other(ledger: SqlLedger) -> None:
    ledger.accounts.stop(ACCOUNT, StopKind.AUTH, "wrong key", HOUR)
    ledger.accounts.ensure(ACCOUNT, None, "keys")
    assert state_of(ledger).stop is StopKind.AUTH
    ledger.accounts.ensure(ACCOUNT, None, "other keys")
    assert state_of(ledger).stop is None
    ledger.accounts.stop(ACCOUNT, StopKind.CREDIT, "no money", HOUR)
    ledger.accounts.ensure(ACCOUNT, None, "third keys")
    assert state_of(ledger).stop is StopKind.CREDIT


def test_a_balance_is_kept_with_the_instant_of_its_reading(ledger: SqlLedger) -> None:
    before = ledger.now()
    ledger.accounts.set_balance(ACCOUNT, 41.5)
    state = state_of(ledger)
    assert state.balance == 41.5
    assert state.balance_at is not None
    assert before <= state.balance_at <= state.read_at


def test_an_account_that_was_never_set_up_cannot_be_stopped(ledger: SqlLedger) -> None:
    with pytest.raises(Unknown, match="ghost"):
        ledger.accounts.stop("ghost", StopKind.AUTH, "", HOUR)


def test_a_red_button_counts_each_change_and_what_is_in_flight_under_it(house: House, ledger: SqlLedger) -> None:
    house.load(calls=new_calls(2))
    house.claim(house.ticket(house.push()[0]))
    hold, in_flight = ledger.accounts.hold(HoldScope.WORKSPACE, "w1", on=True)
    assert (hold.on, hold.seq, hold.since is not None, in_flight) == (True, 1, True, 1)
    assert ledger.accounts.hold(HoldScope.WORKSPACE, "w1", on=True) == (hold, 1)
    lifted, _ = ledger.accounts.hold(HoldScope.WORKSPACE, "w1", on=False)
    assert (lifted.on, lifted.seq, lifted.since) == (False, 2, None)
    assert ledger.accounts.hold(HoldScope.WORKSPACE, "w2", on=True)[1] == 0
    assert ledger.accounts.hold(HoldScope.ACCOUNT, ACCOUNT, on=True)[1] == 1
    assert ledger.accounts.hold(HoldScope.ALL, "anything", on=True)[1] == 1
    assert [(hold.scope, hold.key, hold.on) for hold in ledger.accounts.holds()] == [
        (HoldScope.ACCOUNT, ACCOUNT, True),
        (HoldScope.ALL, "", True),
        (HoldScope.WORKSPACE, "w1", False),
        (HoldScope.WORKSPACE, "w2", True),
    ]


def test_lifting_what_was_never_pressed_is_written_down_as_lifted(ledger: SqlLedger) -> None:
    hold, in_flight = ledger.accounts.hold(HoldScope.ALL, "", on=False)
    assert (hold.on, hold.since, in_flight) == (False, None, 0)
