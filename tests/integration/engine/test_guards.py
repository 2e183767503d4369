"""Guards of accounts and batches: what closes them, what opens them, and that they spend nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dialer.domain.placement import Answer, AnswerKind, Balance, Capabilities
from dialer.domain.states import BatchState, StopKind
from dialer.engine import rounds
from dialer.ports.ledger import AccountState
from dialer.testing.providers import FakeProvider
from tests.integration.engine.conftest import NewRig
from tests.integration.engine.rig import HOUR, MINUTE, SECOND, Rig, an_account, phone, phones, refusal

METERED = Capabilities(reports_outcomes=True, can_find=True, has_balance=True)


def account(rig: Rig) -> AccountState:
    [state] = rig.ledger.accounts.all()
    return state


def refused(rig: Rig, kind: AnswerKind, status: int, retry_after: timedelta | None = None) -> None:
    rig.provider.answers("*", refusal(kind, status, retry_after=retry_after))
    rig.step()


def metered(new_rig: NewRig, credits: float | None) -> Rig:
    rig = new_rig(
        accounts={"au": an_account(minimum_balance=25.0)}, providers={"au": FakeProvider(capabilities=METERED)}
    )
    rig.provider.account_balance = Balance(credits)
    return rig


def test_401_stops_the_account_at_once_for_all_its_batches(either: Rig) -> None:
    one, two = either.load(phones(5), ref="one"), either.load(phones(5), ref="two")
    refused(either, AnswerKind.AUTH, 401)
    for _ in range(3):
        either.later(MINUTE)
        either.step()
    assert len(either.placed) == 1
    for batch in (one, two):
        assert "stopped (auth): HTTP 401: the provider's words" in either.why(batch)
        assert either.status(batch).attempts == 0


def test_after_its_time_one_probe_goes_out_and_an_acceptance_lifts_the_stop(rig: Rig) -> None:
    rig.load(phones(5))
    refused(rig, AnswerKind.AUTH, 401)
    rig.later(15 * MINUTE)
    rig.tick()
    rig.work(1)
    assert len(rig.placed) == 2
    assert account(rig).stop is None
    rig.step()
    assert len(rig.placed) == 6


@pytest.mark.parametrize("is_ticking", [True, False], ids=["a scheduler ticks", "nobody is there meanwhile"])
def test_what_was_pushed_before_a_stop_does_not_go_out_all_at_once_when_it_is_over(
    either: Rig, is_ticking: bool
) -> None:
    batch = either.load(phones(5))
    either.tick()
    either.ledger.accounts.stop("au", StopKind.AUTH, "no key", MINUTE)
    if is_ticking:
        either.tick()
        assert either.status(batch).counts["ready"] == 5
    either.later(2 * MINUTE)
    either.tick()
    either.tick()
    assert either.status(batch).counts["queued"] == 1
    either.provider.answers("*", Answer(AnswerKind.AUTH, "still no key", 401))
    either.work()
    assert len(either.placed) == 1
    assert either.status(batch).counts["ready"] == 5


def test_while_probing_only_one_call_at_a_time_is_queued(rig: Rig) -> None:
    rig.load(phones(5))
    refused(rig, AnswerKind.AUTH, 401)
    rig.later(15 * MINUTE)
    assert rig.tick().pushed == 1
    assert rig.tick().pushed == 0


def test_a_probe_that_is_refused_stops_the_account_again(rig: Rig) -> None:
    batch = rig.load(phones(5))
    refused(rig, AnswerKind.AUTH, 401)
    for _ in range(3):
        rig.later(15 * MINUTE)
        refused(rig, AnswerKind.AUTH, 401)
        assert account(rig).until == rig.now + 15 * MINUTE
    assert len(rig.placed) == 4
    assert rig.status(batch).attempts == 0


def test_a_stop_is_lifted_by_an_operator(rig: Rig) -> None:
    rig.load(phones(2))
    refused(rig, AnswerKind.AUTH, 401)
    assert rig.dialer.resume_account("au")
    assert not rig.dialer.resume_account("au")
    rig.step()
    assert len(rig.placed) == 3


def test_changed_credentials_lift_an_auth_stop_and_the_same_ones_do_not(rig: Rig) -> None:
    rig.load(phones(2))
    refused(rig, AnswerKind.AUTH, 403)
    rig.ledger.accounts.ensure("au", None, "keys")
    assert account(rig).stop is StopKind.AUTH
    rig.ledger.accounts.ensure("au", None, "new keys")
    assert account(rig).stop is None


def test_402_closes_the_credit_guard_for_a_minute_then_one_probe(rig: Rig) -> None:
    batch = rig.load(phones(5))
    refused(rig, AnswerKind.CREDIT, 402)
    assert account(rig).stop is StopKind.CREDIT
    rig.later(59 * SECOND)
    rig.step()
    assert len(rig.placed) == 1
    rig.later(SECOND)
    assert rig.tick().pushed == 1
    assert rig.status(batch).attempts == 0


@pytest.mark.parametrize(("credits", "dialed"), [(25.0, 2), (24.9, 0), (None, 2)])
def test_nothing_is_placed_below_the_minimum_balance(new_rig: NewRig, credits: float | None, dialed: int) -> None:
    rig = metered(new_rig, credits)
    batch = rig.load(phones(2))
    rounds.read_balances(rig.desk)
    rig.step()
    assert len(rig.placed) == dialed
    assert bool(rig.status(batch).why) is (dialed == 0) or rig.status(batch).why == "all were dialed: 2 in progress"


def test_a_balance_that_was_never_read_closes_the_guard(new_rig: NewRig) -> None:
    rig = metered(new_rig, 100.0)
    batch = rig.load(phones(1))
    rig.step()
    assert rig.placed == []
    assert "balance could not be read" in rig.why(batch)


def test_a_stale_balance_closes_the_guard_until_it_is_read_again(new_rig: NewRig) -> None:
    rig = metered(new_rig, 100.0)
    batch = rig.load(phones(1), nbf=rig.now + HOUR)
    rounds.read_balances(rig.desk)
    rig.provider.account_balance = Answer(AnswerKind.UNKNOWN, "503")
    rig.later(HOUR)
    rounds.read_balances(rig.desk)
    rig.step()
    assert rig.placed == []
    assert "could not be read within 3 minutes" in rig.why(batch)
    rig.provider.account_balance = Balance(100.0)
    rounds.read_balances(rig.desk)
    rig.step()
    assert rig.placed == phones(1)


def test_low_balance_calls_are_not_pushed_and_handed_back_each_tick(new_rig: NewRig) -> None:
    """A closed guard holds calls in the ledger, not in Redis."""
    rig = metered(new_rig, 1.0)
    rig.load(phones(5))
    rounds.read_balances(rig.desk)
    assert rig.tick().pushed == 0


def test_balances_are_read_once_a_minute(new_rig: NewRig) -> None:
    rig = metered(new_rig, 100.0)
    assert [rounds.read_balances(rig.desk) for _ in range(2)] == [1, 0]
    rig.later(MINUTE)
    assert rounds.read_balances(rig.desk) == 1


def test_a_balance_question_answered_401_stops_the_account(new_rig: NewRig) -> None:
    rig = metered(new_rig, 100.0)
    rig.provider.account_balance = refusal(AnswerKind.AUTH, 401)
    rounds.read_balances(rig.desk)
    assert account(rig).stop is StopKind.AUTH


@pytest.mark.parametrize(
    ("asked", "taken"),
    [(7 * SECOND, 7 * SECOND), (0 * SECOND, SECOND), (2 * HOUR, 15 * MINUTE), (None, 5 * SECOND)],
)
def test_429_holds_the_account_for_as_long_as_it_asks_within_reason(
    rig: Rig, asked: timedelta | None, taken: timedelta
) -> None:
    batch = rig.load(phones(1))
    refused(rig, AnswerKind.THROTTLED, 429, asked)
    assert account(rig).until == rig.now + taken
    rig.later(taken - SECOND / 2)
    rig.step()
    assert len(rig.placed) == 1
    rig.later(SECOND / 2)
    rig.step()
    assert len(rig.placed) == 2
    assert rig.status(batch).attempts == 1


def test_429_without_a_time_waits_longer_each_time_and_begins_anew_after_an_acceptance(rig: Rig) -> None:
    rig.load(phones(1))
    pauses = []
    for _ in range(8):
        refused(rig, AnswerKind.THROTTLED, 429)
        until = account(rig).until
        assert until is not None
        pauses.append(round((until - rig.now).total_seconds()))
        rig.later(until - rig.now)
    assert pauses == [5, 10, 20, 40, 80, 160, 300, 300]
    rig.step()
    assert account(rig).stop is None
    rig.load([phone(1)])
    refused(rig, AnswerKind.THROTTLED, 429)
    assert account(rig).until == rig.now + 5 * SECOND


def test_a_throttle_does_not_shorten_an_auth_stop(rig: Rig) -> None:
    rig.load(phones(2))
    rig.tick()
    rig.ledger.accounts.stop("au", StopKind.AUTH, "no key", 15 * MINUTE)
    until = account(rig).until
    rig.ledger.accounts.stop("au", StopKind.THROTTLED, "429", SECOND)
    assert (account(rig).stop, account(rig).until) == (StopKind.AUTH, until)


def test_404_pauses_the_batch_after_the_first_and_no_other(either: Rig) -> None:
    wrong, right = either.load(phones(5), ref="wrong"), either.load(phones(2, first=5), ref="right", priority="low")
    refused(either, AnswerKind.CONFIGURATION, 404)
    assert len(either.placed) == 3
    status = either.status(wrong)
    assert (status.state, status.attempts) == ("paused", 0)
    assert status.why is not None
    assert "paused by the dialer: agent or number id wrong at the provider (HTTP 404" in status.why
    assert either.again(right).state is BatchState.ACTIVE
    either.load(phones(6), ref="wrong")
    either.step()
    assert either.status(wrong).state == "paused"
    either.resume(wrong)
    either.step()
    assert len(either.placed) == 9


def test_ten_rejections_in_a_row_pause_the_batch(rig: Rig) -> None:
    batch = rig.load(phones(15))
    rig.provider.answers("*", *[refusal(AnswerKind.REJECTED, 422)] * 15)
    rig.step()
    assert len(rig.placed) == 10
    status = rig.status(batch)
    assert (status.state, status.closed["rejected"]) == ("paused", 10)
    assert "10 numbers in a row were rejected" in str(status.why)


def test_an_acceptance_between_rejections_begins_the_row_anew(rig: Rig) -> None:
    batch = rig.load(phones(20))
    no = [refusal(AnswerKind.REJECTED, 422)] * 9
    rig.provider.answers("*", *no, rig.provider.accept, *no)
    rig.step()
    assert len(rig.placed) == 20
    assert rig.status(batch).state == "running"


def test_a_resume_begins_the_row_of_rejections_anew(rig: Rig) -> None:
    batch = rig.load(phones(15))
    rig.provider.answers("*", *[refusal(AnswerKind.REJECTED, 422)] * 11)
    rig.step()
    rig.resume(batch)
    rig.step()
    assert rig.status(batch).state == "running"
    assert len(rig.placed) == 15


def test_accounts_tell_their_guards(rig: Rig) -> None:
    rig.load(phones(2))
    refused(rig, AnswerKind.AUTH, 401)
    [row] = rig.dialer.accounts()
    assert (row.state, row.stop, row.reason) == ("stopped", "auth", "HTTP 401: the provider's words")
    rig.later(15 * MINUTE)
    [row] = rig.dialer.accounts()
    assert row.state == "probing"
