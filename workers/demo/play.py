"""Plays the demo: loads the sample batches as a user would, watches until every number is closed, and reports."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from dialer import Dialer
from dialer.clock import SystemClock
from dialer.errors import DialerError, InvalidInput
from workers.demo import script
from workers.demo.report import Report, as_document, line_of, received, show
from workers.demo.script import DO_NOT_CALL, TEST_PHONE, WORKSPACE, Scene
from workers.demo.stage import DemoFailed, Stage, built

LOOK_SECONDS = 0.3
LINE_EVERY_SECONDS = 3.0

#: Told how many calls are closed, of how many, at which instant.
Advance = Callable[[int, int, float], None]


def play(home: Path, calls: int, *, as_json: bool) -> int:
    """0 only if every number is accounted for and none was called twice."""
    talk = Console(stderr=True, highlight=False)
    try:
        report = perform(home, calls, talk)
    except InvalidInput as error:
        talk.print(str(error), style="red", markup=False)
        return 2
    except DialerError as error:
        talk.print(str(error), style="red", markup=False)
        return 1
    except KeyboardInterrupt:
        talk.print("stopped; everything is cleared away")
        return 130
    if as_json:
        sys.stdout.write(as_document(report) + "\n")
    else:
        show(report, Console(highlight=False))
    return 0 if report.is_good else 1


def perform(home: Path, calls: int, talk: Console) -> Report:
    clock = SystemClock()
    cast = script.scenes(calls)
    began = clock.boottime()
    talk.print("Starting three simulated providers, a Redis, a scheduler, two workers and the HTTP API …")
    with built(home, cast, calls) as (stage, settings), Dialer(settings) as dialer:
        batches = load(dialer, cast)
        watch(dialer, list(batches), stage, talk, give_up_after=60 + calls / 4)
        statuses = [(dialer.status(batch_id), provider) for batch_id, provider in batches.items()]
        records = [call for batch_id in batches for call in dialer.calls(batch_id)]
        lines = [line_of(status, provider) for status, provider in statuses]
        total = sum(line.numbers for line in lines)
        return Report(total, clock.boottime() - began, lines, received(stage.requests, records))


def load(dialer: Dialer, cast: list[Scene]) -> dict[str, str]:
    """Batch ids, and the kind of provider behind each; the test call's batch is the last."""
    batches = {}
    for scene in cast:
        for phone in scene.suppressed:
            dialer.suppress(phone, DO_NOT_CALL)
        receipt = dialer.load_batch(scene.spec())
        if receipt.rejected:
            raise DemoFailed(f"the sample batch {scene.batch_ref} was not taken whole: {receipt.rejections[:3]}")
        batches[receipt.batch_id] = scene.kind
    test = {"workspaceId": WORKSPACE, "agentId": "agent-reminder", "batchRef": "test call", "phone": TEST_PHONE}
    batches[dialer.test_call({**test, "provider": "sample_batch_call"}).batch_id] = "batch_call"
    return batches


def watch(dialer: Dialer, batches: list[str], stage: Stage, talk: Console, give_up_after: float) -> None:
    """Until every call is closed; DemoFailed when that takes too long or a process dies."""
    clock = SystemClock()
    give_up_at, is_told = clock.boottime() + give_up_after, False
    with _progress(talk) as advance:
        while True:
            statuses = [dialer.status(batch_id) for batch_id in batches]
            closed, total = sum(one.counts["closed"] for one in statuses), sum(one.total for one in statuses)
            advance(closed, total, clock.boottime())
            if closed == total:
                return
            stage.check()
            if stage.api and not is_told:
                talk.print(f"Meanwhile the HTTP API is at {stage.api}/docs")
                is_told = True
            if clock.boottime() > give_up_at:
                raise DemoFailed(
                    f"{total - closed} of {total} numbers are still open; the last lines:\n{stage.last_words}"
                )
            clock.sleep(LOOK_SECONDS)


@contextmanager
def _progress(talk: Console) -> Iterator[Advance]:
    """A bar on a terminal, else a line every few seconds."""
    if not talk.is_terminal:
        yield _plain(talk)
        return
    columns = (TextColumn("calls closed"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=talk) as bar:
        row = bar.add_task("calls", total=None)
        yield lambda closed, total, _: bar.update(row, completed=closed, total=total)


def _plain(talk: Console) -> Advance:
    said_at = float("-inf")

    def advance(closed: int, total: int, now: float) -> None:
        nonlocal said_at
        if now - said_at >= LINE_EVERY_SECONDS or closed == total:
            said_at = now
            talk.print(f"{closed} of {total} calls closed")

    return advance
