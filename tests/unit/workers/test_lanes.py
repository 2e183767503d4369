"""How lanes are named, and what one message to a lane holds."""

from __future__ import annotations

import json

import pytest

from dialer.domain.call import Queued
from dialer.domain.states import Lane
from workers import programs
from workers.celery_queue import message, notice_message
from workers.lanes import lane_key, lanes_of, queues_of


def test_lanes_come_in_their_order_however_they_were_named() -> None:
    assert lanes_of(["dialer.low", "dialer.test", "dialer.high"]) == (Lane.TEST, Lane.HIGH, Lane.LOW)


def test_a_queue_that_is_no_lane_is_left_out() -> None:
    assert lanes_of(["celery", "dialer.normal"]) == (Lane.NORMAL,)


def test_a_lane_is_a_list_under_our_prefix() -> None:
    assert lane_key(Lane.TEST) == "dlr:dialer.test"


def test_a_message_holds_the_call_and_its_push_and_nothing_else() -> None:
    told = json.loads(message(Queued("call-1", 7, Lane.HIGH)))
    assert json.loads(told["body"]) == [["call-1", 7], {}, None]
    named = {"task": "dialer.dial", "shadow": "dialer.dial [high]"}
    assert told["headers"] == {**named, "id": "call-1.7", "root_id": "call-1.7", "ignore_result": True}
    assert told["properties"]["delivery_info"] == {"exchange": "", "routing_key": "dialer.high"}


def test_a_notice_s_message_holds_its_id_and_nothing_else() -> None:
    told = json.loads(notice_message("notice-1"))
    assert json.loads(told["body"]) == [["notice-1"], {}, None]
    named = {"task": "dialer.tell", "shadow": "dialer.tell [notices]"}
    assert told["headers"] == {**named, "id": "notice-1", "root_id": "notice-1", "ignore_result": True}
    assert told["properties"]["delivery_info"] == {"exchange": "", "routing_key": "dialer.notices"}


@pytest.mark.parametrize(
    ("lanes", "queues"),
    [
        (list(Lane), ["dialer.test", "dialer.notices", "dialer.high", "dialer.normal", "dialer.low"]),
        ([Lane.NORMAL, Lane.LOW], ["dialer.notices", "dialer.normal", "dialer.low"]),
        ([Lane.TEST], ["dialer.test"]),
        ([], []),
    ],
)
def test_notices_go_behind_test_calls_and_never_to_a_worker_for_test_calls_alone(
    lanes: list[Lane], queues: list[str]
) -> None:
    assert queues_of(lanes) == queues


def test_every_push_of_a_call_has_a_delivery_tag_of_its_own() -> None:
    tags = {json.loads(message(Queued("call-1", push, Lane.LOW)))["properties"]["delivery_tag"] for push in range(5)}
    assert len(tags) == 5


def test_a_worker_is_started_on_its_lanes_in_order() -> None:
    command = programs.worker("worker", 8, [Lane.LOW, Lane.TEST])
    assert command[command.index("-Q") + 1] == "dialer.test,dialer.low"
