"""Pause, resume and terminate at random, Redis wiped in between: what started after the word had returned."""

from __future__ import annotations

import time
from random import Random

from tests.chaos.auditor import last_starts
from tests.chaos.conftest import Conclude, Form, Prepare
from tests.chaos.faults import flush_redis
from tests.chaos.ground import FAST, Ground, Loaded, phones, ready
from tests.chaos.ledgers import Books

BATCHES = 4


def test_pause_resume_and_terminate_at_random(form: Form, books: Books, prepare: Prepare, conclude: Conclude) -> None:
    words, random = form.pick(50, 1000), Random(form.seed)
    each = form.pick(300, 4000)
    ground = prepare(books, {"defaults": FAST}, pace=form.seconds(40.0, 40.0))
    ground.open(schedulers=1, workers=2)
    batches = [ground.load(f"b{at}", phones(each, f"{at + 302}"), "inspra") for at in range(BATCHES)]
    ready(ground, [*ground.workers, *ground.schedulers])
    ground.until(lambda: ground.placed() > 5, "calls under way")
    wipes = set(random.sample(range(words), max(2, words // 50)))
    for turn in range(words):
        batch = random.choice(batches)
        ground.say(batch, "pause")
        time.sleep(random.expovariate(1 / 0.08))  # now and then much longer
        if turn in wipes:
            flush_redis(ground, random)
        ground.say(batch, "resume")
        time.sleep(random.uniform(0.0, 0.05))
    _end(ground, batches, random)
    seconds, started = zip(*last_starts(ground.evidence()), strict=True)
    p99 = sorted(seconds)[int(len(seconds) * 0.99) - 1]
    conclude(
        ground,
        len(wipes),
        pauses=words,
        last_start_p99_ms=round(p99 * 1000),
        last_start_max_ms=round(max(seconds) * 1000),
        started_after=sum(started),
    )


def _end(ground: Ground, batches: list[Loaded], random: Random) -> None:
    """Every batch is terminated in mid-flight, Redis wiped in between, and left alone for a while."""
    for batch in batches:
        before = ground.placed()
        ground.until(lambda before=before: ground.placed() > before, "calls under way")  # type: ignore[misc]
        ground.say(batch, "terminate")
        if random.random() < 0.5:
            flush_redis(ground, random)
    ground.rest()
    time.sleep(1.0)
