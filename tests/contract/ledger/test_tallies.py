"""Whatever moves in whatever order, a batch's tally is what a full count of its rows says."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from itertools import count
from threading import Event, Thread
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import Connection, Select, delete, func, select

from dialer.domain.batch import Batch
from dialer.domain.call import Claim, NotClaimed, OpenAttempt, Queued
from dialer.domain.placement import AnswerKind, Progress
from dialer.domain.states import AttemptState, BatchState, CallState, CloseReason, Outcome
from dialer.errors import BatchTerminated, InvalidInput
from dialer.ledger import SqlLedger, migrate, open_ledger
from dialer.ledger.moves import close_dialable
from dialer.ledger.reading import _ids
from dialer.ledger.tables import attempts, calls, metadata, workers
from dialer.ledger.tallies import fold
from dialer.ledger.tally_tables import attempt_ended_with, tallies, tally_deltas
from dialer.ports.ledger import Recording, Retaken
from tests.contract.ledger.builders import (
    ACCOUNT,
    BOOT,
    DEADLINE,
    HOUR,
    IN_PROGRESS,
    LONG_AGO,
    SECOND,
    START,
    UNKNOWN,
    House,
    always_open,
    answer,
    new_calls,
    terms_of,
)

REJECTED = Recording(CallState.CLOSED, AttemptState.REJECTED, CloseReason.REJECTED)
HANDED_OFF = Recording(CallState.CLOSED, AttemptState.HANDED_OFF, CloseReason.HANDED_OFF)
REFUSED = Recording(CallState.READY, AttemptState.REFUSED)
NOT_SENT = Recording(CallState.WAITING, AttemptState.NOT_SENT, after=timedelta(0))
FAILED = Recording(CallState.WAITING, AttemptState.ENDED, outcome=Outcome.FAILED, after=timedelta(0))
ANSWERS = {
    "accepted": (AnswerKind.ACCEPTED, IN_PROGRESS),
    "handed off": (AnswerKind.ACCEPTED, HANDED_OFF),
    "rejected": (AnswerKind.REJECTED, REJECTED),
    "refused": (AnswerKind.THROTTLED, REFUSED),
    "not sent": (AnswerKind.NOT_SENT, NOT_SENT),
    "failed": (AnswerKind.REJECTED, FAILED),
    "lost": (AnswerKind.UNKNOWN, UNKNOWN),
}


def by_rows(ledger: SqlLedger, batch_id: str) -> dict[str, object]:
    """The full count, as `Tally` has it."""
    c = calls.c
    with ledger._transactions.read() as connection:
        rows = connection.execute(
            select(c.state, c.close_reason, c.outcome, c.attempts_spent).where(c.batch_id == batch_id)
        ).all()
    return {
        "total": len(rows),
        "states": {state: sum(row.state == state for row in rows) for state in CallState},
        "closed": {reason: sum(row.close_reason == reason for row in rows) for reason in CloseReason},
        "outcomes": {outcome: sum(row.outcome == outcome for row in rows) for outcome in Outcome},
        "attempts": sum(row.attempts_spent for row in rows),
    }


def attempts_by_rows(ledger: SqlLedger) -> dict[Outcome, int]:
    """The full count of attempts that ended with an outcome; empty while there is no batch."""
    a = attempts.c
    with ledger._transactions.read() as connection:
        rows = connection.execute(select(a.outcome, func.count()).group_by(a.outcome)).all()
        any_batch = connection.execute(select(func.count()).select_from(tallies)).scalar_one()
        any_delta = connection.execute(select(func.count()).select_from(tally_deltas)).scalar_one()
    found = {outcome: count for outcome, count in rows}  # noqa: C416 rows are no pairs
    return {outcome: found.get(outcome.value, 0) for outcome in Outcome} if any_batch or any_delta else {}


def ended_by_tally(ledger: SqlLedger) -> dict[Outcome, int]:
    """The same, as the tallies have it."""
    found: dict[Outcome, int] = {}
    with ledger._transactions.read() as connection:
        for table in (tallies, tally_deltas):
            for row in connection.execute(select(table)).mappings().all():
                for outcome in Outcome:
                    found[outcome] = found.get(outcome, 0) + (row[table.c[attempt_ended_with(outcome)]] or 0)
    return found


def tallied(ledger: SqlLedger, batch_id: str) -> dict[str, object]:
    tally = asdict(ledger.reading.tally(batch_id))
    del tally["last_minute"]
    return tally


def deltas(ledger: SqlLedger) -> int:
    with ledger._transactions.read() as connection:
        return connection.execute(select(func.count()).select_from(tally_deltas)).scalar_one()


#: Written once, when a ledger is set up.
LASTING = frozenset({"ledger", "lease", "accounts"})


def empty(ledger: SqlLedger) -> None:
    """As it was set up. What one example leaves is swept in the next one, and then the same rules do other things when
    they are played again: Hypothesis calls that flaky, and is right."""
    with ledger._transactions.write() as connection:
        for table in reversed(metadata.sorted_tables):
            if table.name not in LASTING:
                connection.execute(delete(table))


def fold_all(ledger: SqlLedger) -> None:
    while ledger.sweeps.fold(100):
        pass


class AnyMoves(RuleBasedStateMachine):
    """Every move that the ledger knows, on batches of a few calls."""

    refs = count()

    def __init__(self, ledger: SqlLedger) -> None:
        super().__init__()
        self.ledger, self.house = ledger, House(ledger)
        empty(ledger)
        self.batches: list[Batch] = []
        self.queued: list[Queued] = []
        self.claims: list[Claim] = []
        self.numbers = count()
        #: as /metrics shows them
        self.counted: dict[str, int] = {}

    def load_new(self, template: bool, count: int, suppressed: int) -> None:
        terms = terms_of(f"any-{next(self.refs)}", max_retries=3, **({"cron": "0 9 * * *"} if template else {}))
        fresh = new_calls(count) + new_calls(suppressed, first=count, is_suppressed=True)
        self.batches.append(self.house.load(terms, fresh))

    @rule(template=st.sampled_from([False, False, True]), calls=st.integers(0, 4), suppressed=st.integers(0, 2))
    def a_batch_is_loaded(self, template: bool, calls: int, suppressed: int) -> None:
        if len(self.batches) < 4:
            self.load_new(template, calls, suppressed)

    @precondition(lambda self: self.batches)
    @rule(which=st.integers(0), first=st.integers(0, 6))
    def a_batch_is_loaded_again(self, which: int, first: int) -> None:
        batch = self.batch(which)
        try:
            opened = self.house.open(batch.terms)
        except BatchTerminated:
            return
        self.ledger.loads.add(opened, new_calls(3, first=first), always_open)
        self.ledger.loads.finish(opened)

    def batch(self, which: int) -> Batch:
        found = self.ledger.batches.get(self.batches[which % len(self.batches)].batch_id)
        assert found is not None
        return found

    @rule()
    def what_fell_due_is_promoted(self) -> None:
        self.ledger.sweeps.promote(3)

    @rule()
    def calls_are_released(self) -> None:
        self.queued += self.house.push()

    @precondition(lambda self: self.queued)
    @rule(which=st.integers(0))
    def a_call_is_claimed(self, which: int) -> None:
        queued = self.queued.pop(which % len(self.queued))
        ticket = self.ledger.claims.ticket(queued.call_id, queued.push_seq)
        claim = self.house.take(ticket, deadline=-SECOND) if ticket else None
        if isinstance(claim, Claim):
            self.claims.append(claim)

    @precondition(lambda self: self.queued)
    @rule(which=st.integers(0), how=st.sampled_from(["now", "later", "failed"]))
    def a_call_comes_back_unclaimed(self, which: int, how: str) -> None:
        queued = self.queued.pop(which % len(self.queued))
        ticket = self.ledger.claims.ticket(queued.call_id, queued.push_seq)
        if how == "failed":
            self.ledger.failures.undialed(queued.call_id, queued.push_seq, None, "why", timedelta(0), most=2)
        elif ticket is not None:
            self.ledger.claims.hand_back(ticket, None if how == "now" else timedelta(0), "why")

    @precondition(lambda self: self.claims)
    @rule(which=st.integers(0), how=st.sampled_from(["defer", "wait", "withdraw", "close", "failed"]))
    def a_claim_ends_without_a_request(self, which: int, how: str) -> None:
        claim = self.claims.pop(which % len(self.claims))
        match how:
            case "defer":
                self.ledger.claims.defer(claim, None, "why")
            case "wait":
                self.ledger.claims.defer(claim, timedelta(0), "why")
            case "withdraw":
                self.ledger.claims.withdraw(claim.call_id, claim.claim_id, "why")
            case "close":
                self.ledger.claims.close(claim, CloseReason.SUPPRESSED, "why")
            case _:
                self.ledger.failures.undialed(claim.call_id, 0, claim, "why", timedelta(0), most=2)

    @precondition(lambda self: self.claims)
    @rule(which=st.integers(0), said=st.sampled_from(sorted(ANSWERS)), again=st.booleans())
    def an_answer_is_recorded(self, which: int, said: str, again: bool) -> None:
        claim = self.claims[which % len(self.claims)]
        if not again:  # else the same answer, or another one, may come late
            self.claims.remove(claim)
        kind, recording = ANSWERS[said]
        self.ledger.claims.record(claim, answer(kind, provider_call_id=None), recording)

    def live(self) -> list[OpenAttempt]:
        found = [attempt for batch in self.batches for attempt in self.ledger.attempts.due(100, batch.batch_id)]
        return sorted(found, key=lambda attempt: (attempt.call_id, attempt.number))

    @rule(which=st.integers(0), outcome=st.sampled_from(Outcome), again=st.booleans())
    def an_attempt_is_settled(self, which: int, outcome: Outcome, again: bool) -> None:
        if live := self.live():
            ended = Progress(ended=True, outcome=outcome)
            after, reason = (timedelta(0), None) if again else (None, CloseReason.REACHED)
            self.ledger.attempts.settle(live[which % len(live)], ended, after, reason)

    @rule(which=st.integers(0), how=st.sampled_from(["found", "given up", "failed", "never placed", "redial"]))
    def an_attempt_is_looked_into(self, which: int, how: str) -> None:
        if not (live := self.live()):
            return
        attempt = live[which % len(live)]
        match how:
            case "found":
                self.ledger.attempts.found(attempt, f"their-{uuid.uuid4()}")
            case "given up":
                self.ledger.attempts.give_up(attempt, "no news")
            case "failed":
                self.ledger.failures.unasked(attempt, "why", timedelta(0), most=2)
            case "never placed":
                self.ledger.decisions.never_placed(attempt, "ops")
            case _:
                self.redial(attempt)

    def redial(self, attempt: OpenAttempt) -> None:
        retaken = self.ledger.redials.retake(attempt, "worker-1", "boot-1", START, DEADLINE)
        if isinstance(retaken, Retaken) and attempt.number % 2:
            self.ledger.redials.put_back(retaken.claim, "why")
        elif isinstance(retaken, Retaken):
            self.claims.append(retaken.claim)
        else:
            assert isinstance(retaken, NotClaimed)

    @rule()
    def workers_die(self) -> None:
        self.ledger.sweeps.orphans(timedelta(0), 2)

    @precondition(lambda self: self.batches)
    @rule(which=st.integers(0), what=st.sampled_from(["placed", "not placed", *CloseReason]))
    def an_operator_decides(self, which: int, what: str) -> None:
        batch = self.batch(which)
        try:
            if what in ("placed", "not placed"):
                self.ledger.decisions.resolve(batch.batch_id, None, what == "placed", "ops")
            else:
                self.ledger.decisions.requeue(batch.batch_id, CloseReason(what), "ops")
        except (BatchTerminated, InvalidInput):
            pass

    @precondition(lambda self: self.batches)
    @rule(which=st.integers(0))
    def a_ledger_is_restored(self, which: int) -> None:
        for cohort in self.ledger.batches.cohorts(self.batch(which).batch_id):
            self.ledger.trust.recover(cohort, LONG_AGO, 2)

    @precondition(lambda self: len(self.batches) > 1)
    @rule(which=st.integers(0), how=st.sampled_from(["terminated", "expired", "run over"]))
    def a_batch_ends(self, which: int, how: str) -> None:
        batch = self.batch(which)
        if how == "terminated":
            self.ledger.batches.control(batch.batch_id, BatchState.TERMINATED, "enough", "user")
        elif how == "expired":
            self.house.let_expire(batch)
        else:
            self.ledger.schedules.end_run(batch.batch_id, "the next one")

    @rule()
    def sweeps_go_over_it(self) -> None:
        self.ledger.sweeps.expired(2)
        self.ledger.sweeps.terminated(2)
        self.ledger.sweeps.complete()

    @precondition(lambda self: self.batches)
    @rule(which=st.integers(0))
    def a_run_is_loaded(self, which: int) -> None:
        """With the numbers that wait in another batch, whether or not that is a template."""
        if self.batch(-1).state is not BatchState.TERMINATED:
            run = self.house.open(self.batches[-1].terms)
            self.ledger.schedules.copy_calls(self.batch(which).batch_id, run, None, 2)
            self.ledger.loads.finish(run)

    @rule(limit=st.sampled_from([1, 3, 1000]))
    def deltas_are_folded(self, limit: int) -> None:
        self.ledger.sweeps.fold(limit)

    @invariant()
    def the_tally_is_what_a_full_count_says(self) -> None:
        together = self.ledger.reading.tallies([batch.batch_id for batch in self.batches])
        for batch in self.batches:
            assert tallied(self.ledger, batch.batch_id) == by_rows(self.ledger, batch.batch_id)
            assert together[batch.batch_id] == self.ledger.reading.tally(batch.batch_id)
        assert ended_by_tally(self.ledger) == attempts_by_rows(self.ledger)

    @invariant()
    def counters_never_fall_and_know_of_every_ending(self) -> None:
        figures = self.ledger.gauges.read()
        now: dict[str, int] = {f"ended {name}": count for name, count in figures.attempts.get(ACCOUNT, {}).items()}
        now |= {f"closed {name}": count for name, count in figures.closed.get(ACCOUNT, {}).items()}
        assert {name: count for name, count in self.counted.items() if now[name] < count} == {}
        assert all(now[f"ended {outcome}"] >= count for outcome, count in attempts_by_rows(self.ledger).items())
        self.counted = now

    def teardown(self) -> None:
        for batch in self.batches:
            self.ledger.batches.control(batch.batch_id, BatchState.TERMINATED, "over", "user")
        fold_all(self.ledger)
        self.the_tally_is_what_a_full_count_says()


@pytest.mark.timeout(300)
def test_whatever_moves_the_tally_is_what_a_full_count_says(ledger: SqlLedger) -> None:
    class Here(AnyMoves):
        def __init__(self) -> None:
            super().__init__(ledger)

    thorough = settings(
        max_examples=10,
        stateful_step_count=40,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Here, settings=thorough)


def settled(house: House, claim: Claim) -> None:
    ended = Progress(ended=True, outcome=Outcome.ANSWERED)
    assert house.ledger.attempts.settle(house.open_attempt(claim), ended, None, CloseReason.REACHED)


def test_a_dialed_call_appends_one_delta_when_it_ends_and_none_before(house: House, ledger: SqlLedger) -> None:
    batch = house.load()
    fold_all(ledger)
    claim = house.claim()
    ledger.claims.defer(claim, None, "why")
    claim = house.claim()
    assert deltas(ledger) == 0
    settled(house, claim)
    assert deltas(ledger) == 1
    assert tallied(ledger, batch.batch_id) == by_rows(ledger, batch.batch_id)


def test_a_sweep_over_thousands_appends_one_delta_for_each_batch(house: House, ledger: SqlLedger) -> None:
    template = terms_of("template", cron="0 9 * * *")
    first, second = house.load(template, new_calls(1500)), house.load(terms_of("other"), new_calls(700))
    fold_all(ledger)
    house.rewrite(calls, calls.c.batch_id == first.batch_id, due_at=LONG_AGO)
    assert ledger.sweeps.promote(2000) == 1500
    assert deltas(ledger) == 1
    for batch in (first, second):
        house.let_expire(batch)
    assert ledger.sweeps.expired(5000) == 2200
    assert deltas(ledger) == 3
    assert [tallied(ledger, batch.batch_id) for batch in (first, second)] == [
        by_rows(ledger, batch.batch_id) for batch in (first, second)
    ]


def test_folding_leaves_one_row_for_each_batch_and_no_delta(house: House, ledger: SqlLedger) -> None:
    for ref in ("one", "two"):
        house.load(terms_of(ref), new_calls(3))
    for queued in house.push():
        settled(house, house.claim(house.ticket(queued)))
        ledger.sweeps.fold(2)
    fold_all(ledger)
    assert deltas(ledger) == 0
    with ledger._transactions.read() as connection:
        assert connection.execute(select(tallies.c.total, tallies.c.closed_reached)).all() == [(3, 3), (3, 3)]


class Died(Exception):
    """The process is gone, as far as the database can tell."""


def dies_before_its_commit(ledger: SqlLedger, action: Callable[[Connection], int]) -> None:
    with ledger._transactions.write() as connection:
        assert action(connection) > 0
        raise Died


def test_a_fold_that_dies_before_its_commit_has_counted_nothing_twice(house: House, ledger: SqlLedger) -> None:
    batch = house.load(calls=new_calls(3))
    with pytest.raises(Died):
        dies_before_its_commit(ledger, lambda connection: fold(connection, ledger._transactions.backend, 100))
    assert tallied(ledger, batch.batch_id) == by_rows(ledger, batch.batch_id)
    assert ledger.sweeps.fold(100) == 1
    assert tallied(ledger, batch.batch_id) == by_rows(ledger, batch.batch_id)


def test_a_move_that_is_rolled_back_takes_its_delta_with_it(house: House, ledger: SqlLedger) -> None:
    batch = house.load(calls=new_calls(3))
    with pytest.raises(Died):
        dies_before_its_commit(
            ledger, lambda connection: close_dialable(connection, batch.batch_id, CloseReason.EXPIRED, LONG_AGO, 10)
        )
    assert tallied(ledger, batch.batch_id) == by_rows(ledger, batch.batch_id)


def test_two_schedulers_that_fold_at_once_count_everything_once(postgres_url: str) -> None:
    """A lease that ran out may leave two for a moment. (On SQLite one waits for the other.)"""
    ledger = open_ledger(postgres_url)
    ledger.accounts.ensure(ACCOUNT, None, "keys")
    house = House(ledger)
    batch = house.load(calls=new_calls(3))
    with ledger._transactions.write() as connection:
        assert fold(connection, ledger._transactions.backend, 100) == 1
        assert ledger.sweeps.fold(100) == 0  # passes by what the other one holds
    assert tallied(ledger, batch.batch_id) == by_rows(ledger, batch.batch_id)
    ledger.close()


def test_a_reader_sees_counts_that_agree_while_calls_move_and_deltas_are_folded(
    house: House, ledger: SqlLedger
) -> None:
    batch, over = house.load(calls=new_calls(60)), Event()

    def move() -> None:
        for queued in house.push():
            settled(house, house.claim(house.ticket(queued)))
            ledger.sweeps.fold(100)
        over.set()

    mover = Thread(target=move)
    mover.start()
    seen = [ledger.reading.tally(batch.batch_id)]
    while not over.is_set():
        seen.append(ledger.reading.tally(batch.batch_id))
    mover.join()
    for tally in seen:
        assert tally.total == sum(tally.states.values()) == 60
        assert min(tally.states.values()) >= 0
        assert tally.states[CallState.CLOSED] == tally.closed[CloseReason.REACHED] == tally.outcomes[Outcome.ANSWERED]
    assert len({tally.states[CallState.CLOSED] for tally in seen}) > 1


def test_a_claim_that_is_refused_because_its_batch_is_over_counts_its_call_closed(
    house: House, ledger: SqlLedger
) -> None:
    batch = house.load()
    ticket = house.ticket()
    house.let_expire(batch)
    assert isinstance(house.take(ticket), NotClaimed)
    assert ledger.reading.tally(batch.batch_id).closed[CloseReason.EXPIRED] == 1
    assert tallied(ledger, batch.batch_id) == by_rows(ledger, batch.batch_id)


@pytest.mark.parametrize("placed", [True, False])
def test_what_an_operator_says_of_unknown_and_unresolved_calls_is_counted(
    house: House, ledger: SqlLedger, placed: bool
) -> None:
    batch = house.load(calls=new_calls(4))
    unknown, given_up, failed = (house.claim(house.ticket(queued)) for queued in house.push()[:3])
    house.open_attempt(unknown, UNKNOWN)
    assert ledger.attempts.give_up(house.open_attempt(given_up, UNKNOWN), "no news")
    assert ledger.failures.undialed(failed.call_id, 0, failed, "why", timedelta(0), most=1)
    assert len(ledger.decisions.resolve(batch.batch_id, None, placed, "ops")) == 3
    assert ledger.reading.tally(batch.batch_id).closed[CloseReason.UNRESOLVED] == 0
    assert tallied(ledger, batch.batch_id) == by_rows(ledger, batch.batch_id)


def test_an_answer_that_contradicts_an_operator_is_counted(house: House, ledger: SqlLedger) -> None:
    batch = house.load()
    claim = house.claim()
    house.open_attempt(claim, UNKNOWN)
    ledger.decisions.resolve(batch.batch_id, None, placed=False, by="ops")
    later = house.ticket()
    ledger.claims.hand_back(later, HOUR, "no channel")
    assert ledger.claims.record(claim, answer(), IN_PROGRESS)
    assert ledger.reading.tally(batch.batch_id).states[CallState.IN_PROGRESS] == 1
    assert tallied(ledger, batch.batch_id) == by_rows(ledger, batch.batch_id)


def test_a_retry_that_a_restored_ledger_may_have_forgotten_is_counted_unknown(house: House, ledger: SqlLedger) -> None:
    batch = house.load()
    ledger.claims.hand_back(house.ticket(), timedelta(0), "no channel")
    assert ledger.reading.tally(batch.batch_id).states[CallState.WAITING] == 1
    [cohort] = ledger.batches.cohorts(batch.batch_id)
    assert ledger.trust.recover(cohort, LONG_AGO, 10) == 1
    assert ledger.reading.tally(batch.batch_id).states[CallState.UNKNOWN] == 1
    assert tallied(ledger, batch.batch_id) == by_rows(ledger, batch.batch_id)


def test_a_ledger_that_is_upgraded_counts_what_was_there(house: House, ledger: SqlLedger, ledger_url: str) -> None:
    machine = AnyMoves(ledger)
    for template in (False, True):
        machine.load_new(template, 8, 2)
    machine.calls_are_released()
    for said in sorted(ANSWERS):
        machine.a_call_is_claimed(0)
        machine.an_answer_is_recorded(0, said, again=False)
    machine.an_attempt_is_settled(0, Outcome.BUSY, again=True)
    before = [ledger.reading.tally(batch.batch_id) for batch in machine.batches]
    migrate(ledger_url, "0003")
    migrate(ledger_url)
    assert [ledger.reading.tally(batch.batch_id) for batch in machine.batches] == before
    machine.the_tally_is_what_a_full_count_says()


@pytest.mark.parametrize(
    ("state", "outcome", "index"),
    [
        ("unresolved", None, "reason"),
        (None, "busy", "outcome"),
        ("ready", None, "batch_state"),
        (None, None, "batch_state"),
    ],
)
@pytest.mark.parametrize("is_first_page", [True, False])
def test_a_page_of_calls_is_read_by_an_index_that_holds_no_others(
    house: House, ledger: SqlLedger, state: str | None, outcome: str | None, index: str, is_first_page: bool
) -> None:
    """By the primary key, which is in load order too, the first of a few would lie behind millions of others."""
    batch_id = house.load(calls=new_calls(3)).batch_id
    after = None if is_first_page else ledger.reading.calls(batch_id)[0].call_id
    plan = plan_of(ledger, _ids(batch_id, None, state, outcome, after, 500))
    assert f"ix_calls_{index}" in plan, plan
    assert not re.search("pk_calls|autoindex_calls", plan), plan
    if state or outcome:
        assert not re.search("sort|b-tree", plan, re.IGNORECASE), plan


def plan_of(ledger: SqlLedger, query: Select[Any]) -> str:
    explain = "EXPLAIN" if ledger._transactions.backend.engine.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
    with ledger._transactions.read() as connection:
        text = query.compile(connection, compile_kwargs={"literal_binds": True})
        return "\n".join(str(row[-1]) for row in connection.exec_driver_sql(f"{explain} {text}"))


def test_what_a_version_that_does_not_count_has_moved_is_counted_anew(house: House, ledger: SqlLedger) -> None:
    batch = house.load(terms_of(max_retries=1), new_calls(6))
    house.open_attempt(house.claim(house.ticket(house.push()[0])))
    with ledger._transactions.write() as connection:
        fold(connection, ledger._transactions.backend, 3)
    before = ledger.reading.tally(batch.batch_id)
    [first, second, *_] = [call for call in house.ledger.reading.calls(batch.batch_id) if call.state == "queued"]
    closed = {"state": "closed", "close_reason": "reached", "outcome": "answered", "attempts_spent": 2}
    house.rewrite(calls, calls.c.call_id == first.call_id, **closed)
    house.rewrite(calls, calls.c.call_id == second.call_id, state="waiting", outcome="busy", attempts_spent=1)
    ledger.workers.beat("new", "b", [])
    assert ledger.sweeps.recount(SECOND) == []  # everybody counts: nobody looks
    house.rewrite(workers, workers.c.worker == "new", revision=None)
    assert ledger.sweeps.recount(10 * SECOND) == [batch.batch_id]
    after = ledger.reading.tally(batch.batch_id)
    assert after.states[CallState.CLOSED] == before.states[CallState.CLOSED] + 1
    assert after.states[CallState.WAITING] == before.states[CallState.WAITING] + 1
    assert (after.states[CallState.READY], after.total) == (0, 6)
    assert (after.closed[CloseReason.REACHED], after.outcomes[Outcome.BUSY]) == (1, 1)
    assert after.attempts == before.attempts + 3
    assert ledger.sweeps.recount(10 * SECOND) == []


def test_an_old_worker_is_counted_after_until_it_is_gone_and_has_nothing_left_to_write(
    house: House, ledger: SqlLedger
) -> None:
    batch = house.load()
    claim = house.claim(worker="old")
    ledger.workers.beat("old", BOOT, [])
    house.rewrite(workers, workers.c.worker == "old", revision="0003", stopped_at=LONG_AGO)
    ledger.sweeps.recount(SECOND)
    assert [row.worker for row in ledger.workers.all(SECOND)] == ["old"]
    house.open_attempt(claim)
    house.rewrite(calls, calls.c.batch_id == batch.batch_id, state="closed", close_reason="reached")
    assert ledger.sweeps.recount(SECOND) == [batch.batch_id]
    assert ledger.workers.all(SECOND) == []
