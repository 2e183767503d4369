"""What systemd is told."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from workers.notify import tell_systemd


def test_systemd_is_told_that_we_are_ready_alive_and_how_we_fare(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        tell_systemd("leading, term 3")
        assert systemd.recv(1000) == b"READY=1\nWATCHDOG=1\nSTATUS=leading, term 3"


def test_a_systemd_that_is_gone_costs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    tell_systemd("leading, term 3")


def test_without_systemd_nobody_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    tell_systemd("leading, term 3")
