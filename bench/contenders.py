"""Who is measured in bench.dispatch: how each is given its numbers, started, and seen to be done with them."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redis import Redis

from bench.crowd import AGENT, WORKSPACE
from bench.processes import Pace, pace, running
from bench.stage import Stage, ask, execute
from bench.stub import Stub
from dialer import Dialer
from dialer.engine import rounds
from dialer.settings import load_settings
from workers import programs

#: Threads, or coroutines, of one worker process; the provider takes this long.
SLOTS, PROVIDER_MS = 64, 50
#: Far above what one process can do: neither pace nor channels are what is measured.
FAST = {"calls_per_second": 10_000.0, "channels": 5_000}
BATCH = 500


@dataclass(frozen=True, slots=True)
class Ground:
    """Where all of a run are measured."""

    stage: Stage
    stub: Stub

    @property
    def redis(self) -> Redis:
        return Redis.from_url(self.stage.redis.url)

    def environment(self) -> dict[str, str]:
        provider = self.stub.url(PROVIDER_MS)
        return {"PEER_REDIS": self.stage.redis.url, "PEER_PROVIDER": provider, "PEER_SLOTS": str(SLOTS)}


def phones(count: int) -> list[str]:
    return [f"+614{index:08d}" for index in range(10_000_000, 10_000_000 + count)]


def ours(ground: Ground, kind: str, count: int, slots: int = SLOTS) -> Pace:
    """Permit, claim, arm, POST, record: each committed. Every number must come once, and its call end closed."""
    ground.redis.flushall()
    ground.stub.forget()
    with ground.stage.ledger(kind) as url:
        configuration = ground.stage.configuration(url, ground.stub.url(PROVIDER_MS), **FAST)
        queue_calls(ground.stage, configuration, url, phones(count))
        command = programs.worker("bench", slots)
        with running(command, {"DIALER_CONFIG": str(configuration)}) as process:
            measured = pace(process, count, ground.stub.count)
            wait_until_recorded(url, count)
        came = [number for number, _ in ground.stub.arrivals()]
        assert sorted(came) == phones(count), "a number was dialed twice, or not at all"
    return measured


def queue_calls(stage: Stage, configuration: Path, url: str, numbers: Sequence[str]) -> str:
    """Loaded, released and pushed, as a scheduler would, but all at once; the batch's id."""
    spec = {"workspace_id": WORKSPACE, "agent_id": AGENT, "batch_ref": "dispatch"}
    with Dialer(load_settings(configuration)) as dialer:
        calls = ({"phone": phone, "variables": {"name": "Ada"}} for phone in numbers)
        batch_id = dialer.load_batch(spec, calls).batch_id
    if not url.startswith("sqlite:"):
        execute(url, "VACUUM ANALYZE")
    desk = stage.desk_of(configuration)
    rounds.rebuild(desk)
    while found := desk.ledger.release.due({"bench": BATCH}, BATCH):
        turns = [due for due in found for _ in range(min(due.count, BATCH))]
        desk.queue.push(desk.ledger.release.enqueue(turns))
    desk.ledger.close()
    return str(batch_id)


def wait_until_recorded(url: str, count: int) -> None:
    for _ in range(200):
        [(closed,)] = ask(url, "SELECT count(*) FROM calls WHERE close_reason = 'handed_off'")
        if closed == count:
            return
        time.sleep(0.05)
    raise RuntimeError(f"{closed} of {count} calls were recorded")


Fill = Callable[[Ground, Sequence[str]], None]


@dataclass(frozen=True, slots=True)
class Peer:
    """A worker process of somebody else's."""

    fill: Fill
    command: Sequence[str]
    #: what the stub counts, else what is gone from this list
    queue: str | None = None

    def measure(self, ground: Ground, count: int) -> Pace:
        ground.redis.flushall()
        ground.stub.forget()
        numbers = phones(count)
        os.environ.update(ground.environment())
        self.fill(ground, numbers)
        queue, redis = self.queue, ground.redis
        done = ground.stub.count if queue is None else lambda: count - int(redis.llen(queue))
        with running([*self.command], ground.environment()) as process:
            return pace(process, count, done)


