"""Ids that sort in the order in which they were made (UUID version 7)."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from threading import Lock

from dialer.domain.zones import EPOCH

#: Of the 74 bits behind the millisecond. The salt fills ten hexadecimal digits, and the counter's last byte two.
_COUNTER_BITS = 34
_SALT_BITS = 40
_MILLISECOND = timedelta(milliseconds=1)
_BYTES = [f"{byte:02x}" for byte in range(256)]


class IdMaker:
    """Makes ids that ascend within this process, whatever the clock does; thread-safe."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._millisecond = 0
        self._counter = 0

    def take(self, now: datetime, count: int = 1) -> list[str]:
        """`count` ids, ascending, above all that this maker made before."""
        millisecond, first = self._reserve((now - EPOCH) // _MILLISECOND, count)
        salt = f"{secrets.randbits(_SALT_BITS):010x}"
        last, ids = first + count - 1, []
        for high in range(first >> 8, (last >> 8) + 1):
            lows = _BYTES[first & 255 if high == first >> 8 else 0 : (last & 255) + 1 if high == last >> 8 else 256]
            head = _head(millisecond, high)
            ids += [f"{head}{low}{salt}" for low in lows]
        return ids

    def _reserve(self, millisecond: int, count: int) -> tuple[int, int]:
        with self._lock:
            if millisecond > self._millisecond:
                self._millisecond, self._counter = millisecond, 0
            elif self._counter + count >= 1 << _COUNTER_BITS:
                self._millisecond, self._counter = self._millisecond + 1, 0
            first = self._counter
            self._counter += count
            return self._millisecond, first


def _head(millisecond: int, counter: int) -> str:
    """All digits but the counter's last byte and the salt: 48 bits of time, version, 12 bits, variant, 14 bits."""
    time, top, rest = f"{millisecond:012x}", counter >> 14, 0x8000 | counter & 0x3FFF
    return f"{time[:8]}-{time[8:]}-{0x7000 | top:04x}-{rest:04x}-"
