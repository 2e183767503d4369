"""Commands that stop releasing before an upgrade or a shutdown, and go on afterwards."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from dialer.cli.desk import take_seat
from dialer.cli.failures import FAILED
from dialer.cli.options import AsJson
from dialer.cli.render import console, jsonable, print_fields, print_json, warn, warn_all
from dialer.domain.upkeep import DrainReceipt

TimeoutOption = Annotated[
    float | None,
    typer.Option("--timeout", metavar="SECONDS", min=0, help="Wait no longer; absent = as long as it takes."),
]


def drain(ctx: typer.Context, timeout: TimeoutOption = None, as_json: AsJson = False) -> None:
    """Stop releasing calls, test calls too, and wait until nothing is in flight. It holds until `dialer undrain`.

    The drain is in the ledger: restarts and a wiped Redis do not lift it, nor does leaving this command. Exits 1 when
    the time was over first.

    \b
    Examples:
      dialer drain --timeout 120
    """
    desk = take_seat(ctx, as_json)
    with desk.open_dialer() as dialer, _Progress() as progress:
        stands = dialer.upkeep.drain(timeout, progress)
    if as_json:
        print_json(stands)
    else:
        print_fields((name.replace("_", " "), value) for name, value in jsonable(stands).items())
    if stands.in_flight and stands.drained:
        warn(f"{stands.in_flight:,} in flight when the time was over; the drain holds, wait with `dialer drain` again")
        raise typer.Exit(FAILED)
    if not stands.drained:
        warn("somebody lifted the drain meanwhile")
        raise typer.Exit(FAILED)


def undrain(ctx: typer.Context, as_json: AsJson = False) -> None:
    """Lift the drain: calls are released again."""
    desk = take_seat(ctx, as_json)
    with desk.open_dialer() as dialer:
        receipt = dialer.upkeep.undrain()
    if as_json:
        print_json(receipt)
        return
    print("Calls are released again." if receipt.lifted else "It was not drained.")
    warn_all(receipt)


class _Progress:
    """What is left, on stderr: one line that changes on a terminal, elsewhere a line whenever it changes."""

    def __init__(self) -> None:
        self._last = ""
        self._status = console(stderr=True).status("") if sys.stderr.isatty() else None

    def __enter__(self) -> _Progress:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._status is not None:
            self._status.stop()

    def __call__(self, stands: DrainReceipt) -> None:
        flying, queued = f"{stands.in_flight:,} in flight", f"{stands.queued:,} queued"
        words = f"draining: {flying}, {queued}, {stands.in_progress:,} in progress"
        if self._status is not None:
            self._status.update(words)
        elif words != self._last:
            print(words, file=sys.stderr, flush=True)
        self._last = words
