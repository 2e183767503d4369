"""Shifts the wall clock of the process that finds this first on PYTHONPATH; clocks that count durations stay right.

CHAOS_CLOCK is a list of `after:offset`, both in seconds: from `after` seconds on the clock is `offset` seconds off.
"""

from __future__ import annotations

import datetime
import os
import time

_STEPS = [tuple(float(part) for part in step.split(":")) for step in os.environ["CHAOS_CLOCK"].split(",")]
_BEGAN = time.monotonic()
_time, _time_ns, _datetime = time.time, time.time_ns, datetime.datetime


def _offset() -> float:
    age = time.monotonic() - _BEGAN
    return [offset for after, offset in _STEPS if age >= after][-1]


class _Metaclass(type(_datetime)):  # type: ignore[misc]
    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, _datetime)

    def __subclasscheck__(cls, kind: type) -> bool:
        return issubclass(kind, _datetime)


class _Shifted(_datetime, metaclass=_Metaclass):  # type: ignore[misc, valid-type]
    """What `datetime.datetime` becomes: its instances are plain ones."""

    def __new__(cls, *args, **kwargs):  # type: ignore[no-untyped-def]
        return _datetime(*args, **kwargs)

    @classmethod
    def now(cls, tz=None):  # type: ignore[no-untyped-def]
        return _datetime.fromtimestamp(time.time(), tz)

    @classmethod
    def utcnow(cls):  # type: ignore[no-untyped-def]
        return _datetime.fromtimestamp(time.time(), datetime.UTC).replace(tzinfo=None)


_Shifted.__name__ = _Shifted.__qualname__ = "datetime"
_Shifted.__module__ = "datetime"
time.time = lambda: _time() + _offset()
time.time_ns = lambda: _time_ns() + int(_offset() * 1e9)
datetime.datetime = _Shifted  # type: ignore[misc]
