"""Commands about API keys."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from dialer.cli.desk import take_seat
from dialer.cli.options import AsJson, OwnWorkspaceOption, WorkspaceOption
from dialer.cli.render import print_fields, print_json, print_table
from dialer.domain.client import DEFAULT_SCOPES, ApiKey, Scope

app = typer.Typer(no_args_is_help=True, help="API keys of `dialer serve`: each opens one workspace.")


@app.command()
def create(
    ctx: typer.Context,
    workspace: OwnWorkspaceOption,
    scope: Annotated[
        str, typer.Option("--scope", metavar="SCOPES", help=f"Comma-separated, of {', '.join(Scope)}.")
    ] = ",".join(DEFAULT_SCOPES),
    as_json: AsJson = False,
) -> None:
    """Make a key. It is shown now and never again: the ledger keeps a digest of it.

    enqueue loads batches and places calls, control pauses and ends them, read sees them, admin may do everything.

    \b
    Examples:
      dialer keys create --workspace acme
      dialer keys create --workspace acme --scope read --json
    """
    desk = take_seat(ctx, as_json)
    with desk.open_dialer() as dialer:
        made = dialer.keys.create(workspace, [word.strip() for word in scope.split(",") if word.strip()])
    document = {
        "key_id": made.key_id,
        "workspace_id": made.workspace_id,
        "api_key": made.api_key,
        "api_secret": made.api_secret,
    }
    if as_json:
        print_json(document)
        return
    print_fields((name.replace("_", " "), value) for name, value in document.items())
    print("Keep both now: they are not shown again.")


@app.command("list")
def list_keys(ctx: typer.Context, workspace: WorkspaceOption = None, as_json: AsJson = False) -> None:
    """Show the keys of a workspace, or all: whose they are, what they may, when they were used last."""
    desk = take_seat(ctx, as_json)
    with desk.open_dialer() as dialer:
        found = dialer.keys.entries(workspace)
    if as_json:
        print_json([_document(key) for key in found])
        return
    columns = ("key", "workspace", "scopes", "made", "last used", "revoked")
    rows = [
        (key.key_id, key.workspace_id, ", ".join(key.scopes), key.created_at, key.last_used_at, key.revoked_at)
        for key in found
    ]
    print_table(columns, rows)


@app.command()
def revoke(
    ctx: typer.Context,
    key: Annotated[str, typer.Argument(metavar="KEY", help="Its id, as `dialer keys list` shows it.")],
    as_json: AsJson = False,
) -> None:
    """Let a key open nothing any more, from its next request on. Exit 1 when there is no such key that is in use."""
    desk = take_seat(ctx, as_json)
    with desk.open_dialer() as dialer:
        was_revoked = dialer.keys.revoke(key)
    if as_json:
        print_json({"key_id": key, "revoked": was_revoked})
    else:
        print(f"{key} {'opens nothing any more' if was_revoked else 'is no key that is in use'}.")
    if not was_revoked:
        raise typer.Exit(1)


def _document(key: ApiKey) -> dict[str, Any]:
    fields = ("key_id", "workspace_id", "scopes", "created_at", "last_used_at", "revoked_at")
    return {field: getattr(key, field) for field in fields}
