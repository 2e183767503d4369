"""Whatever dies, freezes or forgets: nothing is lost, and nothing is dialed twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from dialer.domain.call import Claim
from dialer.domain.placement import Absent, Answer, AnswerKind, Found, NotTold, Placement, Progress, Sought
from dialer.domain.states import AttemptState, BatchState, CallState, CloseReason, Lane, Outcome
from dialer.engine import rounds
from dialer.engine.dispatch import WorkerIdentity, dispatch
from dialer.errors import LedgerUnreachable, RedisUnreachable
from dialer.ports.ledger import Recording
from dialer.ports.voice import LastLook
from dialer.testing.providers import ASKABLE, FakeProvider, dialed_twice
from tests.integration.engine.conftest import NewRig
from tests.integration.engine.rig import HOUR, ME, MINUTE, SECOND, Rig, an_answer, phones

PHONE = phones(1)[0]
LOST = an_answer(AnswerKind.UNKNOWN, "timed out", is_fault=True)


class Died(BaseException):
    """The worker's process is gone: nothing it would have done after this is done."""


def die(placement: Placement) -> Answer:
    raise Died


def claim_and_die(rig: Rig) -> None:
    """The request went out, and the worker with it."""
    rig.provider.answers("*", die)
    rig.tick()
    with pytest.raises(Died):
        rig.work(1)


def bury(rig: Rig, after: timedelta = MINUTE) -> rounds.HouseReport:
    """The worker's heartbeat has been silent; the scheduler looks."""
    rig.clock.advance(after.total_seconds())
    rig.ledger.workers.beat(ME.worker, "boot-2", list(Lane))
    return rounds.keep_house(rig.desk)


def test_a_message_delivered_twice_places_once(either: Rig) -> None:
    either.load([PHONE])
    either.tick()
    message = either.world.queue.pop()
    assert message is not None
    told = [dispatch(message.call_id, message.push_seq, either.desk, ME).event for _ in range(3)]
    assert told == ["placed", "ignored", "ignored"]
    assert either.placed == [PHONE]


def test_a_message_delivered_again_while_its_request_is_out_places_once(rig: Rig) -> None:
    rig.load([PHONE])
    rig.tick()
    message = rig.world.queue.pop()
    assert message is not None
    told = []

    def meanwhile(placement: Placement) -> Answer:
        told.append(dispatch(message.call_id, message.push_seq, rig.desk, ME).event)
        return rig.provider.accept(placement)

    rig.provider.answers(PHONE, meanwhile)
    dispatch(message.call_id, message.push_seq, rig.desk, ME)
    assert told == ["ignored"]
    assert rig.placed == [PHONE]


def test_a_message_of_an_earlier_push_is_stale(rig: Rig) -> None:
    rig.load([PHONE])
    rig.tick()
    message = rig.world.queue.pop()
    assert message is not None
    rig.later(25 * SECOND)
    rounds.keep_house(rig.desk)
    assert dispatch(message.call_id, message.push_seq, rig.desk, ME).event == "ignored"
    assert [told.event for told in rig.work()] == ["placed"]


def test_a_message_for_nobody_is_ignored(rig: Rig) -> None:
    assert dispatch("0193f0c0-0000-7000-8000-000000000000", 1, rig.desk, ME).event == "ignored"


def test_two_workers_that_hold_the_same_ticket_place_once(rig: Rig) -> None:
    """The second claims between the first one's permit and its claim."""
    rig.load([PHONE])
    rig.tick()
    message = rig.world.queue.pop()
    assert message is not None
    first = rig.ledger.claims.ticket(message.call_id, message.push_seq)
    assert first is not None
    dispatch(message.call_id, message.push_seq, rig.desk, WorkerIdentity("worker-2", "boot-1"))
    late = rig.ledger.claims.take(first, "worker-1", "boot-1", "0" * 32, MINUTE, MINUTE)
    assert not isinstance(late, Claim)
    assert late.is_duplicate
    assert rig.placed == [PHONE]
    assert rig.held() == 1


