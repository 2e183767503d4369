"""How long the fuzzing is."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("fuzz")
    group.addoption("--most", dest="fuzz_most", type=int, default=4, help="cases for each operation and phase")
    group.addoption("--fuzz-seed", dest="fuzz_seed", type=int, default=None, help="play a run again")
