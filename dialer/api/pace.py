"""How many requests a second one key may send: a bucket for each, in this process alone."""

from __future__ import annotations

import math
from threading import Lock

from dialer.clock import SystemClock
from dialer.ports.switchboard import Clock

#: Buckets that are full again are forgotten when there are so many.
MOST_BUCKETS = 10_000


class Pace:
    """Twice `per_second` at once, then as many as the name says; 0 = no limit."""

    def __init__(self, per_second: float, clock: Clock | None = None) -> None:
        self.per_second = per_second
        self._depth = max(1.0, 2 * per_second)
        self._clock = clock or SystemClock()
        #: key id -> requests left, and when that was true
        self._buckets: dict[str, tuple[float, float]] = {}
        self._lock = Lock()

    def __len__(self) -> int:
        """Keys that are remembered."""
        return len(self._buckets)

    def wait(self, key_id: str) -> int:
        """Whole seconds until this key may send again; 0 = it may now, and has."""
        if self.per_second <= 0:
            return 0
        now = self._clock.boottime()
        with self._lock:
            if len(self._buckets) >= MOST_BUCKETS:
                self._forget_full_ones(now)
            left = self._left(key_id, now)
            if left < 1:
                return math.ceil((1 - left) / self.per_second)
            self._buckets[key_id] = left - 1, now
        return 0

    def _left(self, key_id: str, now: float) -> float:
        left, since = self._buckets.get(key_id, (self._depth, now))
        return min(self._depth, left + (now - since) * self.per_second)

    def _forget_full_ones(self, now: float) -> None:
        self._buckets = {key: kept for key, kept in self._buckets.items() if self._left(key, now) < self._depth}
