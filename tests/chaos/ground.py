"""The ground of a suite: simulator, Redis, ledger, schedulers and workers as real processes, to be broken at will.

It starts, loads, controls and ends; what breaks when is `faults`', what became of it is `auditor`'s.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any, Self
from urllib.parse import urlsplit
from urllib.request import urlopen

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from dialer import Dialer
from dialer.settings import load_settings
from dialer.simulator import Simulator
from tests.chaos.auditor import Admitted, Evidence, Freeze, Opening, Terms, Word
from tests.chaos.ledgers import Books
from tests.chaos.webhooks import SECRET, Mischief
from workers import programs
from workers.children import Child, end_in_order
from workers.embedded_redis import EmbeddedRedis
from workers.serving import LISTENING

WORKSPACE, AGENT = "acme", "agent-1"
SLOTS = 12
DEADLINE_SECONDS = 2.0
#: A killed worker's claim becomes unknown so long after it: `StartWindow.row_deadline`.
ROW_DEADLINE_SECONDS = 8.0 + DEADLINE_SECONDS + 2.0
#: How long a suite may take to come to rest after its last fault.
REST_SECONDS = 90.0

ACCOUNT = """
[providers.{kind}]
kind = "{kind}"
base_url = "{url}/{kind}"
caller_id = "+12025550198"
calls_per_second = {pace}
channels = {channels}
deadline_seconds = {deadline}
"""
KEYS = {
    "inspra": "",
    "batch_call": 'api_key = "key"\napi_secret = "secret"\n',
    "outboundcalls": f'api_key = "oc_test"\nwebhook_secret = "{SECRET}"\n',
}
TIMING = """
[timing]
absent_seconds = 3.0
give_up_seconds = 4.0
heartbeat_seconds = 0.3
dead_after_seconds = 3.0
"""

#: A provider that takes 20 to 80 ms, and calls that are over at once: the faults are what takes time.
FAST: dict[str, Any] = {"answer_after": [0.02, 0.08], "ring_seconds": 0.05, "talk_seconds": 0.1}


@dataclass
class Loaded:
    """One batch of this suite."""

    batch_id: str
    ref: str
    phones: Sequence[str]
    terms: Terms
    words: list[Word] = field(default_factory=list)


@dataclass(frozen=True)
class Nap:
    """A worker was stopped at `stopped` (seconds since the epoch) and went on at `continued` (monotonic)."""

    worker: str
    stopped: float
    continued: float


class Ground:
    """Everything that dials, for one suite; nobody is at work before `schedule` and `hire`."""

    def __init__(
        self,
        home: Path,
        books: Books,
        scenario: Mapping[str, Any] | None = None,
        pace: float = 60.0,
        channels: int = 400,
        elsewhere: Mapping[str, str] | None = None,
        mischief: Mischief | None = None,
    ) -> None:
        self.home = home
        self.books = books
        self.lines: list[str] = []
        self.workers: list[Child] = []
        self.schedulers: list[Child] = []
        self.servers: list[Child] = []
        self.loaded: dict[str, Loaded] = {}
        self.naps: list[Nap] = []
        self.simulator = Simulator(dict(scenario or {"defaults": FAST}))
        self.redis = EmbeddedRedis(home / ".dialer", persistent=False)
        self.sightings = Sightings(books)
        #: further accounts of kind batch_call, and where each thinks that its provider is; {port} is the simulator's
        self._elsewhere = dict(elsewhere or {})
        self._account = {"pace": pace, "channels": channels, "deadline": DEADLINE_SECONDS}
        self._stack = ExitStack()
        self._mischief = mischief
        self._hired = 0

    def __enter__(self) -> Self:
        self._stack.enter_context(self.simulator)
        (self.home / ".dialer").mkdir(parents=True, exist_ok=True)
        self._stack.enter_context(self.redis)
        (self.home / "dialer.toml").write_text(self._configuration(), encoding="utf-8")
        for name in [name for name in os.environ if name.startswith("DIALER_")]:
            del os.environ[name]
        os.environ["DIALER_CONFIG"] = str(self.home / "dialer.toml")
        self._stack.callback(os.environ.pop, "DIALER_CONFIG")
        self.dialer = self._stack.enter_context(Dialer(load_settings()))
        self._stack.enter_context(self.sightings)
        self._stack.callback(self.end)
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def schedule(self, wrapping: Sequence[str] = ()) -> Child:
        """One more scheduler; `wrapping` goes before its command line."""
        return self._start(self.schedulers, f"scheduler{self._number()}", [*wrapping, *programs.scheduler()])

    def hire(self, slots: int = SLOTS, wrapping: Sequence[str] = ()) -> Child:
        """One more worker."""
        name = f"worker{self._number()}"
        return self._start(self.workers, name, [*wrapping, *programs.worker(name, slots)])

    @property
    def mischief(self) -> Mischief:
        """Who passes webhooks on to the server."""
        assert self._mischief is not None
        return self._mischief

    def serve(self) -> Child:
        """The HTTP server, on a port of its own; webhooks are passed on to it from now on."""
        name = f"server{self._number()}"
        child = self._start(self.servers, name, programs.serving(port=0))
        self.until(lambda: bool(self._listening(name)), f"{name} listening")
        self.mischief.target = self._listening(name)
        return child

    def _listening(self, name: str) -> str:
        found = (line.partition(LISTENING)[2] for line in self.lines if line.startswith(f"{name} |"))
        return next((address.strip() for address in found if address), "")

    def open(self, schedulers: int = 2, workers: int = 2, slots: int = SLOTS) -> None:
        """Everybody at work."""
        for _ in range(schedulers):
            self.schedule()
        for _ in range(workers):
            self.hire(slots)

    def end(self) -> None:
        """SIGTERM to everybody, in order."""
        end_in_order([*self.servers, *self.schedulers], self.workers)
        self.servers.clear()
        self.schedulers.clear()
        self.workers.clear()

    def kill_all(self) -> None:
        for child in (*self.schedulers, *self.workers):
            child.end(signal.SIGKILL)
        for child in (*self.schedulers, *self.workers):
            child.wait()
        self.schedulers.clear()
        self.workers.clear()

    def load(self, ref: str, phones: Sequence[str], provider: str = "batch_call", **fields: Any) -> Loaded:
        """A batch. `openings` among the fields tells the auditor when it may be dialed."""
        openings: tuple[Opening, ...] | None = fields.pop("openings", None)
        nbf = fields.setdefault("nbf", datetime.now(UTC) - timedelta(seconds=1))
        exp = fields.setdefault("exp", datetime.now(UTC) + timedelta(days=1))
        spec = {"workspace_id": WORKSPACE, "agent_id": AGENT, "batch_ref": ref, "provider": provider, **fields}
        receipt = self.dialer.load_batch(spec, calls=({"phone": phone} for phone in phones))
        assert receipt.accepted == len(phones), receipt
        terms = Terms(nbf.timestamp(), exp.timestamp(), fields.get("max_retries", 0), fields.get("retry", {}), openings)
        self.loaded[receipt.batch_id] = batch = Loaded(receipt.batch_id, ref, phones, terms)
        return batch

    def say(self, batch: Loaded, word: str) -> Word | None:
        """pause | resume | terminate, and when it had returned. A resume ends the last word's reach as it is called."""
        if word == "resume":
            if batch.words and batch.words[-1].until is None and batch.words[-1].word == "pause":
                batch.words[-1].until = time.monotonic()
            self.dialer.resume_batch(WORKSPACE, AGENT, batch.ref)
            return None
        verb = {"pause": self.dialer.pause_batch, "terminate": self.dialer.terminate_batch}[word]
        receipt = verb(WORKSPACE, AGENT, batch.ref)
        said = Word(word, time.monotonic(), receipt.in_flight)
        batch.words.append(said)
        return said

    def placed(self) -> int:
        """Calls that the provider has placed so far."""
        with urlopen(f"{self.simulator.url}/_simulator/health", timeout=10) as answer:
            return int(json.load(answer)["calls"])

    def until(self, come: Callable[[], bool], what: str, seconds: float = REST_SECONDS) -> float:
        """Waits for something; returns how long it took."""
        began = time.monotonic()
        while not come():
            assert time.monotonic() - began < seconds, f"not within {seconds} s: {what}\n{self.tail}"
            time.sleep(0.02)
        return time.monotonic() - began

    def rest(self, seconds: float = REST_SECONDS, attended: bool = False) -> None:
        """Until every call is closed, or the time is over: what is open then, the auditor counts. `attended`: by an
        operator, who lifts whatever the dialer's guards have stopped."""
        give_up_at = time.monotonic() + seconds
        while time.monotonic() < give_up_at and not self.is_over():
            if attended:
                self.lift_guards()
            time.sleep(0.25)

    def lift_guards(self) -> None:
        for account in self.dialer.accounts():
            if account.stop is not None:
                self.dialer.resume_account(account.name)
        for batch in self.loaded.values():
            if not batch.words and self.dialer.status(batch.batch_id).state == "paused":
                self.dialer.resume_batch(WORKSPACE, AGENT, batch.ref)

    def is_over(self) -> bool:
        return self.books.open_calls() == 0

    def evidence(self) -> Evidence:
        """What the provider was sent, and what the ledger admits."""
        admitted = [
            Admitted(
                call.batch_id,
                call.phone,
                str(call.state),
                str(call.close_reason or ""),
                tuple((attempt.reference, str(attempt.state)) for attempt in call.attempts),
            )
            for batch_id in self.loaded
            for call in self.dialer.calls(batch_id)
        ]
        return Evidence(
            requests=self.simulator.requests(),
            placements=self.simulator.placements(),
            admitted=admitted,
            phones={phone: batch_id for batch_id, batch in self.loaded.items() for phone in batch.phones},
            terms={batch_id: batch.terms for batch_id, batch in self.loaded.items()},
            words={batch_id: tuple(batch.words) for batch_id, batch in self.loaded.items()},
            unknowns=frozenset(self.sightings.unknowns),
            freezes=[self._freeze(nap) for nap in self.naps],
        )

    def _freeze(self, nap: Nap) -> Freeze:
        """The claims that a worker held when it was stopped, by the ledger's word."""
        return Freeze(
            nap.continued,
            frozenset(
                attempt.reference
                for batch_id in self.loaded
                for call in self.dialer.calls(batch_id)
                for attempt in call.attempts
                if (attempt.worker or "").startswith(f"{nap.worker}@")
                and attempt.claimed_at is not None
                and attempt.claimed_at.timestamp() <= nap.stopped
            ),
        )

    def own_redis(self) -> Redis:
        """A client that never repeats."""
        return Redis.from_url(self.redis.url, socket_timeout=5, retry=Retry(NoBackoff(), 0))

    @property
    def tail(self) -> str:
        return "\n".join(line[:240] for line in self.lines[-25:])

    def _number(self) -> int:
        self._hired += 1
        return self._hired

    def _configuration(self) -> str:
        head = f'database_url = "{self.books.url}"\nredis_url = "{self.redis.url}"\ndefault_provider = "batch_call"\n'
        head += 'webhook_allow = ["127.0.0.1"]\n'
        accounts = [ACCOUNT.format(kind=kind, url=self.simulator.url, **self._account) + KEYS[kind] for kind in KEYS]
        return head + "".join(accounts) + "".join(map(self._account_elsewhere, self._elsewhere)) + TIMING

    def _account_elsewhere(self, name: str) -> str:
        url = self._elsewhere[name].format(port=urlsplit(self.simulator.url).port)
        told = ACCOUNT.format(kind="batch_call", url=url, **self._account) + KEYS["batch_call"]
        return told.replace("[providers.batch_call]", f"[providers.{name}]")

    def _start(self, group: list[Child], name: str, command: list[str]) -> Child:
        child = Child(name, command, self._hear, patience=40.0)
        group.append(child)
        child.start()
        return child

    def _hear(self, who: str, line: str) -> None:
        self.lines.append(f"{who} | {line}")


