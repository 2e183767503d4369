"""The import rules of pyproject.toml, which `lint-imports` knows how to read."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


def test_imports_look_only_down(pytestconfig: pytest.Config) -> None:
    # In a process of its own: it sets up logging anew, which would silence ours in every test after this one. No
    # cache: it would be keyed on times that a checkout sets anew.
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint, "--no-cache"], cwd=pytestconfig.rootpath, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("process", ["workers.scheduler", "workers.tasks", "dialer.bootstrap"])
def test_a_process_that_speaks_to_nobody_leaves_out_what_is_for_terminals(process: str) -> None:
    asks = f"import {process}, sys; print([name for name in ('pygments', 'rich', 'typer') if name in sys.modules])"
    asks += "; from rich.console import Console"  # whoever wants it later has it
    done = subprocess.run([sys.executable, "-c", asks], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")


@pytest.mark.parametrize(
    ("url", "others"), [("postgresql://nowhere/ledger", "sqlite3"), ("sqlite:///nowhere.db", "psycopg")]
)
def test_a_worker_loads_no_driver_but_its_own_ledgers(url: str, others: str) -> None:
    """Neither of the two is small, and each process would carry it."""
    opens = f"import workers.worker; from dialer.ledger import open_ledger; open_ledger({url!r})"
    asks = f"{opens}; import sys; print({others!r} in sys.modules)"
    done = subprocess.run([sys.executable, "-c", asks], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("False\n", "")
