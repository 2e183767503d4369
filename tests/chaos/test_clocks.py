"""Windows that open and close while calls wait for them, in eight zones, dialed by workers whose clocks are wrong.

What a rule means on a DST night is proven by the unit tests of `domain/window`; here, that processes keep to it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from tests.chaos.auditor import Opening, placement_requests
from tests.chaos.conftest import Conclude, Form, Prepare
from tests.chaos.ground import FAST, Ground, phones, ready
from tests.chaos.ledgers import PostgresBooks

#: Whole, half and quarter hours, both hemispheres.
ZONES = (
    *("America/New_York", "America/St_Johns", "Europe/Berlin", "Asia/Kolkata"),
    *("Asia/Kathmandu", "Asia/Tokyo", "Australia/Lord_Howe", "Pacific/Auckland"),
)
MINUTE = timedelta(minutes=1)
PACE = 12.0
#: numbers that one batch may need
MOST = 1000
#: Contract, section 4: so soon after an opening the first request starts.
OPENS_WITHIN_SECONDS = 2.0
SHIM = Path(__file__).with_name("shifted_clock")
#: Two hours ahead; two hours behind and then stepping back by ten minutes.
CLOCKS = ("0:7200", "0:-7200,6:-7800")


def shifted(clock: str) -> list[str]:
    """Goes before a command line whose clock is to be wrong."""
    return ["/usr/bin/env", f"PYTHONPATH={SHIM}", f"CHAOS_CLOCK={clock}"]


def test_windows_that_open_and_close_in_eight_zones_under_wrong_clocks(
    form: Form, postgresql_books: PostgresBooks, prepare: Prepare, conclude: Conclude
) -> None:
    ground = prepare(postgresql_books, {"defaults": FAST}, pace=PACE)
    workers = [ground.hire(wrapping=shifted(clock)) for clock in CLOCKS]
    ready(ground, [*workers, ground.schedule()])
    offsets = [offset_of(ground, child.name) for child in workers]
    openings = []
    for turn in range(form.pick(1, 5)):
        turning = next_minute(at_least=form.seconds(5.0, 8.0))
        openings.append(turning.timestamp())
        load_zones(ground, turn, turning)
        sleep_until(turning.timestamp() + form.seconds(4.0, 6.0))
    delays = [first - opened for opened, first in zip(openings, first_after(ground, openings), strict=True)]
    for batch in ground.loaded.values():
        ground.dialer.terminate_batch("acme", "agent-1", batch.ref)  # what was closed in time is never dialed
    ground.rest(form.seconds(90.0, 1800.0))
    assert offsets[0] > 7000
    assert offsets[1] < -7000
    conclude(ground, len(CLOCKS), opened_after_ms=[round(delay * 1000) for delay in delays])
    assert max(delays) <= OPENS_WITHIN_SECONDS


def offset_of(ground: Ground, worker: str) -> float:
    """Seconds by which this worker's own clock, as its first line tells it, is ahead of ours."""
    line = next(line for line in ground.lines if line.startswith(f"{worker} | {{"))
    told = datetime.fromisoformat(json.loads(line.partition(" | ")[2])["at"])
    return told.timestamp() - time.time()


def next_minute(at_least: float) -> datetime:
    """The next full minute that is so many seconds ahead."""
    ahead = datetime.now(UTC) + timedelta(seconds=at_least)
    return ahead.replace(second=0, microsecond=0) + MINUTE


def load_zones(ground: Ground, turn: int, turning: datetime) -> None:
    """At `turning` half of the zones close and half open, and one batch expires: each with more calls than can be
    dialed before."""
    many = int(PACE * (turning.timestamp() - time.time()))
    for at, zone in enumerate(ZONES):
        opens, closes = (turning, turning + 5 * MINUTE) if at % 2 else (turning - 5 * MINUTE, turning)
        ground.load(
            f"{zone}-{turn}",
            phones(many if at % 2 == 0 else 60, "202", (turn * len(ZONES) + at) * MOST),
            "inspra" if at % 4 < 2 else "batch_call",
            timezone=zone,
            calling_hours=[f"*|{wall(opens, zone)}-{wall(closes, zone)}"],
            openings=(Opening(opens.timestamp(), closes.timestamp()),),
        )
    ground.load(f"expires-{turn}", phones(2 * many, "301", 2 * MOST * turn), "outboundcalls", exp=turning)


def wall(instant: datetime, zone: str) -> str:
    return instant.astimezone(ZoneInfo(zone)).strftime("%H%M")


def sleep_until(wall_seconds: float) -> None:
    time.sleep(max(0.0, wall_seconds - time.time()))


def first_after(ground: Ground, openings: Sequence[float]) -> list[float]:
    """The first request of a batch that opened then, for each opening."""
    evidence = ground.evidence()
    found = []
    for opened in openings:
        opening = {batch_id for batch_id, terms in evidence.terms.items() if terms.openings == _from(opened)}
        requests = placement_requests(evidence.requests)
        found.append(min(one.arrived for one in requests if evidence.phones[one.phone] in opening))
    return found


def _from(opened: float) -> tuple[Opening, ...]:
    return (Opening(opened, opened + 300.0),)