class Sightings:
    """Looks into the ledger several times a second and remembers every attempt that was ever unknown.

    Nobody asks about an unknown before five seconds are over, so that none slips through between two looks.
    """

    def __init__(self, books: Books) -> None:
        self.unknowns: set[str] = set()
        self._books = books
        self._ended = Event()
        self._thread = Thread(target=self._look, name="sightings", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ended.wait(0.7):
            try:
                self.unknowns |= self._books.unknowns()
            except Exception:  # noqa: BLE001 - the ledger is what some suites break
                continue


def phones(count: int, area: str = "202", first: int = 0) -> list[str]:
    """Distinct numbers of one area, in one time zone."""
    return [f"+1{area}{index // 10_000 + 220:03d}{index % 10_000:04d}" for index in range(first, first + count)]


def ready(ground: Ground, children: Iterable[Child]) -> None:
    """Until each has said that it started."""
    for child in children:
        ground.until(
            lambda name=child.name: any(line.startswith(f"{name} |") and ".started" in line for line in ground.lines),  # type: ignore[misc]
            f"{child.name} at work",
        )


RETRY = {"no_answer": 1, "busy": 1, "failed": 1}
#: One in five has to be called again.
MIXED = {
    "defaults": {
        "outcome": {"answered": 4, "no_answer": 1},
        "answer_after": [0.02, 0.15],
        "ring_seconds": 0.05,
        "talk_seconds": 0.1,
    }
}


def load_mix(ground: Ground, total: int, retries: int = 1) -> int:
    """Most to a provider that reports no outcome, the rest to two that do and are dialed again."""
    telling = total // 5
    silent = total - 2 * telling
    fields = {"max_retries": retries, "retry": RETRY}
    ground.load("silent", phones(silent, "202"), "inspra")
    ground.load("asked", phones(telling, "212"), "batch_call", **fields)
    ground.load("heard", phones(telling, "213"), "outboundcalls", **fields)
    return total
