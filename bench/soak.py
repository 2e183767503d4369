"""Half an hour under load: whether memory, open files, Redis keys and dead rows stay flat. `make soak` runs it.

Real processes dial a provider that rings nobody; every few seconds another batch is loaded, some calls are not answered
and dialed again, some requests get no answer and are asked about. Each look is a line of JSON; the end tells what grew.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TextIO
from urllib.request import urlopen

from redis import Redis

from bench.memory import cpu_seconds, resident_megabytes
from bench.stage import POSTGRESQL, Stage, ask
from dialer import Dialer
from dialer.settings import load_settings
from dialer.simulator import Simulator
from workers import programs
from workers.children import Child, end_in_order
from workers.embedded_redis import free_port

LOOK_SECONDS = 15.0
LOAD_SECONDS = 10.0
SLOTS = 16
#: Between the second third of a run and its last: more than both is growth.
MOST_SHARE, MOST_MEGABYTES, MOST_COUNT = 0.05, 3.0, 4

ACCOUNT = """
[providers.bench]
kind = "batch_call"
base_url = "{provider}/batch_call"
api_key = "key"
api_secret = "secret"
caller_id = "+61255509999"
calls_per_second = {pace}
channels = 400
deadline_seconds = 3.0

[timing]
absent_seconds = 10.0
give_up_seconds = 30.0
"""
SCENARIO: dict[str, Any] = {
    "defaults": {
        "outcome": {"answered": 6, "no_answer": 3, "busy": 1},
        "ring_seconds": [0.5, 3],
        "talk_seconds": [1, 20],
    },
    "rules": [
        {"phone": "*07", "nth": 1, "fault": "timeout"},
        {"phone": "*17", "nth": 1, "fault": {"status": 502, "placed": True}},
        {"phone": "*27", "nth": 1, "fault": {"status": 429, "retry_after": 1}},
        {"phone": "*37", "nth": 1, "fault": "reset_before"},
    ],
}
#: How hard it was to come so far: when closing slows, this tells whether we, the ledger or the machine did it.
EFFORT = (
    "SELECT coalesce(sum(seq_tup_read), 0)::bigint, coalesce(sum(idx_tup_fetch), 0)::bigint FROM pg_stat_user_tables"
)
DEAD_ROWS = "SELECT relname, n_live_tup, n_dead_tup FROM pg_stat_user_tables WHERE n_live_tup + n_dead_tup > 0"


class Soak:
    """What runs, and what is looked at."""

    def __init__(self, stage: Stage, url: str, pace: float, trouble: TextIO) -> None:
        self.stage, self.url, self.pace = stage, url, pace
        self._trouble = trouble
        self.children: dict[str, Child] = {}
        self.loaded = 0
        self._http = free_port()

    @contextmanager
    def running(self) -> Iterator[None]:
        with ExitStack() as stack:
            simulator = stack.enter_context(Simulator(SCENARIO))
            path = self.stage.configuration(self.url)
            head = path.read_text(encoding="utf-8").partition("[providers.bench]")[0]
            path.write_text(head + ACCOUNT.format(provider=simulator.url, pace=self.pace * 2), encoding="utf-8")
            os.environ["DIALER_CONFIG"] = str(path)
            self.dialer = stack.enter_context(Dialer(load_settings()))
            for name, command in self._commands().items():
                self.children[name] = Child(name, command, self._heard, 15.0)
                self.children[name].start()
            try:
                yield
            finally:
                scheduler = self.children.pop("scheduler")
                end_in_order([scheduler], list(self.children.values()))

    def _commands(self) -> dict[str, list[str]]:
        http = [sys.executable, "-m", "dialer.cli", "serve", "--port", str(self._http)]
        return {
            "scheduler": programs.scheduler(),
            "worker": programs.worker("soak", SLOTS),
            "tests": programs.test_worker(),
            "http": http,
        }

    def _heard(self, who: str, line: str) -> None:
        """What is no everyday event of a process is kept, for whoever asks later what came in between."""
        if '"level": "info"' not in line:
            print(f"{time.time():.0f} {who} {line}", file=self._trouble, flush=True)

    def load(self) -> None:
        """As many numbers as are dialed until the next load, each of them new."""
        count = round(self.pace * LOAD_SECONDS)
        phones = [f"+6129{self.loaded + index:07d}" for index in range(count)]
        batch = {"workspace_id": "soak", "agent_id": "a", "batch_ref": f"soak-{self.loaded}", "provider": "bench"}
        retries = {"max_retries": 2, "retry": {"no_answer": 20, "busy": 10, "failed": 10}}
        self.dialer.load_batch({**batch, **retries}, calls=[{"phone": phone} for phone in phones])
        self.loaded += count

    def look(self, at: float) -> dict[str, Any]:
        self._read_metrics()
        rows = ask(self.url, DEAD_ROWS)
        keys = self._keys()
        calls = dict(ask(self.url, "SELECT state, count(*) FROM calls GROUP BY state"))
        return {
            "at": round(at),
            "loaded": self.loaded,
            "calls": calls,
            "stop": [f"{state.stop} {state.reason}" for state in self.dialer.accounts() if state.stop],
            "effort": self._effort(),
            **{f"{name}_megabytes": round(resident_megabytes(child.pid), 1) for name, child in self.children.items()},
            **{
                f"{name}_files": len(list(Path(f"/proc/{child.pid}/fd").iterdir()))
                for name, child in self.children.items()
            },
            "redis_keys": sum(n for name, n in keys.items() if name != "dlr:witness"),
            "redis_witnesses": keys["dlr:witness"],
            "dead_rows": sum(dead for _, _, dead in rows),
            "dead_share": round(
                max((dead / (live + dead) for _, live, dead in rows if live + dead > 1000), default=0), 3
            ),
        }

    def _effort(self) -> dict[str, float]:
        """Seconds of CPU of each process so far, the machine's load, and rows that the ledger's queries have read."""
        ((by_scan, by_index),) = ask(self.url, EFFORT)
        spent = {name: cpu_seconds(child.pid) for name, child in self.children.items()}
        return {**spent, "load": os.getloadavg()[0], "rows_by_scan": by_scan, "rows_by_index": by_index}

    def _read_metrics(self) -> None:
        """As Prometheus does."""
        try:
            with urlopen(f"http://127.0.0.1:{self._http}/metrics", timeout=10) as answer:
                answer.read()
        except OSError as error:
            print(f"no metrics: {error}", file=sys.stderr)

    def _keys(self) -> Counter[str]:
        with Redis.from_url(self.stage.redis.url, decode_responses=True) as redis:
            return Counter(":".join(key.split(":")[:2]) for key in redis.scan_iter(count=5000))


def grown(looks: list[dict[str, Any]]) -> dict[str, tuple[float, float]]:
    """Series whose last third lies above their second: (median of the second, median of the last)."""
    third = len(looks) // 3
    found: dict[str, tuple[float, float]] = {}
    for name in looks[0]:
        if name in {"at", "loaded", "calls", "stop", "effort", "redis_witnesses", "dead_rows"}:
            continue  # these grow with the calls, as they should; dead rows are judged by their share
        before, after = (
            statistics.median(look[name] for look in part) for part in (looks[third:-third], looks[-third:])
        )
        allowed = MOST_MEGABYTES if name.endswith("megabytes") else MOST_COUNT if name != "dead_share" else 0.1
        if after > before * (1 + MOST_SHARE) and after > before + allowed:
            found[name] = (before, after)
    return found


def soak(minutes: float, pace: float, log: TextIO, trouble: TextIO) -> list[dict[str, Any]]:
    looks: list[dict[str, Any]] = []
    with Stage.up() as stage, stage.ledger(POSTGRESQL) as url:
        run = Soak(stage, url, pace, trouble)
        with run.running():
            began = look_at = load_at = time.monotonic()
            while (now := time.monotonic()) < began + minutes * 60:
                if now >= load_at:
                    run.load()
                    load_at += LOAD_SECONDS
                if now >= look_at:
                    looks.append(run.look(now - began))
                    print(json.dumps(looks[-1]), file=log, flush=True)
                    look_at += LOOK_SECONDS
                time.sleep(max(0.0, min(look_at, load_at) - time.monotonic()))
    return looks


def summary(looks: list[dict[str, Any]]) -> dict[str, Any]:
    third = len(looks) // 3
    parts = {"first": looks[:third], "second": looks[third:-third], "last": looks[-third:]}
    numbers = [name for name in looks[0] if isinstance(looks[0][name], int | float) and name not in {"at", "loaded"}]
    medians = {
        name: {part: statistics.median(look[name] for look in rows) for part, rows in parts.items()} for name in numbers
    }
    return {
        "minutes": round(looks[-1]["at"] / 60, 1),
        "loaded": looks[-1]["loaded"],
        "calls": looks[-1]["calls"],
    } | medians


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--pace", type=float, default=5.0, help="numbers loaded a second")
    parser.add_argument("--log", type=Path, default=Path("soak.jsonl"))
    given = parser.parse_args()
    trouble_path = given.log.with_suffix(".trouble")
    with given.log.open("w", encoding="utf-8") as log, trouble_path.open("w", encoding="utf-8") as trouble:
        looks = soak(given.minutes, given.pace, log, trouble)
    print(json.dumps(summary(looks), indent=2))
    bad = grown(looks)
    for name, (before, after) in bad.items():
        print(f"{name} grew: {before:g} in the second third of the run, {after:g} in the last", file=sys.stderr)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
