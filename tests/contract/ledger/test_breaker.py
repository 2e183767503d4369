"""What an account remembers of its last answers, and how a stop of its breaker lasts; both ledgers."""

from __future__ import annotations

import pytest

from dialer.domain.states import StopKind
from dialer.ledger import SqlLedger, open_ledger
from dialer.ledger.tables import accounts
from tests.contract.ledger.builders import ACCOUNT, MINUTE, SECOND, House


def noted(ledger: SqlLedger, answers: str) -> str:
    """1 = a fault, 0 = none; what is remembered after the last."""
    recent = ""
    for answer in answers:
        recent = ledger.accounts.note(ACCOUNT, is_fault=answer == "1")
    return recent


@pytest.mark.parametrize(
    ("answers", "remembered"),
    [
        ("000", ""),  # a row without a fault is not worth a write
        ("1", "1"),
        ("001011", "1011"),
        ("1" + "0" * 19, "1" + "0" * 19),
        ("1" + "0" * 20, ""),  # the only fault is twenty answers old
        ("10" * 15, "10" * 10),
    ],
)
def test_the_last_twenty_answers_are_remembered_from_the_first_fault_on(
    ledger: SqlLedger, answers: str, remembered: str
) -> None:
    assert noted(ledger, answers) == remembered


def test_answers_are_counted_over_all_who_open_the_ledger(ledger: SqlLedger, ledger_url: str) -> None:
    noted(ledger, "11")
    other = open_ledger(ledger_url)
    assert other.accounts.note(ACCOUNT, is_fault=True) == "111"
    other.close()


def test_a_stop_and_a_lift_forget_the_answers(ledger: SqlLedger) -> None:
    noted(ledger, "111")
    ledger.accounts.stop(ACCOUNT, StopKind.BREAKER, "silent", MINUTE)
    assert noted(ledger, "1") == "1"
    assert ledger.accounts.lift(ACCOUNT)
    assert noted(ledger, "1") == "1"


def test_an_account_has_answered_when_it_was_read_after_its_stop_ran_out(house: House) -> None:
    ledger = house.ledger
    ledger.accounts.set_balance(ACCOUNT, None)
    ledger.accounts.stop(ACCOUNT, StopKind.BREAKER, "silent", SECOND)
    [state] = ledger.accounts.all()
    assert not state.has_answered
    house.rewrite(accounts, accounts.c.name == ACCOUNT, until=state.read_at - SECOND)
    [state] = ledger.accounts.all()
    assert state.is_probing
    house.rewrite(accounts, accounts.c.name == ACCOUNT, balance_at=state.read_at - MINUTE)
    assert [state.has_answered for state in ledger.accounts.all()] == [False]
    ledger.accounts.set_balance(ACCOUNT, None)
    assert [state.has_answered for state in ledger.accounts.all()] == [True]


def test_a_claim_says_whether_it_probes_and_whether_it_is_watched(house: House) -> None:
    house.load()
    noted(house.ledger, "1")
    ticket = house.ticket()
    claim = house.claim(ticket)
    assert (claim.is_probe, claim.is_watched) == (False, True)
