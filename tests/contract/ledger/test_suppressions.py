"""The do-not-call list: for everybody or one workspace, for good or until an instant."""

from __future__ import annotations

from datetime import timedelta

from dialer.domain.call import Suppression
from dialer.domain.states import CallState
from dialer.ledger import SqlLedger
from tests.contract.ledger.builders import DAY, HOUR, UNKNOWN, House, new_calls, phone_of

PHONE = phone_of(0)


def test_an_entry_comes_back_as_it_was_added(ledger: SqlLedger) -> None:
    until = ledger.now() + HOUR
    ledger.suppressions.add([Suppression(PHONE, "asked", "w1", until)])
    [entry] = ledger.suppressions.entries()
    assert (entry.phone, entry.reason, entry.workspace_id, entry.until) == (PHONE, "asked", "w1", until)
    assert entry.created_at is not None


def test_a_later_entry_for_the_same_number_and_workspace_replaces_the_former(ledger: SqlLedger) -> None:
    ledger.suppressions.add([Suppression(PHONE, "first"), Suppression(PHONE, "theirs", "w1")])
    ledger.suppressions.add([Suppression(PHONE, "second", until=ledger.now() + HOUR)])
    assert [entry.reason for entry in ledger.suppressions.entries()] == ["second", "theirs"]


def test_the_strictest_entry_in_force_counts(ledger: SqlLedger) -> None:
    now = ledger.now()
    phones = [phone_of(index) for index in range(5)]
    ledger.suppressions.add(
        [
            Suppression(phones[0], "for good"),
            Suppression(phones[0], "an hour", "w1", now + HOUR),
            Suppression(phones[1], "an hour", None, now + HOUR),
            Suppression(phones[1], "a day", "w1", now + DAY),
            Suppression(phones[2], "over", None, now - timedelta(seconds=1)),
            Suppression(phones[3], "elsewhere", "w2"),
        ]
    )
    found = ledger.suppressions.of(phones, "w1")
    assert {phone: entry.reason for phone, entry in found.items()} == {phones[0]: "for good", phones[1]: "a day"}


def test_many_numbers_are_looked_up_at_once(ledger: SqlLedger) -> None:
    ledger.suppressions.add([Suppression(phone_of(index), "list") for index in range(1200)])
    assert len(ledger.suppressions.of((phone_of(index) for index in range(2000)), "w1")) == 1200


def test_an_entry_is_removed_where_it_was_made(ledger: SqlLedger) -> None:
    ledger.suppressions.add([Suppression(PHONE, "for all"), Suppression(PHONE, "theirs", "w1")])
    assert not ledger.suppressions.remove(PHONE, "w2")
    assert ledger.suppressions.remove(PHONE, None)
    assert not ledger.suppressions.remove(PHONE, None)
    assert [entry.reason for entry in ledger.suppressions.entries()] == ["theirs"]


def test_entries_are_read_page_by_page_and_by_workspace_or_number(ledger: SqlLedger) -> None:
    ledger.suppressions.add([Suppression(phone_of(index), "list", "w1") for index in range(1100)])
    ledger.suppressions.add([Suppression(PHONE, "for all")])
    assert len(list(ledger.suppressions.entries())) == 1101
    assert len(list(ledger.suppressions.entries(workspace_id="w1"))) == 1100
    assert [entry.reason for entry in ledger.suppressions.entries(phone=PHONE)] == ["for all", "list"]


def test_adding_nothing_is_nothing(ledger: SqlLedger) -> None:
    ledger.suppressions.add([])
    assert list(ledger.suppressions.entries()) == []


def test_calls_under_way_to_a_number_are_those_that_cannot_be_stopped(house: House, ledger: SqlLedger) -> None:
    house.load(calls=new_calls(2))
    first, second = house.push()
    assert ledger.suppressions.under_way(PHONE) == []
    claim = house.claim(house.ticket(first))
    house.open_attempt(house.claim(house.ticket(second)), recording=UNKNOWN)
    assert ledger.suppressions.under_way(PHONE) == [claim.call_id]
    assert len(ledger.suppressions.under_way(phone_of(1))) == 1
    assert house.call(second.call_id).state is CallState.UNKNOWN
