"""The whole dialer at a glance, whatever is away; and what is wrong first."""

from __future__ import annotations

from sqlalchemy import update

from dialer.domain.states import StopKind
from dialer.engine import alerting
from dialer.ledger.tables import lease
from tests.integration.engine.rig import HOUR, MINUTE, SECOND, Rig, phones


def test_when_all_is_well_nothing_is_wrong(rig: Rig) -> None:
    batch = rig.load(phones(3))
    rig.tick()
    rig.work(limit=1)
    seen = rig.dialer.upkeep.glance()
    assert (seen.wrong, seen.redis, seen.is_ticking, seen.drained_since, seen.held) == ((), None, True, None, ())
    assert seen.in_flight == {"queued": 2, "dialing": 0, "in_progress": 1, "unknown": 0}
    assert [(lane.lane, lane.queued, lane.workers) for lane in seen.lanes] == [
        ("test", 0, 1),
        ("high", 0, 1),
        ("normal", 2, 1),
        ("low", 0, 1),
    ]
    assert [(worker.worker, worker.state) for worker in seen.workers] == [("worker-1", "alive")]
    assert [status.batch_id for status in seen.batches] == [batch.batch_id]
    assert [account.name for account in seen.accounts] == ["au"]


def test_everything_that_is_away_is_said_the_worst_first(rig: Rig) -> None:
    rig.load(phones(3))
    rig.tick()
    rig.clock.advance((20 * SECOND).total_seconds())
    rig.redis.is_up = False
    seen = rig.dialer.upkeep.glance()
    assert [words.split(":")[0] for words in seen.wrong] == [
        "scheduler silent",
        "redis",
        "no worker on lane normal, 3 queued",
    ]
    assert not seen.is_ticking
    assert seen.workers[0].state == "silent"
    rig.clock.advance(MINUTE.total_seconds())
    assert rig.dialer.upkeep.glance().wrong[0].startswith("scheduler lost: no tick for 80 s")


def test_a_ledger_that_never_saw_a_scheduler_is_shown_all_the_same(rig: Rig) -> None:
    with rig.ledger._transactions.write() as connection:
        connection.execute(update(lease).values(ticked_at=None, holder=None))
    seen = rig.dialer.upkeep.glance()
    assert seen.wrong[0] == "no scheduler ever ticked: is `dialer scheduler` running?"
    assert (seen.scheduler, seen.last_tick_seconds) == (None, None)


def test_halts_guards_and_doubts_are_seen(rig: Rig) -> None:
    rig.dialer.pause_all(account="au")
    rig.dialer.upkeep.drain()
    rig.ledger.accounts.stop("au", StopKind.AUTH, "HTTP 401", HOUR)
    rig.ledger.trust.raise_doubt("it seems to be a copy")
    watch = alerting.house_watch()
    for _ in range(2):
        alerting.watch_house(rig.desk, watch)
    seen = rig.dialer.upkeep.glance()
    assert seen.wrong[0] == "the ledger is in doubt: it seems to be a copy"
    assert "account au stopped (auth): HTTP 401" in seen.wrong
    assert seen.held == ("account au",)
    assert seen.drained_since is not None
    assert seen.accounts[0].state == "stopped"


def test_a_worker_that_stopped_is_shown_for_ten_minutes(rig: Rig) -> None:
    rig.ledger.workers.beat("old", "b", [])
    rig.ledger.workers.stopped("old", "b")
    assert {worker.worker: worker.state for worker in rig.dialer.upkeep.glance().workers} == {
        "worker-1": "alive",
        "old": "stopped",
    }
    rig.later(11 * MINUTE)
    assert [worker.worker for worker in rig.dialer.upkeep.glance().workers] == ["worker-1"]


def test_only_the_batches_of_a_workspace_are_shown_where_one_is_named(rig: Rig) -> None:
    rig.load(phones(1))
    other = rig.load(phones(1), workspace_id="w2")
    seen = rig.dialer.upkeep.glance("w2")
    assert ([status.batch_id for status in seen.batches], seen.open_batches) == ([other.batch_id], 1)
