"""Contact lists: how contacts come in, and how a batch is loaded from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dialer.domain.receipt import Rejection
from dialer.engine import ingest
from dialer.errors import ContactListUnknown, ContactUnknown, LoadRefused
from tests.integration.engine.rig import Rig, phone

CSV = f"""\
phone,name,email,company,tags,plan,priority
{phone(0)},Jane Doe,jane@example.com,Acme,lead; web,gold,7
{phone(1)},,,,,,
0387770002,Joe,,,,,
nobody,,,,,,
{phone(0)},Jane Roe,,,,silver,
"""


@pytest.fixture
def listed(rig: Rig) -> Rig:
    rig.dialer.contacts.create_list("w1", "spring")
    return rig


def test_a_contact_is_checked_like_a_number_to_dial(listed: Rig) -> None:
    for contact, code in (
        ({}, "PHONE_MISSING: phone"),
        ({"phone": "0387772586"}, "PHONE_NOT_E164: phone"),
        ({"phone": "+1234"}, "PHONE_NOT_POSSIBLE: phone"),
        ({"phone": phone(0), "customFields": ["a"]}, "VARIABLES_NOT_OBJECT: custom_fields"),
        ({"phone": phone(0), "customFields": {"a": float("nan")}}, "VARIABLES_NOT_OBJECT: custom_fields"),
        ({"phone": phone(0), "customFields": {"a": "\ud800"}}, "VARIABLES_NOT_OBJECT: custom_fields"),
        ({"phone": phone(0), "customFields": {"a": "x" * 6000}}, "VARIABLES_TOO_LARGE: custom_fields"),
        ({"phone": phone(0), "name": 7}, "FIELD_TYPE: name"),
    ):
        with pytest.raises(LoadRefused, match=code):
            listed.dialer.contacts.add("w1", "spring", contact)
    assert list(listed.dialer.contacts.entries("w1")) == []


def test_what_a_name_adds_counts_toward_the_size_of_the_variables(listed: Rig) -> None:
    fits = {"phone": phone(0), "customFields": {"a": "x" * 5000}}
    listed.dialer.contacts.add("w1", "spring", fits)
    with pytest.raises(LoadRefused, match="VARIABLES_TOO_LARGE"):
        listed.dialer.contacts.add("w1", "spring", {**fits, "name": "n" * 200})


def test_lists_and_contacts_of_another_workspace_are_not_there(listed: Rig) -> None:
    contacts = listed.dialer.contacts
    kept = contacts.add("w1", "spring", {"phone": phone(0)})
    assert contacts.get("w1", kept.contact_id) == kept
    for ask in (
        lambda: contacts.add("w2", "spring", {"phone": phone(1)}),
        lambda: contacts.entries("w2", kept.list_id),
        lambda: contacts.calls("w2", "spring"),
        lambda: contacts.load("w2", "spring", []),
        lambda: contacts.find_list("w1", "spring\0"),
    ):
        with pytest.raises(ContactListUnknown):
            ask()
    for contact_id in ("nobody", "00000000-0000-7000-8000-000000000000"):
        with pytest.raises(ContactUnknown):
            contacts.get("w1", contact_id)
    with pytest.raises(ContactUnknown):
        contacts.get("w2", kept.contact_id)
    assert list(contacts.entries("w2")) == []


def test_a_list_needs_a_name(rig: Rig) -> None:
    for name in ("", " ", "a\0", "x" * 256):
        with pytest.raises(LoadRefused, match="name"):
            rig.dialer.contacts.create_list("w1", name)
    with pytest.raises(LoadRefused, match="workspace_id"):
        rig.dialer.contacts.create_list("", "spring")


def test_a_csv_comes_in_and_bad_rows_reject_themselves(listed: Rig, tmp_path: Path) -> None:
    file = tmp_path / "contacts.csv"
    file.write_text(CSV, encoding="utf-8")
    told: list[Rejection] = []
    receipt = listed.dialer.contacts.load("w1", "spring", str(file), country="AU", on_rejection=told.append)
    assert (receipt.added, receipt.already_known, receipt.duplicates, receipt.rejected) == (3, 0, 1, 1)
    assert [(each.row, each.phone, each.code) for each in receipt.rejections] == [(5, "nobody", "PHONE_NOT_E164")]
    assert told == list(receipt.rejections)
    kept = {contact.phone: contact for contact in listed.dialer.contacts.entries("w1", "spring")}
    # The later row of a number counts.
    assert (kept[phone(0)].name, kept[phone(0)].custom_fields) == ("Jane Roe", {"plan": "silver"})
    assert (kept[phone(1)].name, kept[phone(1)].custom_fields) == (None, {})
    assert kept[phone(2)].name == "Joe"


def test_every_column_of_a_csv_is_kept(listed: Rig, tmp_path: Path) -> None:
    file = tmp_path / "contacts.csv"
    file.write_text("\n".join(CSV.splitlines()[:2]), encoding="utf-8")
    listed.dialer.contacts.load("w1", "spring", str(file))
    [kept] = listed.dialer.contacts.entries("w1")
    assert (kept.email, kept.company, kept.tags) == ("jane@example.com", "Acme", ("lead", "web"))
    assert kept.custom_fields == {"plan": "gold", "priority": "7"}


def test_jsonl_rows_are_strict_and_a_second_import_tells_what_it_knew(listed: Rig, tmp_path: Path) -> None:
    file = tmp_path / "contacts.jsonl"
    rows = [f'{{"phone": "{phone(0)}", "customFields": {{"plan": "gold"}}}}', '{"phone": "+1", "nam": "x"}', "{"]
    file.write_text("\n".join(rows), encoding="utf-8")
    receipts = [listed.dialer.contacts.load("w1", "spring", str(file)) for _ in range(2)]
    assert [(r.added, r.already_known, r.rejected) for r in receipts] == [(1, 0, 2), (0, 1, 2)]
    assert [each.code for each in receipts[0].rejections] == ["UNKNOWN_FIELD", "PHONE_MISSING"]


def test_more_contacts_than_fit_into_a_statement_come_in(listed: Rig) -> None:
    contacts: list[dict[str, Any]] = [{"phone": phone(index)} for index in range(1000)]
    assert listed.dialer.contacts.load("w1", "spring", contacts).added == 1000
    assert len(list(listed.dialer.contacts.entries("w1", "spring"))) == 1000
    assert len(list(listed.dialer.contacts.calls("w1", "spring"))) == 1000


def test_a_batch_is_loaded_from_a_list_and_its_agent_is_told_of_the_contact(listed: Rig) -> None:
    contacts = listed.dialer.contacts
    contacts.add("w1", "spring", {"phone": phone(0), "name": "Jane", "tags": ["x"], "customFields": {"plan": "gold"}})
    contacts.add("w1", "spring", {"phone": phone(1), "name": "Joe", "customFields": {"name": "Joseph"}})
    contacts.add("w1", "spring", {"phone": phone(2)})
    receipt = ingest.load(listed.desk, listed.spec(), contacts.calls("w1", "spring"))
    assert receipt.accepted == 3
    listed.step()
    assert {placed.phone: dict(placed.variables) for placed in listed.provider.placed} == {
        phone(0): {"name": "Jane", "plan": "gold"},
        phone(1): {"name": "Joseph"},
        phone(2): {},
    }
    contacts.add("w1", "spring", {"phone": phone(3)})
    again = ingest.load(listed.desk, listed.spec(), contacts.calls("w1", "spring"))
    assert (again.accepted, again.already_known) == (1, 3)
