"""Speaks the batch-call dialect: a batch of one or many numbers, counters that move as their calls do."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from dialer.simulator import checks
from dialer.simulator.calls import PlacedCall
from dialer.simulator.casting import Part
from dialer.simulator.clock import Instant
from dialer.simulator.routes import Route, Stage, Visit, limited
from dialer.simulator.scenario import Account
from dialer.simulator.wire import Answer, Request, json_answer

_REQUIRED = {"from_number": checks.PHONE, "tasks": checks.LIST, "name": checks.TEXT, "agent_id": checks.TEXT}
_OPTIONAL = {"trigger_timestamp": checks.MILLISECONDS, "timezone": checks.ZONE, "send_now": checks.FLAG}
_ENTRY = {"to_number": checks.PHONE}
_ENTRY_OPTIONAL = {"dynamic_variables": checks.VARIABLES, "max_retries": checks.RETRIES}
_STATUSES = ("draft", "scheduled", "sent")
_ALL = 10_000_000
#: What `error_message` says of a call that ended in each way.
_WORDS = {
    "no_answer": "no answer",
    "busy": "busy",
    "voicemail": "voicemail",
    "declined": "declined",
    "failed": "SIP 503 service unavailable",
}


@dataclass(slots=True)
class CreatedBatch:
    """One batch as its creator asked for it; its calls exist once it was sent."""

    batch_id: str
    body: dict[str, Any]
    created: Instant
    parts: list[Part]
    reference: str | None
    status: str
    calls: list[PlacedCall] = field(default_factory=list)

    def status_at(self, now: Instant) -> str:
        if self.status == "scheduled" and self.calls and self.calls[0].starts.mono <= now.mono:
            self.status = "sent"
        if self.status == "sent" and all(call.is_over(now) for call in self.calls):
            return "completed"
        return self.status

    def counters(self, now: Instant) -> dict[str, int]:
        """`completed` counts every call that is over, `picked_up` those that somebody answered."""
        answered = [call.picks_up for call in self.calls if call.part.outcome == "answered"]
        return {
            "total_task_count": len(self.body["tasks"]),
            "total": len(self.body["tasks"]),
            "sent": sum(call.starts.mono <= now.mono for call in self.calls),
            "picked_up": sum(instant is not None and instant.mono <= now.mono for instant in answered),
            "completed": sum(call.is_over(now) for call in self.calls),
        }

    def as_json(self, now: Instant) -> dict[str, Any]:
        sent = [call.starts.wall for call in self.calls if call.starts.mono <= now.mono]
        return {
            "batch_call_id": self.batch_id,
            "name": self.body["name"],
            "from_number": self.body["from_number"],
            "scheduled_timestamp": self.body.get("trigger_timestamp"),
            **self.counters(now),
            "agent_id": self.body["agent_id"],
            "organization_id": "simulated",
            "status": self.status_at(now),
            # The documented answer says UTC whatever was asked for.
            "timezone": "UTC",
            "last_sent_timestamp": int(max(sent) * 1000) if sent else None,
            "tasks_url": f"/batch-call/{self.batch_id}/tasks",
            "created_timestamp": int(self.created.wall * 1000),
            "access_info": {"user_id": "simulated", "session_id": "simulated"},
        }


class BatchCall:
    """Create, read, list and execute batches."""

    name = "batch_call"

    def __init__(self, account: Account, stage: Stage) -> None:
        self.account = account
        self._stage = stage
        self._batches: dict[str, CreatedBatch] = {}
        self.routes: dict[tuple[str, ...], Route] = {
            ("POST", "batch-call"): Route("place", self._create, _wanted_numbers),
            ("GET", "batch-call", "list"): Route("list", self._list),
            ("POST", "batch-call", "list"): Route("list", self._list),
            ("GET", "batch-call", "{id}"): Route("outcome", self._read, self._numbers_of),
            ("GET", "batch-call", "{id}", "tasks"): Route("tasks", self._tasks, self._numbers_of),
            ("POST", "batch-call", "{id}", "execute"): Route("execute", self._execute, self._numbers_of),
        }

    def use(self, account: Account) -> None:
        self.account = account

    def unauthorised(self, request: Request) -> Answer | None:
        key, secret = request.headers.get("x-api-key"), request.headers.get("x-api-secret")
        if key and secret and (self.account.keys is None or key in self.account.keys):
            return None
        return self.refusal(401, "Invalid API key or secret")

    def refusal(self, status: int, message: str) -> Answer:
        return json_answer(status, {"message": message, "status": "error", "error": message, "data": None})

    def _create(self, visit: Visit) -> Answer:
        wrong = checks.complaint(visit.body, _REQUIRED, _OPTIONAL) or _wrong_body(visit.body)
        if wrong:
            return self.refusal(400, wrong)
        if self.account.agents is not None and visit.body["agent_id"] not in self.account.agents:
            return self.refusal(404, f"Agent {visit.body['agent_id']} not found")
        batch_id = self._stage.exchange.new_id("batch_call")
        status = _first_status(visit)
        batch = CreatedBatch(batch_id, visit.body, visit.now, visit.parts, visit.reference, status)
        self._batches[batch_id] = batch
        if status != "draft":
            self._send(batch, visit, _starts(visit) if status == "scheduled" else visit.now)
        return self._told(visit, batch, "Batch call created successfully")

    def _send(self, batch: CreatedBatch, visit: Visit, starts: Instant) -> None:
        about = {"batch_call_id": batch.batch_id, "agent_id": batch.body["agent_id"]}
        for wanted, part in zip(batch.body["tasks"], batch.parts, strict=True):
            call_id = self._stage.exchange.new_id("call")
            phone = wanted["to_number"]
            call = PlacedCall(call_id, self.name, phone, part, visit.now, starts, visit.seq, batch.reference, about)
            batch.calls.append(self._stage.place(visit, call))

    def _read(self, visit: Visit) -> Answer:
        batch = self._batches.get(visit.item)
        return self._told(visit, batch, "Batch call retrieved successfully") if batch else self._missing(visit)

    def _execute(self, visit: Visit) -> Answer:
        batch = self._batches.get(visit.item)
        if not batch:
            return self._missing(visit)
        status = batch.status_at(visit.now)
        if status not in ("draft", "scheduled"):
            return self.refusal(400, f"Batch call is {status}: only draft or scheduled ones can be executed")
        if status == "draft":
            self._send(batch, visit, visit.now)
        for call in batch.calls:
            call.starts = visit.now
        batch.status = "sent"
        return self._told(visit, batch, "Batch call execution started")

    def _tasks(self, visit: Visit) -> Answer:
        batch = self._batches.get(visit.item)
        if not batch or not self.account.serve_tasks:
            return self._missing(visit)
        listed = [_task(call, visit.now) for call in batch.calls]
        return self._wrapped(visit, listed, "Tasks retrieved successfully")

    def _list(self, visit: Visit) -> Answer:
        said = visit.body if isinstance(visit.body, dict) else visit.request.query()
        query = {name: str(value) for name, value in said.items()}
        page, limit = limited(query, "page", 0, _ALL), limited(query, "limit", _ALL, _ALL)
        if page is None or not limit or (limit > 100 and "limit" in query):
            return self.refusal(400, "page: expected a whole number from 0; limit: one from 1 to 100")
        fitting = (batch for batch in reversed(self._batches.values()) if _fits(batch, query, visit.now))
        shown = [batch.as_json(visit.now) for batch in islice(fitting, page * limit, (page + 1) * limit)]
        whole = {"batch_calls": shown, "total": len(self._batches), "page": page, "limit": limit}
        return self._wrapped(visit, shown if visit.part.bare else whole, "Batch calls retrieved successfully")

    def _told(self, visit: Visit, batch: CreatedBatch, message: str) -> Answer:
        return self._wrapped(visit, batch.as_json(visit.now), message)

    def _wrapped(self, visit: Visit, value: Any, message: str) -> Answer:
        if visit.part.bare:
            return json_answer(200, value)
        return json_answer(200, {"message": message, "status": "success", "error": None, "data": value})

    def _missing(self, visit: Visit) -> Answer:
        return self.refusal(404, f"Batch call {visit.item} not found")

    def _numbers_of(self, visit: Visit) -> list[str]:
        batch = self._batches.get(visit.item)
        return [wanted["to_number"] for wanted in batch.body["tasks"]] if batch else []


def _wanted_numbers(visit: Visit) -> list[str]:
    wanted = visit.body.get("tasks") if isinstance(visit.body, dict) else None
    return [str(one.get("to_number")) for one in wanted if isinstance(one, dict)] if isinstance(wanted, list) else []


def _wrong_body(body: dict[str, Any]) -> str | None:
    if not 1 <= len(body["tasks"]) <= 1000:
        return f"tasks: expected 1 to 1000 elements, got {len(body['tasks'])}"
    if len(body["name"]) > 255:
        return "name: expected at most 255 characters"
    if body.get("status") not in (None, *_STATUSES):
        return f"status: expected one of {', '.join(_STATUSES)}, got {body['status']!r:.80}"
    for at, wanted in enumerate(body["tasks"]):
        if wrong := checks.complaint(wanted, _ENTRY, _ENTRY_OPTIONAL):
            return f"tasks[{at}]: {wrong}"
        if wanted["to_number"] == body["from_number"]:
            return f"tasks[{at}]: to_number: expected another number than from_number"
    return None


def _first_status(visit: Visit) -> str:
    """Sent at once, unless the scenario or the request makes it a draft, or its time has not come."""
    if visit.part.draft or (visit.body.get("status") == "draft" and not visit.body.get("send_now")):
        return "draft"
    return "sent" if visit.body.get("send_now") or _starts(visit) == visit.now else "scheduled"


def _starts(visit: Visit) -> Instant:
    trigger = visit.body.get("trigger_timestamp") or 0
    return visit.now.later(max(0.0, trigger / 1000 - visit.now.wall))


def _task(call: PlacedCall, now: Instant) -> dict[str, Any]:
    phase = call.phase(now)
    under_way = {"queued": "PENDING", "ringing": "CALLING", "in_progress": "CALLING", "answered": "COMPLETED"}
    return {
        "task_id": f"task_{call.call_id}",
        "to_number": call.phone,
        "status": under_way.get(phase, "FAILED"),
        "call_id": None if phase == "queued" else call.call_id,
        "error_message": _WORDS.get(phase),
    }


def _fits(batch: CreatedBatch, query: dict[str, str], now: Instant) -> bool:
    return (
        now.mono >= batch.created.mono + batch.parts[0].list_delay
        and query.get("name", batch.body["name"]) == batch.body["name"]
        and query.get("agent_id", batch.body["agent_id"]) == batch.body["agent_id"]
        and ("status" not in query or query["status"].lower() == batch.status_at(now))
    )
