"""What a configuration holds (contract: `docs/configuration.md`), and the values that bootstrap makes of it."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Discriminator, Field, PrivateAttr, SecretStr, Tag, model_validator

from dialer.domain.placement import Account
from dialer.errors import RedisUnreachable
from dialer.ports import HouseRules, Timing
from dialer.settings.values import (
    Command,
    Count,
    Credits,
    LedgerAddress,
    Networks,
    OptionalPhoneNumber,
    OptionalTimezone,
    OptionalWebAddress,
    OptionalWebhook,
    PhoneNumberIds,
    PhoneNumbers,
    Rate,
    RedisAddress,
    RequiredSecret,
    Rules,
    Seconds,
    Secret,
    Texts,
    Timezones,
    WebAddress,
)

_NO_SECRET: Final = SecretStr("")
_KINDS: Final = ("inspra", "batch_call", "outboundcalls")


class _Section(BaseModel):
    # hide_input: a wrong value may be a secret in the wrong place
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class ProviderSettings(_Section):
    """What every kind of account has; see `Account` for the meanings."""

    #: fields that only the kind's own adapter reads
    own: ClassVar[tuple[str, ...]] = ()

    kind: str = Field(min_length=1)
    base_url: WebAddress
    calls_per_second: Rate = 5.0
    channels: Count = 50
    deadline_seconds: Seconds = 30.0
    caller_id: OptionalPhoneNumber = ""
    webhook_secret: Secret = _NO_SECRET
    workspaces: Texts = ()

    def account(self, name: str, webhook_url: str = "") -> Account:
        """The domain's value; secrets are unwrapped here and nowhere else. `webhook_url` is for an adapter whose API
        can be told where to send webhooks."""
        return Account(
            name=name,
            kind=self.kind,
            base_url=self.base_url,
            calls_per_second=self.calls_per_second,
            channels=self.channels,
            deadline_seconds=self.deadline_seconds,
            caller_id=self.caller_id,
            workspaces=self.workspaces,
            minimum_balance=getattr(self, "minimum_balance", None),
            options=self.adapter_options() | ({"webhook_url": webhook_url} if webhook_url else {}),
        )

    def adapter_options(self) -> dict[str, Any]:
        values = {name: getattr(self, name) for name in (*self.own, "webhook_secret")}
        return {name: _unwrapped(value) for name, value in values.items()}


class InspraSettings(ProviderSettings):
    """Inspra's load-json and test-call."""

    own = ("token", "send_block_rules")

    token: Secret = _NO_SECRET
    send_block_rules: bool = True


class BatchCallSettings(ProviderSettings):
    """The batch-call API."""

    own = ("api_key", "api_secret")

    api_key: RequiredSecret
    api_secret: RequiredSecret


class OutboundCallsSettings(ProviderSettings):
    """OutboundCalls."""

    own = ("api_key", "phone_number_id", "contact_list_id", "phone_numbers")

    api_key: RequiredSecret
    minimum_balance: Credits = 25.0
    phone_number_id: str = ""
    contact_list_id: str = ""
    phone_numbers: PhoneNumberIds = Field(default_factory=dict)


