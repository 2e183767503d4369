"""Ids that sort in the order in which they were made (UUID version 7)."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from threading import Lock

from dialer.domain.zones import EPOCH

_COUNTER_BITS = 32
_RANDOM_BITS = 42
_LOW_BITS = 62
_MILLISECOND = timedelta(milliseconds=1)


class IdMaker:
    """Makes ids that ascend within this process, whatever the clock does; thread-safe."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._millisecond = 0
        self._counter = 0

    def take(self, now: datetime, count: int = 1) -> list[str]:
        """`count` ids, ascending, above all that this maker made before."""
        millisecond, first = self._reserve((now - EPOCH) // _MILLISECOND, count)
        salt = secrets.randbits(_RANDOM_BITS)
        return [_spell(millisecond, first + index, salt) for index in range(count)]

    def _reserve(self, millisecond: int, count: int) -> tuple[int, int]:
        with self._lock:
            if millisecond > self._millisecond:
                self._millisecond, self._counter = millisecond, 0
            elif self._counter + count >= 1 << _COUNTER_BITS:
                self._millisecond, self._counter = self._millisecond + 1, 0
            first = self._counter
            self._counter += count
            return self._millisecond, first


def _spell(millisecond: int, counter: int, salt: int) -> str:
    payload = counter << _RANDOM_BITS | salt
    high = millisecond << 16 | 0x7000 | payload >> _LOW_BITS
    low = 1 << 63 | payload & (1 << _LOW_BITS) - 1
    digits = f"{high << 64 | low:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
