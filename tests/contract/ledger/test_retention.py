"""Which batches may go, and that what goes is all of it, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Table, func, select, update

from dialer.domain.batch import Batch
from dialer.domain.states import BatchState, CloseReason, Outcome
from dialer.errors import BatchTerminated
from dialer.ledger import SqlLedger
from dialer.ledger.client_tables import agents, notices
from dialer.ledger.tables import attempts, batches, calls, cohorts, metadata, outbox
from dialer.ledger.upkeep_tables import pruned, summaries
from dialer.ports.upkeep import Row
from tests.contract.ledger.builders import ACCOUNT, DAY, HOUR, House, new_calls, terms_of

OLDER = 90 * DAY


def pass_days(house: House, days: int) -> None:
    """Every instant that the ledger knows moves into the past, but for windows."""
    staying = {batches.c.nbf, batches.c.exp, cohorts.c.opens_at, cohorts.c.closes_at, summaries.c.starts_at}
    with house.ledger._transactions.write() as connection:
        for table in metadata.sorted_tables:
            for column in table.columns:
                if column.name.endswith("_at") and column not in staying:
                    _age(connection, table, column, days)


def _age(connection: Any, table: Table, column: Any, days: int) -> None:
    keys = list(table.primary_key.columns)
    for row in connection.execute(select(*keys, column).where(column.is_not(None))).all():
        this = update(table)
        for key, value in zip(keys, row, strict=False):
            this = this.where(key == value)
        connection.execute(this.values({column: row[-1] - timedelta(days=days)}))


def completed(house: House, ref: str = "spring", count: int = 2) -> Batch:
    batch = house.load(terms_of(ref), new_calls(count))
    for queued in house.push():
        attempt = house.open_attempt(house.claim(house.ticket(queued)))
        done = house.ledger.attempts.settle(attempt, progress(), None, CloseReason.REACHED)
        assert done
    assert house.ledger.sweeps.complete() == [batch.batch_id]
    return batch


def progress() -> Any:
    from dialer.domain.placement import Progress

    return Progress(ended=True, outcome=Outcome.ANSWERED, duration_seconds=61.5, credits_charged=0.25, raw="{}")


def rows(house: House, table: Table) -> int:
    with house.ledger._transactions.read() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


def ids(ledger: SqlLedger) -> list[str]:
    return ledger.retention.prunable(OLDER, None, 100)


def test_a_batch_that_was_over_long_ago_may_go_and_a_younger_one_may_not(house: House, ledger: SqlLedger) -> None:
    batch = completed(house)
    assert ids(ledger) == []
    assert not ledger.retention.seal(batch.batch_id, OLDER, "a")
    pass_days(house, 89)
    assert ids(ledger) == []
    pass_days(house, 2)
    assert ids(ledger) == [batch.batch_id]


def open_call(house: House) -> Batch:
    return house.load()


def paused(house: House) -> Batch:
    batch = house.load()
    house.ledger.batches.control(batch.batch_id, BatchState.PAUSED, "later", "user")
    return batch


def draft(house: House) -> Batch:
    return house.load(draft=True)


def in_progress(house: House) -> Batch:
    batch = house.load()
    house.open_attempt()
    house.ledger.batches.control(batch.batch_id, BatchState.TERMINATED, "over", "user")
    return batch


def being_loaded(house: House) -> Batch:
    batch = completed(house)
    house.open(terms_of())
    return batch


def held_by_its_provider(house: House) -> Batch:
    batch = completed(house)
    house.rewrite(attempts, attempts.c.batch_id == batch.batch_id, held_until=house.ledger.now() + 1000 * DAY)
    return batch


def with_a_word_untold(house: House) -> Batch:
    batch = completed(house)
    entry = {"action": "pause", "wire_ref": "spring", "is_last_word": False, "tries": 3}
    now = house.ledger.now()
    with house.ledger._transactions.write() as connection:
        connection.execute(outbox.insert().values(batch_id=batch.batch_id, due_at=now, created_at=now, **entry))
    return batch


def with_a_webhook_untold(house: House) -> Batch:
    named = {"workspace_id": "w1", "agent_id": "a1", "account": ACCOUNT, "provider_agent_id": "p", "name": "A"}
    hook = {"webhook_url": "https://hook.example", "webhook_secret": "whsec_AAAA"}
    with house.ledger._transactions.write() as connection:
        connection.execute(agents.insert().values(**named, **hook, created_at=house.ledger.now()))
    batch = completed(house)
    assert rows(house, notices) == 2
    return batch


def a_template_whose_run_is_kept(house: House) -> Batch:
    template = house.load(terms_of(cron="0 9 * * *", timezone="UTC"))
    house.load(terms_of("spring@1"), template_id=template.batch_id, occurrence="2026-11-23T09:00")
    house.ledger.batches.control(template.batch_id, BatchState.TERMINATED, "over", "user")
    return template


@pytest.mark.parametrize(
    "made",
    [
        open_call,
        paused,
        draft,
        in_progress,
        being_loaded,
        held_by_its_provider,
        with_a_word_untold,
        with_a_webhook_untold,
        a_template_whose_run_is_kept,
    ],
    ids=lambda made: made.__name__,
)
def test_what_is_not_quite_over_never_goes_however_old(
    house: House, ledger: SqlLedger, made: Callable[[House], Batch]
) -> None:
    batch = made(house)
    pass_days(house, 400)
    assert batch.batch_id not in ids(ledger)
    assert not ledger.retention.seal(batch.batch_id, OLDER, "a")
    assert ledger.batches.get(batch.batch_id) is not None


def test_a_batch_that_reopened_after_it_was_read_is_not_sealed(house: House, ledger: SqlLedger) -> None:
    batch = completed(house)
    pass_days(house, 91)
    assert ids(ledger) == [batch.batch_id]
    house.load(terms_of(), new_calls(1, first=7))
    assert not ledger.retention.seal(batch.batch_id, OLDER, "a")
    assert ledger.reading.tally(batch.batch_id).total == 3


def test_all_of_a_batch_is_read_and_then_removed_in_chunks(house: House, ledger: SqlLedger) -> None:
    kept = completed(house, "kept")
    batch = completed(house, "old", count=5)
    whole = ledger.retention.whole(batch.batch_id)
    assert whole is not None
    assert (whole["batch"]["batch_ref"], len(whole["cohorts"])) == ("old", 1)
    pages: list[list[Row]] = []
    while page := ledger.retention.page(batch.batch_id, pages[-1][-1]["call"]["call_id"] if pages else None, 2):
        pages.append(page)
    read = [row for page in pages for row in page]
    assert [len(page) for page in pages] == [2, 2, 1]
    assert [row["call"]["phone"] for row in read] == [call.phone for call in new_calls(5)]
    assert all(row["attempts"][0]["duration_seconds"] == 61.5 for row in read)
    house.rewrite(batches, batches.c.batch_id == batch.batch_id, completed_at=ledger.now() - OLDER - HOUR)
    house.rewrite(batches, batches.c.batch_id == batch.batch_id, created_at=ledger.now() - OLDER - HOUR)
    assert ledger.retention.seal(batch.batch_id, OLDER, "2026-08/old.jsonl.gz")
    assert ledger.batches.get(batch.batch_id) is None
    assert ledger.retention.whole(batch.batch_id) is None
    assert list(ledger.reading.calls(phone=new_calls()[0].phone)) == ledger.reading.calls(kept.batch_id, limit=1)
    assert ledger.retention.unfinished() == [batch.batch_id]
    assert [ledger.retention.empty(batch.batch_id, 2) for _ in range(3)] == [2, 2, 1]
    assert ledger.retention.unfinished() == []
    assert (rows(house, calls), rows(house, attempts), rows(house, cohorts)) == (2, 2, 1)
    assert ledger.reading.tally(kept.batch_id).total == 2


def test_a_batch_that_is_there_cannot_be_emptied(house: House, ledger: SqlLedger) -> None:
    batch = completed(house)
    assert ledger.retention.empty(batch.batch_id, 100) == 0
    assert ledger.reading.tally(batch.batch_id).total == 2


def test_what_stays_says_which_batch_it_was(house: House, ledger: SqlLedger) -> None:
    batch = completed(house)
    pass_days(house, 91)
    assert ledger.retention.seal(batch.batch_id, OLDER, "2026-08/spring.jsonl.gz")
    with ledger._transactions.read() as connection:
        [row] = connection.execute(select(pruned)).mappings().all()
    assert (row["batch_ref"], row["state"], row["calls"]) == ("spring", "completed", 2)
    assert row["archive"] == "2026-08/spring.jsonl.gz"
    assert row["emptied_at"] is None


def test_a_terminated_batch_stays_terminated_for_good_and_a_completed_one_begins_anew(
    house: House, ledger: SqlLedger
) -> None:
    over = house.load(terms_of("over"))
    ledger.batches.control(over.batch_id, BatchState.TERMINATED, "over", "user")
    done = completed(house, "done")
    pass_days(house, 91)
    for batch in (over, done):
        assert ledger.retention.seal(batch.batch_id, OLDER, "a")
        ledger.retention.empty(batch.batch_id, 100)
    with pytest.raises(BatchTerminated):
        house.load(terms_of("over"))
    again = house.load(terms_of("done"))
    assert again.batch_id != done.batch_id
    assert ledger.reading.tally(again.batch_id).total == 1


def test_two_who_seal_the_same_batch_seal_it_once(house: House, ledger: SqlLedger) -> None:
    batch = completed(house)
    pass_days(house, 91)
    assert [ledger.retention.seal(batch.batch_id, OLDER, name) for name in ("a", "b")] == [True, False]
