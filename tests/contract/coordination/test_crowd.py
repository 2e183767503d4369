"""Many workers at once, by Redis' own time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from dialer.coordination import Coordination, open_coordination
from dialer.domain.states import Lane
from dialer.ports.coordination import Armed, Grant
from dialer.testing.coordination import FakeAdmission, FakeClock, FakeCoordination
from tests.contract.coordination.rigs import a_claim, an_account, instants, most_in_a_second

THREADS = 16


@pytest.fixture
def hosts(redis_url: str) -> Iterator[list[Coordination]]:
    """Each host with connections of its own; the epoch stands."""
    hosts = [open_coordination(redis_url) for _ in range(3)]
    hosts[0].signals.raise_epoch()
    yield hosts
    for host in hosts:
        host.close()


def all_at_once(work: Callable[[int], object], times: int) -> list[object]:
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(work, range(times)))


def test_a_crowd_fills_the_channels_exactly(hosts: list[Coordination]) -> None:
    account = an_account(calls_per_second=100_000, channels=12)

    def ask(turn: int) -> object:
        return hosts[turn % 3].admission.permit(account, Lane.TEST, f"ref-{turn}")

    granted = [answer for answer in all_at_once(ask, 200) if isinstance(answer, Grant)]
    assert len(granted) == hosts[0].admission.held("main") == 12


def test_a_crowd_taking_turns_never_exceeds_the_channels(hosts: list[Coordination]) -> None:
    account = an_account(calls_per_second=100_000, channels=5)

    def call(turn: int) -> object:
        admission = hosts[turn % 3].admission
        if not isinstance(admission.permit(account, Lane.TEST, f"ref-{turn}"), Grant):
            return 0
        seen = admission.held("main")
        admission.free("main", f"ref-{turn}")
        return seen

    seen = all_at_once(call, 400)
    assert 1 <= max(each for each in seen if isinstance(each, int)) <= 5
    assert hosts[0].admission.held("main") == 0


@pytest.mark.parametrize("lanes", [(Lane.NORMAL,), (Lane.NORMAL, Lane.TEST)], ids=["normal", "with test calls"])
def test_a_crowd_keeps_the_pace(hosts: list[Coordination], lanes: tuple[Lane, ...]) -> None:
    account = an_account(calls_per_second=200, channels=10_000)

    def ask_until_granted(turn: int) -> object:
        host, lane = hosts[turn % 3], lanes[turn % len(lanes)]
        while not isinstance(host.admission.permit(account, lane, f"ref-{turn}"), Grant):
            pass
        return None

    all_at_once(ask_until_granted, 400)
    starts = sorted(instants(hosts[0].server, "main").values())
    assert len(starts) == 400
    assert most_in_a_second(starts) <= 201
    # 400 starts at 200 a second: it holds back no more than it must.
    assert starts[-1] - starts[0] <= 3_000_000


def test_one_reference_asked_for_by_all_gets_one_instant(hosts: list[Coordination]) -> None:
    account = an_account(calls_per_second=5)
    all_at_once(lambda turn: hosts[turn % 3].admission.permit(account, Lane.NORMAL, "ref"), 50)
    assert hosts[0].admission.held("main") == 1
    # Its instant lay at the end of the debt; the next one is a spacing later, not fifty.
    first = instants(hosts[0].server, "main")["ref"]
    all_at_once(lambda _: until_granted(hosts[0]), 1)
    assert instants(hosts[0].server, "main")["next"] - first == 200_000


def until_granted(host: Coordination) -> None:
    while not isinstance(host.admission.permit(an_account(calls_per_second=5), Lane.NORMAL, "next"), Grant):
        pass


def test_of_many_claims_of_one_attempt_one_goes(hosts: list[Coordination]) -> None:
    hosts[0].admission.permit(an_account(), Lane.NORMAL, "ref-1")
    verdicts = all_at_once(lambda turn: hosts[turn % 3].admission.arm(a_claim(claim_id=f"claim-{turn}")), 50)
    assert sorted(str(verdict) for verdict in verdicts) == [Armed.GO] + 49 * [Armed.WITNESSED]


def test_the_double_stands_a_crowd_too() -> None:
    fake = FakeCoordination(FakeClock())
    admission: FakeAdmission = fake.admission
    account = an_account(channels=12)
    answers = all_at_once(lambda turn: admission.permit(account, Lane.TEST, f"ref-{turn}"), 200)
    assert len([answer for answer in answers if isinstance(answer, Grant)]) == 12
