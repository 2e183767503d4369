"""Commands about what is not kept for ever: pruning old batches, erasing one number."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from dialer.cli.desk import take_seat
from dialer.cli.options import AsJson, CountryOption, phone_of
from dialer.cli.render import counting, jsonable, print_fields, print_json, print_table, warn

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


def erase(
    ctx: typer.Context,
    phone: Annotated[str, typer.Argument(metavar="PHONE", help="Number, E.164.")],
    archive: Annotated[
        Path | None,
        typer.Option("--archive", metavar="DIR", help="What `dialer prune` wrote; absent = pruned/, where that is."),
    ] = None,
    country: CountryOption = None,
    as_json: AsJson = False,
) -> None:
    """Make a number unreadable wherever it stands: calls, variables, answers, contacts, webhooks, archives.

    Its entries of the do-not-call list stay, as a token; `dialer calls --phone` and `dialer suppress check` still find
    it. What was still to be dialed is closed. While a call to it is under way it does nothing, and exits 1. Logs,
    backups and what its providers keep are yours to erase; the receipt names their calls.

    \b
    Examples:
      dialer suppress add +61278132035 --reason "asked to be erased"
      dialer erase +61278132035
    """
    desk = take_seat(ctx, as_json)
    number = phone_of(phone, country)
    directory = archive or desk.read_settings().home / "pruned"
    if archive is not None and not archive.is_dir():
        raise typer.BadParameter(f"{archive}: is no directory", param_hint="--archive")
    with desk.open_dialer() as dialer, counting("calls looked at") as count:
        receipt = dialer.upkeep.erase(number, directory if directory.is_dir() else None, count)
    if as_json:
        print_json(receipt)
        return
    _print_receipt(jsonable(receipt))
    if not receipt.is_suppressed:
        warn("it is not on the do-not-call list for all: a later load may dial it; `dialer suppress add` sees to that")
    for place in receipt.left:
        warn(f"it stands in a name, which stays: {place}")


def _print_receipt(record: dict[str, Any]) -> None:
    provider_calls = record.pop("provider_calls")
    elsewhere = record.pop("elsewhere")
    record.pop("left")
    print_fields([*((name.replace("_", " "), value) for name, value in record.items()), *elsewhere.items()])
    if provider_calls:
        print("Its providers know these calls; ask them to erase what they keep:")
        print_table(("account", "call"), provider_calls)
