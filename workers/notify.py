"""Tells systemd how a process fares, where it was started by systemd (Type=notify, WatchdogSec=); else does nothing."""

from __future__ import annotations

import os
import socket


def tell_systemd(status: str) -> None:
    """Ready, alive, and STATUS as `systemctl status` shows it."""
    address = os.environ.get("NOTIFY_SOCKET")  # noqa: TID251 - systemd's protocol, not a setting
    if not address:
        return
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.connect(address.replace("@", "\0", 1) if address.startswith("@") else address)
            channel.send(f"READY=1\nWATCHDOG=1\nSTATUS={status}".encode())
    except OSError:
        return  # a status is not worth a tick
