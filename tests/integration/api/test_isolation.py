"""A property: whatever a key of one workspace asks for, nothing of another is shown, changed, or known to be there.

The operations, their parameters and fields are read from our own OpenAPI document, so that a new one is tried too.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dialer import Dialer
from dialer.domain.client import Scope
from tests.integration.api.conftest import Served

OURS, THEIRS = "acme", "zz-neighbour"
#: Whatever could tell that the neighbours are there.
AGENT, REF, LIST, TITLE, PHONES = "zz-agent", "zz-ref", "zz-list", "zz-title", ["+61391110001", "+61391110002"]
OPERATIONS = ("get", "post", "patch", "delete")


@dataclass(frozen=True)
class Neighbours:
    """Two workspaces on one server; we have the key of the first, and know everything of the second."""

    served: Served
    operations: list[tuple[str, str, dict[str, Any]]]
    #: ids and names of theirs, by what they are
    theirs: dict[str, list[str]]
    ours: dict[str, list[str]]

    @property
    def marks(self) -> set[str]:
        return {value for values in self.theirs.values() for value in values}


def fill(dialer: Dialer, workspace: str, agent: str, ref: str, name: str, phones: list[str]) -> dict[str, list[str]]:
    rows = [{"phone": phone, "variables": {"who": name}} for phone in phones]
    spec = {"workspace_id": workspace, "agent_id": agent, "name": name}
    dialer.agents.add(workspace_id=workspace, agent_id=agent, name=name)
    batches = [
        dialer.load_batch({**spec, "batch_ref": ref}, calls=rows).batch_id,
        dialer.load_batch({**spec, "batch_ref": f"{ref}-draft", "status": "draft"}, calls=rows).batch_id,
    ]
    test = dialer.test_call({"workspace_id": workspace, "agent_id": agent, "batch_ref": ref, "phone": phones[0]})
    kept = dialer.contacts.create_list(workspace, name)
    for phone in phones:
        dialer.contacts.add(workspace, name, {"phone": phone, "name": name})
    return {
        "workspace": [workspace],
        "agent": [agent],
        "ref": [ref, f"{ref}-draft"],
        "phone": phones,
        "name": [name],
        "batch": [*batches, test.batch_id],
        "call": [call.call_id for batch in batches for call in dialer.calls(batch)] + [test.call_id],
        "list": [kept.list_id],
        "contact": [contact.contact_id for contact in dialer.contacts.entries(workspace)],
    }


def standing(dialer: Dialer) -> list[Any]:
    """All that there is of them."""
    statuses = dialer.batches(THEIRS)
    return [
        [(one.batch_id, one.batch_ref, one.state, one.total, one.counts) for one in statuses],
        [call for one in statuses for call in dialer.calls(one.batch_id)],
        list(dialer.agents.entries(THEIRS)),
        list(dialer.contacts.entries(THEIRS)),
        dialer.contacts.lists(THEIRS),
        list(dialer.suppressions(THEIRS)),
        dialer.keys.entries(THEIRS),
    ]


@pytest.fixture
def neighbours(served: Served) -> Neighbours:
    theirs = fill(served.dialer, THEIRS, AGENT, REF, TITLE, PHONES)
    ours = fill(served.dialer, OURS, "agent-7", "spring", "ours", ["+61391119999"])
    served.dialer.keys.create(THEIRS)
    document = served.client.get(f"{served.url}/openapi.json").json()
    operations = [
        (method, path, {**operation, "components": document["components"]})
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in OPERATIONS and not path.startswith("/webhooks")
    ]
    operations = [one for one in operations if one[1] not in ("/healthz", "/readyz", "/metrics")]
    assert len(operations) > 25
    return Neighbours(served, operations, theirs, ours)


def fields_of(operation: dict[str, Any]) -> list[str]:
    schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    named = schema.get("$ref", "").rpartition("/")[2]
    return sorted(operation["components"]["schemas"].get(named, schema).get("properties", {}))


def example_of(operation: dict[str, Any]) -> dict[str, Any]:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    examples = [one["value"] for one in content.get("examples", {}).values()]
    return dict(examples[0]) if examples else {}


@dataclass(frozen=True)
class Asked:
    """One request, before it is sent."""

    method: str
    path: str
    query: dict[str, str]
    body: dict[str, Any] | None

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.query} {self.body}"


@st.composite
def requests(draw: st.DrawFn, near: Neighbours) -> Asked:
    """Any operation, with names of theirs (and some of ours) wherever a value goes."""
    method, path, operation = draw(st.sampled_from(near.operations))
    theirs = sorted(near.marks)
    mixed = st.sampled_from([*theirs, *(value for values in near.ours.values() for value in values)])

    def filled(found: re.Match[str]) -> str:
        if found[1] == "api_key":
            return near.served.key.api_key
        prefix = draw(st.sampled_from(["", "batch_call_"])) if "batch_call" in found[1] else ""
        return prefix + draw(st.sampled_from(theirs))

    named = [one["name"] for one in operation.get("parameters", ()) if one["in"] == "query"]
    query = draw(st.dictionaries(st.sampled_from(named), mixed, max_size=2)) if named else {}
    body = None
    if "requestBody" in operation:
        changed = draw(st.dictionaries(st.sampled_from(fields_of(operation) or ["phone"]), mixed, max_size=4))
        body = {**(example_of(operation) if draw(st.booleans()) else {}), **changed}
        if "workspaceId" in body and draw(st.booleans()):
            body["workspaceId"] = THEIRS
    return Asked(method, re.sub(r"{(\w+)}", filled, path), query, body)


def send(near: Neighbours, asked: Asked) -> Any:
    headers = {} if asked.path.startswith("/k/") else near.served.bearer
    return near.served.client.request(
        asked.method, near.served.url + asked.path, params=asked.query, json=asked.body, headers=headers
    )


@pytest.mark.timeout(300)
def test_a_key_shows_and_changes_nothing_of_another_workspace(neighbours: Neighbours) -> None:
    dialer = neighbours.served.dialer
    before = standing(dialer)
    statuses: set[int] = set()
    #: what we made ours by writing it: an agent id passes through, whoever else has one like it
    written: set[str] = set()

    @settings(max_examples=120, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(asked=requests(neighbours))
    def ask(asked: Asked) -> None:
        answer = send(neighbours, asked)
        statuses.add(answer.status_code)
        said = answer.text + str(answer.headers)
        sent = str(asked)
        assert [mark for mark in neighbours.marks - written if mark in said and mark not in sent] == [], asked
        if asked.body and answer.is_success:
            written.update(mark for mark in neighbours.marks if mark in str(asked.body))
        assert answer.status_code < 500, asked

    ask()
    assert standing(dialer) == before
    assert {200, 400, 404} <= statuses


def ids_in_paths(near: Neighbours) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for method, path, operation in near.operations:
        if re.search(r"{(?!api_key)\w+}", path):
            yield method, path, operation


def test_theirs_is_answered_like_what_never_was(neighbours: Neighbours) -> None:
    tried = 0
    for method, path, operation in ids_in_paths(neighbours):
        body = example_of(operation) if "requestBody" in operation else None
        for mark in sorted({values[0] for values in neighbours.theirs.values()}):
            nobody = str(uuid.uuid4()) if re.fullmatch(r"[0-9a-f-]{36}", mark) else "zz-nobody"
            answers = [
                send(neighbours, Asked(method, re.sub(r"{\w+}", value.replace("+", "%2B"), path), {}, body))
                for value in (mark, nobody)
            ]
            assert [answer.status_code for answer in answers] == [404, 404], (method, path, mark)
            assert answers[0].text.replace(mark, "") == answers[1].text.replace(nobody, ""), (method, path, mark)
            tried += 1
    assert tried > 50


def test_all_lists_together_hold_only_what_is_ours(neighbours: Neighbours) -> None:
    reader = neighbours.served.dialer.keys.create(OURS, [Scope.READ]).api_key
    headers = {"Authorization": f"Bearer {reader}"}
    lists = [path for method, path, _ in neighbours.operations if method == "get" and "{" not in path]
    said = [neighbours.served.client.get(neighbours.served.url + path, headers=headers).text for path in lists]
    whole = "\n".join(said)
    assert [mark for mark in neighbours.marks if mark in whole] == []
    assert neighbours.ours["batch"][0].replace("-", "") in whole.replace("-", "")
    assert neighbours.ours["contact"][0] in whole
