"""Commands that become a process of the `workers` package; nothing here knows what those do."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from dialer.cli.desk import take_seat
from dialer.cli.options import AsJson, one_of
from dialer.domain.states import Lane


def _python(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", module, *arguments]


def _flag(name: str, value: object) -> list[str]:
    return [] if value is None else [name, str(value)]


def demo(
    ctx: typer.Context,
    calls: Annotated[int | None, typer.Option("--calls", metavar="N", min=1, help="Numbers to dial in all.")] = None,
    as_json: AsJson = False,
) -> None:
    """See the whole system work on this machine, against simulated providers that ring nobody.

    Starts a ledger, a Redis, the three providers, a scheduler and a worker of its own, loads sample batches, dials them
    and reports. Exits 0 only if every number is accounted for. Needs no configuration and leaves nothing behind.

    \b
    Examples:
      dialer demo
      dialer demo --calls 2000
    """
    desk = take_seat(ctx, as_json)
    desk.become(_python("workers.embedded", "demo", *_flag("--calls", calls), *(["--json"] if as_json else [])))


def up(ctx: typer.Context) -> None:
    """Run everything on this machine, by your dialer.toml: scheduler, workers, and an embedded Redis if it says so.

    Stays in the foreground; Ctrl-C stops it cleanly.
    """
    desk = take_seat(ctx, as_json=False)
    desk.read_settings()
    desk.become(_python("workers.embedded", "up"))


def scheduler(ctx: typer.Context) -> None:
    """Run one scheduler in the foreground. Several may run, on any host: one of them leads, the others wait."""
    desk = take_seat(ctx, as_json=False)
    desk.read_settings()
    desk.become(_python("workers.scheduler"))


def worker(
    ctx: typer.Context,
    lanes: Annotated[
        str, typer.Option("--lanes", metavar="LANES", help="Comma-separated, of test, high, normal, low.")
    ] = "test,high,normal,low",
    concurrency: Annotated[
        int | None, typer.Option("--concurrency", metavar="N", min=1, help="Requests at once, in threads.")
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="Node name, different for each worker; %h is the host.")
    ] = None,
    processes: Annotated[
        int, typer.Option("--processes", metavar="N", min=1, help="So many processes, each with its own requests.")
    ] = 1,
    events: Annotated[bool, typer.Option("--events", "-E", help="Tell Flower of each call that goes by.")] = False,
) -> None:
    """Run a worker in the foreground, or several. Lanes are served strictly in order: test, high, normal, low.

    \b
    Examples:
      dialer worker --concurrency 32
      dialer worker --concurrency 32 --processes 4
      dialer worker --lanes test --concurrency 2
    """
    desk = take_seat(ctx, as_json=False)
    queues = ",".join(lane.queue for lane in _lanes(lanes))
    desk.read_settings()
    desk.become(
        _python("workers.work", "-Q", queues, *_flag("-c", concurrency), "-n", name or f"dialer-{os.getpid()}@%h")
        + (["--processes", str(processes)] if processes > 1 else [])
        + (["-E"] if events else [])
    )


def _lanes(text: str) -> list[Lane]:
    known = [lane.word for lane in Lane]
    words = {one_of(word.strip().lower(), known, "--lanes") for word in text.split(",")}
    return [lane for lane in Lane if lane.word in words]


def serve(
    ctx: typer.Context,
    host: Annotated[
        str | None, typer.Option("--host", metavar="ADDRESS", help="Address to listen on; absent = [http] host.")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option("--port", metavar="P", min=0, max=65535, help="Absent = [http] port, 8080; 0 takes a free one."),
    ] = None,
) -> None:
    """Run the HTTP API in the foreground: the APIs of Inspra, batch-call and OutboundCalls, spoken by the dialer.

    Needs the extra `http`: pip install "dialer\\[http]". Keys are made by `dialer keys create`; /docs describes it all.

    \b
    Examples:
      dialer serve
      dialer serve --host 0.0.0.0 --port 8000
    """
    desk = take_seat(ctx, as_json=False)
    desk.read_settings()
    desk.become(_python("workers.serving", *_flag("--host", host), *_flag("--port", port)))


def simulator(
    ctx: typer.Context,
    port: Annotated[
        int | None, typer.Option("--port", metavar="P", min=0, max=65535, help="0 takes a free one.")
    ] = None,
    scenario: Annotated[
        Path | None, typer.Option("--scenario", metavar="FILE", help="JSON that scripts outcomes and faults.")
    ] = None,
    host: Annotated[str | None, typer.Option("--host", metavar="ADDRESS", help="Address to listen on.")] = None,
    log: Annotated[
        Path | None, typer.Option("--log", metavar="FILE", help="Gets each request as a line of JSON.")
    ] = None,
) -> None:
    """Run a provider that speaks all three dialects and rings nobody. Needs no configuration.

    \b
    Examples:
      dialer simulator --port 8099
    """
    desk = take_seat(ctx, as_json=False)
    options = [*_flag("--port", port), *_flag("--scenario", scenario), *_flag("--host", host), *_flag("--log", log)]
    desk.become(_python("dialer.simulator", *options))
