"""A whole dialer on one clock that stands until told: a real ledger, fake Redis, lanes and providers; no threads."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import event

from dialer.domain.batch import Batch
from dialer.domain.call import CallRecord
from dialer.domain.placement import Account, Answer, AnswerKind, Capabilities, Placement, Progress
from dialer.domain.receipt import LoadReceipt
from dialer.domain.spec import BatchSpec
from dialer.domain.states import AttemptState, CallState, Lane, Outcome
from dialer.domain.status import BatchStatus
from dialer.engine import control, ingest, rounds
from dialer.engine.dispatch import Dispatched, WorkerIdentity, dispatch
from dialer.engine.reconcile import Asked
from dialer.engine.release import ReleaseMemory
from dialer.facade import Dialer
from dialer.ledger.ledger import SqlLedger
from dialer.ledger.sqlite import Sqlite
from dialer.ledger.transactions import backend_of
from dialer.ports import HouseRules, Switchboard
from dialer.testing.coordination import FakeClock, FakeCoordination
from dialer.testing.providers import FakeProvider

#: A Monday: 11:00 in Melbourne, 08:00 in Perth.
START = datetime(2026, 11, 23, tzinfo=UTC)
SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
#: A provider that reports no outcome and holds calls of its own, as inspra.
HANDS_OFF = Capabilities(reports_outcomes=False, can_find=False, relays_control=True)
ME = WorkerIdentity("worker-1", "boot-1")
_FOREVER = 10_000

_STANDING_CLOCK = """
CREATE SCHEMA standing;
CREATE TABLE standing.clock (now timestamptz NOT NULL);
INSERT INTO standing.clock VALUES (pg_catalog.clock_timestamp());
CREATE FUNCTION standing.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE
  AS 'SELECT now FROM standing.clock';
