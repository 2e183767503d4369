"""Commands about what is not kept for ever: pruning old batches, erasing one number."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from dialer.cli.desk import take_seat
from dialer.cli.options import AsJson
from dialer.cli.render import counting, jsonable, print_fields, print_json

_AGE = re.compile(r"([1-9][0-9]{0,5})([hdw])")
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}

IntoOption = Annotated[
    Path | None,
    typer.Option("--into", metavar="DIR", help="Directory of the archive; absent = pruned/ beside the configuration."),
]


def prune(
    ctx: typer.Context,
    older_than: Annotated[
        str, typer.Option("--older-than", metavar="AGE", help="Over for so long: 90d, 12w or 36h; a day at least.")
    ],
    into: IntoOption = None,
    as_json: AsJson = False,
) -> None:
    """Archive batches that were over long ago as compressed JSONL, a file each, and remove them from the ledger.

    Never a batch that is open. What `dialer report` says stays. Safe to repeat, at any time and while everything runs;
    goes on with what broke off. A batch of the same name that is loaded later knows nothing of the old one's numbers.

    \b
    Examples:
      dialer prune --older-than 90d
    """
    desk = take_seat(ctx, as_json)
    older = age_of(older_than)
    directory = into or desk.read_settings().home / "pruned"
    with desk.open_dialer() as dialer, counting("calls removed") as count:
        receipt = dialer.upkeep.prune(older, directory, None if count is None else lambda so_far: count(so_far.calls))
    if as_json:
        print_json({**jsonable(receipt), "archive": str(directory)})
    else:
        print_fields([*jsonable(receipt).items(), ("archive", directory)])


def age_of(text: str) -> timedelta:
    """A usage error unless it is a number of hours, days or weeks."""
    found = _AGE.fullmatch(text.strip())
    if found is None:
        raise typer.BadParameter(
            f"{text!r}: expected a number of days such as 90d, or of h or w", param_hint="--older-than"
        )
    try:
        return int(found[1]) * _UNITS[found[2]]
    except OverflowError:
        raise typer.BadParameter(f"{text!r}: is longer than can be", param_hint="--older-than") from None
