"""The last look before a request: signals, permit and witness."""

from __future__ import annotations

import pytest

from dialer.coordination import keys
from dialer.domain.states import Lane
from dialer.ports.coordination import Armed, Signal
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
