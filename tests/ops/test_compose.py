"""docker-compose.yml as a Compose reads it, variables and all; there is no engine here to start it."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yml"


def test_a_compose_reads_the_file_with_the_variables_of_the_guide(tmp_path: Path, tool: Callable[[str], str]) -> None:
    text = FILE.read_text(encoding="utf-8")
    wanted = sorted(set(re.findall(r"\$\{(\w+)", text)))
    (tmp_path / ".env").write_text("".join(f"{name}=1000\n" for name in wanted), encoding="utf-8")
    # The Compose of Debian 12 is older than this option of bind mounts, and knows all the others.
    (tmp_path / "docker-compose.yml").write_text(re.sub(r"\n.*create_host_path.*", "", text), encoding="utf-8")
    done = run(tool("docker-compose"), tmp_path)
    assert done.returncode == 0, done.stderr
    read = yaml.safe_load(done.stdout)
    assert set(read["services"]) == set(yaml.safe_load(text)["services"])
    assert "redis://worker:1000@redis:6379/0" in read["services"]["worker"]["environment"]["DIALER_REDIS_URL"]


def test_a_variable_that_is_missing_is_named(tmp_path: Path, tool: Callable[[str], str]) -> None:
    text = FILE.read_text(encoding="utf-8")
    (tmp_path / "docker-compose.yml").write_text(re.sub(r"\n.*create_host_path.*", "", text), encoding="utf-8")
    done = run(tool("docker-compose"), tmp_path)
    assert done.returncode != 0
    assert "say it in .env" in done.stderr


def run(compose: str, home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([compose, "config"], cwd=home, capture_output=True, text=True, timeout=60, check=False)
