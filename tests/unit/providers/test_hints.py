"""Whom a webhook speaks of, whatever envelope it comes in."""

from __future__ import annotations

from typing import Any

import pytest

from dialer.domain.notice import Heard
from dialer.domain.placement import Account
from dialer.ports.voice import ReadsWebhooks
from dialer.providers.batch_call import BatchCall
from dialer.providers.inspra import Inspra
from dialer.providers.outboundcalls import OutboundCalls

PHONE = "+14155551212"
OUTBOUND = OutboundCalls(Account("oc", "outboundcalls", "https://oc.example", options={"api_key": "oc_test_key"}))
BATCH = BatchCall(
    Account("bc", "batch_call", "https://bc.example", options={"api_key": "a-key", "api_secret": "a-secret"})
)


@pytest.mark.parametrize(
    "told",
    [
        {"event": "call.completed", "data": {"id": "call-1", "toNumber": PHONE}},
        {"id": "event-7", "data": {"id": "call-1", "to": PHONE}},
        {"id": "event-7", "data": {"call": {"id": "call-1", "toNumber": PHONE}}},
        {"id": "event-7", "call": {"callId": "call-1", "phoneNumber": PHONE}},
        {"id": "call-1", "status": "completed", "toNumber": "+1 (415) 555-1212"},
        {"callId": "call-1", "id": "event-7", "phone": PHONE},
        {"call_id": "call-1", "to_number": PHONE},
        {"payload": {"id": "call-1", "contact": {"phone": PHONE}}},
    ],
)
def test_a_call_of_outboundcalls_is_found_in_every_likely_envelope(told: dict[str, Any]) -> None:
    assert OUTBOUND.heard(told) == Heard(provider_call_id="call-1", phone=PHONE)


@pytest.mark.parametrize(
    "told",
    [
        {"data": {"batch_call_id": "batch-1", "name": "ref-1", "to_number": PHONE}},
        {"batch_call_id": "batch-1", "name": "ref-1", "task": {"to_number": PHONE}},
        {"data": {"batchCallId": "batch-1", "batch_call_name": "ref-1", "task": {"to_number": PHONE}}},
    ],
)
def test_a_batch_of_batch_call_is_found_by_its_id_and_by_the_name_we_gave_it(told: dict[str, Any]) -> None:
    assert BATCH.heard(told) == Heard(provider_call_id="batch-1", reference="ref-1", phone=PHONE)


def test_an_event_has_a_name_of_its_own_only_where_it_is_called_one() -> None:
    assert OUTBOUND.heard({"id": "call-1", "eventId": "e-1"}).event_id == "e-1"
    assert OUTBOUND.heard({"id": "call-1", "event_id": 7}).event_id == "7"
    assert OUTBOUND.heard({"id": "call-1", "webhookId": "the same for all"}).event_id is None


def test_a_number_that_is_none_is_left_out() -> None:
    assert OUTBOUND.heard({"id": "call-1", "toNumber": "the usual"}).phone is None


def test_inspra_cannot_be_asked_and_so_reads_none() -> None:
    inspra: object = Inspra(Account("au", "inspra", "https://au.example"))
    assert not isinstance(inspra, ReadsWebhooks)
