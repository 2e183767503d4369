"""A site: simulator, Redis, scheduler and workers as real processes on one ledger, started and ended with a test."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from dialer import BatchStatus, CallRecord, Dialer
from dialer.domain.states import Lane
from dialer.settings import load_settings
from dialer.simulator import Simulator
from workers import programs
from workers.children import Child, end_in_order
from workers.embedded_redis import EmbeddedRedis
from workers.serving import LISTENING

PATIENCE_SECONDS = 40.0
WORKSPACE, AGENT = "acme", "agent-1"

#: Quick calls that somebody answers; a test lays its own over it.
QUICK: dict[str, Any] = {"ring_seconds": 0.1, "talk_seconds": 0.2}

ACCOUNTS = """
[providers.inspra]
kind = "inspra"
base_url = "{url}/inspra"
caller_id = "+61255509999"
calls_per_second = 50.0
deadline_seconds = 2.0

[providers.batch_call]
kind = "batch_call"
base_url = "{url}/batch_call"
api_key = "key"
api_secret = "secret"
caller_id = "+12025550198"
calls_per_second = 50.0
deadline_seconds = 2.0

[providers.outboundcalls]
kind = "outboundcalls"
base_url = "{url}/outboundcalls"
api_key = "oc_test"
calls_per_second = 50.0
deadline_seconds = 2.0

# Slow enough to be looked at while it dials.
[providers.slow]
kind = "batch_call"
base_url = "{url}/batch_call"
api_key = "key"
api_secret = "secret"
caller_id = "+12025550198"
calls_per_second = 6.0
deadline_seconds = 2.0

[timing]
absent_seconds = 3.0
give_up_seconds = 4.0
heartbeat_seconds = 0.3
dead_after_seconds = 1.5
"""


class Site:
    """Everything that dials, for one test or a few. `ledger_url` is migrated; workers are started by `hire`."""

    def __init__(
        self, home: Path, ledger_url: str, scenario: dict[str, Any] | None = None, accounts: str = ACCOUNTS
    ) -> None:
        """`accounts`: the configuration's tables; `{url}` in them is the simulator's."""
        self.home = home
        self._accounts = accounts
        self.lines: list[str] = []
        self.workers: list[Child] = []
        self.schedulers: list[Child] = []
        self.servers: list[Child] = []
        self.simulator = Simulator(scenario or {"defaults": QUICK})
        self.redis = EmbeddedRedis(home / ".dialer", persistent=False)
        self._ledger_url = ledger_url
        self._stack = ExitStack()
        self._placed = 0

    def __enter__(self) -> Self:
        self._stack.enter_context(self.simulator)
        (self.home / ".dialer").mkdir(exist_ok=True)
        self._stack.enter_context(self.redis)
        config = (
            f'database_url = "{self._ledger_url}"\nredis_url = "{self.redis.url}"\ndefault_provider = "batch_call"\n'
        )
        (self.home / "dialer.toml").write_text(config + self._accounts.format(url=self.simulator.url), encoding="utf-8")
        os.environ["DIALER_CONFIG"] = str(self.home / "dialer.toml")  # the processes' and ours
        self._stack.callback(os.environ.pop, "DIALER_CONFIG", None)
        self._stack.callback(lambda: end_in_order(self.servers, self.schedulers, self.workers))
        self.before_it_opens()
        self.dialer = self._stack.enter_context(Dialer(load_settings()))
        return self

    def before_it_opens(self) -> None:
        """The configuration is there, Redis runs, and nobody has looked at the ledger yet."""

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def schedule(self) -> Child:
        """One more scheduler."""
        return self._start(self.schedulers, f"scheduler{len(self.schedulers)}", programs.scheduler())

    def hire(self, slots: int = 8, lanes: Sequence[Lane] = tuple(Lane)) -> Child:
        """One more worker."""
        name = f"worker{len(self.workers)}"
        return self._start(self.workers, name, programs.worker(name, slots, lanes))

    def serve(self) -> str:
        """One more HTTP server, by the command that people type; where it listens."""
        name = f"serve{len(self.servers)}"
        command = [sys.executable, "-m", "dialer.cli", "serve", "--port", "0"]
        self._start(self.servers, name, command)

        def address() -> str:
            lines = (line.partition(LISTENING)[2].strip() for line in self.lines if line.startswith(f"{name} |"))
            return next((found for found in lines if found), "")

        self.until(lambda: bool(address()), "the server listening")
        return address()

    def load(self, ref: str, phones: Sequence[str], **fields: Any) -> str:
        """A batch; returns its id."""
        spec = {"workspace_id": WORKSPACE, "agent_id": AGENT, "batch_ref": ref, **fields}
        return self.dialer.load_batch(spec, calls=[{"phone": phone} for phone in phones]).batch_id

    def end_of(self, batch_id: str) -> BatchStatus:
        """Its status once it is over."""
        status = self.dialer.wait(batch_id, timeout=PATIENCE_SECONDS)
        assert status.counts["closed"] == status.total, f"{status}\n{self.tail}"
        return status

    def calls(self, batch_id: str) -> list[CallRecord]:
        return list(self.dialer.calls(batch_id))

    def placed(self, phones: Sequence[str]) -> list[dict[str, Any]]:
        """Calls that the provider placed to these numbers, oldest first."""
        wanted = set(phones)
        return [call for call in self.simulator.placements() if call["phone"] in wanted]

    def until(self, come: Callable[[], bool], what: str, seconds: float = PATIENCE_SECONDS) -> float:
        """Waits for something; returns how long it took."""
        began = time.monotonic()
        while not come():
            assert time.monotonic() - began < seconds, f"not within {seconds} s: {what}\n{self.tail}"
            time.sleep(0.02)
        return time.monotonic() - began

    def assert_nobody_was_called_twice(self, batch_id: str) -> None:
        """By the provider's own book: one call at most for each attempt that the ledger knows of."""
        assert self.simulator.summary()["doubled"]["references"] == {}
        for call in self.calls(batch_id):
            assert len(self.placed([call.phone])) <= len(call.attempts), call

    @property
    def tail(self) -> str:
        return "\n".join(self.lines[-40:])

    def _start(self, group: list[Child], name: str, command: list[str]) -> Child:
        child = Child(name, command, lambda who, line: self.lines.append(f"{who} | {line}"), PATIENCE_SECONDS)
        group.append(child)
        child.start()
        return child


def kill(child: Child) -> None:
    """What the kernel does when memory runs out."""
    child.end(signal.SIGKILL)
    child.wait()


def numbers(prefix: str, count: int, first: int = 0) -> list[str]:
    """Film numbers of the American area `prefix`; their last two digits count from `first`."""
    return [f"+1{prefix}5550{line}" for line in range(100 + first, 100 + first + count)]
