"""`dialer.portfolio(workspace_id)`: a workspace's batches with their progress, and its calls, as clients see them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice

from dialer.domain.call import CallRecord
from dialer.domain.client import ANSWERS_KEPT, Agent, Contact
from dialer.domain.placement import Account
from dialer.domain.receipt import LoadReceipt
from dialer.domain.reference import as_id
from dialer.domain.spec import BatchSpec, CallSpec
from dialer.domain.view import BatchQuery, BatchView, CallQuery, CallView, Edit, Single
from dialer.engine import editing
from dialer.engine.single import place_single
from dialer.engine.whole import load_whole
from dialer.errors import BatchUnknown, CallUnknown
from dialer.facade.agents import Agents
from dialer.facade.contacts import Contacts
from dialer.ports import Switchboard
from dialer.ports.clients import Begun


class Portfolio:
    """Everything is asked for with the workspace's id: another workspace's things are not there."""

    def __init__(self, desk: Switchboard, workspace_id: str) -> None:
        self._desk = desk
        self.workspace_id = workspace_id

    def add_batch(
        self, spec: Mapping[str, object], rows: Sequence[CallSpec], starts_at: datetime | None = None
    ) -> tuple[BatchView, LoadReceipt | None]:
        """A new batch, taken whole or refused: LoadRefused. No receipt where it was loaded before.

        `starts_at` has passed: it is due now; None: now.
        """
        now = self._desk.ledger.now()
        window = editing.window_from(starts_at or now, now, draft=spec.get("status") == "draft")
        read = BatchSpec.read({**window, **spec, "workspace_id": self.workspace_id})
        batch, receipt = load_whole(self._desk, read, rows)
        return self.batch(batch.batch_id), receipt

    def batch(self, batch_id: str) -> BatchView:
        """BatchUnknown: also for a test call's, a single call's, and one that was deleted."""
        known = as_id(batch_id)
        found = self._desk.ledger.views.batch(self.workspace_id, known) if known else None
        if found is None:
            raise BatchUnknown(f"no batch {batch_id!r:.100} is in workspace {self.workspace_id!r:.100}")
        return found

    def batches(self, wanted: BatchQuery) -> list[BatchView]:
        self._check(wanted.workspace_id)
        return self._desk.ledger.views.batches(wanted)

    def count(self, wanted: BatchQuery) -> int:
        self._check(wanted.workspace_id)
        return self._desk.ledger.views.count(wanted)

    def execute(self, batch_id: str) -> BatchView:
        """A draft or a scheduled batch begins now; BatchBegun."""
        editing.execute(self._desk, self.batch(batch_id))
        return self.batch(batch_id)

    def edit(self, batch_id: str, wanted: Edit) -> BatchView:
        """LoadRefused, BatchBegun."""
        editing.edit(self._desk, self.batch(batch_id), wanted)
        return self.batch(batch_id)

    def delete(self, batch_id: str) -> BatchView:
        """The batch as it was; BatchBegun where it can still dial."""
        view = self.batch(batch_id)
        editing.delete(self._desk, view)
        return view

    def place(self, wanted: Single) -> CallView:
        """One call outside any list: LoadRefused, PhoneNumberUnknown, AccountShort, ProviderFails."""
        self._check(wanted.workspace_id)
        return place_single(self._desk, wanted)

    def call(self, call_id: str) -> CallView:
        """CallUnknown."""
        known = as_id(call_id)
        found = self._desk.ledger.views.call(self.workspace_id, known) if known else None
        if found is None:
            raise CallUnknown(f"no call {call_id!r:.100} is in workspace {self.workspace_id!r:.100}")
        return found

    def calls(self, wanted: CallQuery) -> list[CallView]:
        """Newest first, test calls and single calls included."""
        self._check(wanted.workspace_id)
        if wanted.batch_id is not None and as_id(wanted.batch_id) is None:
            return []
        return self._desk.ledger.views.calls(wanted)

    def balance(self) -> float | None:
        """Credits of the account that dials for agents that nobody registered, as read last; None where it has none."""
        name = self._desk.rules.default_provider
        account = self._desk.accounts.get(name)
        if account is None or not self._may_use(account):
            return None
        return next((state.balance for state in self._desk.ledger.accounts.all() if state.name == name), None)

    def tasks(self, batch_id: str, after: str | None, limit: int) -> list[CallRecord]:
        """Calls of a batch in load order; `after` = the last call id seen. BatchUnknown."""
        known = None if after is None else as_id(after)
        if after is not None and known is None:
            return []
        return self._desk.ledger.reading.calls(self.batch(batch_id).batch.batch_id, after=known, limit=limit)

    def agents(self) -> Iterator[Agent]:
        """Registered ones, by their ids."""
        return Agents(self._desk).entries(self.workspace_id)

    def agent(self, agent_id: str) -> Agent:
        """AgentUnknown."""
        return Agents(self._desk).get(self.workspace_id, agent_id)

    def contacts(self, contact_list: str | None, limit: int) -> list[Contact]:
        """Of one list (by id or name; ContactListUnknown), or of all, newest first."""
        return list(islice(Contacts(self._desk).entries(self.workspace_id, contact_list), limit))

    def add_contact(self, contact_list: str, contact: Mapping[str, object]) -> Contact:
        """LoadRefused, ContactListUnknown."""
        return Contacts(self._desk).add(self.workspace_id, contact_list, contact)

    def account(self, name: str) -> Account | None:
        return self._desk.accounts.get(name)

    def begin(self, idempotency_key: str, fingerprint: str) -> Begun:
        """A request with an Idempotency-Key: what it makes is named by `ref`, and its answer kept by `finish`."""
        return self._desk.ledger.answers.begin(self.workspace_id, idempotency_key, fingerprint, ANSWERS_KEPT)

    def finish(self, idempotency_key: str, begun: Begun, status: int, body: str) -> None:
        self._desk.ledger.answers.finish(self.workspace_id, idempotency_key, begun.ref, status, body)

    def _check(self, workspace_id: str) -> None:
        if workspace_id != self.workspace_id:
            raise AssertionError("asked for another workspace's")

    def _may_use(self, account: Account) -> bool:
        return not account.workspaces or self.workspace_id in account.workspaces
