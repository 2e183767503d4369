"""What a reader is told: why nothing dials now, when a number is eligible, the week, the counts; and requeue."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from dialer.domain.batch import Batch
from dialer.domain.placement import Answer, AnswerKind, Placement
from dialer.domain.states import CloseReason, HoldScope, Outcome, StopKind
from dialer.engine import control
from dialer.errors import BatchTerminated, BatchUnknown, CallUnknown, InvalidInput
from dialer.ports import HouseRules
from tests.integration.engine.conftest import NewRig
from tests.integration.engine.rig import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    Rig,
    an_account,
    an_answer,
    phone,
    phones,
    refusal,
)

PHONE = phones(1)[0]

#: What holds a batch, from the gate that is named first to the one that is named last, and its words.
HOLDS: list[tuple[Callable[[Rig, Batch], object], str]] = [
    (lambda rig, batch: rig.pause(batch), "paused: paused by an operator"),
    (lambda rig, batch: control.press(rig.desk, HoldScope.ALL, "", True), "everything is held"),
    (lambda rig, batch: refuse(rig), "account au stopped (auth): HTTP 401: no key (until 2026-11-23T00:15"),
    (lambda rig, batch: rig.ledger.workers.resign("scheduler-1"), "no scheduler heartbeat since 2026"),
    (lambda rig, batch: rig.redis.wipe(), "new or wiped: the scheduler has not rebuilt it yet"),
    (lambda rig, batch: rig.ledger.workers.stopped("worker-1", "boot-1"), "no worker on lane normal"),
]


def refuse(rig: Rig) -> None:
    rig.ledger.accounts.stop("au", StopKind.AUTH, "HTTP 401: no key", 15 * MINUTE)


@pytest.mark.parametrize("place", range(len(HOLDS)))
def test_why_names_the_first_gate_that_holds_the_batch(rig: Rig, place: int) -> None:
    """Every gate from this one on is closed: the first of them is named."""
    batch = rig.load([PHONE])
    for close, _ in HOLDS[place:]:
        close(rig, batch)
    if place <= 3:
        rig.clock.advance(11)
    assert HOLDS[place][1] in rig.why(batch)


def test_why_is_null_while_calls_go_out(rig: Rig) -> None:
    batch = rig.load(phones(2))
    assert rig.status(batch).why is None
    rig.tick()
    assert rig.status(batch).why is None
    whys = []

    def meanwhile(placement: Placement) -> Answer:
        whys.append(rig.status(batch).why)
        return rig.provider.accept(placement)

    rig.provider.answers("*", meanwhile)
    rig.work()
    assert whys == [None]


def test_why_says_that_redis_is_down(rig: Rig) -> None:
    batch = rig.load([PHONE])
    rig.redis.is_up = False
    assert "down" in rig.why(batch)


def test_why_names_the_hour_on_the_callees_clock(rig: Rig) -> None:
    batch = rig.load([PHONE], timezone="Australia/Melbourne", calling_hours=["*|1600-1700"])
    assert rig.why(batch) == "blocked until 2026-11-23T16:00:00+11:00 (Australia/Melbourne)"
    status = rig.status(batch)
    assert status.next_open_at == rig.now + 5 * HOUR


def test_why_names_nbf_before_it(rig: Rig) -> None:
    batch = rig.load([PHONE], nbf=rig.now + HOUR)
    assert rig.why(batch) == "not before 2026-11-23T01:00:00+00:00"
    assert rig.status(batch).state == "scheduled"


def test_why_says_when_no_channel_is_free(new_rig: NewRig) -> None:
    rig = new_rig(accounts={"au": an_account(channels=3)})
    batch = rig.load(phones(5))
    rig.step()
    assert rig.why(batch) == "no free channel: 2 of 3 of account au are in use"


def test_why_says_when_the_next_retry_is_due(rig: Rig) -> None:
    batch = rig.load([PHONE], max_retries=1)
    rig.dial(PHONE, Outcome.NO_ANSWER)
    assert rig.why(batch) == f"nothing is due before {(rig.now + 30 * MINUTE).isoformat()}"


def test_why_says_when_all_were_dialed(rig: Rig) -> None:
    batch = rig.load([PHONE])
    rig.step()
    assert rig.why(batch) == "all were dialed: 1 in progress"
    lost = rig.load([phone(1)], ref="lost")
    rig.provider.answers(phone(1), an_answer(AnswerKind.UNKNOWN))
    rig.step()
    assert rig.why(lost) == "all were dialed: 1 unknown, the provider is being asked"


@pytest.mark.parametrize(("over", "word"), [("completed", "completed"), ("terminated", "terminated")])
def test_why_of_a_batch_that_is_over_is_its_state(rig: Rig, over: str, word: str) -> None:
    batch = rig.load([] if over == "completed" else [PHONE])
    if over == "terminated":
        rig.terminate(batch)
    assert rig.why(batch) == word
    assert rig.status(batch).next_open_at is None


def test_why_tells_a_pause_of_the_dialer_from_an_operators(rig: Rig) -> None:
    batch = rig.load([PHONE])
    rig.provider.answers(PHONE, refusal(AnswerKind.CONFIGURATION, 404))
    rig.step()
    assert rig.why(batch).startswith("paused by the dialer: agent or number id wrong")


def test_why_of_a_draft_says_what_begins_it(rig: Rig) -> None:
    assert "dialer start" in rig.why(rig.load([PHONE], status="draft"))


def test_why_names_an_account_that_is_gone_from_the_configuration(rig: Rig) -> None:
    batch = rig.load([PHONE])
    del rig.accounts["au"]
    assert "not in the configuration" in rig.why(batch)


def test_rate_and_eta_follow_what_went_out_in_the_last_minute(rig: Rig) -> None:
    batch = rig.load(phones(30))
    rig.tick()
    rig.work(10)
    status = rig.status(batch)
    assert status.rate_per_minute == 10.0
    assert status.eta == rig.now + 2 * MINUTE
    rig.later(2 * MINUTE)
    assert rig.status(batch).rate_per_minute == 0.0


def dialed_at(rig: Rig, after: timedelta) -> bool:
    rig.later(after)
    before = len(rig.placed)
    rig.step()
    return len(rig.placed) > before


@pytest.mark.parametrize(
    "holds",
    [
        {"calling_hours": ["*|1600-1700"]},
        {"calling_hours": ["Sat|0900-1000"]},
        {"block_rules": ["Mon-Fri|0000-2400"]},
        {"nbf": "2026-11-23T02:30:00Z", "calling_hours": ["*|1100-1200"]},
        {"suppressed": 3 * HOUR, "calling_hours": ["*|1100-1330"]},
        {"retry": True, "calling_hours": ["*|1100-1125"]},
        {"legal": ("*|1500-1600",), "calling_hours": ["*|1100-1500", "Tue|1530-1540"]},
    ],
)
def test_next_eligible_at_is_the_first_instant_at_which_it_is_really_dialed(
    new_rig: NewRig, holds: dict[str, Any]
) -> None:
    holds = dict(holds)  # the table is everybody's
    rig = new_rig(rules=HouseRules(legal_hours=holds.pop("legal", ())))
    suppressed, retry = holds.pop("suppressed", None), holds.pop("retry", False)
    batch = rig.load([PHONE], timezone="Australia/Melbourne", max_retries=1, **holds)
    if retry:
        rig.dial(PHONE, Outcome.NO_ANSWER)
    if isinstance(suppressed, timedelta):
        rig.dialer.suppress(PHONE, "not yet", until=rig.now + suppressed)
        rig.step()
    told = rig.dialer.explain(batch.batch_id, PHONE)
    assert told.why is not None
    assert told.next_eligible_at is not None
    ahead = told.next_eligible_at - rig.now
    assert ahead > timedelta(0)
    assert not dialed_at(rig, ahead - SECOND)
    assert dialed_at(rig, told.next_eligible_at - rig.now)


def test_explain_names_every_gate_with_its_verdict(rig: Rig) -> None:
    batch = rig.load([PHONE], timezone="Australia/Melbourne", block_rules=["*|1000-1200"])
    told = rig.dialer.explain(batch.batch_id, PHONE)
    house = {"batch", "load", "hold", "account", "scheduler", "redis", "worker"}
    own = {"call", "nbf", "exp", "hours", "legal_hours", "suppression", "retries"}
    assert house | own <= {gate.gate for gate in told.gates}
    assert [gate.gate for gate in told.gates if gate.verdict == "closed"] == ["hours"]
    [hours] = [gate for gate in told.gates if gate.gate == "hours"]
    assert hours.until == rig.now + HOUR
    assert told.why == hours.detail


def test_explain_of_a_call_that_is_over_says_how_it_ended(rig: Rig) -> None:
    batch = rig.load([PHONE])
    rig.dial(PHONE)
    told = rig.dialer.explain(batch.batch_id, PHONE)
    assert (told.state, told.why, told.next_eligible_at) == ("closed", "closed: reached", None)


def test_explain_of_a_number_that_nothing_holds_has_no_why(rig: Rig) -> None:
    batch = rig.load([PHONE])
    told = rig.dialer.explain(batch.batch_id, PHONE)
    assert (told.why, told.next_eligible_at) == (None, rig.now)


def test_explain_names_no_instant_where_a_gate_has_no_end(rig: Rig) -> None:
    batch = rig.load([PHONE], nbf=rig.now + HOUR)
    rig.pause(batch)
    told = rig.dialer.explain(batch.batch_id, PHONE)
    assert told.next_eligible_at is None
    assert told.why == "paused: paused by an operator"


def test_unknown_batches_and_numbers_are_named_as_such(rig: Rig) -> None:
    batch = rig.load([PHONE])
    with pytest.raises(CallUnknown):
        rig.dialer.explain(batch.batch_id, phone(1))
    with pytest.raises(BatchUnknown):
        rig.dialer.status("no-such-batch")
    with pytest.raises(BatchUnknown):
        rig.dialer.find_batch("w1/a1/none")


def test_windows_are_drawn_for_each_zone_set_within_nbf_and_exp(rig: Rig) -> None:
    own = {"phone": phone(1), "timezone": "Australia/Perth"}
    batch = rig.load(
        [PHONE, own], timezone="Australia/Melbourne", calling_hours=["*|0900-1200"], exp=rig.now + 30 * HOUR
    )
    melbourne, perth = rig.dialer.windows(batch.batch_id, days=7)
    assert melbourne.zones == ("Australia/Melbourne",)
    assert melbourne.open == ((rig.now, rig.now + HOUR), (rig.now + 22 * HOUR, rig.now + 25 * HOUR))
    assert perth.open == ((rig.now + HOUR, rig.now + 4 * HOUR), (rig.now + 25 * HOUR, rig.now + 28 * HOUR))


def test_windows_are_where_calls_really_go_out(rig: Rig) -> None:
    batch = rig.load(phones(60), timezone="Australia/Melbourne", calling_hours=["*|1115-1130", "*|1215-1245"])
    [week] = rig.dialer.windows(batch.batch_id, days=1)
    for _ in range(12 * 3):
        rig.later(5 * MINUTE)
        rig.tick()
        rig.work(5)
    for placement in rig.provider.placed:
        assert any(start <= placement.nbf < end for start, end in week.open)
    assert len(rig.placed) == 5 * (3 + 6)


@pytest.mark.parametrize("closed", ["rejected", "unresolved"])
def test_requeued_calls_are_dialed_again_under_new_references(rig: Rig, closed: str) -> None:
    batch = rig.load([PHONE])
    kind = AnswerKind.REJECTED if closed == "rejected" else AnswerKind.UNKNOWN
    rig.provider.answers(PHONE, an_answer(kind))
    rig.step()
    for _ in range(10):
        rig.ask(MINUTE)
    rig.tick()
    assert rig.status(batch).closed[closed] == 1
    assert rig.dialer.requeue(batch.batch_id, closed) == 1
    assert rig.status(batch).state == "running"
    rig.dial(PHONE)
    assert len(rig.placed) == 2
    assert len({attempt.reference for attempt in rig.call(batch).attempts}) == 2


def test_a_requeue_needs_an_exp_that_lies_ahead(rig: Rig) -> None:
    batch = rig.load([PHONE], exp=rig.now + HOUR, nbf=rig.now + 30 * MINUTE)
    rig.later(HOUR)
    rig.tick()
    with pytest.raises(InvalidInput, match="WINDOW_PAST"):
        rig.dialer.requeue(batch.batch_id, "expired")
    rig.load([], exp=rig.now + HOUR)
    assert rig.dialer.requeue(batch.batch_id, "expired") == 1
    rig.step()
    assert rig.placed == [PHONE]


def test_a_terminated_batch_is_not_requeued(rig: Rig) -> None:
    batch = rig.load([PHONE])
    rig.provider.answers(PHONE, an_answer(AnswerKind.REJECTED))
    rig.step()
    rig.load([phone(1)])
    rig.terminate(batch)
    with pytest.raises(BatchTerminated):
        rig.dialer.requeue(batch.batch_id, "rejected")


def test_reconcile_asks_about_everything_of_the_batch_now(rig: Rig) -> None:
    batch = rig.load(phones(3))
    rig.provider.answers(phone(0), rig.provider.accept_and_lose)
    rig.provider.answers(phone(1), an_answer(AnswerKind.UNKNOWN))
    rig.step()
    rig.end(phone(2))
    report = rig.dialer.reconcile(batch.batch_id)
    assert (report.asked, report.found, report.settled, report.later) == (3, 1, 1, 1)


def test_calls_are_listed_in_load_order_and_by_state_reason_and_outcome(rig: Rig) -> None:
    batch = rig.load(phones(4), max_retries=0)
    rig.step()
    rig.end(phone(0), Outcome.ANSWERED)
    rig.end(phone(1), Outcome.BUSY)
    rig.ask(5 * SECOND)

    def listed(**given: str) -> list[str]:
        return [call.phone for call in rig.dialer.calls(batch.batch_id, **given)]

    assert listed() == phones(4)
    assert listed(state="in_progress") == [phone(2), phone(3)]
    assert listed(state="exhausted") == [phone(1)]
    assert listed(outcome="answered") == [phone(0)]
    assert {call.close_reason for call in rig.dialer.calls(phone=phone(0))} == {CloseReason.REACHED}


def test_batches_are_listed_by_their_outside_state(rig: Rig) -> None:
    rig.load([PHONE], ref="soon", nbf=rig.now + DAY)
    rig.load([PHONE], ref="now")
    rig.load([], ref="over")
    named = {
        state: [status.batch_ref for status in rig.dialer.batches(state=state)]
        for state in ("scheduled", "running", "completed", "paused")
    }
    assert named == {"scheduled": ["soon"], "running": ["now"], "completed": ["over"], "paused": []}
