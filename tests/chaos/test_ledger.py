"""The ledger stopped, cut off in the middle of a commit, slowed, crowded out, and put back to what it was before."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from urllib.parse import quote

from tests.chaos.conftest import Conclude, Form, Prepare
from tests.chaos.faults import (
    besiege,
    cancel_statements,
    crowd_postgres,
    cut_connections,
    plan,
    stop_postgres,
)
from tests.chaos.ground import FAST, MIXED, Ground, load_mix, phones, ready
from tests.chaos.ledgers import Books, PostgresBooks
from tests.chaos.proxy import CuttingProxy


def test_postgresql_stopped_cancelled_cut_and_crowded(
    form: Form, postgresql_books: PostgresBooks, prepare: Prepare, conclude: Conclude
) -> None:
    injectors = {
        "stop": stop_postgres,
        "cancel": cancel_statements,
        "cut": cut_connections,
        "crowd": crowd_postgres(form.seconds(1.0, 3.0)),
    }
    counts = {"stop": form.pick(1, 20), "cancel": form.pick(1, 20), "cut": form.pick(1, 20), "crowd": form.pick(1, 5)}
    total = form.pick(90, 5_000)
    ground = prepare(postgresql_books, MIXED, pace=form.seconds(25.0, 100.0))
    ground.open(schedulers=1, workers=2)
    load_mix(ground, total)
    ready(ground, [*ground.workers, *ground.schedulers])
    faults = besiege(ground, total, plan(form.seed, counts), injectors)
    ground.rest(form.seconds(90.0, 1800.0))
    conclude(ground, faults)


def test_connections_cut_in_the_middle_of_a_commit_and_statements_that_time_out(
    form: Form, postgresql_books: PostgresBooks, prepare: Prepare, conclude: Conclude
) -> None:
    total = form.pick(90, 5_000)
    with CuttingProxy(lambda: postgresql_books.server.port, form.seed) as proxy:
        name, timeout = postgresql_books.name, quote("-c statement_timeout=150ms")
        postgresql_books.url = f"postgresql://dialer@127.0.0.1:{proxy.port}/{name}?options={timeout}"
        ground = prepare(postgresql_books, MIXED, pace=form.seconds(25.0, 100.0))
        ground.open(schedulers=1, workers=2)
        load_mix(ground, total)
        ready(ground, [*ground.workers, *ground.schedulers])
        proxy.armed = True
        ground.until(lambda: ground.placed() >= 0.9 * total, "most calls placed", form.seconds(90, 3000))
        proxy.armed = False
        ground.rest(form.seconds(90.0, 1800.0))
        conclude(
            ground,
            proxy.cut_before + proxy.cut_after,
            cut_before_commit=proxy.cut_before,
            cut_after_commit=proxy.cut_after,
        )
        ground.end()
        ground.dialer.close()


def test_a_ledger_restored_while_redis_lived_on(form: Form, books: Books, prepare: Prepare, conclude: Conclude) -> None:
    """What was dialed after the backup was taken is forgotten by the ledger, and witnessed by Redis."""
    rounds, each = form.pick(1, 10), form.pick(45, 60)
    ground = prepare(books, {"defaults": FAST}, pace=10.0)  # so that look-ahead is short of what is left
    found = 0
    for turn in range(rounds):
        for kind, area in (("batch_call", "202"), ("inspra", "212")):
            ground.load(f"{kind}-{turn}", phones(each, area, each * turn), kind)
        begun = ground.placed()
        _dial_until(ground, begun + 20)
        books.keep()
        taken_at = datetime.now(UTC)
        _dial_until(ground, begun + 70)
        books.put_back()
        forgotten = ground.placed()
        ground.open(schedulers=1, workers=2)
        _confirm(ground, taken_at)
        ground.rest(attended=True)  # so many unknowns pause a batch
        found += ground.placed() - forgotten
        ground.kill_all()
    verdict = conclude(ground, rounds, dialed_after_restore=found)
    assert verdict.unknown >= 20 * rounds, "the witness had nothing to do"


def _dial_until(ground: Ground, placed: int) -> None:
    """Some calls, then a power cut."""
    ground.open(schedulers=1, workers=2)
    ground.until(lambda: ground.placed() >= placed, "calls")
    ground.kill_all()


def _confirm(ground: Ground, taken_at: datetime) -> None:
    """As the operator does after a restore, once the scheduler has noticed."""
    time.sleep(2.0)
    restored = getattr(ground.dialer, "restored", None)
    if restored is not None:
        restored(taken_at)
