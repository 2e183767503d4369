"""One line that costs nobody the exit code: where it cannot be written, a full disk say, it is left unsaid.

What is said, and to whom, is decided elsewhere.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TextIO


def say(line: str) -> None:
    """On stderr."""
    try:
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()
    except OSError:
        _fall_silent()


def announce(line: str) -> None:
    """On stdout, for whoever started this process and waits for the line."""
    try:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    except OSError:
        sys.stdout = _nowhere()


def finish() -> None:
    """To be called last: else the interpreter would try to write what is left, fail, and exit with 120."""
    try:
        sys.stderr.flush()
    except OSError:
        _fall_silent()


def _fall_silent() -> None:
    sys.stderr = _nowhere()


def _nowhere() -> TextIO:
    return Path(os.devnull).open("w", encoding="utf-8")  # until the process ends
