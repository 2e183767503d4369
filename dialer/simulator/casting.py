"""Decides which script is played to a request, and draws its chances so that a seed repeats them in any order."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from random import Random

from dialer.simulator.reading import Span
from dialer.simulator.scenario import Fault, Rule, Scenario, Script


@dataclass(frozen=True, slots=True)
class Part:
    """One request's script with all its chances drawn; durations in seconds."""

    outcome: str
    answer_after: float
    ring_seconds: float
    talk_seconds: float
    list_delay: float
    draft: bool
    bare: bool
    id_shape: str
    fault: Fault | None


class Director:
    """Casts requests by the rules of one scenario, and counts the turns that rules ask about."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self._turns: Counter[tuple[str, str, str]] = Counter()
        self._played: Counter[int] = Counter()
        self._fixed: dict[int, Part] = {}

    def cast(self, dialect: str, on: str, phone: str) -> Part:
        """The part of the next request of this kind for this number ("" when it names none)."""
        who = (dialect, on, phone)
        self._turns[who] += 1
        chance = f"{self.scenario.seed}:{dialect}:{on}:{phone}:{self._turns[who]}"
        for at, rule in enumerate(self.scenario.rules):
            if self._fits(at, rule, who) and _lucky(rule, f"{chance}:{at}"):
                self._played[at] += 1
                return self._drawn(rule.script, chance)
        return self._drawn(self.scenario.defaults, chance)

    def _fits(self, at: int, rule: Rule, who: tuple[str, str, str]) -> bool:
        dialect, on, phone = who
        return (
            rule.dialect in (None, dialect)
            and rule.on in ("any", on)
            and (not rule.phone or any(pattern.match(phone) for pattern in rule.phone))
            and (rule.nth is None or rule.nth(self._turns[who]))
            and (rule.times is None or self._played[at] < rule.times)
        )

    def _drawn(self, script: Script, chance: str) -> Part:
        if (part := self._fixed.get(id(script))) is not None:
            return part
        if _is_fixed(script):
            # The scenario keeps the script alive, so its id stays its own.
            return self._fixed.setdefault(id(script), _draw(script, Random(0)))
        return _draw(script, Random(chance))


def _lucky(rule: Rule, chance: str) -> bool:
    return rule.probability >= 1 or Random(chance).random() < rule.probability


def _is_fixed(script: Script) -> bool:
    spans = (script.answer_after, script.ring_seconds, script.talk_seconds, script.list_delay)
    return len(script.outcome) == 1 and all(low == high for low, high in spans)


def _draw(script: Script, dice: Random) -> Part:
    def seconds(span: Span) -> float:
        return dice.uniform(*span)

    return Part(
        outcome=dice.choices(list(script.outcome), list(script.outcome.values()))[0],
        answer_after=seconds(script.answer_after),
        ring_seconds=seconds(script.ring_seconds),
        talk_seconds=seconds(script.talk_seconds),
        list_delay=seconds(script.list_delay),
        draft=script.draft,
        bare=script.bare,
        id_shape=script.id_shape,
        fault=script.fault,
    )
