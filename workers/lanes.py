"""Decides how lanes look in Redis and on a worker's command line; what is pushed to them is celery_queue's matter."""

from __future__ import annotations

from collections.abc import Iterable

from dialer.coordination.keys import PREFIX
from dialer.domain.states import Lane

TASK_NAME = "dialer.dial"


def lane_key(lane: Lane) -> str:
    """The Redis list of a lane, e.g. `dlr:dialer.high`."""
    return PREFIX + lane.queue


def lanes_of(queues: Iterable[str]) -> tuple[Lane, ...]:
    """The lanes behind queue names, most urgent first whatever order they were given in; others are left out."""
    wanted = set(queues)
    return tuple(lane for lane in Lane if lane.queue in wanted)
