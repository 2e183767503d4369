"""A scene: a ledger, a real Redis, the simulator; a part of the dialer dies in it, and a healthy one takes over."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from redis import Redis
from sqlalchemy import Connection, Table, func, select, update

from dialer import BatchStatus, CallRecord, Dialer
from dialer.bootstrap import open_courier, open_switchboard
from dialer.coordination import RedisServer, keys
from dialer.domain.states import Lane
from dialer.engine import rescue, rounds, telling
from dialer.engine.dispatch import WorkerIdentity, dispatch
from dialer.ledger import tables
from dialer.ledger.columns import Instant
from dialer.ledger.transactions import backend_of
from dialer.ports import Switchboard
from dialer.settings import load_settings
from dialer.simulator import Simulator
from tests.failpoints.launcher import DIED, keyed
from tests.receiver import SECRET, Receiver
from workers.celery_queue import CeleryQueue
from workers.lanes import NOTICES_KEY, lane_key

ROOT = Path(__file__).parents[2]
WORKSPACE, AGENT = "acme", "agent-1"
#: Calls that somebody answers and that are over at once.
QUICK: dict[str, Any] = {"ring_seconds": 0, "talk_seconds": 0}
#: When a template is due is read off the wall clock, and Redis remembers when the ledger last ticked.
STAYING = {tables.schedules.c.next_at, tables.lease.c.ticked_at}
#: Longer than any row deadline, lease, or patience with a lost message.
A_WHILE = 30.0
ROUNDS = 12
PATIENCE_SECONDS = 20.0

CONFIGURATION = """
database_url = "{ledger}"
redis_url = "{redis}"
default_provider = "batch_call"
webhook_allow = ["127.0.0.1"]

[providers.batch_call]
kind = "batch_call"
base_url = "{provider}/batch_call"
api_key = "key"
api_secret = "secret"
caller_id = "+12025550198"
calls_per_second = 50.0
deadline_seconds = 10.0

[providers.inspra]
kind = "inspra"
base_url = "{provider}/inspra"
caller_id = "+61255509999"
calls_per_second = 50.0
deadline_seconds = 10.0

[providers.outboundcalls]
kind = "outboundcalls"
base_url = "{provider}/outboundcalls"
api_key = "oc_test"
webhook_secret = "hush"
contact_list_id = "list-1"
calls_per_second = 50.0
deadline_seconds = 10.0

[timing]
absent_seconds = 3.0
give_up_seconds = 20.0
heartbeat_seconds = 0.3
dead_after_seconds = 1.5
"""


class Launcher:
    """The process that forks those who are to die; `errors` is what they wrote."""

    def __init__(self, home: Path) -> None:
        self._log = home / "launcher.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.failpoints.launcher"],
                cwd=ROOT,
                env={key: value for key, value in os.environ.items() if not key.startswith("DIALER_")},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
            )

    def play(self, **order: Any) -> int:
        """The exit code of a child that played this."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline() or -1)

    @property
    def errors(self) -> str:
        return self._log.read_text(errors="replace")[-3000:]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()


class SceneDialer(Dialer):
    """The Python API over a desk that stands already."""

    def __init__(self, desk: Switchboard) -> None:
        self._sit_down(desk)


