"""Commands of the agent registry."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from dialer.cli.desk import take_seat
from dialer.cli.options import AsJson, OwnWorkspaceOption
from dialer.cli.render import print_fields, print_json, print_table
from dialer.domain.client import Agent

app = typer.Typer(no_args_is_help=True, help="Voice agents by your own names: which account dials for them, and how.")

AgentArgument = Annotated[str, typer.Argument(metavar="AGENT", help="Your own id of the agent.")]


@app.command()
def add(
    ctx: typer.Context,
    agent: AgentArgument,
    workspace: OwnWorkspaceOption,
    provider: Annotated[
        str | None, typer.Option("--provider", metavar="NAME", help="Account; absent = default_provider.")
    ] = None,
    provider_agent: Annotated[
        str | None, typer.Option("--provider-agent", metavar="ID", help="Its id at the provider; absent = AGENT.")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", metavar="TEXT", help="A title for people.")] = None,
    caller_id: Annotated[
        str | None, typer.Option("--caller-id", metavar="P", help="E.164; absent = its account's.")
    ] = None,
    webhook_url: Annotated[
        str | None, typer.Option("--webhook-url", metavar="URL", help="Told of every call that has ended.")
    ] = None,
    webhook_secret: Annotated[
        str | None,
        typer.Option("--webhook-secret", metavar="whsec_…", help="Signs that; absent = the one it had, or a new one."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Register an agent, or replace it whole. It counts for what is loaded after.

    \b
    Examples:
      dialer agents add sales-au --workspace acme --provider inspra_au --provider-agent 7ff47846
    """
    desk = take_seat(ctx, as_json)
    given = {
        "workspace_id": workspace,
        "agent_id": agent,
        "provider": provider,
        "provider_agent_id": provider_agent,
        "name": name,
        "caller_id": caller_id,
        "webhook_url": webhook_url,
        "webhook_secret": webhook_secret,
    }
    with desk.open_dialer() as dialer:
        kept: Agent = dialer.agents.add({field: value for field, value in given.items() if value is not None})
    document = _document(kept) | {"webhook_secret": kept.webhook_secret}
    if as_json:
        print_json(document)
    else:
        print_fields((field.replace("_", " "), value) for field, value in document.items() if value is not None)


@app.command("list")
def list_agents(ctx: typer.Context, workspace: OwnWorkspaceOption, as_json: AsJson = False) -> None:
    """Show the agents of a workspace."""
    desk = take_seat(ctx, as_json)
    with desk.open_dialer() as dialer:
        found = list(dialer.agents.entries(workspace))
    if as_json:
        print_json([_document(agent) for agent in found])
        return
    columns = ("agent", "name", "account", "id there", "caller ID", "webhook")
    rows = [(a.agent_id, a.name, a.account, a.provider_agent_id, a.caller_id, a.webhook_url) for a in found]
    print_table(columns, rows)


@app.command()
def show(ctx: typer.Context, agent: AgentArgument, workspace: OwnWorkspaceOption, as_json: AsJson = False) -> None:
    """Show one agent; its webhook secret is shown by `add` only."""
    desk = take_seat(ctx, as_json)
    with desk.open_dialer() as dialer:
        document = _document(dialer.agents.get(workspace, agent))
    if as_json:
        print_json(document)
    else:
        print_fields((field.replace("_", " "), value) for field, value in document.items())


@app.command()
def remove(ctx: typer.Context, agent: AgentArgument, workspace: OwnWorkspaceOption, as_json: AsJson = False) -> None:
    """Forget an agent. What was loaded under it stays as it was loaded; what comes after passes through."""
    desk = take_seat(ctx, as_json)
    with desk.open_dialer() as dialer:
        was_there = dialer.agents.remove(workspace, agent)
    if as_json:
        print_json({"workspace_id": workspace, "agent_id": agent, "removed": was_there})
    else:
        print(f"{agent} {'is forgotten' if was_there else 'was not registered'}, in {workspace}.")


def _document(agent: Agent) -> dict[str, Any]:
    """All but the secret."""
    fields = (
        "workspace_id",
        "agent_id",
        "name",
        "account",
        "provider_agent_id",
        "caller_id",
        "webhook_url",
        "created_at",
    )
    return {field: getattr(agent, field) for field in fields}
