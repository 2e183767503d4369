"""Speaks the Inspra dialect: takes numbers in, answers nothing, and keeps when each would ring."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from dialer.simulator import checks, clock
from dialer.simulator.calls import PlacedCall
from dialer.simulator.clock import Instant
from dialer.simulator.routes import Route, Stage, Visit
from dialer.simulator.scenario import Account
from dialer.simulator.wire import Answer, Request, json_answer

_NAMES = {"agentId": checks.TEXT, "workspaceId": checks.TEXT, "batchRef": checks.TEXT}
_WINDOW = {"nbf": checks.INSTANT, "exp": checks.INSTANT, "blockRules": checks.TEXTS}
_LOAD = {**_NAMES, "cli": checks.PHONE, "callList": checks.LIST, **_WINDOW}
_TEST = {**_NAMES, "cli": checks.PHONE, "phone": checks.PHONE, "variables": checks.OBJECT, **_WINDOW}
_ENTRY = {"phone": checks.PHONE, "variables": checks.OBJECT}


@dataclass(slots=True)
class LoadedBatch:
    """One batchRef of one agent: its window, whether it is halted, and the numbers that have not rung."""

    nbf: float
    exp: float
    said: dict[str, Any]
    running_since: float
    state: str = "running"
    waiting: deque[PlacedCall] = field(default_factory=deque)

    def ring_due(self, now: Instant) -> None:
        """Rings every number that was due since the last look; what the window has closed on is held as expired."""
        if self.state != "running" or now.wall < self.nbf:
            return
        while self.waiting:
            call = self.waiting.popleft()
            due = max(call.placed.wall, self.nbf, self.running_since)
            call.rang, call.held = (due, None) if due < self.exp else (None, "expired")

    def turn(self, state: str, now: Instant) -> None:
        self.ring_due(now)
        if self.state != "terminated":
            self.state = state
            self.running_since = now.wall
        for call in self.waiting:
            call.held = None if self.state == "running" else self.state


class Inspra:
    """The four operations of the seed; any 2xx has an empty body."""

    name = "inspra"

    def __init__(self, account: Account, stage: Stage) -> None:
        self.account = account
        self._stage = stage
        self._batches: dict[tuple[str, str, str], LoadedBatch] = {}
        self.routes: dict[tuple[str, ...], Route] = {
            ("POST", "load-json"): Route("place", self._load, _listed_numbers),
            ("POST", "test-call"): Route("place", self._test_call, _test_number),
            ("POST", "pause-batch"): Route("control", self._pause),
            ("POST", "terminate-batch"): Route("control", self._terminate),
        }

    def use(self, account: Account) -> None:
        self.account = account

    def unauthorised(self, request: Request) -> Answer | None:
        """The seed documents no authentication: a bearer is only asked for when the scenario lists keys."""
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self.account.keys is None or bearer in self.account.keys:
            return None
        return self.refusal(401, "Unauthorized")

    def refusal(self, status: int, message: str) -> Answer:
        return json_answer(status, {"error": message})

    def ring_due(self, now: Instant) -> None:
        for batch in self._batches.values():
            batch.ring_due(now)

    def batches(self) -> list[dict[str, Any]]:
        """Every batchRef that was named, with its state, for the auditor."""
        return [
            {
                "workspaceId": key[0],
                "agentId": key[1],
                "batchRef": key[2],
                "state": batch.state,
                **batch.said,
                "waiting": len(batch.waiting),
            }
            for key, batch in self._batches.items()
        ]

    def _load(self, visit: Visit) -> Answer:
        wrong = checks.complaint(visit.body, _LOAD) or _wrong_window(visit.body) or _wrong_entry(visit.body)
        if wrong:
            return self.refusal(400, wrong)
        batch = self._batch(visit)
        batch.turn("running", visit.now)
        batch.nbf, batch.exp = _window(visit.body)
        batch.said = _said(visit.body)
        for entry, part in zip(visit.body["callList"], visit.parts, strict=False):
            call = self._place(visit, entry["phone"], part)
            call.held = None if batch.state == "running" else batch.state
            batch.waiting.append(call)
        batch.ring_due(visit.now)
        return Answer(200)

    def _test_call(self, visit: Visit) -> Answer:
        wrong = checks.complaint(visit.body, _TEST) or _wrong_window(visit.body)
        if wrong:
            return self.refusal(400, wrong)
        call = self._place(visit, visit.body["phone"], visit.part)
        nbf, exp = _window(visit.body)
        due = max(visit.now.wall, nbf)
        terminated = self._batch(visit).state == "terminated"
        call.rang = due if due < exp and not terminated else None
        call.held = "terminated" if terminated else "expired" if due >= exp else None
        return Answer(200)

    def _pause(self, visit: Visit) -> Answer:
        return self._turn(visit, "paused")

    def _terminate(self, visit: Visit) -> Answer:
        return self._turn(visit, "terminated")

    def _turn(self, visit: Visit, state: str) -> Answer:
        if wrong := checks.complaint(visit.body, _NAMES):
            return self.refusal(400, wrong)
        self._batch(visit).turn(state, visit.now)
        return Answer(200)

    def _batch(self, visit: Visit) -> LoadedBatch:
        """The named batch; one that nobody loaded is remembered too, so that an early terminate holds."""
        body = visit.body
        key = (body["workspaceId"], body["agentId"], body["batchRef"])
        if key not in self._batches:
            nbf, exp = _window(body) if "nbf" in body else (visit.now.wall, visit.now.wall)
            self._batches[key] = LoadedBatch(nbf, exp, _said(body), visit.now.wall)
        return self._batches[key]

    def _place(self, visit: Visit, phone: str, part: Any) -> PlacedCall:
        about = {"batch_ref": visit.body["batchRef"], "agent_id": visit.body["agentId"]}
        call_id = self._stage.exchange.new_id("ring")
        call = PlacedCall(call_id, self.name, phone, part, visit.now, visit.now, visit.seq, visit.reference, about)
        return self._stage.place(visit, call)


def _listed_numbers(visit: Visit) -> list[str]:
    listed = visit.body.get("callList") if isinstance(visit.body, dict) else None
    return [str(entry.get("phone")) for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []


def _test_number(visit: Visit) -> list[str]:
    return [str(visit.body["phone"])] if isinstance(visit.body, dict) and "phone" in visit.body else []


def _said(body: dict[str, Any]) -> dict[str, Any]:
    """The window as its sender wrote it."""
    return {name: body.get(name) for name in _WINDOW}


def _window(body: dict[str, Any]) -> tuple[float, float]:
    return clock.wall_of(body["nbf"]) or 0.0, clock.wall_of(body["exp"]) or 0.0


def _wrong_window(body: dict[str, Any]) -> str | None:
    nbf, exp = _window(body)
    return None if nbf < exp else f"exp: expected a time after nbf, got {body['exp']!r:.80}"


def _wrong_entry(body: dict[str, Any]) -> str | None:
    for at, entry in enumerate(body["callList"]):
        if wrong := checks.complaint(entry, _ENTRY):
            return f"callList[{at}]: {wrong}"
    return None
