"""The three adapters pass the suite that a stranger's must pass."""

from __future__ import annotations

from dialer.domain.placement import Account
from dialer.testing.fault_server import written
from dialer.testing.provider_contract import ProviderContract


class TestInspra(ProviderContract):
    accepted = written(200)
    accepted_id = None
    needs_id = False

    def account(self, base_url: str) -> Account:
        return Account("inspra_au", "inspra", base_url, caller_id="+61387772586", options={"token": "inspra-secret"})


class TestBatchCall(ProviderContract):
    accepted = written(200, {"status": "success", "data": {"batch_call_id": "batch_call_1", "status": "sent"}})
    accepted_id = "batch_call_1"

    def account(self, base_url: str) -> Account:
        options = {"api_key": "batch-call-key", "api_secret": "batch-call-secret"}
        return Account("batch_call_us", "batch_call", base_url, caller_id="+14157774444", options=options)


class TestOutboundCalls(ProviderContract):
    accepted = written(201, {"id": "call-1", "status": "queued"})
    accepted_id = "call-1"

    def account(self, base_url: str) -> Account:
        return Account("outboundcalls", "outboundcalls", base_url, options={"api_key": "oc_live_secret"})
