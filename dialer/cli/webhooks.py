"""Commands about webhooks: what agents' owners were told, and where providers are to send theirs."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from dialer.cli.desk import take_seat
from dialer.cli.options import AsJson, WorkspaceOption
from dialer.cli.render import print_fields, print_json, print_table
from dialer.domain.notice import Notice

app = typer.Typer(no_args_is_help=True, help="Webhooks: what agents' owners are told, and what providers may tell us.")

NoticeArgument = Annotated[str, typer.Argument(metavar="NOTICE", help="Its id, as `list` shows it.")]
DeadOption = Annotated[bool, typer.Option("--dead", help="Those that were given up.")]


@app.command("list")
def list_notices(
    ctx: typer.Context,
    workspace: WorkspaceOption = None,
    dead: DeadOption = False,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="So many, newest first.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Show what agents' owners were told, newest first, or will be.

    \b
    Examples:
      dialer webhooks list --dead
    """
    desk = take_seat(ctx, as_json)
    with desk.open_dialer() as dialer:
        entries = dialer.webhooks.entries(workspace, dead_only=dead)
        found = [notice for notice, _ in zip(entries, range(limit), strict=False)]
    if as_json:
        print_json([_document(notice) for notice in found])
        return
    columns = ("notice", "agent", "call", "attempt", "ended", "stands", "tries", "what came of it")
    rows = [
        (n.notice_id, f"{n.workspace_id}/{n.agent_id}", n.call_id, n.number, n.state, _stands(n), n.tries, n.detail)
        for n in found
    ]
    print_table(columns, rows)


@app.command()
def show(ctx: typer.Context, notice: NoticeArgument, as_json: AsJson = False) -> None:
    """Show one notice, and what it says."""
    desk = take_seat(ctx, as_json)
    with desk.open_dialer() as dialer:
        found = dialer.webhooks.get(notice)
        document = _document(found) | {"message": dialer.webhooks.message(found)}
    if as_json:
        print_json(document)
    else:
        print_fields((field.replace("_", " "), value) for field, value in document.items())


@app.command()
def replay(
    ctx: typer.Context,
    notice: Annotated[str | None, typer.Argument(metavar="NOTICE", help="Its id, as `list` shows it.")] = None,
    dead: DeadOption = False,
    workspace: WorkspaceOption = None,
    as_json: AsJson = False,
) -> None:
    """Tell it again: one notice, heard or not, or all that were given up.

    It goes under the same id, so that a receiver who has it already can tell.

    \b
    Examples:
      dialer webhooks replay 0194f5a0-0000-7000-8000-000000000001
      dialer webhooks replay --dead --workspace acme
    """
    if (notice is None) is not dead:
        raise typer.BadParameter("give one of NOTICE or --dead", param_hint="NOTICE")
    desk = take_seat(ctx, as_json)
    with desk.open_dialer() as dialer:
        if notice is None:
            count = dialer.webhooks.replay_dead(workspace)
        else:
            dialer.webhooks.replay(notice, workspace)
            count = 1
    if as_json:
        print_json({"replayed": count})
    else:
        print(f"{count} {'is' if count == 1 else 'are'} told again.")


@app.command()
def addresses(ctx: typer.Context, as_json: AsJson = False) -> None:
    """Show where each account's provider is to send its webhooks. The secret is part of the address."""
    desk = take_seat(ctx, as_json)
    with desk.open_dialer() as dialer:
        found = dialer.webhooks.addresses()
    if as_json:
        print_json(found)
    else:
        lacking = "none: set public_url and its webhook_secret"
        print_table(("account", "address"), [(name, address or lacking) for name, address in found.items()])


def _stands(notice: Notice) -> str:
    if notice.heard_at is not None:
        return "heard"
    return "dead" if notice.dead_at is not None else "due"


def _document(notice: Notice) -> dict[str, Any]:
    """All but the secret."""
    fields = ("notice_id", "workspace_id", "agent_id", "call_id", "number", "state", "url", "created_at")
    ends = ("tries", "due_at", "heard_at", "dead_at", "detail")
    return {field: getattr(notice, field) for field in (*fields, *ends)} | {"stands": _stands(notice)}
