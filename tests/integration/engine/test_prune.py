"""Pruning from end to end: the archive is whole before anything goes, and what is reported stays."""

from __future__ import annotations

import gzip
import json
import stat
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from dialer.domain.states import Outcome
from dialer.errors import ArchiveUnwritable, BatchTerminated, InvalidInput
from tests.integration.engine.conftest import NewRig
from tests.integration.engine.rig import DAY, START, Rig, phones

OLDER = 90 * DAY
FIRST, LAST = date(2026, 11, 1), date(2026, 11, 30)


def dialed(rig: Rig, count: int = 3, ref: str = "spring", **fields: Any) -> str:
    """A batch that is over; returns its id."""
    batch = rig.load(phones(count), ref, **fields)
    rig.step()
    rig.end_all(Outcome.BUSY)
    rig.ask(5 * timedelta(seconds=1))
    rig.tick()
    assert rig.again(batch).state == "completed"
    return batch.batch_id


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).decode().splitlines()]


def archives(directory: Path) -> list[Path]:
    return sorted(path for path in directory.rglob("*") if path.is_file())


def report(rig: Rig) -> dict[str, Any]:
    return rig.dialer.upkeep.report("w1", FIRST, LAST, "Australia/Melbourne").as_json()


def test_a_batch_is_archived_whole_and_removed_and_the_report_stays(rig: Rig, tmp_path: Path) -> None:
    batch_id = dialed(rig)
    before = report(rig)
    assert before["totals"]["attempts"] == 3
    rig.later(91 * DAY)
    receipt = rig.dialer.upkeep.prune(OLDER, tmp_path / "pruned")
    assert (receipt.batches, receipt.calls) == (1, 3)
    [path] = archives(tmp_path / "pruned")
    assert path.parent.name == "2026-11"
    assert path.name.startswith(batch_id)
    assert path.name.endswith(".jsonl.gz")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    head, *rows = read(path)
    assert head["batch"]["batch_ref"] == "spring"
    assert [row["call"]["phone"] for row in rows] == phones(3)
    assert all(row["attempts"][0]["outcome"] == "busy" for row in rows)
    assert rig.dialer.batches() == []
    assert list(rig.dialer.calls(phone=phones(1)[0])) == []
    assert report(rig) == before
    assert rig.dialer.upkeep.prune(OLDER, tmp_path / "pruned").batches == 0


def test_nothing_that_is_open_or_young_is_touched(rig: Rig, tmp_path: Path) -> None:
    open_batch = rig.load(phones(2), "open", exp=START + 400 * DAY)
    rig.pause(open_batch)
    dialed(rig, ref="old")
    rig.later(91 * DAY)
    young = dialed(rig, ref="young", exp=rig.now + DAY)
    receipt = rig.dialer.upkeep.prune(OLDER, tmp_path)
    assert receipt.batches == 1
    assert {status.batch_id for status in rig.dialer.batches()} == {open_batch.batch_id, young}
    assert rig.status(open_batch).counts["ready"] == 2


def test_a_run_goes_first_and_its_template_with_the_next_prune(new_rig: NewRig, tmp_path: Path) -> None:
    rig = new_rig()
    rig.load(phones(1), cron="0 12 * * *", timezone="Australia/Melbourne", exp=START + DAY)
    rig.later(timedelta(hours=2))
    rig.step()
    rig.end_all()
    rig.ask(timedelta(seconds=5))
    rig.later(2 * DAY)
    rig.tick()
    rig.later(91 * DAY)
    pruned = [rig.dialer.upkeep.prune(OLDER, tmp_path).batches for _ in range(3)]
    assert pruned == [1, 1, 0]


def test_less_than_a_day_is_refused(rig: Rig, tmp_path: Path) -> None:
    dialed(rig)
    with pytest.raises(InvalidInput, match="RETENTION_TOO_SHORT: older_than: expected a day at least"):
        rig.dialer.upkeep.prune(timedelta(hours=23), tmp_path)


def test_an_archive_that_cannot_be_written_leaves_everything_where_it_is(rig: Rig, tmp_path: Path) -> None:
    batch_id = dialed(rig)
    rig.later(91 * DAY)
    blocked = tmp_path / "pruned"
    blocked.write_text("a file, not a directory")
    with pytest.raises(ArchiveUnwritable, match=r"ARCHIVE_UNWRITABLE: .*pruned"):
        rig.dialer.upkeep.prune(OLDER, blocked)
    assert rig.dialer.status(batch_id).total == 3
    assert rig.dialer.upkeep.prune(OLDER, tmp_path / "elsewhere").batches == 1


def test_a_terminated_batch_stays_final_after_it_was_pruned(rig: Rig, tmp_path: Path) -> None:
    rig.terminate(rig.load(phones(1)))
    rig.tick()
    rig.later(91 * DAY)
    assert rig.dialer.upkeep.prune(OLDER, tmp_path).batches == 1
    with pytest.raises(BatchTerminated):
        rig.load(phones(1), exp=rig.now + DAY)


@pytest.mark.parametrize(
    ("first", "last", "timezone", "code"),
    [
        (LAST, FIRST, "UTC", "DAYS_REVERSED"),
        (date(1990, 1, 1), LAST, "UTC", "TOO_MANY_DAYS"),
        (FIRST, LAST, "Australia/Melburne", "TIMEZONE_INVALID"),
        (FIRST, LAST, "", "TIMEZONE_UNKNOWN"),
    ],
)
def test_a_report_that_cannot_be_made_is_refused_in_a_line(
    rig: Rig, first: date, last: date, timezone: str, code: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        rig.dialer.upkeep.report("w1", first, last, timezone)
    assert caught.value.code == code
    assert "\n" not in str(caught.value)
