"""Commands that bring numbers in: a batch, or one test call."""

from __future__ import annotations

from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from dialer.cli.desk import take_seat
from dialer.cli.documents import read_object
from dialer.cli.failures import FAILED, REFUSED, complain, lines_of
from dialer.cli.options import AsJson, CountryOption, WorkspaceOption
from dialer.cli.render import counting, print_fields, print_json, print_table, warn, warn_all
from dialer.cli.spreadsheets import Sheet
from dialer.domain.receipt import LoadReceipt, Rejection
from dialer.domain.spec import TestCallSpec
from dialer.errors import BatchTerminated

if TYPE_CHECKING:
    from dialer.facade import Dialer

#: rejected rows that are shown; the file has all of them
SHOWN = 10


class RejectedRows:
    """FILE.rejected.csv beside the rows' file; it comes to be with the first rejected row, and goes when none is."""

    def __init__(self, rows_file: Path) -> None:
        self.path = rows_file.with_name(f"{rows_file.name}.rejected.csv")
        self._file: IO[str] | None = None
        self._sheet: Sheet | None = None
        self._is_writable = True

    def add(self, rejection: Rejection) -> None:
        if self._sheet is None and self._is_writable:
            self._open()
        if self._sheet is not None:
            self._sheet.add((rejection.row, rejection.phone, rejection.code, rejection.message))

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    @property
    def is_written(self) -> bool:
        return self._file is not None

    def forget_earlier(self) -> None:
        """What an earlier load left there would pass for this one's, of which no row was rejected."""
        if self.is_written or not self.path.is_file():
            return
        try:
            self.path.unlink()
        except OSError as error:
            warn(f"{self.path} is of an earlier load, and cannot be removed: {error.strerror or error}")
        else:
            warn(f"{self.path} was of an earlier load and is removed: no row was rejected by this one")

    def _open(self) -> None:
        try:
            self._file = self.path.open("w", encoding="utf-8", newline="")
        except OSError as error:
            self._is_writable = False
            warn(f"{self.path} cannot be written: {error.strerror or error}")
        else:
            self._sheet = Sheet(self._file, ("row", "phone", "code", "message"))


def load(
    ctx: typer.Context,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Batch as JSON; Inspra's load-json body is one. - = stdin.")
    ],
    calls: Annotated[
        Path | None, typer.Option("--calls", metavar="CSV|JSONL", help="Numbers, in a file of their own; any length.")
    ] = None,
    contact_list: Annotated[
        str | None, typer.Option("--contact-list", metavar="NAME", help="Numbers of a contact list of its workspace.")
    ] = None,
    phone_column: Annotated[
        str, typer.Option("--phone-column", metavar="NAME", help="CSV column of the number.")
    ] = "phone",
    country: CountryOption = None,
    resume: Annotated[bool, typer.Option("--resume", help="Lift a pause of the batch.")] = False,
    as_json: AsJson = False,
) -> None:
    """Load a batch, or add numbers to it: new ones are added, known ones are left as they are.

    In a CSV the columns phone, timezone, max_retries and priority are fields, every other column is a variable. Rows
    that cannot be dialed are written to CALLS.rejected.csv and reject nobody else. A batch that is wrong as a whole is
    refused, with every error at once, and nothing is written (exit 2).

    \b
    Examples:
      dialer load batch.json
      dialer load batch.json --calls numbers.csv --country AU
      dialer load batch.json --contact-list spring
    """
    if calls is not None and contact_list is not None:
        raise typer.BadParameter("give --calls or --contact-list, not both")
    desk = take_seat(ctx, as_json)
    document = read_object(file)
    rejected = RejectedRows(calls or (file if str(file) != "-" else Path("stdin")))
    options: dict[str, Any] = {"phone_column": phone_column, "country": country, "resume": resume}
    try:
        with desk.open_dialer() as dialer, counting("rows read") as on_progress:
            receipt: LoadReceipt = dialer.load_batch(
                document,
                calls=_numbers(dialer, document, calls, contact_list),
                on_progress=on_progress,
                on_rejection=rejected.add,
                **options,
            )
    except BatchTerminated as error:
        complain(lines_of(error)[0])
        raise typer.Exit(REFUSED) from None
    finally:
        rejected.close()
    if not receipt.rejected:
        rejected.forget_earlier()
    if as_json:
        print_json(receipt)
    else:
        _show(receipt, rejected)
    if receipt.rejected and not receipt.accepted + receipt.already_known:
        raise typer.Exit(FAILED)


