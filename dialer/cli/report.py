"""The command for the month's end."""

from __future__ import annotations

import sys
from datetime import date
from typing import Annotated, Any

import typer

from dialer.cli.desk import take_seat
from dialer.cli.options import AsJson
from dialer.cli.render import jsonable, print_json, print_table
from dialer.cli.spreadsheets import Sheet

COUNTS = (
    "attempts",
    "answered",
    "voicemail",
    "no_answer",
    "busy",
    "declined",
    "failed",
    "handed_off",
    "rejected",
    "unresolved",
    "under_way",
    "minutes",
    "credits",
)


def report(
    ctx: typer.Context,
    workspace: Annotated[str, typer.Option("--workspace", metavar="W", help="Workspace id.")],
    first: Annotated[str, typer.Option("--from", metavar="D", help="First day, e.g. 2026-11-01.")],
    last: Annotated[str, typer.Option("--to", metavar="D", help="Last day, included.")],
    timezone: Annotated[
        str, typer.Option("--timezone", metavar="Z", help="Whose days, e.g. Australia/Melbourne; absent = the default.")
    ] = "",
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    as_json: AsJson = False,
) -> None:
    """Add up a workspace's attempts by batch and day: outcomes, minutes, credits.

    An attempt counts on the day on which its request was made. What was not sent, or was refused with 401, 402, 404 or
    429, spent nothing and is left out. Pruning and erasing change nothing of it.

    \b
    Examples:
      dialer report --workspace acme --from 2026-11-01 --to 2026-11-30 --timezone Australia/Melbourne --csv
    """
    if as_csv and as_json:
        raise typer.BadParameter("give one of --csv and --json")
    desk = take_seat(ctx, as_json)
    days = _day(first, "--from"), _day(last, "--to")
    with desk.open_dialer() as dialer:
        found = dialer.upkeep.report(workspace, *days, timezone)
    if as_json:
        print_json(found)
    elif as_csv:
        _print_sheet(jsonable(found))
    else:
        _print(jsonable(found))


def _day(text: str, option: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r}: expected a day such as 2026-11-01", param_hint=option) from None


def _print_sheet(record: dict[str, Any]) -> None:
    sheet = Sheet(sys.stdout, ["day", "workspace_id", "agent_id", "batch_ref", "batch_id", *COUNTS])
    for line in record["lines"]:
        named = [record["workspace_id"], *(line[name] for name in ("agent_id", "batch_ref", "batch_id"))]
        sheet.add([line["day"], *named, *(line[name] for name in COUNTS)])


def _print(record: dict[str, Any]) -> None:
    """Columns in which there is nothing keep out of the way."""
    totals = record["totals"]
    shown = [name for name in COUNTS if totals[name] or name in ("attempts", "minutes", "credits")]
    rows = [
        (line["day"], f"{line['agent_id']}/{line['batch_ref']}", *(line[name] for name in shown))
        for line in record["lines"]
    ]
    rows.append(("all", "", *(totals[name] for name in shown)))
    print_table(("day", "batch", *(f"#{name.replace('_', ' ')}" for name in shown)), rows)
    print(f"{record['from']} to {record['to']}, days of {record['timezone']}.")
