"""The service files that `dialer install-units` writes, as systemd and supervisor would read them."""

from __future__ import annotations

import configparser
import json
import os
import pwd
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dialer.settings import ProviderSettings
from dialer.units import Places, shipped, supervisor_names, systemd_names, units

ROOT = Path(__file__).parents[2]
ROLES = {"scheduler", "worker", "test-lane", "http", "flower"}
WE = pwd.getpwuid(os.getuid()).pw_name
DEADLINE = ProviderSettings.model_fields["deadline_seconds"].default
UNITS = sorted((ROOT / "ops" / "systemd").glob("*.service"))


def install(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DIALER_")}
    command = [str(Path(sys.executable).parent / "dialer"), "install-units", *arguments]
    return subprocess.run(command, env=kept | variables, capture_output=True, text=True, timeout=30, check=False)


def settings_of(unit: Path) -> dict[str, list[str]]:
    """Every setting of a unit, with all its values, for a name may come twice."""
    found: dict[str, list[str]] = {}
    for line in unit.read_text(encoding="utf-8").splitlines():
        name, mark, value = line.partition("=")
        if mark and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


def programs() -> dict[str, configparser.SectionProxy]:
    reader = configparser.RawConfigParser(inline_comment_prefixes=(";",))
    reader.read(ROOT / "ops" / "supervisor" / "dialer.conf", encoding="utf-8")
    return {name.removeprefix("program:dialer-"): reader[name] for name in reader.sections() if "program:" in name}


def test_units_are_written_below_the_prefix_and_name_what_is_there(tmp_path: Path) -> None:
    done = install("--prefix", str(tmp_path), "--json")
    assert (done.returncode, done.stderr) == (0, "")
    report = json.loads(done.stdout)
    files = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    assert sorted(report["files"]) == [str(path) for path in files]
    texts = {path.name: path.read_text(encoding="utf-8") for path in files}
    assert {name.removeprefix("dialer-").removesuffix(".service").rstrip("@") for name in texts} >= ROLES
    for name, text in texts.items():
        assert "/opt/dialer" not in text, name
        if command := re.search(r"^ExecStart=(\S+)", text, re.MULTILINE):
            assert os.access(command[1], os.X_OK)
            assert f"LoadCredential=dialer.toml:{tmp_path}/etc/dialer/dialer.toml" in text
    assert (tmp_path / "etc/dialer/flowerconfig.py").exists()


def test_writing_again_changes_nothing_and_keeps_what_a_person_edited(tmp_path: Path) -> None:
    install("--prefix", str(tmp_path))
    mine = tmp_path / "etc/dialer/flowerconfig.py"
    mine.write_text("# mine\n", encoding="utf-8")
    again = install("--prefix", str(tmp_path), "--json")
    assert set(json.loads(again.stdout)["files"].values()) == {False}
    assert mine.read_text(encoding="utf-8") == "# mine\n"


def test_the_configuration_in_force_is_the_one_that_units_read(tmp_path: Path) -> None:
    install("--prefix", str(tmp_path), DIALER_CONFIG="/srv/dialer/mine.toml")
    text = (tmp_path / "etc/systemd/system/dialer-scheduler.service").read_text(encoding="utf-8")
    assert "LoadCredential=dialer.toml:/srv/dialer/mine.toml" in text


def test_supervisor_s_file_runs_below_the_prefix_as_the_user_who_was_named(tmp_path: Path) -> None:
    done = install("--prefix", str(tmp_path), "--supervisor", "--user", WE)
    assert (done.returncode, done.stderr) == (0, "")
    reader = configparser.RawConfigParser()
    reader.read(tmp_path / "etc/supervisor/conf.d/dialer.conf", encoding="utf-8")
    for name in filter(lambda name: name.startswith("program:"), reader.sections()):
        program = reader[name]
        assert os.access(program["command"].split()[0], os.X_OK)
        assert Path(program["directory"]).is_dir()
        assert Path(program["stdout_logfile"]).parent.is_dir()
        assert program["user"] == WE
        assert f'DIALER_CONFIG="{tmp_path}/etc/dialer/dialer.toml"' in program["environment"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--prefix", "{home}/a b"], "expected a path of letters"),
        (["--prefix", "{home}/100%"], "expected a path of letters"),
        (["--prefix", "{home}/file"], "cannot be written: Not a directory"),
    ],
    ids=["a blank", "a percent sign", "not a directory"],
)
def test_what_cannot_be_written_is_one_line_and_nothing_is(arguments: list[str], expected: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    done = install(*[argument.format(home=tmp_path) for argument in arguments])
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert expected in done.stderr
    assert [path.name for path in tmp_path.rglob("*")] == ["file"]


def test_a_user_that_is_not_there_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    done = install("--prefix", str(tmp_path), "--supervisor", "--user", "no-such-user")
    assert done.returncode == 2
    assert "no-such-user" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_nothing_but_the_names_differs_from_what_is_shipped() -> None:
    places = Places(Path("/p/bin"), Path("/x"), Path("/c/dialer.toml"), "me")
    back = {new: old for old, new in (systemd_names(places) | supervisor_names(places)).items()}
    for unit in (*units("systemd", places), *units("supervisor", places)):
        text = unit.text
        for new in sorted(back, key=len, reverse=True):
            text = text.replace(new, back[new])
        (source,) = shipped().rglob(unit.path.name)
        assert text == source.read_text(encoding="utf-8")


def test_systemd_and_supervisor_run_the_same_roles() -> None:
    assert {unit.stem.removeprefix("dialer-").rstrip("@") for unit in UNITS} == ROLES
    assert set(programs()) == ROLES


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_stop_lets_requests_end_and_a_restart_does_not_spin(unit: Path) -> None:
    told = settings_of(unit)
    assert told["KillMode"] == ["mixed"]
    assert float(told["RestartSec"][0]) >= 5
    assert told["Restart"] == ["always"]
    assert told["RestartPreventExitStatus"] == ["2 243"]  # a configuration, a credential: somebody must mend it first
    assert told["StartLimitIntervalSec"] == ["0"]
    if "dialer worker" in told["ExecStart"][0]:
        assert float(told["TimeoutStopSec"][0]) > DEADLINE


def test_the_scheduler_is_watched() -> None:
    told = settings_of(ROOT / "ops/systemd/dialer-scheduler.service")
    assert (told["Type"], told["NotifyAccess"]) == (["notify"], ["main"])
    assert float(told["WatchdogSec"][0]) >= 30


def test_every_unit_is_hardened_alike() -> None:
    apart = {"Description", "Type", "NotifyAccess", "ExecStart", "Environment", "LoadCredential"}
    apart |= {"TimeoutStartSec", "TimeoutStopSec", "WatchdogSec", "SocketBindAllow"}
    shared = [{name: value for name, value in settings_of(unit).items() if name not in apart} for unit in UNITS]
    assert all(one == shared[0] for one in shared)
    assert {"DynamicUser", "ProtectSystem", "SystemCallFilter", "CapabilityBoundingSet"} <= set(shared[0])


@pytest.mark.parametrize("role", sorted(ROLES))
def test_supervisor_stops_the_process_alone_and_gives_it_time(role: str) -> None:
    program = programs()[role]
    assert (program["stopsignal"], program["stopasgroup"], program["killasgroup"]) == ("TERM", "false", "true")
    assert (program["autorestart"], program["startretries"]) == ("true", "1000000")
    if role in {"worker", "test-lane"}:
        assert float(program["stopwaitsecs"]) > DEADLINE
