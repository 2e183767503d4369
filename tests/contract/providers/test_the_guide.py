"""The adapter in docs/writing_a_provider.md passes the suite, as the guide says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from dialer.domain.placement import Account
from dialer.ports.voice import VoiceProvider
from dialer.testing.provider_contract import ProviderContract

GUIDE = Path(__file__).parents[3] / "docs" / "writing_a_provider.md"


def the_guides_classes() -> dict[str, Any]:
    said: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL):
        exec(block, said)
    return said


classes = the_guides_classes()
Suite: type[ProviderContract] = classes["TestAcme"]


class TestAcme(Suite):  # type: ignore[misc, valid-type]
    def adapter(self, account: Account) -> VoiceProvider:
        provider: VoiceProvider = classes["Acme"](account)
        return provider


del Suite