def test_messages_lost_with_redis_are_pushed_again_after_the_rebuild(either: Rig) -> None:
    either.load(phones(5))
    either.tick()
    either.redis.wipe()
    either.step()
    assert sorted(either.placed) == phones(5)


def test_until_the_rebuild_nobody_dials(either: Rig) -> None:
    batch = either.load([PHONE])
    either.tick()
    message = either.world.queue.pop()
    assert message is not None
    either.redis.wipe()
    told = dispatch(message.call_id, message.push_seq, either.desk, ME)
    assert (told.event, told.why) == ("refused", "stale")
    assert either.call(batch).attempts == ()
    either.step()
    assert either.placed == [PHONE]


def test_an_epoch_that_falls_between_claim_and_request_sends_nothing(rig: Rig) -> None:
    batch = rig.load([PHONE])
    rig.tick()
    rig.providers["au"] = First(lambda: rig.redis.wipe())
    [told] = rig.work()
    assert (told.event, told.why) == ("deferred", "stale")
    assert (rig.call(batch).state, rig.call(batch).attempts_spent) == (CallState.READY, 0)


def test_a_redis_restarted_from_old_disk_is_noticed(rig: Rig) -> None:
    rig.load([PHONE])
    rig.tick()
    rig.redis.restart(empty=False)
    [told] = rig.work()
    assert told.why == "stale"
    assert rig.placed == []


def test_redis_gone_before_the_permit_hands_the_call_back(rig: Rig) -> None:
    batch = rig.load([PHONE])
    rig.tick()
    message = rig.world.queue.pop()
    assert message is not None
    rig.redis.is_up = False
    told = dispatch(message.call_id, message.push_seq, rig.desk, ME)
    assert told.event == "refused"
    assert "REDIS_UNREACHABLE" in told.why
    assert rig.call(batch).attempts_spent == 0
    with pytest.raises(RedisUnreachable):
        rig.tick()
    rig.redis.is_up = True
    rig.step()
    assert rig.placed == [PHONE]


def test_redis_gone_before_the_request_sends_nothing(rig: Rig) -> None:
    batch = rig.load([PHONE])
    rig.tick()

    def cut() -> None:
        rig.redis.is_up = False

    rig.providers["au"] = First(cut)
    [told] = rig.work(1)
    assert told.event == "deferred"
    rig.redis.is_up = True
    rounds.keep_house(rig.desk)
    assert rig.call(batch).attempts == ()
    assert rig.held() <= 1


def test_a_permit_derived_away_while_a_worker_was_frozen_is_not_used(rig: Rig) -> None:
    rig.load([PHONE])
    rig.tick()
    rig.providers["au"] = First(lambda: rig.redis.line("au").permits.clear())
    [told] = rig.work()
    assert (told.event, told.why) == ("deferred", "unpermitted")


@pytest.mark.parametrize("frozen", [8.0, 600.0])
def test_a_worker_frozen_between_claim_and_request_sends_nothing(rig: Rig, frozen: float) -> None:
    batch = rig.load([PHONE])
    rig.tick()
    rig.providers["au"] = provider = First(lambda: rig.clock.advance(frozen))
    [told] = rig.work()
    assert told.event == "deferred"
    assert "too late" in told.why
    assert provider.placed == []
    assert rig.call(batch).attempts_spent == 0


def test_a_worker_thawed_after_rescue_gave_its_call_away_neither_sends_nor_moves_it(rig: Rig) -> None:
    batch = rig.load([PHONE])
    rig.tick()

    def freeze() -> None:
        bury(rig)

    rig.providers["au"] = provider = First(freeze)
    rig.work()
    assert provider.placed == []
    assert rig.call(batch).state is CallState.UNKNOWN
    for _ in range(20):
        rig.ask(MINUTE)
        rig.step()
    assert provider.placed == []
    assert rig.call(batch).close_reason is CloseReason.UNRESOLVED


def test_an_answer_is_held_while_the_ledger_is_away_and_written_when_it_is_back(rig: Rig) -> None:
    batch = rig.load([PHONE])
    flaky = rig.ledger.claims = Forgetful(rig, times=20)  # type: ignore[assignment]
    rig.step()
    assert flaky.times == 0
    assert rig.call(batch).state is CallState.IN_PROGRESS
    assert rig.now - rig.start >= 10 * SECOND


