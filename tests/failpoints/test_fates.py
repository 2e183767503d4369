"""A process ends at every point of every move that concerns a call: nothing is lost, and nobody is called twice."""

from __future__ import annotations

import pytest

from dialer.domain.states import CallState
from tests.failpoints.cases import CASES
from tests.failpoints.fates import ONE_CALL, Fate, Left
from tests.failpoints.scene import Scene


@pytest.mark.parametrize("fate", ONE_CALL, ids=str)
def test_a_call_whose_process_ends_is_left_and_ends_as_the_table_says(fate: Fate, scene: Scene) -> None:
    case = CASES[fate.case]
    batch_id = case.batch(scene)
    case.before(scene, batch_id)
    scene.dies(fate.point, case.part, *case.arguments(batch_id), turn=fate.turn)
    scene.until(
        lambda: scene.placed() == fate.left.placed, f"{fate.left.placed} placed"
    )  # what was sent may be on its way
    assert Left(scene.call(batch_id).state, scene.placed(), scene.held()) == fate.left

    case.afterwards(scene, batch_id)
    status = scene.take_over(batch_id)
    call = scene.call(batch_id)
    assert (status.state, call.state, call.close_reason) == ("completed", CallState.CLOSED, fate.ends.reason)
    assert (scene.placed(), scene.held(), scene.messages()) == (fate.ends.placed, 0, 0)
    scene.assert_nobody_was_called_twice()
