"""Commands for after something went wrong: a restored ledger, and what operators decide."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from dialer.domain.states import AttemptState
from dialer.errors import BatchTerminated, FieldError, InvalidInput, LedgerUnreachable, LoadRefused
from tests.unit.cli.fake_dialer import BATCH_ID, FakeDialer, Shell, a_call

T = "2026-11-23T03:00:00Z"
BATCH = "acme/agent-7/spring"


def test_restored_says_how_many_are_asked_about(shell: Shell, dialer: FakeDialer) -> None:
    told = shell("restored", "--taken-at", "2026-11-23T14:00:00+11:00")
    assert dialer.said("restored") == datetime(2026, 11, 23, 3, tzinfo=UTC)
    assert told.stdout == "1,200 calls are asked about, 3 end unresolved unless somebody knows.\n"
    assert json.loads(shell("restored", "--taken-at", T, "--json").stdout) == {"asked": 1200, "unasked": 3}


@pytest.mark.parametrize("instant", ["2026-11-23T03:00:00", "yesterday", ""])
def test_restored_wants_an_instant_with_an_offset(shell: Shell, dialer: FakeDialer, instant: str) -> None:
    told = shell("restored", "--taken-at", instant)
    assert told.exit_code == 2
    assert "--taken-at" in told.stderr
    assert dialer.asked == []


def test_restored_without_an_instant_guesses_none(shell: Shell, dialer: FakeDialer) -> None:
    assert shell("restored").exit_code == 2
    assert dialer.asked == []


def test_an_instant_in_the_future_is_refused_in_a_line(shell: Shell, dialer: FakeDialer) -> None:
    dialer.failing = LoadRefused([FieldError("TIMESTAMP_INVALID", "taken_at", T, "lies in the future")])
    told = shell("restored", "--taken-at", T)
    assert (told.exit_code, told.stderr) == (2, "TIMESTAMP_INVALID: taken_at: lies in the future\n")


def test_confirm_ledger_says_what_it_did(shell: Shell, dialer: FakeDialer) -> None:
    assert shell("confirm-ledger").stdout == "The ledger is taken for the latest.\n"
    assert json.loads(shell("confirm-ledger", "--json").stdout) == {"confirmed": True}
    assert dialer.asked == [("confirm_ledger", None)] * 2


def test_a_ledger_that_is_away_is_a_line(shell: Shell, dialer: FakeDialer) -> None:
    dialer.failing = LedgerUnreachable("postgresql://db: refused")
    told = shell("confirm-ledger")
    assert (told.exit_code, told.stderr) == (1, "LEDGER_UNREACHABLE: postgresql://db: refused\n")


def test_one_call_is_resolved_by_its_id(shell: Shell, dialer: FakeDialer) -> None:
    told = json.loads(shell("resolve", "c-9", "--as", "placed", "--json").stdout)
    assert told == {"batch_id": BATCH_ID, "call_id": "c-9", "as": "placed", "resolved": 3}
    assert dialer.said("resolve") == (BATCH_ID, True, "c-9")


@pytest.mark.parametrize(
    ("error", "code", "exit_code"),
    [
        (BatchTerminated("over"), "BATCH_TERMINATED", 1),
        (InvalidInput("exp: the batch ended", code="WINDOW_PAST"), "WINDOW_PAST", 2),
    ],
)
def test_a_batch_that_is_over_refuses_in_a_line(
    shell: Shell, dialer: FakeDialer, error: Exception, code: str, exit_code: int
) -> None:
    dialer.refused = error
    told = shell("resolve", BATCH, "--as", "not-placed")
    assert told.exit_code == exit_code
    assert told.stderr.startswith(f"{code}: ")
    assert told.stderr.count("\n") == 1


def test_explain_shows_each_attempt_with_its_gates_and_who_decided(shell: Shell, dialer: FakeDialer) -> None:
    gates = (
        {"gate": "hours", "verdict": "open", "detail": "open (Australia/Perth)"},
        {"gate": "rules", "verdict": "read", "block_rules": ["Sun|0000-2400"], "control_seq": 2},
    )
    decided = ({"decision": "not-placed", "by": "ada", "at": datetime(2026, 11, 23, tzinfo=UTC)},)
    dialer.attempt_changes = {
        "gates": gates,
        "decisions": decided,
        "worker": "celery@host/7",
        "state": AttemptState.NOT_SENT,
    }
    shown = shell("explain", "c-1").stdout
    assert "attempt 1: not_sent" in shown
    assert "celery@host/7" in shown
    assert "  hours: open - open (Australia/Perth)" in shown
    assert "  rules: block_rules ['Sun|0000-2400']; control_seq 2".replace("  rules: ", "") in shown
    assert "not-placed, says ada at 2026-11-23T00:00:00Z" in shown
    assert a_call().attempts[0].gates == ()
