"""Keeps out of a process what a library would import for a command line or colours of its own: of httpx and structlog
that is rich, pygments and click, six megabytes in every process and a tenth of a second before it starts."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def without(*names: str) -> Iterator[None]:
    """While a library is imported these cannot be, and are not installed, for all it sees; who has them keeps them."""
    modules: dict[str, Any] = sys.modules  # None stands for what cannot be imported
    absent = [name for name in names if name not in modules]
    modules.update(dict.fromkeys(absent))
    try:
        yield
    finally:
        for name in absent:
            del modules[name]
