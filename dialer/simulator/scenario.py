"""Decides what a scenario may say: defaults, rules by number, accounts; who gets which rule is `casting`'s."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from dialer.errors import InvalidInput
from dialer.simulator import reading
from dialer.simulator.reading import Span

_AT_ONCE, _RINGING, _TALK = Span(0, 0), Span(2, 2), Span(10, 10)
DIALECTS = ("inspra", "batch_call", "outboundcalls")
OUTCOMES = ("answered", "voicemail", "no_answer", "busy", "declined", "failed", "never")
#: What a request asks for; a rule without `on` is about placing a call.
OCCASIONS = ("place", "execute", "outcome", "tasks", "list", "account", "contact", "control", "other")

#: Kinds of fault, and whether the call is placed all the same when the scenario does not say.
FAULT_PLACES = {
    "http": False,
    "redirect": False,
    "reset_before": False,
    "reset": True,
    "timeout": True,
    "close_without_answer": True,
    "half_close": True,
    "drip": True,
    "garbage": True,
    "html200": True,
    "empty200": True,
    "no_id": True,
    "big": True,
    "gzip_bomb": True,
}


@dataclass(frozen=True, slots=True)
class Fault:
    """How one answer goes wrong; `placed` tells whether what was asked for was done all the same."""

    kind: str
    placed: bool = False
    status: int = 500
    retry_after: str | None = None
    location: str | None = None
    message: str | None = None
    seconds_per_byte: float = 1.0
    size: int | None = None

    @property
    def name(self) -> str:
        return f"http {self.status}" if self.kind == "http" else self.kind


@dataclass(frozen=True, slots=True)
class Script:
    """What is played to a number: weights of its outcomes, seconds, and how the answer looks."""

    outcome: Mapping[str, float] = field(default_factory=lambda: {"answered": 1.0})
    answer_after: Span = _AT_ONCE
    ring_seconds: Span = _RINGING
    talk_seconds: Span = _TALK
    list_delay: Span = _AT_ONCE
    draft: bool = False
    bare: bool = False
    id_shape: str = "id"
    fault: Fault | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """Which requests a script is played to; everything that is given must fit."""

    script: Script
    phone: tuple[re.Pattern[str], ...] = ()
    dialect: str | None = None
    on: str = "place"
    nth: Callable[[int], bool] | None = None
    probability: float = 1.0
    times: int | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """One dialect's account: credentials, credits and limits."""

    keys: frozenset[str] | None = None
    agents: frozenset[str] | None = None
    phone_number_ids: frozenset[str] | None = None
    balance: float = 10_000.0
    minimum_balance: float = 25.0
    credits_per_call: float = 0.0
    rate_limit: float | None = None
    max_concurrent: int | None = None
    idempotent: bool = False
    serve_tasks: bool = True
    webhook_url: str | None = None


def _fault(where: str, value: Any) -> Fault | None:
    """None, a kind ("reset"), an HTTP status (502), or an object with more to say."""
    if value is None:
        return None
    if isinstance(value, (str, int)) and not isinstance(value, bool):
        value = {"kind": value} if isinstance(value, str) else {"status": value}
    given = reading.fields(where, value, _FAULT_FIELDS)
    kind = given.setdefault("kind", "http")
    given.setdefault("placed", FAULT_PLACES[kind])
    if kind == "redirect":
        given = {"location": "/elsewhere", **given, "kind": "http", "status": given.get("status", 301)}
    if kind == "reset_before" and given["placed"]:
        reading.refuse(f"{where}.placed", "false, since reset_before never places", True)
    return Fault(**given)


def _status(where: str, value: Any) -> int:
    if reading.integer(where, value) not in range(200, 600):
        reading.refuse(where, "an HTTP status from 200 to 599", value)
    return int(value)


