"""The last look before a request: signals, permit and witness."""

from __future__ import annotations

from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dialer.coordination import keys
from dialer.domain.states import Lane
from dialer.ports.coordination import Armed, Bunched, Grant, Signal
from tests.contract.coordination.rigs import PHONE, RedisRig, Rig, a_claim, an_account

HALTING = [
    Signal("b:batch-1", "pause", 1),
    Signal("b:batch-1", "terminate", 1),
    Signal("all", "hold", 1),
    Signal("w:clinic", "hold", 1),
    Signal("a:main", "hold", 1),
]


@pytest.fixture
def permitted(rig: Rig) -> Rig:
    """The call may start: its reference holds a channel."""
    rig.admission.permit(an_account(), Lane.NORMAL, "ref-1")
    return rig


def test_a_permitted_call_goes(permitted: Rig) -> None:
    assert permitted.admission.arm(a_claim()) is Armed.GO


@pytest.mark.parametrize("signal", HALTING, ids=str)
def test_a_signal_halts_it(permitted: Rig, signal: Signal) -> None:
    permitted.signals.write(signal)
    assert permitted.admission.arm(a_claim()) is Armed.HALT


@pytest.mark.parametrize("signal", HALTING, ids=str)
def test_lifting_the_signal_lets_it_go(permitted: Rig, signal: Signal) -> None:
    permitted.signals.write(signal)
    permitted.signals.write(Signal(signal.key, "go", 2))
    assert permitted.admission.arm(a_claim()) is Armed.GO


@pytest.mark.parametrize("key", ["b:batch-2", "w:clinic-2", "a:main2", "w:main", "a:clinic"])
def test_somebody_elses_signal_does_not_concern_it(permitted: Rig, key: str) -> None:
    permitted.signals.write(Signal(key, "hold", 1))
    assert permitted.admission.arm(a_claim()) is Armed.GO


@pytest.mark.parametrize("text", ["", "go", "go:", "go:x", "Go:1", " go:1", "go:1 ", "go:1:pause", "gopher:1"])
def test_a_signal_that_cannot_be_read_halts(redis_rig: RedisRig, text: str) -> None:
    redis_rig.admission.permit(an_account(), Lane.NORMAL, "ref-1")
    with redis_rig.server.reach() as redis:
        redis.hset(keys.SIGNALS, "b:batch-1", text)
    assert redis_rig.admission.arm(a_claim()) is Armed.HALT


def test_a_call_without_a_permit_does_not_go(rig: Rig) -> None:
    assert rig.admission.arm(a_claim()) is Armed.UNPERMITTED


def test_a_permit_that_was_derived_away_is_missed(permitted: Rig) -> None:
    permitted.advance(30)
    permitted.admission.derive("main", [], grace_seconds=15)
    assert permitted.admission.arm(a_claim()) is Armed.UNPERMITTED


def test_another_accounts_permit_does_not_count(rig: Rig) -> None:
    rig.admission.permit(an_account("other"), Lane.NORMAL, "ref-1")
    assert rig.admission.arm(a_claim()) is Armed.UNPERMITTED


def test_the_same_claim_may_be_armed_again(permitted: Rig) -> None:
    assert [permitted.admission.arm(a_claim()) for _ in range(2)] == [Armed.GO, Armed.GO]


@pytest.mark.parametrize("number", [1, 2, 3])
def test_another_claim_of_an_armed_or_earlier_attempt_is_witnessed(permitted: Rig, number: int) -> None:
    permitted.admission.arm(a_claim(number=3, claim_id="before the ledger was restored"))
    assert permitted.admission.arm(a_claim(number=number, claim_id="after")) is Armed.WITNESSED


@pytest.mark.parametrize(("number", "is_witnessed"), [(1, True), (3, True), (4, False)])
def test_a_permit_tells_of_an_attempt_that_was_armed_at_its_number_or_a_later_one(
    permitted: Rig, number: int, is_witnessed: bool
) -> None:
    permitted.admission.arm(a_claim(number=3))
    for reference in ("ref-1", "ref-2"):  # asked for before, and new
        granted = permitted.admission.permit(an_account(), Lane.NORMAL, reference, "call-1", number)
        assert isinstance(granted, Grant)
        assert granted.is_witnessed is is_witnessed
    other = permitted.admission.permit(an_account(), Lane.NORMAL, "ref-3", "call-2", number)
    assert isinstance(other, Grant)
    assert not other.is_witnessed


def test_a_permit_that_asks_for_no_number_tells_of_no_witness(permitted: Rig) -> None:
    permitted.admission.arm(a_claim(number=3))
    assert permitted.admission.permit(an_account(), Lane.NORMAL, "ref-1", "call-1") == Grant(0.0)


def test_a_permit_tells_of_a_witness_that_cannot_be_read(redis_rig: RedisRig) -> None:
    with redis_rig.server.reach() as redis:
        redis.set(keys.witness("call-1"), "?")
    granted = redis_rig.admission.permit(an_account(), Lane.NORMAL, "ref-1", "call-1", 1)
    assert granted == Grant(0.0, is_witnessed=True)


def test_the_next_attempt_goes(permitted: Rig) -> None:
    permitted.admission.arm(a_claim(number=9))
    assert permitted.admission.arm(a_claim(number=10, claim_id="claim-2")) is Armed.GO
    assert permitted.admission.arm(a_claim(number=9, claim_id="claim-3")) is Armed.WITNESSED


