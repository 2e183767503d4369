"""A call whose account has started enough: it keeps its slot for a moment, and is handed back where that is long."""

from __future__ import annotations

from dataclasses import replace

from dialer import failpoints
from dialer.domain.call import Claim
from dialer.domain.states import CallState, Lane
from dialer.engine.dispatch import dispatch
from dialer.ports import Armed, Bunched
from dialer.testing.coordination import SECOND as MICROS
from dialer.testing.coordination import FakeAdmission
from tests.integration.engine.conftest import NewRig
from tests.integration.engine.rig import HOUR, ME, MINUTE, Rig, an_account, phones


def paced(new_rig: NewRig, calls_per_second: float, starts: int) -> Rig:
    """So many starts were granted to others just now."""
    rig = new_rig(accounts={"au": an_account(calls_per_second=calls_per_second)})
    rig.load(phones(1))
    rig.tick()
    for at in range(starts):
        rig.world.admission.permit(rig.accounts["au"], Lane.NORMAL, f"another-{at}")
    return rig


def test_a_call_waits_in_its_slot_while_the_next_second_is_full(new_rig: NewRig) -> None:
    """Handed back it would go round by the scheduler, and its account lose the time that this takes."""
    rig = paced(new_rig, 2.0, starts=3)
    began = rig.now
    assert [done.event for done in rig.work()] == ["placed"]
    assert (rig.now - began).total_seconds() == 1.5


def test_a_call_that_would_wait_for_long_is_handed_back(new_rig: NewRig) -> None:
    rig = paced(new_rig, 0.2, starts=1)
    [done] = rig.work()
    assert (done.event, done.why) == ("refused", "pace")
    assert rig.placed == []


def test_a_pause_holds_for_a_call_that_waits_in_its_slot(new_rig: NewRig) -> None:
    class Pausing(FakeAdmission):
        """Somebody pauses the batch while the call waits to be granted a start."""

        def permit(self, *asked: object) -> object:  # type: ignore[override]
            entry = super().permit(*asked)  # type: ignore[arg-type]
            rig.pause(batch)
            return entry

    rig = paced(new_rig, 2.0, starts=3)
    [batch] = rig.ledger.batches.page(None, None, None)
    rig.world.admission = Pausing(rig.redis)
    [done] = rig.work()
    assert done.event == "not_claimed"
    assert rig.placed == []


def test_a_call_leaves_when_the_second_behind_it_has_room(new_rig: NewRig) -> None:
    """Its start instant had come, but others that were late have only just left."""
    rig = paced(new_rig, 1.0, starts=0)
    rig.redis.line("au").armed = {"late-1": rig.clock.micros(), "late-2": rig.clock.micros()}
    began = rig.now
    assert [done.event for done in rig.work()] == ["placed"]
    assert (rig.now - began).total_seconds() == 1.0


def test_a_test_call_leaves_whoever_left_before_it(new_rig: NewRig) -> None:
    rig = paced(new_rig, 1.0, starts=0)
    now = rig.clock.micros()
    rig.redis.line("au").armed = {f"late-{at}": now for at in range(9)}
    rig.dialer.test_call({"workspace_id": "w1", "agent_id": "a1", "phone": "+61491570158", "timezone": "UTC"})
    rig.tick()
    assert [done.event for done in rig.work(1)] == ["placed"]
    assert rig.clock.micros() - now < MICROS


def test_a_call_that_is_never_let_go_is_deferred_and_spends_nothing(new_rig: NewRig) -> None:
    class Full(FakeAdmission):
        def arm(self, claim: Claim, most: int = 0) -> Armed | Bunched:
            return Bunched(3.0)

    rig = paced(new_rig, 5.0, starts=0)
    rig.world.admission = Full(rig.redis)
    [done] = rig.work()
    assert (done.event, done.why.partition(":")[0]) == ("deferred", "too late")
    [call] = [call for status in rig.dialer.batches() for call in rig.dialer.calls(status.batch_id)]
    assert (call.state, call.attempts_spent, call.attempts) == (CallState.READY, 0, ())


def test_an_account_lets_no_more_leave_than_its_provider_was_promised() -> None:
    account = an_account()
    promised = {pace: 1.05 * pace + 2 for pace in (0.2, 1.0, 10.0, 50.0, 200.0)}
    for pace, most in promised.items():
        let = replace(account, calls_per_second=pace).most_in_a_second
        assert pace <= let <= most - 0.9


def test_what_asked_for_no_start_is_not_sent_on_anothers_though_its_window_opens_again(rig: Rig) -> None:
    """Its message came twice: one delivery was granted a start and died, the other comes when the batch is over, and
    then somebody loads it with a later end."""
    batch = rig.load(phones(1), exp=rig.now + MINUTE)
    rig.tick()
    message = rig.world.queue.pop()
    assert message is not None
    ticket = rig.ledger.claims.ticket(message.call_id, message.push_seq)
    assert ticket is not None
    rig.world.admission.permit(rig.accounts["au"], Lane.NORMAL, ticket.reference)
    rig.later(2 * MINUTE)

    def prolong(point: str) -> None:
        if point == "dispatch.ticket":
            rig.load([], exp=rig.now + HOUR)

    failpoints.watch(prolong)
    try:
        done = dispatch(message.call_id, message.push_seq, rig.desk, ME)
    finally:
        failpoints.watch(None)
    assert (done.event, rig.placed) == ("deferred", [])
    rig.step()
    assert rig.placed == phones(1)
    assert rig.call(batch).attempts_spent == 1
