"""The command that writes service files; what they say is `dialer.units`."""

from __future__ import annotations

import os
import pwd
import sys
from pathlib import Path
from typing import Annotated

import typer

from dialer import units
from dialer.cli.desk import take_seat
from dialer.cli.options import AsJson
from dialer.cli.render import print_json
from dialer.errors import ConfigInvalid
from dialer.settings import named_configuration

NEXT = {
    "systemd": "systemctl daemon-reload && systemctl enable --now"
    " dialer-scheduler dialer-worker@1 dialer-worker@2 dialer-test-lane dialer-http dialer-flower",
    "supervisor": "supervisorctl update",
}


def install_units(
    ctx: typer.Context,
    prefix: Annotated[
        Path, typer.Option("--prefix", metavar="DIR", help="Below it lie etc/ and var/: the whole machine by default.")
    ] = Path("/"),
    supervisor: Annotated[
        bool, typer.Option("--supervisor", help="A file for supervisor, instead of units for systemd.")
    ] = False,
    user: Annotated[
        str, typer.Option("--user", metavar="NAME", help="Whom supervisor runs it as. (systemd makes its own user.)")
    ] = "dialer",
    as_json: AsJson = False,
) -> None:
    """Write service files that name this program, its configuration, and where its state and logs go.

    The configuration is the file that DIALER_CONFIG names, else DIR/etc/dialer/dialer.toml. Nothing is started. Repeat
    it after an update; put changes of yours into drop-ins (`systemctl edit`), for these files are written again.

    \b
    Examples:
      dialer install-units
      dialer install-units --supervisor --user dialer
      dialer install-units --prefix /tmp/look
    """
    desk = take_seat(ctx, as_json)
    starter: units.Starter = "supervisor" if supervisor else "systemd"
    places = _places(prefix.absolute(), user)
    planned = list(units.units(starter, places))
    if directories := units.directories(starter, places):
        _make(directories, user)
    written = {str(unit.path): units.write(unit) for unit in planned}
    if desk.as_json:
        print_json({"starter": starter, "configuration": places.configuration, "files": written})
        return
    for path, is_new in written.items():
        print(f"{'wrote    ' if is_new else 'unchanged'} {path}")
    print(f"They read {places.configuration}. Next: {NEXT[starter]}")


def _places(prefix: Path, user: str) -> units.Places:
    program = Path(sys.executable).parent
    if not (program / "dialer").exists():
        raise ConfigInvalid(f"{program}: expected the program `dialer` there: install it with pip, in an environment")
    configuration = named_configuration() or prefix / units.CONFIGURATION.lstrip("/")
    return units.Places(program, prefix, configuration, user)


def _make(directories: list[Path], owner: str) -> None:
    """Supervisor's own: who runs the processes must exist, and be able to write there."""
    try:
        account = pwd.getpwnam(owner)
    except KeyError:
        expected = f"expected a user of this machine, got {owner!r}: useradd --system {owner}, or name another"
        raise ConfigInvalid(f"--user: {expected}") from None
    for directory in directories:
        try:
            directory.mkdir(parents=True, exist_ok=True)
            if os.geteuid() == 0:
                os.chown(directory, account.pw_uid, account.pw_gid)
        except OSError as error:
            raise ConfigInvalid(f"{directory}: cannot be made: {error.strerror or error}") from None
