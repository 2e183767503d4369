"""What is said, and with which exit code, when a command cannot do its work."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dialer.domain.receipt import Rejection
from dialer.errors import (
    BatchTerminated,
    CallUnknown,
    ConfigInvalid,
    DialerError,
    FieldError,
    IllegalMove,
    LedgerUnreachable,
    LoadRefused,
    RedisUnreachable,
    SchemaOutdated,
)
from tests.unit.cli.fake_dialer import FakeDialer, Shell

BATCH = "acme/agent-7/spring"
REFUSED = LoadRefused(
    [
        FieldError("FIELD_MISSING", "agent_id", None, "expected a value"),
        FieldError("WINDOW_PAST", "exp", "2025", "is over"),
    ]
)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigInvalid("dialer.toml: nbr: is not a known key"), 2),
        (CallUnknown("no call 'x'"), 1),
        (BatchTerminated(), 1),
        (LedgerUnreachable(), 1),
        (RedisUnreachable(), 1),
        (SchemaOutdated(), 1),
        (IllegalMove(), 1),
    ],
)
def test_an_error_is_a_line_that_begins_with_its_code(
    shell: Shell, dialer: FakeDialer, error: DialerError, code: int
) -> None:
    dialer.failing = error
    told = shell("accounts")
    assert told.exit_code == code
    assert told.stderr == f"{error}\n"
    assert told.stdout == ""


def test_every_mistake_of_a_refused_load_has_its_line(shell: Shell, dialer: FakeDialer, tmp_path: Path) -> None:
    (tmp_path / "b.json").write_text("{}")
    dialer.failing = REFUSED
    told = shell("load", str(tmp_path / "b.json"))
    assert told.exit_code == 2
    assert told.stderr == "FIELD_MISSING: agent_id: expected a value\nWINDOW_PAST: exp: is over\n"
    told = shell("load", str(tmp_path / "b.json"), "--json")
    assert [error["field"] for error in json.loads(told.stdout)["errors"]] == ["agent_id", "exp"]


def test_every_mistake_of_a_configuration_has_its_line(shell: Shell, dialer: FakeDialer) -> None:
    dialer.failing = ConfigInvalid("one\ntwo")
    assert shell("accounts").stderr == "CONFIG_INVALID: one\nCONFIG_INVALID: two\n"


def test_loading_into_a_terminated_batch_is_a_refused_load(shell: Shell, dialer: FakeDialer, tmp_path: Path) -> None:
    (tmp_path / "b.json").write_text("{}")
    dialer.failing = BatchTerminated()
    told = shell("load", str(tmp_path / "b.json"))
    assert told.exit_code == 2
    assert told.stderr.startswith("BATCH_TERMINATED: ")


def test_a_name_that_nobody_loaded_exits_1(shell: Shell) -> None:
    for words in (("status", "x"), ("calls", "x"), ("windows", "x"), ("pause", "x"), ("explain", "x", "+61278132035")):
        told = shell(*words)
        assert told.exit_code == 1
        assert told.stderr == "BATCH_UNKNOWN: no batch 'x'\n"


def test_a_surprise_is_a_line_with_a_hint_and_no_traceback(
    shell: Shell, dialer: FakeDialer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DIALER_DEBUG", raising=False)
    dialer.failing = ZeroDivisionError("division by zero\nand more")
    told = shell("accounts")
    assert told.exit_code == 1
    assert told.stderr == "UNEXPECTED: ZeroDivisionError: division by zero (DIALER_DEBUG=1 shows where)\n"
    monkeypatch.setenv("DIALER_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        shell("accounts")


def test_an_error_that_quotes_a_terminal_code_cannot_use_it(shell: Shell, dialer: FakeDialer) -> None:
    dialer.failing = CallUnknown("no call \x1b[2J")
    assert "\x1b" not in shell("accounts").stderr


def test_an_interrupt_is_quiet(shell: Shell, dialer: FakeDialer) -> None:
    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    shell.desk.sleep = interrupted
    told = shell("status", BATCH, "--watch")
    assert told.exit_code == 130
    assert "Traceback" not in told.output


def test_check_says_that_the_ledger_cannot_be_opened(shell: Shell, dialer: FakeDialer) -> None:
    dialer.failing = LedgerUnreachable()
    told = shell("check", "--json")
    assert told.exit_code == 1
    assert json.loads(told.stdout)["checks"][0]["ok"] is False
    dialer.failing = ConfigInvalid("x")
    assert shell("check").exit_code == 2


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "there is no such file"),
        (b"", "is not JSON: Expecting value at line 1, column 1"),
        (b'{\n  "a": 1,\n}', "at line "),
        (b"[]", "expected a JSON object {…}, got a list"),
        (b"null", "got null"),
        (b"[" * 200_000, "is nested too deeply"),
        (b'{"a":' * 200_000, "is nested too deeply"),
        ('{"a": 1}'.encode("utf-16"), "it looks like UTF-16"),
        ('{"a": 1}'.encode("utf-16-le"), "has a NUL character in line 1"),
        (b'{"a": "\x00"}', "has a NUL character in line 1"),
        (b'{"a": "\xe9"}', "is not UTF-8 text, at byte 7"),
        (b'{"a": NaN}', "NaN is no JSON number"),
        (b'{"a": ' + b"9" * 5000 + b"}", "is not JSON"),
        (b'{"a": [{"ref": 1, "ref": 2}]}', "'ref' is given twice in one object"),
    ],
)
@pytest.mark.parametrize("command", ["load", "test-call"])
def test_a_file_that_cannot_be_used_is_one_line(
    shell: Shell, dialer: FakeDialer, tmp_path: Path, content: bytes | None, words: str, command: str
) -> None:
    path = tmp_path / "b.json"
    if content is not None:
        path.write_bytes(content)
    told = shell(command, str(path))
    assert told.exit_code == 2
    assert told.stdout == ""
    (line,) = told.stderr.splitlines()
    assert line.startswith(f"FILE_INVALID: {path}: ")
    assert words in line
    assert dialer.asked == []


def test_a_directory_is_no_file(shell: Shell, tmp_path: Path) -> None:
    assert shell("load", str(tmp_path)).stderr == f"FILE_INVALID: {tmp_path}: is a directory, expected a file\n"


def test_rejected_rows_that_cannot_be_written_do_not_stop_a_load(
    shell: Shell, dialer: FakeDialer, tmp_path: Path
) -> None:
    (tmp_path / "b.json").write_text("{}")
    (tmp_path / "b.json.rejected.csv").mkdir()
    dialer.rejections = [Rejection(1, "x", "PHONE_NOT_E164", "no")] * 2
    told = shell("load", str(tmp_path / "b.json"))
    assert told.exit_code == 0
    assert told.stderr.count("cannot be written") == 1
