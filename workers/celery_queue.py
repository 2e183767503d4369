"""The lanes in Redis: writes messages that a Celery worker takes for its own, hundreds in one round trip.

Celery's own way of publishing costs a third of a millisecond for each message, this one a few microseconds. The form is
protocol 2 of Celery 5.7, reduced to what a worker reads; a contract test has a real worker execute it. What a call's
turn is, and whether a message was worth sending, is decided elsewhere: a lost one is pushed again by the scheduler.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from dialer.coordination.connection import RedisServer
from dialer.domain.call import Queued
from dialer.domain.states import Lane
from dialer.failpoints import reached
from workers.lanes import NOTICES, NOTICES_KEY, TASK_NAME, TELL_NAME, lane_key

_CALL = "<call>"


class CeleryQueue:
    """CallQueue over Celery's Redis lists."""

    def __init__(self, server: RedisServer) -> None:
        self._server = server

    def push(self, calls: Sequence[Queued]) -> None:
        """Every call to its lane in one transaction; RedisUnreachable when it cannot be known whether it arrived."""
        by_lane: dict[Lane, list[str]] = defaultdict(list)
        for call in calls:
            by_lane[call.lane].append(message(call))
        if not by_lane:
            return
        with self._server.reach() as redis, redis.pipeline() as pipe:
            for lane, messages in by_lane.items():
                pipe.lpush(lane_key(lane), *messages)
                reached("push.lane")
            pipe.execute()

    def tell(self, notice_ids: Sequence[str]) -> None:
        """Every notice in one push; RedisUnreachable when it cannot be known whether they arrived."""
        if notice_ids:
            with self._server.reach() as redis:
                redis.lpush(NOTICES_KEY, *map(notice_message, notice_ids))

    def untold(self) -> int:
        with self._server.reach() as redis:
            return int(redis.llen(NOTICES_KEY))

    def depths(self) -> Mapping[Lane, int]:
        """Messages waiting, not those that workers hold."""
        with self._server.reach() as redis, redis.pipeline(transaction=False) as pipe:
            for lane in Lane:
                pipe.llen(lane_key(lane))
            return dict(zip(Lane, pipe.execute(), strict=True))


def message(call: Queued) -> str:
    """One call's message: an id that says which push of which call it was, and neither number nor name."""
    return call.call_id.join(_form(call.lane, call.push_seq))


@lru_cache(maxsize=1024)
def _form(lane: Lane, push_seq: int) -> list[str]:
    """What stands around the call's id: a tick writes hundreds of messages, and an id needs no escaping."""
    return _message(TASK_NAME, lane.queue, f"{_CALL}.{push_seq}", [_CALL, push_seq]).split(_CALL)


def notice_message(notice_id: str) -> str:
    """One notice's: neither where it goes nor what it says."""
    return _message(TELL_NAME, NOTICES, notice_id, [notice_id])


def _message(task: str, queue: str, ident: str, arguments: list[Any]) -> str:
    """As a Celery worker reads it; `ident` is also what Flower shows."""
    return json.dumps(
        {
            "body": json.dumps([arguments, {}, None]),
            "content-encoding": "utf-8",
            "content-type": "application/json",
            "headers": {
                "task": task,
                "shadow": f"{task} [{queue.rpartition('.')[2]}]",  # its name in Flower, to look for a lane by
                "id": ident,
                "root_id": ident,
                "ignore_result": True,
            },
            "properties": {"delivery_tag": ident, "delivery_info": {"exchange": "", "routing_key": queue}},
        }
    )
