"""Serves the application on a ledger with something in it, lets schemathesis ask, and counts what it asked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redis import Redis

from dialer import Dialer
from dialer.api import create_app
from dialer.domain.client import Scope
from dialer.settings import Settings
from tests.integration.api.conftest import PROVIDERS, running

HERE = Path(__file__).parent
BATCH = {"agent_id": "agent-7", "batch_ref": "spring"}
NUMBERS = [{"phone": f"+6127813{line}"} for line in range(2035, 2045)]


@dataclass(frozen=True)
class Asked:
    """What came of a run."""

    cases: int
    exit_code: int
    #: as schemathesis tells it
    said: str


#: Of its phases those that make cases up; the systematic one besides asks thousands, and belongs to the long form.
MADE_UP = "examples,fuzzing,stateful"


def ask(ledger_url: str, redis_url: str, home: Path, most: int, seed: int | None = None, phases: str = "") -> Asked:
    """`most`: cases for each operation in each phase that makes them up. No `phases` = all."""
    ready(redis_url)
    settings = Settings.model_validate({"database_url": ledger_url, "redis_url": redis_url, "providers": PROVIDERS})
    with Dialer(settings) as dialer:
        key = dialer.keys.create("acme", [Scope.ADMIN]).api_key
        fill(dialer)
        with running(create_app(dialer)) as url:
            return run(url, key, home, most, seed, phases)


def ready(redis_url: str) -> None:
    """As a scheduler leaves it: what is missing would be a 503 that is no mistake."""
    with Redis.from_url(redis_url, decode_responses=True) as redis:
        facts: dict[str, Any] = redis.info("server")
        redis.set("dlr:epoch", facts["run_id"])


def fill(dialer: Dialer) -> None:
    """Things of the workspace's own and of another's, under the names that the examples use."""
    for workspace in ("acme", "other"):
        dialer.load_batch({**BATCH, "workspace_id": workspace}, calls=NUMBERS)
        dialer.agents.add(workspace_id=workspace, agent_id="agent-7")
        dialer.contacts.create_list(workspace, "clx...")


def run(url: str, key: str, home: Path, most: int, seed: int | None, phases: str) -> Asked:
    report = home / "report.json"
    command = [
        sys.executable, "-m", "schemathesis.cli", "--config-file", str(HERE / "schemathesis.toml"),
        "run", f"{url}/openapi.json", "--checks", "all", "--max-examples", str(most), "--no-color",
        "--header", f"Authorization: Bearer {key}", "--suppress-health-check", "all", "--continue-on-failure",
        "--report", "json", "--report-json-path", str(report),
        *(["--seed", str(seed)] if seed is not None else []), *(["--phases", phases] if phases else []),
    ]  # fmt: skip
    environment = {**os.environ, "FUZZ_KEY": key, "FUZZ_HOOKS": str(HERE / "hooks.py")}
    done = subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    return Asked(_cases(report), done.returncode, said)


def _cases(report: Path) -> int:
    try:
        told = json.loads(report.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return 0
    return int(told["test_cases"]["generated"])
