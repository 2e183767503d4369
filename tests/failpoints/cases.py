"""The settings that fates are told in: what was so before, who dies, and what an operator does afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from redis import Redis

from dialer.engine import rescue, rounds
from tests.failpoints.scene import A_WHILE, AGENT, QUICK, WORKSPACE, Scene, phones

[PHONE] = phones(1)
NAME = (WORKSPACE, AGENT, "spring")


def nothing(scene: Scene, batch_id: str) -> None:
    return


def pushed(scene: Scene, batch_id: str) -> None:
    scene.push()


@dataclass(frozen=True, slots=True)
class Case:
    """`before` brings the call to where it is when somebody plays `part` and dies."""

    part: str = "work"
    before: Callable[[Scene, str], None] = pushed
    arguments: Callable[[str], list[Any]] = lambda batch_id: []
    afterwards: Callable[[Scene, str], None] = nothing
    rules: tuple[dict[str, Any], ...] = ()
    fields: dict[str, Any] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)

    def batch(self, scene: Scene) -> str:
        """The batch of one call, before anything happens to it."""
        scene.simulator.play({"defaults": QUICK, "rules": list(self.rules)})
        row = {"phone": PHONE, "variables": self.variables}
        named = {"workspace_id": WORKSPACE, "agent_id": AGENT, "batch_ref": "spring"}
        return scene.dialer.load_batch({**named, **self.fields}, calls=[row]).batch_id


def paused(scene: Scene, batch_id: str) -> None:
    scene.push()
    # The worker has its permit when the pause comes; its claim is too late.
    scene.dialer.pause_batch(*NAME)


def resumed(scene: Scene, batch_id: str) -> None:
    scene.dialer.resume_batch(*NAME)


def suppressed(scene: Scene, batch_id: str) -> None:
    scene.push()
    scene.dialer.suppress(PHONE, "asked us")


def suppressed_for_a_minute(scene: Scene, batch_id: str) -> None:
    scene.push()
    until = scene.desk.ledger.now() + timedelta(minutes=1)
    scene.dialer.suppress(PHONE, "asked us", until=until)


def with_credits(scene: Scene, batch_id: str) -> None:
    rounds.read_balances(scene.desk)
    scene.push()


def credited(scene: Scene, batch_id: str) -> None:
    scene.simulator.play({"defaults": QUICK})


def without_its_message(scene: Scene, batch_id: str) -> None:
    scene.push()
    assert scene.messages() == 1
    scene.redis.delete("dlr:dialer.normal")
    scene.pass_time(A_WHILE)


def claimed_by_the_dead(scene: Scene, batch_id: str) -> None:
    scene.push()
    scene.dies("dispatch.armed", "work")
    scene.pass_time(A_WHILE)


def sent_by_the_dead(scene: Scene, batch_id: str) -> None:
    scene.push()
    scene.dies("request.sent", "work")
    scene.until(lambda: scene.placed() == 1, "the request at the provider")
    scene.pass_time(A_WHILE)


def in_progress(scene: Scene, batch_id: str) -> None:
    scene.push()
    scene.work()
    scene.pass_time(A_WHILE)


def placed_and_unknown(scene: Scene, batch_id: str) -> None:
    sent_by_the_dead(scene, batch_id)
    buried(scene)


def absent_and_unknown(scene: Scene, batch_id: str) -> None:
    claimed_by_the_dead(scene, batch_id)
    buried(scene)


def buried(scene: Scene) -> None:
    """A healthy scheduler makes the claims of the dead unknown; then it is time to ask."""
    assert rescue.bury_orphans(scene.desk) == 1
    scene.pass_time(A_WHILE)


def wiped(scene: Scene, batch_id: str) -> None:
    scene.push()
    redis: Redis = scene.redis
    redis.flushall()


CASES = {
    "worker": Case(),
    "paused after the push": Case(before=paused, afterwards=resumed),
    "suppressed after the push": Case(before=suppressed),
    "suppressed for a minute": Case(before=suppressed_for_a_minute),
    "with a contact": Case(before=with_credits, fields={"provider": "outboundcalls"}, variables={"name": "Ada"}),
    "inspra": Case(fields={"provider": "inspra"}),
    "out of credits": Case(rules=({"fault": 402},), afterwards=credited),
    "rejected": Case(rules=({"fault": 422},)),
    "draft": Case(rules=({"draft": True},), fields={"max_call_seconds": 60}),
    "scheduler": Case("lead", before=nothing),
    "message lost": Case("lead", before=without_its_message),
    "worker died armed": Case("lead", before=claimed_by_the_dead),
    "worker died after its request": Case("lead", before=sent_by_the_dead),
    "in progress": Case("ask", before=in_progress),
    "nobody there, once": Case(
        "ask",
        before=in_progress,
        rules=({"nth": 1, "outcome": "no_answer"},),
        fields={"max_retries": 1, "retry": {"no_answer": 5}},
    ),
    "unknown, placed": Case("ask", before=placed_and_unknown),
    "unknown, absent": Case("ask", before=absent_and_unknown),
    "with a key": Case("redial", before=absent_and_unknown, fields={"on_unknown": "redial"}),
    "an operator's word": Case("resolve", before=absent_and_unknown, arguments=lambda batch_id: [batch_id]),
    "redis wiped": Case("lead", before=wiped),
}
