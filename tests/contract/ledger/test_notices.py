"""Outgoing webhooks: written by the move that ends an attempt, where its agent names one, handed out until heard."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from dialer.domain.client import Agent
from dialer.domain.notice import Notice
from dialer.domain.placement import AnswerKind, Progress
from dialer.domain.states import AttemptState, CallState, CloseReason, Outcome
from dialer.ledger import SqlLedger
from dialer.ledger.client_tables import notices
from dialer.ports.ledger import Recording
from tests.contract.ledger.builders import ACCOUNT, DAY, HOUR, UNKNOWN, House, answer, new_calls

URL, SECRET = "https://owner.example/calls", "whsec_c2VjcmV0IG9mIHRoZSBvd25lcg=="
ANSWERED = Progress(ended=True, outcome=Outcome.ANSWERED)
BUSY = Progress(ended=True, outcome=Outcome.BUSY)
REJECTED = Recording(CallState.CLOSED, AttemptState.REJECTED, CloseReason.REJECTED)
HANDED_OFF = Recording(CallState.CLOSED, AttemptState.HANDED_OFF, CloseReason.HANDED_OFF)
AT_ONCE = timedelta(0)


def register(ledger: SqlLedger, url: str | None = URL, secret: str | None = SECRET, workspace_id: str = "w1") -> None:
    ledger.agents.save(Agent(workspace_id, "a1", ACCOUNT, "their-a1", webhook_url=url, webhook_secret=secret))


@pytest.fixture
def listening(ledger: SqlLedger) -> None:
    register(ledger)


def written(ledger: SqlLedger) -> list[Notice]:
    return ledger.notices.entries()


def a_notice(house: House) -> Notice:
    house.load(calls=new_calls(1))
    house.ledger.attempts.settle(house.open_attempt(), ANSWERED, None, CloseReason.REACHED)
    return house.ledger.notices.entries()[0]


def settle(house: House) -> None:
    house.ledger.attempts.settle(house.open_attempt(), ANSWERED, None, CloseReason.REACHED)


def settle_for_a_retry(house: House) -> None:
    house.ledger.attempts.settle(house.open_attempt(), BUSY, HOUR, None)


def give_up(house: House) -> None:
    house.ledger.attempts.give_up(house.open_attempt(recording=UNKNOWN), "no news")


def set_aside(house: House) -> None:
    house.ledger.failures.unasked(house.open_attempt(), "it broke", HOUR, most=1)


def reject(house: House) -> None:
    house.ledger.claims.record(house.claim(), answer(AnswerKind.REJECTED, provider_call_id=None), REJECTED)


def hand_off(house: House) -> None:
    house.ledger.claims.record(house.claim(), answer(provider_call_id=None), HANDED_OFF)


def take_for_placed(house: House) -> None:
    attempt = house.open_attempt(recording=UNKNOWN)
    house.ledger.decisions.resolve(attempt.batch_id, None, placed=True, by="ada")


ENDINGS: list[tuple[Callable[[House], None], AttemptState]] = [
    (settle, AttemptState.ENDED),
    (settle_for_a_retry, AttemptState.ENDED),
    (give_up, AttemptState.UNRESOLVED),
    (set_aside, AttemptState.UNRESOLVED),
    (reject, AttemptState.REJECTED),
    (hand_off, AttemptState.HANDED_OFF),
    (take_for_placed, AttemptState.HANDED_OFF),
]


@pytest.mark.usefixtures("listening")
@pytest.mark.parametrize(("end", "state"), ENDINGS, ids=[end.__name__ for end, _ in ENDINGS])
def test_every_move_that_ends_an_attempt_writes_one_notice_with_it(
    house: House, ledger: SqlLedger, end: Callable[[House], None], state: AttemptState
) -> None:
    batch = house.load()
    end(house)
    [notice] = written(ledger)
    call = house.only_call(batch)
    assert (notice.workspace_id, notice.agent_id, notice.call_id, notice.number) == ("w1", "a1", call.call_id, 1)
    assert (notice.state, notice.url, notice.secret) == (state, URL, SECRET)
    assert (notice.tries, notice.heard_at, notice.dead_at, notice.detail) == (0, None, None, None)
    assert notice.due_at == notice.created_at
    assert SECRET not in repr(notice)


@pytest.mark.parametrize(
    "registration", [None, (None, None, "w1"), (URL, None, "w1"), (URL, SECRET, "w2")], ids=["none", "no", "half", "w2"]
)
@pytest.mark.parametrize("end", [end for end, _ in ENDINGS], ids=[end.__name__ for end, _ in ENDINGS])
def test_nobody_is_told_whose_registration_names_no_webhook(
    house: House,
    ledger: SqlLedger,
    end: Callable[[House], None],
    registration: tuple[str | None, str | None, str] | None,
) -> None:
    if registration:
        register(ledger, *registration)
    house.load()
    end(house)
    assert written(ledger) == []


def refuse(house: House) -> None:
    refused = Recording(CallState.READY, AttemptState.REFUSED)
    house.ledger.claims.record(house.claim(), answer(AnswerKind.CREDIT, provider_call_id=None), refused)


def not_send(house: House) -> None:
    not_sent = Recording(CallState.WAITING, AttemptState.NOT_SENT, after=HOUR)
    house.ledger.claims.record(house.claim(), answer(AnswerKind.NOT_SENT, provider_call_id=None), not_sent)


def defer(house: House) -> None:
    house.ledger.claims.defer(house.claim(), HOUR, "suppressed until tomorrow")


def suppress(house: House) -> None:
    house.ledger.claims.close(house.claim(), CloseReason.SUPPRESSED, "asked us")


def lose_the_answer(house: House) -> None:
    house.open_attempt(recording=UNKNOWN)


def say_it_was_not_placed(house: House) -> None:
    attempt = house.open_attempt(recording=UNKNOWN)
    house.ledger.decisions.resolve(attempt.batch_id, None, placed=False, by="ada")


@pytest.mark.usefixtures("listening")
@pytest.mark.parametrize("move", [refuse, not_send, defer, suppress, lose_the_answer, say_it_was_not_placed])
def test_what_called_nobody_or_is_not_over_is_not_told(
    house: House, ledger: SqlLedger, move: Callable[[House], None]
) -> None:
    house.load()
    move(house)
    assert written(ledger) == []


@pytest.mark.usefixtures("listening")
def test_who_comes_second_to_end_an_attempt_writes_nothing(house: House, ledger: SqlLedger) -> None:
    house.load()
    attempt = house.open_attempt()
    ledger.attempts.settle(attempt, ANSWERED, None, CloseReason.REACHED)
    assert not ledger.attempts.settle(attempt, BUSY, None, CloseReason.EXHAUSTED)
    assert not ledger.attempts.give_up(attempt, "late")
    assert len(written(ledger)) == 1


@pytest.mark.usefixtures("listening")
def test_an_operator_s_word_on_an_unresolved_attempt_is_told_besides(house: House, ledger: SqlLedger) -> None:
    batch = house.load()
    ledger.attempts.give_up(house.open_attempt(), "no news")
    ledger.decisions.resolve(batch.batch_id, None, placed=True, by="ada")
    assert sorted(notice.state for notice in written(ledger)) == [AttemptState.HANDED_OFF, AttemptState.UNRESOLVED]


@pytest.mark.usefixtures("listening")
def test_a_due_notice_is_handed_out_once_and_again_a_minute_later(house: House, ledger: SqlLedger) -> None:
    notice = a_notice(house)
    assert ledger.notices.due(10) == [notice.notice_id]
    assert ledger.notices.due(10) == []
    house.rewrite(notices, notices.c.notice_id == notice.notice_id, due_at=ledger.now() - HOUR)
    assert ledger.notices.due(10) == [notice.notice_id]


@pytest.mark.usefixtures("listening")
def test_the_longest_due_goes_first_and_never_more_than_the_limit(house: House, ledger: SqlLedger) -> None:
    house.load(calls=new_calls(3))
    for queued in house.push():
        ledger.attempts.settle(
            house.open_attempt(house.claim(house.ticket(queued))), ANSWERED, None, CloseReason.REACHED
        )
    newest = written(ledger)[0].notice_id
    house.rewrite(notices, notices.c.notice_id == newest, due_at=ledger.now() - HOUR)
    assert len(handed := ledger.notices.due(2)) == 2
    assert handed[0] == newest


@pytest.mark.usefixtures("listening")
def test_a_heard_notice_is_over(house: House, ledger: SqlLedger) -> None:
    notice_id = a_notice(house).notice_id
    ledger.notices.due(10)
    ledger.notices.heard(notice_id, "answered 200 OK")
    found = ledger.notices.get(notice_id)
    assert found is not None
    assert (found.tries, found.due_at, found.dead_at, found.detail) == (1, None, None, "answered 200 OK")
    assert found.heard_at is not None
    ledger.notices.later(notice_id, AT_ONCE, "an older try that failed")
    assert ledger.notices.due(10) == []


@pytest.mark.usefixtures("listening")
def test_one_that_was_not_heard_is_due_again_after_its_pause_and_dead_in_the_end(
    house: House, ledger: SqlLedger
) -> None:
    notice_id = a_notice(house).notice_id
    ledger.notices.later(notice_id, HOUR, "answered 503")
    assert ledger.notices.due(10) == []
    ledger.notices.later(notice_id, AT_ONCE, "answered 503")
    assert ledger.notices.due(10) == [notice_id]
    ledger.notices.later(notice_id, None, "answered 410 Gone")
    found = ledger.notices.get(notice_id)
    assert found is not None
    assert (found.tries, found.due_at, found.heard_at, found.detail) == (3, None, None, "answered 410 Gone")
    assert found.dead_at is not None
    assert [each.notice_id for each in ledger.notices.entries(dead_only=True)] == [notice_id]


@pytest.mark.usefixtures("listening")
def test_it_goes_where_its_agent_is_registered_now(house: House, ledger: SqlLedger) -> None:
    notice_id = a_notice(house).notice_id
    register(ledger, "https://new.example/", "whsec_bmV3")
    found = ledger.notices.get(notice_id)
    assert found is not None
    assert (found.url, found.secret) == ("https://new.example/", "whsec_bmV3")
    ledger.agents.remove("w1", "a1")
    found = ledger.notices.get(notice_id)
    assert found is not None
    assert (found.url, found.secret) == (None, None)


@pytest.mark.usefixtures("listening")
def test_a_replay_gives_it_all_its_tries_again_heard_or_dead(house: House, ledger: SqlLedger) -> None:
    notice_id = a_notice(house).notice_id
    for end in (lambda: ledger.notices.heard(notice_id, "ok"), lambda: ledger.notices.later(notice_id, None, "gone")):
        end()
        assert ledger.notices.replay(notice_id=notice_id) == 1
        found = ledger.notices.get(notice_id)
        assert found is not None
        assert (found.tries, found.heard_at, found.dead_at) == (0, None, None)
        assert ledger.notices.due(10) == [notice_id]


@pytest.mark.usefixtures("listening")
def test_all_dead_ones_of_a_workspace_are_replayed_and_no_other(house: House, ledger: SqlLedger) -> None:
    house.load(calls=new_calls(2))
    for queued in house.push():
        ledger.attempts.settle(
            house.open_attempt(house.claim(house.ticket(queued))), ANSWERED, None, CloseReason.REACHED
        )
    dead, heard = (notice.notice_id for notice in written(ledger))
    ledger.notices.later(dead, None, "gone")
    ledger.notices.heard(heard, "ok")
    assert ledger.notices.replay("w2") == 0
    assert ledger.notices.replay("w2", dead) == 0
    assert ledger.notices.replay("w1") == 1
    assert ledger.notices.due(10) == [dead]


@pytest.mark.usefixtures("listening")
def test_they_are_listed_newest_first_page_by_page_each_workspace_its_own(house: House, ledger: SqlLedger) -> None:
    house.load(calls=new_calls(3))
    for queued in house.push():
        ledger.attempts.settle(
            house.open_attempt(house.claim(house.ticket(queued))), ANSWERED, None, CloseReason.REACHED
        )
    everything = [notice.notice_id for notice in written(ledger)]
    assert everything == sorted(everything, reverse=True)
    first = ledger.notices.entries("w1", limit=2)
    rest = ledger.notices.entries("w1", after=first[-1].notice_id, limit=2)
    assert [notice.notice_id for notice in (*first, *rest)] == everything
    assert ledger.notices.entries("w2") == []


@pytest.mark.usefixtures("listening")
def test_old_ones_are_forgotten_when_heard_and_kept_when_dead_or_due(house: House, ledger: SqlLedger) -> None:
    house.load(calls=new_calls(3))
    for queued in house.push():
        ledger.attempts.settle(
            house.open_attempt(house.claim(house.ticket(queued))), ANSWERED, None, CloseReason.REACHED
        )
    due, dead, heard = (notice.notice_id for notice in written(ledger))
    ledger.notices.later(dead, None, "gone")
    ledger.notices.heard(heard, "ok")
    assert ledger.notices.forget(DAY, 10) == 0
    house.rewrite(notices, notices.c.call_id.is_not(None), created_at=ledger.now() - 31 * DAY)
    assert [ledger.notices.forget(30 * DAY, 10) for _ in range(2)] == [1, 0]
    assert {notice.notice_id for notice in written(ledger)} == {due, dead}


def test_a_notice_that_nobody_wrote_is_none(ledger: SqlLedger) -> None:
    assert ledger.notices.get("0194f5a0-0000-7000-8000-000000000001") is None
