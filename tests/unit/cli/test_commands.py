"""What people type, against a Dialer that answers from memory."""

from __future__ import annotations

import json
import sys
import uuid
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from dialer.cli import app
from dialer.domain.call import Suppression
from dialer.domain.receipt import LoadReceipt, Rejection
from dialer.domain.states import CallState, CloseReason
from dialer.domain.status import CheckLine, ZoneWeek
from tests.unit.cli.fake_dialer import BATCH_ID, NOON, PHONE, FakeDialer, Shell, a_call, a_status

BATCH = "acme/agent-7/spring"
COMMANDS = [
    "demo up init check migrate scheduler worker simulator load start pause resume terminate batches status windows",
    "test-call calls explain suppress requeue resolve reconcile accounts restored confirm-ledger agents contacts",
    "webhooks serve keys install-units",
    "drain undrain prune erase report top",
]


@pytest.mark.parametrize("command", " ".join(COMMANDS).split())
def test_every_command_explains_itself(shell: Shell, command: str) -> None:
    shown = shell(command, "--help")
    assert shown.exit_code == 0
    assert shown.stdout.count("\n") > 5


def test_there_are_no_other_commands() -> None:
    named = {command.name for command in app.registered_commands} | {group.name for group in app.registered_groups}
    assert named == set(" ".join(COMMANDS).split())


def test_without_a_word_it_shows_what_there_is(shell: Shell) -> None:
    assert "terminate" in shell().stdout


def test_the_version_is_the_packages(shell: Shell) -> None:
    assert shell("--version").stdout == "dialer 0.1.0\n"


def test_a_status_is_the_contracts_document(shell: Shell) -> None:
    document = json.loads(shell("status", BATCH, "--json").stdout)
    assert list(document) == [
        "batch_id", "workspace_id", "agent_id", "batch_ref", "state", "total", "counts", "closed", "outcomes",
        "attempts", "in_flight", "why", "next_open_at", "rate_per_minute", "eta",
    ]  # fmt: skip
    assert document["next_open_at"] == "2026-11-23T05:00:00Z"
    assert list(document["counts"]) == ["waiting", "ready", "queued", "dialing", "in_progress", "unknown", "closed"]


def test_a_status_for_people_says_why_nothing_dials(shell: Shell) -> None:
    shown = shell("status", BATCH).stdout
    assert "acme/agent-7/spring  running" in shown
    assert "4 of 10 closed" in shown
    assert "blocked until 2026-11-23T16:00:00+11:00 (Australia/Melbourne)" in shown


def test_watching_in_a_pipe_waits_and_says_the_end_only(shell: Shell, dialer: FakeDialer) -> None:
    dialer.statuses = [a_status(), a_status(), a_status(state="completed", why=None)]
    document = json.loads(shell("status", BATCH, "--watch", "--json").stdout)
    assert document["state"] == "completed"
    dialer.statuses = [a_status(), a_status(state="completed", why=None)]
    shown = shell("status", BATCH, "--watch").stdout
    assert "completed" in shown
    assert "running" not in shown


def test_batches_are_listed_as_asked(shell: Shell, dialer: FakeDialer) -> None:
    assert json.loads(shell("batches", "--workspace", "acme", "--state", "running", "--json").stdout)[0]["total"] == 10
    assert dialer.said("batches") == ("acme", "running")
    assert json.loads(shell("batches", "--jsonl").stdout)["batch_id"] == BATCH_ID
    assert "acme/agent-7/spring" in shell("batches").stdout


def test_no_batches_are_an_empty_list(shell: Shell, dialer: FakeDialer) -> None:
    dialer.statuses = []
    assert json.loads(shell("batches", "--json").stdout) == []


@pytest.mark.parametrize("verb", ["start", "pause", "resume", "terminate"])
def test_control_words_tell_what_is_still_in_flight(shell: Shell, dialer: FakeDialer, verb: str) -> None:
    told = shell(verb, BATCH, "--json")
    assert json.loads(told.stdout)["in_flight"] == 3
    assert dialer.said("control_batch") == (verb, True)
    shown = shell(verb, BATCH_ID)
    assert dialer.said("control_batch") == (verb, False)  # an id is one batch, a name may be several
    assert "in flight" in shown.stdout
    assert shown.stderr == "warning: REDIS_UNREACHABLE: committed all the same\n"


