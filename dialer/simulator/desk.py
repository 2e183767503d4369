"""Takes a request to its answer: credentials, limits, the scenario's part, the dialect, the log, in this order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from dialer.simulator import clock, faults
from dialer.simulator.batch_call import BatchCall
from dialer.simulator.calls import Exchange, PlacedCall
from dialer.simulator.casting import Director
from dialer.simulator.inspra import Inspra
from dialer.simulator.log import Entry, RequestLog
from dialer.simulator.outboundcalls import OutboundCalls
from dialer.simulator.routes import Dialect, Route, Stage, Visit, parsed
from dialer.simulator.scenario import Fault, Scenario
from dialer.simulator.wire import Answer, Request, json_answer

#: First path segment -> dialect, for its own prefix.
_PREFIXES = {
    "inspra": "inspra",
    "batch_call": "batch_call",
    "batch-call-api": "batch_call",
    "outboundcalls": "outboundcalls",
}


_NOWHERE = Route("unknown", lambda visit: Answer(404))


@dataclass(slots=True)
class Delivery:
    """A decided answer on its way out."""

    answer: Answer
    fault: Fault | None
    after: float
    entry: Entry


@dataclass(slots=True)
class _Decided:
    answer: Answer
    fault: Fault | None = None
    after: float = 0.0
    replayed: bool = False


class Desk:
    """The provider behind the wire: one state for all connections, used from one thread."""

    def __init__(self, scenario: Scenario, log: RequestLog, on_placed: Callable[[PlacedCall], None]) -> None:
        self.log = log
        self._on_placed = on_placed
        self.director = Director(scenario)
        self.reset()

    def play(self, scenario: Scenario) -> None:
        """Takes another scenario: turns start from one again; calls and log stay."""
        self.director = Director(scenario)
        for dialect in self.dialects.values():
            dialect.use(scenario.account(dialect.name))

    def reset(self) -> None:
        """Forgets every call and request; the scenario starts over."""
        scenario = self.director.scenario
        self.director = Director(scenario)
        self.exchange = Exchange()
        stage = Stage(self.exchange, self._on_placed)
        self.inspra = Inspra(scenario.account("inspra"), stage)
        self.outboundcalls = OutboundCalls(scenario.account("outboundcalls"), stage)
        batch_call = BatchCall(scenario.account("batch_call"), stage)
        spoken: list[Dialect] = [self.inspra, batch_call, self.outboundcalls]
        self.dialects: dict[str, Dialect] = {dialect.name: dialect for dialect in spoken}
        self._rooms = {key[1]: dialect.name for dialect in self.dialects.values() for key in dialect.routes}
        self._recent: dict[str, deque[float]] = {name: deque() for name in self.dialects}
        self._replays: dict[tuple[str, str], tuple[str, Answer]] = {}
        self.log.clear()

    def serve(self, request: Request) -> Delivery:
        now, seq = clock.read(), self.log.next_seq
        dialect, rest = self._addressed(request.segments())
        route, item = _routed(dialect, request.method, rest) if dialect else (None, "")
        if dialect is None or route is None:
            refused = dialect.refusal if dialect else _plain_refusal
            visit = Visit(request, _NOWHERE, item, now, seq)
            answer = refused(404, f"No route {request.method} {request.target:.200}")
            return self._logged(visit, dialect, _Decided(answer))
        visit = Visit(request, route, item, now, seq, parsed(request.body))
        visit.numbers = route.numbers(visit)
        visit.reference = _reference(visit, dialect)
        return self._logged(visit, dialect, self._decided(visit, dialect))

    def _addressed(self, segments: tuple[str, ...]) -> tuple[Dialect | None, tuple[str, ...]]:
        """The dialect a path speaks, and the path below its prefix; at the root the operation's name decides."""
        name = _PREFIXES.get(segments[0]) if segments else None
        rest = segments[1:] if name else segments
        if rest[:2] == ("api", "v1") and name in (None, "outboundcalls"):
            name, rest = "outboundcalls", rest[2:]
        name = name or self._rooms.get(rest[0] if rest else "")
        return (self.dialects[name] if name else None), rest

    def _decided(self, visit: Visit, dialect: Dialect) -> _Decided:
        if refused := self._unfit(visit, dialect):
            return _Decided(refused)
        if replay := self._replayed(visit, dialect):
            return replay
        cast = self.director.cast
        visit.parts = [cast(dialect.name, visit.route.on, number) for number in visit.numbers or [""]]
        fault = next((part.fault for part in visit.parts if part.fault), None)
        after = max(part.answer_after for part in visit.parts)
        if fault and not fault.placed:
            answer = Answer(200)
        else:
            answer = self._refused_full(visit, dialect) or visit.route.reply(visit)
            self._remember(visit, dialect, answer)
        if fault:
            answer = faults.spoiled(fault, answer, dialect.refusal, visit.now)
        return _Decided(answer, fault, after)

    def _unfit(self, visit: Visit, dialect: Dialect) -> Answer | None:
        """The refusal for credentials or for a request too many in one second."""
        if refused := dialect.unauthorised(visit.request):
            return refused
        rate, recent = dialect.account.rate_limit, self._recent[dialect.name]
        if rate is None:
            return None
        while recent and recent[0] <= visit.now.mono - 1:
            recent.popleft()
        if len(recent) >= rate:
            refused = dialect.refusal(429, "Too many requests")
            refused.headers["Retry-After"] = "1"
            return refused
        recent.append(visit.now.mono)
        return None

    def _refused_full(self, visit: Visit, dialect: Dialect) -> Answer | None:
        most = dialect.account.max_concurrent
        if visit.route.on not in ("place", "execute") or most is None:
            return None
        if self.exchange.at_once(dialect.name, visit.now) + len(visit.numbers) <= most:
            return None
        return dialect.refusal(429, "account_concurrency_exceeded")

    def _replayed(self, visit: Visit, dialect: Dialect) -> _Decided | None:
        """The first answer to the same idempotency key, where the account honours them; places nothing."""
        kept = self._replays.get((dialect.name, visit.request.headers.get("idempotency-key", "")))
        if not kept or visit.route.on != "place":
            return None
        digest, answer = kept
        if digest != _digest(visit.request):
            return _Decided(dialect.refusal(409, "Idempotency-Key was used with another request"))
        headers = {**answer.headers, "Idempotent-Replayed": "true"}
        return _Decided(Answer(answer.status, answer.body, headers), replayed=True)

    def _remember(self, visit: Visit, dialect: Dialect, answer: Answer) -> None:
        key = visit.request.headers.get("idempotency-key")
        if key and dialect.account.idempotent and visit.route.on == "place" and answer.status < 300:
            self._replays[dialect.name, key] = (_digest(visit.request), answer)

    def _logged(self, visit: Visit, dialect: Dialect | None, decided: _Decided) -> Delivery:
        without_answer = decided.fault is not None and decided.fault.kind in faults.WITHOUT_ANSWER
        entry = Entry(
            seq=visit.seq,
            arrived=visit.now,
            request=visit.request,
            dialect=dialect.name if dialect else None,
            on=visit.route.on,
            numbers=visit.numbers,
            reference=visit.reference,
            status=None if without_answer else decided.answer.status,
            fault=decided.fault.name if decided.fault else None,
            answer_after=decided.after,
            placed=[call.call_id for call in visit.placed],
            replayed=decided.replayed,
        )
        self.log.record(entry)
        return Delivery(decided.answer, decided.fault, decided.after, entry)


def _routed(dialect: Dialect, method: str, rest: tuple[str, ...]) -> tuple[Route | None, str]:
    if exact := dialect.routes.get((method, *rest)):
        return exact, ""
    if len(rest) < 2:
        return None, ""
    return dialect.routes.get((method, rest[0], "{id}", *rest[2:])), rest[1]


def _reference(visit: Visit, dialect: Dialect) -> str | None:
    """Whose attempt this is: the header, else the name that a batch call carries for it."""
    headers = visit.request.headers
    said = headers.get("x-attempt-id") or headers.get("idempotency-key")
    named: Any = visit.body.get("name") if isinstance(visit.body, dict) and dialect.name == "batch_call" else None
    return said or (named if isinstance(named, str) else None)


def _digest(request: Request) -> str:
    return sha256(f"{request.method} {request.target}\n".encode() + request.body).hexdigest()


def _plain_refusal(status: int, message: str) -> Answer:
    return json_answer(status, {"error": message})
