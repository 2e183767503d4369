"""Whatever happens in whatever order: at most one placement per reference, none that a gate forbids, no number lost.

The machine keeps a model of what users asked for, and judges each placement at the instant at which it leaves. At the
end all obstacles are taken away and time passes: every number is closed then.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from dialer.domain.batch import Batch
from dialer.domain.call import Queued
from dialer.domain.placement import Answer, AnswerKind, Placement
from dialer.domain.states import CallState, HoldScope, Lane, Outcome
from dialer.engine import control, rounds
from dialer.engine.dispatch import dispatch
from dialer.errors import BatchTerminated
from dialer.ports.voice import LastLook
from dialer.testing.providers import FakeProvider, Scripted
from tests.integration.engine.rig import HOUR, ME, MINUTE, SECOND, Rig, an_answer, phones, refusal

REFS = ("one", "two")
NUMBERS = phones(6)
LASTS = 8 * HOUR
#: Open in Melbourne from the rig's start at 11:00 on, with a break of an hour.
HOURS = ["*|0900-1200", "*|1300-1800"]
BREAK = HOUR, 2 * HOUR
CLOSES = 7 * HOUR

ANSWERS: dict[str, Answer | None] = {
    "accepted": None,
    "rejected": refusal(AnswerKind.REJECTED, 422),
    "auth": refusal(AnswerKind.AUTH, 401),
    "throttled": refusal(AnswerKind.THROTTLED, 429),
    "configuration": refusal(AnswerKind.CONFIGURATION, 404),
    "not sent": an_answer(AnswerKind.NOT_SENT),
    "lost": an_answer(AnswerKind.UNKNOWN),
}
PAUSES = [SECOND, 5 * SECOND, 30 * SECOND, 3 * MINUTE, 20 * MINUTE, HOUR]
OUTCOMES = [Outcome.ANSWERED, Outcome.BUSY, Outcome.NO_ANSWER, Outcome.VOICEMAIL]
refs, numbers = st.sampled_from(REFS), st.sampled_from(NUMBERS)


class Died(BaseException):
    """A worker's process is gone."""


class Judged(FakeProvider):
    """Every request that leaves is judged before it is answered."""

    def __init__(self, judge: Callable[[Placement], None]) -> None:
        super().__init__()
        self._judge = judge
        #: what the next request is answered, if any leaves
        self.coming: Scripted = self.accept

    def place(self, placement: Placement, last_look: LastLook) -> Answer:
        self.answers(placement.phone, self.coming)

        def look() -> bool:
            leaves = last_look()
            if leaves:
                self._judge(placement)
            return leaves

        return super().place(placement, look)


