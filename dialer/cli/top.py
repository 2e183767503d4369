"""The command that stays and shows the whole dialer, frame after frame, until somebody leaves."""

from __future__ import annotations

import select
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.live import Live
from rich.text import Text

from dialer.cli.desk import Desk, take_seat
from dialer.cli.frames import Room, frame
from dialer.cli.options import AsJson, WorkspaceOption
from dialer.cli.render import console, jsonable, print_json, printable
from dialer.errors import DialerError

if TYPE_CHECKING:
    from dialer.facade import Dialer

#: Of a frame that goes into a pipe.
PIPE_WIDTH = 200


def top(
    ctx: typer.Context,
    workspace: WorkspaceOption = None,
    once: Annotated[bool, typer.Option("--once", help="Print one frame, all of it, and leave.")] = False,
    interval: Annotated[
        float, typer.Option("--interval", metavar="SECONDS", min=0.2, max=3600, help="Between two frames.")
    ] = 2.0,
    as_json: AsJson = False,
) -> None:
    """Show the whole dialer, live: batches, accounts, lanes, workers, guards; what waits and why; what is wrong.

    q or Ctrl-C leaves. In a pipe, with --once and with --json it shows one frame. Needs the ledger only.

    \b
    Examples:
      dialer top
      dialer top --once --json
    """
    desk = take_seat(ctx, as_json)
    with desk.open_dialer() as dialer:
        if as_json:
            print_json(dialer.upkeep.glance(workspace))
        elif once or not sys.stdout.isatty():
            _print_once(jsonable(dialer.upkeep.glance(workspace)))
        else:
            _stay(desk, dialer, workspace, interval)


def _print_once(record: dict[str, Any]) -> None:
    page = console()
    width = page.width if page.is_terminal else PIPE_WIDTH
    page = Console(file=sys.stdout, width=width, highlight=False, markup=False, emoji=False)
    with page.capture() as captured:
        page.print(frame(record, Room(width)))
    for line in captured.get().splitlines():
        print(line.rstrip())


def _stay(desk: Desk, dialer: Dialer, workspace: str | None, interval: float) -> None:
    page = console()
    with _keys() as pressed, Live(console=page, screen=True, auto_refresh=False) as live:
        while True:
            live.update(_now(dialer, workspace, Room(page.width, page.height)), refresh=True)
            try:
                if pressed(interval) in ("q", "Q"):
                    return
            except KeyboardInterrupt:
                return


def _now(dialer: Dialer, workspace: str | None, room: Room) -> Any:
    """A ledger that is away for a while is a frame, too."""
    try:
        return frame(jsonable(dialer.upkeep.glance(workspace)), room)
    except DialerError as error:
        return Text(f"{printable(str(error))}\n\nit is asked again", "bold red")


@contextmanager
def _keys() -> Iterator[Any]:
    """`pressed(seconds)`: the key that was pressed within so many seconds, or ""."""
    stream = sys.stdin
    if not stream.isatty():
        yield lambda seconds: _nothing(seconds)
        return
    before = termios.tcgetattr(stream)
    tty.setcbreak(stream)
    try:
        yield lambda seconds: stream.read(1) if select.select([stream], [], [], seconds)[0] else ""
    finally:
        termios.tcsetattr(stream, termios.TCSADRAIN, before)


def _nothing(seconds: float) -> str:
    select.select([], [], [], seconds)
    return ""
