"""kill -9 of workers, of schedulers and of both while batches run; restarts by SIGTERM; whole processes that freeze."""

from __future__ import annotations

import time

from dialer.errors import LedgerUnreachable
from tests.chaos.conftest import Conclude, Form, Prepare
from tests.chaos.faults import PROCESSES, besiege, frozen, plan, restart_scheduler, restart_worker
from tests.chaos.ground import FAST, MIXED, ROW_DEADLINE_SECONDS, SLOTS, Ground, Loaded, load_mix, phones, ready
from tests.chaos.ledgers import Books


def test_workers_and_schedulers_killed_at_random(
    form: Form, books: Books, prepare: Prepare, conclude: Conclude
) -> None:
    is_sqlite = books.kind == "sqlite"
    counts = {
        "kill_worker": form.pick(2, 20 if is_sqlite else 180),
        "kill_scheduler": form.pick(1, 5 if is_sqlite else 30),
        "kill_both": form.pick(1, 5 if is_sqlite else 20),
    }
    total = form.pick(110, 5_000 if is_sqlite else 35_000)
    ground = prepare(books, MIXED, pace=form.seconds(25.0, 300.0))
    ground.open(schedulers=2, workers=2)
    load_mix(ground, total)
    ready(ground, [*ground.workers, *ground.schedulers])
    faults = besiege(ground, total, plan(form.seed, counts), PROCESSES)
    ground.rest(form.seconds(90.0, 1800.0))
    verdict = conclude(ground, faults)
    assert verdict.unknown <= (counts["kill_worker"] + counts["kill_both"]) * SLOTS


def test_workers_frozen_for_longer_than_every_deadline(
    form: Form, books: Books, prepare: Prepare, conclude: Conclude
) -> None:
    """One batch is terminated while they stand still: none of its calls may leave when they go on."""
    stops = form.pick(1, 10)
    ground = prepare(books, {"defaults": FAST | {"answer_after": [0.02, 0.4]}}, pace=25.0)
    ground.open(schedulers=1, workers=2)
    ready(ground, [*ground.workers, *ground.schedulers])
    for stop in range(stops):
        ground.load(f"kept-{stop}", phones(60, "202", 60 * stop), "batch_call")
        doomed = ground.load(f"doomed-{stop}", phones(60, "212", 60 * stop), "inspra")
        before = ground.placed()
        ground.until(lambda before=before: ground.placed() >= before + 20, "calls under way")  # type: ignore[misc]
        while not terminated_while_frozen(ground, doomed):
            pass
        time.sleep(1.0)
    ground.rest(form.seconds(90.0, 1800.0))
    freezes = len(ground.naps)
    verdict = conclude(ground, freezes)
    assert verdict.thawed <= freezes * SLOTS
    assert verdict.unknown <= freezes * SLOTS


def terminated_while_frozen(ground: Ground, doomed: Loaded) -> bool:
    """False where the worker froze with SQLite's one lock in its hand: nobody can say anything then, and is told so."""
    with frozen(ground, ground.workers[:1]):
        time.sleep(0.3)
        try:
            ground.say(doomed, "terminate")
        except LedgerUnreachable:
            assert ground.books.kind == "sqlite"
            return False
        time.sleep(ROW_DEADLINE_SECONDS + 4.0)
    return True


def test_restarts_by_sigterm_under_load_leave_no_unknown(
    form: Form, sqlite_books: Books, prepare: Prepare, conclude: Conclude
) -> None:
    counts = {"restart_worker": form.pick(2, 60), "restart_scheduler": form.pick(1, 40)}
    total = form.pick(110, 5_000)
    ground = prepare(sqlite_books, {"defaults": FAST | {"answer_after": [0.1, 0.6]}}, pace=form.seconds(25.0, 100.0))
    ground.open(schedulers=1, workers=2)
    load_mix(ground, total, retries=0)
    ready(ground, [*ground.workers, *ground.schedulers])
    injectors = {"restart_worker": restart_worker, "restart_scheduler": restart_scheduler}
    faults = besiege(ground, total, plan(form.seed, counts), injectors)
    ground.rest(form.seconds(90.0, 1800.0))
    assert conclude(ground, faults).unknown == 0
