"""A number that was erased is in no text of the ledger any more, and is known all the same."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import String, Text, cast, func, insert, select

from dialer.domain.call import Suppression
from dialer.domain.client import Contact
from dialer.domain.placement import Progress
from dialer.domain.states import AttemptState, CallState, CloseReason, Outcome
from dialer.engine.erase import forms_of
from dialer.errors import CallUnderWay
from dialer.ledger import SqlLedger
from dialer.ledger.client_tables import answers, inbox, notices
from dialer.ledger.tables import accounts, attempts, batches, calls, metadata, outbox
from dialer.ledger.upkeep_tables import erasures
from tests.contract.ledger.builders import ACCOUNT, DAY, MELBOURNE, House, new_calls, phone_of, terms_of

PHONE = phone_of(0)
OTHER = phone_of(1)
FORMS = forms_of(PHONE)


def places(ledger: SqlLedger, needle: str) -> list[str]:
    """Every column of every table in which this text stands."""
    found = []
    with ledger._transactions.read() as connection:
        for table in metadata.sorted_tables:
            for column in table.columns:
                if isinstance(column.type, String | Text):
                    hits = select(func.count()).where(cast(column, Text).contains(needle, autoescape=True))
                    if connection.execute(hits).scalar_one():
                        found.append(f"{table.name}.{column.name}")
    return sorted(found)


def settled(house: House, phone: str = PHONE, ref: str = "spring", **variables: str) -> str:
    """A batch with one call that is over, its number in every word of it; returns the call's id."""
    row = {"variables": json.dumps({"NUMBER": phone, **variables})}
    batch = house.load(terms_of(ref), new_calls(1, first=int(phone[-7:]), **row))
    attempt = house.open_attempt(house.claim(house.ticket()))
    said = f"called {phone}, that is {phone[1:]}"
    told = Progress(
        ended=True, outcome=Outcome.ANSWERED, detail=said, raw=said, summary=said, transcript=said, duration_seconds=3.0
    )
    assert house.ledger.attempts.settle(attempt, told, None, CloseReason.REACHED)
    [call] = house.ledger.reading.calls(batch.batch_id)
    gates = [{"gate": "hours", "verdict": "open"}, {"gate": "rules", "request": "1f2e3d4c5b6a7980"}]
    house.rewrite(attempts, attempts.c.call_id == call.call_id, gates=json.dumps(gates))
    house.rewrite(calls, calls.c.call_id == call.call_id, kept=json.dumps({"contact": "c-1"}), why=said)
    return call.call_id


def erase(ledger: SqlLedger, phone: str = PHONE) -> Any:
    erased = ledger.erasure.begin(phone)
    forms = forms_of(phone)
    swept = dict(ledger.erasure.sweep(forms, erased.token, phone))
    after: str | None = None
    while True:
        count, after = ledger.erasure.sweep_calls(forms, erased.token, after, 2)
        swept["calls"] = swept.get("calls", 0) + count
        if after is None:
            break
    ledger.erasure.finish(erased.token)
    return erased, swept


def test_nothing_of_a_number_is_left_in_any_text_and_its_call_still_counts(house: House, ledger: SqlLedger) -> None:
    call_id = settled(house)
    ledger.suppressions.add([Suppression(PHONE, f"{PHONE} asked us")])
    before = ledger.reading.tally(house.call(call_id).batch_id)
    assert len(places(ledger, PHONE[1:])) > 6
    erased, _ = erase(ledger)
    assert (erased.calls, erased.closed, erased.attempts, erased.suppressions) == (1, 0, 1, 1)
    call = house.call(call_id)
    assert (call.phone, call.variables, call.close_reason) == (erased.token, None, CloseReason.REACHED)
    [attempt] = call.attempts
    assert (attempt.state, attempt.outcome, attempt.duration_seconds) == (AttemptState.ENDED, Outcome.ANSWERED, 3.0)
    assert (attempt.raw, attempt.detail, attempt.summary, attempt.transcript) == (None, None, None, None)
    assert "request" not in json.dumps(attempt.gates)
    assert attempt.gates[0] == {"gate": "hours", "verdict": "open"}
    assert erased.provider_calls == ((ACCOUNT, attempt.provider_call_id),)
    assert ledger.reading.tally(call.batch_id) == before
    assert places(ledger, PHONE[1:]) == ["suppressions.reason"]