def test_another_calls_attempts_are_its_own(permitted: Rig) -> None:
    permitted.admission.arm(a_claim())
    assert permitted.admission.arm(a_claim(call_id="call-2", claim_id="claim-2")) is Armed.GO


def test_what_did_not_go_leaves_no_witness(permitted: Rig) -> None:
    permitted.signals.write(Signal("b:batch-1", "pause", 1))
    permitted.admission.arm(a_claim(claim_id="halted"))
    permitted.signals.write(Signal("b:batch-1", "go", 2))
    permitted.admission.arm(a_claim(claim_id="without a permit", reference="ref-2"))
    assert permitted.admission.arm(a_claim(claim_id="claim-3")) is Armed.GO


def test_a_witness_outlives_the_permit(permitted: Rig) -> None:
    permitted.admission.arm(a_claim())
    permitted.admission.free("main", "ref-1")
    permitted.admission.permit(an_account(), Lane.NORMAL, "ref-1")
    assert permitted.admission.arm(a_claim(claim_id="claim-2")) is Armed.WITNESSED


def test_a_witness_is_kept_for_a_day(redis_rig: RedisRig) -> None:
    redis_rig.admission.permit(an_account(), Lane.NORMAL, "ref-1")
    redis_rig.admission.arm(a_claim())
    with redis_rig.server.reach() as redis:
        assert 86_390 <= redis.ttl(keys.witness("call-1")) <= 86_400


def test_a_witness_that_cannot_be_read_stops_the_call(redis_rig: RedisRig) -> None:
    redis_rig.admission.permit(an_account(), Lane.NORMAL, "ref-1")
    with redis_rig.server.reach() as redis:
        redis.set(keys.witness("call-1"), "?")
    assert redis_rig.admission.arm(a_claim()) is Armed.WITNESSED


def test_no_phone_number_and_no_variable_reaches_redis(redis_rig: RedisRig) -> None:
    with redis_rig.server.reach() as redis, redis.monitor() as commands:
        redis_rig.admission.permit(an_account(), Lane.NORMAL, "ref-1")
        redis_rig.admission.arm(a_claim())
        seen: list[str] = []
        for told in commands.listen():
            seen.append(told["command"])
            if "SET dlr:witness" in told["command"]:
                break
    assert PHONE[1:] not in " ".join(seen)
    assert "Ada" not in " ".join(seen)


def test_those_that_were_late_don_t_leave_all_at_once(permitted: Rig) -> None:
    """A worker stood still and goes on: what it held may leave as the last second has room, the rest one by one."""
    arm = permitted.admission.arm
    assert [arm(a_claim(call_id=f"call-{at}", claim_id=f"claim-{at}"), 2) for at in range(2)] == [Armed.GO] * 2
    permitted.advance(0.25)
    third = a_claim(call_id="call-3", claim_id="claim-3")
    assert arm(third, 2) == Bunched(0.75)
    permitted.advance(0.74)
    told = arm(third, 2)
    assert isinstance(told, Bunched)
    assert told.retry_in == pytest.approx(0.01)
    permitted.advance(0.01)
    assert arm(third, 2) is Armed.GO


def test_one_that_may_not_leave_yet_is_not_witnessed(permitted: Rig) -> None:
    permitted.admission.arm(a_claim(call_id="call-0", claim_id="claim-0"), 1)
    assert isinstance(permitted.admission.arm(a_claim(claim_id="frozen"), 1), Bunched)
    permitted.advance(1)
    assert permitted.admission.arm(a_claim(claim_id="claim-2"), 1) is Armed.GO


def test_whoever_asks_twice_has_left_once(permitted: Rig) -> None:
    assert [permitted.admission.arm(a_claim(), 1) for _ in range(3)] == [Armed.GO] * 3


def test_what_is_held_up_by_nothing_is_counted_all_the_same(permitted: Rig) -> None:
    """A test call took the start of another."""
    tests = [a_claim(call_id=f"call-{at}", claim_id=f"claim-{at}") for at in range(3)]
    assert [permitted.admission.arm(test) for test in tests] == [Armed.GO] * 3
    assert permitted.admission.arm(a_claim(call_id="call-9", claim_id="claim-9"), 3) == Bunched(1.0)


def test_a_signal_halts_one_that_waits_to_leave(permitted: Rig) -> None:
    permitted.admission.arm(a_claim(call_id="call-0", claim_id="claim-0"), 1)
    permitted.signals.write(HALTING[0])
    assert permitted.admission.arm(a_claim(), 1) is Armed.HALT


def test_a_clock_that_was_set_back_holds_nobody_up(permitted: Rig) -> None:
    permitted.admission.arm(a_claim(call_id="call-0", claim_id="claim-0"), 1)
    permitted.advance(-3600)
    assert permitted.admission.arm(a_claim(), 1) is Armed.GO


_names = count()


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(most=st.integers(1, 5), gaps=st.lists(st.integers(0, 400), min_size=1, max_size=25))
def test_no_second_sees_more_than_it_may(permitted: Rig, most: int, gaps: list[int]) -> None:
    """Whenever they come, and whoever has to wait asks again just when he was told to."""
    permitted.advance(10)
    left: list[int] = []
    for gap in gaps:
        permitted.advance(gap / 1000)
        name = next(_names)
        claim = a_claim(call_id=f"call {name}", claim_id=f"claim {name}")
        while isinstance(told := permitted.admission.arm(claim, most), Bunched):
            permitted.advance(told.retry_in)
        left.append(permitted.now())
    assert all(sum(begin <= one < begin + 1_000_000 for one in left) <= most for begin in left)