"""


class PostgresClock(FakeClock):
    """Tells a PostgreSQL ledger the time, too: its own clock_timestamp() is hidden behind ours."""

    def __init__(self, utc: datetime, url: str) -> None:
        super().__init__(utc)
        self._line = psycopg.connect(url, autocommit=True)
        self._line.execute(_STANDING_CLOCK)
        self._line.execute(f"ALTER DATABASE {self._line.info.dbname} SET search_path = standing, pg_catalog, public")
        self._tell()

    def advance(self, seconds: float) -> None:
        super().advance(seconds)
        self._tell()

    def close(self) -> None:
        self._line.close()

    def _tell(self) -> None:
        self._line.execute("UPDATE standing.clock SET now = %s", [self.utc()])


def _on_standing_clock(backend: Sqlite, clock: FakeClock) -> None:
    def connect(connection: Any, record: Any) -> None:
        connection.create_function("strftime", 2, lambda *_: clock.utc().isoformat(" ", "microseconds")[:26])
        connection.execute("PRAGMA synchronous=OFF")  # nobody cuts the power of a test

    event.listen(backend.engine, "connect", connect)


def open_on(url: str, clock: FakeClock) -> SqlLedger:
    """The ledger at this address, its clock standing where ours stands."""
    backend = backend_of(url)
    if isinstance(backend, Sqlite):
        _on_standing_clock(backend, clock)
    return SqlLedger(backend)


def an_account(name: str = "au", **given: Any) -> Account:
    limits: dict[str, Any] = {"calls_per_second": 100.0, "channels": 50, "caller_id": "+61390000000"}
    return Account(name, "fake", "https://au.example", **{**limits, **given})


def phone(index: int) -> str:
    """A Melbourne landline."""
    return f"+6138777{index:04d}"


def phones(count: int, first: int = 0) -> list[str]:
    return [phone(first + index) for index in range(count)]


def rows(numbers: Sequence[str], **fields: Any) -> list[dict[str, Any]]:
    return [{"phone": number, **fields} for number in numbers]


def an_answer(kind: AnswerKind, detail: str = "the provider's words", **given: Any) -> Answer:
    return Answer(kind, detail, **given)


class DeskDialer(Dialer):
    """The Python API over a desk that stands already."""

    def __init__(self, desk: Switchboard) -> None:
        self._sit_down(desk)


@dataclass
class Rig:
    """One dialer: load, tick, work, ask, and look. Time moves by `later` only, and by the pace of calls."""

    url: str
    accounts: dict[str, Account] = field(default_factory=lambda: {"au": an_account()})
    providers: dict[str, FakeProvider] = field(default_factory=lambda: {"au": FakeProvider()})
    rules: HouseRules = field(default_factory=HouseRules)
    start: datetime = START
    memory: ReleaseMemory = field(default_factory=ReleaseMemory)

    def __post_init__(self) -> None:
        is_file = self.url.startswith("sqlite")
        self.clock = FakeClock(self.start) if is_file else PostgresClock(self.start, self.url)
        self.world = FakeCoordination(self.clock)
        self.redis = self.world.redis
        self.ledger = open_on(self.url, self.clock)
        self.rules = replace(self.rules, default_provider=next(iter(self.accounts)))
        for name, account in self.accounts.items():
            self.ledger.accounts.ensure(name, account.minimum_balance, "keys")
        self.beat()

    @property
    def desk(self) -> Switchboard:
        world = self.world
        return Switchboard(
            self.ledger,
            world.admission,
            world.signals,
            world.queue,
            self.clock,
            self.accounts,
            self.providers,
            self.rules,
        )

    @property
    def dialer(self) -> Dialer:
        return DeskDialer(self.desk)

    @property
    def provider(self) -> FakeProvider:
        return self.providers[self.rules.default_provider]

    @property
    def placed(self) -> list[str]:
        """Numbers that a placement request left for, in order, whatever the account."""
        return [placement.phone for provider in self.providers.values() for placement in provider.placed]

    @property
    def now(self) -> datetime:
        return self.clock.utc()

    def close(self) -> None:
        self.ledger.close()
        if isinstance(self.clock, PostgresClock):
            self.clock.close()

    def load(self, numbers: Sequence[Any] = (), ref: str = "spring", **given: Any) -> Batch:
        """A batch of numbers or rows, loaded to its last row."""
        return self.batch_of(self.receipt(numbers, ref, **given))

    def receipt(self, numbers: Sequence[Any] = (), ref: str = "spring", **given: Any) -> LoadReceipt:
        resume = given.pop("resume", False)
        loaded = [{"phone": row} if isinstance(row, str) else row for row in numbers]
        return ingest.load(self.desk, self.spec(ref, **given), loaded, resume=resume)

    def spec(self, ref: str = "spring", **given: Any) -> BatchSpec:
        return BatchSpec(**{"workspace_id": "w1", "agent_id": "a1", "batch_ref": ref, **given})

    def batch_of(self, receipt: LoadReceipt) -> Batch:
        batch = self.ledger.batches.get(receipt.batch_id)
        assert batch is not None
        return batch

    def again(self, batch: Batch) -> Batch:
        """The batch as it stands now."""
        found = self.ledger.batches.get(batch.batch_id)
        assert found is not None
        return found

    def beat(self) -> None:
        """A worker and a scheduler are alive."""
        self.ledger.workers.beat(ME.worker, ME.boot_id, list(Lane))
        self.ledger.workers.lead("scheduler-1", HOUR)
        self.ledger.workers.ticked("scheduler-1")

    def later(self, after: timedelta) -> None:
        self.clock.advance(after.total_seconds())
        self.beat()

    def tick(self) -> rounds.TickReport:
        """What the leading scheduler does each second."""
        if not self.world.signals.epoch_stands():
            rounds.rebuild(self.desk)
            self.redis.debt = 0  # the second that it waits is coordination's to test
        report = rounds.tick(self.desk, self.memory)
        self.beat()
        return report

    def work(self, limit: int = _FOREVER, me: WorkerIdentity = ME) -> list[Dispatched]:
        """Deliver queued messages to one worker, one after the other."""
        return [dispatch(*message, self.desk, me) for message in self._messages(limit)]

    def _messages(self, limit: int) -> Iterator[tuple[str, int]]:
        for _ in range(limit):
            queued = self.world.queue.pop()
            if queued is None:
                return
            yield queued.call_id, queued.push_seq

    def step(self) -> list[Dispatched]:
        """One tick, and all that it pushed."""
        self.tick()
        return self.work()

    def ask(self, after: timedelta = timedelta()) -> list[Asked]:
        """Ask providers about what is due, once `after` has passed."""
        self.later(after)
        return rounds.ask_around(self.desk)

    def end(self, number: str, outcome: Outcome | None = Outcome.ANSWERED) -> None:
        """The provider will say that its latest call to this number has ended so."""
        latest = self.provider.placements_to(number)[-1]
        call_id = self.provider.accept(latest).provider_call_id
        assert call_id is not None
        self.provider.told[call_id] = Progress(ended=True, outcome=outcome)

    def end_all(self, outcome: Outcome = Outcome.ANSWERED) -> None:
        for number in set(self.placed):
            self.end(number, outcome)

    def dial(self, number: str, outcome: Outcome = Outcome.ANSWERED) -> None:
        """Place what is due, and settle the call to this number."""
        self.step()
        self.end(number, outcome)
        self.ask(5 * SECOND)

    def call(self, batch: Batch, number: str | None = None) -> CallRecord:
        """The call to this number, or the only one."""
        [record] = [each for each in self.calls(batch) if number in (None, each.phone)]
        return record

    def calls(self, batch: Batch) -> list[CallRecord]:
        return list(self.dialer.calls(batch.batch_id))

    def attempts(self, batch: Batch, number: str | None = None) -> list[AttemptState]:
        return [attempt.state for attempt in self.call(batch, number).attempts]

    def status(self, batch: Batch) -> BatchStatus:
        return self.dialer.status(batch.batch_id)

    def why(self, batch: Batch) -> str:
        """Why nothing dials now; empty while calls go out."""
        return self.status(batch).why or ""

    def held(self, account: str = "au") -> int:
        """Permits that Redis counts."""
        return self.world.admission.held(account)

    def pause(self, batch: Batch) -> Any:
        return control.pause(self.desk, self.again(batch))

    def resume(self, batch: Batch) -> Any:
        return control.resume(self.desk, self.again(batch))

    def terminate(self, batch: Batch) -> Any:
        return control.terminate(self.desk, self.again(batch))

    def remember(self, path: Path) -> Callable[[], None]:
        """Copy the ledger's file; what is returned brings the copy back, as a restore from a backup would."""
        file = Path(self.url.removeprefix("sqlite:///"))
        self.ledger.close()
        shutil.copy(file, path)

        def restore() -> None:
            self.ledger.close()
            for journal in file.parent.glob(f"{file.name}-*"):
                journal.unlink()
            shutil.copy(path, file)
            self.ledger = open_on(self.url, self.clock)

        return restore


def waits(record: CallRecord, now: datetime) -> timedelta:
    """How long a waiting call still waits."""
    assert record.state is CallState.WAITING, record
    assert record.due_at is not None
    return record.due_at - now


def refusal(kind: AnswerKind, status: int, **given: Any) -> Answer:
    return an_answer(kind, http_status=status, **given)


#: What is done while a request is out there, before it is answered.
Meanwhile = Callable[[Placement], Answer]
