"""Every error the dialer raises, named by what the caller must do about it.

DialerError                    one root; `.code` is stable, the text begins with it
├─ InvalidInput                the sender must fix it
│  ├─ BadRule                  one rule of blockRules, callingHours or legal_hours
│  ├─ BadPhone                 one number
│  ├─ BadCron                  a cron expression
│  └─ LoadRefused              a whole load; `.errors` lists everything wrong at once
├─ Unknown                     the name is not in the ledger
│  ├─ BatchUnknown
│  ├─ CallUnknown
│  ├─ AgentUnknown
│  ├─ ContactListUnknown
│  ├─ ContactUnknown
│  ├─ PhoneNumberUnknown
│  ├─ WorkspaceUnknown
│  ├─ NoticeUnknown
│  └─ WebhookUnknown           and whoever sent it learns no more than that
├─ BatchTerminated             final: load it under another ref
├─ BatchBegun                  it cannot be changed like this any more
├─ AccountShort                the provider account needs credits
├─ ProviderFails               the provider account takes no calls
├─ ConfigInvalid               dialer.toml or a DIALER_… variable must be fixed
├─ SchemaOutdated              run `dialer migrate`
├─ CallUnderWay                a number cannot be erased while it is being called
├─ ArchiveUnwritable           make room, or name another directory
├─ LedgerUnreachable           nobody is dialed until it is back
├─ RedisUnreachable            nobody is dialed until it is back
└─ IllegalMove                 a state was left that cannot be: a bug, page someone

What a provider answered is no error but a value (`dialer.domain.placement`).
"""

from __future__ import annotations

from dataclasses import dataclass
from inspect import cleandoc
from reprlib import Repr
from typing import Any, ClassVar, Final

#: Never walks more of a value than a line can show.
_BRIEF: Final = Repr()


def shown(value: object, limit: int = 60) -> str:
    """A value as a message shows it: one line of at most `limit` characters, whatever was handed in."""
    if isinstance(value, str | bytes):
        return repr(value[:limit])[:limit]
    try:
        return _BRIEF.repr(value)[:limit]
    except (ValueError, RecursionError):  # an integer of thousands of digits, for one, has no repr
        return f"<{type(value).__name__}>"


class DialerError(Exception):
    """Something went wrong in the dialer."""

    default_code: ClassVar[str] = "DIALER_ERROR"

    def __init__(self, message: str | None = None, *, code: str | None = None) -> None:
        self.code = code or self.default_code
        self.message = message or cleandoc(type(self).__doc__ or "").splitlines()[0]
        super().__init__(f"{self.code}: {self.message}")


class InvalidInput(DialerError):
    """The input cannot be used as it stands."""

    default_code = "INVALID_INPUT"


class BadRule(InvalidInput):
    """A rule does not follow the grammar DAYS|TIMES, e.g. Mon-Fri|0800-1600."""

    default_code = "BAD_RULE"

    def __init__(self, code: str, rule: object, position: int, expected: str) -> None:
        self.rule = rule
        self.position = position
        super().__init__(f"in {shown(rule, 300)} at char {position}: {expected}", code=code)


class BadPhone(InvalidInput):
    """The number cannot be dialed as it stands."""

    default_code = "PHONE_NOT_E164"


class BadCron(InvalidInput):
    """The cron expression cannot be used."""

    default_code = "CRON_INVALID"


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing that is wrong with a load: stable code, field, the value as given, and what was expected."""

    code: str
    field: str
    value: Any
    message: str

    def __str__(self) -> str:
        return f"{self.code}: {self.field}: {self.message}"


class LoadRefused(InvalidInput):
    """The load was refused and nothing was written."""

    default_code = "LOAD_REFUSED"

    def __init__(self, errors: list[FieldError]) -> None:
        self.errors = errors
        super().__init__("; ".join(str(error) for error in errors), code=self.default_code)


class Unknown(DialerError):
    """Nothing of that name is in the ledger."""

    default_code = "UNKNOWN"


class BatchUnknown(Unknown):
    """No batch of that name is in the ledger."""

    default_code = "BATCH_UNKNOWN"


class CallUnknown(Unknown):
    """No such call is in the ledger."""

    default_code = "CALL_UNKNOWN"


class AgentUnknown(Unknown):
    """No such agent is registered in this workspace."""

    default_code = "AGENT_UNKNOWN"


class ContactListUnknown(Unknown):
    """No such contact list is in this workspace."""

    default_code = "CONTACT_LIST_UNKNOWN"


class ContactUnknown(Unknown):
    """No such contact is in this workspace."""

    default_code = "CONTACT_UNKNOWN"


class PhoneNumberUnknown(Unknown):
    """The provider account has no such phone number."""

    default_code = "PHONE_NUMBER_UNKNOWN"


class NoticeUnknown(Unknown):
    """No such notice is in the ledger."""

    default_code = "NOTICE_UNKNOWN"


class WebhookUnknown(Unknown):
    """No account receives webhooks at this address."""

    default_code = "WEBHOOK_UNKNOWN"


class WorkspaceUnknown(Unknown):
    """No such workspace belongs to this key."""

    default_code = "WORKSPACE_UNKNOWN"


class BatchTerminated(DialerError):
    """The batch was terminated, and that is final: load the numbers under another batchRef."""

    default_code = "BATCH_TERMINATED"


class BatchBegun(DialerError):
    """The batch has begun, or is over: it cannot be changed like this any more."""

    default_code = "BATCH_BEGUN"


class AccountShort(DialerError):
    """The provider account has too few credits to place a call."""

    default_code = "ACCOUNT_SHORT"


class ProviderFails(DialerError):
    """The provider account takes no calls at present."""

    default_code = "PROVIDER_FAILS"


class ConfigInvalid(DialerError):
    """The configuration cannot be used."""

    default_code = "CONFIG_INVALID"


class SchemaOutdated(DialerError):
    """The ledger's schema is not the one this version needs: run `dialer migrate`."""

    default_code = "SCHEMA_OUTDATED"


class CallUnderWay(DialerError):
    """A call to this number is under way: nothing was erased."""

    default_code = "CALL_UNDER_WAY"


class ArchiveUnwritable(DialerError):
    """The archive of pruned batches cannot be written: nothing was removed."""

    default_code = "ARCHIVE_UNWRITABLE"


class LedgerUnreachable(DialerError):
    """The ledger cannot be reached: nobody is dialed until it is back."""

    default_code = "LEDGER_UNREACHABLE"


class RedisUnreachable(DialerError):
    """Redis cannot be reached: nobody is dialed until it is back."""

    default_code = "REDIS_UNREACHABLE"


class IllegalMove(DialerError):
    """A state was left by a move that the table of legal moves does not have."""

    default_code = "ILLEGAL_MOVE"
