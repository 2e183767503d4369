"""A process ends at every point of the moves that concern a batch, a template or an account."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from dialer import BatchStatus
from dialer.bootstrap import alarms_of
from dialer.coordination import keys
from dialer.domain.states import CallState, CloseReason, StopKind
from dialer.engine import alerting, rounds
from dialer.ledger.tables import attempts, batches, calls, schedules
from dialer.ledger.upkeep_tables import erasures
from dialer.settings import load_settings
from tests.failpoints.cases import NAME
from tests.failpoints.fates import (
    CONTROL,
    LOADING,
    PRUNING,
    RECURRENCE,
    TEMPLATES,
    TEST_CALLS,
    Loading,
    Pruning,
    Running,
    Saying,
)
from tests.failpoints.scene import A_WHILE, WORKSPACE, Scene, phones, spec
from tests.receiver import Receiver

LEASE = timedelta(seconds=5)


def assert_reached(scene: Scene, status: BatchStatus, count: int) -> None:
    """Every number of the batch was called, and was called once."""
    assert (status.state, status.closed["reached"], status.total) == ("completed", count, count)
    assert (scene.placed(), scene.held(), scene.messages()) == (count, 0, 0)
    scene.assert_nobody_was_called_twice()


def find(scene: Scene, ref: str = "spring") -> str:
    return scene.dialer.find_batch(f"acme/agent-1/{ref}").batch_id


@pytest.mark.parametrize("row", LOADING, ids=lambda row: row.point)
def test_a_load_that_ended_is_closed_until_it_is_repeated_and_knows_what_it_has(row: Loading, scene: Scene) -> None:
    scene.dies(row.point, "load", spec(), phones(3))
    batch_id = find(scene)
    status = scene.dialer.status(batch_id)
    assert status.total == row.known
    if not row.is_loaded:
        assert "load unfinished" in (status.why or "")
        scene.round()
        assert scene.placed() == 0
        receipt = scene.dialer.load_batch(spec(), calls=[{"phone": phone} for phone in phones(3)])
        assert (receipt.accepted, receipt.already_known, receipt.duplicates) == (3 - row.known, row.known, 0)
    assert_reached(scene, scene.take_over(batch_id), 3)


def test_a_long_load_that_ended_between_two_chunks_goes_on_when_it_is_repeated(scene: Scene) -> None:
    numbers = phones(5003)
    scene.dies("ingest.chunk", "load", spec(), numbers)
    assert scene.dialer.status(find(scene)).total == 5000
    scene.round()
    assert scene.messages() == 0
    receipt = scene.dialer.load_batch(spec(), calls=[{"phone": phone} for phone in numbers])
    assert (receipt.accepted, receipt.already_known) == (3, 5000)
    assert scene.dialer.status(find(scene)).counts["ready"] == 5003


def test_a_batch_whose_second_load_ended_is_dialed_and_completes_when_that_is_repeated(scene: Scene) -> None:
    batch_id = scene.load(phones(2))
    scene.dies("ingest.chunk", "load", spec(), phones(3))
    status = scene.take_over(batch_id, most=3)
    assert (status.state, status.closed["reached"]) == ("running", 3)
    scene.load(phones(3))
    assert_reached(scene, scene.take_over(batch_id), 3)


@pytest.mark.parametrize("row", TEST_CALLS, ids=lambda row: row.point)
def test_a_test_call_that_ended_is_placed_once_when_it_is_repeated(row: Loading, scene: Scene) -> None:
    wanted = spec(phone=phones(1)[0])
    scene.dies(row.point, "test_call", wanted)
    batch_id = find(scene)
    assert scene.dialer.status(batch_id).total == row.known
    scene.round()
    assert scene.placed() == row.is_loaded
    if not row.is_loaded:
        batch_id = scene.dialer.test_call(wanted).batch_id
    assert_reached(scene, scene.take_over(batch_id), 1)


@pytest.mark.parametrize("row", TEMPLATES, ids=lambda row: row.point)
def test_a_template_whose_load_ended_runs_at_its_occurrence_once_loaded(row: Loading, scene: Scene) -> None:
    template = a_template()
    scene.dies(row.point, "load", template, phones(2))
    if not row.is_loaded:
        scene.round()
        scene.load(phones(2), **template)
    assert come(scene) == 1
    scene.round()
    [run] = scene.desk.ledger.schedules.runs(find(scene), open_only=False)
    assert_reached(scene, scene.take_over(run.batch_id), 2)


@pytest.mark.parametrize("row", CONTROL, ids=lambda row: f"{row.point}-{row.verb}")
def test_a_control_word_that_the_ledger_has_holds_whether_redis_heard_it_or_not(row: Saying, scene: Scene) -> None:
    batch_id = scene.load(phones(2))
    scene.push()
    names = () if row.verb == "pause_all" else NAME
    scene.dies(row.point, "say", row.verb, *names)
    assert bool(scene.redis.hgetall(keys.SIGNALS)) is row.is_told
    for _ in range(2):  # the messages are in Redis; then the scheduler repeats the word to it
        scene.work()
        scene.round()
    assert scene.placed() == 0
    if row.verb == "terminate_batch":
        status = scene.take_over(batch_id)
        assert (status.state, status.closed["terminated"], scene.placed()) == ("terminated", 2, 0)
        return
    assert scene.redis.hgetall(keys.SIGNALS)
    if names:
        assert scene.dialer.resume_batch(*names).state == "running"
    else:
        scene.dialer.resume_all()
    assert_reached(scene, scene.take_over(batch_id), 2)


def test_a_drain_whose_command_ended_holds_until_it_is_lifted(scene: Scene) -> None:
    batch_id = scene.load(phones(2))
    scene.push()
    scene.dies("drain.committed", "drain")
    scene.redis.flushall()
    for _ in range(2):
        scene.round()
    assert scene.placed() == 0
    assert "the dialer is drained" in (scene.dialer.status(batch_id).why or "")
    assert scene.dialer.upkeep.undrain().lifted
    assert_reached(scene, scene.take_over(batch_id), 2)


def test_a_pause_of_a_template_that_ended_before_its_run_reaches_the_run_when_it_is_repeated(scene: Scene) -> None:
    scene.load(phones(2), **a_template())
    come(scene)
    scene.push()
    [run] = scene.desk.ledger.schedules.runs(find(scene), open_only=True)
    scene.dies("control.committed", "say", "pause_batch", *NAME)
    assert scene.dialer.status(run.batch_id).state == "running"
    scene.dialer.pause_batch(*NAME)
    assert scene.dialer.status(run.batch_id).state == "paused"
    scene.work()
    assert scene.placed() == 0


def test_a_push_to_two_lanes_that_ended_in_its_middle_reached_neither(scene: Scene) -> None:
    batch_id = scene.load(phones(1))
    tested = scene.dialer.test_call(spec(phone=phones(2)[1])).batch_id
    scene.dies("push.lane", "lead", turn=2)
    assert (scene.call(batch_id).state, scene.call(tested).state) == (CallState.QUEUED, CallState.QUEUED)
    assert scene.messages() == 0
    for each in (batch_id, tested):
        assert scene.take_over(each).closed["reached"] == 1
    assert scene.placed() == 2
    scene.assert_nobody_was_called_twice()


def test_a_leader_that_ended_with_a_new_lease_is_replaced_when_that_is_over(scene: Scene) -> None:
    workers = scene.desk.ledger.workers
    before = workers.lead("earlier", LEASE)
    workers.resign("earlier")
    scene.dies("lease.taken", "lead")
    assert workers.lead("another", LEASE) is None
    scene.pass_time(6.0)
    assert workers.lead("another", LEASE) == (before or 0) + 2


def test_a_word_for_a_provider_whose_sender_ended_is_said_again(scene: Scene) -> None:
    batch_id = scene.load(phones(1), provider="inspra")
    scene.push()
    scene.work()
    scene.dialer.pause_batch(*NAME)
    scene.dies("outbox.relayed", "relay")
    assert scene.requests("control") == 1
    assert [rounds.relay_outbox(scene.desk) for _ in range(2)] == [1, 0]
    assert (scene.requests("control"), scene.placed()) == (2, 1)
    assert scene.call(batch_id).close_reason is CloseReason.HANDED_OFF


def test_a_balance_that_was_read_and_not_written_is_read_again(scene: Scene) -> None:
    batch_id = scene.load(phones(1), provider="outboundcalls")
    scene.dies("balances.read", "read_balances")
    scene.push()
    assert scene.call(batch_id).state is CallState.READY
    assert_reached(scene, scene.take_over(batch_id), 1)


def test_an_account_that_answered_whoever_died_asking_is_probed_by_one_call(scene: Scene) -> None:
    batch_id = scene.load(phones(1), provider="outboundcalls")
    scene.desk.ledger.accounts.stop("outboundcalls", StopKind.BREAKER, "silent", timedelta(seconds=1))
    scene.pass_time(A_WHILE)
    scene.dies("balances.written", "read_balances")
    scene.push()
    assert scene.call(batch_id).state is CallState.QUEUED
    assert_reached(scene, scene.take_over(batch_id), 1)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


def told_of_the_call(scene: Scene) -> dict[str, Any]:
    """What the provider posts when its latest call has ended."""
    call_id = scene.simulator.placements()[-1]["call_id"]
    return {"event": "call.completed", "data": {"id": call_id, "status": "completed"}}


def in_progress(scene: Scene) -> str:
    """A call whose next question lies ahead."""
    batch_id = scene.load(phones(1), provider="outboundcalls")
    rounds.read_balances(scene.desk)
    scene.push()
    scene.work()
    assert scene.call(batch_id).state is CallState.IN_PROGRESS
    return batch_id


def test_a_webhook_that_was_stored_before_its_receiver_ended_is_heeded(scene: Scene) -> None:
    batch_id = in_progress(scene)
    told = told_of_the_call(scene)
    scene.dies("inbox.stored", "hear", "outboundcalls", "hush", json.dumps(told))
    assert not scene.hear(told), "the provider sends it again, and it is known"
    assert [heeded.event for heeded in rounds.settle_inbox(scene.desk)] == ["asked"]
    assert [asked.event for asked in rounds.ask_around(scene.desk)] == ["settled"]
    assert_reached(scene, scene.take_over(batch_id), 1)


def test_a_webhook_half_heeded_is_heeded_again_and_asks_once_more_than_needed(scene: Scene) -> None:
    batch_id = in_progress(scene)
    scene.hear(told_of_the_call(scene))
    scene.dies("inbox.heeded", "heed")
    assert [asked.event for asked in rounds.ask_around(scene.desk)] == ["settled"]
    assert [heeded.event for heeded in rounds.settle_inbox(scene.desk)] == ["over"]
    assert_reached(scene, scene.take_over(batch_id), 1)


def test_a_notice_that_was_handed_out_by_one_who_ended_is_handed_out_again(scene: Scene, receiver: Receiver) -> None:
    scene.listen(receiver)
    batch_id = in_progress(scene)
    scene.hear(told_of_the_call(scene))
    rounds.settle_inbox(scene.desk)
    rounds.ask_around(scene.desk)
    scene.dies("notices.handed_out", "hand_out")
    scene.tell()
    assert receiver.received == [], "it is taken for handed out"
    scene.pass_time(2 * A_WHILE + 1)
    scene.tell()
    assert len(receiver.received) == 1
    assert_reached(scene, scene.take_over(batch_id), 1)


def test_a_notice_whose_sender_ended_before_writing_it_down_comes_again_under_the_same_id(
    scene: Scene, receiver: Receiver
) -> None:
    scene.listen(receiver)
    batch_id = in_progress(scene)
    scene.hear(told_of_the_call(scene))
    rounds.settle_inbox(scene.desk)
    rounds.ask_around(scene.desk)
    rounds.hand_out_notices(scene.desk)
    scene.dies("notice.sent", "tell")
    [notice] = scene.dialer.webhooks.entries()
    assert notice.heard_at is None
    scene.pass_time(2 * A_WHILE + 1)
    scene.tell()
    assert receiver.ids() == [notice.notice_id] * 2
    assert receiver.unverified == []
    scene.pass_time(2 * A_WHILE + 1)
    scene.tell()
    assert len(receiver.received) == 2, "now it is known to be heard"
    assert_reached(scene, scene.take_over(batch_id), 1)


def test_an_ending_whose_maker_ended_right_after_it_is_told_all_the_same(scene: Scene, receiver: Receiver) -> None:
    scene.listen(receiver)
    batch_id = in_progress(scene)
    scene.pass_time(A_WHILE)
    scene.dies("settle.committed", "ask")
    scene.tell()
    [received] = receiver.received
    call = scene.call(batch_id)
    assert (received.said["data"]["call_id"], received.said["data"]["close_reason"]) == (call.call_id, "reached")
    assert_reached(scene, scene.take_over(batch_id), 1)


def test_an_alert_whose_teller_ended_is_told_again_under_the_same_id(scene: Scene) -> None:
    heard = scene.config.parent / "heard"
    text = scene.config.read_text(encoding="utf-8")
    command = json.dumps(["/bin/sh", "-c", f"cat >> {heard}"])
    scene.config.write_text(f"alert_command = {command}\n{text}", encoding="utf-8")
    rounds.read_balances(scene.desk)
    scene.desk.ledger.accounts.stop("inspra", StopKind.AUTH, "HTTP 401", timedelta(hours=1))
    watch = alerting.house_watch()
    watched = replace(scene.desk, alarms=alarms_of(load_settings(scene.config)))
    for _ in range(2):
        alerting.watch_house(watched, watch)
    scene.dies("alerts.told", "alarm")
    assert alerting.ring(watched) == []
    scene.pass_time(61.0)
    assert [told.why for told in alerting.ring(watched)] == [None]
    assert [json.loads(line)["id"] for line in heard.read_text().splitlines()] == ["1-began", "1-began"]
    scene.pass_time(61.0)
    assert alerting.ring(watched) == []


@pytest.mark.parametrize("row", PRUNING, ids=lambda row: f"{row.point}-{row.turn}")
def test_a_prune_that_ended_is_gone_on_with_and_loses_nothing_that_counts(
    row: Pruning, scene: Scene, tmp_path: Path
) -> None:
    batch_id = scene.load(phones(1500))
    scene.round()
    scene.dialer.terminate_batch(*NAME)
    status = scene.take_over(batch_id)
    scene.round()  # the tick that finds nothing of it open any more
    assert status.counts["closed"] == 1500
    scene.pass_time(timedelta(days=91).total_seconds())
    today = datetime.now(UTC).date()
    days = WORKSPACE, today - timedelta(days=99), today, "Australia/Melbourne"
    before = scene.dialer.upkeep.report(*days)
    assert before.totals.attempts == status.attempts > 20
    archive = tmp_path / "pruned"
    scene.dies(row.point, "prune", str(archive), turn=row.turn)
    assert (scene.desk.ledger.batches.get(batch_id) is not None) is row.is_there
    assert scene.rows(calls) == row.left
    assert scene.dialer.upkeep.report(*days) == before
    receipt = scene.dialer.upkeep.prune(timedelta(days=90), archive)
    assert (receipt.batches, receipt.calls) == (int(row.is_there), row.left)
    assert (scene.rows(calls), scene.rows(attempts), scene.desk.ledger.retention.unfinished()) == (0, 0, [])
    assert scene.dialer.upkeep.report(*days) == before
    [file] = [path for path in archive.rglob("*") if path.is_file()]
    assert len(gzip.decompress(file.read_bytes()).splitlines()) == 1501


def test_an_erasure_that_ended_in_its_middle_is_done_when_it_is_repeated(scene: Scene) -> None:
    [number] = phones(1)
    batch_id = scene.load([number])
    assert_reached(scene, scene.take_over(batch_id), 1)
    scene.dies("erase.begun", "erase", number)
    receipt = scene.dialer.upkeep.erase(number)
    assert (receipt.calls, scene.rows(erasures)) == (0, 1)
    assert scene.write(update(erasures).where(erasures.c.done_at.is_not(None)).values(done_at=None)) == 1
    [call] = scene.dialer.calls(phone=number)
    assert (call.phone, call.close_reason) == (receipt.token, CloseReason.REACHED)


def a_template() -> dict[str, Any]:
    """One that fires each day at the minute before this one."""
    now = datetime.now(UTC)
    at = now - timedelta(minutes=1)
    # A day old: the occurrence lies within its window.
    nbf, exp = now - timedelta(days=3), now + timedelta(days=30)
    return spec(cron=f"{at.minute} {at.hour} * * *", timezone="UTC", nbf=nbf.isoformat(), exp=exp.isoformat())


def occurrence(scene: Scene) -> datetime:
    """The latest of the one template, whatever minute it is by now."""
    template = scene.desk.ledger.batches.get(find(scene))
    assert template is not None
    minute, hour = str(template.terms.cron).split()[:2]
    now = datetime.now(UTC)
    today = now.replace(hour=int(hour), minute=int(minute), second=0, microsecond=0)
    return today if today <= now else today - timedelta(days=1)


def come(scene: Scene, last_local: str | None = None) -> int:
    """Today's occurrence has come, though the template was loaded after it; how many templates were planned."""
    return scene.write(update(schedules).values(next_at=occurrence(scene), last_local=last_local))