def _numbers(dialer: Dialer, document: dict[str, Any], calls: Path | None, contact_list: str | None) -> object:
    """What `load_batch` takes as calls; a list's numbers are told apart only where the document names its workspace."""
    workspace = document.get("workspaceId", document.get("workspace_id"))
    if contact_list is None or not isinstance(workspace, str):
        return None if calls is None else str(calls)
    return dialer.contacts.calls(workspace, contact_list)


def _show(receipt: LoadReceipt, rejected: RejectedRows) -> None:
    counts = ("accepted", "already_known", "duplicates", "suppressed", "rejected")
    pairs = [("batch", receipt.batch_id), *((name.replace("_", " "), f"{getattr(receipt, name):,}") for name in counts)]
    if receipt.changed:
        pairs.append(("changed", ", ".join(receipt.changed)))
    print_fields(pairs)
    if receipt.zones:
        print_table(("zones", "#numbers"), [(zones, f"{count:,}") for zones, count in receipt.zones.items()])
    if receipt.rejections:
        print_table(("#row", "phone", "code", "rejected because"), receipt.rejections[:SHOWN])
        further = f"{receipt.rejected - SHOWN:,} more; " if receipt.rejected > SHOWN else ""
        if rejected.is_written:
            print(f"{further}all of them are in {rejected.path}")
    warn_all(receipt)


def place_test_call(
    ctx: typer.Context,
    file: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="Test call as JSON; Inspra's test-call body is one. - = stdin."),
    ] = None,
    workspace: WorkspaceOption = None,
    agent: Annotated[str | None, typer.Option("--agent", metavar="A", help="Agent id.")] = None,
    phone: Annotated[str | None, typer.Option("--phone", metavar="P", help="Number to dial, E.164.")] = None,
    ref: Annotated[str | None, typer.Option("--ref", metavar="REF", help="Batch ref that it runs under.")] = None,
    cli: Annotated[str | None, typer.Option("--cli", metavar="P", help="Caller ID, E.164.")] = None,
    provider: Annotated[str | None, typer.Option("--provider", metavar="NAME", help="Provider account.")] = None,
    timezone: Annotated[
        str | None, typer.Option("--timezone", metavar="ZONE", help="Of the callee, e.g. Europe/Paris.")
    ] = None,
    variable: Annotated[
        list[str] | None, typer.Option("--variable", metavar="NAME=VALUE", help="For the agent; may be repeated.")
    ] = None,
    ignore_hours: Annotated[
        bool, typer.Option("--ignore-hours", help="Dial outside hours; only numbers of test_numbers may.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Place one call now, ahead of everything else. Options win over what FILE says.

    It is gated like any call: hours, suppression and pauses hold it, and the answer says so.

    \b
    Examples:
      dialer test-call call.json
      dialer test-call --workspace acme --agent agent-7 --phone +61278132035 --variable FIRST_NAME=Kim
    """
    desk = take_seat(ctx, as_json)
    document = read_object(file) if file else {}
    given = {
        "workspace_id": workspace,
        "agent_id": agent,
        "phone": phone,
        "batch_ref": ref,
        "cli": cli,
        "provider": provider,
        "timezone": timezone,
        "variables": _variables(variable) or None,
        "ignore_hours": ignore_hours or None,
    }
    if file is None and not (workspace and agent and phone):
        raise typer.BadParameter("give FILE, or --workspace, --agent and --phone")
    for name, value in given.items():
        if value is not None:
            document.pop(TestCallSpec.model_fields[name].alias or name, None)
            document[name] = value
    with desk.open_dialer() as dialer:
        reference = dialer.test_call(document)
    if as_json:
        print_json(reference)
        return
    verdict = (reference.why or "held") if reference.held else "goes out now"
    pairs: list[tuple[str, Any]] = [("call", reference.call_id), ("batch", reference.batch_id), ("now", verdict)]
    if reference.next_eligible_at:
        pairs.append(("next eligible", reference.next_eligible_at))
    print_fields(pairs)


def _variables(pairs: list[str] | None) -> dict[str, str]:
    for pair in pairs or ():
        if not pair.partition("=")[0] or "=" not in pair:
            raise typer.BadParameter(f"expected NAME=VALUE, got {pair!r}", param_hint="--variable")
    return dict(pair.split("=", 1) for pair in pairs or ())