@pytest.mark.parametrize(
    ("words", "reach"),
    [(("--all",), (None, None)), (("--workspace", "acme"), ("acme", None)), (("--account", "main"), (None, "main"))],
)
def test_the_red_button_reaches_as_far_as_asked(
    shell: Shell, dialer: FakeDialer, words: tuple[str, ...], reach: tuple[str | None, str | None]
) -> None:
    assert json.loads(shell("pause", *words, "--json").stdout)["held"] is True
    assert dialer.said("pause_all") == reach
    assert shell("resume", *words).exit_code == 0
    assert dialer.said("resume_all") == reach


@pytest.mark.parametrize("words", [(), (BATCH, "--all"), ("--all", "--workspace", "acme"), ("--workspace", "")])
def test_the_red_button_wants_one_reach(shell: Shell, dialer: FakeDialer, words: tuple[str, ...]) -> None:
    told = shell("pause", *words)
    assert told.exit_code == 2
    assert "give one of BATCH, --all, --workspace or --account" in told.stderr
    assert dialer.asked == []


@pytest.fixture
def batch_file(tmp_path: Path) -> Path:
    path = tmp_path / "batch.json"
    path.write_text(json.dumps({"workspaceId": "acme", "agentId": "agent-7", "batchRef": "spring", "callList": []}))
    return path


def test_a_load_hands_on_what_was_given(shell: Shell, dialer: FakeDialer, batch_file: Path) -> None:
    told = shell(
        "load", str(batch_file), "--calls", "n.csv", "--country", "AU", "--phone-column", "Mobile", "--resume", "--json"
    )
    assert json.loads(told.stdout)["accepted"] == 2
    spec, calls, options = dialer.said("load_batch")
    assert spec["workspaceId"] == "acme"
    assert calls == "n.csv"
    assert options == {"country": "AU", "phone_column": "Mobile", "resume": True}
    assert told.stderr == ""


def test_a_load_can_be_piped_in(shell: Shell, dialer: FakeDialer, batch_file: Path) -> None:
    assert shell("load", "-", stdin=batch_file.read_text()).exit_code == 0
    assert dialer.said("load_batch")[0]["batchRef"] == "spring"


def test_rejected_rows_are_written_beside_their_file(shell: Shell, dialer: FakeDialer, batch_file: Path) -> None:
    numbers = batch_file.with_name("numbers.csv")
    dialer.rejections = [
        Rejection(2, "=1+1", "PHONE_NOT_E164", "cannot be read"),
        Rejection(7, PHONE, "NEVER_OPEN", "no"),
    ]
    told = shell("load", str(batch_file), "--calls", str(numbers))
    assert told.exit_code == 0
    assert (numbers.parent / "numbers.csv.rejected.csv").read_text().splitlines() == [
        "row,phone,code,message",
        "2,'=1+1,PHONE_NOT_E164,cannot be read",
        f"7,{PHONE},NEVER_OPEN,no",
    ]
    assert "numbers.csv.rejected.csv" in told.stdout


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_the_rejected_rows_of_an_earlier_load_go_with_a_clean_one(
    options: list[str], shell: Shell, dialer: FakeDialer, batch_file: Path
) -> None:
    numbers = batch_file.with_name("numbers.csv")
    dialer.rejections = [Rejection(2, "=1+1", "PHONE_NOT_E164", "cannot be read")]
    shell("load", str(batch_file), "--calls", str(numbers))
    dialer.rejections = []
    told = shell("load", str(batch_file), "--calls", str(numbers), *options)
    assert list(batch_file.parent.glob("*.rejected.csv")) == []
    assert "numbers.csv.rejected.csv was of an earlier load and is removed" in told.stderr


def test_a_load_without_rejected_rows_leaves_no_file(shell: Shell, batch_file: Path) -> None:
    shell("load", str(batch_file))
    assert list(batch_file.parent.iterdir()) == [batch_file]


@pytest.mark.parametrize(
    ("receipt", "rejected", "code"),
    [
        (LoadReceipt(BATCH_ID), 0, 0),  # an empty call list edits the batch
        (LoadReceipt(BATCH_ID, accepted=1), 1, 0),
        (LoadReceipt(BATCH_ID, already_known=1), 1, 0),
        (LoadReceipt(BATCH_ID), 1, 1),
    ],
)
def test_a_load_fails_only_if_no_row_was_taken(
    shell: Shell, dialer: FakeDialer, batch_file: Path, receipt: LoadReceipt, rejected: int, code: int
) -> None:
    dialer.receipt = receipt
    dialer.rejections = [Rejection(1, "x", "PHONE_NOT_E164", "no")] * rejected
    assert shell("load", str(batch_file), "--json").exit_code == code


