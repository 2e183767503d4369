"""Calls per second that several worker processes share: all of them used, never more, and no channel too many."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

from redis import Redis

from bench.at_work import at_work
from bench.contenders import phones
from bench.crowd import AGENT, WORKSPACE
from bench.figures import figure
from bench.stage import Stage
from bench.stub import Stub
from dialer.coordination import keys

WORKERS, SLOTS, PROVIDER_MS = 2, 32, 50
LOOK_SECONDS = 0.2
#: Calls that are placed before anything counts: processes start, and connections are made.
WARM_UP_SECONDS = 2.0
PATIENCE_SECONDS = 60.0
#: A provider that takes this long, and so many channels at a pace that would fill more.
SLOW_MS, CHANNELS = 200, 10


def measure(stage: Stage, kind: str, paces: Sequence[int], seconds: float) -> dict[str, Any]:
    found: dict[str, Any] = {"workers": WORKERS, "seconds": seconds, "at": {}}
    with Stub() as stub:
        for pace in paces:
            found["at"][str(pace)] = _paced(stage, kind, stub, pace, seconds)
        found["channels"] = _channelled(stage, kind, stub, seconds)
    return found


def _paced(stage: Stage, kind: str, stub: Stub, pace: int, seconds: float) -> dict[str, Any]:
    with stage.ledger(kind) as url:
        configuration = stage.configuration(url, stub.url(PROVIDER_MS), calls_per_second=float(pace), channels=200)
        count = int(pace * (seconds + WARM_UP_SECONDS + 2)) + 5
        starts, arrivals = _watched(stage, stub, configuration, count, seconds)
    begins = arrivals[0] + WARM_UP_SECONDS
    counted = [came for came in arrivals if begins <= came < begins + seconds]
    return {
        # Between the first and the last of them: at one call a second a count of whole calls would tell little.
        "used": figure([(len(counted) - 1) / (counted[-1] - counted[0]) / pace]),
        "most_starts_in_a_second": figure([float(most_within(starts, 1.0))]),
        "most_arrivals_in_a_second": figure([float(most_within(arrivals, 1.0))]),
        "starts_allowed": pace + 1,
        "arrivals_allowed": 1.05 * pace + 2,
    }


def _channelled(stage: Stage, kind: str, stub: Stub, seconds: float) -> dict[str, Any]:
    with stage.ledger(kind) as url:
        configuration = stage.configuration(url, stub.url(SLOW_MS), calls_per_second=200.0, channels=CHANNELS)
        _watched(stage, stub, configuration, int(CHANNELS * seconds / SLOW_MS * 1000), seconds)
        return {"allowed": CHANNELS, "most": figure([float(stub.most())])}


def _watched(
    stage: Stage, stub: Stub, configuration: Any, count: int, seconds: float
) -> tuple[list[float], list[float]]:
    """Start instants as Redis granted them, arrivals as the stub saw them."""
    redis = Redis.from_url(stage.redis.url)
    redis.flushall()
    stub.forget()
    starts: set[float] = set()
    with at_work(stage, stub, configuration, WORKERS, SLOTS) as house:
        spec = {"workspace_id": WORKSPACE, "agent_id": AGENT, "batch_ref": "pace"}
        house.dialer.load_batch(spec, ({"phone": phone} for phone in phones(count)))
        give_up_at = time.monotonic() + PATIENCE_SECONDS + seconds
        ends_at: float | None = None
        while time.monotonic() < (ends_at or give_up_at):
            starts |= {instant / 1e6 for _, instant in redis.zrange(keys.starts("bench"), 0, -1, withscores=True)}
            if ends_at is None and stub.count():
                ends_at = time.monotonic() + WARM_UP_SECONDS + seconds
            time.sleep(LOOK_SECONDS)
        arrivals = sorted(came for _, came in stub.arrivals())
    if not arrivals:
        raise RuntimeError(f"nobody was dialed within {PATIENCE_SECONDS:.0f} s")
    return sorted(starts), arrivals


def most_within(instants: Sequence[float], seconds: float) -> int:
    """In any half-open stretch of so many seconds."""
    return max((bisect_left(instants, each + seconds) - at for at, each in enumerate(instants)), default=0)
