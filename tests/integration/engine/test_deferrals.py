"""What holds a call back after its message was pushed: nothing goes out, and nothing is spent."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dialer.domain.batch import Batch
from dialer.domain.placement import Answer, AnswerKind, Capabilities, Placement, Prepared
from dialer.domain.states import CallState, CloseReason, HoldScope, Lane, StopKind
from dialer.engine import control
from dialer.ports import Grant
from dialer.testing.providers import FakeProvider
from tests.integration.engine.conftest import NewRig
from tests.integration.engine.rig import HOUR, MINUTE, SECOND, Rig, an_account, an_answer, phones, refusal, waits

PHONE = phones(1)[0]
NOON = ["*|0900-1200"]
PREPARES = Capabilities(reports_outcomes=True, can_find=True, prepares=True)

#: What may happen at any moment, and the words by which a claim then refuses.
HALTS: dict[str, tuple[Callable[[Rig], object], str]] = {
    "paused": (lambda rig: rig.pause(only_batch(rig)), "paused"),
    "everything held": (lambda rig: control.press(rig.desk, HoldScope.ALL, "", True), "red button"),
    "its workspace held": (lambda rig: control.press(rig.desk, HoldScope.WORKSPACE, "w1", True), "red button"),
    "its account held": (lambda rig: control.press(rig.desk, HoldScope.ACCOUNT, "au", True), "red button"),
    "its window closed": (lambda rig: rig.later(HOUR), "window closed"),
}
#: What a claim tests, and what no longer counts for a call that was claimed before.
GUARDS: dict[str, tuple[Callable[[Rig], object], str]] = {
    "its account stopped": (lambda rig: rig.ledger.accounts.stop("au", StopKind.AUTH, "no key", HOUR), "stopped"),
    "rewritten to open later": (lambda rig: rig.load(calling_hours=["*|1300-1400"]), "closed until"),
}


def only_batch(rig: Rig) -> Batch:
    [batch] = rig.ledger.batches.page()
    return batch


@pytest.mark.parametrize("between", HALTS | GUARDS)
def test_a_gate_that_closes_between_push_and_claim_defers(either: Rig, between: str) -> None:
    batch = either.load([PHONE], timezone="Australia/Melbourne", calling_hours=NOON)
    either.tick()
    close, words = (HALTS | GUARDS)[between]
    close(either)
    [told] = either.work()
    assert told.event == "not_claimed"
    assert words in told.why
    call = either.call(batch)
    assert (call.state, call.attempts_spent, call.attempts) == (CallState.READY, 0, ())
    assert either.provider.placed == either.provider.withheld == []
    assert either.held() == 0


def test_calls_whose_window_is_over_leave_every_start_to_those_whose_window_opens(either: Rig) -> None:
    either.load(phones(5), timezone="Australia/Melbourne", calling_hours=NOON)
    either.tick()
    HALTS["its window closed"][0](either)
    assert {told.event for told in either.work()} == {"not_claimed"}
    granted = either.world.admission.permit(either.accounts["au"], Lane.NORMAL, "another")
    assert isinstance(granted, Grant)
    assert granted.start_in == 0


@pytest.mark.parametrize("between", HALTS)
def test_a_signal_or_window_that_closes_between_claim_and_request_sends_nothing(rig: Rig, between: str) -> None:
    batch = rig.load([PHONE], timezone="Australia/Melbourne", calling_hours=NOON)
    rig.tick()
    rig.providers["au"] = provider = Meanwhile(lambda: HALTS[between][0](rig))
    [told] = rig.work()
    assert told.event == "deferred"
    assert provider.placed == []
    call = rig.call(batch)
    assert (call.state, call.attempts_spent, call.attempts) == (CallState.READY, 0, ())
    assert rig.held() == 0


@pytest.mark.parametrize("between", GUARDS)
def test_a_guard_that_closes_after_the_claim_lets_that_one_request_go(rig: Rig, between: str) -> None:
    rig.load([PHONE], timezone="Australia/Melbourne", calling_hours=NOON)
    rig.tick()
    rig.providers["au"] = Meanwhile(lambda: GUARDS[between][0](rig))
    [told] = rig.work()
    assert told.event == "placed"


class Meanwhile(FakeProvider):
    """Something happens while it prepares."""

    def __init__(self, happens: Callable[[], object]) -> None:
        super().__init__(capabilities=PREPARES)
        self._happens = happens

    def prepare(self, placement: Placement) -> Prepared:
        self._happens()
        return Prepared({"contact_id": "c-1"})


def test_without_a_free_channel_a_call_goes_back_and_nothing_is_spent(new_rig: NewRig) -> None:
    rig = new_rig(accounts={"au": an_account(channels=3)})
    batch = rig.load(phones(2))
    rig.tick()
    for other in ("one", "two"):
        rig.world.admission.permit(rig.accounts["au"], Lane.NORMAL, other)
    assert [told.why for told in rig.work()] == ["no channel"] * 2
    assert rig.status(batch).counts["ready"] == 2
    assert rig.status(batch).attempts == 0
    assert rig.placed == []
    rig.world.admission.free("au", "one")
    rig.step()
    assert len(rig.placed) == 1


def test_a_start_too_far_ahead_is_refused_for_pace(new_rig: NewRig) -> None:
    """Further than a call waits in its slot."""
    rig = new_rig(accounts={"au": an_account(calls_per_second=0.2)})
    batch = rig.load(phones(2))
    rig.tick()
    rig.world.admission.permit(rig.accounts["au"], Lane.NORMAL, "another")
    assert {told.why for told in rig.work()} == {"pace"}
    assert {call.attempts_spent for call in rig.calls(batch)} == {0}
    assert rig.placed == []


def test_no_more_than_the_pace_starts_in_any_second(new_rig: NewRig) -> None:
    rig = new_rig(accounts={"au": an_account(calls_per_second=3.0, channels=200)})
    rig.load(phones(20))
    while len(rig.placed) < 20:
        rig.step()
        rig.later(SECOND / 4)
    starts = [placement.nbf for placement in rig.provider.placed]
    for first in starts:
        assert sum(first <= start < first + SECOND for start in starts) <= 4


def test_a_preparation_that_fails_waits_and_spends_nothing(new_rig: NewRig) -> None:
    rig = new_rig(providers={"au": FakeProvider(capabilities=PREPARES)})
    batch = rig.load([PHONE])
    rig.provider.preparation = an_answer(AnswerKind.UNKNOWN, "timed out", is_fault=True)
    [told] = rig.step()
    assert told.event == "deferred"
    assert "timed out" in told.why
    assert waits(rig.call(batch), rig.now) == 30 * SECOND
    assert rig.call(batch).attempts == ()
    rig.provider.preparation = Prepared({"contact_id": "c-1"})
    rig.later(30 * SECOND)
    rig.step()
    assert rig.provider.placed[0].kept == {"contact_id": "c-1"}


def test_what_was_prepared_is_kept_for_retries(new_rig: NewRig) -> None:
    rig = new_rig(providers={"au": FakeProvider(capabilities=PREPARES)})
    rig.load([PHONE])
    rig.provider.preparation = Prepared({"contact_id": "c-1"})
    rig.provider.answers(PHONE, an_answer(AnswerKind.NOT_SENT))
    rig.step()
    rig.provider.preparation = Prepared({})
    rig.later(MINUTE)
    rig.step()
    assert rig.provider.prepared[1].kept == {"contact_id": "c-1"}


@pytest.mark.parametrize(
    ("answer", "state", "stop"),
    [
        (refusal(AnswerKind.AUTH, 401), CallState.READY, StopKind.AUTH),
        (refusal(AnswerKind.THROTTLED, 429), CallState.READY, StopKind.THROTTLED),
        (refusal(AnswerKind.REJECTED, 422), CallState.CLOSED, None),
    ],
)
def test_a_preparation_that_is_refused_counts_as_the_request_would(
    new_rig: NewRig, answer: Answer, state: CallState, stop: StopKind | None
) -> None:
    rig = new_rig(providers={"au": FakeProvider(capabilities=PREPARES)})
    batch = rig.load([PHONE])
    rig.provider.preparation = answer
    rig.step()
    assert rig.call(batch).state is state
    assert rig.ledger.accounts.all()[0].stop is stop
    assert rig.provider.placed == []
    assert rig.held() == 0


def test_a_preparation_that_raises_frees_the_call(new_rig: NewRig) -> None:
    rig = new_rig()
    batch = rig.load([PHONE])
    rig.providers["au"] = Meanwhile(_explode)
    rig.step()
    assert waits(rig.call(batch), rig.now) == MINUTE
    assert rig.call(batch).attempts_spent == 0
    assert rig.held() == 0


def _explode() -> None:
    raise RuntimeError("a bug")


def test_an_account_that_is_not_configured_here_hands_the_call_back(rig: Rig) -> None:
    batch = rig.load([PHONE])
    rig.tick()
    account = rig.accounts.pop("au")
    [told] = rig.work()
    assert "not configured here" in told.why
    assert waits(rig.call(batch), rig.now) == MINUTE
    rig.accounts["au"] = account
    rig.later(MINUTE)
    rig.step()
    assert rig.placed == [PHONE]


def test_deferrals_never_use_up_the_one_attempt(rig: Rig) -> None:
    batch = rig.load([PHONE], max_retries=0)
    for _ in range(10):
        rig.tick()
        rig.pause(batch)
        rig.work()
        rig.resume(batch)
        rig.later(SECOND)
    rig.dial(PHONE)
    assert rig.call(batch).close_reason is CloseReason.REACHED
    assert rig.placed == [PHONE]
