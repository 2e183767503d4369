"""Answers under /_simulator: the log and its counts to read, the scenario and the memory to replace."""

from __future__ import annotations

import json
from typing import Any

from dialer.errors import InvalidInput
from dialer.simulator import clock
from dialer.simulator.calls import PlacedCall
from dialer.simulator.desk import Desk
from dialer.simulator.routes import limited
from dialer.simulator.scenario import Scenario
from dialer.simulator.summary import summary
from dialer.simulator.wire import Answer, Request, json_answer

_MOST = 100_000_000


class Control:
    """The auditor's own door; what comes through it is not logged as a request."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self._started = clock.read()
        self._routes = {
            ("GET", "health"): self._health,
            ("GET", "requests"): self._requests,
            ("GET", "placements"): self._placements,
            ("GET", "batches"): self._batches,
            ("GET", "summary"): self._summary,
            ("POST", "scenario"): self._scenario,
            ("POST", "reset"): self._reset,
        }

    def answer(self, request: Request) -> Answer:
        reply = self._routes.get((request.method, "/".join(request.segments()[1:])))
        if reply is None:
            known = [f"{method} /_simulator/{name}" for method, name in self._routes]
            return json_answer(404, {"error": "no such operation", "known": known})
        return reply(request)

    def placements(self, phone: str | None = None) -> list[dict[str, Any]]:
        """Every placed call, or those to one number, oldest first."""
        now = clock.read()
        self.desk.inspra.ring_due(now)
        calls: list[PlacedCall] = self.desk.exchange.all()
        return [call.as_json(now) for call in calls if phone in (None, call.phone)]

    def requests(self, since: int = 0, limit: int | None = None) -> list[dict[str, Any]]:
        return [entry.as_json() for entry in self.desk.log.entries(since, limit)]

    def _health(self, _request: Request) -> Answer:
        now = clock.read()
        uptime = round(now.mono - self._started.mono, 3)
        counts = {"requests": sum(self.desk.log.requests.values()), "calls": len(self.desk.exchange)}
        return json_answer(200, {"status": "ok", "uptime_seconds": uptime, **counts})

    def _requests(self, request: Request) -> Answer:
        query = request.query()
        since, limit = limited(query, "since", 0, _MOST), limited(query, "limit", 1000, _MOST)
        if since is None or limit is None:
            return json_answer(400, {"error": "since and limit: expected whole numbers from 0"})
        shown = self.requests(since, limit)
        return json_answer(200, {"requests": shown, "next": shown[-1]["seq"] if shown else since})

    def _placements(self, request: Request) -> Answer:
        return json_answer(200, {"placements": self.placements(request.query().get("phone"))})

    def _batches(self, _request: Request) -> Answer:
        self.desk.inspra.ring_due(clock.read())
        return json_answer(200, {"inspra": self.desk.inspra.batches()})

    def _summary(self, request: Request) -> Answer:
        return json_answer(200, summary(self.desk, brief=request.query().get("brief") == "1"))

    def _scenario(self, request: Request) -> Answer:
        try:
            self.play(json.loads(request.body))
        except InvalidInput as error:
            return json_answer(400, {"error": str(error)})
        except (ValueError, RecursionError) as error:
            return json_answer(400, {"error": f"SCENARIO_UNREADABLE: is not JSON: {error}"})
        return json_answer(200, {"status": "ok"})

    def play(self, said: Any) -> None:
        """Replaces the scenario by a JSON value; raises InvalidInput and changes nothing when it is wrong."""
        self.desk.play(Scenario.of(said))
        self.desk.log.note("scenario", scenario=said)

    def _reset(self, _request: Request) -> Answer:
        self.desk.reset()
        return json_answer(200, {"status": "ok"})
