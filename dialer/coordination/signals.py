"""Pause, terminate and hold as workers see them, the epoch, and the leader's wake-up call; the ledger is the truth."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from dialer.coordination import keys
from dialer.coordination.connection import RedisServer
from dialer.ports.coordination import Signal


class RedisSignals:
    """Signals over one Redis."""

    def __init__(self, server: RedisServer) -> None:
        self._server = server

    def write(self, signal: Signal) -> None:
        self._server.run("write", (keys.SIGNALS,), (signal.key, signal.word, signal.seq))

    def align(self, signals: Sequence[Signal]) -> tuple[Signal, ...]:
        named = [part for signal in signals for part in (signal.key, signal.word, signal.seq)]
        newer = self._server.run("align", (keys.SIGNALS,), named)
        return tuple(Signal(key, word, int(seq)) for key, word, seq in newer)

    def epoch_stands(self) -> bool:
        return bool(self._server.run("epoch_stands", (keys.EPOCH,)))

    def raise_epoch(self) -> None:
        self._server.run("raise_epoch", (keys.EPOCH, keys.DEBT))

    def witness_tick(self, ledger_id: str, at: datetime) -> None:
        with self._server.reach() as redis:
            redis.set(keys.ticked(ledger_id), at.isoformat())

    def witnessed_tick(self, ledger_id: str) -> datetime | None:
        with self._server.reach() as redis:
            told = redis.get(keys.ticked(ledger_id))
        try:
            return datetime.fromisoformat(str(told)) if told else None
        except ValueError:  # not our words: as good as none
            return None

    def wake(self, *, is_test: bool = False) -> None:
        self._server.run("wake", (keys.WAKE, keys.WAKE_TEST) if is_test else (keys.WAKE,))

    def await_wake(self, seconds: float, *, is_test: bool = False) -> bool:
        return self._server.pop(keys.WAKE_TEST if is_test else keys.WAKE, seconds)
