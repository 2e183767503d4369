"""The one reader of this machine's clocks; what is stored is the ledger's time, and limits are Redis'."""

from __future__ import annotations

import time
from datetime import UTC, datetime

#: Linux' clock that counts suspend; a laptop that slept must not think its window is still open. Elsewhere: monotonic.
BOOTTIME = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class SystemClock:
    """The Clock of a running process."""

    def boottime(self) -> float:
        """Seconds since boot, suspend included where the system can tell; never steps back."""
        return time.clock_gettime(BOOTTIME)

    def utc(self) -> datetime:
        """Aware wall clock; only to be compared with the ledger's and Redis'."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Returns at once for zero and less: an instant that has passed is not waited for."""
        if seconds > 0:
            time.sleep(seconds)
