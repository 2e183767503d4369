"""Speaks the OutboundCalls dialect: single calls with full detail, contacts, agents and a balance in credits."""

from __future__ import annotations

from heapq import heappop, heappush
from itertools import islice
from typing import Any

from dialer.simulator import checks, clock
from dialer.simulator.calls import PlacedCall
from dialer.simulator.clock import Instant
from dialer.simulator.routes import Route, Stage, Visit, limited
from dialer.simulator.scenario import Account
from dialer.simulator.wire import Answer, Request, json_answer

_CALL = {"agentId": checks.TEXT, "toNumber": checks.PHONE}
_CALL_OPTIONAL = {"phoneNumberId": checks.TEXT, "contactId": checks.TEXT}
_CONTACT = {"contactListId": checks.TEXT, "phone": checks.PHONE}
_CONTACT_OPTIONAL = {
    "name": checks.TEXT,
    "email": checks.TEXT,
    "company": checks.TEXT,
    "tags": checks.TEXTS,
    "customFields": checks.OBJECT,
}
_WORDS = {"answered": "completed"}
_CAMPAIGN = "campaign_simulated"
#: Outcomes that are charged for: somebody, or a machine, took the call.
_CHARGED = ("answered", "voicemail")


class OutboundCalls:
    """The seed's endpoints and its error table."""

    name = "outboundcalls"

    def __init__(self, account: Account, stage: Stage) -> None:
        self.account = account
        self._stage = stage
        self._contacts: dict[str, dict[str, Any]] = {}
        self._agents: dict[str, None] = {}
        self._charges: list[tuple[float, float]] = []
        self._spent = 0.0
        self.routes: dict[tuple[str, ...], Route] = {
            ("GET", "me"): Route("account", self._me),
            ("GET", "agents"): Route("other", self._list_agents),
            ("GET", "agents", "{id}"): Route("other", self._read_agent),
            ("GET", "contacts"): Route("other", self._list_contacts),
            ("POST", "contacts"): Route("contact", self._add_contact, lambda visit: _said(visit, "phone")),
            ("GET", "calls"): Route("list", self._list_calls),
            ("POST", "calls"): Route("place", self._create, lambda visit: _said(visit, "toNumber")),
            ("GET", "calls", "{id}"): Route("outcome", self._read, self._number_of),
            ("GET", "campaigns"): Route("other", self._list_campaigns),
            ("GET", "campaigns", "{id}"): Route("other", self._read_campaign),
        }

    def use(self, account: Account) -> None:
        self.account = account
        self._charges, self._spent = [], 0.0

    def unauthorised(self, request: Request) -> Answer | None:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and key and (self.account.keys is None or key in self.account.keys):
            return None
        return self.refusal(401, "Missing, invalid, or revoked API key")

    def refusal(self, status: int, message: str) -> Answer:
        return json_answer(status, {"error": message})

    def balance(self, now: Instant) -> float:
        """Credits left: what calls that are over have cost is gone."""
        while self._charges and self._charges[0][0] <= now.mono:
            self._spent += heappop(self._charges)[1]
        return round(self.account.balance - self._spent, 6)

    def detail(self, call: PlacedCall, now: Instant) -> dict[str, Any]:
        """Full call detail; what a call leaves behind is null until it is over."""
        phase = call.phase(now)
        over, talked = call.is_over(now), call.part.outcome in _CHARGED
        picks_up = call.picks_up
        return {
            "id": call.call_id,
            "status": _WORDS.get(phase, phase),
            "toNumber": call.phone,
            **call.about,
            "createdAt": clock.iso(call.placed.wall),
            "startedAt": clock.iso(picks_up.wall) if picks_up and picks_up.mono <= now.mono else None,
            "endedAt": clock.iso(call.ends.wall) if over else None,
            "duration": round(call.part.talk_seconds if talked else 0.0, 3) if over else None,
            "transcript": "Simulated: nobody was rung." if over and talked else None,
            "summary": f"Simulated call, {phase}." if over else None,
            "recordingUrl": f"https://recordings.invalid/{call.call_id}.mp3" if over and talked else None,
            "sentiment": "neutral" if over and talked else None,
            "extractedData": {} if over and talked else None,
            "creditsCharged": (self.account.credits_per_call if talked else 0.0) if over else None,
        }

    def _create(self, visit: Visit) -> Answer:
        if wrong := checks.complaint(visit.body, _CALL, _CALL_OPTIONAL):
            return self.refusal(400, wrong)
        if missing := self._unknown_name(visit.body):
            return self.refusal(404, missing)
        if self.balance(visit.now) < self.account.minimum_balance:
            return self.refusal(402, "Insufficient credits to dispatch a call")
        names = ("agentId", "phoneNumberId", "contactId")
        about = {**{name: visit.body.get(name) for name in names}, "campaignId": _CAMPAIGN}
        call_id = self._stage.exchange.new_id("call")
        phone = visit.body["toNumber"]
        now = visit.now
        call = PlacedCall(call_id, self.name, phone, visit.part, now, now, visit.seq, visit.reference, about)
        self._stage.place(visit, call)
        self._agents[visit.body["agentId"]] = None
        if self.account.credits_per_call and call.part.outcome in _CHARGED:
            heappush(self._charges, (call.ends.mono, self.account.credits_per_call))
        return json_answer(201, _shaped(visit.part.id_shape, self.detail(call, now)))

    def _unknown_name(self, body: dict[str, Any]) -> str | None:
        agents, numbers = self.account.agents, self.account.phone_number_ids
        if agents is not None and body["agentId"] not in agents:
            return f"Agent {body['agentId']} not found"
        if numbers is not None and body.get("phoneNumberId") not in (None, *numbers):
            return f"Phone number {body['phoneNumberId']} not found"
        return None

    def _read(self, visit: Visit) -> Answer:
        call = self._stage.exchange.find(visit.item)
        if not call or call.dialect != self.name:
            return self.refusal(404, "Call not found")
        return json_answer(200, _shaped(visit.part.id_shape, self.detail(call, visit.now)))

    def _list_calls(self, visit: Visit) -> Answer:
        query = visit.request.query()
        limit = limited(query, "limit", 50, 200)
        if not limit:
            return self.refusal(400, f"limit: expected a whole number from 1 to 200, got {query['limit']!r:.40}")
        fitting = (call for call in self._stage.exchange.newest(self.name) if _fits(call, query, visit.now))
        shown = [self.detail(call, visit.now) for call in islice(fitting, limit)]
        return json_answer(200, shown if visit.part.bare else {"calls": shown})

    def _me(self, visit: Visit) -> Answer:
        user = {"id": "user_simulated", "email": "simulated@example.invalid", "name": "Simulated"}
        subscription = {"plan": "simulated", "status": "active"}
        told = {"user": user, "creditBalance": self.balance(visit.now), "subscription": subscription}
        return json_answer(200, told)

    def _list_agents(self, visit: Visit) -> Answer:
        known = sorted(self.account.agents) if self.account.agents is not None else list(self._agents)
        limit = limited(visit.request.query(), "limit", 50, 200)
        return json_answer(200, {"agents": [_agent(name) for name in known[:limit]]})

    def _read_agent(self, visit: Visit) -> Answer:
        if self.account.agents is not None and visit.item not in self.account.agents:
            return self.refusal(404, "Agent not found")
        return json_answer(200, _agent(visit.item))

    def _list_contacts(self, visit: Visit) -> Answer:
        query = visit.request.query()
        limit = limited(query, "limit", 50, 500)
        wanted = query.get("contactListId")
        kept = [contact for contact in self._contacts.values() if wanted in (None, contact["contactListId"])]
        return json_answer(200, {"contacts": kept[:limit]})

    def _add_contact(self, visit: Visit) -> Answer:
        if wrong := checks.complaint(visit.body, _CONTACT, _CONTACT_OPTIONAL):
            return self.refusal(400, wrong)
        kept = {name: visit.body.get(name) for name in (*_CONTACT, *_CONTACT_OPTIONAL)}
        contact = {"id": self._stage.exchange.new_id("contact"), **kept, "createdAt": clock.iso(visit.now.wall)}
        self._contacts[contact["id"]] = contact
        return json_answer(201, _shaped(visit.part.id_shape, contact, "contact"))

    def _list_campaigns(self, visit: Visit) -> Answer:
        return json_answer(200, {"campaigns": [self._campaign(visit.now)]})

    def _read_campaign(self, visit: Visit) -> Answer:
        if visit.item != _CAMPAIGN:
            return self.refusal(404, "Campaign not found")
        return json_answer(200, self._campaign(visit.now))

    def _campaign(self, now: Instant) -> dict[str, Any]:
        """Progress over every call of this run: the simulator keeps them all under one campaign."""
        over = [call for call in self._stage.exchange.newest(self.name) if call.is_over(now)]
        successful = sum(call.part.outcome == "answered" for call in over)
        return {
            "id": _CAMPAIGN,
            "callsCompleted": len(over),
            "callsSuccessful": successful,
            "callsFailed": len(over) - successful,
            "creditsUsed": round(self.account.balance - self.balance(now), 6),
            "successRate": round(successful / len(over), 4) if over else 0.0,
        }

    def _number_of(self, visit: Visit) -> list[str]:
        call = self._stage.exchange.find(visit.item)
        return [call.phone] if call else []


def _said(visit: Visit, name: str) -> list[str]:
    return [str(visit.body[name])] if isinstance(visit.body, dict) and name in visit.body else []


def _agent(name: str) -> dict[str, Any]:
    return {"id": name, "name": f"Simulated agent {name}", "status": "deployed"}


def _shaped(shape: str, value: dict[str, Any], envelope: str = "call") -> dict[str, Any]:
    """The same detail under each of the names that a provider without a documented answer might use."""
    if shape == "callId":
        return {f"{envelope}Id" if name == "id" else name: held for name, held in value.items()}
    return {shape if shape == "data" else envelope: value} if shape in ("call", "data") else value


def _fits(call: PlacedCall, query: dict[str, str], now: Instant) -> bool:
    phase = call.phase(now)
    return (
        call.is_listed(now)
        and query.get("agentId", call.about["agentId"]) == call.about["agentId"]
        and query.get("campaignId", call.about["campaignId"]) == call.about["campaignId"]
        and query.get("status", _WORDS.get(phase, phase)) in (phase, _WORDS.get(phase, phase))
    )
