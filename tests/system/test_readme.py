"""The newcomer's path of README.md, typed as it stands there: from an empty directory to a terminated batch."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from workers.embedded_redis import free_port

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
PATIENCE_SECONDS = 40.0


def blocks(start: str, end: str) -> list[str]:
    """The code blocks between two headings."""
    section = README.partition(f"\n{start}\n")[2].partition(f"\n{end}\n")[0]
    return re.findall(r"^```\w*\n(.*?)^```", section, re.MULTILINE | re.DOTALL)


class Terminal:
    """Types what the page says, in one directory; the simulator's port is a free one instead of 8099."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._port = str(free_port())
        kept = {name: value for name, value in os.environ.items() if not name.startswith("DIALER_")}
        bin_directory = str(Path(sys.executable).parent)
        self._environment = kept | {"PATH": f"{bin_directory}{os.pathsep}{kept['PATH']}", "PYTHONWARNINGS": "ignore"}

    def ported(self, text: str) -> str:
        return text.replace("8099", self._port)

    def type(self, text: str) -> str:
        """Every line must succeed; answers what was printed."""
        shell = ["bash", "-euo", "pipefail", "-c", self.ported(text)]
        done = subprocess.run(
            shell, cwd=self.home, env=self._environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"
        return done.stdout

    def status(self, batch: str) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.type(f"dialer status {batch} --json"))
        return told

    @contextmanager
    def staying(self, text: str) -> Iterator[None]:
        """A command that stays in the foreground of a terminal of its own, until Ctrl-C."""
        process = subprocess.Popen(
            self.ported(text).split(),
            cwd=self.home,
            env=self._environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)


def edit(home: Path, lines: str) -> None:
    """Put the lines of the page in the place of those with the same keys."""
    text = (home / "dialer.toml").read_text(encoding="utf-8")
    for line in lines.splitlines():
        key = line.partition(" = ")[0]
        text, count = re.subn(rf"^{key} = .*$", line, text, flags=re.MULTILINE)
        assert count == 1, key
    (home / "dialer.toml").write_text(text, encoding="utf-8")


def test_a_newcomer_gets_from_nothing_to_a_terminated_batch(tmp_path: Path) -> None:
    here = Terminal(tmp_path)
    page = blocks("## Your own numbers, against the simulator", "### With outcomes and retries")
    _, init, settings, simulator, up, numbers, batch, load, look, control, finish = page
    here.type(init)
    edit(tmp_path, here.ported(settings))
    with ExitStack() as stack:
        stack.enter_context(here.staying(simulator))
        stack.enter_context(here.staying(up))
        for text in (numbers, batch):
            here.type(text)
        assert re.search(r"accepted +500\b", here.type(load))
        assert "legal_hours" in here.type(look)
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while not here.status("acme/agent-7/spring")["closed"]["handed_off"]:
            assert time.monotonic() < give_up_at, here.status("acme/agent-7/spring")["why"]
        assert "paused by an operator" in here.type(control.replace(" --watch", ""))
        here.type(finish)
        over = here.status("acme/agent-7/spring")
        assert over["state"] == "terminated"
        while over["counts"]["closed"] < 500:
            assert time.monotonic() < give_up_at, over
            over = here.status("acme/agent-7/spring")
    assert len((tmp_path / "spring.csv").read_text(encoding="utf-8").splitlines()) == 501


def test_the_python_example_runs_without_any_process(tmp_path: Path) -> None:
    here = Terminal(tmp_path)
    here.type("dialer init")
    edit(tmp_path, 'caller_id = "+61255501000"')
    [example] = blocks("## From Python", "## Rules")
    (tmp_path / "example.py").write_text(example, encoding="utf-8")
    lines = here.type("python example.py").splitlines()
    assert lines[0].startswith("100 0 (")
    assert lines[2] == "paused: paused by an operator"