class AnyOrder(RuleBasedStateMachine):
    """Users, time, crashes and providers, each doing what they like."""

    def __init__(self, migrated: Path, directory: Path) -> None:
        super().__init__()
        file = shutil.copyfile(migrated, directory / "any-order.db")
        self.provider = Judged(self.judge)
        self.rig = Rig(f"sqlite:///{file}", providers={"au": self.provider})
        self.exp = self.rig.start + LASTS
        self.batches: dict[str, Batch] = {}
        self.loaded: dict[str, set[str]] = {ref: set() for ref in REFS}
        self.halted: dict[str, str] = {}
        self.suppressed: set[str] = set()
        self.is_held = False
        self.references: set[str] = set()
        self.messages: list[Queued] = []
        self.wrongs: list[str] = []

    def judge(self, placement: Placement) -> None:
        """Noted, not raised: a worker outlives an adapter that raises."""
        after = self.rig.now - self.rig.start
        forbidden = {
            "dialed twice": placement.reference in self.references,
            "dialed though halted": placement.batch_ref in self.halted,
            "dialed under the red button": self.is_held,
            "dialed though suppressed": placement.phone in self.suppressed,
            "dialed after hours": after >= CLOSES,
            "dialed in the break": BREAK[0] <= after < BREAK[1],
        }
        self.wrongs += [f"{placement.phone} {what} after {after}" for what, is_so in forbidden.items() if is_so]
        self.references.add(placement.reference)

    @rule(ref=refs, some=st.sets(numbers, min_size=1, max_size=4), retries=st.sampled_from([0, 1, 2]))
    def load(self, ref: str, some: set[str], retries: int) -> None:
        if self.rig.now >= self.exp:
            return
        terms = {"timezone": "Australia/Melbourne", "calling_hours": HOURS, "exp": self.exp, "max_retries": retries}
        if ref in self.batches:
            terms = {}
        try:
            self.batches[ref] = self.rig.load(sorted(some), ref=ref, **terms)
        except BatchTerminated:
            assert self.halted.get(ref) == "terminated"
        else:
            self.loaded[ref] |= some

    @initialize(retries=st.sampled_from([0, 1, 2]))
    def begin(self, retries: int) -> None:
        self.load("one", set(NUMBERS[:4]), retries)
        self.load("two", set(NUMBERS[2:]), 1)

    @rule(after=st.sampled_from(PAUSES))
    def the_scheduler_ticks(self, after: timedelta) -> None:
        self.rig.later(after)
        self.rig.tick()

    @rule(
        answers=st.lists(st.sampled_from(sorted(ANSWERS)), min_size=1, max_size=4),
        outcomes=st.lists(st.sampled_from(OUTCOMES), min_size=1, max_size=4),
    )
    def life_goes_on(self, answers: list[str], outcomes: list[Outcome]) -> None:
        self.rig.tick()
        for name in answers:
            self.deliver(ANSWERS[name] or self.provider.accept)
        for number, outcome in zip(reversed(self.rig.placed), outcomes, strict=False):
            self.rig.end(number, outcome)
        self.rig.ask(30 * SECOND)

    @rule(answers=st.lists(st.sampled_from(sorted(ANSWERS)), min_size=1, max_size=4))
    def workers_work(self, answers: list[str]) -> None:
        for name in answers:
            self.deliver(ANSWERS[name] or self.provider.accept)

    @rule()
    def a_worker_dies(self) -> None:
        def die(placement: Placement) -> Answer:
            raise Died

        try:
            self.deliver(die)
        except Died:
            pass

    def deliver(self, answer: Scripted) -> None:
        message = self.rig.world.queue.pop()
        if message is None:
            return
        self.messages.append(message)
        self.provider.coming = answer
        try:
            dispatch(message.call_id, message.push_seq, self.rig.desk, ME)
        finally:
            self.provider.coming = self.provider.accept

    @precondition(lambda self: self.messages)
    @rule(choice=st.integers(0, 1000))
    def an_old_message_comes_again(self, choice: int) -> None:
        message = self.messages[choice % len(self.messages)]
        dispatch(message.call_id, message.push_seq, self.rig.desk, ME)

    @rule()
    def the_scheduler_looks_after_the_house(self) -> None:
        self.rig.ledger.workers.beat(ME.worker, f"boot-{self.rig.now.isoformat()}", list(Lane))
        if self.rig.world.signals.epoch_stands():
            rounds.keep_house(self.rig.desk)

    @rule(ref=refs, verb=st.sampled_from(["pause", "resume", "resume", "terminate"]))
    def an_operator_says(self, ref: str, verb: str) -> None:
        if verb == "terminate" and len(self.references) < 3:
            return  # or most examples would be over before they began
        try:
            state = getattr(self.rig, verb)(self.batches[ref]).state
        except BatchTerminated:
            assert self.halted[ref] == "terminated"
            return
        if state in ("paused", "terminated"):
            self.halted[ref] = state
        elif self.halted.get(ref) != "terminated":
            self.halted.pop(ref, None)

    @rule(number=numbers)
    def a_number_is_suppressed(self, number: str) -> None:
        if len(self.suppressed) < 2:
            self.rig.dialer.suppress(number, "asked us not to")
            self.suppressed.add(number)

    @rule(on=st.sampled_from([True, False, False]))
    def the_red_button(self, on: bool) -> None:
        control.press(self.rig.desk, HoldScope.ALL, "", on)
        self.is_held = on

    @rule(empty=st.booleans())
    def redis_is_restarted(self, empty: bool) -> None:
        self.rig.redis.restart(empty)

    @invariant()
    def nothing_went_out_that_must_not(self) -> None:
        assert self.wrongs == []

    @invariant()
    def every_number_is_in_sight_once(self) -> None:
        for ref, batch in self.batches.items():
            status = self.rig.status(batch)
            assert sum(status.counts.values()) == status.total == len(self.loaded[ref])
            assert sum(status.closed.values()) == status.counts["closed"]
            assert status.in_flight == status.counts["dialing"]
            assert sum(status.outcomes.values()) <= status.total
            calls = self.rig.calls(batch)
            assert {call.phone for call in calls} == self.loaded[ref]
            assert status.attempts == sum(call.attempts_spent for call in calls)
            for call in calls:
                assert call.attempts_spent <= call.max_retries + 1
                assert call.attempts_spent <= len(call.attempts)

    @invariant()
    def a_channel_is_held_for_each_live_attempt_at_most(self) -> None:
        live = set(self.rig.ledger.reading.live_references("au"))
        queued = sum(self.rig.status(batch).counts["queued"] for batch in self.batches.values())
        assert len(set(self.rig.redis.line("au").permits) - live) <= queued

    def teardown(self) -> None:
        """Nothing stands in the way any more, and time passes: all is closed, and nothing is held."""
        try:
            control.press(self.rig.desk, HoldScope.ALL, "", False)
            self.is_held = False
            for ref, batch in self.batches.items():
                if self.halted.get(ref) != "terminated":
                    self.halted.pop(ref, None)
                    self.rig.resume(batch)
            while self.rig.now < self.exp + 3 * HOUR:
                self.rig.tick()
                self.the_scheduler_looks_after_the_house()
                self.rig.work()
                self.rig.end_all()
                self.rig.ask(40 * MINUTE)
            self.rig.tick()
            self.is_over()
        finally:
            self.rig.close()

    def is_over(self) -> None:
        self.nothing_went_out_that_must_not()
        for batch in self.batches.values():
            status = self.rig.status(batch)
            assert status.state in ("completed", "terminated")
            assert status.counts[CallState.CLOSED] == status.total
        assert self.rig.held() == 0


@pytest.mark.timeout(300)
def test_no_order_of_events_breaks_the_promise(migrated_file: Path, tmp_path: Path) -> None:
    class Here(AnyOrder):
        def __init__(self) -> None:
            super().__init__(migrated_file, tmp_path)

    thorough = settings(
        max_examples=12,
        stateful_step_count=30,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Here, settings=thorough)
