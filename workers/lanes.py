"""Decides how lanes look in Redis and on a worker's command line; what is pushed to them is celery_queue's matter."""

from __future__ import annotations

from collections.abc import Iterable

from dialer.coordination.keys import PREFIX
from dialer.domain.states import Lane

TASK_NAME = "dialer.dial"
TELL_NAME = "dialer.tell"
#: Not a lane: what waits here is no call. A message takes a slot for as long as it takes to hand it to `Telling`.
NOTICES = "dialer.notices"
NOTICES_KEY = PREFIX + NOTICES


def lane_key(lane: Lane) -> str:
    """The Redis list of a lane, e.g. `dlr:dialer.high`."""
    return PREFIX + lane.queue


def queues_of(lanes: Iterable[Lane]) -> list[str]:
    """What a worker with these lanes serves, in this order.

    Notices stand behind test calls and before all others: at the end they would wait until the last call is dialed, for
    a day perhaps, and here they cost a call less than a millisecond. A worker for test calls alone serves nothing else.
    """
    served = list(lanes)
    queues = [lane.queue for lane in served]
    if any(lane is not Lane.TEST for lane in served):
        queues.insert(1 if served[0] is Lane.TEST else 0, NOTICES)
    return queues


def lanes_of(queues: Iterable[str]) -> tuple[Lane, ...]:
    """The lanes behind queue names, most urgent first whatever order they were given in; others are left out."""
    wanted = set(queues)
    return tuple(lane for lane in Lane if lane.queue in wanted)
