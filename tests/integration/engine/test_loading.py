"""Loads: interrupted, repeated, empty, edited; what was dialed stays dialed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from dialer.domain.states import BatchState, CallState, CloseReason, Outcome
from dialer.engine import ingest
from dialer.errors import BatchTerminated, LoadRefused
from tests.integration.engine.rig import DAY, HOUR, SECOND, Rig, phone, phones

PHONE = phones(1)[0]


class CutOff(Exception):
    """The source of rows broke off."""


def breaking_after(numbers: list[str]) -> Iterator[dict[str, Any]]:
    yield from ({"phone": number} for number in numbers)
    raise CutOff


def interrupt(rig: Rig, numbers: list[str], **given: Any) -> None:
    with pytest.raises(CutOff):
        ingest.load(rig.desk, rig.spec(**given), breaking_after(numbers))


def test_an_interrupted_first_load_stays_closed_and_says_so(either: Rig) -> None:
    interrupt(either, phones(ingest.CHUNK + 10))
    [batch] = either.ledger.batches.page()
    assert either.status(batch).total == ingest.CHUNK
    for _ in range(3):
        either.step()
        either.later(HOUR)
    assert either.placed == []
    assert either.again(batch).state is BatchState.ACTIVE
    assert "load unfinished" in either.why(batch)


def test_repeating_an_interrupted_load_adds_what_is_missing(either: Rig) -> None:
    interrupt(either, phones(ingest.CHUNK + 10))
    receipt = either.receipt(phones(ingest.CHUNK + 10))
    assert (receipt.accepted, receipt.already_known, receipt.duplicates) == (10, ingest.CHUNK, 0)
    either.step()
    assert either.placed != []
    assert len(set(either.placed)) == len(either.placed)


def test_an_interrupted_later_load_is_dialed_on_but_never_completes(rig: Rig) -> None:
    batch = rig.load([PHONE])
    interrupt(rig, phones(2))
    rig.dial(PHONE)
    rig.tick()
    assert rig.placed == [PHONE]
    assert rig.status(batch).state == "running"
    rig.load([phone(0), phone(1)])
    rig.dial(phone(1))
    rig.tick()
    assert rig.placed == [phone(0), phone(1)]
    assert rig.status(batch).state == "completed"


def test_loading_again_never_dials_a_known_number_again(rig: Rig) -> None:
    batch = rig.load(phones(2), max_retries=2)
    rig.step()
    rig.end(phone(0), Outcome.ANSWERED)
    rig.end(phone(1), Outcome.BUSY)
    rig.ask(5 * SECOND)
    receipt = rig.receipt(phones(3))
    assert (receipt.accepted, receipt.already_known) == (1, 2)
    rig.step()
    assert rig.placed == phones(3)
    assert rig.call(batch, phone(0)).close_reason is CloseReason.REACHED
    assert rig.call(batch, phone(1)).state is CallState.WAITING


def test_a_completed_batch_reopens_for_new_numbers_only(rig: Rig) -> None:
    batch = rig.load([PHONE])
    rig.dial(PHONE)
    rig.tick()
    assert rig.status(batch).state == "completed"
    assert rig.load(phones(2)).batch_id == batch.batch_id
    assert rig.status(batch).state == "running"
    rig.step()
    assert rig.placed == phones(2)


def test_a_completed_batch_that_gets_nothing_new_is_completed_again(rig: Rig) -> None:
    batch = rig.load([PHONE])
    rig.dial(PHONE)
    rig.tick()
    rig.load([PHONE])
    assert rig.status(batch).state == "completed"


def test_a_batch_reopened_after_its_window_takes_a_new_one(rig: Rig) -> None:
    rig.load([PHONE], exp=rig.now + HOUR)
    rig.later(2 * HOUR)
    rig.tick()
    with pytest.raises(LoadRefused, match="WINDOW_PAST"):
        rig.load([phone(1)])
    rig.load([phone(1)], exp=rig.now + HOUR)
    rig.step()
    assert rig.placed == [phone(1)]


def test_an_empty_batch_completes_at_once(rig: Rig) -> None:
    assert rig.load([]).state is BatchState.COMPLETED


def test_a_load_of_which_every_row_is_rejected_leaves_an_empty_completed_batch(rig: Rig) -> None:
    receipt = rig.receipt(["12", {"phone": None}, {"phone": PHONE, "max_retries": -1}, {"phone": PHONE, "zone": "x"}])
    assert [(each.row, each.code) for each in receipt.rejections] == [
        (1, "PHONE_NOT_E164"),
        (2, "PHONE_MISSING"),
        (3, "MAX_RETRIES_INVALID"),
        (4, "UNKNOWN_FIELD"),
    ]
    batch = rig.batch_of(receipt)
    assert (batch.state, rig.status(batch).total) == (BatchState.COMPLETED, 0)


def test_a_number_twice_in_a_load_is_one_call_and_counted(rig: Rig) -> None:
    receipt = rig.receipt([PHONE, "+61 3 8777 0000", phone(1)])
    assert (receipt.accepted, receipt.duplicates, receipt.already_known) == (2, 1, 0)


def test_a_number_again_in_a_later_chunk_is_a_duplicate_too(either: Rig) -> None:
    numbers = phones(ingest.CHUNK)
    receipt = either.receipt([*numbers, *numbers[:3], phone(9999)])
    assert (receipt.accepted, receipt.duplicates, receipt.already_known) == (ingest.CHUNK + 1, 3, 0)
    again = either.receipt([*numbers[:3], *numbers[:3]])
    assert (again.accepted, again.duplicates, again.already_known) == (0, 3, 3)


def test_the_counts_of_a_receipt_add_up_to_the_rows_read(rig: Rig) -> None:
    rig.dialer.suppress(phone(3), "asked us not to")
    rig.load([phone(0)])
    read = [phone(0), phone(1), phone(1), phone(2), phone(3), "nonsense"]
    receipt = rig.receipt(read)
    counted = receipt.accepted, receipt.already_known, receipt.duplicates, receipt.suppressed, receipt.rejected
    assert counted == (2, 1, 1, 1, 1)
    assert sum(counted) == len(read)


def test_a_pause_survives_a_load(rig: Rig) -> None:
    batch = rig.load([PHONE])
    rig.pause(batch)
    rig.load(phones(2))
    rig.step()
    assert rig.placed == []
    assert rig.status(batch).state == "paused"


def test_a_load_that_says_so_resumes(rig: Rig) -> None:
    batch = rig.load([PHONE])
    rig.pause(batch)
    rig.load(phones(2), resume=True)
    rig.step()
    assert rig.placed == phones(2)
    assert rig.redis.signals.get(f"b:{batch.batch_id}", ("go", 0))[0] == "go"


def test_a_terminated_batch_takes_no_load(rig: Rig) -> None:
    rig.terminate(rig.load([PHONE]))
    with pytest.raises(BatchTerminated):
        rig.load([phone(1)])


def test_a_batch_terminated_while_it_is_loaded_takes_no_further_chunk(rig: Rig) -> None:
    def rows() -> Iterator[dict[str, str]]:
        for index, number in enumerate(phones(ingest.CHUNK * 2)):
            if index == ingest.CHUNK:
                [batch] = rig.ledger.batches.page()
                rig.terminate(batch)
            yield {"phone": number}

    with pytest.raises(BatchTerminated):
        ingest.load(rig.desk, rig.spec(), rows())
    [batch] = rig.ledger.batches.page()
    for _ in range(3):
        rig.tick()
    assert rig.status(batch).closed["terminated"] == rig.status(batch).total == ingest.CHUNK


def test_fields_left_out_stay_and_an_empty_list_clears(rig: Rig) -> None:
    batch = rig.load([PHONE], block_rules=["*|0000-1200"], timezone="Australia/Melbourne", max_retries=3)
    receipt = rig.receipt([], name="a title")
    assert receipt.changed == ("name",)
    assert rig.again(batch).terms.block_rules == ("*|0000-1200",)
    rig.step()
    assert rig.placed == []
    assert rig.receipt([], block_rules=[]).changed == ("block_rules",)
    rig.step()
    assert rig.placed == [PHONE]
    assert rig.call(batch).max_retries == 3


def test_a_draft_begins_by_a_load_that_says_scheduled_and_by_no_other(either: Rig) -> None:
    batch = either.load([phone(0)], status="draft")
    either.load([phone(1)])
    either.load([phone(2)], status="draft")
    either.step()
    assert (either.status(batch).state, either.placed) == ("draft", [])
    assert either.receipt([], status="scheduled").changed == ("status",)
    either.step()
    assert sorted(either.placed) == phones(3)
    assert either.receipt([phone(3)], status="draft").changed == ()  # what has begun is paused, not unbegun
    assert either.status(batch).state == "running"


def test_an_empty_draft_stays_one_until_it_has_numbers_and_is_begun(rig: Rig) -> None:
    batch = rig.load([], status="draft")
    assert rig.status(batch).state == "draft"
    rig.load([phone(0)])
    rig.step()
    assert (rig.status(batch).state, rig.placed) == ("draft", [])


def test_numbers_of_the_body_and_of_a_file_beside_it_are_both_taken(rig: Rig) -> None:
    spec = rig.spec(call_list=[{"phone": phone(0)}, {"phone": "1"}])
    receipt = rig.dialer.load_batch(spec, calls=[{"phone": phone(1)}, {"phone": phone(0)}])
    assert (receipt.accepted, receipt.duplicates, receipt.rejected) == (2, 1, 1)


def test_a_stricter_window_holds_what_was_not_dialed_yet(rig: Rig) -> None:
    batch = rig.load(phones(2), timezone="Australia/Melbourne")
    rig.tick()
    rig.work(1)
    rig.load([], calling_hours=["*|1300-1400"])
    rig.work()
    assert rig.placed == [phone(0)]
    rig.later(2 * HOUR)
    rig.step()
    assert rig.placed == phones(2)
    assert rig.status(batch).counts["in_progress"] == 2


def test_a_moved_exp_expires_earlier_or_later(rig: Rig) -> None:
    batch = rig.load([PHONE], nbf=rig.now + HOUR, exp=rig.now + 2 * HOUR)
    rig.load([], exp=rig.now + 3 * HOUR, nbf=rig.now + 2 * HOUR + 5 * SECOND)
    rig.later(2 * HOUR)
    rig.step()
    assert rig.call(batch).state is CallState.READY
    rig.later(5 * SECOND)
    rig.step()
    assert rig.placed == [PHONE]


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"timezone": "Australia/Perth"}, "FIELD_FIXED"),
        ({"cron": "0 9 * * *", "timezone": "Australia/Melbourne"}, "FIELD_FIXED"),
        ({"calling_hours": ["Sun|0900-0905"], "exp": "2026-11-23T03:00:00Z"}, "NEVER_OPEN"),
    ],
)
def test_a_refused_load_changes_nothing(rig: Rig, changed: dict[str, Any], code: str) -> None:
    batch = rig.load([PHONE], timezone="Australia/Melbourne")
    with pytest.raises(LoadRefused, match=code):
        rig.load([phone(1)], **changed)
    assert rig.again(batch) == batch
    assert rig.status(batch).total == 1


def test_without_redis_a_load_commits_and_warns(rig: Rig) -> None:
    rig.redis.is_up = False
    receipt = rig.receipt([PHONE])
    assert any("REDIS_UNREACHABLE" in warning for warning in receipt.warnings)
    rig.redis.is_up = True
    rig.step()
    assert rig.placed == [PHONE]


def test_a_load_wakes_the_scheduler(rig: Rig) -> None:
    rig.load([PHONE])
    assert rig.world.signals.await_wake(1.0)


def test_two_loads_at_once_keep_the_batch_open_until_both_are_in(rig: Rig) -> None:
    """One finishes while the other reads: what the other brings later is dialed all the same."""

    def rows() -> Iterator[dict[str, str]]:
        for index, number in enumerate(phones(ingest.CHUNK + 1)):
            if index == ingest.CHUNK:
                rig.load(phones(3))
            yield {"phone": number}

    receipt = ingest.load(rig.desk, rig.spec(), rows())
    batch = rig.batch_of(receipt)
    assert rig.status(batch).total == ingest.CHUNK + 1
    assert (batch.is_loaded, batch.is_loading) == (True, False)


def test_a_load_reports_numbers_by_the_zones_that_gate_them(rig: Rig) -> None:
    receipt = rig.receipt([phone(1), {"phone": phone(3), "timezone": "Australia/Perth"}, phone(2)])
    assert receipt.zones == {"Australia/Sydney": 2, "Australia/Perth": 1}


def test_a_load_warns_of_what_is_seldom_meant(rig: Rig) -> None:
    warnings = rig.receipt([PHONE], block_rules=["Mon-Fri|0900-1700"], timezone="Australia/Melbourne").warnings
    assert {warning.split(":")[0] for warning in warnings} == {"LOOKS_INVERTED", "NIGHTS_OPEN"}


def test_a_row_that_can_never_be_dialed_is_rejected(rig: Rig) -> None:
    own = {"phone": PHONE, "timezone": "America/New_York"}  # 19:00 there, and exp comes before the morning
    receipt = rig.receipt([own, phone(1)], calling_hours=["*|0900-1700"], exp=rig.now + 2 * HOUR)
    assert [(each.row, each.code) for each in receipt.rejections] == [(1, "NEVER_OPEN")]
    assert receipt.accepted == 1


def test_without_nbf_and_exp_a_batch_begins_now_and_lasts_thirty_days(rig: Rig) -> None:
    terms = rig.load([PHONE]).terms
    assert (terms.nbf, terms.exp) == (rig.now, rig.now + 30 * DAY)
