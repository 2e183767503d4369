"""Our own messages and our settings, held against a real worker of the installed Celery."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest
from redis import Redis

from dialer.coordination import keys
from dialer.coordination.connection import RedisServer
from dialer.domain.call import Queued
from dialer.domain.states import Lane
from dialer.errors import RedisUnreachable
from workers.celery_queue import CeleryQueue
from workers.embedded_redis import EmbeddedRedis, free_port

ROOT = Path(__file__).parents[3]
PATIENCE_SECONDS = 20.0

StartWorker = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def queue(redis_url: str) -> Iterator[CeleryQueue]:
    server = RedisServer(redis_url)
    yield CeleryQueue(server)
    server.close()


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


@pytest.fixture
def start_worker(redis_url: str) -> Iterator[StartWorker]:
    workers: list[subprocess.Popen[bytes]] = []

    def start(slots: int, task_seconds: float = 0.0, url: str = redis_url) -> subprocess.Popen[bytes]:
        command = ["-m", "celery", "-A", "tests.integration.workers.bare_app", "worker"]
        options = ["-c", str(slots), "--without-gossip", "--without-mingle"]
        worker = subprocess.Popen(
            [sys.executable, *command, *options],
            env=os.environ | {"BARE_REDIS_URL": url, "BARE_TASK_SECONDS": str(task_seconds)},
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        workers.append(worker)
        return worker

    yield start
    for worker in workers:
        worker.kill()
        worker.wait()


def calls(lane: Lane, count: int, prefix: str = "call") -> list[Queued]:
    return [Queued(f"{prefix}-{number}", number, lane) for number in range(count)]


def rows(redis: Redis, key: str, count: int) -> list[list[str]]:
    """What the tasks wrote down, once there are so many."""
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while redis.llen(key) < count:
        assert time.monotonic() < give_up_at, f"{redis.llen(key)} of {count} {key}"
        time.sleep(0.01)
    return [str(row).split() for row in redis.lrange(key, 0, -1)]


def test_a_worker_of_the_installed_celery_executes_our_messages_in_order(
    queue: CeleryQueue, redis: Redis, start_worker: StartWorker
) -> None:
    queue.push(calls(Lane.NORMAL, 20))
    start_worker(slots=1)
    ran = rows(redis, "ended", 20)
    assert [(call_id, push_seq) for call_id, push_seq, _, _ in ran] == [(f"call-{n}", str(n)) for n in range(20)]


def test_lanes_are_served_strictly_in_their_order(queue: CeleryQueue, redis: Redis, start_worker: StartWorker) -> None:
    for lane in reversed(Lane):
        queue.push(calls(lane, 10, lane.word))
    assert queue.depths() == dict.fromkeys(Lane, 10)
    start_worker(slots=1)
    served = [queue_name for _, _, queue_name, _ in rows(redis, "ended", 40)]
    assert served == [lane.queue for lane in Lane for _ in range(10)]
    assert queue.depths() == dict.fromkeys(Lane, 0)


def test_notices_are_told_before_calls_that_wait_and_after_test_calls(
    queue: CeleryQueue, redis: Redis, start_worker: StartWorker
) -> None:
    queue.push([*calls(Lane.NORMAL, 5, "normal"), *calls(Lane.TEST, 5, "test")])
    queue.tell([f"notice-{number}" for number in range(5)])
    assert (queue.untold(), queue.depths()[Lane.NORMAL]) == (5, 5)
    start_worker(slots=1)
    order = [name for name, *_ in rows(redis, "ended", 15)]
    assert order == [f"{kind}-{number}" for kind in ("test", "notice", "normal") for number in range(5)]
    assert queue.untold() == 0


def test_late_acks_on_threads_do_not_stall(queue: CeleryQueue, redis: Redis, start_worker: StartWorker) -> None:
    """40 tasks of 50 ms on 4 slots are half a second of work; the stall that this guards against makes 9 of it."""
    start_worker(slots=4, task_seconds=0.05)
    queue.push(calls(Lane.NORMAL, 1, "warm"))
    rows(redis, "ended", 1)
    queue.push(calls(Lane.NORMAL, 40))
    ended = rows(redis, "ended", 41)
    started = [float(instant) for _, _, _, instant in rows(redis, "started", 41)]
    assert float(ended[-1][3]) - started[1] < 2.5


def test_a_test_call_overtakes_everything_that_waits(
    queue: CeleryQueue, redis: Redis, start_worker: StartWorker
) -> None:
    start_worker(slots=2, task_seconds=0.3)
    queue.push(calls(Lane.NORMAL, 30))
    rows(redis, "started", 2)
    queue.push(calls(Lane.TEST, 1, "urgent"))
    order = [call_id for call_id, _, _, _ in rows(redis, "started", 6)]
    assert order.index("urgent-0") <= 4  # those running, and what was fetched in the same moment


def test_a_warm_shutdown_finishes_what_runs_and_leaves_the_rest_in_its_lane(
    queue: CeleryQueue, redis: Redis, start_worker: StartWorker
) -> None:
    worker = start_worker(slots=2, task_seconds=0.7)
    queue.push(calls(Lane.HIGH, 10))
    rows(redis, "started", 2)
    worker.terminate()
    assert worker.wait(PATIENCE_SECONDS) == 0
    assert redis.llen("ended") == redis.llen("started")
    assert queue.depths()[Lane.HIGH] + int(redis.llen("ended")) >= 10


def test_what_a_worker_that_ended_gave_back_runs_in_the_next(
    queue: CeleryQueue, redis: Redis, start_worker: StartWorker
) -> None:
    """Its transport spells a body as bytes when it gives one back: here a whole lane, so that many are taken."""
    queue.push(calls(Lane.HIGH, 10))
    lane = keys.PREFIX + Lane.HIGH.queue
    for text in cast("list[str]", redis.lrange(lane, 0, -1)):
        message = json.loads(text)
        message["body"] = {"__type__": "bytes", "__value__": message["body"]}
        redis.lrem(lane, 1, text)
        redis.lpush(lane, json.dumps(message))
    start_worker(slots=4)
    assert {name for name, *_ in rows(redis, "ended", 10)} == {f"call-{n}" for n in range(10)}


def test_a_worker_goes_on_when_redis_comes_back_empty(own_redis: EmbeddedRedis, start_worker: StartWorker) -> None:
    server = RedisServer(own_redis.url)
    queue = CeleryQueue(server)
    worker = start_worker(slots=2, url=own_redis.url)
    queue.push(calls(Lane.NORMAL, 1, "before"))
    with Redis.from_url(own_redis.url, decode_responses=True) as redis:
        rows(redis, "ended", 1)
    own_redis.restart(empty=True)
    queue.push(calls(Lane.NORMAL, 1, "after"))
    with Redis.from_url(own_redis.url, decode_responses=True) as redis:
        assert rows(redis, "ended", 1)[0][0] == "after-0"
    assert worker.poll() is None
    server.close()


def test_a_redis_lost_amid_work_cuts_nothing_short_and_leaves_no_dump(
    own_redis: EmbeddedRedis, start_worker: StartWorker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dumps = tmp_path / "dumps"
    dumps.mkdir()
    monkeypatch.setenv("TMPDIR", str(dumps))
    server = RedisServer(own_redis.url)
    start_worker(slots=2, task_seconds=2.5, url=own_redis.url)
    CeleryQueue(server).push(calls(Lane.NORMAL, 2))
    with Redis.from_url(own_redis.url, decode_responses=True) as redis:
        rows(redis, "started", 2)
    own_redis.restart(empty=True)
    with Redis.from_url(own_redis.url, decode_responses=True) as redis:
        assert {call_id for call_id, *_ in rows(redis, "ended", 2)} == {"call-0", "call-1"}
        assert redis.llen("started") == 0  # not a second time
    assert list(dumps.iterdir()) == []
    server.close()


def test_an_unreachable_redis_is_said_so_and_nothing_is_tried_twice() -> None:
    server = RedisServer(f"redis://127.0.0.1:{free_port()}/0")
    queue = CeleryQueue(server)
    for ask in (lambda: queue.push(calls(Lane.LOW, 1)), queue.depths, lambda: queue.tell(["notice-1"]), queue.untold):
        with pytest.raises(RedisUnreachable):
            ask()
    server.close()


def test_nothing_to_push_needs_no_redis() -> None:
    server = RedisServer(f"redis://127.0.0.1:{free_port()}/0")
    CeleryQueue(server).push([])
    CeleryQueue(server).tell([])
    server.close()
