"""How much memory a process holds, and held at most, in megabytes (10^6 bytes), and how long it has computed."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
from pathlib import Path


def peak_megabytes() -> float:
    """Of this process."""
    # Where there is /proc: a child's ru_maxrss begins with its parent's.
    if found := _of_proc("self", "VmHWM"):
        return found
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6


def resident_megabytes(pid: int) -> float:
    """Of another one, now."""
    if found := _of_proc(str(pid), "VmRSS"):
        return found
    told = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, check=True)
    return int(told.stdout) * 1024 / 1e6


def cpu_seconds(pid: int) -> float:
    """Of another one so far, in user and kernel; 0 where there is no /proc."""
    try:
        told = Path("/proc", str(pid), "stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0.0
    ticks = told.rpartition(")")[2].split()[11:13]
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


def _of_proc(process: str, name: str) -> float | None:
    try:
        status = Path("/proc", process, "status").read_text(encoding="ascii")
    except OSError:
        return None
    found = re.search(rf"^{name}:\s+(\d+) kB", status, re.MULTILINE)
    return int(found[1]) * 1024 / 1e6 if found else None