@pytest.mark.parametrize("row", RECURRENCE, ids=lambda row: row.point)
def test_an_occurrence_whose_run_was_not_advanced_is_one_run_and_is_dialed_once(row: Running, scene: Scene) -> None:
    scene.load(phones(2), **a_template())
    come(scene)
    scene.dies(row.point, "lead")
    template_id = find(scene)
    [run] = scene.desk.ledger.schedules.runs(template_id, open_only=False)
    assert scene.dialer.status(run.batch_id).total == row.copied
    status = scene.take_over(run.batch_id)
    assert [each.batch_id for each in scene.desk.ledger.schedules.runs(template_id, open_only=False)] == [run.batch_id]
    assert_reached(scene, status, 2)
    assert scene.dialer.status(template_id).counts["waiting"] == 2


def as_yesterday_s(scene: Scene, run_id: str) -> None:
    """As if this run were of the occurrence before, and the next has come."""
    local = (occurrence(scene) - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M")
    scene.write(
        update(batches).where(batches.c.batch_id == run_id).values(occurrence=local, batch_ref=f"spring@{local}")
    )
    come(scene, local)


def test_a_run_that_was_ended_before_the_next_was_opened_leaves_room_for_the_next(scene: Scene) -> None:
    scene.load(phones(2), **a_template())
    come(scene)
    scene.push()
    [old] = scene.desk.ledger.schedules.runs(find(scene), open_only=False)
    as_yesterday_s(scene, old.batch_id)
    scene.dies("recur.ended", "lead")
    assert scene.dialer.status(old.batch_id).closed["expired"] == 2
    scene.round()
    [_, new] = scene.desk.ledger.schedules.runs(find(scene), open_only=False)
    assert_reached(scene, scene.take_over(new.batch_id), 2)
    assert scene.dialer.status(old.batch_id).state == "completed"


def test_a_run_half_loaded_when_the_next_occurrence_comes_ends_and_completes(scene: Scene) -> None:
    scene.load(phones(2), **a_template())
    come(scene)
    scene.dies("recur.copied", "lead")
    [old] = scene.desk.ledger.schedules.runs(find(scene), open_only=False)
    as_yesterday_s(scene, old.batch_id)
    scene.round()
    [_, new] = scene.desk.ledger.schedules.runs(find(scene), open_only=False)
    assert_reached(scene, scene.take_over(new.batch_id), 2)
    half = scene.dialer.status(old.batch_id)
    assert (half.state, half.closed["expired"]) == ("completed", 2)
