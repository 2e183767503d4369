"""Nothing that a log must not hold gets past the mask."""

from __future__ import annotations

import pytest

from workers.logs import masked

NUMBER = "+61387772586"


def test_a_number_is_masked_wherever_it_lies_in_a_text() -> None:
    assert masked(f"no answer from {NUMBER}, again later") == "no answer from +6138*****86, again later"


@pytest.mark.parametrize(
    "kept", ["2026-11-23T16:00:00+11:00", "GMT+1100", "1+1=2", "a1b2c3d4-0000-5555-8888-999900001111"]
)
def test_what_is_no_number_stays(kept: str) -> None:
    assert masked(kept) == kept


def test_numbers_deep_inside_a_value_are_masked() -> None:
    assert masked({"calls": [{"to": NUMBER}, (NUMBER,)]}) == {"calls": [{"to": "+6138*****86"}, ["+6138*****86"]]}


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer oc_live_secret",
        "authorization=Basic c2VjcmV0",
        "X-API-KEY: secret",
        '{"api_secret": "secret"}',
        "sent with Bearer c2VjcmV0secret",
        "redis://user:secret@host:6379/0",
        "postgresql://:secret@host/dialer",
        "no such thing: oc_live_secret-c2VjcmV0",
        "GET /k/secret/load-json 200",
        "POST http://host/webhooks/main/secret?x=1",
    ],
)
def test_a_credential_is_masked_in_a_text(text: str) -> None:
    assert "secret" not in masked(text).replace("api_secret", "")
    assert "c2VjcmV0" not in masked(text)


def test_a_credential_is_masked_by_its_name() -> None:
    assert masked({"headers": {"X-API-SECRET": "tiny", "Accept": "*/*"}}) == {
        "headers": {"X-API-SECRET": "***", "Accept": "*/*"}
    }


def test_counts_and_nothing_stay_what_they_are() -> None:
    assert masked({"count": 61387772586, "why": None, "ok": True}) == {"count": 61387772586, "why": None, "ok": True}
