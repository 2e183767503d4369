"""What `dialer check` says of provider accounts: each is asked what does no harm, and none passes that is not well."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from dialer.checks import check_all
from dialer.domain.placement import Answer, AnswerKind, Balance, Capabilities, NotTold, Sought
from dialer.settings import Settings
from dialer.testing.providers import FakeProvider
from tests.integration.engine.conftest import NewRig
from tests.integration.engine.rig import HANDS_OFF, an_account

METERED = Capabilities(reports_outcomes=True, can_find=True, has_balance=True)


@dataclass
class Telling(FakeProvider):
    """Says this of its balance, or of a call that it is asked about."""

    says: Balance | Answer | NotTold | None = None

    def balance(self) -> Balance | Answer:
        return self.says if isinstance(self.says, Balance | Answer) else super().balance()

    def find(self, sought: Sought) -> NotTold:
        assert isinstance(self.says, NotTold)
        return self.says


@pytest.mark.parametrize(
    ("provider", "is_well", "words"),
    [
        (Telling(capabilities=METERED, says=Balance(50.0)), True, "reachable, balance 50"),
        (Telling(capabilities=METERED, says=Balance(None)), True, "reachable"),
        (Telling(capabilities=METERED, says=Balance(5.0)), False, "below its minimum of 25: nothing is placed"),
        (Telling(capabilities=METERED, says=Answer(AnswerKind.AUTH, "no key", http_status=401)), False, "HTTP 401: no"),
        (FakeProvider(), True, "reachable"),
        (Telling(says=NotTold("connection refused")), False, "connection refused"),
        (Telling(says=NotTold("no key", 401)), False, "HTTP 401: no key"),
        (FakeProvider(capabilities=HANDS_OFF), True, "not asked"),
    ],
)
def test_an_account_is_asked_what_does_no_harm(
    new_rig: NewRig, provider: FakeProvider, is_well: bool, words: str
) -> None:
    rig = new_rig(accounts={"au": an_account(minimum_balance=25.0)}, providers={"au": provider})
    [line] = [line for line in check_all(Settings(), rig.desk) if line.name == "provider au"]
    assert (line.ok, words in line.detail) == (is_well, True), line
    assert provider.placed == []
