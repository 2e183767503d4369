"""Commands before the first call: a configuration, a schema, and whether everything is there."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from dialer.cli.desk import Desk, take_seat
from dialer.cli.options import AsJson, instant_of
from dialer.cli.render import cell, jsonable, print_json, print_table
from dialer.errors import ConfigInvalid, DialerError
from dialer.settings import configuration_path, write_sample


def init(ctx: typer.Context, as_json: AsJson = False) -> None:
    """Write a commented dialer.toml here (or where DIALER_CONFIG says), readable by you alone.

    A file that is there already is left as it is. Legal hours are switched on: 8 to 21 on the callee's clock.
    """
    desk = take_seat(ctx, as_json)
    path = configuration_path()
    write_sample(path)
    if desk.as_json:
        print_json({"path": path})
    else:
        print(f"Wrote {path}. Next: fill in a provider, then `dialer up`; once it runs, `dialer check`.")


def migrate(
    ctx: typer.Context,
    check_only: Annotated[
        bool, typer.Option("--check", help="Change nothing: list the steps that are lacking; exit 1 if there are any.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Bring the ledger's schema up to date; makes it if there is none. Safe to repeat, and while everything runs.

    \b
    Examples:
      dialer migrate --check
    """
    desk = take_seat(ctx, as_json)
    settings = desk.read_settings()
    if check_only:
        _check_schema(desk, settings.ledger_url())
        return
    desk.migrate(settings.ledger_url())
    if desk.as_json:
        print_json({"migrated": True})
    else:
        print("The ledger's schema is up to date.")


def _check_schema(desk: Desk, url: str) -> None:
    stands = desk.schema(url)
    if desk.as_json:
        print_json(stands)
    elif stands.pending:
        print(f"The ledger is at schema {stands.found or 'none'}, this version needs {stands.needed}. Lacking:")
        print_table(("step", ""), [(step.revision, step.words) for step in stands.pending])
    elif stands.found == stands.needed:
        print(f"The ledger's schema is up to date ({stands.found}).")
    else:
        print(f"The ledger is at schema {stands.found}, newer than this version's {stands.needed},", end=" ")
        print("which may run on it." if stands.may_run else "which may not run on it.")
    if not stands.may_run:
        raise typer.Exit(1)


def check(ctx: typer.Context, as_json: AsJson = False) -> None:
    """Look whether all is ready to dial: configuration, ledger, Redis, providers, clock, timezone data.

    A line for each; exits 1 if any of them fails. Places no call.
    """
    desk = take_seat(ctx, as_json)
    lines = _checked(desk)
    is_well = all(line["ok"] for line in lines)
    if desk.as_json:
        print_json({"ok": is_well, "checks": lines})
    else:
        rows = [(_verdict(line), line["name"], line["detail"]) for line in lines]
        print_table(("", "check", ""), rows)
    if not is_well:
        raise typer.Exit(1)


def _checked(desk: Desk) -> list[dict[str, Any]]:
    """A ledger that cannot be opened at all is a line too, not the end of the checks' report."""
    try:
        with desk.open_dialer() as dialer:
            return [jsonable(line) for line in dialer.check()]
    except ConfigInvalid:
        raise
    except DialerError as error:
        return [{"name": "start", "ok": False, "detail": str(error), "is_warning": False}]


def _verdict(line: dict[str, Any]) -> Any:
    word, style = ("ok", "green") if line["ok"] else ("FAILED", "bold red")
    if line["ok"] and line.get("is_warning"):
        word, style = "warning", "yellow"
    verdict = cell(word)
    verdict.stylize(style)
    return verdict


def restored(
    ctx: typer.Context,
    taken_at: Annotated[
        str, typer.Option("--taken-at", metavar="INSTANT", help="When the backup was taken, ISO 8601.")
    ],
    as_json: AsJson = False,
) -> None:
    """After restoring a backup of the ledger: treat what could have been dialed since as unknown, then go on.

    Providers that can be asked are asked; elsewhere each such call ends unresolved, for `dialer resolve`. Safe to
    repeat. Give the instant of the backup, or an earlier one, never a later.

    \b
    Examples:
      dialer restored --taken-at 2026-11-23T03:00:00Z
    """
    desk = take_seat(ctx, as_json)
    moment = instant_of(taken_at, "--taken-at")
    assert moment is not None  # noqa: S101 - only an absent option is None
    with desk.open_dialer() as dialer:
        report = dialer.restored(moment)
    if desk.as_json:
        print_json(report)
    else:
        print(f"{report.asked:,} calls are asked about, {report.unasked:,} end unresolved unless somebody knows.")


def confirm_ledger(ctx: typer.Context, as_json: AsJson = False) -> None:
    """Say that this ledger is the latest, although Redis is empty or remembers more. Dialing goes on."""
    desk = take_seat(ctx, as_json)
    with desk.open_dialer() as dialer:
        dialer.confirm_ledger()
    if desk.as_json:
        print_json({"confirmed": True})
    else:
        print("The ledger is taken for the latest.")
