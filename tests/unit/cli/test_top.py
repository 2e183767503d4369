"""Frames of `dialer top`: what stands where, and that it fits."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from dialer.cli.frames import NO_LIMIT, Room, frame
from dialer.cli.render import jsonable
from dialer.domain.glance import Glance, LaneGlance, WorkerGlance
from dialer.domain.status import AccountStatus
from dialer.domain.upkeep import Alert, AlertKind
from dialer.errors import LedgerUnreachable
from tests.unit.cli.fake_dialer import NOON, FakeDialer, Shell, a_glance, a_status


def an_account(name: str, **changes: Any) -> AccountStatus:
    plain = AccountStatus(name, "inspra", "open", None, None, None, None, None, None, 5.0, 50, 2, 7, held=False)
    return replace(plain, **changes)


def crowded() -> Glance:
    """More of everything than any terminal shows."""
    blocked = "blocked until 2026-11-23T16:00:00+11:00 (Australia/Melbourne)"
    ready = [a_status(batch_ref=f"spring-{n}", why=None, rate_per_minute=12.0) for n in range(20)]
    waiting = [a_status(batch_ref=f"night-{n}", why=blocked) for n in range(20)]
    paused = [a_status(batch_ref="halted", state="paused", why="paused: paused by an operator")]
    alert = Alert(1, AlertKind.ACCOUNT_STOPPED, "a0", "account a0 stopped (auth): HTTP 401", NOON, None)
    return a_glance(
        batches=(*waiting, *paused, *ready),
        open_batches=341,
        accounts=tuple(an_account(f"a{n}", state="stopped" if n == 7 else "open", reason=None) for n in range(8)),
        workers=tuple(WorkerGlance(f"w{n}@host/1", "alive", ("normal",), n, 1.0, "0004") for n in range(12)),
        alerts=(alert,) * 9,
        wrong=tuple(f"wrong thing number {n}" for n in range(9)),
        held=("account a1",),
        drained_since=NOON,
    )


def drawn(glance: Glance, width: int, height: int = NO_LIMIT) -> list[str]:
    page = Console(file=StringIO(), width=width, color_system=None)
    with page.capture() as captured:
        page.print(frame(jsonable(glance), Room(width, height)))
    return captured.get().splitlines()


@pytest.mark.parametrize(("width", "height"), [(80, 24), (80, 60), (100, 30), (120, 40), (200, 50)])
def test_a_frame_fits_the_terminal_however_much_there_is(width: int, height: int) -> None:
    lines = drawn(crowded(), width, height)
    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    assert "wrong thing number 0" in text
    assert "stopped" in text  # the account that does not serve, before those that do
    assert "spring-0" in text  # what dials, before what waits
    assert "more" in text


def test_in_80_columns_batches_that_wait_for_the_same_reason_say_it_once() -> None:
    lines = drawn(crowded(), 80, 40)
    assert sum("blocked until" in line for line in lines) == 1
    assert any(line.startswith("  └ 20 batches: blocked until") for line in lines)
    assert any("paused by an operator" in line for line in lines)


def test_once_shows_all_of_it(shell: Shell, dialer: FakeDialer) -> None:
    dialer.glances = [crowded()]
    shown = shell("top", "--once").stdout
    assert all(f"spring-{n} " in shown for n in range(20))
    assert "wrong thing number 8" in shown
    assert "… 300 more" in shown
    assert dialer.said("glance") is None


def test_a_document_has_everything(shell: Shell, dialer: FakeDialer) -> None:
    document = json.loads(shell("top", "--json", "--workspace", "acme").stdout)
    assert dialer.said("glance") == "acme"
    assert document["at"] == "2026-11-23T01:00:00Z"
    assert document["lanes"][0] == {"lane": "test", "queued": 0, "workers": 1}
    assert document["batches"][0]["batch_ref"] == "spring"
    assert (document["is_ticking"], document["redis"], document["wrong"]) == (True, None, [])


def test_what_is_away_stands_in_the_first_line() -> None:
    away = a_glance(is_ticking=False, last_tick_seconds=None, redis="redis://host: refused", workers=(), batches=())
    first = drawn(away, 80)[0]
    assert "scheduler NONE" in first
    assert "redis FAILED" in first


def test_a_lane_that_nobody_serves_and_a_claim_of_the_dead_are_seen() -> None:
    glance = a_glance(
        lanes=(LaneGlance("normal", 1200, 0),),
        workers=(
            WorkerGlance("w1@host/1", "stopped", (), 0, 3.0, None),
            WorkerGlance("w2@host/2", "silent", ("normal",), 4, 34.0, "0004"),
        ),
    )
    lines = drawn(glance, 80)
    assert any("normal 1200/0" in line for line in lines)
    rows = [line.split() for line in lines if line.startswith("w")]
    assert [row[:3] for row in rows] == [["w2@host/2", "silent", "4"], ["w1@host/1", "stopped", "0"]]


def test_nothing_of_what_others_wrote_can_steer_the_terminal() -> None:
    evil = "\x1b[2J\r\n[bold]" + "x" * 300
    glance = a_glance(
        wrong=(evil,), held=(evil,), batches=(a_status(batch_ref=evil, why=evil),), accounts=(an_account(evil),)
    )
    for width in (80, 200):
        lines = drawn(glance, width)
        assert "\x1b" not in "".join(lines)
        assert max(map(len, lines)) <= width


def test_a_ledger_that_cannot_be_reached_at_the_start_is_a_line(shell: Shell, dialer: FakeDialer) -> None:
    dialer.failing = LedgerUnreachable("postgresql://db: refused")
    told = shell("top", "--once")
    assert (told.exit_code, told.stderr) == (1, "LEDGER_UNREACHABLE: postgresql://db: refused\n")


@pytest.mark.parametrize("interval", ["0", "-1", "often", "nan"])
def test_an_interval_is_a_number_of_seconds(shell: Shell, dialer: FakeDialer, interval: str) -> None:
    told = shell("top", "--interval", interval)
    assert told.exit_code == 2
    assert "--interval" in told.stderr
    assert dialer.asked == []


def test_an_instant_that_is_long_ago_is_shown_as_it_is() -> None:
    old = a_glance(last_tick_seconds=timedelta(hours=2).total_seconds(), is_ticking=False)
    assert "NONE" in drawn(old, 80)[0]
