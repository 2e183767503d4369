"""One tick that finds, marks and pushes 200 calls: does it cost more when a million others wait?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from redis import Redis

from bench.crowd import Crowd
from bench.figures import figure, ratio, seconds
from bench.stage import Stage
from dialer.domain.states import Lane
from dialer.engine import rounds
from dialer.engine.release import ReleaseMemory, release
from dialer.engine.unforeseen import Unforeseen
from dialer.ports import Switchboard
from workers.lanes import lane_key

PUSHED = 200
WARM_UP = 8


class Ticking:
    """A crowd with a scheduler's desk before it."""

    def __init__(self, stage: Stage, crowd: Crowd, desk: Switchboard) -> None:
        self.crowd, self._desk = crowd, desk
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

    def _whole_tick(self) -> None:
        report = rounds.tick(self._desk, self._memory)
        assert report.pushed == PUSHED, report

    def _release(self) -> None:
        failed: list[Unforeseen] = []
        assert len(release(self._desk, self._memory, failed)) == PUSHED, failed


def measure(stage: Stage, kind: str, few: int, many: int, ticks: int) -> dict[str, Any]:
    with ticking(stage, kind, few) as small, ticking(stage, kind, many) as large:
        found: dict[str, Any] = {"few_waiting": few, "many_waiting": many, "pushed": PUSHED}
        if large.crowd.has_statistics:
            found["tick_after_load"] = _compare(small, large, ticks, whole=True)
        for each in (small, large):
            each.crowd.take_statistics()
        found["tick"] = _compare(small, large, ticks, whole=True)
        found["release"] = _compare(small, large, ticks, whole=False)
        return found


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
