"""Which versions of Redis and Valkey have faults that were made public and mended since; warning is done elsewhere.

Only faults that touch what we use: scripts (CVE-2025-49844 and its like), blocking pops (CVE-2026-23479), and TLS
(CVE-2026-56684). From the release notes of both projects as of November 2026.
"""

from __future__ import annotations

import re
from typing import Final

#: The first good one of each line; lines not named, and younger ones, are judged by their neighbours.
MENDED: Final[dict[str, dict[tuple[int, int], int]]] = {
    "redis": {(6, 2): 20, (7, 2): 11, (7, 4): 9, (8, 0): 4, (8, 2): 6, (8, 4): 3, (8, 6): 3},
    "valkey": {(7, 2): 14, (8, 0): 10, (8, 1): 9, (9, 0): 5, (9, 1): 1},
}


def mended_in(server: str, version: str) -> str | None:
    """The version to go to; None when this one is well, or when its number says nothing.

    >>> mended_in("redis", "7.2.4"), mended_in("redis", "7.2.11"), mended_in("redis", "7.0.15")
    ('7.2.11', None, '7.2.11')
    """
    found = re.match(r"(\d+)\.(\d+)\.(\d+)", version)
    lines = MENDED.get(server)
    if not found or not lines:
        return None
    line, patch = (int(found[1]), int(found[2])), int(found[3])
    if line in lines:
        return f"{line[0]}.{line[1]}.{lines[line]}" if patch < lines[line] else None
    above = [known for known in sorted(lines) if known > line]
    return f"{above[0][0]}.{above[0][1]}.{lines[above[0]]}" if above else None
