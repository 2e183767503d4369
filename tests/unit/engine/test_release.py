"""Which due calls go next: no more than an account has room for, and batches in turn."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.domain.call import DueCohort
from dialer.domain.states import Lane, StopKind
from dialer.engine.release import MOST_AHEAD, ReleaseMemory, in_turn, room_for
from dialer.ports.ledger import AccountLoad
from tests.unit.builders import NOW, a_load, an_account, an_account_state, due

SECOND = timedelta(seconds=1)
ORDINARY = [Lane.HIGH, Lane.NORMAL, Lane.LOW]


@pytest.mark.parametrize(
    ("calls_per_second", "channels", "load", "ordinary", "test"),
    [
        # Least of the free channels (one is kept for test calls), 2 C + 1, and a few hundred.
        (5.0, 50, a_load(), 11, 11),
        (5.0, 8, a_load(), 7, 8),
        (5.0, 2, a_load(), 1, 2),
        (5.0, 1, a_load(), 1, 1),
        (0.2, 50, a_load(), 1, 1),
        (1000.0, 100_000, a_load(), MOST_AHEAD, MOST_AHEAD),
        # What is queued already counts, on the test lane only what is queued there.
        (5.0, 50, a_load(queued=4), 7, 11),
        (5.0, 50, a_load(queued=11), 0, 11),
        (5.0, 50, a_load(queued=11, queued_tests=3), 0, 8),
        # What is under way holds its channel.
        (5.0, 10, a_load(dialing=2, in_progress=3), 4, 5),
        (5.0, 10, a_load(dialing=4, in_progress=5), 0, 1),
        (5.0, 10, a_load(queued=3, in_progress=4), 2, 6),
    ],
)
def test_the_room_of_an_account(
    calls_per_second: float, channels: int, load: AccountLoad, ordinary: int, test: int
) -> None:
    account = an_account(calls_per_second=calls_per_second, channels=channels)
    state = an_account_state()
    assert [room_for(account, state, load, lane) for lane in ORDINARY] == [ordinary] * 3
    assert room_for(account, state, load, Lane.TEST) == test


@pytest.mark.parametrize("load", [a_load(in_progress=80), a_load(queued=60), a_load(dialing=30, in_progress=30)])
def test_an_account_over_its_limits_has_no_room(load: AccountLoad) -> None:
    assert room_for(an_account(), an_account_state(), load, Lane.NORMAL) <= 0


@pytest.mark.parametrize("lane", Lane)
@pytest.mark.parametrize("stop", StopKind)
@pytest.mark.parametrize("until", [None, NOW + SECOND])
def test_a_stopped_account_has_no_room(lane: Lane, stop: StopKind, until: datetime | None) -> None:
    state = an_account_state(stop, until)
    assert room_for(an_account(), state, a_load(), lane) == 0


@pytest.mark.parametrize("lane", Lane)
@pytest.mark.parametrize(
    ("load", "room"), [(a_load(), 1), (a_load(queued=1), 0), (a_load(dialing=1), 0), (a_load(in_progress=9), 1)]
)
def test_an_account_whose_stop_is_over_finds_out_with_one_call(lane: Lane, load: AccountLoad, room: int) -> None:
    assert room_for(an_account(), an_account_state(StopKind.AUTH, NOW), load, lane) == room


def test_batches_are_served_in_turn() -> None:
    chosen = in_turn([due("a", 3), due("b", 1), due("c", 2)], 10, ReleaseMemory())
    assert "".join(one.batch_id for one in chosen) == "abcaca"


def test_the_cohorts_of_a_batch_share_its_turn() -> None:
    chosen = in_turn([due("a", 2, cohort=1), due("b", 2, cohort=2), due("a", 2, cohort=3)], 6, ReleaseMemory())
    assert [(one.batch_id, one.cohort_id) for one in chosen] == [*[("a", 1), ("b", 2)] * 2, ("a", 3), ("a", 3)]


def test_room_smaller_than_the_number_of_batches_goes_round_all_of_them() -> None:
    memory, served = ReleaseMemory(), []
    candidates = [due(batch, 100) for batch in "abcde"]
    for _ in range(5):
        chosen = in_turn(candidates, 2, memory)
        memory.note(chosen)
        served.append("".join(one.batch_id for one in chosen))
    assert served == ["ab", "cd", "ea", "bc", "de"]


def test_a_new_batch_comes_before_those_served_already() -> None:
    memory = ReleaseMemory()
    memory.note([due("a", 1), due("b", 1)])
    chosen = in_turn([due("a", 1), due("b", 1), due("z", 1)], 3, memory)
    assert [one.batch_id for one in chosen] == [*"zab"]


@pytest.mark.parametrize("room", [0, -1])
def test_without_room_nothing_is_chosen(room: int) -> None:
    assert in_turn([due("a", 3)], room, ReleaseMemory()) == []


def test_what_is_remembered_stays_bounded() -> None:
    memory = ReleaseMemory()
    for number in range(25_000):
        memory.note([due(f"batch-{number}", 1)])
    assert len(memory.served) <= 10_000
    assert memory.served["batch-24999"] == memory.turn == 25_000


CANDIDATES = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 6)).map(
    lambda counts: [due(batch, count) for batch, count in counts.items()]
)
SERVED = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 50))


@given(CANDIDATES, st.integers(0, 30), SERVED)
def test_no_batch_gets_a_second_call_before_every_other_has_its_first(
    candidates: list[DueCohort], room: int, served: dict[str, int]
) -> None:
    chosen = in_turn(candidates, room, ReleaseMemory(turn=50, served=served))
    offered, got = {one.batch_id: one.count for one in candidates}, Counter(one.batch_id for one in chosen)
    assert len(chosen) == min(room, sum(offered.values()))
    assert all(got[batch] <= count for batch, count in offered.items())
    for batch in offered:
        for other in offered:
            if got[batch] < offered[batch]:
                assert got[other] <= got[batch] + 1


@given(CANDIDATES, st.integers(1, 30), SERVED)
def test_who_was_served_longest_ago_is_served_first(
    candidates: list[DueCohort], room: int, served: dict[str, int]
) -> None:
    chosen = in_turn(candidates, room, ReleaseMemory(turn=50, served=served))
    first_round = list(dict.fromkeys(one.batch_id for one in chosen))
    left_out = {one.batch_id for one in candidates} - set(first_round)
    turns = [served.get(batch, 0) for batch in first_round]
    assert turns == sorted(turns)
    assert all(served.get(batch, 0) >= max(turns, default=0) for batch in left_out)


@given(st.lists(st.integers(1, 4), min_size=1, max_size=8), st.integers(1, 5))
def test_over_many_rounds_every_batch_is_served_equally_often(counts: list[int], room: int) -> None:
    memory, served = ReleaseMemory(), Counter[str]()
    candidates = [due(f"batch-{number}", count) for number, count in enumerate(counts)]
    for _ in range(24):
        chosen = in_turn(candidates, min(room, len(counts)), memory)
        memory.note(chosen)
        served.update(one.batch_id for one in chosen)
    assert max(served.values()) - min(served.values()) <= 1
    assert len(served) == len(counts)
