"""What is handed in to be kept: every mistake is named, nothing is guessed."""

from __future__ import annotations

from typing import Any

import pytest

from dialer.domain.registration import AgentSpec, ContactSpec, new_webhook_secret
from dialer.errors import LoadRefused

AGENT = {"workspaceId": "w1", "agentId": "sales"}


def errors(spec: type[AgentSpec | ContactSpec], **given: Any) -> list[tuple[str, str]]:
    with pytest.raises(LoadRefused) as refused:
        spec.read(given)
    return [(error.code, error.field) for error in refused.value.errors]


def test_an_agent_is_read_with_either_spelling_of_its_fields() -> None:
    spec = AgentSpec.read({**AGENT, "provider_agent_id": "7ff4", "callerId": "+61 3 8777 2586", "webhookUrl": None})
    assert (spec.provider_agent_id, spec.caller_id, spec.webhook_url) == ("7ff4", "+61387772586", None)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "http://127.0.0.1:8080/calls?of=acme",
        "https://[2001:db8::1]/x",
        "https://example.com/%E2%98%8E",
    ],
)
def test_a_webhook_url_is_kept_as_it_is(url: str) -> None:
    assert AgentSpec.read({**AGENT, "webhook_url": url}).webhook_url == url


@pytest.mark.parametrize(
    "url",
    [
        "example.com/calls",  # no scheme
        "ftp://example.com",
        "javascript:alert(1)",
        "https://",
        "https:///calls",
        "https://example.com:port",
        "https://example.com:99999",
        "https://user:pass@example.com",
        "https://exa mple.com",
        "https://example.com/\n",
        "https://exämple.com",  # as the wire writes it: xn--exmple-cua.com
        "https://[::1",
        "https://example.com/" + "x" * 2000,
        7,
        ["https://example.com"],
    ],
)
def test_a_webhook_url_that_cannot_be_one_is_refused(url: object) -> None:
    [(code, field)] = errors(AgentSpec, **AGENT, webhook_url=url)
    assert field == "webhook_url"
    assert code in ("FIELD_TYPE", "FIELD_TOO_LONG")


def test_a_secret_is_standard_webhooks_and_no_error_repeats_it() -> None:
    made = new_webhook_secret(b"k" * 32)
    assert AgentSpec.read({**AGENT, "webhook_secret": made}).webhook_secret == made
    for wrong in ("whsec_", "whsec_c2hvcnQ=", made.removeprefix("whsec_"), made + "!", "hunter2hunter2", 7):
        with pytest.raises(LoadRefused) as refused:
            AgentSpec.read({**AGENT, "webhook_secret": wrong})
        assert refused.value.errors[0].value == "***"
        assert str(wrong) not in str(refused.value) or wrong == "whsec_"


def test_every_mistake_in_an_agent_is_found_at_once() -> None:
    wrong = errors(AgentSpec, agentId="", callerId="12", accountt="au", name="x" * 256)
    assert wrong == [
        ("UNKNOWN_FIELD", "accountt"),
        ("FIELD_MISSING", "workspace_id"),
        ("FIELD_MISSING", "agent_id"),
        ("FIELD_TOO_LONG", "name"),
        ("CLI_NOT_E164", "caller_id"),
    ]


def test_tags_are_a_list_of_texts_each_once() -> None:
    assert ContactSpec.read({"phone": "+1", "tags": ["lead", "web", "lead"]}).tags == ("lead", "web")
    assert errors(ContactSpec, phone="+1", tags="lead") == [("FIELD_TYPE", "tags")]
    assert errors(ContactSpec, phone="+1", tags=["", 7]) == [("FIELD_MISSING", "tags")]
    assert errors(ContactSpec, phone="+1", tags=[str(number) for number in range(51)]) == [("FIELD_TOO_LONG", "tags")]


def test_a_contact_s_unknown_field_is_named_with_the_nearest_one() -> None:
    with pytest.raises(LoadRefused, match=r"customField.*did you mean 'customFields'"):
        ContactSpec.read({"phone": "+1", "customField": {}})
