"""What commands work with: the Dialer they open, the processes they become. Tests put doubles here."""

from __future__ import annotations

import os
import pwd
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from dialer.domain.upkeep import SchemaStatus
from dialer.settings import Settings, load_settings

if TYPE_CHECKING:
    from dialer.facade import Dialer


def _open_dialer() -> Dialer:
    from dialer.facade import Dialer  # late: `dialer --help` needs no SQL and no Redis

    return Dialer(load_settings())


def _become(command: Sequence[str]) -> None:
    """Replace this process, so that signals of a supervisor reach the one that they are meant for."""
    sys.stdout.flush()
    os.execv(command[0], list(command))  # noqa: S606 no shell is involved


def _migrate(url: str) -> None:
    from dialer.ledger import migrate

    migrate(url)


def _schema(url: str) -> SchemaStatus:
    from dialer.ledger import schema_status

    return schema_status(url)


@dataclass
class Desk:
    """One command's surroundings."""

    open_dialer: Callable[[], AbstractContextManager[Dialer]] = _open_dialer
    #: gets a command line whose first word is a path; does not return
    become: Callable[[Sequence[str]], None] = _become
    #: brings the schema of a ledger's URL up to date
    migrate: Callable[[str], None] = _migrate
    #: the schema of a ledger's URL beside ours
    schema: Callable[[str], SchemaStatus] = _schema
    read_settings: Callable[[], Settings] = load_settings
    sleep: Callable[[float], None] = time.sleep
    #: print one JSON document instead of tables
    as_json: bool = False


def take_seat(ctx: typer.Context, as_json: bool) -> Desk:
    """The desk of this run."""
    desk: Desk = ctx.find_object(Desk) or Desk()
    desk.as_json = as_json
    return desk


def operator() -> str:
    """Who runs this command, as it is recorded."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"