def test_an_answer_that_could_not_be_written_is_rescues_and_never_dialed_again(rig: Rig) -> None:
    batch = rig.load([PHONE])
    real = rig.ledger.claims
    rig.ledger.claims = Forgetful(rig, times=10_000)  # type: ignore[assignment]
    rig.tick()
    with pytest.raises(LedgerUnreachable):
        rig.work()
    rig.ledger.claims = real
    assert rig.call(batch).state is CallState.DIALING
    bury(rig)
    rig.ask(5 * SECOND)
    rig.step()
    assert rig.call(batch).state is CallState.IN_PROGRESS  # the provider's list shows it
    assert rig.placed == [PHONE]


def test_a_ledger_gone_before_the_claim_dials_nobody(rig: Rig) -> None:
    batch = rig.load([PHONE])
    rig.tick()
    real = rig.ledger.claims
    rig.ledger.claims = Gone(rig)  # type: ignore[assignment]
    with pytest.raises(LedgerUnreachable):
        rig.work()
    rig.ledger.claims = real
    assert rig.placed == []
    rig.later(MINUTE)
    rounds.keep_house(rig.desk)
    rig.work()
    assert rig.call(batch).state is CallState.IN_PROGRESS
    assert rig.placed == [PHONE]


def test_a_claim_of_a_dead_worker_becomes_unknown_and_keeps_its_channel(either: Rig) -> None:
    batch = either.load([PHONE])
    claim_and_die(either)
    assert bury(either, 9 * SECOND).orphans == 0  # its deadline has not passed
    assert bury(either).orphans == 1
    call = either.call(batch)
    assert (call.state, call.attempts_spent) == (CallState.UNKNOWN, 1)
    assert either.held() == 1


def test_a_claim_of_a_living_worker_is_left_alone(rig: Rig) -> None:
    batch = rig.load([PHONE])
    claim_and_die(rig)
    rig.later(MINUTE)
    assert rounds.keep_house(rig.desk).orphans == 0
    assert rig.call(batch).state is CallState.DIALING


def test_an_unknown_that_the_provider_shows_goes_on_and_is_settled(rig: Rig) -> None:
    batch = rig.load([PHONE])
    rig.provider.answers(PHONE, rig.provider.accept_and_lose)
    rig.step()
    assert rig.call(batch).state is CallState.UNKNOWN
    assert [asked.event for asked in rig.ask(5 * SECOND)] == ["found"]
    assert rig.call(batch).state is CallState.IN_PROGRESS
    rig.end(PHONE)
    assert [asked.event for asked in rig.ask(SECOND)] == ["settled"]
    assert rig.call(batch).close_reason is CloseReason.REACHED
    assert rig.held() == 0


def test_an_unknown_that_ended_meanwhile_is_settled_at_once(rig: Rig) -> None:
    batch = rig.load([PHONE], max_retries=1)
    rig.provider.answers(PHONE, LOST)
    rig.step()
    reference = rig.call(batch).attempts[0].reference
    rig.provider.found[reference] = Found("their-1", Progress(ended=True, outcome=Outcome.BUSY))
    assert [asked.event for asked in rig.ask(5 * SECOND)] == ["settled"]
    call = rig.call(batch)
    assert (call.state, call.attempts_spent) == (CallState.WAITING, 1)
    assert rig.held() == 0


@dataclass
class Overtaken(FakeProvider):
    """Its list does not show the call; while it was asked, somebody else learned that there is one."""

    meanwhile: Callable[[], None] = lambda: None

    def find(self, sought: Sought) -> Absent:
        self.meanwhile()
        return Absent()


