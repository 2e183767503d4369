"""How long the dialer waits before it asks a provider again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dialer.domain.states import AttemptState
from dialer.engine.reconcile import pause_before
from tests.unit.builders import an_open_attempt


@pytest.mark.parametrize(
    ("state", "seconds"),
    [
        (AttemptState.IN_PROGRESS, [3, 4.5, 6.75, 10.125, 15.1875, 22.78125, 30, 30]),
        (AttemptState.UNKNOWN, [5, 10, 20, 40, 80, 120, 120, 120]),
    ],
)
def test_pauses_grow_with_every_question(state: AttemptState, seconds: list[float]) -> None:
    pauses = [pause_before(an_open_attempt(state=state, looks=looks)) for looks in range(8)]
    assert pauses == pytest.approx([timedelta(seconds=pause) for pause in seconds], abs=timedelta(microseconds=1))


@pytest.mark.parametrize(
    ("state", "longest"), [(AttemptState.IN_PROGRESS, 30), (AttemptState.UNKNOWN, 120), (AttemptState.DIALING, 30)]
)
def test_a_pause_stays_bounded_however_often_was_asked(state: AttemptState, longest: int) -> None:
    assert pause_before(an_open_attempt(state=state, looks=10**6)) == timedelta(seconds=longest)
