"""Whatever is sent, it is answered and logged once: no sockets, the seeds' bodies with junk put into them."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from dialer.simulator.desk import Desk
from dialer.simulator.log import RequestLog
from dialer.simulator.scenario import Scenario
from dialer.simulator.wire import Request

JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["+15550000001", "2026-11-04T10:58:00Z", "9999-12-31T23:59:59-23:59", "UTC", "../etc", 10**30]),
    st.lists(st.integers() | st.dictionaries(st.sampled_from(["phone", "to_number"]), st.integers()), max_size=2),
    st.dictionaries(st.text(max_size=3), st.lists(st.none(), max_size=1), max_size=2),
)
NAMES = {"agentId": "a", "workspaceId": "w", "batchRef": "b"}
WINDOW = {"nbf": "2026-11-04T10:58:00.001Z", "exp": "2036-11-04T10:58:00.001Z", "blockRules": ["Mon|0800-0900"]}
BODIES: dict[str, dict[str, Any]] = {
    "/inspra/load-json": {
        **NAMES,
        **WINDOW,
        "cli": "+61387772586",
        "callList": [{"phone": "+61278132035", "variables": {}}],
    },
    "//test-call": {**NAMES, **WINDOW, "cli": "+61387772586", "phone": "+61278132035", "variables": {"STATE": "VIC"}},
    "/inspra/pause-batch": NAMES,
    "/batch_call/batch-call": {
        "from_number": "+14157774444",
        "tasks": [{"to_number": "+12137774445", "dynamic_variables": {}, "max_retries": 0}],
        "name": "r1",
        "agent_id": "agent_1",
        "trigger_timestamp": 1735718400000,
        "timezone": "America/New_York",
        "send_now": True,
        "status": "draft",
    },
    "/batch-call/list": {"page": 0, "limit": 100, "name": "x"},
    "/outboundcalls/calls": {
        "agentId": "a",
        "toNumber": "+14155551212",
        "phoneNumberId": None,
        "contactId": "c",
    },
    "/outboundcalls/contacts": {"contactListId": "l", "phone": "+14155551212", "tags": ["x"], "customFields": {}},
}
KEYS = {"authorization": "Bearer k", "x-api-key": "k", "x-api-secret": "s"}


def a_desk(**scenario: Any) -> Desk:
    return Desk(Scenario.of(scenario), RequestLog(), lambda call: None)


def a_post(path: str, body: Any) -> Request:
    return Request("POST", path, dict(KEYS), json.dumps(body).encode())


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_a_body_with_junk_in_it_is_answered_and_logged_once(data: st.DataObject) -> None:
    path, body = data.draw(st.sampled_from(list(BODIES.items())))
    names = data.draw(st.sets(st.sampled_from(list(body)), max_size=2))
    spoilt = {**body, **{name: data.draw(JUNK) for name in names}}
    desk = a_desk()
    delivery = desk.serve(a_post(path, spoilt))
    [entry] = desk.log.entries()
    assert entry.status == delivery.answer.status
    assert delivery.answer.status in ((200, 201) if not names else (200, 201, 400))
    assert len(entry.placed) == len(desk.exchange)
    assert json.dumps([entry.as_json(), desk.inspra.batches()])
    assert delivery.answer.encoded()


@given(JUNK)
def test_a_body_that_is_no_object_is_refused(body: Any) -> None:
    desk = a_desk()
    for path in ("/load-json", "/test-call", "/terminate-batch", "/batch-call", "/calls", "/contacts"):
        assert desk.serve(a_post(path, body)).answer.status == 400
    assert len(desk.exchange) == 0


def test_credentials_are_masked_in_the_log() -> None:
    desk = a_desk()
    desk.serve(Request("GET", "/me", {"authorization": "Bearer oc_live_secret1234"}))
    assert desk.log.entries()[0].as_json()["headers"] == {"authorization": "Bearer …1234"}
