"""What the contract tests hold in their hands: a real Redis, or the doubles, with a clock that moves when told to."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Protocol, TypeVar

from dialer.api.pace import Buckets
from dialer.coordination import Coordination, RedisServer, keys
from dialer.coordination.connection import VERBS, script
from dialer.domain.batch import BatchName, BatchTerms, CohortZones
from dialer.domain.call import Claim
from dialer.domain.placement import Account
from dialer.domain.states import Lane
from dialer.ports.coordination import Admission, Signals, Throttle
from dialer.testing.coordination import SECOND, FakeCoordination

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
PHONE = "+61491570156"
CLOCK = "clock-of-the-test"
AnyRig = TypeVar("AnyRig", bound="Rig")


class Rig(Protocol):
    """Both ports, and what a test must be able to do to what is behind them."""

    admission: Admission
    signals: Signals
    throttle: Throttle

    def advance(self, seconds: float) -> None: ...

    def now(self) -> int:
        """Microseconds, by the clock that limits are reckoned by."""
        ...

    def instants(self, account: str) -> dict[str, int]:
        """The start instant of each reference that holds a channel, microseconds."""
        ...

    def wipe(self) -> None: ...


class ClockedServer(RedisServer):
    """A real Redis whose scripts read the time from a key, so that no test has to wait."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        clock = f"redis.call('HMGET', '{CLOCK}', 'seconds', 'micros')"
        for verb in VERBS:
            text = script(verb)
            assert text.count("redis.call('TIME')") == 1
            self._verbs[verb] = self._redis.register_script(text.replace("redis.call('TIME')", clock))


class RedisRig:
    def __init__(self, url: str) -> None:
        self.server = ClockedServer(url)
        self.coordination = Coordination(self.server)
        self.admission: Admission = self.coordination.admission
        self.signals: Signals = self.coordination.signals
        self.throttle: Throttle = self.coordination.throttle
        self._now = 1_795_000_000 * SECOND
        self.advance(0)

    def advance(self, seconds: float) -> None:
        self._now += round(seconds * SECOND)
        with self.server.reach() as redis:
            redis.hset(CLOCK, mapping={"seconds": self._now // SECOND, "micros": self._now % SECOND})

    def now(self) -> int:
        return self._now

    def instants(self, account: str) -> dict[str, int]:
        return instants(self.server, account)

    def wipe(self) -> None:
        with self.server.reach() as redis:
            redis.flushall()
        self.advance(0)


class FakeRig:
    def __init__(self) -> None:
        self.fake = FakeCoordination(is_raised=False)
        self.admission: Admission = self.fake.admission
        self.signals: Signals = self.fake.signals
        self.throttle: Throttle = Buckets(self.fake.clock)

    def advance(self, seconds: float) -> None:
        self.fake.clock.advance(seconds)

    def now(self) -> int:
        return self.fake.clock.micros()

    def instants(self, account: str) -> dict[str, int]:
        return dict(self.fake.redis.line(account).permits)

    def wipe(self) -> None:
        self.fake.redis.wipe()


def instants(server: RedisServer, account: str) -> dict[str, int]:
    with server.reach() as redis:
        held: list[tuple[str, float]] = redis.zrange(keys.permits(account), 0, -1, withscores=True)  # type: ignore[assignment]
        return {reference: int(start) for reference, start in held}


def raised(rig: AnyRig) -> AnyRig:
    """The epoch stands, and its second of debt is over."""
    rig.signals.raise_epoch()
    rig.advance(1)
    return rig


def an_account(name: str = "main", calls_per_second: float = 1000.0, channels: int = 50) -> Account:
    return Account(name, "inspra", "https://provider.test", calls_per_second=calls_per_second, channels=channels)


def a_claim(
    number: int = 1,
    claim_id: str = "claim-1",
    call_id: str = "call-1",
    reference: str = "ref-1",
    batch_id: str = "batch-1",
    epoch: str = "",
) -> Claim:
    terms = BatchTerms(BatchName("clinic", "agent", "spring"), "main", nbf=NOON, exp=NOON)
    return Claim(
        claim_id=claim_id,
        call_id=call_id,
        batch_id=batch_id,
        number=number,
        reference=reference,
        phone=PHONE,
        variables='{"name": "Ada"}',
        timezone=None,
        lane=Lane.NORMAL,
        terms=terms,
        zones=CohortZones(rules=("Australia/Sydney",)),
        wire_ref="spring",
        kept={},
        claimed_at=NOON,
        closes_at=NOON,
        attempts_spent=0,
        max_retries=0,
        suppression=None,
        control_seq=0,
        epoch=epoch,
    )


def most_in_a_second(starts: Iterable[int]) -> int:
    """The most start instants in any half-open second."""
    ordered = sorted(starts)
    return max((sum(first <= start < first + SECOND for start in ordered) for first in ordered), default=0)