def celery(module: str, pool: Sequence[str]) -> list[str]:
    quiet = ["--without-gossip", "--without-mingle", "-l", "ERROR"]
    return [sys.executable, "-m", "celery", "-A", f"bench.peers.{module}", "worker", *pool, *quiet]


def fill_celery(module: str, task: str) -> Fill:
    def fill(ground: Ground, numbers: Sequence[str]) -> None:
        from importlib import import_module

        app: Any = import_module(f"bench.peers.{module}").app
        with app.connection_for_write(ground.stage.redis.url) as connection:
            producer = app.amqp.Producer(connection)
            for number in numbers:
                app.tasks[task].apply_async((number,), producer=producer)

    return fill


def fill_dramatiq(ground: Ground, numbers: Sequence[str]) -> None:
    from bench.peers.dramatiq_dialer import dial

    for number in numbers:
        dial.send(number)


def fill_rq(ground: Ground, numbers: Sequence[str]) -> None:
    from rq import Queue

    from bench.peers.rq_dialer import QUEUE, dial

    queue = Queue(QUEUE, connection=ground.redis)
    for number in numbers:
        queue.enqueue(dial, number)


def fill_saq(ground: Ground, numbers: Sequence[str]) -> None:
    from saq import Queue

    from bench.peers.saq_dialer import QUEUE

    async def enqueue() -> None:
        queue = Queue.from_url(ground.stage.redis.url, name=QUEUE)
        for number in numbers:
            await queue.enqueue("dial", phone=number, timeout=60)
        await queue.disconnect()

    asyncio.run(enqueue())


def program(name: str) -> str:
    return str(shutil.which(name, path=str(Path(sys.executable).parent)))


THREADS = ["--pool", "threads", "-c", str(SLOTS)]
PEERS: Mapping[str, Peer] = {
    "celery_empty_threads": Peer(
        fill_celery("empty_celery", "empty.nothing"), celery("empty_celery", THREADS), queue="peer-empty"
    ),
    "celery_empty_solo": Peer(
        fill_celery("empty_celery", "empty.nothing"), celery("empty_celery", ["--pool", "solo"]), queue="peer-empty"
    ),
    "celery_requests": Peer(fill_celery("celery_dialers", "dialers.requests"), celery("celery_dialers", THREADS)),
    "celery_session": Peer(fill_celery("celery_dialers", "dialers.session"), celery("celery_dialers", THREADS)),
    "celery_httpx": Peer(fill_celery("celery_dialers", "dialers.httpx"), celery("celery_dialers", THREADS)),
    "dramatiq": Peer(
        fill_dramatiq,
        [program("dramatiq"), "bench.peers.dramatiq_dialer", "-p", "1", "-t", str(SLOTS), "-Q", "peer-dramatiq"],
    ),
    "rq": Peer(fill_rq, [sys.executable, "-m", "bench.peers.rq_dialer"]),
    "saq": Peer(fill_saq, [program("saq"), "bench.peers.saq_dialer.settings"]),
}


def bare_httpx(ground: Ground, count: int) -> float:
    """CPU milliseconds of one POST, to a provider that takes no time: waiting costs none."""
    return printed(ground, "bare_httpx", count)


def ceiling(ground: Ground, seconds: float) -> float:
    """Requests per second that the stub answers at once."""
    return printed(ground, "hammer", seconds)


def printed(ground: Ground, module: str, argument: float) -> float:
    command = [sys.executable, "-m", f"bench.peers.{module}", str(argument)]
    env = {**os.environ, **ground.environment(), "PEER_PROVIDER": ground.stub.url(0)}
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, check=True)
    ground.stub.forget()
    return float(done.stdout)