def test_a_test_call_takes_a_file_and_options_that_win(shell: Shell, dialer: FakeDialer, tmp_path: Path) -> None:
    body = tmp_path / "call.json"
    body.write_text(json.dumps({"workspaceId": "acme", "agentId": "a", "phone": PHONE, "batchRef": "t"}))
    told = shell("test-call", str(body), "--workspace", "other", "--ignore-hours", "--json")
    assert json.loads(told.stdout)["call_id"] == "c-1"
    assert dialer.said("test_call") == {
        "workspace_id": "other",
        "agentId": "a",
        "phone": PHONE,
        "batchRef": "t",
        "ignore_hours": True,
    }


def test_a_test_call_needs_no_file(shell: Shell, dialer: FakeDialer) -> None:
    words = ("--workspace", "acme", "--agent", "a", "--phone", PHONE, "--variable", "FIRST_NAME=Kim=K")
    assert "goes out now" in shell("test-call", *words).stdout
    assert dialer.said("test_call")["variables"] == {"FIRST_NAME": "Kim=K"}
    dialer.held = True
    assert "blocked until 9 o'clock" in shell("test-call", *words).stdout


@pytest.mark.parametrize(
    "words", [(), ("--workspace", "acme"), ("--workspace", "a", "--agent", "b", "--phone", PHONE, "--variable", "=x")]
)
def test_half_a_test_call_is_wrong_usage(shell: Shell, dialer: FakeDialer, words: tuple[str, ...]) -> None:
    assert shell("test-call", *words).exit_code == 2
    assert dialer.asked == []


def test_calls_are_asked_for_by_number_and_close_reason(shell: Shell, dialer: FakeDialer) -> None:
    told = shell("calls", "--phone", "+61 2 7813 2035", "--state", "unresolved", "--outcome", "answered", "--json")
    assert json.loads(told.stdout)[0]["attempts"][0]["duration_seconds"] == 12.5
    assert dialer.said("calls") == (None, {"phone": PHONE, "state": "unresolved", "outcome": "answered"})


def test_calls_come_one_on_a_line(shell: Shell, dialer: FakeDialer) -> None:
    dialer.found_calls = [a_call(), a_call(call_id="c-2")]
    lines = shell("calls", BATCH, "--jsonl").stdout.splitlines()
    assert [json.loads(line)["call_id"] for line in lines] == ["c-1", "c-2"]


def test_calls_as_a_sheet_are_safe_to_open(shell: Shell, dialer: FakeDialer) -> None:
    attempt = replace(a_call().attempts[0], detail="=HYPERLINK(1)")
    dialer.found_calls = [a_call(attempts=(attempt,)), a_call(attempts=(), state=CallState.READY, close_reason=None)]
    header, first, second = shell("calls", BATCH, "--csv").stdout.splitlines()
    assert header.startswith("call_id,batch_id,phone,timezone,priority,state,close_reason,outcome,due_at")
    assert f",{PHONE}," in first
    assert first.endswith(",'=HYPERLINK(1)")
    assert '"{""FIRST_NAME"": ""Kim""}"' in first
    assert second.count(",") == header.count(",")


def test_a_table_of_calls_says_that_there_are_more(shell: Shell, dialer: FakeDialer) -> None:
    dialer.found_calls = [a_call(call_id=f"c-{number}") for number in range(5)]
    shown = shell("calls", BATCH, "--limit", "3").stdout
    assert "c-2" in shown
    assert "c-3" not in shown
    assert "These are the first 3" in shown
    assert "first" not in shell("calls", BATCH, "--limit", "5").stdout
    assert "c-4" in shell("calls", BATCH, "--limit", "0").stdout
    assert len(json.loads(shell("calls", BATCH, "--limit", "2", "--json").stdout)) == 2


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("calls",), "give BATCH, or --phone"),
        (("calls", BATCH, "--state", "unresolve"), "did you mean 'unresolved'?"),
        (("calls", BATCH, "--outcome", "zzz"), "expected one of answered"),
        (("calls", BATCH, "--csv", "--json"), "give one of"),
        (("calls", "--phone", "0278132035"), "PHONE_NOT_E164"),
        (("batches", "--state", "complete"), "did you mean 'completed'?"),
        (("requeue", BATCH, "--closed", "reached"), "'reached'"),
        (("requeue", BATCH), "--closed"),
        (("worker", "--lanes", "urgent"), "expected one of test, high, normal, low"),
        (("suppress", "add", PHONE, "--until", "2026-11-23T09:00:00"), "no offset"),
        (("windows", BATCH, "--days", "0"), "--days"),
        (("statsu", BATCH), "Did you mean 'status'"),
    ],
)
def test_wrong_usage_is_one_clear_line(shell: Shell, dialer: FakeDialer, words: tuple[str, ...], hint: str) -> None:
    told = shell(*words)
    assert told.exit_code == 2
    assert told.stdout == ""
    first, second = told.stderr.splitlines()
    assert first.startswith("error: ")
    assert hint in first
    assert second.startswith("see `")
    assert dialer.asked == []


