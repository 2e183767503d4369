"""Redis as the workers see it: limits, signals, and the epoch that makes both trustworthy; it may be wiped any time."""

from __future__ import annotations

from dialer.coordination.admission import RedisAdmission
from dialer.coordination.connection import RedisServer, ServerFacts
from dialer.coordination.faults import mended_in
from dialer.coordination.signals import RedisSignals
from dialer.coordination.throttle import RedisThrottle

__all__ = [
    "Coordination",
    "RedisAdmission",
    "RedisServer",
    "RedisSignals",
    "RedisThrottle",
    "ServerFacts",
    "mended_in",
    "open_coordination",
]


class Coordination:
    """All ports on one Redis; safe to share between threads."""

    def __init__(self, server: RedisServer) -> None:
        #: for whoever keeps further keys on the same Redis, the lanes say
        self.server = server
        self.admission = RedisAdmission(server)
        self.signals = RedisSignals(server)
        self.throttle = RedisThrottle(server)

    def ping(self) -> ServerFacts:
        """What the server says of itself; raises RedisUnreachable."""
        return self.server.ping()

    def stands_open(self) -> bool:
        """Whether somebody without name or password could read our keys; raises RedisUnreachable."""
        return self.server.stands_open()

    def close(self) -> None:
        self.server.close()


def open_coordination(url: str) -> Coordination:
    """Nothing is sent yet: an unreachable Redis shows at the first question. A url it cannot use is ConfigInvalid."""
    return Coordination(RedisServer(url))
