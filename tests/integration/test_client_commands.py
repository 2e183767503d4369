"""Commands about agents and contact lists, typed against a ledger of their own."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from dialer import Dialer
from dialer.cli import app
from dialer.cli.desk import Desk
from dialer.settings import Settings

PHONE = "+61387772586"
ACME = ("--workspace", "acme")
Typed = Callable[..., Result]


@pytest.fixture
def typed(sqlite_url: str) -> Typed:
    account = {"kind": "batch_call", "base_url": "http://localhost:1", "api_key": "k", "api_secret": "s"}
    settings = Settings.model_validate(
        {"database_url": sqlite_url, "providers": {"main": {**account, "caller_id": "+12025550198"}}}
    )

    def run(*words: str, stdin: str | None = None) -> Result:
        desk = Desk(open_dialer=lambda: Dialer(settings))
        return CliRunner().invoke(app, list(words), input=stdin, obj=desk, catch_exceptions=False)

    return run


def told(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_an_agent_is_added_shown_listed_and_removed(typed: Typed) -> None:
    url = "https://example.com/calls"
    added = told(typed("agents", "add", "sales", *ACME, "--provider-agent", "7ff4", "--webhook-url", url, "--json"))
    assert (added["account"], added["provider_agent_id"], added["webhook_url"]) == ("main", "7ff4", url)
    assert added["webhook_secret"].startswith("whsec_")
    [listed] = told(typed("agents", "list", *ACME, "--json"))
    shown = told(typed("agents", "show", "sales", *ACME, "--json"))
    assert listed == shown == {name: value for name, value in added.items() if name != "webhook_secret"}
    assert added["webhook_secret"] not in typed("agents", "show", "sales", *ACME).stdout
    assert told(typed("agents", "list", "--workspace", "other", "--json")) == []
    assert "sales is forgotten" in typed("agents", "remove", "sales", *ACME).stdout
    assert told(typed("agents", "remove", "sales", *ACME, "--json"))["removed"] is False
    assert typed("agents", "show", "sales", *ACME).exit_code == 1


def test_a_wrong_agent_is_refused_with_a_line_for_each_mistake(typed: Typed) -> None:
    refused = typed("agents", "add", "sales", *ACME, "--provider", "uk", "--webhook-secret", "whsec_" + "QUJD" * 8)
    assert refused.exit_code == 2
    lines = refused.stderr.splitlines()
    assert [line.split(":")[0] for line in lines] == ["PROVIDER_UNKNOWN", "FIELD_MISSING"]
    assert typed("agents", "add", "sales").exit_code == 2  # whose?


def test_an_agent_for_people_is_told_with_its_secret_once(typed: Typed) -> None:
    shown = typed("agents", "add", "sales", *ACME, "--webhook-url", "https://example.com/calls").stdout
    assert "whsec_" in shown
    assert "7ff4" in typed("agents", "add", "sales", *ACME, "--provider-agent", "7ff4").stdout
    assert "sales" in typed("agents", "list", *ACME).stdout


def test_contacts_come_in_and_a_batch_is_loaded_from_them(typed: Typed, tmp_path: Path) -> None:
    file, batch = tmp_path / "customers.csv", tmp_path / "batch.json"
    file.write_text(f"phone,name,plan\n{PHONE},Jane,gold\nnobody,,\n", encoding="utf-8")
    imported = typed("contacts", "import", "spring", str(file), *ACME)
    assert imported.exit_code == 1
    assert "row 3: PHONE_NOT_E164" in imported.stderr
    receipt = json.loads(typed("contacts", "import", "spring", str(file), *ACME, "--json").stdout)
    assert (receipt["already_known"], receipt["rejected"]) == (1, 1)
    [listed] = told(typed("contacts", "lists", *ACME, "--json"))
    assert (listed["name"], listed["contacts"]) == ("spring", 1)
    again = json.loads(typed("contacts", "import", listed["list_id"], str(file), *ACME, "--json").stdout)
    assert again["list_id"] == listed["list_id"]
    [contact] = told(typed("contacts", "show", "spring", *ACME, "--json"))
    assert (contact["phone"], contact["custom_fields"]) == (PHONE, {"plan": "gold"})
    assert json.loads(typed("contacts", "show", "spring", *ACME, "--jsonl").stdout) == contact
    assert "Jane" in typed("contacts", "show", "spring", *ACME).stdout
    assert "spring" in typed("contacts", "lists", *ACME).stdout
    batch.write_text('{"workspaceId": "acme", "agentId": "sales", "batchRef": "b1"}', encoding="utf-8")
    assert told(typed("load", str(batch), "--contact-list", "spring", "--json"))["accepted"] == 1
    [call] = told(typed("calls", "acme/sales/b1", "--json"))
    assert (call["phone"], call["variables"]) == (PHONE, {"name": "Jane", "plan": "gold"})


def test_a_list_that_is_not_there_loads_nothing(typed: Typed, tmp_path: Path) -> None:
    batch = tmp_path / "batch.json"
    batch.write_text('{"workspaceId": "acme", "agentId": "sales", "batchRef": "b1"}', encoding="utf-8")
    missing = typed("load", str(batch), "--contact-list", "spring")
    assert (missing.exit_code, missing.stderr.split(":")[0]) == (1, "CONTACT_LIST_UNKNOWN")
    assert told(typed("batches", "--json")) == []
    assert typed("load", str(batch), "--contact-list", "a", "--calls", "b").exit_code == 2
    batch.write_text('{"agentId": "sales", "batchRef": "b1"}', encoding="utf-8")
    refused = typed("load", str(batch), "--contact-list", "spring")
    assert (refused.exit_code, refused.stderr.split(":")[0]) == (2, "FIELD_MISSING")


def test_a_list_is_made_once(typed: Typed) -> None:
    made = told(typed("contacts", "create", "spring", *ACME, "--json"))
    assert told(typed("contacts", "create", "spring", *ACME, "--json")) == made
    assert made["list_id"] in typed("contacts", "create", "spring", *ACME).stdout
    assert typed("contacts", "create", "", *ACME).exit_code == 2


def test_a_key_is_shown_once_listed_and_revoked(typed: Typed) -> None:
    made = told(typed("keys", "create", *ACME, "--json"))
    assert set(made) == {"key_id", "workspace_id", "api_key", "api_secret"}
    assert made["workspace_id"] == "acme"
    assert made["api_key"].startswith("oc_live_")
    listed = typed("keys", "list", "--json")
    [kept] = told(listed)
    assert (kept["key_id"], kept["scopes"]) == (made["key_id"], ["enqueue", "control", "read"])
    assert (kept["revoked_at"], kept["last_used_at"]) == (None, None)
    assert made["api_key"] not in listed.stdout + typed("keys", "list").stdout
    assert told(typed("keys", "list", "--workspace", "other", "--json")) == []
    assert told(typed("keys", "revoke", made["key_id"], "--json"))["revoked"] is True
    assert typed("keys", "revoke", made["key_id"]).exit_code == 1
    assert typed("keys", "revoke", "nonsense").exit_code == 1
    assert told(typed("keys", "list", "--json"))[0]["revoked_at"] is not None


def test_a_key_for_people_tells_them_to_keep_it(typed: Typed) -> None:
    shown = typed("keys", "create", *ACME, "--scope", "read, admin").stdout
    assert "oc_live_" in shown
    assert "not shown again" in shown
    assert "read, admin" in typed("keys", "list").stdout


def test_a_key_with_a_scope_that_is_none_is_not_made(typed: Typed) -> None:
    refused = typed("keys", "create", "--workspace", "", "--scope", "read,write")
    assert refused.exit_code == 2
    assert [line.split(":")[0] for line in refused.stderr.splitlines()] == ["FIELD_MISSING", "FIELD_TYPE"]
    assert typed("keys", "create", *ACME, "--scope", "").exit_code == 2
    assert told(typed("keys", "list", "--json")) == []
