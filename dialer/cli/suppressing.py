"""Commands of the do-not-call list."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from dialer.cli.desk import take_seat
from dialer.cli.documents import read_text
from dialer.cli.failures import FAILED, complain
from dialer.cli.options import AsJson, CountryOption, WorkspaceOption, instant_of, phone_of
from dialer.cli.render import print_json, print_table, warn
from dialer.clock import SystemClock
from dialer.domain.call import Suppression
from dialer.domain.phone import parse_phone
from dialer.domain.receipt import Rejection
from dialer.errors import DialerError

app = typer.Typer(no_args_is_help=True, help="The do-not-call list: for one workspace, or for all.")

#: entries in one commit
CHUNK = 1000

PhoneArgument = Annotated[str, typer.Argument(metavar="PHONE", help="Number, E.164.")]
UntilOption = Annotated[
    str | None, typer.Option("--until", metavar="INSTANT", help="ISO 8601 with an offset; absent = for good.")
]


@app.command()
def add(
    ctx: typer.Context,
    phone: PhoneArgument,
    reason: Annotated[
        str, typer.Option("--reason", metavar="WHY", help="Kept with the entry.")
    ] = "asked not to be called",
    until: UntilOption = None,
    workspace: WorkspaceOption = None,
    country: CountryOption = None,
    as_json: AsJson = False,
) -> None:
    """Never dial this number again (or not until then), for all or for one workspace.

    Names calls to it that are under way: they cannot be stopped.

    \b
    Examples:
      dialer suppress add +61278132035 --reason "asked on the phone"
    """
    desk = take_seat(ctx, as_json)
    number, last = phone_of(phone, country), instant_of(until, "--until")
    with desk.open_dialer() as dialer:
        under_way = dialer.suppress(number, reason, until=last, workspace_id=workspace)
    if as_json:
        print_json(
            {"phone": number, "reason": reason, "until": last, "workspace_id": workspace, "under_way": list(under_way)}
        )
        return
    print(f"{number} is suppressed {'until ' + last.isoformat() if last else 'for good'}, for {workspace or 'all'}.")
    if under_way:
        warn(f"under way and not to be stopped: {', '.join(under_way)}")


@app.command()
def remove(
    ctx: typer.Context,
    phone: PhoneArgument,
    workspace: WorkspaceOption = None,
    country: CountryOption = None,
    as_json: AsJson = False,
) -> None:
    """Take a number off the list: the entry for all, or that of one workspace."""
    desk = take_seat(ctx, as_json)
    number = phone_of(phone, country)
    with desk.open_dialer() as dialer:
        was_there = dialer.unsuppress(number, workspace_id=workspace)
    if as_json:
        print_json({"phone": number, "workspace_id": workspace, "removed": bool(was_there)})
    else:
        print(f"{number} {'is off the list' if was_there else 'was not on the list'}, for {workspace or 'all'}.")


@app.command()
def check(
    ctx: typer.Context,
    phone: Annotated[
        str | None, typer.Argument(metavar="PHONE", help="Number, E.164; absent = the whole list.")
    ] = None,
    workspace: WorkspaceOption = None,
    country: CountryOption = None,
    as_json: AsJson = False,
) -> None:
    """Show the entries of a number, or the whole list; with --workspace those that count there."""
    desk = take_seat(ctx, as_json)
    number = phone_of(phone, country) if phone else None
    with desk.open_dialer() as dialer:
        reach = {None, workspace}
        found = dialer.suppressions(phone=number)
        entries = [entry for entry in found if workspace is None or entry.workspace_id in reach]
    if as_json:
        print_json(entries)
    elif number and not entries:
        print(f"{number} is not suppressed.")
    else:
        rows = [
            (entry.phone, entry.workspace_id or "all", entry.until or "for good", entry.reason) for entry in entries
        ]
        print_table(("phone", "for", "until", "reason"), rows)


@app.command("import")
def import_entries(
    ctx: typer.Context,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="One number a line, or CSV with a column phone. - = stdin.")
    ],
    reason: Annotated[str, typer.Option("--reason", metavar="WHY", help="Where a row has none.")] = "imported",
    until: UntilOption = None,
    workspace: WorkspaceOption = None,
    country: CountryOption = None,
    as_json: AsJson = False,
) -> None:
    """Suppress every number in a file. Rows that cannot be read are listed, and then it exits 1; the others count.

    In a CSV the columns reason and until are read too. Empty lines and lines that begin with # are left out.

    \b
    Examples:
      dialer suppress import do-not-call.csv --country AU
    """
    desk = take_seat(ctx, as_json)
    last = instant_of(until, "--until")
    now = SystemClock().utc()
    if last is not None and last <= now:
        raise typer.BadParameter(f"{last.isoformat()} has passed", param_hint="--until")
    rows = list(_rows_of(read_text(file), Suppression("", reason, workspace, last), country, now))
    entries = list({row.phone: row for row in rows if isinstance(row, Suppression)}.values())
    unreadable = [row for row in rows if isinstance(row, Rejection)]
    with desk.open_dialer() as dialer:
        for start in range(0, len(entries), CHUNK):
            dialer.suppress_all(entries[start : start + CHUNK])
    if as_json:
        print_json({"suppressed": len(entries), "unreadable": unreadable})
    else:
        numbers = "number is" if len(entries) == 1 else "numbers are"
        print(f"{len(entries):,} {numbers} suppressed, for {workspace or 'all'}.")
    for row in unreadable:
        complain(f"row {row.row}: {row.code}: {row.message}")
    if unreadable:
        raise typer.Exit(FAILED)


def _rows_of(text: str, usual: Suppression, country: str | None, now: datetime) -> Iterator[Suppression | Rejection]:
    """Entries and unreadable rows in order; row numbers are lines of the file."""
    reader = csv.reader(io.StringIO(text, newline=""))
    columns: list[str] = ["phone"]
    is_first = True
    for row in _rows(reader):
        if not any(value.strip() for value in row) or row[0].lstrip().startswith("#"):
            continue
        header = [value.strip().lower() for value in row]
        if is_first and "phone" in header:
            columns = header
        else:
            yield _entry(reader.line_num, dict(zip(columns, row, strict=False)), usual, country, now)
        is_first = False


def _rows(reader: Any) -> Iterator[list[str]]:
    """A line that is no CSV is still a row: unreadable."""
    while True:
        try:
            yield next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield [f"({error})"]


def _entry(
    line: int, row: dict[str, str], usual: Suppression, country: str | None, now: datetime
) -> Suppression | Rejection:
    phone = row.get("phone", "").strip()
    try:
        number = parse_phone(phone, country=country)
        until = instant_of(row.get("until", "").strip() or None, "until") or usual.until
    except DialerError as error:
        return Rejection(line, phone, error.code, error.message)
    except typer.BadParameter as error:
        return Rejection(line, phone, "TIMESTAMP_INVALID", error.message)
    if until is not None and until <= now:  # it would lift what stands, and hold nothing
        return Rejection(line, phone, "WINDOW_PAST", f"until {until.isoformat()} has passed")
    return replace(usual, phone=number, reason=row.get("reason", "").strip() or usual.reason, until=until)