def test_what_others_wrote_of_it_names_the_token_instead(house: House, ledger: SqlLedger) -> None:
    other = settled(house, OTHER, friend=PHONE)
    said = f"{PHONE}, +61 3 9000 0000, 03 9000 0000 or (03)-9000-0000 or 0390000000 or {PHONE[1:]}"
    house.rewrite(attempts, attempts.c.call_id == other, raw=said)
    house.rewrite(accounts, accounts.c.name == ACCOUNT, stop="auth", until=ledger.now(), reason=said)
    batch = house.load(terms_of("paused"))
    house.rewrite(batches, batches.c.batch_id == batch.batch_id, pause_reason=said)
    now = ledger.now()
    with ledger._transactions.write() as connection:
        entry = {"account": ACCOUNT, "event_id": "e", "body": said, "received_at": now, "due_at": now, "tries": 0}
        connection.execute(insert(inbox).values(**entry))
        key = {"workspace_id": "w1", "idempotency_key": "k", "fingerprint": "f", "ref": batch.batch_id}
        connection.execute(insert(answers).values(**key, status=200, body=said, created_at=now))
        word = {"action": "pause", "wire_ref": "r", "is_last_word": False, "tries": 1, "due_at": now, "created_at": now}
        connection.execute(insert(outbox).values(batch_id=batch.batch_id, detail=said, **word))
    made, _ = ledger.contacts.create_list("w1", "spring")
    ledger.contacts.save(
        [
            Contact("", "w1", made.list_id, PHONE, name="Kim"),
            Contact("", "w1", made.list_id, OTHER, custom_fields={"friend": PHONE}),
        ]
    )
    house.rewrite(calls, calls.c.phone == PHONE, phone=phone_of(9))  # nobody's call by now
    erased, swept = erase(ledger)
    assert swept["contacts"] == 2
    for form in FORMS:
        assert places(ledger, form) == []
    with ledger._transactions.read() as connection:
        raw = connection.execute(select(attempts.c.raw).where(attempts.c.call_id == other)).scalar_one()
    assert (
        raw == f"{erased.token}, {erased.token}, {erased.token} or {erased.token} or {erased.token} or {erased.token}"
    )
    assert [each.phone for each in ledger.contacts.page("w1")] == [OTHER]
    assert house.call(other).phone == OTHER


@pytest.mark.parametrize("state", ["dialing", "in_progress", "unknown"])
def test_while_a_call_to_it_is_under_way_nothing_is_erased(house: House, ledger: SqlLedger, state: str) -> None:
    settled(house, ref="earlier")
    house.load(terms_of("now"))
    claim = house.claim()
    if state != "dialing":
        attempt = house.open_attempt(claim)
        house.rewrite(calls, calls.c.call_id == attempt.call_id, state=state)
    before = places(ledger, PHONE[1:])
    with pytest.raises(CallUnderWay, match=claim.call_id):
        ledger.erasure.begin(PHONE)
    assert places(ledger, PHONE[1:]) == before
    assert [call.phone for call in ledger.reading.calls(phone=PHONE)] == [PHONE, PHONE]


def test_what_was_still_to_be_dialed_closes_and_is_counted(house: House, ledger: SqlLedger) -> None:
    ready = house.load(terms_of("ready"), new_calls(2))
    house.load(terms_of("queued"), new_calls(1))
    queued = [each for each in house.push() if house.call(each.call_id).phone == PHONE]
    erased, _ = erase(ledger)
    assert (erased.calls, erased.closed) == (2, 2)
    for each in queued:
        assert ledger.claims.ticket(each.call_id, each.push_seq) is None
    tally = ledger.reading.tally(ready.batch_id)
    assert (tally.closed[CloseReason.SUPPRESSED], tally.states[CallState.CLOSED], tally.total) == (1, 1, 2)


def test_a_number_that_was_erased_is_still_found_by_itself(house: House, ledger: SqlLedger) -> None:
    call_id = settled(house)
    batch_id = house.call(call_id).batch_id
    ledger.suppressions.add([Suppression(PHONE, "asked us"), Suppression(PHONE, "w1 only", "w1", ledger.now() + DAY)])
    erased, _ = erase(ledger)
    assert [call.call_id for call in ledger.reading.calls(phone=PHONE)] == [call_id]
    assert [call.call_id for call in ledger.reading.calls(batch_id, phone=PHONE)] == [call_id]
    found = ledger.reading.call_of(batch_id, PHONE)
    assert found is not None
    assert found[0].call_id == call_id
    entries = list(ledger.suppressions.entries(phone=PHONE))
    assert [(entry.phone, entry.workspace_id) for entry in entries] == [(PHONE, None), (PHONE, "w1")]
    assert {entry.phone for entry in ledger.suppressions.entries()} == {erased.token}
    assert list(ledger.suppressions.of([PHONE, OTHER], "w1")) == [PHONE]
    assert list(ledger.suppressions.of([PHONE], "w2")) == [PHONE]


def test_a_number_that_was_erased_and_is_on_the_list_is_never_claimed_again(house: House, ledger: SqlLedger) -> None:
    settled(house)
    ledger.suppressions.add([Suppression(PHONE, "asked us")])
    erase(ledger)
    # Loaded by a version that looks for the number alone: the claim reads the list again.
    house.load(terms_of("later"))
    claim = house.claim()
    assert claim.suppression is not None
    assert (claim.suppression.phone, claim.suppression.reason) == (PHONE, "asked us")


