"""The ledger's rooms for whoever runs the dialer: what is going on, what is wrong, and what is not kept for ever.

As in `dialer.ports.ledger`: each method one short transaction, LedgerUnreachable when the database does not answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from dialer.domain.states import CallState


class Overview(Protocol):
    """The whole ledger at a glance, from the few rows that are in flight."""

    def in_flight(self) -> Mapping[CallState, int]:
        """Calls that are queued, dialing, in progress and unknown; every one of these states is a key."""
        ...
