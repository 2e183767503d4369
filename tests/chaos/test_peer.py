"""The naive dialer under the same faults, in the same table: what the design buys.

It has no ledger, so nothing is asked of it but what the provider saw: numbers called twice, and numbers never called.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest

from bench.peers import naive_celery
from dialer.simulator import Simulator
from tests.chaos.auditor import Verdict, placement_requests
from tests.chaos.conftest import Form, keep, report
from tests.chaos.faults import plan
from tests.chaos.ground import SLOTS, phones
from workers.children import Child
from workers.embedded_redis import EmbeddedRedis

#: As for ours: some 25 calls a second.
ANSWERS = {"defaults": {"answer_after": [0.3, 0.6], "ring_seconds": 0.05, "talk_seconds": 0.1}}
#: Nothing was placed for so long: nothing will be. What a killed worker held comes back after its visibility timeout.
QUIET_SECONDS = {"kill_worker": 16.0, "lose_redis": 4.0}
FAULTS = {"kill_worker": (3, 50), "lose_redis": (1, 5)}


@pytest.mark.parametrize("fault", list(FAULTS))
def test_the_naive_dialer(fault: str, form: Form, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Without faults it would do: each number once."""
    count, total = form.pick(*FAULTS[fault]), form.pick(240, 5_000)
    numbers = phones(total, "202")
    with EmbeddedRedis(tmp_path, persistent=False) as redis, Simulator(ANSWERS) as simulator:
        with at_work(redis, simulator) as crew:
            naive_celery.load(numbers, redis.url)
            for planned in plan(form.seed, {fault: count}):
                until_placed(simulator, planned.share * total)
                (kill_one if fault == "kill_worker" else lose)(crew, redis, Random(planned.roll))
            until_quiet(simulator, QUIET_SECONDS[fault])
        verdict = judged(simulator, numbers)
    verdict.faults, verdict.seed = count, form.seed
    report(request, f"naive peer, {fault}: {verdict.line()}")
    name = {"suite": f"naive peer, {fault}", "ledger": "none", "form": "long" if form.is_long else "short"}
    keep(name | verdict.as_json())
    assert verdict.placed > total / 100  # it did dial, until the first loss of Redis took all the rest
    assert verdict.dialed_twice + verdict.lost > 0, "the peer kept a promise that it never made: are the faults real?"


class Crew:
    """Its workers."""

    def __init__(self, command: list[str]) -> None:
        self._command = command
        self.workers: list[Child] = []
        self._hired = 0

    def hire(self) -> None:
        self._hired += 1
        child = Child(f"naive{self._hired}", [*self._command, "-n", f"n{self._hired}@%h"], lambda *_: None, 10.0)
        self.workers.append(child)
        child.start()


@contextmanager
def at_work(redis: EmbeddedRedis, simulator: Simulator) -> Iterator[Crew]:
    os.environ.update(NAIVE_REDIS=redis.url, NAIVE_PROVIDER=simulator.base_url("batch_call"))
    celery = [sys.executable, "-m", "celery", "-A", "bench.peers.naive_celery", "worker", "-P", "threads"]
    crew = Crew([*celery, "-c", str(SLOTS // 2), "--without-gossip", "--without-mingle", "-l", "ERROR"])
    crew.hire()
    crew.hire()
    try:
        yield crew
    finally:
        for worker in crew.workers:
            worker.end(signal.SIGKILL)
        for worker in crew.workers:
            worker.wait()
        for name in ("NAIVE_REDIS", "NAIVE_PROVIDER"):
            del os.environ[name]


def kill_one(crew: Crew, redis: EmbeddedRedis, random: Random) -> None:
    victim = crew.workers.pop(random.randrange(len(crew.workers)))
    victim.end(signal.SIGKILL)
    victim.wait()
    crew.hire()


def lose(crew: Crew, redis: EmbeddedRedis, random: Random) -> None:
    redis.kill()
    time.sleep(random.uniform(0.0, 1.0))
    redis.restart(empty=True)


def until_placed(simulator: Simulator, wanted: float) -> None:
    give_up_at = time.monotonic() + 20.0
    while len(simulator.requests()) < wanted and time.monotonic() < give_up_at:
        time.sleep(0.05)


def until_quiet(simulator: Simulator, seconds: float) -> None:
    seen, since = -1, time.monotonic()
    while time.monotonic() - since < seconds:
        if (now := len(simulator.requests())) != seen:
            seen, since = now, time.monotonic()
        time.sleep(0.1)


def judged(simulator: Simulator, numbers: list[str]) -> Verdict:
    made = Counter(one.phone for one in placement_requests(simulator.requests()) if one.may_have_placed)
    verdict = Verdict(placed=made.total())
    verdict.dialed_twice = sum(many - 1 for many in made.values())
    verdict.lost = sum(phone not in made for phone in numbers)
    return verdict
