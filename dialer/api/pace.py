"""How many requests a second one key may send: counted in Redis for all servers, or by each while Redis is away.

Without Redis the limit neither falls nor shuts the door: what is loaded then is as safe as ever, and nobody is dialed.
"""

from __future__ import annotations

import math
from threading import Lock

from dialer.clock import SystemClock
from dialer.errors import RedisUnreachable
from dialer.ports.coordination import Throttle
from dialer.ports.switchboard import Clock

#: Buckets that are full again are forgotten when there are so many.
MOST_BUCKETS = 10_000
#: A Redis that gave no answer is not asked again for so long: each question may take seconds.
AWAY_SECONDS = 5.0


class Pace:
    """Twice `per_second` at once, then as many as it says; 0 = no limit. `shared` None = in this process alone."""

    def __init__(self, per_second: float, shared: Throttle | None = None, clock: Clock | None = None) -> None:
        self.per_second = per_second
        self._clock = clock or SystemClock()
        self._shared = shared
        self._alone = Buckets(self._clock)
        self._away_until = float("-inf")

    def wait(self, key_id: str) -> int:
        """Whole seconds until this key may send again; 0 = it may now, and has."""
        if self.per_second <= 0:
            return 0
        return math.ceil(self._counted(key_id))

    def _counted(self, key_id: str) -> float:
        if self._shared is not None and self._clock.boottime() >= self._away_until:
            try:
                return self._shared.wait(key_id, self.per_second)
            except RedisUnreachable:
                self._away_until = self._clock.boottime() + AWAY_SECONDS
        return self._alone.wait(key_id, self.per_second)


class Buckets:
    """`dialer.ports.coordination.Throttle` of one process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        #: key id -> requests left, and when that was true
        self._buckets: dict[str, tuple[float, float]] = {}
        self._lock = Lock()

    def __len__(self) -> int:
        """Keys that are remembered."""
        return len(self._buckets)

    def wait(self, key_id: str, per_second: float) -> float:
        now = self._clock.boottime()
        with self._lock:
            if len(self._buckets) >= MOST_BUCKETS:
                self._forget_full_ones(now, per_second)
            left = self._left(key_id, now, per_second)
            if left < 1:
                return (1 - left) / per_second
            self._buckets[key_id] = left - 1, now
        return 0.0

    def _left(self, key_id: str, now: float, per_second: float) -> float:
        depth = max(1.0, 2 * per_second)
        left, since = self._buckets.get(key_id, (depth, now))
        return min(depth, left + (now - since) * per_second)

    def _forget_full_ones(self, now: float, per_second: float) -> None:
        depth = max(1.0, 2 * per_second)
        self._buckets = {key: kept for key, kept in self._buckets.items() if self._left(key, now, per_second) < depth}
