"""Commands about provider accounts: what stops them, and lifting that."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from dialer.cli.desk import take_seat
from dialer.cli.options import AsJson
from dialer.cli.render import jsonable, print_json, print_table

app = typer.Typer(invoke_without_command=True)


@app.callback()
def accounts(ctx: typer.Context, as_json: AsJson = False) -> None:
    """Show every provider account: balance, guards, breaker, pace (calls per second) and channels in use.

    \b
    Examples:
      dialer accounts
      dialer accounts resume inspra_au
    """
    if ctx.invoked_subcommand is not None:
        return
    desk = take_seat(ctx, as_json)
    with desk.open_dialer() as dialer:
        found = [jsonable(account) for account in dialer.accounts()]
    if as_json:
        print_json(found)
    else:
        _print_accounts(found)


def _print_accounts(found: list[dict[str, Any]]) -> None:
    rows = [
        (
            record["name"],
            record["kind"],
            _guard(record),
            record["until"],
            record["balance"],
            record["minimum_balance"],
            f"{record['calls_per_second']:g}",
            f"{record['in_use']:,} of {record['channels']:,}",
            record["queued"],
        )
        for record in found
    ]
    columns = ("account", "kind", "state", "until", "#balance", "#minimum", "#calls/s", "#channels", "#queued")
    print_table(columns, rows)


def _guard(record: dict[str, Any]) -> str:
    """What stops it, in a few words, the pressed red button included."""
    words = [record["state"], record["stop"], record["reason"]]
    guard = ": ".join(str(word) for word in words if word)
    return f"paused; {guard}" if record["held"] else guard


@app.command()
def resume(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Account, as in the configuration.")],
    as_json: AsJson = False,
) -> None:
    """Lift the stop of an account: its next call shows whether the reason is gone."""
    desk = take_seat(ctx, as_json)
    with desk.open_dialer() as dialer:
        was_stopped = bool(dialer.resume_account(name))
    if as_json:
        print_json({"account": name, "lifted": was_stopped})
    else:
        print(f"{name} {'goes on' if was_stopped else 'was not stopped'}.")
