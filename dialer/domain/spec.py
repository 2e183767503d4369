"""What a user hands in: BatchSpec, CallSpec, TestCallSpec; every mistake in one of them is found at once and named.

The seed's load-json and test-call bodies validate as they stand. Whether a provider, a window or a change to a loaded
batch is acceptable needs more than the spec: that is decided in `engine.terms`. Rows of a call list are judged one by
one in `engine.rows`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar, Final, NoReturn, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails, PydanticCustomError

from dialer.domain import fields
from dialer.domain.retry import RetryPolicy
from dialer.domain.rule import MAX_RULES, parse_rule
from dialer.errors import BadRule, FieldError, LoadRefused, shown

#: A run is named REF@2026-11-23T09:00; the longest ref must leave room for that.
TEMPLATE_REF_LIMIT = 238

_EVIDENCE_CHARS: Final = 300
_SECRET: Final = re.compile("secret|token|passw|auth|key|credential", re.IGNORECASE)

Name = Annotated[str, BeforeValidator(fields.read_name)]
Timestamp = Annotated[datetime, BeforeValidator(fields.read_timestamp)]
Rules = Annotated[tuple[Any, ...], BeforeValidator(fields.read_rule_list)]
Zone = Annotated[str, BeforeValidator(fields.read_zone)]
Cli = Annotated[str | None, BeforeValidator(fields.read_cli)]
Retries = Annotated[int, BeforeValidator(fields.read_retries)]
Retry = Annotated[RetryPolicy, BeforeValidator(fields.read_retry)]
Priority = Annotated[str, BeforeValidator(fields.read_priority)]


class Spec(BaseModel):
    """Frozen; camelCase accepted, null counts as left out, unknown fields are refused with the nearest valid name.

    However one is made from values, what is wrong with them is a LoadRefused.
    """

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)

    rule_fields: ClassVar[tuple[str, ...]] = ()

    def __init__(self, /, **values: Any) -> None:
        named, wrong = self._named(values)
        try:
            super().__init__(**named)
        except ValidationError as error:
            wrong.extend(map(_field_error, error.errors()))
        wrong.extend(self._bad_rules(named))
        wrong.extend(self._disagreements(named))
        if wrong:
            raise LoadRefused(wrong)

    @classmethod
    def read(cls, document: object) -> Self:
        """From a parsed JSON document; raises LoadRefused with every error."""
        if isinstance(document, cls):
            return document
        if not isinstance(document, Mapping) or not all(isinstance(key, str) for key in document):
            raise _not_a_document(f"expected a JSON object, got {shown(document)}")
        return cls(**document)

    @classmethod
    def model_validate(cls, obj: Any, **options: Any) -> Self:
        return cls.read(obj)

    @classmethod
    def model_validate_json(cls, json_data: str | bytes | bytearray, **options: Any) -> Self:
        try:
            return cls.read(json.loads(json_data, parse_constant=_no_number))
        except RecursionError:
            raise _not_a_document("is nested too deeply") from None
        except ValueError as error:
            raise _not_a_document(f"is not JSON: {error}") from None

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy; what is updated is read like everything else."""
        copy = super().model_copy(deep=deep)
        if not update:
            return copy
        kept = {name: getattr(copy, name) for name in self.model_fields_set}
        return type(self)(**{**kept, **{fields.snake(name): value for name, value in update.items()}})

    @property
    def given(self) -> frozenset[str]:
        """Fields the user wrote, null counted as left out."""
        return frozenset(name for name in self.model_fields_set if getattr(self, name) is not None)

    @classmethod
    def _named(cls, values: Mapping[str, Any]) -> tuple[dict[str, Any], list[FieldError]]:
        """The values by field name, nulls left out, and what is wrong with the names."""
        named: dict[str, Any] = {}
        wrong: list[FieldError] = []
        by_name = {alias: name for name in cls.model_fields for alias in (name, to_camel(name))}
        for key, value in values.items():
            name = by_name.get(key)
            if name is None:
                message = f"unknown field{fields.nearest(key, cls.model_fields, values)}"
                evidence = "***" if _SECRET.search(key) else _evidence(value)
                wrong.append(FieldError("UNKNOWN_FIELD", _legible(key), evidence, message))
            elif name != key and name in values:
                wrong.append(FieldError("UNKNOWN_FIELD", key, _evidence(value), f"is given twice, as {name!r} too"))
            elif value is not None:
                named[name] = value
        return named, wrong

    @classmethod
    def _disagreements(cls, named: Mapping[str, Any]) -> list[FieldError]:
        """What is wrong with fields that are right by themselves."""
        nbf, exp = _moment(named.get("nbf")), _moment(named.get("exp"))
        if nbf is None or exp is None or exp > nbf:
            return []
        return [FieldError("WINDOW_REVERSED", "exp", _evidence(named["exp"]), "expected exp to be later than nbf")]

    @classmethod
    def _bad_rules(cls, named: Mapping[str, Any]) -> list[FieldError]:
        wrong: list[FieldError] = []
        for name in cls.rule_fields:
            rules = named.get(name)
            if not isinstance(rules, list | tuple):
                continue
            if len(rules) > MAX_RULES:
                message = f"expected at most {MAX_RULES} rules, got {len(rules)}"
                wrong.append(FieldError("TOO_MANY", name, len(rules), message))
                continue
            wrong.extend(filter(None, (_bad_rule(f"{name}.{index}", rule) for index, rule in enumerate(rules))))
        return wrong