def test_an_explanation_shows_every_gate(shell: Shell, dialer: FakeDialer) -> None:
    shown = shell("explain", BATCH, "02 7813 2035", "--country", "AU").stdout
    assert dialer.said("explain") == (BATCH_ID, PHONE)
    assert "Mon-Fri|0800-1600 blocks" in shown
    assert json.loads(shell("explain", "c-9", "--json").stdout)["call_id"] == "c-9"
    assert dialer.said("explain_call") == "c-9"
    of_batch = str(uuid.uuid4())
    assert json.loads(shell("explain", BATCH, of_batch, "--json").stdout)["call_id"] == of_batch


def test_accounts_show_what_stops_them(shell: Shell, dialer: FakeDialer) -> None:
    assert "balance 3 below 25" in shell("accounts").stdout
    assert json.loads(shell("accounts", "--json").stdout)[0]["channels"] == 50
    assert json.loads(shell("accounts", "resume", "main", "--json").stdout) == {"account": "main", "lifted": True}
    assert dialer.said("resume_account") == "main"


def test_requeue_and_reconcile_tell_how_many(shell: Shell, dialer: FakeDialer) -> None:
    assert shell("requeue", BATCH, "--closed", "unresolved").stdout == "12 unresolved calls are dialable again.\n"
    assert dialer.said("requeue") == (BATCH_ID, str(CloseReason.UNRESOLVED))
    assert json.loads(shell("reconcile", BATCH, "--json").stdout)["settled"] == 2


def test_resolve_takes_a_batch_or_one_call_and_says_how_many(shell: Shell, dialer: FakeDialer) -> None:
    assert shell("resolve", BATCH, "--as", "not-placed").stdout == "3 calls are resolved as not-placed.\n"
    assert dialer.said("resolve") == (BATCH_ID, False, None)


def test_resolve_knows_two_words(shell: Shell) -> None:
    told = shell("resolve", BATCH, "--as", "maybe")
    assert told.exit_code == 2
    assert "not-placed" in told.stderr


def test_windows_are_intervals_and_drawn(shell: Shell, dialer: FakeDialer) -> None:
    opened = (NOON + timedelta(hours=1), NOON + timedelta(hours=2))
    dialer.week = [ZoneWeek(("Australia/Melbourne", "Australia/Perth"), (opened,), NOON, NOON + timedelta(hours=3))]
    (record,) = json.loads(shell("windows", BATCH, "--days", "14", "--json").stdout)
    assert dialer.said("windows") == 14
    assert record["open"] == [{"start": "2026-11-23T02:00:00Z", "end": "2026-11-23T03:00:00Z"}]
    assert [span["start"] for span in record["blocked"]] == ["2026-11-23T01:00:00Z", "2026-11-23T03:00:00Z"]
    shown = shell("windows", BATCH).stdout.splitlines()
    assert shown[0] == "Australia/Melbourne, Australia/Perth"
    assert shown[2] == "Mon 23 Nov" + " " * 26 + "··██··"


def test_suppressing_tells_what_cannot_be_stopped(shell: Shell, dialer: FakeDialer) -> None:
    dialer.under_way_calls = ["c-1"]
    told = shell(
        "suppress", "add", PHONE, "--reason", "asked", "--until", "2026-12-01T00:00:00Z", "--workspace", "acme"
    )
    entry = dialer.said("suppress")
    assert (entry.phone, entry.reason, entry.workspace_id) == (PHONE, "asked", "acme")
    assert entry.until.isoformat() == "2026-12-01T00:00:00+00:00"
    assert "c-1" in told.stderr
    assert json.loads(shell("suppress", "add", PHONE, "--json").stdout)["under_way"] == ["c-1"]


