"""`dialer.within(workspace_id)`: loads and controls of one workspace, in documents that may name it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from dialer.domain.receipt import CallRef, ControlReceipt, LoadReceipt
from dialer.domain.spec import BatchNameSpec, BatchSpec, TestCallSpec
from dialer.errors import WorkspaceUnknown, shown

if TYPE_CHECKING:
    from dialer.facade.dialer import Dialer


class Workspace:
    """A document that names another workspace is refused as one that names none that is known; `portfolio` reads."""

    def __init__(self, dialer: Dialer, workspace_id: str) -> None:
        self._dialer = dialer
        self.workspace_id = workspace_id

    def own(self, document: Mapping[str, object]) -> dict[str, object]:
        """The document with its workspace: filled in where it names none, WorkspaceUnknown where it names another."""
        named = {name: document[name] for name in ("workspaceId", "workspace_id") if document.get(name) is not None}
        for value in named.values():
            if isinstance(value, str) and value and value != self.workspace_id:
                raise WorkspaceUnknown(f"no workspace {shown(value, 80)} belongs to this key")
        if named:
            return dict(document)
        rest = {name: value for name, value in document.items() if name not in ("workspaceId", "workspace_id")}
        return {**rest, "workspace_id": self.workspace_id}

    def load(
        self, document: Mapping[str, object], calls: object = None, *, resume: bool | Literal["user"] = False
    ) -> LoadReceipt:
        """`Dialer.load_batch`."""
        return self._dialer.load_batch(self.spec(document), calls, resume=resume)

    def test_call(self, document: Mapping[str, object], *, batch_id: str | None = None) -> CallRef:
        """`Dialer.test_call`."""
        return self._dialer.test_call(self.test_spec(document), batch_id=batch_id)

    def spec(self, document: Mapping[str, object]) -> BatchSpec:
        """LoadRefused, WorkspaceUnknown: what can be said of the document alone."""
        return BatchSpec.read(self.own(document))

    def test_spec(self, document: Mapping[str, object]) -> TestCallSpec:
        """LoadRefused, WorkspaceUnknown."""
        return TestCallSpec.read(self.own(document))

    def control(self, document: Mapping[str, object], action: str) -> ControlReceipt:
        """start | pause | resume | terminate the batch of that name; LoadRefused, BatchUnknown, BatchTerminated."""
        named = BatchNameSpec.read(self.own(document))
        batch = self._dialer.named_batch(self.workspace_id, named.agent_id, named.batch_ref)
        return self._dialer.control_batch(batch, action)