def test_a_number_that_is_known_to_a_batch_stays_known_after_it_was_erased(house: House, ledger: SqlLedger) -> None:
    settled(house)
    erase(ledger)
    opened = house.open(terms_of())
    added = ledger.loads.add(opened, new_calls(3), lambda terms, zones, now: None)
    assert (added.accepted, added.known, added.duplicates) == (2, 1, 0)
    assert PHONE not in {call.phone for call in ledger.reading.calls(opened.batch.batch_id)}
    added = ledger.loads.add(opened, new_calls(3), lambda terms, zones, now: None)
    assert (added.accepted, added.known, added.duplicates) == (0, 1, 2)


def test_an_entry_for_an_erased_number_is_kept_as_a_token_and_taken_off_by_the_number(
    house: House, ledger: SqlLedger
) -> None:
    settled(house)
    erased, _ = erase(ledger)
    ledger.suppressions.add([Suppression(PHONE, "asked again"), Suppression(OTHER, "asked us")])
    assert [entry.phone for entry in ledger.suppressions.entries()] == [erased.token, OTHER]
    assert ledger.suppressions.remove(PHONE, None)
    assert not ledger.suppressions.remove(PHONE, None)
    assert [entry.phone for entry in ledger.suppressions.entries()] == [OTHER]


def test_of_two_entries_for_one_number_the_longer_one_stays(house: House, ledger: SqlLedger) -> None:
    soon, late = ledger.now() + DAY, ledger.now() + 2 * DAY
    erase(ledger)
    ledger.suppressions.add([Suppression(PHONE, "for a while", until=soon)])
    for until, expected in ((late, late), (soon, late), (None, None), (late, None)):
        plain = {"phone": PHONE, "workspace_id": "", "reason": "an older version", "until": until}
        with ledger._transactions.write() as connection:
            connection.execute(metadata.tables["suppressions"].insert().values(**plain, created_at=soon))
        erase(ledger)
        assert [entry.until for entry in ledger.suppressions.entries()] == [expected]


def test_an_erased_call_is_never_made_dialable_again(house: House, ledger: SqlLedger) -> None:
    call_id = settled(house)
    batch_id = house.call(call_id).batch_id
    erase(ledger)
    house.rewrite(calls, calls.c.call_id == call_id, close_reason="unresolved")
    assert ledger.decisions.requeue(batch_id, CloseReason.UNRESOLVED, "ann") == 0
    assert ledger.decisions.resolve(batch_id, None, placed=False, by="ann") == []
    assert house.call(call_id).state is CallState.CLOSED


def test_an_erased_number_of_a_template_is_in_no_run(house: House, ledger: SqlLedger) -> None:
    template = house.load(terms_of(cron="0 9 * * *", timezone="UTC"), new_calls(2, zones=MELBOURNE))
    erase(ledger)
    run = house.open(terms_of("run"), template_id=template.batch_id, occurrence="2026-11-23T09:00")
    added, _ = ledger.schedules.copy_calls(template.batch_id, run, None, 100)
    assert added.accepted == 1
    assert [call.phone for call in ledger.reading.calls(run.batch.batch_id)] == [OTHER]


def test_a_webhook_that_was_still_to_be_sent_is_not_sent_any_more(house: House, ledger: SqlLedger) -> None:
    call_id = settled(house)
    now = ledger.now()
    row = {"workspace_id": "w1", "agent_id": "a1", "call_id": call_id, "number": 1, "state": "ended"}
    with ledger._transactions.write() as connection:
        connection.execute(insert(notices).values(notice_id=call_id, **row, created_at=now, due_at=now))
    erase(ledger)
    assert ledger.notices.due(10) == []


def test_names_in_which_it_stands_are_told(house: House, ledger: SqlLedger) -> None:
    house.load(terms_of(f"for {PHONE}"), new_calls(1, first=5))
    erase(ledger)
    assert ledger.erasure.left(FORMS) == ["batches.batch_ref"]


def test_an_erasure_can_be_repeated_and_says_when_it_was_done(house: House, ledger: SqlLedger) -> None:
    settled(house)
    first, _ = erase(ledger)
    again, swept = erase(ledger)
    assert (again.token, again.calls, again.attempts, swept) == (first.token, 0, 0, {"calls": 0})
    with ledger._transactions.read() as connection:
        [row] = connection.execute(select(erasures)).mappings().all()
    assert row["token"] == first.token
    assert row["done_at"] - row["began_at"] < timedelta(minutes=1)


def test_the_token_cannot_be_told_from_another_ledgers(ledger: SqlLedger) -> None:
    token = ledger.erasure.begin(PHONE).token
    assert token.startswith("#")
    assert len(token) == 32
    assert token != ledger.erasure.begin(OTHER).token
