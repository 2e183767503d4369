"""A provider that does what a test tells it and remembers what was asked of it; it decides nothing itself."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import count
from threading import Lock
from typing import Any

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
from dialer.ports.voice import LastLook

ASKABLE = Capabilities(reports_outcomes=True, can_find=True)
#: What an answer may be scripted as: the value, or what makes it of the placement, while the request is "out there".
Scripted = Answer | Callable[[Placement], Answer]


@dataclass
class FakeProvider:
    """A VoiceProvider without a network: accepts everything, unless told otherwise. Many threads may use it.

        provider = FakeProvider()
        provider.answers("+61387772586", Answer(AnswerKind.UNKNOWN), accept)
        provider.told["call-1"] = Progress(ended=True, outcome=Outcome.BUSY)

    A call it accepted is under way until `told` says more, and is found by its reference.
    """

    capabilities: Capabilities = ASKABLE
    #: every placement that left, in order: past its last look, whatever was answered
    placed: list[Placement] = field(default_factory=list)
    #: every placement that its last look held back
    withheld: list[Placement] = field(default_factory=list)
    prepared: list[Placement] = field(default_factory=list)
    relayed: list[ControlOrder] = field(default_factory=list)
    #: every question by `progress` and `find`
    asked: list[Sought] = field(default_factory=list)
    #: provider call id -> what `progress` answers
    told: dict[str, Progress | NotTold] = field(default_factory=dict)
    #: reference -> what `find` answers; without an entry: found if accepted, else absent
    found: dict[str, Found | Absent | NotTold] = field(default_factory=dict)
    preparation: Prepared | Answer = field(default_factory=lambda: Prepared({}))
    relay_answer: Answer = field(default_factory=lambda: Answer(AnswerKind.ACCEPTED, http_status=200))
    account_balance: Balance | Answer = field(default_factory=lambda: Balance(None))
    _scripts: dict[str, deque[Scripted]] = field(default_factory=dict, repr=False)
    _ids: dict[str, str] = field(default_factory=dict, repr=False)
    _numbers: count[int] = field(default_factory=lambda: count(1), repr=False)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def answers(self, phone: str, *answers: Scripted) -> None:
        """The next placements to `phone` ("*": to anybody without answers of their own) are answered so, in turn."""
        with self._lock:
            self._scripts.setdefault(phone, deque()).extend(answers)

    def placements_to(self, phone: str) -> list[Placement]:
        return [placement for placement in self.placed if placement.phone == phone]

    def accept(self, placement: Placement) -> Answer:
        """What it answers when nothing is scripted: accepted, with an id of its own."""
        with self._lock:
            call_id = self._ids.setdefault(placement.reference, f"call-{next(self._numbers)}")
        return Answer(AnswerKind.ACCEPTED, http_status=201, provider_call_id=call_id, raw="{}")

    def accept_and_lose(self, placement: Placement) -> Answer:
        """The call is placed and can be found, but its answer is lost."""
        self.accept(placement)
        return Answer(AnswerKind.UNKNOWN, detail="the answer was lost", is_fault=True)

    def prepare(self, placement: Placement) -> Prepared | Answer:
        self.prepared.append(placement)
        return self.preparation

    def place(self, placement: Placement, last_look: LastLook) -> Answer:
        script = self._next_script(placement.phone)
        if isinstance(script, Answer) and script.kind is AnswerKind.NOT_SENT:
            return script
        if not last_look():
            self.withheld.append(placement)
            return Answer(AnswerKind.WITHHELD)
        self.placed.append(placement)
        return script if isinstance(script, Answer) else script(placement)

    def progress(self, sought: Sought) -> Progress | NotTold:
        self.asked.append(sought)
        return self.told.get(sought.provider_call_id or "", Progress(ended=False))

    def find(self, sought: Sought) -> Found | Absent | NotTold:
        self.asked.append(sought)
        names = (sought.reference, *sought.also)
        told = next((self.found[name] for name in names if name in self.found), None)
        if told is not None:
            return told
        call_id = next((self._ids[name] for name in names if name in self._ids), None)
        return Found(call_id, self._known_progress(call_id)) if call_id else Absent()

    def heard(self, told: Mapping[str, Any]) -> Heard:
        """A webhook of its: `{"id": …, "reference": …, "phone": …, "event_id": …}`, each where it is given."""
        names = {name: told.get(name) for name in ("reference", "phone", "event_id")}
        return Heard(provider_call_id=told.get("id"), **names)

    def relay(self, order: ControlOrder) -> Answer:
        self.relayed.append(order)
        return self.relay_answer

    def balance(self) -> Balance | Answer:
        return self.account_balance

    def _next_script(self, phone: str) -> Scripted:
        with self._lock:
            for waiting in (self._scripts.get(phone), self._scripts.get("*")):
                if waiting:
                    return waiting.popleft()
        return self.accept

    def _known_progress(self, call_id: str) -> Progress | None:
        told = self.told.get(call_id)
        return told if isinstance(told, Progress) else None


def dialed_twice(placements: Iterable[Placement]) -> list[str]:
    """References that left more than once: always to be empty, but for a redial under an idempotency key."""
    left = Counter(placement.reference for placement in placements)
    return [reference for reference, times in left.items() if times > 1]
