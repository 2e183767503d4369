"""Answers to requests with an Idempotency-Key: the first makes the entry, every repeat finds it."""

from __future__ import annotations

from datetime import timedelta

from dialer.ledger import SqlLedger
from dialer.ledger.client_tables import answers
from tests.contract.ledger.builders import DAY, LONG_AGO, House


def test_a_repeat_finds_what_the_first_made(ledger: SqlLedger) -> None:
    first = ledger.answers.begin("w1", "key", "f" * 64, DAY)
    again = ledger.answers.begin("w1", "key", "e" * 64, DAY)
    assert first.status is None
    assert (again.ref, again.fingerprint, again.status, again.body) == (first.ref, "f" * 64, None, None)
    ledger.answers.finish("w1", "key", first.ref, 201, '{"id": "1"}')
    answered = ledger.answers.begin("w1", "key", "f" * 64, DAY)
    assert (answered.ref, answered.status, answered.body) == (first.ref, 201, '{"id": "1"}')


def test_the_first_answer_stands(ledger: SqlLedger) -> None:
    ref = ledger.answers.begin("w1", "key", "f" * 64, DAY).ref
    ledger.answers.finish("w1", "key", ref, 201, "first")
    ledger.answers.finish("w1", "key", ref, 500, "second")
    ledger.answers.finish("w1", "other", ref, 500, "nobody asked")
    assert ledger.answers.begin("w1", "key", "f" * 64, DAY).body == "first"


def test_keys_are_each_workspace_s_own(ledger: SqlLedger) -> None:
    assert ledger.answers.begin("w1", "key", "f" * 64, DAY).ref != ledger.answers.begin("w2", "key", "f" * 64, DAY).ref


def test_an_entry_counts_for_as_long_as_it_was_to_last(house: House, ledger: SqlLedger) -> None:
    ref = ledger.answers.begin("w1", "key", "f" * 64, DAY).ref
    house.rewrite(answers, answers.c.idempotency_key == "key", created_at=LONG_AGO)
    assert ledger.answers.begin("w1", "key", "e" * 64, DAY).ref != ref
    assert ledger.answers.begin("w1", "key", "e" * 64, timedelta(0)).fingerprint == "e" * 64


def test_old_entries_are_forgotten_a_few_at_a_time(house: House, ledger: SqlLedger) -> None:
    for number in range(5):
        ledger.answers.begin("w1", f"key{number}", "f" * 64, DAY)
    house.rewrite(answers, answers.c.idempotency_key != "key0", created_at=LONG_AGO)
    assert [ledger.answers.forget(DAY, limit=3) for _ in range(3)] == [3, 1, 0]
    assert ledger.answers.begin("w1", "key0", "e" * 64, DAY).fingerprint == "f" * 64
