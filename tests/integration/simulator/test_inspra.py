"""The Inspra dialect over a real socket."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.simulator.clients import NAMES, Client, a_load, a_test_call


def test_a_load_is_accepted_with_an_empty_body_and_every_number_is_placed(client: Client) -> None:
    assert client.post("/inspra/load-json", a_load("+61278132035", "+61278132036")) == (200, b"")
    placed = client.simulator.placements()
    assert [call["phone"] for call in placed] == ["+61278132035", "+61278132036"]
    assert {call["batch_ref"] for call in placed} == {"ref"}


@pytest.mark.parametrize("path", ["/load-json", "//load-json", "/inspra//load-json", "/inspra/load-json/"])
def test_the_seeds_paths_work_at_the_root_and_with_doubled_slashes(client: Client, path: str) -> None:
    assert client.post(path, a_load())[0] == 200


def test_a_test_call_is_one_placement(client: Client) -> None:
    assert client.post("/inspra/test-call", a_test_call()) == (200, b"")
    assert [call["phone"] for call in client.simulator.placements()] == ["+61278132035"]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"agentId": ""}, "agentId"),
        ({"cli": "0387772586"}, "cli"),
        ({"callList": {}}, "callList"),
        ({"callList": [{"phone": "+61278132035"}]}, "callList[0]: variables"),
        ({"callList": [{"phone": "78132035", "variables": {}}]}, "callList[0]: phone"),
        ({"nbf": "2025-11-04T10:58:00"}, "nbf"),
        ({"exp": "soon"}, "exp"),
        ({"exp": "2024-01-01T00:00:00.000Z"}, "exp"),
        ({"blockRules": "Mon-Fri|0800-1600"}, "blockRules"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_placed(client: Client, changes: dict[str, Any], named: str) -> None:
    status, said = client.post("/inspra/load-json", a_load(**changes))
    assert status == 400
    assert said["error"].startswith(f"{named}:")
    assert client.simulator.placements() == []


@pytest.mark.parametrize("missing", list(a_load()))
def test_every_field_of_the_seed_is_required(client: Client, missing: str) -> None:
    body = a_load()
    del body[missing]
    status, said = client.post("/inspra/load-json", body)
    assert status == 400
    assert said["error"].startswith(f"{missing}: is missing")


def rung(client: Client) -> dict[str, bool]:
    return {call["phone"]: call["rang_wall"] is not None for call in client.simulator.placements()}


def test_a_number_rings_at_once_inside_its_window(client: Client) -> None:
    client.post("/inspra/load-json", a_load("+61278132035"))
    assert rung(client) == {"+61278132035": True}


def test_a_number_does_not_ring_before_nbf_or_after_exp(client: Client) -> None:
    client.post("/inspra/load-json", a_load("+61278132035", batchRef="early", nbf="2120-01-01T00:00:00.000Z"))
    client.post("/inspra/load-json", a_load("+61278132036", batchRef="late", exp="2025-11-05T00:00:00.000Z"))
    assert rung(client) == {"+61278132035": False, "+61278132036": False}
    assert [call["held"] for call in client.simulator.placements()] == [None, "expired"]


def test_a_paused_batch_rings_again_with_the_next_load(client: Client) -> None:
    later = {"nbf": "2120-01-01T00:00:00.000Z"}
    client.post("/inspra/load-json", a_load("+61278132035", **later))
    client.post("/inspra/pause-batch", NAMES)
    assert client.simulator.placements()[0]["held"] == "paused"
    client.post("/inspra/load-json", {**a_load(), "callList": []})
    assert rung(client) == {"+61278132035": True}


def test_a_terminated_batch_never_rings_again(client: Client) -> None:
    assert client.post("/inspra/terminate-batch", NAMES) == (200, b"")
    client.post("/inspra/load-json", a_load("+61278132035"))
    client.post("/inspra/test-call", a_test_call(phone="+61278132036"))
    assert rung(client) == {"+61278132035": False, "+61278132036": False}
    assert {call["held"] for call in client.simulator.placements()} == {"terminated"}


def test_a_pause_without_names_is_refused(client: Client) -> None:
    assert client.post("/inspra/pause-batch", {"agentId": "a"})[0] == 400


def test_batches_are_told_with_their_state_and_window_as_sent(client: Client) -> None:
    client.post("/inspra/load-json", a_load())
    client.post("/inspra/pause-batch", NAMES)
    [batch] = client.get("/_simulator/batches")[1]["inspra"]
    assert (batch["batchRef"], batch["state"]) == ("ref", "paused")
    assert batch["blockRules"] == ["Mon-Fri|0800-1600"]
