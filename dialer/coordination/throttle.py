"""How often each API key may come, counted in Redis for all servers; the arithmetic is in lua/throttle.lua."""

from __future__ import annotations

import math

from dialer.coordination import keys
from dialer.coordination.connection import RedisServer

SECOND = 1_000_000


class RedisThrottle:
    """Throttle over one Redis. It needs no epoch: a wiped one lets a key begin anew, and nobody is dialed by that."""

    def __init__(self, server: RedisServer) -> None:
        self._server = server

    def wait(self, key_id: str, per_second: float) -> float:
        spacing = math.ceil(SECOND / per_second)
        ahead = math.floor(SECOND * max(1.0, 2 * per_second) / per_second) - spacing
        micros = self._server.run("throttle", (keys.requests(key_id),), (spacing, max(0, ahead)))
        return float(micros) / SECOND
