"""Commands about single calls: what became of them, why one is not dialed, and what is doubtful made certain."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dialer.cli.desk import operator, take_seat
from dialer.cli.options import AsJson, BatchArgument, CountryOption, one_of, phone_of
from dialer.cli.render import (
    jsonable,
    print_fields,
    print_json,
    print_json_line,
    print_json_list,
    print_table,
)
from dialer.cli.spreadsheets import Sheet
from dialer.domain.reference import as_id
from dialer.domain.states import CallState, CloseReason, Outcome
from dialer.errors import BatchUnknown, CallUnknown

if TYPE_CHECKING:
    from dialer.domain.status import Explanation
    from dialer.facade import Dialer

#: rows of a table, if nothing else is asked for
TABLE_LIMIT = 100
STATES = [*CallState, *CloseReason]
REQUEUED = [CloseReason.REJECTED, CloseReason.UNRESOLVED, CloseReason.EXPIRED]
CALL_COLUMNS = [
    "call_id",
    "batch_id",
    "phone",
    "timezone",
    "priority",
    "state",
    "close_reason",
    "outcome",
    "due_at",
    "max_retries",
    "attempts_spent",
    "variables",
]
#: of the last attempt
ATTEMPT_COLUMNS = [
    "number",
    "account",
    "provider_call_id",
    "started_at",
    "answered_at",
    "ended_at",
    "duration_seconds",
    "credits_charged",
    "recording_url",
    "detail",
]


def calls(
    ctx: typer.Context,
    batch: Annotated[str | None, typer.Argument(metavar="BATCH", help="Batch id, or WORKSPACE/AGENT/REF.")] = None,
    phone: Annotated[
        str | None, typer.Option("--phone", metavar="P", help="Only calls to this number, of any batch.")
    ] = None,
    state: Annotated[
        str | None, typer.Option("--state", metavar="S", help="A state or a close reason, e.g. waiting or unresolved.")
    ] = None,
    outcome: Annotated[str | None, typer.Option("--outcome", metavar="O", help="E.g. answered or no_answer.")] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit", metavar="N", min=0, max=1_000_000_000, help=f"At most; 0 = all. A table shows {TABLE_LIMIT}."
        ),
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, with the last attempt of each call.")] = False,
    as_lines: Annotated[bool, typer.Option("--jsonl", help="Print a line of JSON for each call, streamed.")] = False,
    country: CountryOption = None,
    as_json: AsJson = False,
) -> None:
    """List calls, with what came of them.

    In CSV, cells that a spreadsheet would take for a formula begin with a '; numbers in E.164 stay as they are.

    \b
    Examples:
      dialer calls acme/agent-7/spring --state unresolved
      dialer calls acme/agent-7/spring --csv > spring.csv
      dialer calls --phone +61278132035
    """
    if batch is None and phone is None:
        raise typer.BadParameter("give BATCH, or --phone")
    if as_csv + as_lines + as_json > 1:
        raise typer.BadParameter("give one of --csv, --jsonl and --json")
    desk = take_seat(ctx, as_json)
    wanted: dict[str, Any] = {
        "phone": phone_of(phone, country) if phone else None,
        "state": one_of(state, [*map(str, STATES)], "--state"),
        "outcome": one_of(outcome, [*map(str, Outcome)], "--outcome"),
    }
    with desk.open_dialer() as dialer:
        batch_id = dialer.find_batch(batch).batch_id if batch else None
        found = iter(dialer.calls(batch_id, **wanted))
        if not (as_csv or as_lines or as_json):
            _print_calls(found, TABLE_LIMIT if limit is None else limit)
            return
        found = islice(found, limit or None)
        if as_csv:
            _print_sheet(found)
        elif as_lines:
            for call in found:
                print_json_line(call)
        else:
            print_json_list(found)


def _print_sheet(found: Iterable[Any]) -> None:
    sheet = Sheet(sys.stdout, [*CALL_COLUMNS, *(f"attempt_{name}" for name in ATTEMPT_COLUMNS)])
    for call in found:
        record = jsonable(call)
        last = record["attempts"][-1] if record.get("attempts") else {}
        sheet.add([*map(record.get, CALL_COLUMNS), *map(last.get, ATTEMPT_COLUMNS)])


def _print_calls(found: Iterator[Any], limit: int) -> None:
    shown = [jsonable(call) for call in (islice(found, limit) if limit else found)]
    rows = [
        (
            record["phone"],
            record["close_reason"] or record["state"],
            record["outcome"],
            f"{record['attempts_spent']} of {record['max_retries'] + 1}",
            record["due_at"],
            record["attempts"][-1]["detail"] if record.get("attempts") else None,
            record["call_id"],
        )
        for record in shown
    ]
    print_table(("phone", "state", "outcome", "attempts", "due", "last heard", "id"), rows)
    if limit and next(found, None) is not None:
        print(f"These are the first {limit:,}; --limit 0 shows all, --csv and --jsonl stream them.")


def explain(
    ctx: typer.Context,
    target: Annotated[str, typer.Argument(metavar="BATCH|CALL", help="Batch (with PHONE), or a call id alone.")],
    which: Annotated[
        str | None, typer.Argument(metavar="PHONE|CALL", help="Number in that batch, or one of its call ids.")
    ] = None,
    country: CountryOption = None,
    as_json: AsJson = False,
) -> None:
    """Say why a number is not being dialed now, and when it will be: every gate, open or closed, until when.

    \b
    Examples:
      dialer explain acme/agent-7/spring +61278132035
    """
    desk = take_seat(ctx, as_json)
    number = phone_of(which, country) if which and not as_id(which) else None
    with desk.open_dialer() as dialer:
        answer = _explained(dialer, target, which, number)
    if as_json:
        print_json(answer)
        return
    record = jsonable(answer)
    words = (
        ("phone", "phone"),
        ("state", "state"),
        ("why", "why"),
        ("next eligible", "next_eligible_at"),
        ("call", "call_id"),
    )
    print_fields((word, record[key]) for word, key in words)
    rows = [(gate["gate"], gate["verdict"], gate["until"], gate["detail"]) for gate in record["gates"]]
    print_table(("gate", "verdict", "until", "detail"), rows)
    for attempt in record["attempts"]:
        _print_attempt(attempt)


def _print_attempt(attempt: dict[str, Any]) -> None:
    """One attempt: how it ended, and which gates had let it through."""
    ended = attempt["outcome"] or attempt["detail"] or ""
    print(f"\nattempt {attempt['number']}: {attempt['state']} {ended}")
    print_fields([("claimed", attempt["claimed_at"]), ("worker", attempt["worker"]), ("account", attempt["account"])])
    for gate in attempt["gates"]:
        if "detail" in gate:
            print(f"  {gate['gate']}: {gate['verdict']} - {gate['detail']}")
        else:
            told = ((name, value) for name, value in gate.items() if name not in ("gate", "verdict"))
            print("  " + "; ".join(f"{name} {value}" for name, value in told))
    for decision in attempt["decisions"]:
        print(f"  {decision['decision']}, says {decision['by']} at {decision['at']}")


def _explained(dialer: Dialer, target: str, which: str | None, number: str | None) -> Explanation:
    if which is None:
        return dialer.explain_call(target)
    batch_id = dialer.find_batch(target).batch_id
    if number is not None:
        return dialer.explain(batch_id, number)
    answer = dialer.explain_call(which)
    if answer.batch_id != batch_id:
        raise CallUnknown(f"batch {target:.100} has no call {which:.100}")
    return answer


def requeue(
    ctx: typer.Context,
    batch: BatchArgument,
    closed: Annotated[str, typer.Option("--closed", metavar="REASON", help=f"Which: {', '.join(REQUEUED)}.")],
    as_json: AsJson = False,
) -> None:
    """Make closed calls of a batch dialable again. It is recorded who did.

    An unresolved call may have rung: its number can then be dialed twice. That is yours to decide.

    \b
    Examples:
      dialer requeue acme/agent-7/spring --closed rejected
    """
    desk = take_seat(ctx, as_json)
    reason = CloseReason(one_of(closed, [*map(str, REQUEUED)], "--closed") or closed)
    with desk.open_dialer() as dialer:
        batch_id = dialer.find_batch(batch).batch_id
        count = dialer.requeue(batch_id, reason, operator())
    if as_json:
        print_json({"batch_id": batch_id, "closed": reason, "requeued": count})
    else:
        print(f"{count:,} {reason} {'call is' if count == 1 else 'calls are'} dialable again.")


def resolve(
    ctx: typer.Context,
    target: Annotated[
        str, typer.Argument(metavar="CALL|BATCH", help="One call's id, or a batch: all of its unknowns.")
    ],
    verdict: Annotated[str, typer.Option("--as", metavar="WORD", help="placed, or not-placed.")],
    as_json: AsJson = False,
) -> None:
    """Say what became of calls that are unknown or unresolved: you looked it up. It is recorded who did, and when.

    placed closes them as handed_off. not-placed makes them dialable again: be sure, for nobody can call a call back.

    \b
    Examples:
      dialer resolve acme/agent-7/spring --as not-placed
    """
    desk = take_seat(ctx, as_json)
    word = one_of(verdict, ["placed", "not-placed"], "--as") or verdict
    with desk.open_dialer() as dialer:
        batch_id, call_id = _resolved_target(dialer, target)
        count = dialer.resolve(batch_id, placed=word == "placed", call_id=call_id, by=operator())
    if as_json:
        print_json({"batch_id": batch_id, "call_id": call_id, "as": word, "resolved": count})
    else:
        print(f"{count:,} {'call is' if count == 1 else 'calls are'} resolved as {word}.")


def _resolved_target(dialer: Dialer, target: str) -> tuple[str, str | None]:
    try:
        return dialer.find_batch(target).batch_id, None
    except BatchUnknown:
        return dialer.explain_call(target).batch_id, target


def reconcile(ctx: typer.Context, batch: BatchArgument, as_json: AsJson = False) -> None:
    """Ask the providers now about calls of which it is unknown what came of them. Places no call."""
    desk = take_seat(ctx, as_json)
    with desk.open_dialer() as dialer:
        report = dialer.reconcile(dialer.find_batch(batch).batch_id)
    if as_json:
        print_json(report)
    else:
        print_fields(jsonable(report).items())
