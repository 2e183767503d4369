"""Nobody is dialed by a Redis that the scheduler did not set up, or that is no longer the one it set up."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dialer.coordination import Coordination, keys, open_coordination
from dialer.domain.states import Lane
from dialer.ports.coordination import Armed, Grant, Refusal
from dialer.testing.coordination import FakeCoordination
from tests.contract.coordination.rigs import RedisRig, Rig, a_claim, an_account, most_in_a_second
from workers.embedded_redis import EmbeddedRedis

STALE = Refusal("stale", 1.0)


def assert_nobody_dials(ports: Rig | Coordination | FakeCoordination) -> None:
    assert not ports.signals.epoch_stands()
    assert ports.admission.permit(an_account(), Lane.TEST, "new") == STALE
    assert ports.admission.arm(a_claim()) is Armed.STALE


def test_a_redis_that_nobody_set_up_grants_nothing(fresh: Rig) -> None:
    assert_nobody_dials(fresh)
    assert fresh.admission.held("main") == 0


def test_a_raised_epoch_opens_it(fresh: Rig) -> None:
    fresh.signals.raise_epoch()
    assert fresh.signals.epoch_stands()
    assert isinstance(fresh.admission.permit(an_account(), Lane.NORMAL, "ref-1"), Grant)
    assert fresh.admission.arm(a_claim()) is Armed.GO


def test_a_wipe_is_noticed_by_the_next_question(rig: Rig) -> None:
    rig.admission.permit(an_account(), Lane.NORMAL, "ref-1")
    rig.wipe()
    assert_nobody_dials(rig)


def test_a_call_that_was_permitted_before_a_wipe_and_is_not_in_the_ledger_is_not_placed_after_it(rig: Rig) -> None:
    rig.admission.permit(an_account(), Lane.NORMAL, "ref-1")
    rig.wipe()
    rig.signals.raise_epoch()
    assert rig.admission.arm(a_claim()) is Armed.UNPERMITTED


def test_what_was_permitted_in_one_epoch_is_not_armed_in_another(rig: Rig) -> None:
    grant = rig.admission.permit(an_account(), Lane.NORMAL, "ref-1")
    assert isinstance(grant, Grant)
    assert grant.epoch
    assert rig.admission.arm(a_claim(epoch="another")) is Armed.STALE
    assert rig.admission.arm(a_claim(epoch=grant.epoch)) is Armed.GO


def test_a_permit_that_is_asked_for_again_names_the_epoch_again(rig: Rig) -> None:
    grants = [rig.admission.permit(an_account(), Lane.NORMAL, "ref-1") for _ in range(2)]
    assert len({grant.epoch for grant in grants if isinstance(grant, Grant)} - {""}) == 1


@pytest.mark.parametrize("lane", list(Lane))
def test_after_a_wipe_the_pace_begins_a_second_in_debt(rig: Rig, lane: Lane) -> None:
    account = an_account(calls_per_second=5)
    rig.wipe()
    rig.signals.raise_epoch()
    assert rig.admission.permit(account, lane, "a") == Grant(1.0)
    rig.advance(0.5)
    assert rig.admission.permit(account, lane, "b") == Grant(0.7)


def test_a_wipe_gives_no_burst(rig: Rig) -> None:
    account = an_account(calls_per_second=5, channels=100)
    before = granted(rig, "before")
    rig.wipe()
    rig.signals.raise_epoch()
    after = granted(rig, "after")
    for _ in range(20):
        rig.advance(0.1)
        after |= granted(rig, "after")
    # What was granted before and lies ahead is not placed any more: arming refuses it.
    placed = [start for start in before if start <= min(after) - 1_000_000]
    assert len(after) >= 10
    assert most_in_a_second([*placed, *after]) <= account.calls_per_second + 1


def granted(rig: Rig, name: str) -> set[int]:
    account = an_account(calls_per_second=5, channels=100)
    for lane in (Lane.TEST, Lane.NORMAL):
        for number in range(10):
            rig.admission.permit(account, lane, f"{name}-{lane}-{number}-{rig.now()}")
    return set(rig.instants("main").values())


def test_raising_it_once_more_keeps_permits_and_witnesses(rig: Rig) -> None:
    rig.admission.permit(an_account(), Lane.NORMAL, "ref-1")
    rig.admission.arm(a_claim())
    rig.signals.raise_epoch()
    assert rig.admission.held("main") == 1
    assert rig.admission.arm(a_claim(claim_id="claim-2")) is Armed.WITNESSED


def test_an_epoch_copied_from_another_redis_does_not_stand(redis_rig: RedisRig) -> None:
    with redis_rig.server.reach() as redis:
        redis.set(keys.EPOCH, "0" * 40)
    assert_nobody_dials(redis_rig)


@pytest.fixture
def durable(own_redis: EmbeddedRedis) -> Iterator[Coordination]:
    coordination = open_coordination(own_redis.url)
    coordination.signals.raise_epoch()
    coordination.admission.permit(an_account(), Lane.NORMAL, "ref-1")
    yield coordination
    coordination.close()


@pytest.mark.parametrize("empty", [True, False], ids=["empty", "from old disk"])
def test_a_restarted_redis_is_another_one_until_it_is_set_up_again(
    own_redis: EmbeddedRedis, durable: Coordination, empty: bool
) -> None:
    before = durable.admission.permit(an_account(), Lane.NORMAL, "ref-1")
    epoch = before.epoch if isinstance(before, Grant) else ""
    own_redis.restart(empty)
    assert durable.admission.held("main") == (0 if empty else 1)
    assert_nobody_dials(durable)
    durable.admission.derive("main", ["ref-1"], 0)
    durable.signals.raise_epoch()
    assert durable.signals.epoch_stands()
    assert durable.admission.arm(a_claim(epoch=epoch)) is Armed.STALE
    again = durable.admission.permit(an_account(), Lane.NORMAL, "ref-1")
    assert isinstance(again, Grant)
    assert again.epoch != epoch
    assert durable.admission.arm(a_claim(epoch=again.epoch)) is Armed.GO


@pytest.mark.parametrize("empty", [True, False])
def test_the_double_restarts_alike(empty: bool) -> None:
    fake = FakeCoordination()
    fake.admission.permit(an_account(), Lane.NORMAL, "ref-1")
    fake.redis.restart(empty)
    assert fake.admission.held("main") == (0 if empty else 1)
    assert_nobody_dials(fake)