@pytest.mark.parametrize("restored", [False, True], ids=["lost answer", "restored ledger"])
def test_an_unknown_that_is_found_while_the_list_is_asked_goes_on_and_keeps_its_channel(
    new_rig: NewRig, restored: bool
) -> None:
    provider = Overtaken()
    rig = new_rig(providers={"au": provider})
    batch = rig.load([PHONE], max_retries=1)
    if restored:
        rig.later(MINUTE)
        rig.dialer.restored(rig.now - MINUTE)
    else:
        provider.answers(PHONE, LOST)
        rig.step()
    channels = rig.held()

    def meanwhile() -> None:
        rig.later(HOUR)
        [attempt] = rig.ledger.attempts.due(1)
        assert rig.ledger.attempts.found(attempt, "their-1")

    provider.meanwhile = meanwhile
    assert [asked.event for asked in rig.ask(HOUR)] == ["later"]
    assert rig.call(batch).state is CallState.IN_PROGRESS
    assert rig.held() == channels == (0 if restored else 1)


def test_an_unknown_that_a_complete_list_does_not_show_is_unresolved_after_two_minutes(either: Rig) -> None:
    batch = either.load([PHONE], max_retries=5)
    either.provider.answers(PHONE, LOST)
    either.step()
    began = either.now
    while either.call(batch).state is CallState.UNKNOWN:
        assert either.held() == 1
        either.ask(5 * SECOND)
    assert 120 * SECOND <= either.now - began <= 300 * SECOND
    call = either.call(batch)
    assert (call.close_reason, call.attempts_spent) == (CloseReason.UNRESOLVED, 1)
    assert either.attempts(batch) == [AttemptState.UNRESOLVED]
    assert either.held() == 0


def test_an_unknown_about_which_nothing_can_be_learned_is_unresolved_after_ten(rig: Rig) -> None:
    batch = rig.load([PHONE])
    rig.provider.answers(PHONE, LOST)
    rig.step()
    rig.provider.found[rig.call(batch).attempts[0].reference] = NotTold("503")
    began = rig.now
    while rig.call(batch).state is CallState.UNKNOWN:
        rig.ask(5 * SECOND)
    assert 600 * SECOND <= rig.now - began <= 730 * SECOND


def test_unknowns_are_asked_about_after_five_seconds_then_with_doubling_pauses(rig: Rig) -> None:
    batch = rig.load([PHONE])
    rig.provider.answers(PHONE, LOST)
    rig.step()
    rig.provider.found[rig.call(batch).attempts[0].reference] = NotTold("503")
    asked = [second for second in range(1, 201) if rig.ask(SECOND)]
    assert asked == [5, 10, 20, 40, 80, 160]


def test_a_question_that_fails_does_not_silence_the_others(rig: Rig) -> None:
    rig.load(phones(3))
    rig.step()
    rig.provider.told["call-1"] = None  # type: ignore[assignment]
    events = [asked.event for asked in rig.ask(5 * SECOND)]
    assert sorted(events) == ["failed", "later", "later"]


def test_a_call_without_news_is_unresolved_after_its_longest_time_and_frees_its_channel(either: Rig) -> None:
    batch = either.load([PHONE], max_call_seconds=600, max_retries=3)
    either.step()
    either.ask(599 * SECOND)
    assert either.call(batch).state is CallState.IN_PROGRESS
    either.ask(31 * SECOND)
    assert either.call(batch).close_reason is CloseReason.UNRESOLVED
    assert either.held() == 0
    either.tick()
    assert either.status(batch).state == "completed"


def test_permits_are_derived_from_the_ledger(rig: Rig) -> None:
    batch = rig.load(phones(3))
    rig.step()
    live = {rig.call(batch, number).attempts[0].reference for number in phones(3)}
    rig.redis.line("au").permits.clear()
    rig.redis.line("au").permits["long gone"] = 0
    rounds.keep_house(rig.desk)
    assert set(rig.redis.line("au").permits) == live


def test_a_permit_just_granted_is_not_derived_away(rig: Rig) -> None:
    rig.world.admission.permit(rig.accounts["au"], Lane.NORMAL, "about to be claimed")
    rounds.keep_house(rig.desk)
    assert rig.held() == 1
    rig.later(20 * SECOND)
    rounds.keep_house(rig.desk)
    assert rig.held() == 0


def test_a_wiped_redis_counts_the_channels_in_use_again(rig: Rig) -> None:
    rig.load(phones(3))
    rig.step()
    rig.redis.wipe()
    rig.tick()
    assert rig.held() == 3


