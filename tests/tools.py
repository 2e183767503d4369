"""Programs beside ours that tests look with, or look at: who misses one fails and is told its package."""

from __future__ import annotations

import shutil

#: program -> the Debian package that brings it
PACKAGES = {
    "chromedriver": "chromium-driver",
    "chromium": "chromium",
    "curl": "curl",
    "docker-compose": "docker-compose",
    "openssl": "openssl",
    "prometheus": "prometheus",
    "promtool": "prometheus",
    "systemd-analyze": "systemd",
}


def tool(name: str) -> str:
    """Where it is. A test that misses one fails, for a skipped check is no check."""
    found = shutil.which(name)
    assert found, f"{name} is not on PATH: apt-get install --no-install-recommends {PACKAGES[name]}"
    return found
