"""`dialer.within(workspace_id)`: the dialer as one workspace sees it; what is not its own is not there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from dialer.domain.batch import Batch
from dialer.domain.call import CallRecord
from dialer.domain.receipt import CallRef, ControlReceipt, LoadReceipt
from dialer.domain.reference import as_id
from dialer.domain.spec import BatchSpec, TestCallSpec
from dialer.domain.status import BatchStatus
from dialer.errors import BatchUnknown, CallUnknown, WorkspaceUnknown, shown

if TYPE_CHECKING:
    from dialer.facade.dialer import Dialer


class Workspace:
    """Whoever comes with a key acts through this: no query of a dialect names a workspace by itself.

    Another workspace's batch or call raises the same error, in the same words, as one that never was.
    """

    def __init__(self, dialer: Dialer, workspace_id: str) -> None:
        self._dialer = dialer
        self.workspace_id = workspace_id

    def own(self, document: Mapping[str, object]) -> dict[str, object]:
        """The document with its workspace: filled in where it names none, WorkspaceUnknown where it names another."""
        named = {name: value for name in ("workspaceId", "workspace_id") if (value := document.get(name)) is not None}
        for value in named.values():
            if isinstance(value, str) and value and value != self.workspace_id:
                raise WorkspaceUnknown(f"no workspace {shown(value, 80)} belongs to this key")
        return dict(document) if named else {**document, "workspace_id": self.workspace_id}

    def load(
        self, document: Mapping[str, object], calls: object = None, *, resume: bool | Literal["user"] = False
    ) -> LoadReceipt:
        """`Dialer.load_batch`."""
        return self._dialer.load_batch(BatchSpec.read(self.own(document)), calls, resume=resume)

    def test_call(self, document: Mapping[str, object]) -> CallRef:
        """`Dialer.test_call`."""
        return self._dialer.test_call(TestCallSpec.read(self.own(document)))

    def batch(self, batch_id: str) -> Batch:
        """BatchUnknown."""
        known = as_id(batch_id)
        try:
            batch = self._dialer.find_batch(known) if known else None
        except BatchUnknown:
            batch = None
        if batch is None or batch.terms.name.workspace_id != self.workspace_id:
            raise BatchUnknown(f"no batch {shown(batch_id, 80)}")
        return batch

    def named(self, agent_id: str, batch_ref: str) -> Batch:
        """By the name that its user gave it; BatchUnknown."""
        return self._dialer.named_batch(self.workspace_id, agent_id, batch_ref)

    def control(self, batch: Batch, action: str) -> ControlReceipt:
        """start | pause | resume | terminate."""
        return self._dialer.control_batch(self.batch(batch.batch_id), action)

    def status(self, batch_id: str) -> BatchStatus:
        return self._dialer.status(self.batch(batch_id).batch_id)

    def call(self, call_id: str) -> tuple[CallRecord, Batch]:
        """The call and its batch; CallUnknown."""
        try:
            call, batch = self._dialer.find_call(call_id)
        except CallUnknown:
            batch = None
        if batch is None or batch.terms.name.workspace_id != self.workspace_id:
            raise CallUnknown(f"no call {shown(call_id, 80)}")
        return call, batch
