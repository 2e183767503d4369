"""The command that shows when a batch may dial; the drawing is `week`'s."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.text import Text

from dialer.cli import week
from dialer.cli.desk import take_seat
from dialer.cli.options import AsJson, BatchArgument
from dialer.cli.render import print_json, show


def windows(
    ctx: typer.Context,
    batch: BatchArgument,
    days: Annotated[int, typer.Option("--days", metavar="N", min=1, max=60, help="Days from now.")] = 7,
    as_json: AsJson = False,
) -> None:
    """Draw open and blocked hours of a batch, for each set of timezones its numbers lie in; half an hour is a sign.

    Numbers that may lie in several zones are dialed when it is open in all of them; the clock drawn is the first one's.

    \b
    Examples:
      dialer windows acme/agent-7/spring --days 14
    """
    desk = take_seat(ctx, as_json)
    with desk.open_dialer() as dialer:
        weeks = list(dialer.windows(dialer.find_batch(batch).batch_id, days))
    if as_json:
        print_json([_record(one) for one in weeks])
        return
    for one in weeks:
        lines = week.draw(one.zones[0], one.open, one.start, one.end)
        show(Text(", ".join(one.zones), style="bold"), Text("\n".join(lines), no_wrap=True), "")
    show(Text(week.LEGEND if weeks else "This batch has no numbers yet.", style="dim"))


def _record(one: Any) -> dict[str, Any]:
    opened = [{"start": start, "end": end} for start, end in one.open]
    return {"zones": list(one.zones), "start": one.start, "end": one.end, "open": opened, "blocked": _between(one)}


def _between(one: Any) -> list[dict[str, Any]]:
    """The rest of the time."""
    instants = [one.start, *(instant for span in one.open for instant in span), one.end]
    pairs = zip(instants[::2], instants[1::2], strict=True)
    return [{"start": start, "end": end} for start, end in pairs if start < end]
