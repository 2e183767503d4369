"""What was attempted when, how it ended and what it cost: the same before a prune, in its middle, and after it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dialer.domain.placement import AnswerKind, Progress
from dialer.domain.report import Quarter, Sums
from dialer.domain.states import AttemptState, CallState, CloseReason, Outcome
from dialer.ledger import SqlLedger
from dialer.ledger.tables import attempts, batches
from dialer.ports.ledger import Recording
from tests.contract.ledger.builders import (
    DAY,
    FAR_OFF,
    IN_PROGRESS,
    LONG_AGO,
    UNKNOWN,
    House,
    answer,
    new_calls,
    terms_of,
)

CLAIMED = datetime(2021, 3, 4, 10, 52, 59, tzinfo=UTC)
HANDED_OFF = Recording(CallState.CLOSED, AttemptState.HANDED_OFF, CloseReason.HANDED_OFF)
REJECTED = Recording(CallState.CLOSED, AttemptState.REJECTED, CloseReason.REJECTED)
NOT_SENT = Recording(CallState.CLOSED, AttemptState.NOT_SENT, CloseReason.UNRESOLVED)


def settle(house: House, outcome: Outcome, seconds: float | None, credits: float | None) -> None:
    attempt = house.open_attempt(house.claim(house.ticket(house.push(per_cohort=1)[0])))
    told = Progress(ended=True, outcome=outcome, duration_seconds=seconds, credits_charged=credits)
    assert house.ledger.attempts.settle(attempt, told, None, CloseReason.EXHAUSTED)


def record(house: House, kind: AnswerKind, recording: Recording) -> None:
    claim = house.claim(house.ticket(house.push(per_cohort=1)[0]))
    assert house.ledger.claims.record(claim, answer(kind, provider_call_id=None), recording)


@pytest.fixture
def told(house: House) -> str:
    """One attempt of each kind, claimed in the same quarter of an hour; returns the batch's id."""
    batch = house.load(terms_of(), new_calls(10))
    for index, outcome in enumerate(each for each in Outcome if each is not Outcome.UNKNOWN):
        settle(house, outcome, 0.1 + index, 0.1)
    record(house, AnswerKind.ACCEPTED, HANDED_OFF)
    record(house, AnswerKind.REJECTED, REJECTED)
    record(house, AnswerKind.NOT_SENT, NOT_SENT)
    attempt = house.open_attempt(house.claim(house.ticket(house.push(per_cohort=1)[0])), UNKNOWN)
    house.ledger.attempts.give_up(attempt, "nobody knows")
    house.rewrite(attempts, attempts.c.batch_id == batch.batch_id, claimed_at=CLAIMED)
    return batch.batch_id


def quarters(ledger: SqlLedger, workspace_id: str = "w1") -> list[Quarter]:
    return list(ledger.books.quarters(workspace_id, LONG_AGO, FAR_OFF))


def test_each_attempt_is_counted_once_by_what_came_of_it(ledger: SqlLedger, told: str) -> None:
    [found] = quarters(ledger)
    assert (found.batch_id, str(found.name)) == (told, "w1/a1/spring")
    assert found.starts_at == datetime(2021, 3, 4, 10, 45, tzinfo=UTC)
    ones = dict.fromkeys(("answered", "voicemail", "no_answer", "busy", "declined", "failed"), 1)
    others = {"handed_off": 1, "rejected": 1, "unresolved": 1}
    # 0.1 + 1.1 + … + 5.1 seconds, and six times 0.1: exact, though floats are not.
    assert found.sums == Sums(attempts=9, **ones, **others, milliseconds=15_600, microcredits=600_000)


def test_quarters_begin_and_end_where_they_are_said_to(house: House, ledger: SqlLedger) -> None:
    batch = house.load(terms_of(), new_calls(4))
    edges = [datetime(2021, 3, 4, 10, 0, tzinfo=UTC) + timedelta(minutes=15 * step) for step in range(2)]
    instants = [edges[0], edges[1] - timedelta(microseconds=1), edges[1], edges[1] + timedelta(minutes=14)]
    for instant in instants:
        settle(house, Outcome.BUSY, None, None)
        newest = attempts.c.claimed_at > LONG_AGO + 2000 * DAY
        house.rewrite(attempts, newest, claimed_at=instant)
    assert [(each.starts_at, each.sums.busy) for each in quarters(ledger)] == [(edges[0], 2), (edges[1], 2)]
    found = ledger.books.quarters("w1", edges[1], edges[1] + timedelta(minutes=14))
    assert [(each.batch_id, each.sums.attempts) for each in found] == [(batch.batch_id, 1)]


def test_a_prune_changes_nothing_at_any_of_its_steps(house: House, ledger: SqlLedger, told: str) -> None:
    before = quarters(ledger)
    over = {"state": "completed", "is_drained": True, "created_at": LONG_AGO, "completed_at": CLAIMED + DAY}
    house.rewrite(batches, batches.c.batch_id == told, **over)
    assert ledger.retention.seal(told, DAY, "a")
    assert quarters(ledger) == before
    while ledger.retention.empty(told, 3) == 3:
        assert quarters(ledger) == before
    assert quarters(ledger) == before


def test_other_workspaces_are_not_in_it(ledger: SqlLedger, told: str) -> None:
    assert quarters(ledger, "w2") == []
    assert quarters(ledger, "") == []


def test_what_is_under_way_is_counted_as_that(house: House, ledger: SqlLedger) -> None:
    house.load(terms_of(), new_calls(2))
    house.open_attempt(house.claim(house.ticket(house.push(per_cohort=1)[0])), IN_PROGRESS)
    house.claim(house.ticket(house.push(per_cohort=1)[0]))
    assert sum(each.sums.under_way for each in quarters(ledger)) == 2


def test_a_batch_in_which_nothing_was_attempted_has_no_line(house: House, ledger: SqlLedger) -> None:
    house.load()
    assert quarters(ledger) == []
