"""Each guard proven needed: without it the simulation finds a violation, and the very same seeds pass with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from threading import Event, Thread
from typing import Any

import pytest
from sqlalchemy import Connection, make_url

from dialer.domain.call import Claim, NotClaimed
from dialer.domain.states import BatchState
from dialer.ledger.ledger import SqlLedger
from dialer.ledger.postgresql import PostgreSql
from tests.integration.engine.rig import Rig, phones
from tests.simulation.auditor import Broken
from tests.simulation.driver import simulate
from tests.simulation.ground import Ground
from tests.simulation.stage import Actor
from tests.simulation.world import START, World, phone

#: So many seeds are looked through, once those that showed it before show it no more: any change of what is drawn moves
#: them. The seed that is found is played with the guard in place, too.
SEEDS = 60
EVENTS = 70


# Seconds, with the seeds that are known; without them dozens are played one after the other, where others play a few.
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("guard", "faults", "found", "known"),
    [
        ("compare-and-set", (), "", (9, 13, 12, 8)),
        ("witness", ("restore",), "sent twice", (49, 56, 18)),
        ("last-moment gate", (), "is suppressed and was dialed", (2, 28, 0, 33)),
    ],
)
def test_without_this_guard_a_seed_breaks_the_promise(
    ground: Ground, guard: str, faults: tuple[str, ...], found: str, known: tuple[int, ...]
) -> None:
    seed = first_broken(ground, guard, faults, found, known)

    simulate(ground, seed, EVENTS, faults=faults)


def first_broken(ground: Ground, guard: str, faults: tuple[str, ...], found: str, known: tuple[int, ...]) -> int:
    seeds: list[int] = [*known, *range(SEEDS)]
    for seed in seeds:
        try:
            simulate(ground, seed, EVENTS, without=guard, faults=faults)
        except Broken as broken:
            if found in str(broken):
                return seed
    pytest.fail(f"{SEEDS} seeds did not need the guard {guard!r}")


def paused_and_forgotten_before_its_last_look(world: World) -> None:
    """A claim is on its way when its batch is paused; then Redis comes back from a disk that has never heard of it."""
    dialing = claimed_up_to(world, "admission.arm")
    world.save_redis()
    world.control("batch-0", "pause")
    finish(world, world.busy("operator")[0])
    world.lose_redis("restarted from old disk")
    finish(world, dialing)


def frozen_until_its_window_has_closed(world: World) -> None:
    """A claim of 11:00 thaws at 11:15; the window closed at 11:10."""
    dialing = claimed_up_to(world, "admission.arm")
    world.freeze(world.processes["worker-1"], 900.0)
    world.advance(900.0)
    finish(world, dialing)


def slow_to_write_its_answer_down(world: World) -> None:
    """A worker is past its deadline by a minute, and its heart beats."""
    dialing = claimed_up_to(world, "claims.record")
    for _ in range(20):
        world.advance(5.0)
    world.schedule(world.processes["scheduler-1"])
    finish(world, world.busy("scheduler-1")[0])
    finish(world, dialing)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("guard", "happens", "found"),
    [
        ("epoch", paused_and_forgotten_before_its_last_look, "was armed though Redis had been told"),
        ("deadline", frozen_until_its_window_has_closed, "outside its window"),
        ("dead-worker proof", slow_to_write_its_answer_down, "which lives"),
    ],
)
def test_without_this_guard_a_schedule_breaks_the_promise(
    ground: Ground, guard: str, happens: Callable[[World], None], found: str, seed: int
) -> None:
    with calm_world(ground, seed, without=guard) as world, pytest.raises(Broken, match=found):
        happens(world)

    with calm_world(ground, seed) as world:
        happens(world)


@pytest.mark.parametrize("seed", range(4))
def test_hours_that_a_restored_ledger_forgot_hold_for_what_was_claimed_by_them_and_for_nothing_else(
    ground: Ground, seed: int
) -> None:
    """At 11:12 the batch, closed since 11:10, is loaded again without hours, claimed, and the ledger restored."""
    with calm_world(ground, seed) as world:
        world.back_up()
        world.advance(720.0)
        world.load("batch-0", [], {"exp": START + timedelta(hours=5), "hours": "", "blocked": ""})
        finish(world, world.busy("operator")[0])
        dialing = claimed_up_to(world, "admission.arm")
        [taken] = world.auditor.taken.values()
        world.restore()
        finish(world, dialing)
        assert world.auditor.requests == 1

        world.auditor.claimed(taken.claim, "worker-1/1")
        [placement] = world.auditor.sent_by.values()
        world.auditor.sent_by.clear()
        with pytest.raises(Broken, match="outside its window"):
            world.auditor.sent(placement, world.clock.utc())


@contextmanager
def calm_world(ground: Ground, seed: int, without: str | None = None) -> Iterator[World]:
    """One number in a batch that is open from 11:00 to 11:10; nothing happens that is not asked for."""
    world = World(ground, seed, without)
    world.is_calm = world.provider.is_healed = True
    terms = {"exp": START + timedelta(hours=5), "hours": "1100-1110 1130-1900", "blocked": "", "max_retries": 0}
    world.load("batch-0", [phone(0)], terms)
    finish(world, world.stage.actors[0])
    world.advance(0.0)
    try:
        yield world
    finally:
        world.stage.clear()


def claimed_up_to(world: World, point: str) -> Actor:
    """The one call, dispatched as far as this call of a port."""
    while not any(world.redis.lanes.values()):
        world.schedule(world.processes["scheduler-1"])
        finish(world, world.busy("scheduler-1")[0])
        world.advance(1.0)
    world.deliver(world.processes["worker-1"])
    dialing = world.busy("worker-1")[0]
    while dialing.next != point:
        assert not dialing.is_over, f"it never came to {point}"
        go_on(world, dialing)
    return dialing


def finish(world: World, actor: Actor) -> None:
    while not actor.is_over:
        go_on(world, actor)


def go_on(world: World, actor: Actor) -> None:
    if not world.can_act(actor):
        world.advance(world.ready_at(actor) - world.now)
    world.act(actor)


class WithoutBarrier(PostgreSql):
    """Claims of which pause and terminate do not know."""

    def share(self, connection: Connection, batch_id: str) -> None:
        """Nothing is shared."""


def claim_while_terminating(rig: Rig, backend: PostgreSql) -> bool:
    """A claim is held open in the middle; True when terminate returned before it was committed."""
    batch = rig.load(phones(1))
    rig.tick()
    message = rig.world.queue.pop()
    assert message is not None
    ticket = rig.ledger.claims.ticket(message.call_id, message.push_seq)
    assert ticket is not None
    reached, go_on, taken = Event(), Event(), list[Claim | NotClaimed]()

    def gates(claim: Claim) -> str:
        reached.set()
        assert go_on.wait(20)
        return "[]"

    with closing(SqlLedger(backend)) as ledger:
        span = timedelta(seconds=40)
        claims = Thread(
            target=lambda: taken.append(
                ledger.claims.take(ticket, "worker-1", "boot-1", batch.batch_id, span, span, gates)
            )
        )
        controls = Thread(
            target=lambda: rig.ledger.batches.control(batch.batch_id, BatchState.TERMINATED, "over", "user")
        )
        claims.start()
        assert reached.wait(20)
        controls.start()
        controls.join(1.0)
        came_first = not controls.is_alive()
        go_on.set()
        claims.join(20)
        controls.join(20)
    assert isinstance(taken[0], Claim)
    return came_first


@pytest.fixture
def on_postgres(postgres_url: str) -> Iterator[Any]:
    rig = Rig(postgres_url)
    yield rig
    rig.close()


@pytest.mark.parametrize(
    ("backend", "claims_afterwards"),
    [(PostgreSql, False), (WithoutBarrier, True)],
    ids=["with the barrier", "without it"],
)
def test_without_the_barrier_a_claim_commits_after_terminate_has_returned(
    on_postgres: Rig, postgres_url: str, backend: type[PostgreSql], claims_afterwards: bool
) -> None:
    assert claim_while_terminating(on_postgres, backend(make_url(postgres_url))) is claims_afterwards
