"""Webhooks of both directions while workers, schedulers and the HTTP server are killed: a hint closes nothing by
itself, and every ending is told at least once, under one id."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest

from tests.chaos.auditor import Verdict
from tests.chaos.conftest import Conclude, Form, Prepare
from tests.chaos.faults import PROCESSES, besiege, kill, plan
from tests.chaos.ground import AGENT, RETRY, SLOTS, WORKSPACE, Ground, phones, ready
from tests.chaos.ledgers import Books
from tests.chaos.webhooks import Mischief
from tests.receiver import SECRET, Receiver

#: Often over before the answer to their own request: then their webhook is early.
HASTY = {
    "outcome": {"answered": 4, "no_answer": 1},
    "answer_after": [0.02, 0.6],
    "ring_seconds": 0.05,
    "talk_seconds": 0.1,
}
#: A notice whose sender was killed is handed out again a minute later.
TOLD_SECONDS = 90.0
UNHEARD = "SELECT call_id, number FROM notices WHERE due_at IS NOT NULL"


@pytest.fixture
def mischief(form: Form) -> Iterator[Mischief]:
    with Mischief(form.seed) as mischief:
        yield mischief


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


def forge(ground: Ground, random: Random) -> None:
    """Calls that may be under way are said to be over."""
    under_way = [one["call_id"] for one in ground.simulator.placements()[-20:]]
    ground.mischief.forge(random.sample(under_way, min(5, len(under_way))))


def kill_server(ground: Ground, random: Random) -> None:
    kill(ground.servers.pop())
    ground.serve()


def test_webhooks_early_doubled_reordered_and_forged_while_processes_are_killed(
    form: Form, books: Books, prepare: Prepare, conclude: Conclude, mischief: Mischief, receiver: Receiver
) -> None:
    counts = {
        "kill_worker": form.pick(1, 20),
        "kill_scheduler": form.pick(1, 5),
        "kill_server": form.pick(1, 10),
        "forge": form.pick(4, 60),
    }
    total = form.pick(100, 4_000)
    scenario = {"defaults": HASTY, "accounts": {"outboundcalls": {"webhook_url": mischief.url}}}
    ground = prepare(books, scenario, pace=form.seconds(20.0, 60.0), mischief=mischief)
    ground.dialer.agents.add(
        workspace_id=WORKSPACE,
        agent_id=AGENT,
        provider="outboundcalls",
        webhook_url=receiver.url,
        webhook_secret=SECRET,
    )
    ground.serve()
    ground.open(schedulers=2, workers=2)
    heard = ground.load("heard", phones(total, "213"), "outboundcalls", max_retries=1, retry=RETRY)
    ready(ground, [*ground.workers, *ground.schedulers])
    injectors = {**PROCESSES, "kill_server": kill_server, "forge": forge}
    faults = besiege(ground, total, plan(form.seed, counts), injectors)
    ground.rest(form.seconds(90.0, 1800.0))
    ground.until(mischief.is_quiet, "every webhook passed on", form.seconds(30.0, 600.0))
    verdict = conclude(ground, faults, hints=len(mischief.sent), notices=len(set(receiver.ids())))
    _assert_hints_were_taken_and_guesses_were_not(mischief, verdict)
    _assert_every_outcome_is_the_provider_s(ground, heard.batch_id)
    # In short, what a killed worker was about to say is not waited for: that it is said is `failpoints`' to show.
    _assert_everybody_was_told(ground, receiver, heard.batch_id, 0 if form.is_long else counts["kill_worker"] * SLOTS)


def _assert_hints_were_taken_and_guesses_were_not(mischief: Mischief, verdict: Verdict) -> None:
    assert len(mischief.sent) >= verdict.placed * 0.9
    assert mischief.answers["passed on", 200] > len(mischief.sent)
    assert {status for kind, status in mischief.answers if kind == "guessed"} <= {404, 0}
    assert {status for kind, status in mischief.answers if kind != "guessed"} <= {200, 0}


def _assert_every_outcome_is_the_provider_s(ground: Ground, batch_id: str) -> None:
    scripted = {one["reference"]: one["outcome"] for one in ground.simulator.placements()}
    for call in ground.dialer.calls(batch_id):
        for attempt in call.attempts:
            if attempt.outcome is not None:
                assert attempt.outcome == scripted[attempt.reference], attempt


def _assert_everybody_was_told(ground: Ground, receiver: Receiver, batch_id: str, held_up: int) -> None:
    """But for so many notices at most that wait, in the ledger, for the end of their senders' minute."""
    over = {"ended", "handed_off", "rejected", "unresolved"}
    wanted = {
        (call.call_id, attempt.number)
        for call in ground.dialer.calls(batch_id)
        for attempt in call.attempts
        if attempt.state in over
    }

    def told() -> set[tuple[str, int]]:
        said = [(one.message_id, one.said["data"]) for one in list(receiver.received)]
        return {(data["call_id"], data["attempt"]["number"]) for _, data in said}

    def is_told() -> bool:
        untold = wanted - told()
        return len(untold) <= held_up and untold <= set(ground.books.rows(UNHEARD))

    ground.until(is_told, "every ending told", TOLD_SECONDS)
    assert receiver.unverified == []
    assert told() <= wanted
    assert len(set(receiver.ids())) == len(told()), "an ending has one id, however often it is told"
