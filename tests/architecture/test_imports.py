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
