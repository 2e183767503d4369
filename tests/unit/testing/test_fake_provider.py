"""The double does what it is told, in the order of the real thing."""

from __future__ import annotations

from datetime import UTC, datetime

from dialer.domain.placement import Absent, Answer, AnswerKind, Found, Placement, Progress, Sought
from dialer.domain.states import Outcome
from dialer.testing.providers import FakeProvider, dialed_twice

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
PHONE = "+61278132035"


def a_placement(reference: str = "r1", phone: str = PHONE) -> Placement:
    return Placement(reference, "c", "w", "a", "b", "b", None, phone, {}, NOW, NOW, (), None, False)


def sought(reference: str = "r1", provider_call_id: str | None = None) -> Sought:
    return Sought(reference, PHONE, "a", NOW, NOW, provider_call_id)


def yes() -> bool:
    return True


def test_it_accepts_with_an_id_of_its_own() -> None:
    provider = FakeProvider()
    answers = [provider.place(a_placement(reference), yes) for reference in ("r1", "r2")]
    assert [answer.provider_call_id for answer in answers] == ["call-1", "call-2"]
    assert [placement.reference for placement in provider.placements_to(PHONE)] == ["r1", "r2"]


def test_a_last_look_that_says_no_is_withheld() -> None:
    provider = FakeProvider()
    assert provider.place(a_placement(), lambda: False).kind is AnswerKind.WITHHELD
    assert (len(provider.placed), len(provider.withheld)) == (0, 1)


def test_what_was_not_sent_is_not_even_looked_at() -> None:
    provider = FakeProvider()
    provider.answers(PHONE, Answer(AnswerKind.NOT_SENT, is_fault=True))
    looks: list[str] = []

    def look() -> bool:
        looks.append("looked")
        return True

    answer = provider.place(a_placement(), look)
    assert (answer.kind, looks, provider.placed) == (AnswerKind.NOT_SENT, [], [])


def test_answers_come_in_turn_and_its_own_before_everybodys() -> None:
    provider = FakeProvider()
    provider.answers("*", Answer(AnswerKind.THROTTLED))
    provider.answers(PHONE, Answer(AnswerKind.REJECTED), provider.accept)
    kinds = [provider.place(a_placement(f"r{at}"), yes).kind for at in range(4)]
    assert kinds == [AnswerKind.REJECTED, AnswerKind.ACCEPTED, AnswerKind.THROTTLED, AnswerKind.ACCEPTED]


def test_a_call_whose_answer_was_lost_can_be_found() -> None:
    provider = FakeProvider()
    provider.answers(PHONE, provider.accept_and_lose, Answer(AnswerKind.UNKNOWN))
    provider.place(a_placement("r1"), yes)
    provider.place(a_placement("r2"), yes)
    assert provider.find(sought("r1")) == Found("call-1")
    assert provider.find(sought("r2")) == Absent()


def test_it_tells_of_a_call_what_it_was_told() -> None:
    provider = FakeProvider()
    assert provider.progress(sought(provider_call_id="call-1")) == Progress(ended=False)
    provider.told["call-1"] = Progress(ended=True, outcome=Outcome.BUSY)
    assert provider.progress(sought(provider_call_id="call-1")) == Progress(ended=True, outcome=Outcome.BUSY)
    assert len(provider.asked) == 2


def test_a_reference_that_left_twice_is_named() -> None:
    assert dialed_twice([a_placement("r1"), a_placement("r2"), a_placement("r1")]) == ["r1"]