class Scene:
    """What is done here before and after somebody dies is done by this process, which lives."""

    def __init__(self, home: Path, ledger_url: str, redis_url: str, simulator: Simulator, launcher: Launcher) -> None:
        self.config = home / "dialer.toml"
        text = CONFIGURATION.format(ledger=ledger_url, redis=redis_url, provider=simulator.url)
        self.config.write_text(text, encoding="utf-8")
        self.simulator = simulator
        self.redis: Redis = Redis.from_url(redis_url, decode_responses=True)
        settings = load_settings(self.config)
        self.desk = keyed(open_switchboard(settings, CeleryQueue(RedisServer(redis_url))))
        self.dialer = SceneDialer(self.desk)
        self.courier = open_courier(settings)
        self.me = WorkerIdentity("healthy@here/1", "boot")
        self._books = backend_of(ledger_url)
        self._launcher = launcher
        self._memory = rounds.ReleaseMemory()
        self.rebuild()

    def close(self) -> None:
        self.redis.close()
        self.desk.ledger.close()
        self._books.engine.dispose()

    def load(self, phones: Sequence[str], ref: str = "spring", **fields: Any) -> str:
        """A batch; returns its id."""
        return self.dialer.load_batch(spec(ref, **fields), calls=[{"phone": phone} for phone in phones]).batch_id

    def dies(self, point: str, part: str, *arguments: Any, turn: int = 1, **named: Any) -> None:
        """Some process plays `part` of the dialer until it reaches `point` for the `turn`-th time."""
        order = {"part": part, "config": str(self.config), "point": point, "turn": turn}
        code = self._launcher.play(**order, arguments=arguments, named=named)
        assert code == DIED, f"{part} ended with {code} and not at {point}\n{self._launcher.errors}"

    def push(self) -> None:
        """A healthy scheduler's tick: what is due is queued, and its message in Redis."""
        self._beat()
        rounds.tick(self.desk, self._memory)

    def work(self) -> None:
        """A healthy worker takes every message."""
        self._beat()
        while taken := self.redis.rpop(lane_key(Lane.TEST)) or self.redis.rpop(lane_key(Lane.NORMAL)):
            call_id, push_seq = json.loads(json.loads(str(taken))["body"])[0]
            dispatch(call_id, push_seq, self.desk, self.me)

    def tell(self) -> None:
        """Due notices are handed out, and a healthy worker sends them."""
        rounds.hand_out_notices(self.desk)
        while taken := self.redis.rpop(NOTICES_KEY):
            [notice_id] = json.loads(json.loads(str(taken))["body"])[0]
            telling.tell(self.desk, self.courier, notice_id, telling.Silences())

    def listen(self, receiver: Receiver) -> None:
        """The agent's owner is told there."""
        self.dialer.agents.add(
            workspace_id=WORKSPACE,
            agent_id=AGENT,
            provider="outboundcalls",
            webhook_url=receiver.url,
            webhook_secret=SECRET,
        )

    def hear(self, said: dict[str, Any]) -> bool:
        """A webhook of a provider comes in."""
        return self.dialer.webhooks.receive("outboundcalls", "hush", json.dumps(said).encode())

    def round(self) -> None:
        """All that healthy processes do now: rebuild, tick, housekeeping, the calls, questions, control words."""
        self._beat()
        if not self.desk.signals.epoch_stands():
            self.rebuild()
        rounds.read_balances(self.desk)
        self.push()
        rounds.keep_house(self.desk)
        self.work()
        rounds.relay_outbox(self.desk)
        rounds.settle_inbox(self.desk)
        self.tell()
        for asked in rounds.ask_around(self.desk):
            assert asked.event != "failed", asked.detail

    def rebuild(self) -> None:
        rounds.rebuild(self.desk)
        self.redis.delete(keys.DEBT)  # the second that it waits is coordination's to test

    def take_over(self, batch_id: str, most: int = ROUNDS) -> BatchStatus:
        """Healthy processes go on, as long as they need; returns how the batch stands when it is over."""
        for _ in range(most):
            self.round()
            status = self.dialer.status(batch_id)
            if status.state in ("completed", "terminated") and status.counts["closed"] == status.total:
                break
            self.pass_time(A_WHILE)
        # A permit granted to one who died lives for some seconds of Redis' own time, which nobody here waits for.
        rescue.derive_permits(self.desk, grace_seconds=0.0)
        return self.dialer.status(batch_id)

    def pass_time(self, seconds: float) -> None:
        """Every instant that the ledger knows moves into the past."""
        with self._books.writing() as connection:
            for table in tables.metadata.sorted_tables:
                age(connection, table, timedelta(seconds=seconds))

    def write(self, statement: Any) -> int:
        """Behind the ledger's back; how many rows."""
        with self._books.writing() as connection:
            return int(connection.execute(statement).rowcount)

    def rows(self, table: Table) -> int:
        with self._books.reading() as connection:
            return int(connection.execute(select(func.count()).select_from(table)).scalar_one())

    def calls(self, batch_id: str) -> list[CallRecord]:
        return list(self.dialer.calls(batch_id))

    def call(self, batch_id: str) -> CallRecord:
        [call] = self.calls(batch_id)
        return call

    def placed(self) -> int:
        """Calls that providers placed."""
        return len(self.simulator.placements())

    def requests(self, on: str) -> int:
        """Requests of this kind that providers were sent: place, contact, control, …"""
        return sum(request["on"] == on for request in self.simulator.requests())

    def held(self) -> int:
        """Channels that Redis takes for used."""
        return sum(self.desk.admission.held(account) for account in self.desk.accounts)

    def messages(self) -> int:
        return sum(self.desk.queue.depths().values())

    def until(self, come: Callable[[], bool], what: str) -> None:
        began = time.monotonic()
        while not come():
            assert time.monotonic() - began < PATIENCE_SECONDS, f"not within {PATIENCE_SECONDS} s: {what}"
            time.sleep(0.005)

    def assert_nobody_was_called_twice(self) -> None:
        """By the provider's own book."""
        assert self.simulator.summary()["doubled"]["references"] == {}

    def _beat(self) -> None:
        self.desk.ledger.workers.beat(self.me.worker, self.me.boot_id, list(Lane))


def age(connection: Connection, table: Table, by: timedelta) -> None:
    instants = [column for column in table.c if isinstance(column.type, Instant) and column not in STAYING]
    key = list(table.primary_key)
    if not instants:
        return
    for row in connection.execute(select(*key, *instants)).all():
        values = dict(zip([*key, *instants], row, strict=True))
        older = {column.name: values[column] - by for column in instants if values[column] is not None}
        if older:
            this = [column == values[column] for column in key]
            connection.execute(update(table).where(*this).values(**older))


def spec(ref: str = "spring", **fields: Any) -> dict[str, Any]:
    return {"workspace_id": WORKSPACE, "agent_id": AGENT, "batch_ref": ref, **fields}


def phones(count: int) -> list[str]:
    """Film numbers of one American area."""
    return [f"+1202555{line:04d}" for line in range(100, 100 + count)]