class PluginSettings(ProviderSettings):
    """An adapter from another package: keys that are not everybody's are its options, checked by itself."""

    #: may hold secrets, and nobody here knows which: never shown
    options: dict[str, Any] = Field(default_factory=dict, repr=False, exclude=True)

    @model_validator(mode="before")
    @classmethod
    def _gather_options(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        common = ProviderSettings.model_fields
        options = {key: value for key, value in given.items() if key not in common}
        return {key: value for key, value in given.items() if key in common} | {"options": options}

    def adapter_options(self) -> dict[str, Any]:
        return {**self.options, **super().adapter_options()}


class TimingSettings(_Section):
    """Section [timing]; see `Timing` for the meanings."""

    absent_seconds: Seconds = 120.0
    give_up_seconds: Seconds = 600.0
    heartbeat_seconds: Seconds = 2.0
    dead_after_seconds: Seconds = 10.0

    @model_validator(mode="after")
    def _alive_between_beats(self) -> TimingSettings:
        if self.dead_after_seconds <= self.heartbeat_seconds:
            raise ValueError(
                f"dead_after_seconds: expected more than heartbeat_seconds ({self.heartbeat_seconds:g}),"
                f" got {self.dead_after_seconds:g}: workers would be taken for dead between two beats"
            )
        return self


class HttpSettings(_Section):
    """Section [http]: `dialer serve`."""

    #: where `dialer serve` and `dialer up` listen
    host: str = Field(default="127.0.0.1", min_length=1)
    #: 0 = any free one
    port: int = Field(default=8080, ge=0, le=65_535)
    #: of each API key; 0 = no limit
    requests_per_second: float = Field(default=100.0, ge=0, le=100_000, allow_inf_nan=False)


def _kind(given: Any) -> str:
    kind = given.get("kind") if isinstance(given, dict) else getattr(given, "kind", None)
    return kind if kind in _KINDS else "plugin"


AnyProvider = Annotated[
    Annotated[InspraSettings, Tag("inspra")]
    | Annotated[BatchCallSettings, Tag("batch_call")]
    | Annotated[OutboundCallsSettings, Tag("outboundcalls")]
    | Annotated[PluginSettings, Tag("plugin")],
    Discriminator(_kind),
]
AccountName = Annotated[str, Field(pattern=r"^[a-z0-9_]+$", max_length=64)]


class Settings(_Section):
    """The whole configuration; `load_settings` makes it."""

    database_url: LedgerAddress = SecretStr("sqlite:///dialer.db")
    redis_url: RedisAddress = SecretStr("embedded")
    default_provider: str = ""
    default_timezone: OptionalTimezone = ""
    number_check: Literal["possible", "valid"] = "possible"
    legal_hours: Rules = ()
    ignore_zones: Timezones = frozenset({"Indian/Cocos", "Indian/Christmas"})
    test_numbers: PhoneNumbers = frozenset()
    public_url: OptionalWebAddress = ""
    webhook_allow: Networks = ()
    alert_webhook: OptionalWebhook = _NO_SECRET
    alert_command: Command = ()
    providers: dict[AccountName, AnyProvider] = Field(default_factory=dict)
    http: HttpSettings = Field(default_factory=HttpSettings)
    timing: TimingSettings = Field(default_factory=TimingSettings)

    #: the configuration file's directory: relative paths start here
    _home: Path = PrivateAttr(default_factory=Path.cwd)

    @property
    def home(self) -> Path:
        """Where relative paths start: the directory of the configuration file."""
        return self._home

    def at(self, home: Path) -> Settings:
        """The same settings, relative paths starting at `home`."""
        moved = self.model_copy()
        moved._home = home.absolute()
        return moved

    def accounts(self) -> dict[str, Account]:
        """Every provider account by its name, secrets unwrapped."""
        return {name: provider.account(name, self.webhook_address(name)) for name, provider in self.providers.items()}

    def webhook_address(self, name: str) -> str:
        """Where this account's provider is to send its webhooks, the secret in it; "" where it cannot be told."""
        secret = self.providers[name].webhook_secret.get_secret_value()
        return f"{self.public_url}/webhooks/{name}/{quote(secret)}" if self.public_url and secret else ""

    def house_rules(self) -> HouseRules:
        """What holds for every batch. A single account is the default one without being named."""
        only = next(iter(self.providers)) if len(self.providers) == 1 else ""
        return HouseRules(
            default_provider=self.default_provider or only,
            default_timezone=self.default_timezone,
            number_check=self.number_check,
            legal_hours=self.legal_hours,
            ignore_zones=self.ignore_zones,
            test_numbers=self.test_numbers,
            timing=Timing(
                absent=timedelta(seconds=self.timing.absent_seconds),
                give_up=timedelta(seconds=self.timing.give_up_seconds),
                heartbeat=timedelta(seconds=self.timing.heartbeat_seconds),
                dead_after=timedelta(seconds=self.timing.dead_after_seconds),
            ),
        )

    def ledger_url(self) -> str:
        """Where the ledger is; an SQLite path made absolute."""
        url = self.database_url.get_secret_value()
        return f"sqlite:///{self._ledger_file()}{_query(url)}" if url.startswith("sqlite:") else url

    def state_directory(self) -> Path:
        """`.dialer/` beside the ledger, or beside the configuration where that is no file. Not created here."""
        url = self.database_url.get_secret_value()
        return (self._ledger_file().parent if url.startswith("sqlite:") else self.home) / ".dialer"

    @property
    def embeds_redis(self) -> bool:
        """Whether Redis is the one that `dialer up` starts: on loopback, for this machine alone."""
        return self.redis_url.get_secret_value() == "embedded"

    def redis_address(self) -> str:
        """redis://… as configured, or of the embedded one; RedisUnreachable when that is not running."""
        return self._embedded_address() if self.embeds_redis else self.redis_url.get_secret_value()

    def _ledger_file(self) -> Path:
        path = self.database_url.get_secret_value().removeprefix("sqlite:///").partition("?")[0]
        return self.home / path

    def _embedded_address(self) -> str:
        recorded = self.state_directory() / "redis.json"
        try:
            url = json.loads(recorded.read_text(encoding="utf-8"))["url"]
        except (OSError, ValueError, KeyError, TypeError):
            url = None
        if not isinstance(url, str) or not re.match("rediss?://", url):
            raise RedisUnreachable("the embedded Redis is not running: start `dialer up`, or set redis_url")
        return url


def fingerprint(account: Account) -> str:
    """Changes when the account's keys or address do; 16 hex digits of a SHA-256, from which no key can be read."""
    options = {key: value for key, value in account.options.items() if not key.startswith("webhook_")}
    keys = {key: options[key] for key in ("token", "api_key", "api_secret") if key in options}
    shown = keys if account.kind in _KINDS else options
    text = json.dumps([account.kind, account.base_url, shown], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _unwrapped(value: Any) -> Any:
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def _query(url: str) -> str:
    _, mark, query = url.partition("?")
    return mark + query
