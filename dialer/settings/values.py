"""What single values of the configuration must look like: numbers, lists, secrets, addresses, phone numbers."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from dialer.domain.address import parse_network
from dialer.domain.phone import parse_phone
from dialer.domain.rule import parse_rules
from dialer.domain.zones import check_timezone
from dialer.errors import InvalidInput

_LEDGER_SCHEMES: Final = ("sqlite", "postgresql", "postgresql+psycopg")


def _from_text(value: Any) -> Any:
    """The environment and secret files have only text: a list or a table is written there as JSON."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        raise ValueError('expected JSON such as ["a", "b"] or {"a": "b"}') from None


def _no_bool(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("expected a number")
    return value


def phone_number(text: str) -> str:
    """E.164 of a number that is possible in its country; ValueError otherwise."""
    try:
        return parse_phone(text)
    except InvalidInput as error:
        raise ValueError(error.message) from None


def _secret(value: SecretStr) -> SecretStr:
    if any(not " " < char <= "~" for char in value.get_secret_value()):
        raise ValueError("expected printable ASCII without blanks or line breaks")
    return value


def _present(value: SecretStr) -> SecretStr:
    if not value.get_secret_value():
        raise ValueError("is empty: expected the key that the provider gave you")
    return value


def _web_address(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise ValueError("expected http://… or https://… with a host, and without a login, query or fragment")
    return text.rstrip("/")


def _webhook(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    parts = urlsplit(text)
    is_readable = text.isascii() and text.isprintable() and " " not in text
    if text and not (is_readable and parts.scheme in {"http", "https"} and parts.hostname and not parts.username):
        raise ValueError("expected http://… or https://… with a host, and without a login")
    return value


def _command(words: tuple[str, ...]) -> tuple[str, ...]:
    if words and not (words[0].startswith("/") and all(word and "\0" not in word for word in words)):
        raise ValueError("expected a program by its full path and its arguments, each a text that is not empty")
    return words


def _ledger_address(value: SecretStr) -> SecretStr:
    text = re.sub(r"^postgres://", "postgresql://", value.get_secret_value())
    scheme, mark, rest = text.partition("://")
    if not mark or scheme not in _LEDGER_SCHEMES:
        raise ValueError("expected sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME")
    if scheme == "sqlite" and (not rest.startswith("/") or rest in {"/", "/:memory:"} or rest.startswith("/file:")):
        raise ValueError("expected sqlite:///FILE: every process must find the same ledger, so it needs a file")
    return SecretStr(text)


def _redis_address(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if text != "embedded" and not re.match(r"rediss?://[^/\s]", text):
        raise ValueError('expected "embedded", redis://HOST:PORT/NUMBER or rediss://…')
    return value


def _rules(texts: tuple[str, ...]) -> tuple[str, ...]:
    try:
        return tuple(rule.text for rule in parse_rules(texts))
    except InvalidInput as error:
        raise ValueError(error.message) from None


def timezone_name(name: str) -> str:
    try:
        return check_timezone(name)
    except InvalidInput as error:
        raise ValueError(error.message) from None


def _or_empty(text: str) -> str:
    return phone_number(text) if text else text


def _web_address_or_empty(text: str) -> str:
    return _web_address(text) if text else text


def _network(text: str) -> str:
    return str(parse_network(text))


def _zone_or_empty(text: str) -> str:
    return timezone_name(text) if text else text


Seconds = Annotated[float, BeforeValidator(_no_bool), Field(gt=0, le=86_400, allow_inf_nan=False)]
Rate = Annotated[float, BeforeValidator(_no_bool), Field(gt=0, le=10_000, allow_inf_nan=False)]
Count = Annotated[int, BeforeValidator(_no_bool), Field(ge=1, le=1_000_000)]
Credits = Annotated[float, BeforeValidator(_no_bool), Field(ge=0, allow_inf_nan=False)]
Secret = Annotated[SecretStr, AfterValidator(_secret)]
RequiredSecret = Annotated[Secret, AfterValidator(_present)]
WebAddress = Annotated[str, AfterValidator(_web_address)]
LedgerAddress = Annotated[SecretStr, AfterValidator(_ledger_address)]
RedisAddress = Annotated[SecretStr, AfterValidator(_redis_address)]
PhoneNumber = Annotated[str, AfterValidator(phone_number)]
OptionalPhoneNumber = Annotated[str, AfterValidator(_or_empty)]
OptionalWebAddress = Annotated[str, AfterValidator(_web_address_or_empty)]
OptionalTimezone = Annotated[str, AfterValidator(_zone_or_empty)]
Texts = Annotated[tuple[str, ...], BeforeValidator(_from_text)]
Networks = Annotated[tuple[Annotated[str, AfterValidator(_network)], ...], BeforeValidator(_from_text)]
Command = Annotated[Texts, AfterValidator(_command)]
#: May carry a key in its path or query.
OptionalWebhook = Annotated[SecretStr, AfterValidator(_webhook)]
Rules = Annotated[tuple[str, ...], BeforeValidator(_from_text), AfterValidator(_rules)]
Timezones = Annotated[frozenset[Annotated[str, AfterValidator(timezone_name)]], BeforeValidator(_from_text)]
PhoneNumbers = Annotated[frozenset[PhoneNumber], BeforeValidator(_from_text)]
PhoneNumberIds = Annotated[dict[PhoneNumber, str], BeforeValidator(_from_text)]
