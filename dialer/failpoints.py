"""Names the point between two durable steps of a move; a test says what happens at one, in production nothing does.

A point that nobody watches costs one call and one comparison, about 0.1 us, where a dispatch takes milliseconds of
commits and round trips. Only Python in the same process can set a watcher: no environment variable, setting, message or
argument of a command leads here, and nothing calls `watch` but the launcher in tests/failpoints, which is not shipped
(a test holds all that to be so). What becomes of a call at each point is the table in tests/failpoints/fates.py.
"""

from __future__ import annotations

from collections.abc import Callable

#: Called with the name of the point, on the thread that reached it.
Watcher = Callable[[str], None]

_watcher: Watcher | None = None


def reached(point: str) -> None:
    """The step that `point` is named after (`move.step`) is done, the next one is not begun."""
    if _watcher is not None:
        _watcher(point)


def watch(watcher: Watcher | None) -> None:
    """Tests only: what `watcher` does at a point happens in the middle of a move. None = nobody watches."""
    global _watcher
    _watcher = watcher
