"""Pause, resume, terminate and the red buttons: on every state, twice in a row, and after Redis forgot them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from dialer.domain.batch import Batch
from dialer.domain.placement import Answer, AnswerKind, ControlOrder, Placement
from dialer.domain.states import CallState, CloseReason, HoldScope, Outcome
from dialer.engine import control, rounds
from dialer.errors import BatchTerminated, BatchUnknown
from dialer.ledger.batches import TERMINATE_CHUNK
from dialer.testing.providers import FakeProvider
from tests.integration.engine.conftest import NewRig
from tests.integration.engine.rig import HANDS_OFF, HOUR, MINUTE, SECOND, Rig, an_account, phones

PHONE = phones(1)[0]


def running(rig: Rig) -> Batch:
    return rig.load(phones(3))


def scheduled(rig: Rig) -> Batch:
    return rig.load(phones(3), nbf=rig.now + HOUR)


def paused(rig: Rig) -> Batch:
    batch = rig.load(phones(3))
    rig.pause(batch)
    return rig.again(batch)


def completed(rig: Rig) -> Batch:
    return rig.load([])


def draft(rig: Rig) -> Batch:
    return rig.load(phones(3), status="draft")


def template(rig: Rig) -> Batch:
    return rig.load(phones(3), cron="0 12 * * *", timezone="Australia/Melbourne")


def terminated(rig: Rig) -> Batch:
    batch = rig.load(phones(3))
    rig.terminate(batch)
    return rig.again(batch)


MAKES: dict[str, Callable[[Rig], Batch]] = {
    made.__name__: made for made in (running, scheduled, paused, completed, draft, template, terminated)
}


@pytest.mark.parametrize(
    ("made", "state"),
    [
        ("running", "paused"),
        ("scheduled", "paused"),
        ("paused", "paused"),
        ("completed", "completed"),
        ("draft", "paused"),
        ("template", "paused"),
        ("terminated", "terminated"),
    ],
)
def test_a_pause_pauses_what_is_not_over_and_twice_is_once(rig: Rig, made: str, state: str) -> None:
    batch = MAKES[made](rig)
    assert rig.pause(batch).state == state
    seq = rig.again(batch).control_seq
    assert rig.pause(batch).state == state
    assert rig.again(batch).control_seq == seq
    rig.later(2 * HOUR)
    rig.step()
    assert rig.placed == []


@pytest.mark.parametrize(
    ("made", "state"),
    [
        ("running", "running"),
        ("scheduled", "scheduled"),
        ("paused", "running"),
        ("completed", "completed"),
        ("draft", "draft"),
        ("template", "running"),
    ],
)
def test_a_resume_lifts_a_pause_and_nothing_else(rig: Rig, made: str, state: str) -> None:
    batch = MAKES[made](rig)
    assert rig.resume(batch).state == state
    assert rig.resume(batch).state == state


@pytest.mark.parametrize("made", [name for name in MAKES if name not in ("completed", "terminated")])
def test_a_terminate_closes_everything_and_twice_is_once(either: Rig, made: str) -> None:
    batch = MAKES[made](either)
    assert either.terminate(batch).state == "terminated"
    seq = either.again(batch).control_seq
    assert either.terminate(batch).state == "terminated"
    assert either.again(batch).control_seq == seq
    assert {call.close_reason for call in either.calls(batch)} == {CloseReason.TERMINATED}
    either.later(13 * HOUR)
    either.step()
    assert either.placed == []


def test_terminating_a_completed_batch_changes_nothing(rig: Rig) -> None:
    batch = completed(rig)
    assert rig.terminate(batch).state == "completed"


def test_a_terminated_batch_is_neither_resumed_nor_started(rig: Rig) -> None:
    batch = terminated(rig)
    with pytest.raises(BatchTerminated):
        rig.resume(batch)
    with pytest.raises(BatchTerminated):
        control.start(rig.desk, rig.again(batch))


def test_a_paused_draft_is_begun_by_its_resume_and_not_by_a_start(rig: Rig) -> None:
    batch = draft(rig)
    rig.pause(batch)
    assert control.start(rig.desk, rig.again(batch)).state == "paused"
    rig.step()
    assert rig.placed == []
    assert rig.resume(batch).state == "running"


@pytest.mark.parametrize("verb", ["pause_batch", "resume_batch", "terminate_batch", "start_batch"])
def test_a_name_that_nobody_loaded_is_unknown(rig: Rig, verb: str) -> None:
    with pytest.raises(BatchUnknown):
        getattr(rig.dialer, verb)("w1", "a1", "no such batch")


def test_a_draft_is_dialed_once_it_is_started(rig: Rig) -> None:
    batch = draft(rig)
    rig.step()
    assert rig.placed == []
    assert rig.status(batch).state == "draft"
    control.start(rig.desk, batch)
    rig.step()
    assert sorted(rig.placed) == phones(3)


@pytest.mark.parametrize("halt", ["pause", "terminate"])
def test_a_halt_outlives_a_wiped_redis(either: Rig, halt: str) -> None:
    batch = either.load(phones(3))
    either.tick()
    getattr(either, halt)(batch)
    either.redis.wipe()
    either.step()
    either.later(MINUTE)
    either.step()
    assert either.placed == []
    if halt == "pause":
        either.resume(batch)
        either.step()
        assert sorted(either.placed) == phones(3)


def test_a_halt_that_redis_never_heard_of_holds_all_the_same(rig: Rig) -> None:
    batch = rig.load(phones(3))
    rig.tick()
    rig.redis.is_up = False
    [warning] = rig.pause(batch).warnings
    assert "REDIS_UNREACHABLE" in warning
    rig.redis.is_up = True
    assert {told.event for told in rig.work()} == {"not_claimed"}
    rounds.keep_house(rig.desk)
    assert rig.redis.signals[f"b:{batch.batch_id}"] == ("pause", 1)


def test_terminate_closes_waiting_ready_and_queued_and_stops_due_retries(new_rig: NewRig) -> None:
    rig = new_rig(accounts={"au": an_account(channels=3)})
    batch = rig.load(phones(4), max_retries=3)
    rig.step()
    rig.end(rig.placed[0], Outcome.BUSY)
    rig.end(rig.placed[1], Outcome.BUSY)
    rig.ask(5 * SECOND)
    rig.tick()
    assert {state for state, count in rig.status(batch).counts.items() if count} == {"waiting", "queued"}
    rig.terminate(batch)
    assert {call.close_reason for call in rig.calls(batch)} == {CloseReason.TERMINATED}
    placed = list(rig.placed)
    rig.later(HOUR)
    rig.step()
    assert rig.placed == placed


def test_more_calls_than_one_chunk_are_closed_by_the_sweep(rig: Rig) -> None:
    many = TERMINATE_CHUNK + 10
    batch = rig.load([f"+6138{index:07d}" for index in range(7_000_000, 7_000_000 + many)])
    rig.terminate(batch)
    assert rig.status(batch).closed["terminated"] == TERMINATE_CHUNK
    rig.tick()
    assert rig.status(batch).closed["terminated"] == many


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [(Outcome.ANSWERED, CloseReason.REACHED), (Outcome.BUSY, CloseReason.TERMINATED)],
)
def test_a_call_of_a_terminated_batch_that_comes_back_is_not_dialed_again(
    rig: Rig, outcome: Outcome, reason: CloseReason
) -> None:
    batch = rig.load([PHONE], max_retries=3)
    rig.step()
    rig.terminate(batch)
    assert rig.call(batch).state is CallState.IN_PROGRESS
    rig.end(PHONE, outcome)
    rig.ask(5 * SECOND)
    assert rig.call(batch).close_reason is reason
    assert rig.held() == 0


def test_a_call_deferred_out_of_a_terminated_batch_closes(rig: Rig) -> None:
    """Terminated while its request waited for the last look."""
    batch = rig.load([PHONE])
    rig.tick()
    rig.providers["au"] = Halted(rig, "terminate", batch)
    [told] = rig.work()
    assert told.event == "deferred"
    call = rig.call(batch)
    assert (call.close_reason, call.attempts) == (CloseReason.TERMINATED, ())


@pytest.mark.parametrize("halt", ["pause", "terminate"])
def test_what_was_claimed_before_is_counted_in_flight(rig: Rig, halt: str) -> None:
    batch = rig.load(phones(2))
    receipts = []

    def meanwhile(placement: Placement) -> Answer:
        receipts.append(getattr(rig, halt)(batch))
        return rig.provider.accept(placement)

    rig.provider.answers("*", meanwhile)
    rig.step()
    assert [receipt.in_flight for receipt in receipts] == [1]
    assert len(rig.placed) == 1


def test_pausing_a_template_pauses_the_run_under_way_and_future_runs(rig: Rig) -> None:
    batch = template(rig)
    rig.later(HOUR)
    rig.tick()
    [run] = rig.ledger.schedules.runs(batch.batch_id, open_only=True)
    rig.pause(batch)
    assert rig.status(run).state == "paused"
    rig.work()
    rig.later(24 * HOUR)
    rig.step()
    assert rig.placed == []
    assert len(rig.ledger.schedules.runs(batch.batch_id, open_only=False)) == 1
    rig.resume(batch)
    rig.step()
    assert sorted(rig.placed) == phones(3)


def test_terminating_a_template_terminates_the_run_under_way(rig: Rig) -> None:
    batch = template(rig)
    rig.later(HOUR)
    rig.tick()
    [run] = rig.ledger.schedules.runs(batch.batch_id, open_only=True)
    rig.terminate(batch)
    assert rig.status(run).state == "terminated"
    rig.later(24 * HOUR)
    rig.step()
    assert rig.placed == []
    assert rig.ledger.schedules.runs(batch.batch_id, open_only=True) == []


@pytest.mark.parametrize(
    ("scope", "key", "stopped"),
    [
        (HoldScope.ALL, "", {"one", "two", "three"}),
        (HoldScope.WORKSPACE, "w2", {"two"}),
        (HoldScope.ACCOUNT, "us", {"three"}),
    ],
)
def test_a_red_button_reaches_as_far_as_it_says(new_rig: NewRig, scope: HoldScope, key: str, stopped: set[str]) -> None:
    rig = new_rig(
        accounts={"au": an_account("au"), "us": an_account("us")},
        providers={"au": FakeProvider(), "us": FakeProvider()},
    )
    batches = {
        "one": rig.load(phones(1), ref="one"),
        "two": rig.load(phones(1), ref="two", workspace_id="w2"),
        "three": rig.load(phones(1), ref="three", provider="us"),
    }
    control.press(rig.desk, scope, key, True)
    rig.redis.wipe()
    rig.step()
    assert {name for name, batch in batches.items() if not rig.call(batch).attempts} == stopped
    control.press(rig.desk, scope, key, False)
    rig.step()
    assert all(rig.call(batch).attempts for batch in batches.values())


def test_lifting_the_red_button_leaves_a_paused_batch_paused(rig: Rig) -> None:
    batch = rig.load([PHONE])
    rig.pause(batch)
    rig.dialer.pause_all()
    rig.dialer.resume_all()
    rig.step()
    assert rig.placed == []
    assert rig.status(batch).state == "paused"


def test_a_halt_is_passed_on_to_a_provider_that_holds_calls_until_it_is_heard(new_rig: NewRig) -> None:
    rig = new_rig(providers={"au": FakeProvider(capabilities=HANDS_OFF)})
    batch = rig.load(["+61387770001", "+61892270001"])
    rig.step()
    rig.provider.relay_answer = Answer(AnswerKind.NOT_SENT)
    rig.terminate(batch)
    rounds.relay_outbox(rig.desk)
    rig.provider.relay_answer = FakeProvider().relay_answer
    rig.later(2 * SECOND)
    assert rounds.relay_outbox(rig.desk) == 2
    assert [(order.action, order.wire_ref) for order in rig.provider.relayed] == [
        ("terminate", "spring"),
        ("terminate", "spring~2"),
    ] * 2
    rig.later(HOUR)
    assert rounds.relay_outbox(rig.desk) == 0


@dataclass
class Interrupted(FakeProvider):
    """While it is told the first word, an operator says another."""

    meanwhile: Callable[[], object] | None = None

    def relay(self, order: ControlOrder) -> Answer:
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile()
        return super().relay(order)


def test_a_word_that_a_newer_one_replaced_meanwhile_is_not_passed_on(new_rig: NewRig) -> None:
    provider = Interrupted(capabilities=HANDS_OFF)
    rig = new_rig(providers={"au": provider})
    batch = rig.load(["+61387770001", "+61892270001"])
    rig.step()
    rig.load(["+61387770002"])  # it is not over yet
    rig.pause(batch)
    provider.meanwhile = lambda: rig.terminate(batch)
    assert rounds.relay_outbox(rig.desk) == 1
    assert rounds.relay_outbox(rig.desk) == 2
    assert [order.action for order in provider.relayed] == ["pause", "terminate", "terminate"]


class Halted(FakeProvider):
    """The batch is halted when the connection stands."""

    def __init__(self, rig: Rig, verb: str, batch: Batch) -> None:
        super().__init__()
        self._halt = lambda: getattr(rig, verb)(batch)

    def place(self, placement: Placement, last_look: Callable[[], bool]) -> Answer:
        self._halt()
        return super().place(placement, last_look)
