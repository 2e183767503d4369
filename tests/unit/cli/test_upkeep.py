"""Commands of whoever runs the dialer: draining and upgrading."""

from __future__ import annotations

import json

import pytest

from dialer.domain.upkeep import PendingStep, SchemaStatus
from tests.unit.cli.fake_dialer import FakeDialer, Shell, a_drain


def test_a_drain_says_on_stderr_what_is_left_and_waits_for_it(shell: Shell, dialer: FakeDialer) -> None:
    told = shell("drain")
    assert told.exit_code == 0
    assert told.stderr.splitlines() == [
        "draining: 2 in flight, 4 queued, 7 in progress",
        "draining: 0 in flight, 4 queued, 7 in progress",
    ]
    assert dialer.said("drain") is None
    document = json.loads(shell("drain", "--timeout", "90", "--json").stdout)
    assert document == {
        "drained": True,
        "since": "2026-11-23T01:00:00Z",
        "in_flight": 0,
        "queued": 4,
        "in_progress": 7,
        "unknown": 1,
    }
    assert dialer.said("drain") == 90.0


def test_a_drain_whose_time_was_over_exits_1_and_says_that_it_holds(shell: Shell, dialer: FakeDialer) -> None:
    dialer.drains = [a_drain(2)]
    told = shell("drain", "--timeout", "0")
    assert told.exit_code == 1
    assert "warning: 2 in flight when the time was over; the drain holds" in told.stderr


def test_a_drain_that_was_lifted_meanwhile_is_none(shell: Shell, dialer: FakeDialer) -> None:
    dialer.drains = [a_drain(1), a_drain(1, drained=False)]
    told = shell("drain")
    assert told.exit_code == 1
    assert "somebody lifted the drain" in told.stderr


@pytest.mark.parametrize("seconds", ["-1", "soon", "nan"])
def test_a_timeout_is_a_number_of_seconds(shell: Shell, dialer: FakeDialer, seconds: str) -> None:
    told = shell("drain", "--timeout", seconds)
    assert told.exit_code == 2
    assert "--timeout" in told.stderr
    assert dialer.asked == []


def test_undrain_says_whether_there_was_a_drain(shell: Shell, dialer: FakeDialer) -> None:
    told = shell("undrain")
    assert told.stdout == "Calls are released again.\n"
    assert told.stderr == "warning: REDIS_UNREACHABLE: committed all the same\n"
    dialer.drains = [a_drain(0, drained=False)]
    assert shell("undrain").stdout == "It was not drained.\n"
    assert json.loads(shell("undrain", "--json").stdout)["lifted"] is False


def test_a_check_of_the_schema_lists_what_is_lacking_and_changes_nothing(shell: Shell, dialer: FakeDialer) -> None:
    assert shell("migrate", "--check").exit_code == 0
    steps = (PendingStep("0008", "Alerts."), PendingStep("0009", "Reports."))
    dialer.schema = SchemaStatus("0007", "0009", steps, None, may_run=False)
    told = shell("migrate", "--check")
    assert told.exit_code == 1
    assert "at schema 0007, this version needs 0009" in told.stdout
    assert "Alerts." in told.stdout
    document = json.loads(shell("migrate", "--check", "--json").stdout)
    assert document["pending"] == [
        {"revision": "0008", "words": "Alerts."},
        {"revision": "0009", "words": "Reports."},
    ]
    assert shell.migrated == []


@pytest.mark.parametrize(("may_run", "code", "words"), [(True, 0, "which may run"), (False, 1, "which may not run")])
def test_a_check_says_whether_this_version_may_run_on_a_newer_schema(
    shell: Shell, dialer: FakeDialer, may_run: bool, code: int, words: str
) -> None:
    dialer.schema = SchemaStatus("0011", "0009", (), "0010", may_run=may_run)
    told = shell("migrate", "--check")
    assert told.exit_code == code
    assert words in told.stdout