def _moment(value: object) -> datetime | None:
    try:
        return None if value is None else fields.read_timestamp(value)
    except PydanticCustomError:
        return None


def _bad_rule(field: str, rule: object) -> FieldError | None:
    try:
        parse_rule(rule)
    except BadRule as error:
        return FieldError(error.code, field, _evidence(rule), error.message)
    return None


def _field_error(error: ErrorDetails) -> FieldError:
    field = fields.snake(".".join(map(str, error["loc"])))
    if error["type"] == "missing":
        return FieldError("FIELD_MISSING", field, None, "expected a value, got nothing")
    code = error["type"] if error["type"].isupper() else "FIELD_TYPE"
    evidence = "***" if _SECRET.search(field) else _evidence(error["input"])
    return FieldError(code, field, evidence, error["msg"])


def _legible(key: str) -> str:
    return key if key.isprintable() and len(key) <= fields.NAME_LIMIT else shown(key)


def _evidence(value: object) -> object:
    """The value as an error carries it: as given, long and nested ones in short."""
    is_long = isinstance(value, str) and len(value) > _EVIDENCE_CHARS
    is_huge = isinstance(value, int) and value.bit_length() > 256
    is_nested = isinstance(value, list | tuple | dict) and bool(value)
    return shown(value, _EVIDENCE_CHARS) if is_long or is_huge or is_nested else value


def _not_a_document(message: str) -> LoadRefused:
    return LoadRefused([FieldError("FIELD_TYPE", "(document)", None, message)])


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON number")


class BatchSpec(Spec):
    """A batch as a user writes it; the seed's load-json body is one. Fields left out of a repeated load stay as they
    are."""

    rule_fields: ClassVar[tuple[str, ...]] = ("block_rules", "calling_hours")

    workspace_id: Name
    agent_id: Name
    batch_ref: Name
    #: caller ID, E.164
    cli: Cli = None
    #: rows: CallSpec, or an object with its fields
    call_list: Annotated[list[Any], BeforeValidator(fields.read_rows)] = []
    #: not before; absent = now
    nbf: Timestamp | None = None
    #: expiry, exclusive; absent = nbf + 30 days
    exp: Timestamp | None = None
    #: when dialing is forbidden, e.g. Mon-Fri|0800-1600
    block_rules: Rules | None = None
    #: when dialing is allowed, same grammar
    calling_hours: Rules | None = None
    #: a title for people
    name: Name | None = None
    #: of the rules, where a call has none of its own
    timezone: Zone | None = None
    #: provider account; absent = the configuration's default_provider
    provider: Name | None = None
    max_retries: Retries | None = None
    retry: Retry | None = None
    priority: Priority | None = None
    status: Annotated[str, fields.one_of("scheduled", "draft")] = "scheduled"
    #: five fields, on the batch's timezone: the load is a template
    cron: Annotated[str, BeforeValidator(fields.read_cron)] | None = None
    on_unknown: Annotated[str, fields.one_of("hold", "redial")] | None = None
    max_call_seconds: Annotated[timedelta, BeforeValidator(fields.read_max_call)] | None = None

    @classmethod
    def _disagreements(cls, named: Mapping[str, Any]) -> list[FieldError]:
        wrong = super()._disagreements(named)
        if named.get("cron") is None:
            return wrong
        if named.get("timezone") is None:
            wrong.append(FieldError("FIELD_MISSING", "timezone", None, "expected a timezone: cron counts on its clock"))
        ref = named.get("batch_ref")
        if isinstance(ref, str) and TEMPLATE_REF_LIMIT < len(ref) <= fields.NAME_LIMIT:
            message = f"expected at most {TEMPLATE_REF_LIMIT} characters in a batch with cron, got {len(ref)}"
            wrong.append(FieldError("FIELD_TOO_LONG", "batch_ref", ref, message))
        return wrong


class BatchNameSpec(Spec):
    """A batch by its name; the seed's pause-batch and terminate-batch bodies are one."""

    workspace_id: Name
    agent_id: Name
    batch_ref: Name


class TestCallSpec(Spec):
    """One test call; the seed's test-call body is one. Released at once, before everything else, gated like any
    call."""

    __test__ = False  # not for pytest

    rule_fields: ClassVar[tuple[str, ...]] = ("block_rules",)

    workspace_id: Name
    agent_id: Name
    batch_ref: Name | None = None
    cli: Cli = None
    nbf: Timestamp | None = None
    exp: Timestamp | None = None
    block_rules: Rules | None = None
    phone: Any = None
    variables: Any = None
    provider: Name | None = None
    timezone: Zone | None = None
    #: dial outside hours; only numbers of the configuration's test_numbers may
    ignore_hours: Annotated[bool, BeforeValidator(fields.read_flag)] = False


@dataclass(frozen=True, slots=True)
class CallSpec:
    """One number of a batch. Not checked here: a bad row rejects itself, not its batch."""

    phone: Any = None
    #: any JSON object, at most 5 KB
    variables: Any = None
    #: IANA; beats the batch's
    timezone: Any = None
    #: 0 to 20; beats the batch's
    max_retries: Any = None
    #: high | normal | low; beats the batch's
    priority: Any = None
