"""Adapters are found by entry point, a stranger's like ours; what cannot be used is told before anybody is dialed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dialer.domain.placement import Account
from dialer.errors import ConfigInvalid
from dialer.providers.batch_call import BatchCall
from dialer.providers.inspra import Inspra
from dialer.providers.outboundcalls import OutboundCalls
from dialer.providers.registry import build, kinds

Install = Callable[..., None]

ACME = """
from dialer.testing.providers import FakeProvider

class Acme(FakeProvider):
    def __init__(self, account):
        super().__init__()
        self.account = account

class Halfway:
    def __init__(self, account): pass
    def place(self, placement, last_look): pass

class Particular:
    def __init__(self, account):
        raise ValueError(f"no such region for {account.options['api_key']}")

NOTHING = 7
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """A package of a stranger's, as pip would leave it."""

    def package(name: str, **entries: str) -> None:
        (tmp_path / "acme_adapter.py").write_text(ACME)
        (tmp_path / "broken_adapter.py").write_text("import nothing_of_that_name\n")
        told = tmp_path / f"{name}-1.0.dist-info"
        told.mkdir()
        (told / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        lines = [f"{kind} = {value}" for kind, value in entries.items()]
        (told / "entry_points.txt").write_text("\n".join(["[dialer.providers]", *lines]) + "\n")
        monkeypatch.syspath_prepend(tmp_path)

    return package


def an_account(kind: str) -> Account:
    return Account(
        "main", kind, "http://127.0.0.1:9", options={"api_key": "a-secret-key", "api_secret": "another-secret"}
    )


@pytest.mark.parametrize(
    ("kind", "adapter"), [("inspra", Inspra), ("batch_call", BatchCall), ("outboundcalls", OutboundCalls)]
)
def test_ours_are_found_by_their_kinds(kind: str, adapter: type) -> None:
    assert kind in kinds()
    assert isinstance(build(an_account(kind)), adapter)


def test_a_strangers_is_found_just_so(install: Install) -> None:
    install("acme", acme="acme_adapter:Acme")
    assert "acme" in kinds()
    assert type(build(an_account("acme"))).__name__ == "Acme"


def test_an_unknown_kind_names_the_nearest() -> None:
    with pytest.raises(ConfigInvalid, match=r"providers\.main\.kind: 'inspira' is no kind .* did you mean 'inspra'\?"):
        build(an_account("inspira"))


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ("broken_adapter:Acme", r"broken_adapter:Acme of acme cannot be loaded: ModuleNotFoundError"),
        ("acme_adapter:Nobody", r"cannot be loaded: AttributeError"),
        ("acme_adapter:NOTHING", r"is not callable: expected a class"),
        ("acme_adapter:Halfway", r"is no VoiceProvider: no prepare, progress, find, relay, balance, capabilities"),
        ("acme_adapter:Particular", r"refused it: ValueError$"),
    ],
)
def test_an_adapter_that_cannot_be_used_is_told(install: Install, entry: str, why: str) -> None:
    install("acme", acme=entry)
    with pytest.raises(ConfigInvalid, match=why) as told:
        build(an_account("acme"))
    assert "a-secret-key" not in str(told.value)


def test_two_packages_that_claim_a_kind_are_told(install: Install) -> None:
    install("acme", inspra="acme_adapter:Acme")
    with pytest.raises(ConfigInvalid, match=r"several packages claim it: .*acme_adapter:Acme of acme"):
        build(an_account("inspra"))


def test_a_key_with_a_line_break_names_its_account() -> None:
    account = Account("main", "inspra", "http://127.0.0.1:9", options={"token": "a-secret\nkey"})
    with pytest.raises(ConfigInvalid, match=r"providers\.main: .*Authorization") as told:
        build(account)
    assert "a-secret" not in str(told.value)
