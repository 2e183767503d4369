"""The OpenAPI document: every field, parameter and header says what it is, by example."""

from __future__ import annotations

from typing import Any, cast

import pytest

from dialer.api import batch_call_bodies, create_app, inspra_bodies, outboundcalls_bodies
from dialer.facade import Dialer


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return create_app(cast(Dialer, None)).openapi()


def test_every_field_says_what_it_is_by_example(document: dict[str, Any]) -> None:
    described = document["components"]["schemas"]
    assert len(described) >= 30
    silent = [
        f"{name}.{field}"
        for name, schema in described.items()
        for field, told in schema.get("properties", {}).items()
        if "$ref" not in told and not {"description", "examples"} <= set(told)
    ]
    assert silent == []


def test_every_parameter_says_what_it_is_by_example(document: dict[str, Any]) -> None:
    silent = [
        f"{method} {path} {parameter['name']}"
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        for parameter in operation.get("parameters", ())
        if not parameter.get("description") or not (parameter.get("examples") or parameter["schema"].get("examples"))
    ]
    assert silent == []


def test_every_header_of_an_answer_says_what_it_is(document: dict[str, Any]) -> None:
    told = [
        header
        for operations in document["paths"].values()
        for operation in operations.values()
        for answer in operation["responses"].values()
        for header in answer.get("headers", {}).values()
    ]
    assert len(told) > 20
    assert all(header.get("description") for header in told)


def test_no_status_is_promised_that_never_comes(document: dict[str, Any]) -> None:
    told = {status for path in document["paths"].values() for each in path.values() for status in each["responses"]}
    assert "422" not in told


def test_the_seeds_bodies_are_the_examples(document: dict[str, Any]) -> None:
    def example(path: str) -> Any:
        body = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        return body["examples"]["seed"]["value"]

    assert example("/batch-call") == batch_call_bodies.SEED
    assert example("/api/v1/calls") == outboundcalls_bodies.SEED_CALL
    assert example("/api/v1/contacts") == outboundcalls_bodies.SEED_CONTACT
    assert example("/test-call") == inspra_bodies.TEST
