"""How soon dialing goes on after Redis came back empty, and what becomes of the calls of a worker that was killed."""

from __future__ import annotations

import time
from random import Random

from tests.chaos.auditor import placement_requests
from tests.chaos.conftest import Conclude, Form, Prepare
from tests.chaos.faults import kill, lose_redis
from tests.chaos.ground import DEADLINE_SECONDS, FAST, Ground, phones, ready
from tests.chaos.ledgers import Books

#: What the page of guarantees says.
REDIS_SECONDS, UNSTARTED_SECONDS, OPEN_SECONDS = 5.0, 60.0, DEADLINE_SECONDS + 30.0


def test_dialing_resumes_after_redis_came_back_empty(
    form: Form, books: Books, prepare: Prepare, conclude: Conclude
) -> None:
    losses, random = form.pick(1, 20), Random(form.seed)
    ground = prepare(books, {"defaults": FAST}, pace=15.0)
    ground.open(schedulers=1, workers=1)
    ready(ground, [*ground.workers, *ground.schedulers])
    ground.load("lost", phones(form.pick(80, 2500), "202"), "inspra")
    back = []
    for _ in range(losses):
        before = ground.placed()
        ground.until(lambda before=before: ground.placed() > before + 10, "calls under way")  # type: ignore[misc]
        lose_redis(ground, random)
        back.append(time.monotonic())
        before = ground.placed()
        ground.until(lambda before=before: ground.placed() > before, "calls again")  # type: ignore[misc]
    ground.rest(form.seconds(90.0, 1800.0))
    seconds = [_first_after(ground, instant) - instant for instant in back]
    conclude(ground, losses, resumed_after_max_seconds=round(max(seconds), 2))
    assert max(seconds) <= REDIS_SECONDS


def test_the_calls_of_a_killed_worker(form: Form, books: Books, prepare: Prepare, conclude: Conclude) -> None:
    """What it had not begun is dialed by others; what it had begun becomes unknown and is asked about."""
    kills = form.pick(1, 10)
    ground = prepare(books, {"defaults": FAST | {"answer_after": 0.8}}, pace=20.0)
    ground.open(schedulers=1, workers=2)
    ready(ground, [*ground.workers, *ground.schedulers])
    waits: dict[str, list[float]] = {"queued": [], "dialing": []}
    for turn in range(kills):
        ground.load(f"killed-{turn}", phones(80, "202", 80 * turn), "batch_call")
        before = ground.placed()
        ground.until(lambda before=before: ground.placed() > before + 15, "calls under way")  # type: ignore[misc]
        victim = ground.workers.pop(0)
        kill(victim)
        left = {state: _calls_in(ground, state) for state in waits}
        killed_at = time.monotonic()
        for state, calls in left.items():
            ground.until(lambda state=state, calls=calls: not calls & _calls_in(ground, state), f"none {state}")  # type: ignore[misc]
            waits[state].append(time.monotonic() - killed_at)
        ground.hire()
    ground.rest(form.seconds(90.0, 1800.0))
    longest = {state: round(max(seconds), 1) for state, seconds in waits.items()}
    conclude(ground, kills, unstarted_dialed_seconds=longest["queued"], open_unknown_seconds=longest["dialing"])
    assert longest["queued"] <= UNSTARTED_SECONDS
    assert longest["dialing"] <= OPEN_SECONDS


def _calls_in(ground: Ground, state: str) -> set[str]:
    return {str(row[0]) for row in ground.books.rows(f"SELECT call_id FROM calls WHERE state = '{state}'")}


def _first_after(ground: Ground, instant: float) -> float:
    requests = placement_requests(ground.simulator.requests())
    return min(one.arrived_mono for one in requests if one.arrived_mono > instant)
