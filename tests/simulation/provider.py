"""A provider on virtual time: it answers late, never, wrongly or not at all, lists calls late, and knows what really
happened."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from dialer.domain.notice import Heard
from dialer.domain.placement import (
    Absent,
    Answer,
    AnswerKind,
    Balance,
    Capabilities,
    ControlOrder,
    Found,
    NotTold,
    Placement,
    Prepared,
    Progress,
    Sought,
)
from dialer.domain.states import Outcome
from dialer.ports.voice import LastLook

#: The longest that a request takes in all, connecting included: the deadline that every adapter keeps.
DEADLINE_SECONDS = 30.0
OUTCOMES = (Outcome.ANSWERED, Outcome.BUSY, Outcome.NO_ANSWER, Outcome.VOICEMAIL, Outcome.FAILED)
KINDS = {
    "accepted": 12,
    "lost": 2,
    "lost, not placed": 2,
    "rejected": 1,
    "auth": 1,
    "credit": 1,
    "configuration": 1,
    "throttled": 1,
    "not sent": 2,
    "raises before": 1,
    "raises after": 1,
}
_REFUSALS = {
    "rejected": (AnswerKind.REJECTED, 422),
    "auth": (AnswerKind.AUTH, 401),
    "credit": (AnswerKind.CREDIT, 402),
    "configuration": (AnswerKind.CONFIGURATION, 404),
    "throttled": (AnswerKind.THROTTLED, 429),
}
PLACED = frozenset({"accepted", "lost", "raises after"})


@dataclass
class Rung:
    """A call that really took place."""

    call_id: str
    placement: Placement
    at: datetime
    ends_at: datetime
    listed_at: datetime
    outcome: Outcome


class Watcher(Protocol):
    """Sees every request that leaves, and what it really did."""

    def sent(self, placement: Placement, looked_at: datetime) -> None: ...

    def rang(self, placement: Placement) -> None: ...

    def answered(self, placement: Placement, kind: str) -> None: ...


class VirtualProvider:
    """`VoiceProvider`; `linger` lets time pass for whoever calls, others act meanwhile."""

    def __init__(
        self,
        chance: random.Random,
        now: Callable[[], datetime],
        linger: Callable[[str, float], None],
        watcher: Watcher,
        capabilities: Capabilities,
    ) -> None:
        self.capabilities = capabilities
        self.rung: dict[str, Rung] = {}
        #: False while its outage lasts: questions get no usable answer
        self.tells = True
        #: only answers of the friendly kind
        self.is_healed = False
        self._chance, self._now, self._linger, self._watcher = chance, now, linger, watcher

    def prepare(self, placement: Placement) -> Prepared | Answer:
        return Prepared({})

    def place(self, placement: Placement, last_look: LastLook) -> Answer:
        kind = "accepted" if self.is_healed else self._chance.choices(list(KINDS), list(KINDS.values()))[0]
        connecting = 0.0 if self.is_healed else self._chance.choice([0.0, 0.0, 0.05, 1.0, 5.0, 9.0])
        self._linger("provider.connect", connecting)
        if kind == "raises before":
            raise RuntimeError("an adapter's bug")
        if kind == "not sent":
            return Answer(AnswerKind.NOT_SENT, "no connection", is_fault=True)
        if not last_look():
            return Answer(AnswerKind.WITHHELD)
        looked_at = self._now()
        self._linger("provider.send", 0.0)
        self._watcher.sent(placement, looked_at)
        if kind in PLACED:
            self._ring(placement)
        left = DEADLINE_SECONDS - connecting
        taking = left if kind.startswith("lost") else self._chance.choice([0.0, 0.1, 2.0, left - 0.1])
        self._linger("provider.answer", 0.0 if self.is_healed else taking)
        self._watcher.answered(placement, kind)
        return self._answer(placement, kind)

    def _ring(self, placement: Placement) -> None:
        if placement.reference in self.rung:
            return  # under an idempotency key: the same call
        self._watcher.rang(placement)
        now = self._now()
        talking = timedelta(seconds=self._chance.choice([0, 5, 40, 300]))
        listed_at = now + timedelta(seconds=self._chance.choice([0, 0, 20, 60]))
        call_id = f"call-{len(self.rung) + 1}"
        outcome = self._chance.choice(OUTCOMES)
        self.rung[placement.reference] = Rung(call_id, placement, now, now + talking, listed_at, outcome)

    def _answer(self, placement: Placement, kind: str) -> Answer:
        if kind == "raises after":
            raise RuntimeError("an adapter's bug, after the request")
        if kind in _REFUSALS:
            refusal, status = _REFUSALS[kind]
            return Answer(refusal, "refused", http_status=status)
        if kind == "accepted":
            told = self.rung[placement.reference].call_id
            return Answer(AnswerKind.ACCEPTED, http_status=201, provider_call_id=told, raw="{}")
        return Answer(AnswerKind.UNKNOWN, "no answer within the deadline", is_fault=True)

    def progress(self, sought: Sought) -> Progress | NotTold:
        self._linger("provider.progress", 0.0)
        rung = next((each for each in self.rung.values() if each.call_id == sought.provider_call_id), None)
        if rung is None or not self._does_tell():
            return NotTold("out of order")
        return self._progress_of(rung)

    def find(self, sought: Sought) -> Found | Absent | NotTold:
        self._linger("provider.find", 0.0)
        if not self._does_tell():
            return NotTold("out of order")
        for reference in (sought.reference, *sought.also):
            rung = self.rung.get(reference)
            if rung is not None and rung.listed_at <= self._now():
                return Found(rung.call_id, self._progress_of(rung))
        return Absent()

    def heard(self, told: Mapping[str, Any]) -> Heard:
        return Heard(told.get("id"), told.get("reference"), told.get("phone"))

    def webhook(self) -> dict[str, Any] | None:
        """Of some call that took place, whatever is known of it here: under way, over, long over; names may lack."""
        if not self.rung:
            return None
        rung = self._chance.choice(list(self.rung.values()))
        said = {"id": rung.call_id, "reference": rung.placement.reference, "phone": rung.placement.phone}
        told = [name for name in said if self._chance.random() < 0.7] or ["id"]
        return {name: said[name] for name in told} | {"over": rung.ends_at <= self._now()}

    def relay(self, order: ControlOrder) -> Answer:
        self._linger("provider.relay", 0.0)
        return Answer(AnswerKind.ACCEPTED, http_status=200)

    def balance(self) -> Balance | Answer:
        return Balance(None)

    def _does_tell(self) -> bool:
        return self.is_healed or (self.tells and self._chance.random() < 0.85)

    def _progress_of(self, rung: Rung) -> Progress:
        if rung.ends_at > self._now():
            return Progress(ended=False, provider_call_id=rung.call_id)
        return Progress(ended=True, outcome=rung.outcome, provider_call_id=rung.call_id)
