"""Commands that begin, halt and end batches, and the red buttons over many of them."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from dialer.cli.desk import take_seat
from dialer.cli.options import AsJson, BatchArgument, WorkspaceOption
from dialer.cli.render import cell, jsonable, print_fields, print_json, warn_all

OptionalBatch = Annotated[str | None, typer.Argument(metavar="BATCH", help="Batch id, or WORKSPACE/AGENT/REF.")]
EverythingOption = Annotated[bool, typer.Option("--all", help="Everything there is.")]
AccountOption = Annotated[str | None, typer.Option("--account", metavar="A", help="Provider account.")]


def start(ctx: typer.Context, batch: BatchArgument, as_json: AsJson = False) -> None:
    """Begin a batch that was loaded as a draft."""
    _control(ctx, "start", batch, as_json)


def terminate(ctx: typer.Context, batch: BatchArgument, as_json: AsJson = False) -> None:
    """End a batch for good: it can be neither resumed nor loaded again.

    Calls that were claimed already (in flight) may still go out; how many is in the answer.
    """
    _control(ctx, "terminate", batch, as_json)


def pause(
    ctx: typer.Context,
    batch: OptionalBatch = None,
    everything: EverythingOption = False,
    workspace: WorkspaceOption = None,
    account: AccountOption = None,
    as_json: AsJson = False,
) -> None:
    """Halt a batch, a workspace, a provider account, or everything, until it is resumed.

    When this has returned no new call starts; those claimed already (in flight) may still go out.

    \b
    Examples:
      dialer pause acme/agent-7/spring
      dialer pause --account inspra_au
      dialer pause --all
    """
    if batch is not None and not (everything or workspace or account):
        _control(ctx, "pause", batch, as_json)
    else:
        _press(ctx, (batch, everything, workspace, account), as_json, on=True)


def resume(
    ctx: typer.Context,
    batch: OptionalBatch = None,
    everything: EverythingOption = False,
    workspace: WorkspaceOption = None,
    account: AccountOption = None,
    as_json: AsJson = False,
) -> None:
    """Go on with what was paused. A pause of one kind is lifted by its like: --all by --all, and so on.

    \b
    Examples:
      dialer resume acme/agent-7/spring
      dialer resume --all
    """
    if batch is not None and not (everything or workspace or account):
        _control(ctx, "resume", batch, as_json)
    else:
        _press(ctx, (batch, everything, workspace, account), as_json, on=False)


def _control(ctx: typer.Context, verb: str, name: str, as_json: bool) -> None:
    desk = take_seat(ctx, as_json)
    with desk.open_dialer() as dialer:
        receipt = dialer.control_batch(dialer.find_batch(name), verb, is_named="/" in name)
    _show(receipt, as_json)


def _press(
    ctx: typer.Context, given: tuple[str | None, bool, str | None, str | None], as_json: bool, *, on: bool
) -> None:
    _, _, workspace, account = given
    if sum(map(bool, given)) != 1:
        raise typer.BadParameter("give one of BATCH, --all, --workspace or --account")
    desk = take_seat(ctx, as_json)
    with desk.open_dialer() as dialer:
        press = dialer.pause_all if on else dialer.resume_all
        receipt = press(workspace_id=workspace, account=account)
    _show(receipt, as_json)


def _show(receipt: Any, as_json: bool) -> None:
    if as_json:
        print_json(receipt)
        return
    record = jsonable(receipt)
    shown = {name: value for name, value in record.items() if name != "warnings"} if isinstance(record, dict) else {}
    print_fields((name.removesuffix("_id").replace("_", " "), cell(value)) for name, value in shown.items())
    warn_all(receipt)
