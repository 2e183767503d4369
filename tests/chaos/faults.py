"""What breaks, and when: a plan drawn from a seed, and the hands that carry it out. What it did is not judged here.

Faults are spread over the calls of a run, not over its seconds, so that a seed breaks the same things after the same
number of calls on a slow machine and on a fast one.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from random import Random
from threading import Event, Thread

import psycopg

from dialer.coordination.connection import RedisServer
from dialer.domain.call import Queued
from dialer.domain.states import Lane
from dialer.errors import RedisUnreachable
from tests.chaos.ground import Ground, Nap
from tests.chaos.ledgers import PostgresBooks
from workers.celery_queue import CeleryQueue
from workers.children import Child

#: A fault comes after so long in any case: what broke before may have stopped all dialing for good.
STALL_SECONDS = 12.0

#: The latest messages, as they were pushed.
PUSHED = "SELECT call_id, push_seq FROM calls WHERE push_seq > 0 ORDER BY queued_at DESC LIMIT 200"

Injector = Callable[[Ground, Random], None]


@dataclass(frozen=True, slots=True)
class Planned:
    """One fault, when this share of the calls was placed; `roll` seeds whatever it draws."""

    share: float
    name: str
    roll: str


def plan(seed: str, counts: Mapping[str, int]) -> list[Planned]:
    """So many of each, in an order and at shares that the seed decides."""
    random = Random(seed)
    names = [name for name, count in counts.items() for _ in range(count)]
    random.shuffle(names)
    step = 0.9 / max(1, len(names))
    return [Planned(0.02 + step * (at + random.random()), name, f"{seed}/{at}") for at, name in enumerate(names)]


def besiege(ground: Ground, total: int, planned: list[Planned], injectors: Mapping[str, Injector]) -> int:
    """Carries a plan out while `total` calls are dialed; returns how many faults it was."""
    for fault in planned:
        give_up_at = time.monotonic() + STALL_SECONDS
        while ground.placed() < fault.share * total and time.monotonic() < give_up_at:
            time.sleep(0.01)
        injectors[fault.name](ground, Random(fault.roll))
    return len(planned)


def kill(child: Child) -> None:
    """What the kernel does when memory runs out."""
    child.end(signal.SIGKILL)
    child.wait()


def kill_worker(ground: Ground, random: Random) -> None:
    """kill -9, and another takes its place."""
    victim = ground.workers.pop(random.randrange(len(ground.workers)))
    kill(victim)
    ground.hire()


def kill_scheduler(ground: Ground, random: Random) -> None:
    victim = ground.schedulers.pop(random.randrange(len(ground.schedulers)))
    kill(victim)
    ground.schedule()


def kill_both(ground: Ground, random: Random) -> None:
    kill_scheduler(ground, random)
    kill_worker(ground, random)


def restart_worker(ground: Ground, random: Random) -> None:
    """As a deploy does it: the new one first, then SIGTERM to the old one, which finishes what it has begun."""
    leaving = ground.workers.pop(0)
    ground.hire()
    leaving.end(signal.SIGTERM)
    leaving.wait()


def restart_scheduler(ground: Ground, random: Random) -> None:
    leaving = ground.schedulers.pop(0)
    ground.schedule()
    leaving.end(signal.SIGTERM)
    leaving.wait()


@contextmanager
def frozen(ground: Ground, children: Sequence[Child]) -> Iterator[None]:
    """SIGSTOP until the end of the block."""
    stopped = time.time()
    for child in children:
        os.kill(child.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        continued = time.monotonic()
        for child in children:
            os.kill(child.pid, signal.SIGCONT)
        ground.naps += [Nap(child.name, stopped, continued) for child in children]


def lose_redis(ground: Ground, random: Random) -> None:
    """kill -9, and back after a moment with nothing in it."""
    ground.redis.kill()
    time.sleep(random.uniform(0.0, 1.0))
    ground.redis.restart(empty=True)


def flush_redis(ground: Ground, random: Random) -> None:
    with ground.own_redis() as redis:
        redis.flushall()


def pause_redis(seconds: float) -> Injector:
    """SIGSTOP: connections stay open, and nobody answers."""

    def inject(ground: Ground, random: Random) -> None:
        pid = ground.redis.pid
        os.kill(pid, signal.SIGSTOP)
        time.sleep(seconds)
        os.kill(pid, signal.SIGCONT)

    return inject


def fill_redis(seconds: float) -> Injector:
    """`maxmemory` reached: it takes no more writes."""

    def inject(ground: Ground, random: Random) -> None:
        with ground.own_redis() as redis:
            redis.config_set("maxmemory", "1")
            time.sleep(seconds)
            redis.config_set("maxmemory", "0")

    return inject


class Doubler:
    """Delivers every message again: once or twice at once, once more some seconds later, in the queue's own form."""

    def __init__(self, ground: Ground, seed: str, late_seconds: float = 4.0) -> None:
        self.pushed = 0
        self._ground = ground
        self._random = Random(seed)
        self._late_seconds = late_seconds
        #: when each is delivered a last time
        self._seen: dict[tuple[str, int], float] = {}
        self._ended = Event()
        self._thread = Thread(target=self._run, name="doubler", daemon=True)

    def __enter__(self) -> Doubler:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        server = RedisServer(self._ground.redis.url)
        queue = CeleryQueue(server)
        while not self._ended.wait(0.1):
            again = [*self._new(), *self._late()]
            with suppress(RedisUnreachable):
                queue.push([Queued(call_id, push_seq, Lane.NORMAL) for call_id, push_seq in again])
                self.pushed += len(again)
        server.close()

    def _new(self) -> list[tuple[str, int]]:
        try:
            rows = self._ground.books.rows(PUSHED)
        except (sqlite3.Error, psycopg.Error):  # the ledger may be broken just now, too
            return []
        new = [key for key in ((str(call_id), int(push_seq)) for call_id, push_seq in rows) if key not in self._seen]
        at = time.monotonic() + self._late_seconds
        self._seen |= dict.fromkeys(new, at)
        return [key for key in new for _ in range(self._random.randint(1, 2))]

    def _late(self) -> list[tuple[str, int]]:
        now = time.monotonic()
        late = [key for key, at in self._seen.items() if at <= now]
        self._seen |= dict.fromkeys(late, float("inf"))
        return late


