"""What systemd itself says of the units, as `dialer install-units` writes them."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: As docs/operations.md records it; 0 is best, 10 worst.
EXPOSURE = 1.2


@pytest.fixture
def units(tmp_path: Path) -> list[Path]:
    run = [str(Path(sys.executable).parent / "dialer"), "install-units", "--prefix", str(tmp_path)]
    subprocess.run(run, check=True, capture_output=True, timeout=60)
    return sorted((tmp_path / "etc/systemd/system").glob("*.service"))


def test_systemd_has_nothing_to_say_about_the_units(units: list[Path], tool: Callable[[str], str]) -> None:
    assert len(units) == 5
    run = [tool("systemd-analyze"), "verify", *map(str, units)]
    done = subprocess.run(run, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_exposure_of_each_unit_is_as_the_guide_records_it(units: list[Path], tool: Callable[[str], str]) -> None:
    for unit in units:
        run = [tool("systemd-analyze"), "security", "--offline=true", "--no-pager", str(unit)]
        done = subprocess.run(run, capture_output=True, text=True, timeout=60, check=False)
        level = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
        assert level, done.stdout + done.stderr
        assert float(level[1]) <= EXPOSURE, unit.name
    assert f"gives each {EXPOSURE};" in (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
