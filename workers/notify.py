"""Tells systemd how a process fares, where it was started by systemd (Type=notify, WatchdogSec=); else does nothing.

Whoever calls decides what is well: only that makes a process ready and keeps the watchdog quiet.
"""

from __future__ import annotations

import os
import socket


def is_well(status: str) -> None:
    """Ready, alive, and STATUS as `systemctl status` shows it."""
    _tell(f"READY=1\nWATCHDOG=1\nSTATUS={status}")


def is_held_up(status: str) -> None:
    """STATUS alone: the watchdog goes hungry."""
    _tell(f"STATUS={status}")


def is_leaving() -> None:
    """The stop that was asked for is under way."""
    _tell("STOPPING=1")


def _tell(words: str) -> None:
    address = os.environ.get("NOTIFY_SOCKET")  # noqa: TID251 - systemd's protocol, not a setting
    if not address:
        return
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.connect(address.replace("@", "\0", 1) if address.startswith("@") else address)
            channel.send(words.encode())
    except OSError:
        return  # a status is not worth a tick
