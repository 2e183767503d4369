"""Erasing from end to end: ledger, archive and report; and what a later load makes of the number."""

from __future__ import annotations

import gzip
from datetime import date, timedelta
from pathlib import Path

import pytest

from dialer.domain.states import CallState, CloseReason
from dialer.engine.erase import forms_of
from dialer.errors import ArchiveUnwritable, BadPhone, CallUnderWay
from tests.integration.engine.rig import DAY, Rig, phones
from tests.integration.engine.test_prune import OLDER, dialed

NUMBER, OTHER = phones(2)
DAYS = "w1", date(2026, 11, 1), date(2026, 11, 30), "Australia/Melbourne"


def test_a_number_goes_from_ledger_and_archive_and_the_report_stays(rig: Rig, tmp_path: Path) -> None:
    dialed(rig, 2, "old")
    rig.later(91 * DAY)
    rig.dialer.upkeep.prune(OLDER, tmp_path)
    dialed(rig, 2, "young", exp=rig.now + DAY)
    rig.dialer.suppress(NUMBER, "asked us")
    before = rig.dialer.upkeep.report(*DAYS)
    receipt = rig.dialer.upkeep.erase(NUMBER, tmp_path)
    assert (receipt.calls, receipt.attempts, receipt.archives, receipt.suppressions) == (1, 1, 1, 1)
    assert len(receipt.provider_calls) == 1
    assert receipt.is_suppressed
    assert rig.dialer.upkeep.report(*DAYS) == before
    [path] = tmp_path.rglob("*.jsonl.gz")
    text = gzip.decompress(path.read_bytes()).decode()
    assert not any(form in text for form in forms_of(NUMBER))
    assert text.count(OTHER) >= 1
    assert len(text.splitlines()) == 3
    assert [call.phone for call in rig.dialer.calls(phone=NUMBER)] == [receipt.token]
    assert [entry.phone for entry in rig.dialer.suppressions(phone=NUMBER)] == [NUMBER]
    assert rig.dialer.upkeep.erase(NUMBER, tmp_path).archives == 0


def test_a_later_load_of_a_number_that_was_erased_and_suppressed_dials_nobody(rig: Rig) -> None:
    dialed(rig, 1)
    rig.dialer.suppress(NUMBER, "asked us")
    rig.dialer.upkeep.erase(NUMBER)
    placed = len(rig.placed)
    receipt = rig.receipt([NUMBER, OTHER], "again")
    assert (receipt.accepted, receipt.suppressed) == (1, 1)
    known = rig.receipt([NUMBER, OTHER])
    assert (known.accepted, known.already_known) == (1, 1)
    rig.step()
    assert set(rig.placed[placed:]) == {OTHER}
    batch = rig.load([NUMBER], "once more")
    assert rig.call(batch).close_reason is CloseReason.SUPPRESSED


def test_a_number_that_is_called_right_now_is_erased_when_that_is_over(rig: Rig) -> None:
    batch = rig.load([NUMBER])
    rig.step()
    with pytest.raises(CallUnderWay, match=rig.call(batch).call_id):
        rig.dialer.upkeep.erase(NUMBER)
    rig.end(NUMBER)
    rig.ask(timedelta(seconds=5))
    assert rig.dialer.upkeep.erase(NUMBER).calls == 1


def test_what_waited_for_it_is_closed_and_never_dialed(rig: Rig) -> None:
    batch = rig.load([NUMBER, OTHER])
    rig.tick()
    receipt = rig.dialer.upkeep.erase(NUMBER)
    assert receipt.closed == 1
    assert not receipt.is_suppressed
    rig.work()
    assert rig.placed == [OTHER]
    [erased] = [call for call in rig.calls(batch) if call.phone == receipt.token]
    assert (erased.state, erased.close_reason, erased.why) == (
        CallState.CLOSED,
        CloseReason.SUPPRESSED,
        "its number was erased",
    )
    assert rig.dialer.explain_call(erased.call_id).why == "closed: suppressed"
    assert rig.dialer.explain(batch.batch_id, NUMBER).state == "closed"


def test_an_archive_that_cannot_be_read_is_told_and_the_rest_can_be_repeated(rig: Rig, tmp_path: Path) -> None:
    dialed(rig, 1)
    (tmp_path / "broken.jsonl.gz").write_bytes(b"no gzip")
    with pytest.raises(ArchiveUnwritable, match=r"broken\.jsonl\.gz: cannot be read"):
        rig.dialer.upkeep.erase(NUMBER, tmp_path)
    (tmp_path / "broken.jsonl.gz").unlink()
    assert rig.dialer.upkeep.erase(NUMBER, tmp_path).calls == 0


def test_what_is_no_number_is_refused(rig: Rig) -> None:
    with pytest.raises(BadPhone):
        rig.dialer.upkeep.erase("12")
