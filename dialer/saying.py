"""One line on stderr that costs nobody the exit code: where it cannot be written, a full disk say, it is left unsaid.

What is said, and to whom, is decided elsewhere.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path


def say(line: str) -> None:
    try:
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()
    except OSError:
        _fall_silent()


def finish() -> None:
    """To be called last: else the interpreter would try to write what is left, fail, and exit with 120."""
    try:
        sys.stderr.flush()
    except OSError:
        _fall_silent()


def _fall_silent() -> None:
    sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - until the process ends
