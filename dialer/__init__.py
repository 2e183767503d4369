"""A background dialer: from a list of phone numbers to hosted voice agents, each number at most once per attempt.

The public names load when they are first used, so that a single room (`dialer.domain.window`, say) costs only itself.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dialer.domain.call import AttemptRecord, CallRecord, Suppression
    from dialer.domain.client import Agent, Contact, ContactList
    from dialer.domain.receipt import CallRef, ContactReceipt, ControlReceipt, LoadReceipt, Rejection
    from dialer.domain.registration import AgentSpec, ContactSpec
    from dialer.domain.retry import RetryPolicy
    from dialer.domain.spec import BatchSpec, CallSpec, TestCallSpec
    from dialer.domain.status import AccountStatus, BatchStatus, Explanation, Gate
    from dialer.facade import Dialer, HoldReceipt

__all__ = [
    "AccountStatus",
    "Agent",
    "AgentSpec",
    "AttemptRecord",
    "BatchSpec",
    "BatchStatus",
    "CallRecord",
    "CallRef",
    "CallSpec",
    "Contact",
    "ContactList",
    "ContactReceipt",
    "ContactSpec",
    "ControlReceipt",
    "Dialer",
    "Explanation",
    "Gate",
    "HoldReceipt",
    "LoadReceipt",
    "Rejection",
    "RetryPolicy",
    "Suppression",
    "TestCallSpec",
]

_HOMES = {
    "dialer.domain.call": ("AttemptRecord", "CallRecord", "Suppression"),
    "dialer.domain.client": ("Agent", "Contact", "ContactList"),
    "dialer.domain.receipt": ("CallRef", "ContactReceipt", "ControlReceipt", "LoadReceipt", "Rejection"),
    "dialer.domain.registration": ("AgentSpec", "ContactSpec"),
    "dialer.domain.retry": ("RetryPolicy",),
    "dialer.domain.spec": ("BatchSpec", "CallSpec", "TestCallSpec"),
    "dialer.domain.status": ("AccountStatus", "BatchStatus", "Explanation", "Gate"),
    "dialer.facade": ("Dialer", "HoldReceipt"),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(home), name)
    raise AttributeError(f"module 'dialer' has no attribute {name!r}")
