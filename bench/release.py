"""One tick that finds, marks and pushes 500 calls: does it cost more when millions of others wait, and how much does
Celery's own way of publishing cost beside it?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from redis import Redis

from bench.crowd import Crowd
from bench.figures import figure, ratio, seconds
from bench.peers.one_by_one import OneByOne
from bench.stage import Stage
from dialer.domain.states import Lane
from dialer.engine import rounds
from dialer.engine.release import ReleaseMemory, release
from dialer.engine.unforeseen import Unforeseen
from dialer.ports import Switchboard
from workers.lanes import lane_key

PUSHED = 500
WARM_UP = 8
#: Calls that come and go before anything is measured: so many at once.
GONE_AT_ONCE = 25_000


class Ticking:
    """A crowd with a scheduler's desk before it."""

    def __init__(self, stage: Stage, crowd: Crowd, desk: Switchboard) -> None:
        self.crowd, self._desk = crowd, desk
        self.redis_url = stage.redis.url
        self._redis = Redis.from_url(stage.redis.url)
        self._memory = ReleaseMemory()

    def tick(self, *, whole: bool) -> float:
        """Milliseconds of one tick, or of its release alone, with 200 calls due that it really pushes."""
        self.crowd.fall_due(PUSHED)
        took = seconds(self._whole_tick if whole else self._release)
        assert sum(self._redis.llen(lane_key(lane)) for lane in Lane) == PUSHED
        self._redis.delete(*map(lane_key, Lane))
        self.crowd.finish()
        return 1000 * took

    def publish(self, peer: OneByOne) -> float:
        """Milliseconds of as many messages by Celery's own way."""
        calls = [(str(uuid4()), 1) for _ in range(PUSHED)]
        took = seconds(lambda: peer.publish(calls))
        assert self._redis.llen(lane_key(Lane.NORMAL)) == PUSHED
        self._redis.delete(*map(lane_key, Lane))
        return 1000 * took

    def _whole_tick(self) -> None:
        report = rounds.tick(self._desk, self._memory)
        assert report.pushed == PUSHED, report

    def _release(self) -> None:
        failed: list[Unforeseen] = []
        assert len(release(self._desk, self._memory, failed)) == PUSHED, failed


def compare(small: Ticking, large: Ticking, ticks: int, gone: int) -> dict[str, Any]:
    few, many = small.crowd.count, large.crowd.count
    found: dict[str, Any] = {"few_waiting": few, "many_waiting": many, "pushed": PUSHED, "gone": gone}
    if large.crowd.has_statistics:
        found["tick_after_load"] = _compare(small, large, ticks, whole=True)
    for each in (small, large):
        for _ in range(gone // GONE_AT_ONCE):
            each.crowd.come_and_go(GONE_AT_ONCE)
        each.crowd.take_statistics()
    found["tick"] = _compare(small, large, ticks, whole=True)
    found["release"] = _compare(small, large, ticks, whole=False)
    return found | _against_celery(large, ticks)


def _against_celery(crowd: Ticking, ticks: int) -> dict[str, Any]:
    """Rows pushed per second by a release that finds and marks them first, and by apply_async, which does neither."""
    ours, theirs = [], []
    with OneByOne(crowd.redis_url) as peer:
        crowd.publish(peer)
        for _ in range(ticks):
            ours.append(crowd.tick(whole=False))
            theirs.append(crowd.publish(peer))
    rates = [1000 * PUSHED / each for each in ours], [1000 * PUSHED / each for each in theirs]
    return {
        "released_per_second": figure(rates[0]),
        "apply_async_per_second": figure(rates[1]),
        "released_by_apply_async": ratio(*rates),
    }


def _compare(small: Ticking, large: Ticking, ticks: int, *, whole: bool) -> dict[str, Any]:
    for _ in range(WARM_UP):
        small.tick(whole=whole)
        large.tick(whole=whole)
    few, many = [], []
    for _ in range(ticks):
        few.append(small.tick(whole=whole))
        many.append(large.tick(whole=whole))
    return {"few_ms": figure(few), "many_ms": figure(many), "many_by_few": ratio(many, few)}


@contextmanager
def ticking(stage: Stage, kind: str, count: int) -> Iterator[Ticking]:
    with stage.ledger(kind) as url:
        desk = stage.desk(url)
        yield Ticking(stage, Crowd(stage, url, count), desk)
        desk.ledger.close()
