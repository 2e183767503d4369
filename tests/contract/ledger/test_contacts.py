"""Contact lists and their contacts: a number is in a list once, and everything is its workspace's."""

from __future__ import annotations

import uuid
from typing import Any

from dialer.domain.client import Contact, ContactList
from dialer.ledger import SqlLedger
from tests.contract.ledger.builders import phone_of


def a_list(ledger: SqlLedger, name: str = "spring", workspace_id: str = "w1") -> ContactList:
    return ledger.contacts.create_list(workspace_id, name)[0]


def a_contact(within: ContactList, index: int = 0, **given: Any) -> Contact:
    return Contact("", within.workspace_id, within.list_id, phone_of(index), **given)


def test_a_list_is_made_once(ledger: SqlLedger) -> None:
    made, is_new = ledger.contacts.create_list("w1", "spring")
    again, is_new_again = ledger.contacts.create_list("w1", "spring")
    elsewhere, is_new_elsewhere = ledger.contacts.create_list("w2", "spring")
    assert (is_new, is_new_again, is_new_elsewhere) == (True, False, True)
    assert again == made
    assert elsewhere.list_id != made.list_id


def test_a_list_is_found_by_name_and_by_id_in_its_workspace(ledger: SqlLedger) -> None:
    made = a_list(ledger)
    assert ledger.contacts.find_list("w1", "spring") == made
    assert ledger.contacts.find_list("w1", made.list_id) == made
    assert ledger.contacts.find_list("w1", made.list_id.upper()) == made
    assert ledger.contacts.find_list("w2", "spring") is None
    assert ledger.contacts.find_list("w2", made.list_id) is None
    assert ledger.contacts.find_list("w1", "nobody's") is None


def test_an_id_comes_before_a_name_that_looks_like_it(ledger: SqlLedger) -> None:
    made = a_list(ledger)
    a_list(ledger, name=made.list_id)
    assert ledger.contacts.find_list("w1", made.list_id) == made


def test_lists_are_shown_by_name_with_their_contacts_counted(ledger: SqlLedger) -> None:
    within = a_list(ledger, "b")
    a_list(ledger, "a")
    a_list(ledger, "theirs", "w2")
    ledger.contacts.save([a_contact(within), a_contact(within, 1)])
    assert [(each.name, each.contacts) for each in ledger.contacts.lists("w1")] == [("a", 0), ("b", 2)]


def test_a_contact_comes_back_as_it_was_given(ledger: SqlLedger) -> None:
    within = a_list(ledger)
    own = {"plan": "gold", "nested": {"a": [1, None]}, "wörd": "☎"}
    given: dict[str, Any] = {
        "name": "Jane",
        "email": "j@example.com",
        "company": "Acme",
        "tags": ("lead",),
        "custom_fields": own,
    }
    added, [saved] = ledger.contacts.save([a_contact(within, **given)])
    assert added == 1
    assert (saved.name, saved.email, saved.company, saved.tags, saved.custom_fields) == tuple(given.values())
    assert saved.created_at is not None
    assert ledger.contacts.find("w1", saved.contact_id) == saved
    assert ledger.contacts.find("w2", saved.contact_id) is None
    assert ledger.contacts.find("w1", str(uuid.uuid4())) is None


def test_a_number_that_the_list_has_keeps_its_id_and_takes_what_is_given_anew(ledger: SqlLedger) -> None:
    within = a_list(ledger)
    _, [first] = ledger.contacts.save([a_contact(within, name="Jane", tags=("lead",), custom_fields={"a": 1})])
    added, [second] = ledger.contacts.save([a_contact(within, email="j@example.com", custom_fields={"b": 2})])
    assert added == 0
    assert second.contact_id == first.contact_id
    assert (second.name, second.email, second.tags, second.custom_fields) == (
        "Jane", "j@example.com", ("lead",), {"b": 2},
    )  # fmt: skip
    assert ledger.contacts.save([a_contact(within)]) == (0, [second])


def test_the_same_number_in_two_lists_is_two_contacts(ledger: SqlLedger) -> None:
    one, other = a_list(ledger, "one"), a_list(ledger, "other")
    _, saved = ledger.contacts.save([a_contact(one), a_contact(other)])
    assert len({contact.contact_id for contact in saved}) == 2
    assert ledger.contacts.save([]) == (0, [])


def test_contacts_are_read_newest_first_and_a_batch_is_loaded_oldest_first(ledger: SqlLedger) -> None:
    one, other = a_list(ledger, "one"), a_list(ledger, "other")
    for index in range(5):
        ledger.contacts.save([a_contact(one, index)])
    ledger.contacts.save([a_contact(other, 9)])
    newest = ledger.contacts.page("w1", limit=3)
    rest = ledger.contacts.page("w1", after=newest[-1].contact_id)
    assert [contact.phone for contact in newest + rest] == [phone_of(index) for index in (9, 4, 3, 2, 1, 0)]
    assert [contact.phone for contact in ledger.contacts.page("w1", one.list_id, limit=2)] == [phone_of(4), phone_of(3)]
    assert ledger.contacts.page("w2") == []
    first = ledger.contacts.in_order(one.list_id, limit=2)
    later = ledger.contacts.in_order(one.list_id, after=first[-1].contact_id)
    assert [contact.phone for contact in first + later] == [phone_of(index) for index in range(5)]
