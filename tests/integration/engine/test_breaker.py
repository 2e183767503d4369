"""The breaker of an account: when it opens, what it costs while a provider is away for hours, and how it closes."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dialer.domain.placement import Absent, Answer, AnswerKind, Balance, Capabilities, Found, NotTold, Placement, Sought
from dialer.domain.states import CallState, StopKind
from dialer.engine import rounds
from dialer.ports.ledger import AccountState
from dialer.ports.voice import LastLook
from dialer.testing.providers import ASKABLE, FakeProvider
from tests.integration.engine.conftest import NewRig
from tests.integration.engine.rig import (
    HANDS_OFF,
    MINUTE,
    SECOND,
    Rig,
    an_answer,
    open_on,
    phone,
    phones,
    refusal,
)

REFUSED_CONNECT = an_answer(AnswerKind.NOT_SENT, "connection refused", is_fault=True)
TIMEOUT = an_answer(AnswerKind.UNKNOWN, "no answer within 30 s", is_fault=True)
BUSY = refusal(AnswerKind.UNKNOWN, 503, is_fault=True)
MUTE = Capabilities(reports_outcomes=True, can_find=False)
METERED = Capabilities(reports_outcomes=True, can_find=True, has_balance=True)


class Away(FakeProvider):
    """Down for as long as `answer` is set; every question fails with it, too."""

    answer: Answer | None = None
    reads_fail = True

    def place(self, placement: Placement, last_look: LastLook) -> Answer:
        if self.answer is not None:
            self.answers("*", self.answer)
        return super().place(placement, last_look)

    def find(self, sought: Sought) -> Found | Absent | NotTold:
        return NotTold("timeout") if self.answer is not None and self.reads_fail else super().find(sought)

    def balance(self) -> Balance | Answer:
        return Answer(AnswerKind.UNKNOWN, "timeout") if self.answer is not None and self.reads_fail else Balance(None)


def away(new_rig: NewRig, answer: Answer, able: Capabilities = ASKABLE) -> tuple[Rig, Away]:
    provider = Away(capabilities=able)
    provider.answer = answer
    return new_rig(providers={"au": provider}), provider


def account(rig: Rig) -> AccountState:
    [state] = rig.ledger.accounts.all()
    return state


def asked_and_stepped(rig: Rig, after: timedelta) -> None:
    rig.later(after)
    rounds.read_balances(rig.desk)
    rig.ask()
    rig.step()


def faults(count: int, fault: Answer = BUSY) -> list[Answer]:
    return [fault] * count


def test_five_faults_in_a_row_open_it_and_four_do_not(either: Rig) -> None:
    batch = either.load(phones(10))
    either.provider.answers("*", *faults(4), either.provider.accept, *faults(5))
    either.step()
    assert account(either).stop is StopKind.BREAKER
    assert len(either.placed) == 10
    assert "stopped (breaker): HTTP 503" in either.why(batch)


@pytest.mark.parametrize("fault", [REFUSED_CONNECT, TIMEOUT, BUSY], ids=["unsent", "timeout", "503"])
def test_every_kind_of_fault_counts(rig: Rig, fault: Answer) -> None:
    rig.load(phones(12))
    rig.provider.answers("*", *faults(5, fault))
    rig.step()
    assert account(rig).stop is StopKind.BREAKER
    assert rig.placed.count(phone(11)) == 0


@pytest.mark.parametrize(
    "word",
    [refusal(AnswerKind.REJECTED, 422), refusal(AnswerKind.UNKNOWN, 299), an_answer(AnswerKind.UNKNOWN, "unreadable")],
    ids=["422", "an odd success", "garbage"],
)
def test_what_is_no_fault_of_the_line_does_not_count(rig: Rig, word: Answer) -> None:
    rig.load(phones(9))
    rig.provider.answers("*", *[word] * 9)
    rig.step()
    assert account(rig).stop is None


def test_nine_faults_of_the_last_twenty_do_not_open_it(rig: Rig) -> None:
    rig.load(phones(40))
    for _ in range(9):
        rig.provider.answers("*", BUSY, rig.provider.accept)
    rig.step()
    assert len(rig.placed) == 40
    assert account(rig).stop is None


def test_the_tenth_fault_of_the_last_twenty_opens_it(rig: Rig) -> None:
    rig.load(phones(25))
    for _ in range(10):
        rig.provider.answers("*", BUSY, rig.provider.accept)
    rig.step()
    assert account(rig).stop is StopKind.BREAKER
    assert len(rig.placed) == 19


def test_it_is_shared_by_whoever_opens_the_same_ledger(rig: Rig) -> None:
    rig.load(phones(10))
    rig.provider.answers("*", *faults(5))
    rig.step()
    again = open_on(rig.url, rig.clock)
    assert [state.stop for state in again.accounts.all()] == [StopKind.BREAKER]
    again.close()


def test_one_call_that_is_accepted_closes_it(new_rig: NewRig) -> None:
    rig, provider = away(new_rig, BUSY, MUTE)
    rig.load(phones(12))
    rig.step()
    provider.answer = None
    rig.later(15 * SECOND)
    assert rig.tick().pushed == 1
    rig.work()
    assert account(rig).stop is None
    rig.step()
    assert len(rig.placed) == 12


def test_a_probe_that_fails_doubles_the_stop_up_to_its_longest(new_rig: NewRig) -> None:
    rig, _ = away(new_rig, REFUSED_CONNECT, MUTE)
    rig.load(phones(12))
    rig.step()
    lasted = []
    for _ in range(8):
        until = account(rig).until
        assert until is not None
        lasted.append(round((until - rig.now).total_seconds()))
        rig.later(until - rig.now)
        assert rig.tick().pushed == 1
        rig.work()
    assert lasted == [15, 30, 60, 120, 240, 480, 600, 600]


def test_requests_under_way_when_it_opened_lengthen_nothing(rig: Rig) -> None:
    rig.load(phones(30))

    def all_at_once(placement: Placement) -> Answer:
        rig.work(1)
        return BUSY

    rig.provider.answers("*", *[all_at_once] * 30)
    rig.step()
    assert len(rig.placed) == 30
    state = account(rig)
    assert state.until is not None
    assert state.until - rig.now <= 15 * SECOND
    assert state.step == 1


def test_where_it_can_be_asked_it_must_answer_before_a_call_probes_it(new_rig: NewRig) -> None:
    rig, provider = away(new_rig, TIMEOUT)
    rig.load(phones(12))
    rig.step()
    rig.later(15 * SECOND)
    rounds.read_balances(rig.desk)
    assert account(rig).until == rig.now + 30 * SECOND
    rig.later(30 * SECOND)
    assert rig.tick().pushed == 0
    provider.answer = None
    rounds.read_balances(rig.desk)
    assert rig.tick().pushed == 1
    rig.work()
    assert account(rig).stop is None


def test_who_answers_questions_and_takes_no_calls_is_probed_by_one_call_at_a_time(new_rig: NewRig) -> None:
    rig, provider = away(new_rig, TIMEOUT, METERED)
    provider.reads_fail = False
    rig.load(phones(100))
    asked_and_stepped(rig, SECOND)
    for _ in range(3 * 60):
        asked_and_stepped(rig, 2 * MINUTE)
    assert 5 < len(rig.placed) <= 20


@pytest.mark.parametrize(
    ("able", "outage", "most"),
    [(ASKABLE, REFUSED_CONNECT, 0), (HANDS_OFF, REFUSED_CONNECT, 0), (ASKABLE, TIMEOUT, 5), (MUTE, TIMEOUT, 20)],
    ids=["refused, askable", "refused, mute", "timeouts, askable", "timeouts, mute"],
)
def test_an_outage_of_six_hours_costs_a_handful_of_unknowns_and_no_call(
    new_rig: NewRig, able: Capabilities, outage: Answer, most: int
) -> None:
    rig, provider = away(new_rig, outage, able)
    batch = rig.load(phones(60), exp=rig.now + timedelta(days=3))
    asked_and_stepped(rig, SECOND)
    for _ in range(3 * 60):
        asked_and_stepped(rig, 2 * MINUTE)
    lost = sum(call.attempts_spent for call in rig.calls(batch))
    assert lost <= most
    provider.answer = None
    for _ in range(40):
        asked_and_stepped(rig, 2 * MINUTE)
        rig.end_all()
    assert {call.state for call in rig.calls(batch)} == {CallState.CLOSED}
    assert rig.status(batch).closed["unresolved"] == lost
    assert sorted(rig.placed) == phones(60)


def test_unknowns_of_dead_workers_do_not_pause_a_batch_and_those_of_answers_do(rig: Rig) -> None:
    batch = rig.load(phones(60))
    rig.provider.answers("*", *[an_answer(AnswerKind.UNKNOWN, "gibberish")] * 60)
    rig.step()
    assert rig.status(batch).state == "paused"
    assert "21 requests were left without a clear answer" in rig.why(batch)
    assert len(rig.placed) == 21


def test_witnessed_calls_count_toward_no_guard(rig: Rig) -> None:
    batch = rig.load(phones(30))
    for call in rig.calls(batch):
        rig.redis.witnesses[call.call_id] = (7, "forgotten", 2**62)
    rig.step()
    assert rig.status(batch).counts["unknown"] == 30
    assert rig.status(batch).state == "running"
    assert rig.placed == []
