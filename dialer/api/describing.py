"""What the OpenAPI document says of bodies that are read strictly by `body`, and not by the framework."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

_REF: Final = "#/components/schemas/{model}"

SUMMARY: Final = """\
The APIs of three providers, spoken by the dialer: a client of any of them changes its base URL and its key, and gets
windows, retries, pause and the promise of the dialer behind it.

Keys are made by `dialer keys create --workspace W`. Each request needs one: `Authorization: Bearer <api_key>`, or
`X-API-KEY` and `X-API-SECRET`; Inspra's paths also take it as `/k/{api_key}/…`. What belongs to another workspace is
not there. Bodies are JSON in UTF-8, every name at most once in an object.
"""


@dataclass(frozen=True, slots=True)
class _Taken:
    model: type[BaseModel]
    #: with the nulls in them, which FastAPI would drop
    examples: dict[str, Any]


#: By the model's name, which is its own in all dialects.
_taken: dict[str, _Taken] = {}


def takes(model: type[BaseModel], **examples: Mapping[str, Any]) -> dict[str, Any]:
    """`openapi_extra` of a route whose body is such an object; examples by their titles."""
    shown = {title: {"summary": title.replace("_", " "), "value": dict(value)} for title, value in examples.items()}
    _taken[model.__name__] = _Taken(model, shown)
    content = {"schema": {"$ref": _REF.format(model=model.__name__)}}
    return {"requestBody": {"required": True, "content": {"application/json": content}}}


def describe(app: FastAPI) -> None:
    """Makes the app's OpenAPI document know the models that `takes` named, and which headers make one key."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign] # as FastAPI's own pages tell one to


def _document(app: FastAPI) -> dict[str, Any]:
    found = get_openapi(
        title=app.title, version=app.version, description=SUMMARY, routes=app.routes, tags=app.openapi_tags
    )
    models: set[type[BaseModel]] = set()
    for path in found["paths"].values():
        for operation in path.values():
            models |= _add_examples(operation)
            operation["responses"].pop("422", None)  # the framework's own; every mistake is a 400 here
            _pair_key_and_secret(operation)
    wanted = [(model, "validation") for model in sorted(models, key=lambda model: model.__name__)]
    _, described = models_json_schema(wanted, ref_template=_REF)  # type: ignore[arg-type] # the mode is a literal
    schemas = found.setdefault("components", {}).setdefault("schemas", {})
    schemas.update(described.get("$defs", {}))
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    return found


def _add_examples(operation: dict[str, Any]) -> set[type[BaseModel]]:
    """Returns the models that its body refers to."""
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    taken = _taken.get(content.get("schema", {}).get("$ref", "").rpartition("/")[2])
    if taken is None:
        return set()
    content["examples"] = taken.examples
    return {taken.model}


def _pair_key_and_secret(operation: dict[str, Any]) -> None:
    """FastAPI lists each header as a way in of its own."""
    if any("key" in way for way in operation.get("security", ())):
        operation["security"] = [{"bearer": []}, {"key": [], "secret": []}]