def test_a_ledger_restored_from_a_backup_cannot_dial_again_what_it_forgot(rig: Rig, tmp_path: Path) -> None:
    batch = rig.load(phones(3), max_retries=2)
    restore = rig.remember(tmp_path / "backup.db")
    rig.step()
    restore()
    assert rig.status(batch).counts["ready"] == 3
    rig.step()
    assert rig.status(batch).counts["unknown"] == 3
    assert sorted(rig.placed) == phones(3)
    rig.ask(5 * SECOND)
    assert rig.status(batch).counts["in_progress"] == 3  # found at the provider, by the same references
    rig.end_all()
    rig.ask(5 * SECOND)
    rig.tick()
    assert rig.status(batch).closed["reached"] == 3
    assert sorted(rig.placed) == phones(3)


def test_what_the_restored_ledger_forgot_and_nobody_can_find_is_unresolved(rig: Rig, tmp_path: Path) -> None:
    batch = rig.load([PHONE])
    restore = rig.remember(tmp_path / "backup.db")
    rig.step()
    restore()
    rig.step()
    rig.provider.found[rig.call(batch).attempts[0].reference] = Absent()
    for _ in range(10):
        rig.ask(MINUTE)
        rig.step()
    assert rig.call(batch).close_reason is CloseReason.UNRESOLVED
    assert rig.placed == [PHONE]


@pytest.mark.parametrize("ends", ["not sent", "in an adapter's bug", "unprepared"])
def test_what_the_ledger_forgot_is_not_dialed_after_a_claim_that_never_came_to_its_last_look(
    rig: Rig, tmp_path: Path, ends: str
) -> None:
    """Such a claim uses its number up, and what Redis remembers forbids only numbers up to its own."""
    batch = rig.load([PHONE])
    restore = rig.remember(tmp_path / "backup.db")
    rig.step()
    restore()
    real, rig.providers["au"] = rig.provider, Short(ends)
    rig.step()
    rig.providers["au"] = real
    assert rig.call(batch).state is CallState.UNKNOWN
    rig.later(HOUR)
    rig.step()
    assert rig.placed == [PHONE]


def test_what_the_ledger_forgot_is_not_dialed_after_a_claim_whose_commit_was_not_heard_of(
    rig: Rig, tmp_path: Path
) -> None:
    batch = rig.load([PHONE])
    restore = rig.remember(tmp_path / "backup.db")
    rig.step()
    restore()
    rig.tick()
    real = rig.ledger.claims
    rig.ledger.claims = Unheard(rig)  # type: ignore[assignment]
    with pytest.raises(LedgerUnreachable):
        rig.work()
    rig.ledger.claims = real
    bury(rig)
    assert rig.call(batch).state is CallState.UNKNOWN
    rig.step()
    assert rig.placed == [PHONE]


def test_a_control_word_that_redis_has_and_the_ledger_forgot_halts_the_batch(rig: Rig, tmp_path: Path) -> None:
    batch = rig.load(phones(2), nbf=rig.now + HOUR)
    rig.pause(batch)
    rig.resume(batch)
    restore = rig.remember(tmp_path / "backup.db")
    rig.terminate(batch)
    restore()
    assert rig.again(batch).state is BatchState.ACTIVE
    assert rounds.keep_house(rig.desk).rolled_back == (batch.batch_id,)
    assert rig.again(batch).state is BatchState.PAUSED
    assert "the ledger was rolled back" in rig.why(batch)
    rig.later(HOUR)
    rig.step()
    assert rig.placed == []


def test_the_first_control_word_of_a_batch_survives_a_rollback_too(rig: Rig, tmp_path: Path) -> None:
    batch = rig.load(phones(2), nbf=rig.now + HOUR)
    restore = rig.remember(tmp_path / "backup.db")
    rig.terminate(batch)
    restore()
    assert rounds.keep_house(rig.desk).rolled_back == (batch.batch_id,)
    assert rig.again(batch).state is BatchState.PAUSED
    rig.later(HOUR)
    rig.step()
    assert rig.placed == []


