"""How long a person waits: from a test call's API to its request at the provider, and until a pause holds everybody."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from redis import Redis

from bench.at_work import House, at_work
from bench.contenders import phones
from bench.crowd import AGENT, RUNNING, WORKSPACE, Crowd
from bench.figures import figure
from bench.stage import Stage
from bench.stub import Stub

SLOTS = 64
#: The provider of test calls answers at once; the big pool's takes long enough to hold every slot.
PROVIDER_MS = 300
CALLS_PER_SECOND, CHANNELS = 1000.0, 201
PATIENCE_SECONDS = 60.0
FULL_SECONDS = 3.0
#: The one batch that is dialed: another's calls would come after a pause of this one.
DIALED = RUNNING[0]
#: After a pause returned, nothing may come later than this.
WATCHED_SECONDS = 0.5
MOMENTS = 10


def measure(stage: Stage, kind: str, count: int, probes: int) -> dict[str, Any]:
    with Stub() as stub, stage.ledger(kind) as url:
        Redis.from_url(stage.redis.url).flushall()
        crowd = Crowd(stage, url, count).take_statistics()
        limits = {"calls_per_second": CALLS_PER_SECOND, "channels": CHANNELS}
        configuration = stage.configuration(url, stub.url(PROVIDER_MS), **limits)
        with at_work(stage, stub, configuration, 1, SLOTS) as house:
            _test_call(house, 0)
            found: dict[str, Any] = {"calls": count, "probes": probes}
            found["test_call_free_ms"] = figure([_test_call(house, 1 + probe) for probe in range(probes)])
            _keep_busy(crowd, house)
            found["test_call_busy_ms"] = figure(
                [_fed(crowd, house, lambda probe=probe: _test_call(house, 10_000 + probe)) for probe in range(probes)]
            )
            found["last_start_after_pause_ms"] = figure(
                [_fed(crowd, house, lambda: _pause(house), probe) for probe in range(max(3, probes * 3 // 5))]
            )
    return found


def _test_call(house: House, number: int) -> float:
    phone = phones(number + 1)[-1].replace("+614", "+613")
    spec = {"workspace_id": WORKSPACE, "agent_id": AGENT, "batch_ref": f"test-{number}", "phone": phone}
    called = time.monotonic()
    house.dialer.test_call(spec)
    while True:
        came = next((at for to, at in house.stub.arrivals() if to == phone), None)
        if came is not None:
            return 1000 * (came - called)
        if time.monotonic() > called + PATIENCE_SECONDS:
            raise RuntimeError(f"the test call {number} never came")
        time.sleep(0.05)


def _keep_busy(crowd: Crowd, house: House) -> None:
    crowd.fall_due(int(SLOTS * 1000 / PROVIDER_MS * (FULL_SECONDS + 2)), [DIALED])
    time.sleep(FULL_SECONDS)


def _fed(crowd: Crowd, house: House, probe: Callable[[], float], number: int = 0) -> float:
    """Every slot is busy before, and has more to do.

    After a pause all slots start together, and end together a provider's answer later: each probe comes at another
    moment of that, or none would meet a request that is about to start.
    """
    crowd.fall_due(int(SLOTS * 1000 / PROVIDER_MS), [DIALED])
    time.sleep(0.2 + PROVIDER_MS / 1000 * (number % MOMENTS) / MOMENTS)
    house.stub.forget()
    return probe()


def _pause(house: House) -> float:
    """Milliseconds from the return of a pause to the last request that came after it; 0 where none did."""
    house.dialer.pause_batch(WORKSPACE, AGENT, DIALED)
    returned = time.monotonic()
    time.sleep(WATCHED_SECONDS)
    # A request without a number is not a placement: the provider is told to pause, too, from the outbox.
    last = max((at for to, at in house.stub.arrivals() if to), default=returned)
    house.dialer.resume_batch(WORKSPACE, AGENT, DIALED)
    return max(0.0, 1000 * (last - returned))