def test_entries_are_checked_and_removed(shell: Shell, dialer: FakeDialer) -> None:
    assert "is not suppressed" in shell("suppress", "check", PHONE).stdout
    dialer.entries = [Suppression(PHONE, "asked"), Suppression(PHONE, "theirs", "other")]
    assert len(json.loads(shell("suppress", "check", PHONE, "--json").stdout)) == 2
    assert len(json.loads(shell("suppress", "check", PHONE, "--workspace", "acme", "--json").stdout)) == 1
    assert "for good" in shell("suppress", "check").stdout
    assert json.loads(shell("suppress", "remove", PHONE, "--json").stdout)["removed"] is False


def test_an_import_takes_the_good_rows_and_lists_the_others(shell: Shell, dialer: FakeDialer, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text(
        '\ufeffName,Phone,reason,until\n"A\nB",02 7813 2035,asked,\n,nope,,\n'
        ",+61412345678,,2999-12-01T00:00:00Z\n,+61412345679,,soon\n,+61412345680,,2020-01-01T00:00:00Z\n"
    )
    told = shell("suppress", "import", str(path), "--country", "AU", "--reason", "usual", "--workspace", "acme")
    first, second = dialer.said("suppress_all")
    assert (first.phone, first.reason, first.workspace_id, first.until) == (PHONE, "asked", "acme", None)
    assert (second.phone, second.reason) == ("+61412345678", "usual")
    assert second.until is not None
    assert told.exit_code == 1
    assert told.stdout == "2 numbers are suppressed, for acme.\n"
    assert [line.split(":")[:2] for line in told.stderr.splitlines()] == [
        ["row 4", " PHONE_NOT_E164"],
        ["row 6", " TIMESTAMP_INVALID"],
        ["row 7", " WINDOW_PAST"],
    ]
    assert shell("suppress", "import", str(path), "--until", "2020-01-01T00:00:00Z").exit_code == 2


def test_a_group_without_a_command_shows_its_help_and_no_empty_error(shell: Shell) -> None:
    told = shell("suppress")
    assert told.exit_code == 2
    assert "import" in told.stdout + told.stderr
    assert "error:" not in told.stderr


def test_an_import_takes_a_number_a_line(shell: Shell, dialer: FakeDialer) -> None:
    told = shell("suppress", "import", "-", "--json", stdin=f"# ours\n\n{PHONE}\n+61 412 345 678\n{PHONE}\n")
    assert [entry.phone for entry in dialer.said("suppress_all")] == [PHONE, "+61412345678"]
    assert json.loads(told.stdout) == {"suppressed": 2, "unreadable": []}
    assert told.exit_code == 0


def test_a_check_exits_1_if_anything_fails(shell: Shell, dialer: FakeDialer) -> None:
    dialer.checks.append(CheckLine("redis persistence", ok=True, detail="none", is_warning=True))
    assert shell("check").exit_code == 0
    assert "warning" in shell("check").stdout
    dialer.checks.append(CheckLine("redis", ok=False, detail="away"))
    told = shell("check", "--json")
    assert told.exit_code == 1
    assert json.loads(told.stdout)["ok"] is False
    assert "FAILED" in shell("check").stdout


def test_the_schema_is_brought_up_to_date_where_the_configuration_says(shell: Shell) -> None:
    assert shell("migrate").exit_code == 0
    assert shell.migrated == ["sqlite:////srv/dialer.db"]


def test_a_configuration_is_written_once(shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DIALER_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    assert json.loads(shell("init", "--json").stdout) == {"path": str(tmp_path / "dialer.toml")}
    again = shell("init")
    assert again.exit_code == 2
    assert "exists already" in again.stderr


def test_processes_are_become_not_imported(shell: Shell) -> None:
    shell("demo", "--calls", "20", "--json")
    shell("up")
    shell("scheduler")
    shell("simulator", "--port", "0", "--scenario", "s.json")
    shell("worker", "--lanes", "low,test", "--concurrency", "2", "--name", "w1@%h")
    shell("worker")
    python = [sys.executable, "-m"]
    assert shell.became[:4] == [
        [*python, "workers.embedded", "demo", "--calls", "20", "--json"],
        [*python, "workers.embedded", "up"],
        [*python, "workers.scheduler"],
        [*python, "dialer.simulator", "--port", "0", "--scenario", "s.json"],
    ]
    assert " ".join(shell.became[4][2:]) == "workers.work -Q dialer.test,dialer.low -c 2 -n w1@%h"
    assert "dialer.test,dialer.high,dialer.normal,dialer.low" in shell.became[5]