def test_after_a_rollback_a_resume_counts_again(rig: Rig, tmp_path: Path) -> None:
    batch = rig.load([PHONE])
    restore = rig.remember(tmp_path / "backup.db")
    for _ in range(3):
        rig.pause(batch)
        rig.resume(batch)
    rig.pause(batch)
    restore()
    rounds.keep_house(rig.desk)
    rig.resume(batch)
    assert rounds.keep_house(rig.desk).rolled_back == ()
    rig.step()
    assert rig.placed == [PHONE]


def test_a_red_button_that_the_ledger_forgot_is_pressed_again(rig: Rig, tmp_path: Path) -> None:
    rig.load([PHONE])
    restore = rig.remember(tmp_path / "backup.db")
    rig.dialer.pause_all()
    restore()
    rounds.keep_house(rig.desk)
    assert [hold.on for hold in rig.desk.ledger.accounts.holds()] == [True]
    rig.step()
    assert rig.placed == []
    rig.dialer.resume_all()
    rounds.keep_house(rig.desk)
    rig.step()
    assert rig.placed == [PHONE]


def test_a_word_about_a_batch_that_is_over_is_forgotten_in_the_end(rig: Rig) -> None:
    batch = rig.load([PHONE])
    rig.terminate(batch)
    for _ in range(3):
        rounds.keep_house(rig.desk)
    assert rig.desk.signals.align([]) == ()


def test_before_anybody_noticed_the_rollback_the_signal_holds(rig: Rig, tmp_path: Path) -> None:
    batch = rig.load([PHONE])
    restore = rig.remember(tmp_path / "backup.db")
    rig.pause(batch)
    restore()
    [told] = rig.step()
    assert (told.event, told.why) == ("deferred", "halt")
    assert rig.placed == []


def test_a_crash_anywhere_on_the_way_never_dials_twice(rig: Rig) -> None:
    """One number after the other meets the death of its worker, before and after the request."""
    batch = rig.load(phones(6), max_retries=2)
    for number, crash in zip(phones(6), [die, rig.provider.accept_and_lose] * 3, strict=True):
        rig.provider.answers(number, crash)
    for _ in range(12):
        rig.tick()
        try:
            rig.work()
        except Died:
            bury(rig)
        rig.ask(MINUTE)
    assert dialed_twice(rig.provider.placed) == []
    assert sorted(rig.placed) == phones(6)
    assert rig.status(batch).total == 6


class First(FakeProvider):
    """Something happens when the connection stands, before the last look."""

    def __init__(self, happens: Callable[[], object]) -> None:
        super().__init__()
        self._happens = happens

    def place(self, placement: Placement, last_look: LastLook) -> Answer:
        self._happens()
        return super().place(placement, last_look)


class Forgetful:
    """The ledger is away the next `times` times that an answer is to be written."""

    def __init__(self, rig: Rig, times: int) -> None:
        self._room = rig.ledger.claims
        self.times = times

    def __getattr__(self, verb: str) -> object:
        return getattr(self._room, verb)

    def record(self, claim: Claim, answer: Answer, recording: Recording) -> bool:
        if self.times:
            self.times -= 1
            raise LedgerUnreachable("away")
        return self._room.record(claim, answer, recording)


class Gone:
    """The ledger is away when a call is to be claimed."""

    def __init__(self, rig: Rig) -> None:
        self._room = rig.ledger.claims

    def __getattr__(self, verb: str) -> object:
        return getattr(self._room, verb)

    def take(self, *given: object, **named: object) -> object:
        raise LedgerUnreachable("away")


class Unheard(Gone):
    """It claims the call, and the answer is lost."""

    def take(self, *given: Any, **named: Any) -> object:
        self._room.take(*given, **named)
        return super().take()


class Short(FakeProvider):
    """A call ends before anybody looks a last time."""

    def __init__(self, ends: str) -> None:
        super().__init__(replace(ASKABLE, prepares=ends == "unprepared"), preparation=Answer(AnswerKind.NOT_SENT))
        self._ends = ends

    def place(self, placement: Placement, last_look: LastLook) -> Answer:
        if self._ends == "not sent":
            return Answer(AnswerKind.NOT_SENT, "connection refused")
        raise RuntimeError(self._ends)
