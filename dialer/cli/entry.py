"""Gathers the commands under one name; each group of them has a file of its own."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from dialer.cli import (
    accounts,
    agents,
    batches,
    calls,
    contacts,
    control,
    draining,
    keys,
    loading,
    processes,
    report,
    retention,
    setting_up,
    suppressing,
    top,
    units,
    webhooks,
    windows,
)
from dialer.cli.failures import CarefulGroup

app = typer.Typer(
    cls=CarefulGroup,
    name="dialer",
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

RUNNING, BATCHES, CALLS, CARE = "Running it", "Batches", "Calls and numbers", "Operating it"


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"dialer {version('dialer')}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def dialer(
    ctx: typer.Context,
    show_version: Annotated[
        bool, typer.Option("--version", help="Print the version and leave.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """A background dialer between lists of phone numbers and hosted voice agents.

    The configuration is ./dialer.toml, or the file that DIALER_CONFIG names; `dialer init` writes one.

    Exit codes: 0 done, 1 failed, 2 wrong usage, wrong configuration or a refused load.
    """
    if ctx.invoked_subcommand is None:
        if text := ctx.get_help():
            print(text)
        raise typer.Exit(0)


def main() -> None:
    """What the console script runs."""
    app(prog_name="dialer")


for name, command, panel in (
    ("demo", processes.demo, RUNNING),
    ("init", setting_up.init, RUNNING),
    ("up", processes.up, RUNNING),
    ("check", setting_up.check, RUNNING),
    ("migrate", setting_up.migrate, RUNNING),
    ("scheduler", processes.scheduler, RUNNING),
    ("worker", processes.worker, RUNNING),
    ("serve", processes.serve, RUNNING),
    ("install-units", units.install_units, RUNNING),
    ("simulator", processes.simulator, RUNNING),
    ("load", loading.load, BATCHES),
    ("start", control.start, BATCHES),
    ("pause", control.pause, BATCHES),
    ("resume", control.resume, BATCHES),
    ("terminate", control.terminate, BATCHES),
    ("batches", batches.batches, BATCHES),
    ("status", batches.status, BATCHES),
    ("windows", windows.windows, BATCHES),
    ("test-call", loading.place_test_call, CALLS),
    ("calls", calls.calls, CALLS),
    ("explain", calls.explain, CALLS),
    ("top", top.top, RUNNING),
    ("drain", draining.drain, CARE),
    ("undrain", draining.undrain, CARE),
    ("prune", retention.prune, CARE),
    ("erase", retention.erase, CARE),
    ("report", report.report, CARE),
    ("restored", setting_up.restored, CARE),
    ("confirm-ledger", setting_up.confirm_ledger, CARE),
    ("requeue", calls.requeue, CARE),
    ("resolve", calls.resolve, CARE),
    ("reconcile", calls.reconcile, CARE),
):
    app.command(name, rich_help_panel=panel)(command)

app.add_typer(contacts.app, name="contacts", rich_help_panel=BATCHES)
app.add_typer(suppressing.app, name="suppress", rich_help_panel=CALLS)
app.add_typer(agents.app, name="agents", rich_help_panel=CARE)
app.add_typer(keys.app, name="keys", rich_help_panel=CARE)
app.add_typer(webhooks.app, name="webhooks", rich_help_panel=CARE)
app.add_typer(accounts.app, name="accounts", rich_help_panel=CARE)
