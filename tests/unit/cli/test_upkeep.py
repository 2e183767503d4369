"""Commands of whoever runs the dialer: draining and upgrading."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import pytest

from dialer.domain.call import Suppression
from dialer.domain.upkeep import PendingStep, SchemaStatus
from dialer.errors import CallUnderWay
from tests.unit.cli.fake_dialer import BATCH_ID, PHONE, FakeDialer, Shell, a_drain


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


def test_prune_takes_an_age_and_a_directory(shell: Shell, dialer: FakeDialer, tmp_path: Path) -> None:
    document = json.loads(shell("prune", "--older-than", "90d", "--into", str(tmp_path), "--json").stdout)
    assert document == {"batches": 2, "calls": 1500, "finished": 1, "alerts": 0, "archive": str(tmp_path)}
    assert dialer.said("prune") == (timedelta(days=90), tmp_path)
    shown = shell("prune", "--older-than", "36h").stdout
    assert "1500" in shown
    assert dialer.said("prune")[0] == timedelta(hours=36)
    assert dialer.said("prune")[1].name == "pruned"


@pytest.mark.parametrize("age", ["90", "0d", "-1d", "1.5d", "P90D", "ninety days", "", "9999999d"])
def test_an_age_that_cannot_be_read_is_refused_in_a_line(shell: Shell, dialer: FakeDialer, age: str) -> None:
    told = shell("prune", "--older-than", age)
    assert told.exit_code == 2
    assert told.stderr.startswith("error: Invalid value for --older-than: ")
    assert "expected a number of days such as 90d" in told.stderr
    assert dialer.asked == []


def test_prune_needs_an_age(shell: Shell, dialer: FakeDialer) -> None:
    assert shell("prune").exit_code == 2
    assert dialer.asked == []


DAYS = ("--from", "2026-11-01", "--to", "2026-11-30")


def test_a_report_is_a_table_a_document_or_a_sheet(shell: Shell, dialer: FakeDialer) -> None:
    shown = shell("report", "--workspace", "acme", *DAYS, "--timezone", "Australia/Melbourne").stdout
    assert "agent-7/=spring" in shown
    assert "2026-11-01 to 2026-11-30, days of Australia/Melbourne." in shown
    assert "voicemail" not in shown  # there was none
    assert dialer.said("report") == ("acme", date(2026, 11, 1), date(2026, 11, 30), "Australia/Melbourne")
    document = json.loads(shell("report", "--workspace", "acme", *DAYS, "--json").stdout)
    assert document["totals"] == {
        "attempts": 3, "answered": 2, "voicemail": 0, "no_answer": 0, "busy": 1, "declined": 0, "failed": 0,
        "handed_off": 0, "rejected": 0, "unresolved": 0, "under_way": 0, "minutes": 1.5, "credits": 1.25,
    }  # fmt: skip
    assert document["lines"][0]["day"] == "2026-11-01"
    head, line = shell("report", "--workspace", "acme", *DAYS, "--csv").stdout.splitlines()
    assert head.startswith("day,workspace_id,agent_id,batch_ref,batch_id,attempts,answered")
    # No cell of it is a formula.
    assert line == f"2026-11-01,acme,agent-7,'=spring,{BATCH_ID},3,2,0,0,1,0,0,0,0,0,0,1.5,1.25"


@pytest.mark.parametrize(
    ("words", "option"),
    [
        (("--from", "1.11.2026", "--to", "2026-11-30"), "--from"),
        (("--from", "2026-11-01", "--to", "2026-11-31"), "--to"),
        (("--from", "2026-11-01", "--to", ""), "--to"),
    ],
)
def test_a_day_that_is_none_is_refused_in_a_line(
    shell: Shell, dialer: FakeDialer, words: tuple[str, ...], option: str
) -> None:
    told = shell("report", "--workspace", "acme", *words)
    assert told.exit_code == 2
    assert told.stderr.startswith(f"error: Invalid value for {option}: ")
    assert "expected a day such as 2026-11-01" in told.stderr
    assert dialer.asked == []


def test_a_report_wants_a_workspace_and_one_form(shell: Shell, dialer: FakeDialer) -> None:
    assert shell("report", *DAYS).exit_code == 2
    assert shell("report", "--workspace", "acme", *DAYS, "--csv", "--json").exit_code == 2
    assert dialer.asked == []


def test_erase_prints_a_receipt_without_the_number(shell: Shell, dialer: FakeDialer, tmp_path: Path) -> None:
    dialer.entries = [Suppression(PHONE, "asked us")]
    told = shell("erase", PHONE, "--archive", str(tmp_path), "--json")
    assert json.loads(told.stdout) == {
        "token": "#3fa", "at": "2026-11-23T01:00:00Z", "calls": 2, "closed": 1, "attempts": 1, "suppressions": 0,
        "elsewhere": {"contacts": 1}, "archives": 1, "provider_calls": [["main", "p-1"]],
        "left": ["batches.batch_ref"], "is_suppressed": True,
    }  # fmt: skip
    assert dialer.said("erase") == (PHONE, tmp_path)
    shown = shell("erase", "02 7813 2035", "--country", "AU")
    assert PHONE not in shown.stdout
    assert "p-1" in shown.stdout
    assert shown.stderr == "warning: it stands in a name, which stays: batches.batch_ref\n"
    assert dialer.said("erase") == (PHONE, None)


def test_erase_says_when_the_number_may_be_dialed_again(shell: Shell) -> None:
    assert "`dialer suppress add` sees to that" in shell("erase", PHONE).stderr


@pytest.mark.parametrize("words", [("erase",), ("erase", "12"), ("erase", PHONE, "--archive", "/nowhere/at/all")])
def test_erase_wants_a_number_and_a_directory_that_is_there(
    shell: Shell, dialer: FakeDialer, words: tuple[str, ...]
) -> None:
    told = shell(*words)
    assert told.exit_code == 2
    assert told.stderr.startswith("error: ")
    assert dialer.asked == []


def test_erase_refuses_in_a_line_while_a_call_is_under_way(shell: Shell, dialer: FakeDialer) -> None:
    dialer.failing = CallUnderWay("a call to it is under way, repeat this when it is over: c-1")
    told = shell("erase", PHONE)
    assert (told.exit_code, told.stderr) == (
        1,
        "CALL_UNDER_WAY: a call to it is under way, repeat this when it is over: c-1\n",
    )
