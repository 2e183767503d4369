"""Agents' owners told how their calls ended: what is said, when it is said again, and when it is given up."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from dialer.domain.address import parse_network
from dialer.domain.states import Outcome
from dialer.engine import rounds
from dialer.engine.telling import MOST_WAITING, PAUSES, SILENCE, Silences, tell
from dialer.errors import NoticeUnknown
from dialer.ports.courier import Courier, Delivery
from dialer.providers.courier import WebhookCourier
from tests.integration.engine.rig import DAY, HOUR, MINUTE, SECOND, Rig, phones
from tests.receiver import SECRET, Receiver

[PHONE] = phones(1)
URL = "https://owner.example/calls"


@dataclass
class FakeCourier:
    """Delivers as it is told, and remembers what it was given."""

    answers: list[Delivery] = field(default_factory=list)
    sent: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)

    def deliver(self, url: str, secret: str, message_id: str, at: datetime, body: str) -> Delivery:
        assert secret == SECRET
        self.sent.append((url, message_id, json.loads(body)))
        return self.answers.pop(0) if self.answers else Delivery(True, "answered 200 OK")


FAILED = Delivery(False, "answered 503 Service Unavailable")
SILENT = Delivery(False, "no answer within 15 s", is_silent=True)


def register(rig: Rig, url: str | None = URL, **given: Any) -> None:
    fields = {"workspace_id": "w1", "agent_id": "a1", "webhook_url": url, "webhook_secret": SECRET if url else None}
    rig.dialer.agents.add({name: value for name, value in {**fields, **given}.items() if value is not None})


@pytest.fixture
def listening(rig: Rig) -> Rig:
    register(rig)
    return rig


def round_of(rig: Rig, courier: Courier, after: timedelta = timedelta(), silences: Silences | None = None) -> list[str]:
    """Due notices handed out, and each of them told."""
    rig.later(after)
    rounds.hand_out_notices(rig.desk)
    told = []
    while notice_id := rig.world.queue.pop_notice():
        told.append(tell(rig.desk, courier, notice_id, silences or Silences()).event)
    return told


def test_the_owner_is_told_the_whole_call_and_the_attempt_that_ended(listening: Rig) -> None:
    courier = FakeCourier()
    row = {"phone": PHONE, "variables": {"FIRST_NAME": "Zoë"}}
    batch = listening.load([row], max_retries=1, retry={"no_answer": 60})
    listening.dial(PHONE, Outcome.NO_ANSWER)
    assert round_of(listening, courier) == ["heard"]
    [(url, message_id, said)] = courier.sent
    [notice] = listening.dialer.webhooks.entries()
    assert (url, message_id) == (URL, notice.notice_id)
    data = said["data"]
    assert (said["type"], said["timestamp"]) == ("call.ended", notice.created_at.isoformat())
    assert (data["workspace_id"], data["agent_id"], data["batch_ref"]) == ("w1", "a1", "spring")
    assert (data["batch_id"], data["call_id"], data["phone"]) == (batch.batch_id, notice.call_id, PHONE)
    assert data["variables"] == {"FIRST_NAME": "Zoë"}
    assert (data["state"], data["close_reason"], data["outcome"]) == ("waiting", None, "no_answer")
    assert data["due_at"] > said["timestamp"], "it is called again, and this is when"
    attempt = data["attempt"]
    assert (attempt["number"], attempt["state"], attempt["outcome"]) == (1, "ended", "no_answer")
    assert (attempt["account"], attempt["provider_call_id"]) == ("au", "call-1")
    assert "attempts" not in data
    assert SECRET not in json.dumps(said)


def test_each_attempt_is_told_once_and_in_its_own_words(listening: Rig) -> None:
    courier = FakeCourier()
    listening.load([PHONE], max_retries=1, retry={"no_answer": 60})
    listening.dial(PHONE, Outcome.NO_ANSWER)
    listening.later(MINUTE)
    listening.dial(PHONE, Outcome.ANSWERED)
    assert round_of(listening, courier) == ["heard", "heard"]
    assert [said["data"]["attempt"]["outcome"] for _, _, said in courier.sent] == ["no_answer", "answered"]
    assert len({message_id for _, message_id, _ in courier.sent}) == 2
    assert round_of(listening, courier, DAY) == []


def test_only_agents_that_name_a_webhook_are_told(rig: Rig) -> None:
    register(rig, None)
    rig.load([PHONE])
    rig.dial(PHONE)
    assert round_of(rig, FakeCourier()) == []
    assert list(rig.dialer.webhooks.entries()) == []


def test_what_is_not_heard_is_said_again_after_growing_pauses_for_hours_and_then_given_up(listening: Rig) -> None:
    courier = FakeCourier([FAILED] * 100)
    listening.load([PHONE])
    listening.dial(PHONE)
    began = listening.now
    instants: list[timedelta] = []
    while True:
        events = round_of(listening, courier, SECOND if len(instants) < 2 else MINUTE)
        instants += [listening.now - began for _ in events]
        if events == ["dead"]:
            break
        assert listening.now - began < 3 * DAY
    assert len(instants) == len(PAUSES) + 1
    for (before, after), pause in zip(pairwise(instants), PAUSES, strict=True):
        assert pause <= after - before < pause + 2 * MINUTE
    assert 12 * HOUR < instants[-1] < 20 * HOUR
    assert len({message_id for _, message_id, _ in courier.sent}) == 1
    [dead] = listening.dialer.webhooks.entries(dead_only=True)
    assert (dead.tries, dead.detail) == (len(PAUSES) + 1, FAILED.detail)
    assert round_of(listening, courier, DAY) == []


def test_a_dead_one_is_replayed_under_its_id_with_all_its_tries(listening: Rig) -> None:
    courier = FakeCourier([Delivery(False, "answered 410 Gone", is_final=True), FAILED])
    listening.load([PHONE])
    listening.dial(PHONE)
    assert round_of(listening, courier) == ["dead"]
    assert round_of(listening, courier, DAY) == []
    register(listening, "https://new.example/calls")
    assert listening.dialer.webhooks.replay_dead("w1") == 1
    assert round_of(listening, courier) == ["later"]
    assert round_of(listening, courier, 5 * SECOND) == ["heard"]
    assert [url for url, _, _ in courier.sent] == [URL, "https://new.example/calls", "https://new.example/calls"]
    assert len({message_id for _, message_id, _ in courier.sent}) == 1


def test_one_that_was_heard_can_be_said_again(listening: Rig) -> None:
    courier = FakeCourier()
    listening.load([PHONE])
    listening.dial(PHONE)
    round_of(listening, courier)
    [notice] = listening.dialer.webhooks.entries("w1")
    assert listening.dialer.webhooks.replay(notice.notice_id).heard_at is None
    assert round_of(listening, courier) == ["heard"]
    assert len(courier.sent) == 2


def test_a_notice_of_another_workspace_is_none(listening: Rig) -> None:
    listening.load([PHONE])
    listening.dial(PHONE)
    [notice] = listening.dialer.webhooks.entries()
    for look in (listening.dialer.webhooks.get, listening.dialer.webhooks.replay):
        with pytest.raises(NoticeUnknown):
            look(notice.notice_id, "w2")
        with pytest.raises(NoticeUnknown):
            look("no-id")
    assert list(listening.dialer.webhooks.entries("w2")) == []
    assert listening.dialer.webhooks.get(notice.notice_id.upper(), "w1") == notice


@pytest.mark.parametrize("is_removed", [True, False])
def test_an_agent_that_names_no_webhook_any_more_is_not_told(listening: Rig, is_removed: bool) -> None:
    courier = FakeCourier()
    listening.load([PHONE])
    listening.dial(PHONE)
    if is_removed:
        listening.dialer.agents.remove("w1", "a1")
    else:
        register(listening, None)
    assert round_of(listening, courier) == ["dead"]
    assert courier.sent == []
    [dead] = listening.dialer.webhooks.entries(dead_only=True)
    assert dead.detail == "its agent names no webhook any more"


def test_a_wish_to_wait_is_honoured_up_to_eight_hours(listening: Rig) -> None:
    courier = FakeCourier([Delivery(False, "answered 503", retry_after=HOUR), Delivery(False, "no", retry_after=DAY)])
    listening.load([PHONE])
    listening.dial(PHONE)
    assert round_of(listening, courier) == ["later"]
    assert round_of(listening, courier, HOUR - SECOND) == []
    assert round_of(listening, courier, SECOND) == ["later"]
    assert round_of(listening, courier, 8 * HOUR - SECOND) == []
    assert round_of(listening, courier, SECOND) == ["heard"]


def test_a_silent_receiver_is_left_alone_for_a_moment_and_others_are_told(listening: Rig) -> None:
    courier, silences = FakeCourier([SILENT]), Silences()
    register(listening, "https://other.example/", agent_id="a2")
    listening.load(phones(5))
    listening.load(phones(1, first=5), agent_id="a2")
    while len(listening.placed) < 6:
        listening.step()
    listening.end_all()
    listening.ask(5 * SECOND)
    assert sorted(round_of(listening, courier, silences=silences)) == ["heard"] + ["later"] * 5
    assert {url for url, _, _ in courier.sent} == {URL, "https://other.example/"}
    assert len(courier.sent) == 2
    assert [notice.tries for notice in listening.dialer.webhooks.entries()] == [1] * 6
    assert round_of(listening, courier, SILENCE, silences=silences) == ["heard"] * 5


def test_no_more_are_handed_out_than_may_wait_in_redis(listening: Rig) -> None:
    count = MOST_WAITING + 10
    listening.load(phones(count))
    while len(listening.placed) < count:
        listening.step()
        listening.end_all()
        listening.ask(5 * SECOND)
    assert rounds.hand_out_notices(listening.desk) == MOST_WAITING
    assert rounds.hand_out_notices(listening.desk) == 0
    for _ in range(30):
        listening.world.queue.pop_notice()
    assert rounds.hand_out_notices(listening.desk) == 10


def test_a_notice_that_redis_lost_is_handed_out_again_a_minute_later(listening: Rig) -> None:
    listening.load([PHONE])
    listening.dial(PHONE)
    assert rounds.hand_out_notices(listening.desk) == 1
    listening.redis.wipe()
    assert rounds.hand_out_notices(listening.desk) == 0
    assert round_of(listening, FakeCourier(), MINUTE) == ["heard"]


def test_a_message_delivered_twice_is_told_once(listening: Rig) -> None:
    courier = FakeCourier()
    listening.load([PHONE])
    listening.dial(PHONE)
    [notice_id] = listening.ledger.notices.due(10)
    assert [tell(listening.desk, courier, notice_id, Silences()).event for _ in range(3)] == [
        "heard",
        "ignored",
        "ignored",
    ]
    assert len(courier.sent) == 1


def test_heard_ones_are_forgotten_after_a_month_and_dead_ones_kept(listening: Rig) -> None:
    listening.load(phones(2))
    for number in phones(2):
        listening.dial(number)
    round_of(listening, FakeCourier([Delivery(False, "gone", is_final=True)]))
    assert rounds.forget(listening.desk) == 0
    listening.later(30 * DAY)
    assert rounds.forget(listening.desk) == 1
    [left] = listening.dialer.webhooks.entries()
    assert left.dead_at is not None


class Today(WebhookCourier):
    """Signs by the receiver's clock: the rig's stands on another day, and the library would refuse that."""

    def deliver(self, url: str, secret: str, message_id: str, at: datetime, body: str) -> Delivery:
        return super().deliver(url, secret, message_id, datetime.now(UTC), body)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


def test_a_real_receiver_verifies_what_it_is_sent_and_gets_it_again_until_it_says_yes(
    either: Rig, receiver: Receiver
) -> None:
    register(either, receiver.url)
    courier = Today(either.clock.boottime, [parse_network("127.0.0.1")])
    receiver.answers(500, 302)
    either.load([PHONE])
    either.dial(PHONE)
    assert round_of(either, courier) == ["later"]
    assert round_of(either, courier, 5 * SECOND) == ["later"]
    assert round_of(either, courier, MINUTE) == ["heard"]
    [notice] = either.dialer.webhooks.entries()
    assert receiver.ids() == [notice.notice_id] * 3
    assert receiver.unverified == []
    assert receiver.received[0].said == receiver.received[2].said
