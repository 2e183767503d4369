"""Doubles of Redis, the lanes and the clock that pass the contract suite of the real ones; time moves when told to."""

from __future__ import annotations

import math
import threading
from bisect import insort
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count

from dialer.domain.call import Claim, Queued
from dialer.domain.placement import Account
from dialer.domain.states import Lane
from dialer.errors import RedisUnreachable
from dialer.ports.coordination import Armed, Bunched, Grant, Refusal, Signal

SECOND = 1_000_000
WITNESS_MICROS = 86_400 * SECOND


class FakeClock:
    """A Clock that stands until it is advanced; sleeping advances it."""

    def __init__(self, utc: datetime = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)) -> None:
        self._began = utc
        self._micros = 0

    def boottime(self) -> float:
        return self._micros / SECOND

    def utc(self) -> datetime:
        return self._began + timedelta(microseconds=self._micros)

    def sleep(self, seconds: float) -> None:
        self.advance(max(0.0, seconds))

    def advance(self, seconds: float) -> None:
        self._micros += round(seconds * SECOND)

    def micros(self) -> int:
        """Since 1970, as Redis' TIME tells it."""
        return (self.utc() - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


@dataclass
class FakeLine:
    """What Redis keeps of one account; instants in microseconds."""

    permits: dict[str, int] = field(default_factory=dict)
    starts: list[int] = field(default_factory=list)
    #: by claim
    armed: dict[str, int] = field(default_factory=dict)
    pace: int = 0

    def has_room(self, now: int, per_second: int) -> bool:
        """Whether a start now keeps every half-open second at `per_second` + 1 or fewer."""
        begins = [start for start in self.starts if start <= now] + [now]
        return all(sum(begin <= start < begin + SECOND for start in self.starts) <= per_second for begin in begins)


class FakeRedis:
    """What Redis keeps: all of it goes at a `wipe`, and `is_up = False` makes it unreachable."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.is_up = True
        self._names = count(1)
        self._lock = threading.RLock()
        self.run_id = ""
        self.restart(empty=True)

    def wipe(self) -> None:
        """FLUSHALL."""
        self.epoch = ""
        self.debt = 0
        self.signals: dict[str, tuple[str, int]] = {}
        self.lines: dict[str, FakeLine] = {}
        self.witnesses: dict[str, tuple[int, str, int]] = {}
        self.lanes: dict[Lane, deque[Queued]] = {lane: deque() for lane in Lane}
        self.notices: deque[str] = deque()
        self.is_woken = self.is_woken_for_a_test = False
        self.ticks: dict[str, datetime] = {}

    def restart(self, empty: bool) -> None:
        """Another process: `empty`, or with what its disk remembered."""
        self.run_id = f"run-{next(self._names)}"
        if empty:
            self.wipe()

    @contextmanager
    def reach(self) -> Iterator[None]:
        """One verb at a time, as Redis executes scripts."""
        with self._lock:
            if not self.is_up:
                raise RedisUnreachable("redis://fake: down (nobody is dialed meanwhile)")
            yield

    def line(self, account: str) -> FakeLine:
        return self.lines.setdefault(account, FakeLine())

    def epoch_stands(self) -> bool:
        return self.epoch == self.run_id


class FakeAdmission:
    """Admission over a FakeRedis."""

    def __init__(self, redis: FakeRedis) -> None:
        self._redis = redis

    def permit(
        self, account: Account, lane: Lane, reference: str, call_id: str = "", number: int = 0
    ) -> Grant | Refusal:
        with self._redis.reach():
            granted = self._permit(account, lane, reference)
            if isinstance(granted, Refusal) or not number:
                return granted
            armed, _, until = self._redis.witnesses.get(call_id, (0, "", 0))
            return replace(granted, is_witnessed=self._redis.clock.micros() < until and armed >= number)

    def arm(self, claim: Claim, most: int = 0) -> Armed | Bunched:
        with self._redis.reach():
            if not self._redis.epoch_stands() or claim.epoch not in ("", self._redis.epoch):
                return Armed.STALE
            if self._is_halted(claim):
                return Armed.HALT
            if claim.reference not in self._redis.line(claim.terms.account).permits:
                return Armed.UNPERMITTED
            now = self._redis.clock.micros()
            if self._is_witnessed(claim, now):
                return Armed.WITNESSED
            armed = self._redis.line(claim.terms.account).armed
            for one in [one for one, at in armed.items() if not now - SECOND < at <= now]:
                del armed[one]
            if most and claim.claim_id not in armed and len(armed) >= most:
                return Bunched((sorted(armed.values())[len(armed) - most] + SECOND - now) / SECOND)
            self._redis.witnesses[claim.call_id] = (claim.number, claim.claim_id, now + WITNESS_MICROS)
            armed[claim.claim_id] = now
            return Armed.GO

    def free(self, account: str, reference: str) -> None:
        with self._redis.reach():
            self._redis.line(account).permits.pop(reference, None)

    def derive(self, account: str, live: Iterable[str], grace_seconds: float) -> None:
        named = set(live)
        with self._redis.reach():
            now, permits = self._redis.clock.micros(), self._redis.line(account).permits
            for reference in named:
                permits.setdefault(reference, now - SECOND - 1)
            oldest = now - round(grace_seconds * SECOND)
            for reference in [each for each, start in permits.items() if start < oldest and each not in named]:
                del permits[reference]
            permits |= {reference: now for reference, start in permits.items() if start > now + SECOND}

    def held(self, account: str) -> int:
        with self._redis.reach():
            return len(self._redis.line(account).permits)

    def _permit(self, account: Account, lane: Lane, reference: str) -> Grant | Refusal:
        if not self._redis.epoch_stands():
            return Refusal("stale", 1.0)
        line, now = self._redis.line(account.name), self._redis.clock.micros()
        held = line.permits.get(reference)
        if held is not None and abs(held - now) <= SECOND:
            return Grant(max(0, held - now) / SECOND, epoch=self._redis.epoch)
        channels = account.channels - (0 if lane is Lane.TEST else account.test_headroom)
        if held is None and len(line.permits) >= channels:
            return Refusal("no channel", 1.0)
        return self._start(line, account.calls_per_second, lane is Lane.TEST, reference, now)

    def _start(self, line: FakeLine, rate: float, is_test: bool, reference: str, now: int) -> Grant | Refusal:
        spacing = math.ceil(SECOND / rate)
        # Further ahead than grants ever reach: the clock was set back.
        pace = line.pace if line.pace <= now + SECOND + 2 * spacing else now + SECOND
        regular = max(now, pace, min(self._redis.debt, now + SECOND))
        line.starts = [start for start in line.starts if now - SECOND < start <= now + SECOND]
        may_jump = is_test and now >= self._redis.debt and regular <= now + SECOND + spacing
        start = now if may_jump and line.has_room(now, math.floor(rate)) else regular
        if start > now + SECOND:
            return Refusal("pace", (start - now - SECOND) / SECOND)
        line.pace = regular + spacing
        line.permits[reference] = start
        insort(line.starts, start)
        return Grant((start - now) / SECOND, epoch=self._redis.epoch)

    def _is_halted(self, claim: Claim) -> bool:
        keys = (
            "all",
            f"w:{claim.terms.name.workspace_id}",
            f"a:{claim.terms.account}",
            Signal.batch_key(claim.batch_id),
        )
        return any(self._redis.signals.get(key, ("go", 0))[0] != "go" for key in keys)

    def _is_witnessed(self, claim: Claim, now: int) -> bool:
        number, claim_id, until = self._redis.witnesses.get(claim.call_id, (0, "", 0))
        return now < until and number >= claim.number and (number, claim_id) != (claim.number, claim.claim_id)


class FakeSignals:
    """Signals over a FakeRedis."""

    def __init__(self, redis: FakeRedis) -> None:
        self._redis = redis

    def write(self, signal: Signal) -> None:
        with self._redis.reach():
            if self._standing(signal.key) <= signal.seq:
                self._redis.signals[signal.key] = (signal.word, signal.seq)

    def align(self, signals: Sequence[Signal]) -> tuple[Signal, ...]:
        with self._redis.reach():
            stored = self._redis.signals
            newer = [Signal(each.key, *stored[each.key]) for each in signals if self._standing(each.key) > each.seq]
            named = {each.key for each in signals}
            halting = ("pause", "terminate", "hold")
            newer += [
                Signal(key, word, seq)
                for key, (word, seq) in stored.items()
                if key not in named and word in halting and seq > 0
            ]
            kept = {each.key: (each.word, each.seq) for each in newer}
            self._redis.signals = {each.key: (each.word, each.seq) for each in signals} | kept
            return tuple(newer)

    def epoch_stands(self) -> bool:
        with self._redis.reach():
            return self._redis.epoch_stands()

    def raise_epoch(self) -> None:
        with self._redis.reach():
            self._redis.debt = self._redis.clock.micros() + SECOND
            self._redis.epoch = self._redis.run_id

    def witness_tick(self, ledger_id: str, at: datetime) -> None:
        with self._redis.reach():
            self._redis.ticks[ledger_id] = at

    def witnessed_tick(self, ledger_id: str) -> datetime | None:
        with self._redis.reach():
            return self._redis.ticks.get(ledger_id)

    def wake(self, *, is_test: bool = False) -> None:
        with self._redis.reach():
            self._redis.is_woken = True
            self._redis.is_woken_for_a_test |= is_test

    def await_wake(self, seconds: float, *, is_test: bool = False) -> bool:
        with self._redis.reach():
            name = "is_woken_for_a_test" if is_test else "is_woken"
            was_woken = bool(getattr(self._redis, name))
            setattr(self._redis, name, False)
        if not was_woken:
            self._redis.clock.sleep(seconds)
        return was_woken

    def _standing(self, key: str) -> int:
        return self._redis.signals.get(key, ("", -1))[1]


class FakeQueue:
    """The lanes in a FakeRedis; `pop` hands out messages as a worker would get them."""

    def __init__(self, redis: FakeRedis) -> None:
        self._redis = redis

    def push(self, calls: Sequence[Queued]) -> None:
        with self._redis.reach():
            for call in calls:
                self._redis.lanes[call.lane].append(call)

    def depths(self) -> Mapping[Lane, int]:
        with self._redis.reach():
            return {lane: len(waiting) for lane, waiting in self._redis.lanes.items()}

    def tell(self, notice_ids: Sequence[str]) -> None:
        with self._redis.reach():
            self._redis.notices.extend(notice_ids)

    def untold(self) -> int:
        with self._redis.reach():
            return len(self._redis.notices)

    def pop_notice(self) -> str | None:
        """The next notice that is to be told; None when there is none."""
        with self._redis.reach():
            return self._redis.notices.popleft() if self._redis.notices else None

    def pop(self) -> Queued | None:
        """The next message, lanes in their strict order; None when all are empty."""
        with self._redis.reach():
            for lane in Lane:
                if self._redis.lanes[lane]:
                    return self._redis.lanes[lane].popleft()
            return None


class FakeCoordination:
    """All doubles on one clock. The epoch stands and its debt is over, unless `is_raised` is False."""

    def __init__(self, clock: FakeClock | None = None, is_raised: bool = True) -> None:
        self.clock = clock or FakeClock()
        self.redis = FakeRedis(self.clock)
        self.admission = FakeAdmission(self.redis)
        self.signals = FakeSignals(self.redis)
        self.queue = FakeQueue(self.redis)
        if is_raised:
            self.signals.raise_epoch()
            self.redis.debt = 0
