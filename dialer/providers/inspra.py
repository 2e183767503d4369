"""Inspra Outbound: one load-json for each call, a test-call for each test; it answers nothing and reports no outcome.

It has a queue of its own. So that nothing waits there into a blocked hour, `exp` is the moment our own window closes,
and pause and terminate are passed on.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from dialer.domain.placement import (
    Account,
    Answer,
    AnswerKind,
    Balance,
    Capabilities,
    ControlOrder,
    NotTold,
    Placement,
    Prepared,
    Sought,
)
from dialer.ports.voice import LastLook
from dialer.providers.answers import as_answer
from dialer.providers.http import HttpClient, marks

_SILENT = NotTold("Inspra reports no outcomes")


class Inspra:
    """One account; the seed documents no authentication, so the token is optional."""

    capabilities = Capabilities(reports_outcomes=False, can_find=False, relays_control=True)

    def __init__(self, account: Account) -> None:
        token = account.options.get("token") or ""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = HttpClient(account.base_url, headers, account.deadline_seconds)
        self._caller_id = account.caller_id
        # Their zone at Inspra is not documented: ours are checked here in any case.
        self._sends_rules = bool(account.options.get("send_block_rules", True))

    def prepare(self, placement: Placement) -> Prepared | Answer:
        return Prepared({})

    def place(self, placement: Placement, last_look: LastLook) -> Answer:
        """Any 2xx is accepted, whatever its body."""
        path = "/test-call" if placement.is_test else "/load-json"
        return as_answer(self._http.post(path, self._body(placement), headers=marks(placement), last_look=last_look))

    def progress(self, sought: Sought) -> NotTold:
        return _SILENT

    def find(self, sought: Sought) -> NotTold:
        return _SILENT

    def relay(self, order: ControlOrder) -> Answer:
        """Resuming is a load-json without numbers: there is no other way, and the next one with numbers resumes too."""
        if order.action == "resume":
            return as_answer(self._http.post("/load-json", self._resumption(order)))
        if order.action in ("pause", "terminate"):
            return as_answer(self._http.post(f"/{order.action}-batch", _names(order)))
        return Answer(AnswerKind.REJECTED, f"Inspra knows no {order.action!r:.40}")

    def balance(self) -> Balance:
        return Balance(None)

    def _body(self, placement: Placement) -> dict[str, Any]:
        callee = {"phone": placement.phone, "variables": dict(placement.variables)}
        window = self._window(placement.nbf, placement.exp, placement.block_rules)
        cli = placement.cli or self._caller_id
        if placement.is_test:
            return {**_names(placement), "cli": cli, **window, **callee}
        return {**_names(placement), "cli": cli, "callList": [callee], **window}

    def _resumption(self, order: ControlOrder) -> Mapping[str, Any]:
        cli = order.cli or self._caller_id
        return {**_names(order), "cli": cli, "callList": [], **self._window(order.nbf, order.exp, order.block_rules)}

    def _window(self, nbf: datetime | None, exp: datetime | None, block_rules: tuple[str, ...]) -> dict[str, Any]:
        bounds = {name: _written(moment) for name, moment in (("nbf", nbf), ("exp", exp)) if moment is not None}
        return {**bounds, "blockRules": list(block_rules) if self._sends_rules else []}


def _names(of: Placement | ControlOrder) -> dict[str, str]:
    return {"agentId": of.agent_id, "workspaceId": of.workspace_id, "batchRef": of.wire_ref}


def _written(moment: datetime) -> str:
    """ISO 8601, milliseconds, Z; cut, not rounded, so that `exp` is never later than ours."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
