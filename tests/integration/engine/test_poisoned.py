"""What nobody foresaw leaves its row visible with a reason, lets every other call go on, and ends set aside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Table, update

from dialer.domain.batch import Batch
from dialer.domain.placement import (
    Absent,
    Answer,
    AnswerKind,
    Balance,
    Capabilities,
    ControlOrder,
    Found,
    NotTold,
    Placement,
    Prepared,
    Progress,
    Sought,
)
from dialer.domain.states import AttemptState, CallState, CloseReason, StopKind
from dialer.engine import control, rounds
from dialer.engine.unforeseen import MOST_FAILURES
from dialer.ledger.tables import batches, calls, cohorts
from dialer.ports.voice import LastLook
from dialer.testing.providers import ASKABLE, FakeProvider
from tests.integration.engine.conftest import NewRig
from tests.integration.engine.rig import HANDS_OFF, HOUR, MINUTE, SECOND, Rig, an_account, phone, phones

BAD, GOOD = phone(0), phones(4, first=1)
PREPARES = Capabilities(reports_outcomes=True, can_find=True, prepares=True)


class Raising(FakeProvider):
    """An adapter with a mistake in one method, which shows with one number."""

    at = ""

    def _trip(self, method: str, number: str) -> None:
        if method == self.at and number == BAD:
            raise ValueError("what is this")

    def prepare(self, placement: Placement) -> Prepared | Answer:
        self._trip("prepare", placement.phone)
        return super().prepare(placement)

    def place(self, placement: Placement, last_look: LastLook) -> Answer:
        self._trip("before the look", placement.phone)
        answer = super().place(placement, last_look)
        self._trip("place", placement.phone)
        return answer

    def progress(self, sought: Sought) -> Progress | NotTold:
        self._trip("progress", sought.phone)
        return super().progress(sought)

    def find(self, sought: Sought) -> Found | Absent | NotTold:
        self._trip("find", sought.phone)
        return super().find(sought)

    def relay(self, order: ControlOrder) -> Answer:
        if self.at == "relay":
            raise ValueError("what is this")
        return super().relay(order)

    def balance(self) -> Balance | Answer:
        if self.at == "balance":
            raise ValueError("what is this")
        return super().balance()


def raising(new_rig: NewRig, at: str, able: Capabilities = ASKABLE) -> Rig:
    provider = Raising(capabilities=able)
    provider.at = at
    return new_rig(providers={"au": provider})


def write(rig: Rig, table: Table, where: Any, **columns: Any) -> None:
    """What a wrong hand would have done to these rows."""
    with rig.ledger._transactions.write() as connection:
        connection.execute(update(table).where(where).values(**columns))


def spoil(rig: Rig, batch: Batch, **columns: Any) -> None:
    write(rig, calls, (calls.c.batch_id == batch.batch_id) & (calls.c.phone == BAD), **columns)


def tried(rig: Rig, times: int = MOST_FAILURES + 1) -> None:
    for _ in range(times):
        rig.step()
        rig.ask(MINUTE)


def good_ones_go_on(rig: Rig, batch: Batch) -> None:
    assert [number for number in GOOD if number in rig.placed] == GOOD
    for number in GOOD:
        assert rig.call(batch, number).state is CallState.IN_PROGRESS


@pytest.mark.parametrize("at", ["prepare", "before the look"])
def test_an_adapter_that_raises_before_any_request_costs_one_call_its_dial(new_rig: NewRig, at: str) -> None:
    rig = raising(new_rig, at, PREPARES)
    batch = rig.load([BAD, *GOOD])
    rig.step()
    call = rig.call(batch, BAD)
    assert (call.state, call.attempts_spent) == (CallState.WAITING, 0)
    told = rig.dialer.explain(batch.batch_id, BAD)
    assert "unforeseen ValueError" in str(told.why)
    good_ones_go_on(rig, batch)
    tried(rig)
    call = rig.call(batch, BAD)
    assert (call.close_reason, call.attempts_spent) == (CloseReason.UNRESOLVED, 0)
    assert [attempt.state for attempt in call.attempts] == [AttemptState.NOT_SENT] * MOST_FAILURES
    assert "what is this" in str(call.attempts[-1].detail)
    assert "unforeseen ValueError" in str(rig.dialer.explain(batch.batch_id, BAD).why)
    assert BAD not in rig.placed
    assert rig.held() == len(GOOD)


def test_what_was_set_aside_is_dialed_again_once_an_operator_says_so(new_rig: NewRig) -> None:
    rig = raising(new_rig, "before the look")
    batch = rig.load([BAD])
    tried(rig)
    rig.provider.at = ""  # type: ignore[attr-defined]
    rig.tick()
    assert rig.dialer.resolve(batch.batch_id, placed=False, by="ada") == 1
    rig.step()
    assert rig.call(batch).attempts_spent == 1
    assert rig.placed == [BAD]


def test_an_adapter_that_raises_after_its_request_leaves_an_unknown_and_never_a_second_request(
    new_rig: NewRig,
) -> None:
    rig = raising(new_rig, "place")
    batch = rig.load([BAD, *GOOD])
    rig.step()
    assert rig.call(batch, BAD).state is CallState.UNKNOWN
    good_ones_go_on(rig, batch)
    tried(rig)
    assert rig.placed.count(BAD) == 1


@pytest.mark.parametrize("at", ["progress", "find"])
def test_an_adapter_that_raises_when_asked_ends_in_unresolved_and_the_others_are_asked(
    new_rig: NewRig, at: str
) -> None:
    rig = raising(new_rig, at)
    batch = rig.load([BAD, *GOOD])
    if at == "find":
        rig.provider.answers(BAD, rig.provider.accept_and_lose)
    rig.step()
    rig.end_all()
    [told] = [one for one in rig.ask(MINUTE) if one.attempt.phone == BAD]
    assert told.event == "failed"
    assert told.fingerprint is not None
    assert told.fingerprint in told.detail
    assert {rig.call(batch, number).close_reason for number in GOOD} == {CloseReason.REACHED}
    assert "unforeseen ValueError" in str(rig.call(batch, BAD).attempts[0].detail)
    for _ in range(MOST_FAILURES):
        rig.ask(MINUTE)
    rig.tick()
    assert rig.call(batch, BAD).close_reason is CloseReason.UNRESOLVED
    assert rig.held() == 0
    assert rig.status(batch).state == "completed"


def test_failures_that_good_answers_lie_between_never_add_up(new_rig: NewRig) -> None:
    rig = raising(new_rig, "progress")
    batch = rig.load([BAD])
    rig.step()
    for _ in range(MOST_FAILURES):
        rig.provider.at = "progress"  # type: ignore[attr-defined]
        rig.ask(MINUTE)
        rig.provider.at = ""  # type: ignore[attr-defined]
        rig.ask(MINUTE)
    assert rig.call(batch).state is CallState.IN_PROGRESS


def no_json(rig: Rig, batch: Batch) -> None:
    spoil(rig, batch, variables="{name: Ada")


def no_object(rig: Rig, batch: Batch) -> None:
    spoil(rig, batch, variables="[1, 2]")


def lost_zone(rig: Rig, batch: Batch) -> None:
    spoil(rig, batch, timezone="Mars/Olympus_Mons")


def torn_notes(rig: Rig, batch: Batch) -> None:
    spoil(rig, batch, kept="{")


SPOILED = [no_json, no_object, lost_zone, torn_notes]


@pytest.mark.parametrize("spoiled", SPOILED, ids=lambda spoiled: spoiled.__name__)
def test_a_row_that_cannot_be_read_is_seen_and_set_aside_and_starves_nobody(
    either: Rig, spoiled: Callable[[Rig, Batch], None]
) -> None:
    batch = either.load([BAD, *GOOD])
    spoiled(either, batch)
    either.step()
    good_ones_go_on(either, batch)
    call = either.call(batch, BAD)
    assert call.state is CallState.WAITING
    assert either.dialer.explain(batch.batch_id, BAD).why
    tried(either)
    call = either.call(batch, BAD)
    assert call.close_reason is CloseReason.UNRESOLVED
    assert "unforeseen" in str(call.why)
    assert BAD not in either.placed
    assert either.dialer.resolve(batch.batch_id, placed=True, by="ada") == 1
    assert either.call(batch, BAD).close_reason is CloseReason.HANDED_OFF


def test_variables_that_are_no_json_are_shown_as_they_are(rig: Rig) -> None:
    batch = rig.load([BAD])
    no_json(rig, batch)
    assert rig.call(batch).variables == {"unreadable": "{name: Ada"}


def test_hours_that_cannot_be_read_hold_their_cohort_and_no_other_and_no_tick(rig: Rig) -> None:
    bad, good = rig.load([BAD], ref="bad"), rig.load(GOOD, ref="good")
    write(rig, cohorts, cohorts.c.batch_id == bad.batch_id, zones='[["Mars/X"], ["Mars/X"]]')
    write(rig, cohorts, cohorts.c.batch_id == bad.batch_id, opens_at=rig.now - HOUR, closes_at=rig.now - MINUTE)
    report = rig.tick()
    rig.work()
    assert [one.about for one in report.failed] == [f"the hours of cohort 1 of batch {bad.batch_id}"]
    assert [one.fingerprint for one in rig.tick().failed] == [report.failed[0].fingerprint]
    good_ones_go_on(rig, good)
    assert rig.call(bad).state is CallState.READY
    assert rig.dialer.explain(bad.batch_id, BAD).state == "ready"
    assert rig.status(bad).counts["ready"] == 1


def test_rules_that_cannot_be_read_close_no_other_batch(rig: Rig) -> None:
    bad, good = rig.load([BAD], ref="bad"), rig.load(GOOD, ref="good")
    write(rig, batches, batches.c.batch_id == bad.batch_id, block_rules='["Someday|0900"]')
    rig.step()
    good_ones_go_on(rig, good)
    assert rig.call(bad).state is CallState.WAITING
    assert "unforeseen" in str(rig.dialer.explain(bad.batch_id, BAD).why)
    tried(rig)
    assert rig.call(bad).close_reason is CloseReason.UNRESOLVED
    assert BAD not in rig.placed


TORN = [{"block_rules": "{}"}, {"calling_hours": "null"}, {"retry": "{"}, {"retry": '{"no_answer": "soon"}'}]


@pytest.mark.parametrize("torn", TORN, ids=str)
def test_a_batch_that_cannot_be_read_is_not_dialed_and_shows_why_and_others_go_on(
    rig: Rig, torn: dict[str, str]
) -> None:
    bad, good = rig.load([BAD], ref="bad"), rig.load(GOOD, ref="good")
    write(rig, batches, batches.c.batch_id == bad.batch_id, **torn)
    rig.step()
    good_ones_go_on(rig, good)
    assert BAD not in rig.placed
    assert "unreadable" in str(rig.dialer.explain(bad.batch_id, BAD).why)
    assert {each.batch_ref for each in rig.dialer.batches()} == {"bad", "good"}
    tried(rig)
    assert rig.call(bad).close_reason is CloseReason.UNRESOLVED


@pytest.mark.parametrize("torn", [*TORN, {"zones": "{"}], ids=str)
def test_a_batch_that_becomes_unreadable_amid_its_calls_silences_no_other(rig: Rig, torn: dict[str, str]) -> None:
    bad, good, late = rig.load([BAD], ref="bad"), rig.load(GOOD, ref="good"), rig.load([phone(9)], ref="late")
    control.pause(rig.desk, late)
    rig.step()
    control.pause(rig.desk, bad)
    table = cohorts if "zones" in torn else batches
    write(rig, table, table.c.batch_id == bad.batch_id, **torn)
    rig.redis.wipe()
    control.resume(rig.desk, late)
    rig.step()
    assert phone(9) in rig.placed
    rig.end_all()
    rig.ask(MINUTE)
    assert not rounds.keep_house(rig.desk).failed
    assert {rig.call(good, number).close_reason for number in GOOD} == {CloseReason.REACHED}
    assert rig.call(bad).close_reason is CloseReason.REACHED
    rig.dialer.restored(rig.now - MINUTE)


def test_a_template_that_cannot_be_read_holds_up_no_other(rig: Rig) -> None:
    zone = {"timezone": "Australia/Melbourne", "cron": "30 11 * * *"}
    bad = rig.load([BAD], ref="bad", **zone)
    rig.load(GOOD, ref="good", **zone)
    write(rig, batches, batches.c.batch_id == bad.batch_id, cron="never")
    rig.later(HOUR)
    report = rig.tick()
    assert len(report.runs) == 1
    assert [one.about for one in report.failed] == [f"the run of template {bad.batch_id}"]


def test_ten_calls_set_aside_in_a_row_pause_their_batch(rig: Rig) -> None:
    batch = rig.load(phones(30))
    write(rig, calls, calls.c.batch_id == batch.batch_id, variables="{")
    tried(rig)
    status = rig.status(batch)
    assert status.state == "paused"
    assert status.closed["unresolved"] == 10
    assert "10 calls in a row were set aside" in str(status.why)


def test_a_balance_that_cannot_be_read_for_a_mistake_stops_no_other_account(new_rig: NewRig) -> None:
    metered = Capabilities(reports_outcomes=True, can_find=True, has_balance=True)
    bad, good = Raising(capabilities=metered), FakeProvider(capabilities=metered)
    bad.at = "balance"
    accounts = {name: an_account(name, minimum_balance=1.0) for name in ("au", "nz")}
    rig = new_rig(accounts=accounts, providers={"au": bad, "nz": good})
    good.account_balance = Balance(5.0)
    assert rounds.read_balances(rig.desk) == 2
    rig.load(GOOD, provider="nz")
    rig.step()
    assert rig.placed == GOOD


def test_a_probing_question_that_raises_counts_as_no_answer(new_rig: NewRig) -> None:
    rig = raising(new_rig, "balance", Capabilities(reports_outcomes=True, can_find=True, has_balance=True))
    rig.ledger.accounts.stop("au", StopKind.BREAKER, "silent", SECOND)
    rig.later(SECOND)
    rounds.read_balances(rig.desk)
    [state] = rig.ledger.accounts.all()
    assert state.until is not None
    assert state.until > rig.now


def test_a_word_that_cannot_be_passed_on_is_repeated_and_holds_up_no_other(new_rig: NewRig) -> None:
    rig = raising(new_rig, "relay", HANDS_OFF)
    batch = rig.load(GOOD, exp=rig.now + HOUR)
    rig.step()
    rig.terminate(batch)
    rounds.relay_outbox(rig.desk)
    rig.provider.at = ""  # type: ignore[attr-defined]
    rig.later(MINUTE)
    rounds.relay_outbox(rig.desk)
    assert [order.action for order in rig.provider.relayed][:1] == ["terminate"]


def test_an_answer_that_the_ledger_does_not_take_is_kept_without_its_words(either: Rig) -> None:
    batch = either.load([BAD])

    def answer(placement: Placement) -> Answer:
        accepted = either.provider.accept(placement)
        return Answer(accepted.kind, "\ud800", 201, accepted.provider_call_id, raw="\x00\ud800")

    either.provider.answers(BAD, answer)
    either.step()
    assert either.call(batch).state is CallState.IN_PROGRESS
    either.end(BAD)
    either.ask(5 * SECOND)
    assert either.call(batch).close_reason is CloseReason.REACHED


def test_every_attempt_says_which_gates_it_went_through(either: Rig) -> None:
    batch = either.load(phones(4), timezone="Australia/Perth", block_rules=["Sun|0000-2400"])
    refused, odd = Answer(AnswerKind.REJECTED, "no", 422), Answer(AnswerKind.UNKNOWN, "?", 200)
    either.provider.answers("*", either.provider.accept, refused, odd)
    either.tick()
    either.work(3)

    class Dies(BaseException):
        """The process is gone."""

    def die(placement: Placement) -> Answer:
        raise Dies

    either.provider.answers("*", die)
    with pytest.raises(Dies):
        either.work(1)
    either.clock.advance(300)
    either.ledger.sweeps.orphans(10 * SECOND, 10)
    states = set()
    for number in phones(4):
        [attempt] = either.dialer.explain(batch.batch_id, number).attempts
        states.add((attempt.state, attempt.worker))
        read = {gate["gate"]: gate for gate in attempt.gates}
        assert read["hours"]["verdict"] == "open"
        assert read["rules"]["block_rules"] == ["Sun|0000-2400"]
        assert read["rules"]["local_times"]["Australia/Perth"].startswith("2026-11-23T08:00")
        assert read["rules"]["signal_epoch"] == either.world.redis.epoch
    assert {state for state, _ in states} == {AttemptState.IN_PROGRESS, AttemptState.REJECTED, AttemptState.UNKNOWN}
