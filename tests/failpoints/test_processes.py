"""Whole processes as people start them end at a point: the command, a Celery worker (and a scheduler: part `lead`)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.failpoints.scene import Scene, phones, spec


def test_the_command_that_ended_in_its_load_is_typed_again(scene: Scene, tmp_path: Path) -> None:
    document = tmp_path / "batch.json"
    document.write_text(json.dumps(spec(call_list=[{"phone": phone} for phone in phones(3)])), encoding="utf-8")
    scene.dies("ingest.read", "type_in", "load", str(document))
    batch_id = scene.dialer.find_batch("acme/agent-1/spring").batch_id
    scene.round()
    assert scene.placed() == 0
    receipt = scene.dialer.load_batch(json.loads(document.read_text(encoding="utf-8")))
    assert (receipt.accepted, receipt.already_known) == (0, 3)
    assert scene.take_over(batch_id).closed["reached"] == 3
    assert scene.placed() == 3


@pytest.mark.parametrize(
    ("point", "placed", "reached"),
    [
        ("dispatch.claimed", 0, 2),  # the provider is asked about one of three in vain
        ("request.sent", 1, 3),
        ("dispatch.done", 1, 3),  # its message was not acknowledged, and is not needed again
    ],
)
def test_a_celery_worker_that_ended_costs_no_call_and_doubles_none(
    point: str, placed: int, reached: int, scene: Scene
) -> None:
    batch_id = scene.load(phones(3))
    scene.push()
    scene.dies(point, "celery")
    scene.until(lambda: scene.placed() >= placed, "what it sent")
    status = scene.take_over(batch_id)
    assert (status.closed["reached"], status.closed["unresolved"]) == (reached, 3 - reached)
    assert (scene.placed(), scene.held()) == (reached, 0)
    scene.assert_nobody_was_called_twice()
