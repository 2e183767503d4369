"""The demo's stage: a simulator, a Redis, a scheduler and workers, all of its own and all gone afterwards."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue

from dialer.errors import DialerError
from dialer.ledger import migrate
from dialer.settings import Settings, load_settings
from workers import programs, serving
from workers.children import Child, end_in_order
from workers.demo import script
from workers.demo.script import Scene
from workers.embedded_redis import EmbeddedRedis

SLOTS = 16
PATIENCE_SECONDS = 15.0
KEPT_LINES = 60


class DemoFailed(DialerError):
    """The demo could not be played to its end."""

    default_code = "DEMO_FAILED"


class Stage:
    """Where a demo runs: its directory, its processes, and the latest lines they wrote."""

    def __init__(self, home: Path) -> None:
        self.home = home
        #: what the simulator received, a JSON object per line
        self.requests = home / "requests.jsonl"
        self.children: list[Child] = []
        #: where the HTTP API is, once it listens; "" where it is not installed
        self.api = ""
        self._lines: deque[str] = deque(maxlen=KEPT_LINES)

    @property
    def last_words(self) -> str:
        return "\n".join(self._lines)

    def keep(self, name: str, line: str) -> None:
        self._lines.append(f"{name:<9} | {line}")
        if name == "serve" and line.startswith(serving.LISTENING):
            self.api = line.removeprefix(serving.LISTENING)

    def child(self, name: str, command: list[str]) -> Child:
        child = Child(name, command, self.keep, PATIENCE_SECONDS)
        self.children.append(child)
        return child

    def check(self) -> None:
        """DemoFailed when a process has ended before its time."""
        if dead := [child.name for child in self.children if child.exit_code is not None]:
            raise DemoFailed(f"{' and '.join(dead)} ended before the demo did; the last lines:\n{self.last_words}")


@contextmanager
def built(home: Path, cast: list[Scene], calls: int) -> Iterator[tuple[Stage, Settings]]:
    """Everything is started when this yields, and gone when it is left, whatever happened meanwhile."""
    stage = Stage(home)
    with ExitStack() as stack:
        url = _simulated(stage, stack, cast)
        (home / "dialer.toml").write_text(script.configuration(url, calls), encoding="utf-8")
        settings = load_settings()
        migrate(settings.ledger_url())
        settings.state_directory().mkdir(exist_ok=True)
        stack.enter_context(EmbeddedRedis(settings.state_directory(), persistent=False))
        scheduler = stage.child("scheduler", programs.scheduler())
        heads = [scheduler]
        if serving.is_installed():
            heads.append(stage.child("serve", programs.serving(port=0)))
        workers = [
            stage.child("worker", programs.worker("worker", SLOTS)),
            stage.child("tests", programs.test_worker()),
        ]
        stack.callback(end_in_order, heads, workers)
        for child in (*heads, *workers):
            child.start()
        yield stage, settings


def _simulated(stage: Stage, stack: ExitStack, cast: list[Scene]) -> str:
    """Starts the simulator; returns its address."""
    play = stage.home / "scenario.json"
    play.write_text(json.dumps(script.scenario(cast)), encoding="utf-8")
    said: SimpleQueue[str] = SimpleQueue()
    command = programs.simulator(str(play), str(stage.requests))
    simulator = Child("simulator", command, lambda _, line: said.put(line), PATIENCE_SECONDS)
    stage.children.append(simulator)
    stack.callback(end_in_order, [simulator])
    simulator.start()
    try:
        return said.get(timeout=PATIENCE_SECONDS).removeprefix("listening on ")
    except Empty:
        raise DemoFailed("the simulator did not start") from None