def books_of(ground: Ground) -> PostgresBooks:
    assert isinstance(ground.books, PostgresBooks)
    return ground.books


def stop_postgres(ground: Ground, random: Random) -> None:
    """What a crash of the server does: no checkpoint, recovery at the next start."""
    server = books_of(ground).server
    server.stop_immediate()
    time.sleep(random.uniform(0.0, 1.0))
    server.start()


def cancel_statements(ground: Ground, random: Random) -> None:
    """Half of what is being executed, as a statement timeout does it; five times."""
    books = books_of(ground)
    mine = f"datname = '{books.name}' AND state <> 'idle' AND pid <> pg_backend_pid() AND random() < 0.5"
    for _ in range(5):
        books.server.execute(f"SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE {mine}")
        time.sleep(0.02)


def cut_connections(ground: Ground, random: Random) -> None:
    """Every connection at once, whatever it was doing."""
    books = books_of(ground)
    books.server.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{books.name}'")


def crowd_postgres(seconds: float) -> Injector:
    """Others take every connection that the server has."""

    def inject(ground: Ground, random: Random) -> None:
        books = books_of(ground)
        held: list[psycopg.Connection] = []
        try:
            while True:
                held.append(psycopg.connect(books.server.url("postgres"), connect_timeout=5))
        except psycopg.OperationalError:
            books_cut(books)
            time.sleep(seconds)
        finally:
            for connection in held:
                connection.close()

    return inject


def books_cut(books: PostgresBooks) -> None:
    with suppress(psycopg.OperationalError):  # not even we get in any more, as was asked for
        books.server.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{books.name}'")


#: Those that need to know nothing.
PROCESSES: dict[str, Injector] = {
    "kill_worker": kill_worker,
    "kill_scheduler": kill_scheduler,
    "kill_both": kill_both,
}
