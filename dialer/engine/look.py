"""What a claim shows: its gates, the request that would be sent, and both as the text that is kept on its attempt.

Read once for each claim, by its own instant: what was written down is what was decided by.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import lru_cache

from dialer.domain.call import Claim
from dialer.domain.gate import Applicant, GateReading, readings
from dialer.domain.placement import Account, Placement
from dialer.domain.zones import zone
from dialer.engine.rows import RowError, zones_for
from dialer.engine.unforeseen import unforeseen
from dialer.ports import Switchboard

_PRINTED = json.JSONEncoder(default=str, sort_keys=True)


@lru_cache(maxsize=4096)
def _gate_text(gate: str, is_open: bool, detail: str) -> str:
    """Most gates say the same to every call of a batch."""
    return json.dumps({"gate": gate, "verdict": "open" if is_open else "closed", "detail": detail})


@lru_cache(maxsize=1024)
def _rules_text(block_rules: tuple[str, ...], calling_hours: tuple[str, ...], legal_hours: tuple[str, ...]) -> str:
    rules = {"block_rules": block_rules, "calling_hours": calling_hours, "legal_hours": legal_hours}
    return json.dumps(rules)[1:-1]


class Look:
    """At one claim: remembered for as long as the very same one is asked about."""

    def __init__(self, desk: Switchboard, account: Account) -> None:
        self._desk, self._account = desk, account
        self._claim: Claim | None = None
        self._applicant: Applicant | None = None
        self._readings: Sequence[GateReading] | None = None
        self._placement: Placement | None = None

    def readings(self, claim: Claim) -> Sequence[GateReading]:
        self._turn_to(claim)
        if self._readings is None:
            self._readings = readings(self._of(claim), claim.claimed_at)
        return self._readings

    def placement(self, claim: Claim) -> Placement:
        self._turn_to(claim)
        if self._placement is None:
            self._placement = placement_of(claim, self._account)
        return self._placement

    def text(self, claim: Claim) -> str:
        """Every gate as it stands for this claim, as JSON: the answer to why this number was called at that minute.

        Never raises: the claim is under way. What cannot be read here stops the call at the gate.
        """
        try:
            return self._text(claim)
        except Exception as error:  # noqa: BLE001
            return json.dumps([{"gate": "record", "verdict": "closed", "detail": unforeseen(error).why}])

    def _text(self, claim: Claim) -> str:
        try:
            applicant = self._of(claim)
        except RowError as error:
            return json.dumps([{"gate": "zones", "verdict": "closed", "detail": str(error)}])
        gates = [_gate_text(each.gate, each.is_open, each.detail) for each in self.readings(claim)]
        zones = dict.fromkeys(applicant.zones.rules + applicant.zones.legal)
        times = {name: claim.claimed_at.astimezone(zone(name)).isoformat() for name in zones}
        rules = _rules_text(claim.terms.block_rules, claim.terms.calling_hours, applicant.legal_hours)
        request = request_print(self.placement(claim))
        own = f'"local_times": {json.dumps(times)}, "control_seq": {claim.control_seq}'
        seen = f'"signal_epoch": {json.dumps(claim.epoch)}, "request": "{request}"'
        return f'[{", ".join(gates)}, {{"gate": "rules", "verdict": "read", {rules}, {own}, {seen}}}]'

    def _turn_to(self, claim: Claim) -> None:
        if self._claim is not claim:
            self._claim, self._applicant, self._readings, self._placement = claim, None, None, None

    def _of(self, claim: Claim) -> Applicant:
        self._turn_to(claim)
        if self._applicant is None:
            self._applicant = applicant_of(self._desk, claim)
        return self._applicant


def applicant_of(desk: Switchboard, claim: Claim) -> Applicant:
    """Zones are read from the number again: the cohort's are an index, not the law."""
    return Applicant(
        terms=claim.terms,
        zones=zones_for(claim.phone, claim.timezone, claim.terms.timezone, desk.rules),
        legal_hours=desk.rules.legal_hours,
        suppression=claim.suppression,
        attempts_spent=claim.attempts_spent,
        max_retries=claim.max_retries,
    )


def request_print(placement: Placement) -> str:
    """The same for the same request: all that is sent, but for what a second request takes from its attempt's row (nbf,
    to which exp is reckoned here) and from `prepare`."""
    sent = {name: getattr(placement, name) for name in placement.__dataclass_fields__ if name not in ("kept", "nbf")}
    sent["exp"] = placement.exp - placement.nbf
    return hashlib.sha256(_PRINTED.encode(sent).encode()).hexdigest()[:16]


def placement_of(claim: Claim, account: Account, kept: Mapping[str, str] | None = None) -> Placement:
    """What the adapter is told; the provider-side expiry is where our own window closes."""
    terms = claim.terms
    return Placement(
        reference=claim.reference,
        call_id=claim.call_id,
        workspace_id=terms.name.workspace_id,
        agent_id=terms.wire_agent_id,
        batch_ref=terms.name.batch_ref,
        wire_ref=claim.wire_ref,
        cli=terms.cli or account.caller_id or None,
        phone=claim.phone,
        variables=dict(json.loads(claim.variables)) if claim.variables else {},
        nbf=claim.claimed_at,
        exp=min(terms.exp, claim.closes_at),
        block_rules=terms.block_rules,
        timezone=_told_zone(claim),
        is_test=terms.is_test,
        kept={**claim.kept, **(kept or {})},
    )


def _told_zone(claim: Claim) -> str | None:
    """The one zone that its rules count in, where there is one; of several, none is its own."""
    own = claim.zones.rules
    return own[0] if len(own) == 1 else claim.timezone or claim.terms.timezone
