"""Nights on which clocks change, in eight zones, through the whole engine: who was dialed when, judged by nothing but
the wall clock of the callee."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.integration.engine.conftest import NewRig
from tests.integration.engine.rig import HOUR, MINUTE, an_account, phones

#: The hour around the change is open, or blocked. Whole and half hours, both hemispheres, midnight too.
NIGHTS = [
    ("America/New_York", datetime(2026, 11, 1, tzinfo=UTC), "0100-0200"),
    ("America/New_York", datetime(2027, 3, 14, tzinfo=UTC), "0130-0330"),
    ("America/St_Johns", datetime(2026, 11, 1, tzinfo=UTC), "0100-0200"),
    ("Europe/Berlin", datetime(2026, 10, 25, tzinfo=UTC), "0200-0300"),
    ("Europe/Berlin", datetime(2027, 3, 27, 12, tzinfo=UTC), "0230-0315"),
    ("Australia/Lord_Howe", datetime(2027, 4, 3, tzinfo=UTC), "0130-0200"),
    ("Australia/Lord_Howe", datetime(2026, 10, 3, tzinfo=UTC), "0145-0245"),
    ("Pacific/Auckland", datetime(2027, 4, 3, tzinfo=UTC), "0200-0300"),
    ("America/Santiago", datetime(2026, 9, 6, tzinfo=UTC), "2330-0130"),
    ("Asia/Beirut", datetime(2027, 3, 27, 12, tzinfo=UTC), "2330-0130"),
    ("Africa/Cairo", datetime(2026, 10, 29, 12, tzinfo=UTC), "2300-0000"),
]


def change_near(zone: ZoneInfo, around: datetime) -> datetime:
    """The minute in which its offset changes."""
    instant = around
    while instant.astimezone(zone).utcoffset() == (instant + MINUTE).astimezone(zone).utcoffset():
        instant += MINUTE
        assert instant < around + timedelta(days=2), f"{zone} does not change there"
    return instant + MINUTE


def is_inside(instant: datetime, zone: ZoneInfo, span: str) -> bool:
    """By what the clock on the wall shows, and nothing else."""
    start, end = span.split("-")
    shown = instant.astimezone(zone).strftime("%H%M")
    return start <= shown < end if start < end else shown >= start or shown < end


@pytest.mark.parametrize("meaning", ["calling_hours", "block_rules"])
@pytest.mark.parametrize(("name", "around", "span"), NIGHTS)
def test_on_a_night_on_which_clocks_change_the_wall_clock_decides(
    new_rig: NewRig, name: str, around: datetime, span: str, meaning: str
) -> None:
    zone = ZoneInfo(name)
    change = change_near(zone, around)
    looked_at = [change + minutes * MINUTE for minutes in range(-125, 125, 5)]
    rig = new_rig(start=looked_at[0], accounts={"au": an_account(channels=1000)})
    fields: dict[str, Any] = {"timezone": name, "exp": change + 3 * HOUR, meaning: [f"*|{span}"]}
    rig.load(phones(len(looked_at)), **fields)
    dialed: set[datetime] = set()
    for instant in looked_at:
        rig.clock.advance((instant - rig.now).total_seconds())
        rig.beat()
        before = len(rig.placed)
        rig.tick()
        rig.work(limit=1)
        dialed |= {instant} if len(rig.placed) > before else set()
    is_open = {instant for instant in looked_at if is_inside(instant, zone, span) is (meaning == "calling_hours")}
    assert 0 < len(is_open) < len(looked_at)
    assert dialed == is_open
