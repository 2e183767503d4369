"""Values with defaults that make sense together, so that a test names only what it is about."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from hypothesis import strategies as st

from dialer.domain.batch import Batch, BatchName, BatchTerms, CohortZones
from dialer.domain.call import Claim, DueCohort, OpenAttempt, Suppression
from dialer.domain.gate import Applicant
from dialer.domain.placement import Account, Capabilities
from dialer.domain.spec import BatchSpec, TestCallSpec
from dialer.domain.states import AttemptState, BatchState, Lane, StopKind
from dialer.engine.rows import RowReader
from dialer.errors import LoadRefused
from dialer.ports import HouseRules, Switchboard
from dialer.ports.ledger import AccountLoad, AccountState

#: A Monday, 09:00 in London; before that summer time of neither hemisphere ends.
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)
MELBOURNE = CohortZones(("Australia/Melbourne",))
NAME = BatchName("ws-1", "agent-1", "autumn")
PHONE = "+61387772586"
CORPUS = Path(__file__).parents[1] / "corpus"

#: The body of the seed's load-json, its placeholders filled in as its test-call example has them, dates moved on.
LOAD_JSON: dict[str, Any] = {
    "agentId": "0a85ad54-ae4c-44de-b149-079069ca04f5",
    "workspaceId": "O8K5OFUtWa0CKBbC2pGC",
    "batchRef": "batchtest-7897766006555",
    "cli": "+61387772586",
    "callList": [],
    "nbf": "2026-11-04T10:58:00.001Z",
    "exp": "2027-11-19T08:04:00.000Z",
    "blockRules": ["Mon-Fri|0800-1600", "Sat,Sun|0000-2400"],
}
#: The seed's test-call example, dates moved on.
TEST_CALL: dict[str, Any] = {
    "agentId": "0a85ad54-ae4c-44de-b149-079069ca04f5",
    "workspaceId": "O8K5OFUtWa0CKBbC2pGC",
    "batchRef": "batchtest-7897766006555",
    "cli": "+61387772586",
    "nbf": "2026-11-04T10:58:00.001Z",
    "exp": "2027-11-19T08:04:00.000Z",
    "blockRules": ["Mon-Fri|0800-1600"],
    "phone": "+61278132035",
    "variables": {
        "FIRST_NAME": "Kushal",
        "LAST_NAME": "CARAH",
        "COMPANY_NAME": "TASH CARAH PHOTOGRAPHY",
        "STATE": "VIC",
        "INDUSTRY": "",
        "ADDRESS": "18 Progress St",
        "CITY": "Mornington Peninsula",
        "POST_CODE": "3931",
    },
}


#: Whatever JSON can hold, and the floats that it cannot.
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


def corpus(name: str) -> Any:
    """A checked-in table of bad input; `{"$": …}` in it stands for what JSON cannot hold."""
    return json.loads((CORPUS / f"{name}.json").read_text(encoding="utf-8"), object_hook=_unusual)


def _unusual(found: dict[str, Any]) -> Any:
    match found:
        case {"$": "repeat", "text": text, "times": times, **rest}:
            return rest.get("before", "") + text * times + rest.get("after", "")
        case {"$": "nested", "depth": depth}:
            nested: list[Any] = []
            for _ in range(depth):
                nested = [nested]
            return nested
        case {"$": "int", "digits": digits}:
            return 10**digits
        case {"$": "float", "text": text}:
            return float(text)
        case {"$": "list", "of": item, "times": times}:
            return [item] * times
    return found


def names() -> dict[str, Any]:
    return {"workspace_id": NAME.workspace_id, "agent_id": NAME.agent_id, "batch_ref": NAME.batch_ref}


def a_spec(**given: Any) -> BatchSpec:
    return BatchSpec(**{**names(), **given})


def a_test_call(**given: Any) -> TestCallSpec:
    return TestCallSpec.read({**TEST_CALL, **given})


def some_terms(**given: Any) -> BatchTerms:
    defaults: dict[str, Any] = {
        "name": NAME,
        "account": "au",
        "nbf": NOW - DAY,
        "exp": NOW + 30 * DAY,
        "timezone": "Australia/Melbourne",
    }
    return BatchTerms(**{**defaults, **given})


def a_batch(terms: BatchTerms | None = None, **given: Any) -> Batch:
    batch = Batch("batch-1", terms or some_terms(), BatchState.ACTIVE, control_seq=0, created_at=NOW - DAY)
    return replace(batch, **given)


def an_applicant(**given: Any) -> Applicant:
    defaults: dict[str, Any] = {
        "terms": some_terms(),
        "zones": MELBOURNE,
        "legal_hours": (),
        "suppression": None,
        "attempts_spent": 0,
        "max_retries": 0,
    }
    return Applicant(**{**defaults, **given})


def a_suppression(until: datetime | None = None) -> Suppression:
    return Suppression(PHONE, "asked to be left alone", until=until)


def a_claim(**given: Any) -> Claim:
    defaults: dict[str, Any] = {
        "claim_id": "claim-1",
        "call_id": "call-1",
        "batch_id": "batch-1",
        "number": 1,
        "reference": "ref-1",
        "phone": PHONE,
        "variables": None,
        "timezone": None,
        "lane": Lane.NORMAL,
        "terms": some_terms(),
        "zones": MELBOURNE,
        "wire_ref": NAME.batch_ref,
        "kept": {},
        "claimed_at": NOW,
        "closes_at": NOW + DAY,
        "attempts_spent": 0,
        "max_retries": 0,
        "suppression": None,
        "control_seq": 0,
    }
    return Claim(**{**defaults, **given})


def an_open_attempt(**given: Any) -> OpenAttempt:
    defaults: dict[str, Any] = {
        "call_id": "call-1",
        "batch_id": "batch-1",
        "number": 1,
        "reference": "ref-1",
        "claim_id": "claim-1",
        "account": "au",
        "state": AttemptState.IN_PROGRESS,
        "phone": PHONE,
        "agent_id": NAME.agent_id,
        "provider_call_id": "provider-1",
        "claimed_at": NOW,
        "left_by": NOW,
        "since": NOW,
        "looks": 0,
        "attempts_spent": 1,
        "max_retries": 0,
        "terms": some_terms(),
        "batch_state": BatchState.ACTIVE,
        "now": NOW,
    }
    return OpenAttempt(**{**defaults, **given})


def an_account(name: str = "au", **given: Any) -> Account:
    defaults: dict[str, Any] = {"kind": "inspra", "base_url": "https://au.example", "caller_id": "+61390000000"}
    return Account(name, **{**defaults, **given})


def an_account_state(stop: StopKind | None = None, until: datetime | None = None) -> AccountState:
    return AccountState("au", stop, "why", until, NOW - DAY if stop else None, 0, None, None, None, NOW)


def a_load(queued: int = 0, dialing: int = 0, in_progress: int = 0, queued_tests: int = 0) -> AccountLoad:
    return AccountLoad(queued, dialing, in_progress, queued_tests)


def due(batch: str, count: int, cohort: int = 1, lane: Lane = Lane.NORMAL) -> DueCohort:
    return DueCohort("au", batch, cohort, lane, count, False)


def a_reader(rules: HouseRules | None = None, batch: str | None = None, country: str | None = None) -> RowReader:
    return RowReader(rules or HouseRules(), batch_timezone=batch, country=country)


@dataclass
class Adapter:
    """As much of an adapter as the terms of a batch look at."""

    capabilities: Capabilities


class Unregistered:
    """An agent registry in which nobody is."""

    def find(self, workspace_id: str, agent_id: str) -> None:
        return None


@dataclass
class Rooms:
    """As much of a ledger as the terms of a batch look at: its clock, and the batch that is there already."""

    loaded: Batch | None = None
    clock: datetime = NOW
    batches: Any = field(init=False)
    agents: Any = field(init=False)

    def __post_init__(self) -> None:
        self.batches = self
        self.agents = Unregistered()

    def now(self) -> datetime:
        return self.clock

    def find(self, name: BatchName) -> Batch | None:
        return self.loaded if self.loaded and self.loaded.terms.name == name else None


@dataclass
class Desk:
    """As much of a Switchboard as the terms of a batch look at."""

    accounts: dict[str, Account]
    providers: dict[str, Adapter]
    rules: HouseRules
    ledger: Rooms


def a_desk(
    accounts: Iterable[Account] = (),
    able: Capabilities | None = None,
    loaded: Batch | None = None,
    **rules: Any,
) -> Switchboard:
    known = {account.name: account for account in (list(accounts) or [an_account()])}
    able = able or Capabilities(reports_outcomes=True, can_find=True)
    house = HouseRules(**{"default_provider": next(iter(known)), **rules})
    return cast(Switchboard, Desk(known, {name: Adapter(able) for name in known}, house, Rooms(loaded)))


def codes(refused: LoadRefused) -> list[tuple[str, str]]:
    """Which code for which field, in the order in which they are told."""
    return [(error.code, error.field) for error in refused.errors]
