"""Commands that show batches: all of them, or where one stands."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from dialer.cli.desk import Desk, take_seat
from dialer.cli.options import AsJson, BatchArgument, WorkspaceOption, one_of
from dialer.cli.render import (
    cell,
    console,
    fields_of,
    jsonable,
    print_json,
    print_json_line,
    print_json_list,
    print_table,
    show,
)

if TYPE_CHECKING:
    from dialer.facade import Dialer

STATES = ["draft", "scheduled", "running", "paused", "completed", "terminated"]
OVER = frozenset({"completed", "terminated"})
STATE_STYLES = {"running": "green", "paused": "yellow", "terminated": "red", "completed": "dim"}
BAR_WIDTH = 50


def batches(
    ctx: typer.Context,
    workspace: WorkspaceOption = None,
    state: Annotated[str | None, typer.Option("--state", metavar="S", help=f"One of {', '.join(STATES)}.")] = None,
    as_lines: Annotated[bool, typer.Option("--jsonl", help="Print a line of JSON for each batch.")] = False,
    as_json: AsJson = False,
) -> None:
    """List batches, newest first.

    \b
    Examples:
      dialer batches --workspace acme --state running
    """
    desk = take_seat(ctx, as_json)
    wanted = one_of(state, STATES, "--state")
    with desk.open_dialer() as dialer:
        found = dialer.batches(workspace_id=workspace, state=wanted)
        if as_lines:
            for batch in found:
                print_json_line(batch)
        elif as_json:
            print_json_list(found)
        else:
            _list([jsonable(batch) for batch in found])


def _list(records: list[dict[str, Any]]) -> None:
    rows = [
        (
            "/".join(str(record.get(part, "")) for part in ("workspace_id", "agent_id", "batch_ref")),
            _state(record.get("state")),
            record.get("total"),
            record.get("counts", {}).get("closed"),
            record.get("in_flight"),
            record.get("why"),
            record.get("batch_id"),
        )
        for record in records
    ]
    print_table(("batch", "state", "#calls", "#closed", "#in flight", "why nothing dials", "id"), rows)


def status(
    ctx: typer.Context,
    batch: BatchArgument,
    watch: Annotated[bool, typer.Option("--watch", help="Stay, each second anew, until the batch is over.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show where a batch stands, and if nothing dials right now, why.

    --watch in a pipe is quiet: it waits until the batch is over and prints that.

    \b
    Examples:
      dialer status acme/agent-7/spring
      dialer status acme/agent-7/spring --watch
    """
    desk = take_seat(ctx, as_json)
    with desk.open_dialer() as dialer:
        batch_id = dialer.find_batch(batch).batch_id
        is_live = watch and not as_json and sys.stdout.isatty()
        record = _watch(desk, dialer, batch_id, is_live) if watch else jsonable(dialer.status(batch_id))
    if as_json:
        print_json(record)
    elif not is_live:
        show(drawn(record))


def _watch(desk: Desk, dialer: Dialer, batch_id: str, is_live: bool) -> dict[str, Any]:
    """The last status; until the batch is over."""
    record: dict[str, Any] = jsonable(dialer.status(batch_id))
    if not is_live:
        while record["state"] not in OVER:
            desk.sleep(1.0)
            record = jsonable(dialer.status(batch_id))
        return record
    with Live(drawn(record), console=console(), auto_refresh=False) as live:
        while record["state"] not in OVER:
            desk.sleep(1.0)
            record = jsonable(dialer.status(batch_id))
            live.update(drawn(record), refresh=True)
    return record


def drawn(record: dict[str, Any]) -> Group:
    """A status for people."""
    name = "/".join(str(record[part]) for part in ("workspace_id", "agent_id", "batch_ref"))
    title = Text.assemble((f"{cell(name)}  ", "bold"), _state(record["state"]))
    return Group(title, _bar(record), _counts(record), fields_of(_facts(record)))


def _facts(record: dict[str, Any]) -> list[tuple[str, Any]]:
    facts: list[tuple[str, Any]] = [("attempts", record["attempts"]), ("in flight", record["in_flight"])]
    if record.get("handed_over"):
        facts.append(("still with the provider", record["handed_over"]))
    facts.append(("calls per minute", record["rate_per_minute"]))
    facts.extend(
        (word, record[key]) for word, key in (("why", "why"), ("opens", "next_open_at"), ("done", "eta")) if record[key]
    )
    return [*facts, ("batch", record["batch_id"])]


def _bar(record: dict[str, Any]) -> Text:
    total, closed = record["total"], record["counts"]["closed"]
    filled = BAR_WIDTH * closed // total if total else BAR_WIDTH
    share = f" {closed:,} of {total:,} closed"
    return Text.assemble(("█" * filled, "green"), ("░" * (BAR_WIDTH - filled), "dim"), share)


def _counts(record: dict[str, Any]) -> Table:
    """Three columns of counts beside each other; zeros keep out of the way."""
    made = Table.grid(padding=(0, 4, 0, 0))
    columns = [
        fields_of((word.replace("_", " "), _count(number)) for word, number in record[key].items())
        for key in ("counts", "closed", "outcomes")
    ]
    made.add_row(*(Text(title, style="dim") for title in ("calls", "closed because", "outcomes")))
    made.add_row(*columns)
    return made


def _count(number: int) -> Text:
    return Text(f"{number:>9,}", style="" if number else "dim")


def _state(word: Any) -> Text:
    return Text(str(word), style=STATE_STYLES.get(str(word), ""))
