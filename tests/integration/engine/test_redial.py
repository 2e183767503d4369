"""An unknown attempt sent again: only where wanted, under its own key, as the same request, through all gates."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from dialer.domain.batch import Batch
from dialer.domain.placement import AnswerKind, Capabilities, Found, Placement, Progress
from dialer.domain.states import AttemptState, CallState, CloseReason, Outcome, StopKind
from dialer.engine import redial, rounds
from dialer.engine.reconcile import ask
from dialer.testing.providers import ASKABLE, FakeProvider
from tests.integration.engine.conftest import NewRig
from tests.integration.engine.rig import DAY, HOUR, MINUTE, SECOND, Rig, an_answer, phone, refusal

PHONE = phone(0)
KEYED = Capabilities(reports_outcomes=True, can_find=True, idempotency=DAY)
SILENCE = an_answer(AnswerKind.UNKNOWN, "no answer", http_status=502, raw="<html>")


@pytest.fixture
def keyed(new_rig: NewRig) -> Rig:
    return new_rig(providers={"au": FakeProvider(capabilities=KEYED)})


def unknown(rig: Rig, **terms: Any) -> Batch:
    given = {"on_unknown": "redial", "exp": rig.now + DAY, **terms}
    batch = rig.load([{"phone": PHONE, "variables": {"name": "Ada"}}], **given)
    rig.provider.answers(PHONE, SILENCE)
    rig.step()
    assert rig.call(batch).state is CallState.UNKNOWN
    return batch


def asked(rig: Rig, after: timedelta = 3 * MINUTE) -> list[str]:
    return [one.event for one in rig.ask(after)]


def same(rig: Rig) -> bool:
    first, *others = rig.provider.placed
    return all(other == first for other in others)


def test_it_is_the_same_request_under_the_same_reference_and_one_attempt(keyed: Rig) -> None:
    batch = unknown(keyed, max_retries=1)
    assert asked(keyed) == ["redialed"]
    assert keyed.placed == [PHONE] * 2
    assert same(keyed)
    call = keyed.call(batch)
    assert (call.state, call.attempts_spent) == (CallState.IN_PROGRESS, 1)
    assert [attempt.state for attempt in call.attempts] == [AttemptState.IN_PROGRESS]
    keyed.end(PHONE, Outcome.NO_ANSWER)
    keyed.ask(5 * SECOND)
    assert keyed.call(batch).state is CallState.WAITING


def test_not_before_a_complete_list_had_time_to_show_it(keyed: Rig) -> None:
    unknown(keyed)
    assert asked(keyed, MINUTE) == ["later"]
    assert keyed.placed == [PHONE]


def test_what_the_list_shows_is_found_and_not_sent_again(keyed: Rig) -> None:
    batch = keyed.load([PHONE], on_unknown="redial")
    keyed.provider.answers(PHONE, keyed.provider.accept_and_lose)
    keyed.step()
    assert asked(keyed) == ["found"]
    assert keyed.placed == [PHONE]
    assert keyed.call(batch).state is CallState.IN_PROGRESS


def test_a_provider_that_honours_its_key_no_more_is_not_sent_anything_again(keyed: Rig) -> None:
    batch = unknown(keyed)
    keyed.provider.capabilities = ASKABLE
    assert asked(keyed) == ["unresolved"]
    assert keyed.placed == [PHONE]
    assert keyed.call(batch).close_reason is CloseReason.UNRESOLVED


def test_held_unknowns_are_not_sent_again(keyed: Rig) -> None:
    unknown(keyed, on_unknown="hold")
    assert asked(keyed) == ["unresolved"]
    assert keyed.placed == [PHONE]


@pytest.mark.parametrize(("late", "expected"), [(-2 * MINUTE, 2), (-MINUTE, 1), (HOUR, 1)])
def test_a_key_that_is_about_to_run_out_is_not_leaned_on(new_rig: NewRig, late: timedelta, expected: int) -> None:
    hour = Capabilities(reports_outcomes=True, can_find=True, idempotency=HOUR)
    rig = new_rig(providers={"au": FakeProvider(capabilities=hour)})
    unknown(rig)
    asked(rig, HOUR + late)
    assert len(rig.placed) == expected


def paused(rig: Rig, batch: Batch) -> None:
    rig.pause(batch)


def terminated(rig: Rig, batch: Batch) -> None:
    rig.terminate(batch)


def suppressed(rig: Rig, batch: Batch) -> None:
    rig.dialer.suppress(PHONE, "asked us")


def held(rig: Rig, batch: Batch) -> None:
    rig.dialer.pause_all()


def stopped(rig: Rig, batch: Batch) -> None:
    rig.ledger.accounts.stop("au", StopKind.AUTH, "no key", HOUR)


def doubted(rig: Rig, batch: Batch) -> None:
    rig.ledger.trust.raise_doubt("because")


def other_hours(rig: Rig, batch: Batch) -> None:
    rig.load([], block_rules=["Sun|0900-1000"])


def other_cli(rig: Rig, batch: Batch) -> None:
    rig.load([], cli="+61387770001")


def wiped(rig: Rig, batch: Batch) -> None:
    rig.redis.wipe()


def away(rig: Rig, batch: Batch) -> None:
    rig.redis.signals[f"b:{batch.batch_id}"] = ("pause", 99)


@pytest.mark.parametrize(
    "obstacle",
    [paused, terminated, suppressed, held, stopped, doubted, other_hours, other_cli, wiped, away],
    ids=lambda obstacle: obstacle.__name__,
)
def test_a_gate_that_closed_leaves_it_as_unknown_as_before(keyed: Rig, obstacle: Callable[[Rig, Batch], None]) -> None:
    batch = unknown(keyed)
    before = keyed.call(batch)
    obstacle(keyed, batch)
    assert asked(keyed) == ["later"]
    call = keyed.call(batch)
    assert keyed.placed == [PHONE]
    assert (call.state, call.attempts_spent) == (CallState.UNKNOWN, 1)
    [attempt], [known] = call.attempts, before.attempts
    assert attempt.state is AttemptState.UNKNOWN
    assert (attempt.reference, attempt.http_status, attempt.raw) == (known.reference, 502, "<html>")
    assert "not redialed yet" in str(attempt.detail)


def test_outside_its_window_it_is_not_sent(keyed: Rig) -> None:
    """11:00 in Melbourne; it closes at noon."""
    unknown(keyed, timezone="Australia/Melbourne", calling_hours=["*|0900-1200"])
    assert asked(keyed, HOUR) == ["later"]
    assert keyed.placed == [PHONE]


def test_after_exp_it_is_not_sent(keyed: Rig) -> None:
    unknown(keyed, exp=keyed.now + 2 * MINUTE + SECOND)
    assert asked(keyed) == ["later"]
    assert keyed.placed == [PHONE]


def test_refused_too_often_it_is_left_to_an_operator(keyed: Rig) -> None:
    batch = unknown(keyed)
    keyed.pause(batch)
    for _ in range(20):
        asked(keyed)
    assert keyed.call(batch).close_reason is CloseReason.UNRESOLVED
    assert keyed.held() == 0


@pytest.mark.parametrize(
    "answer", [refusal(AnswerKind.REJECTED, 422), refusal(AnswerKind.THROTTLED, 429), an_answer(AnswerKind.NOT_SENT)]
)
def test_a_second_request_that_is_refused_says_nothing_about_the_first(keyed: Rig, answer: Any) -> None:
    batch = unknown(keyed)
    keyed.provider.answers(PHONE, answer)
    assert asked(keyed) == ["later"]
    call = keyed.call(batch)
    assert (call.state, call.attempts_spent) == (CallState.UNKNOWN, 1)


class Dies(BaseException):
    """A process is gone."""


@pytest.mark.parametrize("is_sent", [True, False])
def test_a_scheduler_that_dies_amid_a_redial_leaves_an_orphan_that_is_unknown_again(keyed: Rig, is_sent: bool) -> None:
    batch = unknown(keyed)

    def die(placement: Placement) -> Any:
        if is_sent:
            keyed.provider.accept(placement)
        raise Dies

    keyed.provider.answers(PHONE, die)
    with pytest.raises(Dies):
        asked(keyed)
    assert (keyed.call(batch).state, keyed.call(batch).attempts_spent) == (CallState.DIALING, 0)
    keyed.later(2 * MINUTE)
    assert rounds.keep_house(keyed.desk).orphans == 1
    assert (keyed.call(batch).state, keyed.call(batch).attempts_spent) == (CallState.UNKNOWN, 1)
    asked(keyed)
    assert keyed.call(batch).state is CallState.IN_PROGRESS
    assert keyed.call(batch).attempts_spent == 1
    assert same(keyed)


def test_an_adapter_that_raises_amid_a_redial_leaves_it_unknown(keyed: Rig) -> None:
    batch = unknown(keyed)

    def fail(placement: Placement) -> Any:
        raise ValueError("what is this")

    keyed.provider.answers(PHONE, fail)
    assert asked(keyed) == ["later"]
    assert keyed.call(batch).state is CallState.UNKNOWN
    assert "unforeseen ValueError" in str(keyed.call(batch).attempts[0].detail)
    assert asked(keyed) == ["redialed"]


def test_what_is_found_while_it_is_sent_once_more_leaves_that_request_its_channel(keyed: Rig) -> None:
    batch = unknown(keyed)
    reference = keyed.call(batch).attempts[0].reference
    keyed.later(3 * MINUTE)
    [attempt] = keyed.ledger.attempts.due(1)
    held = []

    def found_by_another_scheduler(placement: Placement) -> Any:
        keyed.provider.found[reference] = Found("their-1", Progress(ended=True, outcome=Outcome.BUSY))
        held.append((ask(keyed.desk, attempt).event, keyed.held()))
        return keyed.provider.accept(placement)

    keyed.provider.answers(PHONE, found_by_another_scheduler)
    assert asked(keyed) == ["redialed"]
    assert held == [("later", 1)]
    assert (keyed.call(batch).state, keyed.held()) == (CallState.IN_PROGRESS, 1)


def test_its_gates_are_on_record_as_they_were_when_it_was_claimed_and_that_it_was_sent_again(keyed: Rig) -> None:
    batch = unknown(keyed)
    before = keyed.call(batch).attempts[0].gates
    asked(keyed)
    *first, again = keyed.call(batch).attempts[0].gates
    assert tuple(first) == before
    assert (again["gate"], again["signal_epoch"]) == ("redial", keyed.redis.epoch)
    assert {gate["gate"] for gate in before} >= {"hours", "suppression", "retries", "rules"}


def test_its_worker_is_nobody_who_ever_beats(keyed: Rig) -> None:
    batch = unknown(keyed)
    asked(keyed)
    assert keyed.call(batch).attempts[0].worker == redial.REDIALER.worker


def test_an_account_that_is_probed_is_lifted_by_a_redial_that_is_accepted(keyed: Rig) -> None:
    unknown(keyed)
    keyed.ledger.accounts.stop("au", StopKind.AUTH, "no key", MINUTE)
    assert asked(keyed) == ["redialed"]
    assert keyed.ledger.accounts.all()[0].stop is None
