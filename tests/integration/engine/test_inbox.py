"""Providers' webhooks, early, late, doubled, out of order, of nobody we know, forged: each is a hint and no more."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from dialer.domain.batch import Batch
from dialer.domain.placement import Answer, AnswerKind, NotTold, Placement, Progress
from dialer.domain.states import AttemptState, CallState, CloseReason, Outcome
from dialer.engine import rounds
from dialer.engine.inbox import BODY_LIMIT, Heeded
from dialer.errors import InvalidInput, WebhookUnknown
from dialer.ledger.client_tables import inbox
from dialer.testing.providers import FakeProvider
from tests.integration.engine.conftest import NewRig
from tests.integration.engine.rig import DAY, HANDS_OFF, HOUR, MINUTE, SECOND, Rig, an_account, phones

SECRET = "hush-hush"
[PHONE] = phones(1)
THE_CALL = {"id": "call-1"}


@pytest.fixture
def open_rig(new_rig: NewRig) -> Rig:
    """Its account receives webhooks."""
    return new_rig(accounts={"au": an_account(options={"webhook_secret": SECRET})})


def post(rig: Rig, said: Any, account: str = "au", secret: str = SECRET, event_id: str | None = None) -> bool:
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    return rig.dialer.webhooks.receive(account, secret, body, event_id)


def heed(rig: Rig, after: timedelta = timedelta()) -> list[str]:
    rig.later(after)
    return [heeded.event for heeded in rounds.settle_inbox(rig.desk)]


def in_progress(rig: Rig, **given: Any) -> Batch:
    """A call that is under way, and about which nobody asks for half a minute."""
    batch = rig.load([PHONE], **given)
    rig.step()
    rig.ask(4 * SECOND)
    assert rig.call(batch).state is CallState.IN_PROGRESS
    assert rig.ask(SECOND) == []
    return batch


def test_a_hint_that_a_call_is_over_is_confirmed_by_asking_at_once(open_rig: Rig) -> None:
    batch = in_progress(open_rig)
    open_rig.end(PHONE, Outcome.BUSY)
    assert post(open_rig, THE_CALL)
    assert heed(open_rig) == ["asked"]
    assert [asked.event for asked in open_rig.ask()] == ["settled"]
    assert open_rig.call(batch).outcome is Outcome.BUSY
    assert heed(open_rig, HOUR) == []


def test_a_forged_one_in_the_right_envelope_costs_a_question_and_moves_nothing(open_rig: Rig) -> None:
    batch = in_progress(open_rig)
    post(open_rig, {**THE_CALL, "status": "completed", "outcome": "answered", "ended": True})
    assert heed(open_rig) == ["asked"]
    assert [asked.event for asked in open_rig.ask()] == ["later"]
    assert open_rig.call(batch).state is CallState.IN_PROGRESS
    assert open_rig.held() == 1


@pytest.mark.parametrize(
    ("account", "secret"),
    [("au", "hush"), ("au", ""), ("au", SECRET + "x"), ("nz", SECRET), ("", ""), ("au", "\ud800"), ("au", "ü")],
)
def test_who_does_not_know_the_secret_is_told_nothing_and_leaves_nothing(
    open_rig: Rig, account: str, secret: str
) -> None:
    in_progress(open_rig)
    with pytest.raises(WebhookUnknown) as refused:
        post(open_rig, THE_CALL, account, secret)
    assert str(refused.value) == "WEBHOOK_UNKNOWN: No account receives webhooks at this address."
    assert open_rig.ledger.inbox.due(10) == []


@pytest.mark.parametrize("secret", ["", "anything"])
def test_an_account_without_a_secret_receives_none(rig: Rig, secret: str) -> None:
    with pytest.raises(WebhookUnknown):
        post(rig, THE_CALL, secret=secret)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "BODY_INVALID"),
        (b"null", "BODY_INVALID"),
        (b"[]", "BODY_INVALID"),
        (b'{"id": ', "BODY_INVALID"),
        (b'{"id": NaN}', "BODY_INVALID"),
        (b'{"id": "\xff\xfe"}', "BODY_INVALID"),
        (b'{"id": "a\x00b"}', "BODY_INVALID"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "BODY_INVALID"),
        (b'{"id": ' + b"9" * 10_000 + b"}", "BODY_INVALID"),
        (b"id=call-1", "BODY_INVALID"),
        (b'{"id": "' + b"x" * BODY_LIMIT + b'"}', "BODY_TOO_LARGE"),
    ],
)
def test_a_body_that_can_speak_of_no_call_is_refused_and_not_stored(open_rig: Rig, body: bytes, code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        post(open_rig, body)
    assert refused.value.code == code
    assert open_rig.ledger.inbox.due(10) == []


def test_a_doubled_one_is_stored_once_and_asks_once(open_rig: Rig) -> None:
    in_progress(open_rig)
    assert [post(open_rig, THE_CALL) for _ in range(10)] == [True] + [False] * 9
    assert heed(open_rig) == ["asked"]
    assert not post(open_rig, THE_CALL), "known, also once it is done with"
    assert heed(open_rig) == []


def test_the_provider_s_own_event_id_tells_events_apart_before_their_bodies_do(open_rig: Rig) -> None:
    in_progress(open_rig)
    assert post(open_rig, {**THE_CALL, "event_id": "e-1"})
    assert not post(open_rig, {**THE_CALL, "event_id": "e-1", "sent": "again"})
    assert post(open_rig, {**THE_CALL, "event_id": "e-2"})
    assert post(open_rig, THE_CALL, event_id="from-a-header")
    assert not post(open_rig, {**THE_CALL, "other": 1}, event_id="from-a-header")


def test_one_that_comes_before_the_answer_to_its_own_call_waits_for_it(open_rig: Rig) -> None:
    """The call is over, and its webhook here, while the POST that placed it is still being answered."""
    provider = open_rig.provider

    def meanwhile(placement: Placement) -> Answer:
        answer = provider.accept(placement)
        provider.told["call-1"] = Progress(ended=True, outcome=Outcome.ANSWERED)
        assert post(open_rig, THE_CALL)
        assert heed(open_rig) == ["later"]
        return answer

    provider.answers(PHONE, meanwhile)
    batch = open_rig.load([PHONE])
    open_rig.step()
    assert heed(open_rig, SECOND) == ["asked"]
    assert [asked.event for asked in open_rig.ask()] == ["settled"]
    assert open_rig.call(batch).close_reason is CloseReason.REACHED


def lose_the_answer(rig: Rig) -> Batch:
    rig.provider.answers(PHONE, rig.provider.accept_and_lose)
    batch = rig.load([PHONE])
    rig.step()
    assert rig.call(batch).state is CallState.UNKNOWN
    return batch


def test_one_that_names_our_reference_resolves_a_lost_answer_at_once(open_rig: Rig) -> None:
    batch = lose_the_answer(open_rig)
    [attempt] = open_rig.call(batch).attempts
    post(open_rig, {"id": "call-1", "reference": attempt.reference})
    assert heed(open_rig) == ["asked"]
    assert [asked.event for asked in open_rig.ask()] == ["found"]
    assert open_rig.attempts(batch) == [AttemptState.IN_PROGRESS]


def test_one_that_names_the_number_has_a_lost_answer_looked_for_at_once_and_then_knows_it_by_its_id(
    open_rig: Rig,
) -> None:
    batch = lose_the_answer(open_rig)
    post(open_rig, {"id": "call-1", "phone": PHONE})
    assert heed(open_rig) == ["later"]
    assert [asked.event for asked in open_rig.ask()] == ["found"]
    assert heed(open_rig, SECOND) == ["asked"]
    assert len(open_rig.placed) == 1
    assert open_rig.attempts(batch) == [AttemptState.IN_PROGRESS]


def test_a_forged_one_for_a_request_that_placed_nothing_neither_finds_nor_redials_it(open_rig: Rig) -> None:
    open_rig.provider.answers(PHONE, Answer(AnswerKind.UNKNOWN, "no answer within the deadline"))
    batch = open_rig.load([PHONE], max_retries=3)
    open_rig.step()
    [attempt] = open_rig.call(batch).attempts
    for number in range(20):
        post(open_rig, {"id": "call-99", "reference": attempt.reference, "phone": PHONE, "n": number})
    assert heed(open_rig) == ["asked"] * 20
    assert [asked.event for asked in open_rig.ask()] == ["later"]
    assert open_rig.call(batch).state is CallState.UNKNOWN
    assert len(open_rig.placed) == 1


def test_late_and_out_of_order_ones_change_nothing_that_is_over(open_rig: Rig) -> None:
    batch = in_progress(open_rig)
    open_rig.end(PHONE, Outcome.ANSWERED)
    open_rig.ask(30 * SECOND)
    before = open_rig.call(batch)
    assert before.close_reason is CloseReason.REACHED
    for words in ({"event": "call.ended"}, {"event": "call.ringing"}, {"event": "call.started"}):
        open_rig.later(DAY)
        assert post(open_rig, {**THE_CALL, **words})
        assert heed(open_rig) == ["over"]
    assert open_rig.ask() == []
    assert open_rig.call(batch) == before


def test_one_of_a_call_that_retries_asks_about_no_later_attempt(open_rig: Rig) -> None:
    batch = in_progress(open_rig, max_retries=1, retry={"no_answer": 60})
    open_rig.end(PHONE, Outcome.NO_ANSWER)
    open_rig.ask(30 * SECOND)
    open_rig.later(MINUTE)
    open_rig.step()
    open_rig.ask(4 * SECOND)
    post(open_rig, {**THE_CALL, "event": "call.ended"})
    assert heed(open_rig) == ["over"]
    assert open_rig.ask() == []
    assert open_rig.attempts(batch) == [AttemptState.ENDED, AttemptState.IN_PROGRESS]


def test_one_of_a_call_that_nobody_knows_is_matched_again_for_a_day_and_then_left(open_rig: Rig) -> None:
    post(open_rig, {"id": "call-of-somebody-else"})
    tries = 0
    while heed(open_rig) != ["unmatched"]:
        tries += 1
        assert tries < 100
        open_rig.later(MINUTE if tries < 20 else HOUR)
    assert 20 < tries < 60
    [row] = inbox_rows(open_rig)
    assert timedelta(hours=22) < open_rig.now - row["received_at"] <= DAY
    assert "no attempt that it could speak of came within" in row["detail"]
    assert heed(open_rig, DAY) == []


def inbox_rows(rig: Rig) -> list[Any]:
    with rig.ledger._transactions.read() as connection:
        return list(connection.execute(select(inbox)).mappings().all())


def test_one_that_names_nobody_is_kept_and_not_looked_at_again(open_rig: Rig) -> None:
    post(open_rig, {"event": "agent.published"})
    assert heed(open_rig) == ["unmatched"]
    assert heed(open_rig, DAY) == []
    assert [row["body"] for row in inbox_rows(open_rig)] == ['{"event": "agent.published"}']


def test_another_account_s_webhook_never_speaks_of_this_one_s_calls(new_rig: NewRig) -> None:
    accounts = {name: an_account(name, options={"webhook_secret": SECRET + name}) for name in ("au", "nz")}
    rig = new_rig(accounts=accounts, providers={"au": FakeProvider(), "nz": FakeProvider()})
    in_progress(rig)
    post(rig, THE_CALL, "nz", SECRET + "nz")
    assert heed(rig) == ["later"]
    assert rig.ask() == []


def test_a_provider_that_cannot_be_asked_has_its_webhooks_kept_and_believed_in_nothing(new_rig: NewRig) -> None:
    silent = {"au": FakeProvider(capabilities=HANDS_OFF)}
    rig = new_rig(accounts={"au": an_account(options={"webhook_secret": SECRET})}, providers=silent)
    batch = lose_the_answer(rig)
    [attempt] = rig.call(batch).attempts
    post(rig, {"id": "call-1", "reference": attempt.reference, "status": "answered"})
    assert heed(rig) == ["asked"]
    assert [asked.event for asked in rig.ask()] == ["later"]
    assert rig.call(batch).state is CallState.UNKNOWN


class Unreadable(FakeProvider):
    """An adapter with a bug in its reader."""

    def heard(self, told: Any) -> Any:
        if told.get("event") == "odd":
            raise KeyError("data")
        return super().heard(told)


def test_one_that_an_adapter_chokes_on_is_set_aside_and_holds_up_no_other(new_rig: NewRig) -> None:
    account = an_account(options={"webhook_secret": SECRET})
    rig = new_rig(accounts={"au": account}, providers={"au": Unreadable()})
    in_progress(rig)
    rig.ledger.inbox.store("au", "odd", '{"event": "odd"}')
    post(rig, THE_CALL)
    first, second = rounds.settle_inbox(rig.desk)
    assert (first.event, second.event) == ("failed", "asked")
    assert isinstance(first, Heeded)
    assert first.fingerprint
    assert heed(rig, DAY) == []


def test_one_whose_provider_does_not_know_the_call_leaves_it_to_the_usual_questions(open_rig: Rig) -> None:
    batch = in_progress(open_rig)
    open_rig.provider.told["call-1"] = NotTold("503")
    post(open_rig, THE_CALL)
    assert heed(open_rig) == ["asked"]
    assert [asked.event for asked in open_rig.ask()] == ["later"]
    open_rig.end(PHONE)
    open_rig.ask(30 * SECOND)
    assert open_rig.call(batch).close_reason is CloseReason.REACHED


def test_old_ones_are_forgotten_after_a_week(open_rig: Rig) -> None:
    post(open_rig, {"event": "agent.published"})
    heed(open_rig, 6 * DAY)
    assert rounds.forget(open_rig.desk) == 0
    open_rig.later(DAY)
    assert rounds.forget(open_rig.desk) == 1
    assert inbox_rows(open_rig) == []


@pytest.mark.parametrize("events", [1, 250])
def test_a_flood_is_heeded_bit_by_bit(open_rig: Rig, events: int) -> None:
    in_progress(open_rig)
    for number in range(events):
        post(open_rig, {**THE_CALL, "n": number})
    heeded = []
    while some := heed(open_rig):
        assert len(some) <= 100
        heeded += some
    assert heeded == ["asked"] * events
    assert len(open_rig.ask()) == 1
