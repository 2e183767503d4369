"""Commands of contact lists."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dialer.cli.desk import take_seat
from dialer.cli.failures import FAILED, complain
from dialer.cli.options import AsJson, CountryOption, OwnWorkspaceOption
from dialer.cli.render import print_fields, print_json, print_json_line, print_json_list, print_table
from dialer.domain.receipt import ContactReceipt

app = typer.Typer(no_args_is_help=True, help="Contact lists, from which batches are loaded.")

#: rejected rows that are shown
SHOWN = 20

ListArgument = Annotated[str, typer.Argument(metavar="LIST", help="A contact list: its name, or its id.")]


@app.command()
def create(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="LIST", help="Its name, unique in the workspace.")],
    workspace: OwnWorkspaceOption,
    as_json: AsJson = False,
) -> None:
    """Make a contact list; one that is there already stays as it is."""
    desk = take_seat(ctx, as_json)
    with desk.open_dialer() as dialer:
        made = dialer.contacts.create_list(workspace, name)
    document = {field: getattr(made, field) for field in ("list_id", "workspace_id", "name", "created_at")}
    if as_json:
        print_json(document)
    else:
        print_fields((field.replace("_", " "), value) for field, value in document.items())


@app.command()
def lists(ctx: typer.Context, workspace: OwnWorkspaceOption, as_json: AsJson = False) -> None:
    """Show the contact lists of a workspace."""
    desk = take_seat(ctx, as_json)
    with desk.open_dialer() as dialer:
        found = dialer.contacts.lists(workspace)
    if as_json:
        print_json(found)
    else:
        rows = [(each.name, f"{each.contacts:,}", each.created_at, each.list_id) for each in found]
        print_table(("list", "#contacts", "since", "id"), rows)


@app.command()
def show(
    ctx: typer.Context,
    name: ListArgument,
    workspace: OwnWorkspaceOption,
    as_lines: Annotated[bool, typer.Option("--jsonl", help="Print a line of JSON for each contact.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show the contacts of a list, newest first."""
    desk = take_seat(ctx, as_json)
    with desk.open_dialer() as dialer:
        found = dialer.contacts.entries(workspace, name)
        if as_lines:
            for contact in found:
                print_json_line(contact)
        elif as_json:
            print_json_list(found)
        else:
            rows = [
                (c.phone, c.name, c.email, c.company, ", ".join(c.tags), c.custom_fields or None, c.contact_id)
                for c in found
            ]
            print_table(("phone", "name", "email", "company", "tags", "fields", "id"), rows)


@app.command("import")
def import_contacts(
    ctx: typer.Context,
    name: ListArgument,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Contacts, .csv or .jsonl; any length.")],
    workspace: OwnWorkspaceOption,
    phone_column: Annotated[
        str, typer.Option("--phone-column", metavar="NAME", help="CSV column of the number.")
    ] = "phone",
    country: CountryOption = None,
    as_json: AsJson = False,
) -> None:
    """Add the contacts of a file to a list, which is made if it is not there.

    A number that the list has takes what is given anew. In a CSV the columns phone, name, email, company and tags
    (separated by ;) are the contact's, every other column is a field of its own and travels as a variable. Rows that
    cannot be kept are listed, and then it exits 1; the others count.

    \b
    Examples:
      dialer contacts import spring customers.csv --workspace acme --country AU
    """
    desk = take_seat(ctx, as_json)
    with desk.open_dialer() as dialer:
        within = dialer.contacts.create_list(workspace, name) if not _is_id(name) else None
        receipt: ContactReceipt = dialer.contacts.load(
            workspace, within.list_id if within else name, str(file), country=country, phone_column=phone_column
        )
    if as_json:
        print_json(receipt)
    else:
        counts = ("added", "already_known", "duplicates", "rejected")
        print_fields((count.replace("_", " "), f"{getattr(receipt, count):,}") for count in counts)
        for row in receipt.rejections[:SHOWN]:
            complain(f"row {row.row}: {row.code}: {row.message}")
        if receipt.rejected > SHOWN:
            complain(f"{receipt.rejected - SHOWN:,} more rows were rejected (--json lists them)")
    if receipt.rejected:
        raise typer.Exit(FAILED)


def _is_id(name: str) -> bool:
    return len(name) == 36 and name.count("-") == 4
