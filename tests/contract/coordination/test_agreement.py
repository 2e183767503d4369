"""The scripts and their doubles tell the same story whatever happens, and no second ever holds too many starts."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dialer.domain.placement import Account
from dialer.domain.states import Lane
from dialer.ports.coordination import Grant, Signal
from dialer.testing.coordination import SECOND
from tests.contract.coordination.rigs import FakeRig, RedisRig, Rig, a_claim, an_account, most_in_a_second, raised

RATES = (0.3, 0.5, 1, 1.5, 2, 2.5, 3, 5, 7.7, 20)
REFERENCES = st.integers(1, 12).map(lambda number: f"ref-{number}")
WORDS = st.sampled_from(["go", "pause", "terminate"])
PAUSES = st.one_of(st.floats(0, 0.3), st.sampled_from([0.2, 0.5, 1.0, 2.0, 20.0]))


@dataclass(frozen=True)
class Ask:
    reference: str
    lane: Lane


ASKS = st.builds(Ask, REFERENCES, st.sampled_from([Lane.TEST, Lane.NORMAL]))
FREES = REFERENCES.map(lambda reference: ("free", reference))
ARMS = st.tuples(st.just("arm"), REFERENCES, st.integers(1, 3), st.sampled_from(["claim-1", "claim-2"]))
DERIVES = st.tuples(st.just("derive"), st.lists(REFERENCES, max_size=4, unique=True), st.sampled_from([0.0, 1.0, 15.0]))
WRITES = st.tuples(st.just("write"), WORDS, st.integers(0, 4))
ALIGNS = st.tuples(st.just("align"), WORDS, st.integers(0, 4))
ADVANCES = PAUSES.map(lambda seconds: ("advance", seconds))
SETBACKS = st.just(("advance", -30.0))
RAISES = st.just(("raise",))
EVENTS = st.one_of(ASKS, ASKS, ASKS, FREES, ARMS, DERIVES, WRITES, ALIGNS, ADVANCES, ADVANCES, SETBACKS, RAISES)


def told(rig: Rig, account: Account, event: object) -> object:
    """Lets one thing happen; what was answered, and what is held then."""
    match event:
        case Ask(reference, lane):
            return rig.admission.permit(account, lane, reference)
        case ("free", str(reference)):
            rig.admission.free(account.name, reference)
        case ("arm", str(reference), int(number), str(claim_id)):
            return rig.admission.arm(a_claim(number, claim_id, reference=reference))
        case ("derive", list(live), float(grace)):
            rig.admission.derive(account.name, live, grace)
        case ("write", str(word), int(seq)):
            rig.signals.write(Signal("b:batch-1", word, seq))
        case ("align", str(word), int(seq)):
            return rig.signals.align([Signal("b:batch-1", word, seq)])
        case ("advance", float(seconds)):
            rig.advance(seconds)
        case _:
            rig.signals.raise_epoch()
    return None


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(RATES), st.integers(1, 8), st.lists(EVENTS, max_size=40))
def test_redis_and_its_double_agree(redis_rig: RedisRig, rate: float, channels: int, events: list[object]) -> None:
    account = an_account(calls_per_second=rate, channels=channels)
    redis_rig.wipe()
    raised(redis_rig)
    double = raised(FakeRig())
    for event in events:
        assert told(redis_rig, account, event) == told(double, account, event)
        assert redis_rig.admission.held("main") == double.admission.held("main")
        assert relative(redis_rig) == relative(double)


def relative(rig: Rig) -> dict[str, int]:
    return {reference: start - rig.now() for reference, start in rig.instants("main").items()}


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(RATES),
    st.lists(st.tuples(st.sampled_from([Lane.TEST, Lane.NORMAL]), PAUSES, st.booleans()), max_size=60),
)
def test_no_second_holds_more_starts_than_calls_per_second_and_one(
    rate: float, asks: list[tuple[Lane, float, bool]]
) -> None:
    rig = raised(FakeRig())
    account = an_account(calls_per_second=rate, channels=1000)
    starts = granted(rig, account, asks)
    assert most_in_a_second(starts) <= rate + 1


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(RATES), st.integers(0, 40))
def test_over_many_seconds_the_rate_itself_is_kept(rate: float, step: int) -> None:
    rig = raised(FakeRig())
    account = an_account(calls_per_second=rate, channels=10_000)
    pause = 0.01 + step / 100
    seconds = 20
    asks = [(Lane.TEST if turn % 3 == 0 else Lane.NORMAL, pause, False) for turn in range(math.ceil(seconds / pause))]
    # The second ahead, and what test calls may owe.
    assert len(granted(rig, account, asks)) <= rate * (seconds + 1) + 3


def granted(rig: Rig, account: Account, asks: list[tuple[Lane, float, bool]]) -> list[int]:
    starts = []
    reference: Callable[[int], str] = "call-{}".format
    for turn, (lane, pause, is_over) in enumerate(asks):
        answer = rig.admission.permit(account, lane, reference(turn))
        if isinstance(answer, Grant):
            starts.append(rig.now() + round(answer.start_in * SECOND))
        if is_over:
            rig.admission.free(account.name, reference(turn))
        rig.advance(pause)
    return starts
