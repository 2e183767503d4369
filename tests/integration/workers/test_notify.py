"""What systemd is told."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from workers import notify

#: each thing that can be said, and what systemd reads
SAID: list[tuple[Callable[[], None], bytes]] = [
    (lambda: notify.is_well("leading, term 3"), b"READY=1\nWATCHDOG=1\nSTATUS=leading, term 3"),
    (lambda: notify.is_held_up("waiting: REDIS_UNREACHABLE"), b"STATUS=waiting: REDIS_UNREACHABLE"),
    (notify.is_leaving, b"STOPPING=1"),
]


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield listening


@pytest.mark.parametrize(("say", "heard"), SAID, ids=["well", "held up", "leaving"])
def test_only_what_is_well_makes_ready_and_feeds_the_watchdog(
    say: Callable[[], None], heard: bytes, systemd: socket.socket
) -> None:
    say()
    assert systemd.recv(1000) == heard


def test_a_systemd_that_is_gone_costs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    notify.is_well("leading, term 3")


def test_without_systemd_nobody_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify.is_well("leading, term 3")
