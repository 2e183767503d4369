"""What callers of class Dialer hand in beside specs: a word or value that is none is one clear error, and changes
nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from dialer.domain.states import Outcome
from dialer.errors import BatchUnknown, CallUnknown, DialerError, InvalidInput, LoadRefused
from tests.integration.engine.rig import DAY, HOUR, Rig, phone, phones

NAIVE = datetime(2027, 1, 1)  # noqa: DTZ001 - what is refused

Ask = Callable[[Any, str], Any]


@pytest.mark.parametrize(
    ("ask", "code"),
    [
        (lambda dialer, batch: dialer.calls(batch, state="reddy"), "FIELD_TYPE"),
        (lambda dialer, batch: dialer.calls(batch, state=""), "FIELD_TYPE"),
        (lambda dialer, batch: dialer.calls(batch, state=5), "FIELD_TYPE"),
        (lambda dialer, batch: dialer.calls(batch, outcome="closed"), "FIELD_TYPE"),
        (lambda dialer, batch: dialer.calls("nobody's"), "BATCH_UNKNOWN"),
        (lambda dialer, batch: dialer.calls(phone="020"), "PHONE_NOT_E164"),
        (lambda dialer, batch: dialer.batches(state="active"), "FIELD_TYPE"),
        (lambda dialer, batch: dialer.requeue(batch, "bogus"), "FIELD_TYPE"),
        (lambda dialer, batch: dialer.requeue(batch, None), "FIELD_TYPE"),
        (lambda dialer, batch: dialer.windows(batch, days=0), "FIELD_TYPE"),
        (lambda dialer, batch: dialer.windows(batch, days="7"), "FIELD_TYPE"),
        (lambda dialer, batch: dialer.windows(batch, days=10**9), "FIELD_TYPE"),
        (lambda dialer, batch: dialer.suppress(phone(1), "asked", until=NAIVE), "TIMESTAMP_NAIVE"),
        (lambda dialer, batch: dialer.suppress(phone(1), "asked", until="tomorrow"), "TIMESTAMP_INVALID"),
        (lambda dialer, batch: dialer.suppress(phone(1), "asked", until=5), "TIMESTAMP_INVALID"),
        (lambda dialer, batch: dialer.suppress(phone(1), None), "FIELD_TYPE"),
        (lambda dialer, batch: dialer.suppress(phone(1), "a\0b"), "FIELD_TYPE"),
        (lambda dialer, batch: dialer.suppress(phone(1), "\ud800"), "FIELD_TYPE"),
        (lambda dialer, batch: dialer.suppress(phone(1), "asked", workspace_id=""), "FIELD_MISSING"),
        (lambda dialer, batch: dialer.suppress(phone(1), "asked", workspace_id="w" * 256), "FIELD_TOO_LONG"),
        (lambda dialer, batch: dialer.pause_all(workspace_id=""), "FIELD_MISSING"),
        (lambda dialer, batch: dialer.resume_all(workspace_id=""), "FIELD_MISSING"),
        (lambda dialer, batch: dialer.restored("yesterday"), "TIMESTAMP_INVALID"),
        (lambda dialer, batch: dialer.resolve(batch, placed=True, call_id="nobody's"), "CALL_UNKNOWN"),
    ],
)
def test_what_is_no_such_word_is_refused_by_its_code(rig: Rig, ask: Ask, code: str) -> None:
    batch = rig.load([phone(0)])
    with pytest.raises(DialerError) as refused:
        ask(rig.dialer, batch.batch_id)
    assert refused.value.code == code
    assert str(refused.value).startswith(code)
    assert list(rig.dialer.suppressions()) == []
    assert rig.ledger.accounts.holds() == []


@pytest.mark.parametrize("text", ["\0", "a\0b", "\ud800"])
def test_text_that_no_ledger_can_hold_is_nobodys_name(either: Rig, text: str) -> None:
    dialer, batch = either.dialer, either.load([phone(0)])
    for find in (
        lambda: dialer.find_batch(f"w1/a1/{text}"),
        lambda: dialer.pause_batch(text, "a1", "spring"),
        lambda: dialer.status(text),
    ):
        with pytest.raises(BatchUnknown):
            find()
    for ask in (
        lambda: dialer.batches(workspace_id=text),
        lambda: dialer.suppressions(workspace_id=text),
        lambda: dialer.unsuppress(phone(0), text),
        lambda: dialer.requeue(batch.batch_id, "expired", by=text),
        lambda: dialer.resolve(batch.batch_id, placed=True, by=text),
    ):
        with pytest.raises(InvalidInput, match="FIELD_TYPE"):
            ask()


@pytest.mark.parametrize("reason", ["reached", "handed_off", "exhausted", "suppressed", "terminated"])
def test_only_what_was_rejected_unresolved_or_expired_is_dialed_again(rig: Rig, reason: str) -> None:
    batch = rig.load([phone(0)])
    rig.dial(phone(0), Outcome.ANSWERED)
    with pytest.raises(InvalidInput, match="expected one of rejected, unresolved, expired"):
        rig.dialer.requeue(batch.batch_id, reason)
    rig.step()
    assert rig.placed == [phone(0)]


def test_an_entry_that_is_over_already_does_not_lift_the_one_that_stands(rig: Rig) -> None:
    rig.dialer.suppress(phone(0), "asked on the phone")
    with pytest.raises(InvalidInput, match=r"WINDOW_PAST: until: .* has passed"):
        rig.dialer.suppress(phone(0), "until yesterday", until=rig.now - DAY)
    [entry] = rig.dialer.suppressions()
    assert (entry.reason, entry.until) == ("asked on the phone", None)


def test_an_until_is_an_instant_or_its_text(rig: Rig) -> None:
    rig.dialer.suppress(phone(0), "later", until=(rig.now + HOUR).isoformat())  # type: ignore[arg-type]
    [entry] = rig.dialer.suppressions()
    assert entry.until == rig.now + HOUR


def test_an_empty_workspace_does_not_lift_the_red_button_of_all(rig: Rig) -> None:
    rig.load([phone(0)])
    rig.dialer.pause_all()
    with pytest.raises(InvalidInput):
        rig.dialer.resume_all(workspace_id="")
    rig.step()
    assert rig.placed == []


def test_a_call_of_another_batch_is_not_resolved_in_this_one(rig: Rig) -> None:
    mine, other = rig.load([phone(0)]), rig.load([phone(1)], ref="other")
    with pytest.raises(CallUnknown):
        rig.dialer.resolve(mine.batch_id, placed=True, call_id=rig.call(other).call_id)


def test_calls_of_a_number_are_found_however_it_is_written(rig: Rig) -> None:
    rig.load(phones(2))
    spaced = f"{phone(0)[:3]} {phone(0)[3:]}"
    assert [call.phone for call in rig.dialer.calls(phone=spaced)] == [phone(0)]


def test_a_name_will_do_wherever_an_id_is_asked_for(rig: Rig) -> None:
    batch = rig.load([phone(0)], ref="a/b")
    assert rig.dialer.status("w1/a1/a/b") == rig.dialer.status(batch.batch_id)
    assert [call.phone for call in rig.dialer.calls("w1/a1/a/b")] == [phone(0)]
    with pytest.raises(BatchUnknown):
        rig.dialer.status("w1/a1/b")


def test_a_country_is_two_letters_of_either_case(rig: Rig) -> None:
    spec = rig.spec()
    receipt = rig.dialer.load_batch(spec, calls=[{"phone": "(03) 8777 0001"}], country="au")
    assert receipt.accepted == 1
    for country in ("australia", "", 61, ["AU"]):
        with pytest.raises(LoadRefused, match="country: expected a two-letter country code"):
            rig.dialer.load_batch(spec, calls=[], country=country)  # type: ignore[arg-type]


def test_windows_reach_as_far_as_asked(rig: Rig) -> None:
    batch = rig.load([phone(0)])
    [week] = rig.dialer.windows(batch.batch_id, days=2)
    assert week.end - week.start == timedelta(days=2)