def _retry_after(where: str, value: Any) -> str:
    """Sent as it stands, however odd; "date+30" becomes the HTTP date 30 seconds ahead."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        reading.refuse(where, "a number or a text", value)
    if not str(value).isascii() or not str(value).isprintable():
        reading.refuse(where, "printable ASCII", value)
    return str(value)


def _header_text(where: str, value: Any) -> str:
    return _retry_after(where, reading.text(where, value))


def _webhook_url(where: str, value: Any) -> str | None:
    if value is not None and not reading.text(where, value).startswith("http://"):
        reading.refuse(where, "an http:// address", value)
    return value or None


_FAULT_FIELDS: dict[str, reading.Reader] = {
    "kind": reading.word(*FAULT_PLACES),
    "placed": reading.flag,
    "status": _status,
    "retry_after": _retry_after,
    "location": _header_text,
    "message": reading.text,
    "seconds_per_byte": reading.amount,
    "size": reading.count,
}
_DEFAULT_FIELDS: dict[str, reading.Reader] = {
    "outcome": reading.weights(*OUTCOMES),
    "answer_after": reading.span,
    "ring_seconds": reading.span,
    "talk_seconds": reading.span,
    "list_delay": reading.span,
    "draft": reading.flag,
    "bare": reading.flag,
    "id_shape": reading.word("id", "callId", "call", "data"),
}
_CONDITION_FIELDS: dict[str, reading.Reader] = {
    "phone": reading.patterns,
    "dialect": reading.word(*DIALECTS),
    "on": reading.word(*OCCASIONS, "any"),
    "nth": reading.turns,
    "probability": reading.share,
    "times": reading.count,
}
_RULE_FIELDS: dict[str, reading.Reader] = {**_CONDITION_FIELDS, **_DEFAULT_FIELDS, "fault": _fault}
_ACCOUNT_FIELDS: dict[str, reading.Reader] = {
    "keys": reading.texts,
    "agents": reading.texts,
    "phone_number_ids": reading.texts,
    "balance": reading.amount,
    "minimum_balance": reading.amount,
    "credits_per_call": reading.amount,
    "rate_limit": reading.amount,
    "max_concurrent": reading.count,
    "idempotent": reading.flag,
    "serve_tasks": reading.flag,
    "webhook_url": _webhook_url,
}


def _account(where: str, value: Any) -> Account:
    return Account(**reading.fields(where, value, _ACCOUNT_FIELDS))


def _accounts(where: str, value: Any) -> dict[str, Account]:
    return reading.fields(where, value, dict.fromkeys(DIALECTS, _account))


def _script(where: str, value: Any) -> Script:
    if isinstance(value, Mapping) and "fault" in value:
        expected = 'no fault here but in a rule, such as {"phone": "*", "fault": 503}'
        reading.refuse(f"{where}.fault", expected, value["fault"])
    return Script(**reading.fields(where, value, _DEFAULT_FIELDS))


def _rule(where: str, value: Any, defaults: Script) -> Rule:
    given = reading.fields(where, value, _RULE_FIELDS)
    conditions = {key: given.pop(key) for key in _CONDITION_FIELDS if key in given}
    return Rule(replace(defaults, **given), **conditions)


def _as_list(where: str, value: Any) -> list[Any]:
    if not isinstance(value, (list, tuple)):
        reading.refuse(where, "a list of rules", value)
    return list(value)


@dataclass(frozen=True, slots=True)
class Scenario:
    """A whole play: the seed of its chances, what everybody gets, who gets something else, and the accounts."""

    seed: int = 0
    defaults: Script = field(default_factory=Script)
    rules: tuple[Rule, ...] = ()
    accounts: Mapping[str, Account] = field(default_factory=dict)

    def account(self, dialect: str) -> Account:
        return self.accounts.get(dialect) or Account()

    @classmethod
    def of(cls, said: Any) -> Scenario:
        """A scenario from its JSON value; raises InvalidInput naming the field, its value and what was expected."""
        readers: dict[str, reading.Reader] = {
            "seed": reading.integer,
            "defaults": _script,
            "rules": _as_list,
            "accounts": _accounts,
        }
        given = reading.fields("scenario", said, readers)
        defaults = given.get("defaults", Script())
        rules = given.pop("rules", [])
        listed = tuple(_rule(f"scenario.rules[{at}]", rule, defaults) for at, rule in enumerate(rules))
        return cls(**given, rules=listed)

    @classmethod
    def read(cls, source: Scenario | Mapping[str, Any] | str | Path | None) -> Scenario:
        """A scenario from a value, a JSON file's path, or nothing (everybody answers)."""
        if isinstance(source, Scenario):
            return source
        if source is None:
            return cls()
        return cls.of(source if isinstance(source, Mapping) else _load(Path(source)))


def _load(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InvalidInput(f"{path}: cannot be read: {error.strerror}", code="SCENARIO_UNREADABLE") from None
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{path}: is not JSON: {error}", code="SCENARIO_UNREADABLE") from None
