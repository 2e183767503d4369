"""What a client changes of a batch that has not begun: its name, its beginning, a draft or not; and when it is deleted.

Once a batch has begun only its name can change here: whoever wants to stop it pauses or terminates it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from dialer.domain.batch import Batch, CohortZones
from dialer.domain.spec import BatchSpec
from dialer.domain.states import BatchState
from dialer.domain.view import BatchView, Edit, Stage
from dialer.engine import control, ingest
from dialer.engine.rows import zones_for
from dialer.engine.spans import span_finder
from dialer.engine.terms import DEFAULT_LIFE
from dialer.errors import BatchBegun, FieldError, LoadRefused
from dialer.ports import Switchboard

#: A draft that nobody executes within this expires.
DRAFT_LIFE = timedelta(days=366)
#: A longer list keeps the timezone that it was loaded with.
MOST_REZONED = 10_000
_NOT_BEGUN = (Stage.DRAFT, Stage.SCHEDULED)


def execute(desk: Switchboard, view: BatchView) -> None:
    """A draft or a scheduled batch begins now; BatchBegun for any other."""
    if view.stage not in _NOT_BEGUN:
        raise BatchBegun(f"the batch is {view.stage}: only draft or scheduled ones can be executed")
    _rewrite(desk, view.batch, window=window_from(view.now, view.now))
    control.start(desk, view.batch)


def edit(desk: Switchboard, view: BatchView, wanted: Edit) -> None:
    """LoadRefused, BatchBegun: nothing was changed."""
    _check(view, wanted)
    batch = view.batch
    if wanted.timezone is not None and _moves(view, wanted):
        _rezone(desk, batch, wanted.timezone)
    goes_back = view.stage is Stage.SCHEDULED and wanted.stage is Stage.DRAFT
    if goes_back and not desk.ledger.batches.unschedule(batch.batch_id):
        raise BatchBegun("the batch is paused, or has begun meanwhile: it cannot be a draft again")
    if (window := _window(view, wanted)) or wanted.name is not None:
        _rewrite(desk, batch, wanted.name, window)
    if view.stage is Stage.DRAFT and wanted.stage in (Stage.SCHEDULED, Stage.SENT):
        control.start(desk, batch)


def _window(view: BatchView, wanted: Edit) -> Mapping[str, datetime]:
    """The window that the batch gets; empty where it keeps the one it has."""
    if view.stage not in _NOT_BEGUN or (wanted.starts_at is None and wanted.stage in (None, view.stage)):
        return {}
    if wanted.stage is Stage.SENT:
        return window_from(view.now, view.now)
    stays_draft = (wanted.stage or view.stage) is Stage.DRAFT
    return window_from(wanted.starts_at or view.batch.terms.nbf, view.now, draft=stays_draft)


def _check(view: BatchView, wanted: Edit) -> None:
    is_over = view.batch.state in (BatchState.COMPLETED, BatchState.TERMINATED)
    if is_over:
        raise BatchBegun(f"the batch is {view.stage}: it cannot be changed any more")
    if view.stage is Stage.SENT and (wanted.starts_at is not None or wanted.stage not in (None, Stage.SENT)):
        raise BatchBegun("the batch is sent: only its name can be changed")
    if _moves(view, wanted) and (view.stage is Stage.SENT or view.progress.total > MOST_REZONED):
        reason = "has begun" if view.stage is Stage.SENT else f"has more than {MOST_REZONED} calls"
        message = f"is {view.batch.terms.timezone or 'that of each number'}, and cannot change: the batch {reason}"
        raise LoadRefused([FieldError("FIELD_FIXED", "timezone", wanted.timezone, message)])


def _moves(view: BatchView, wanted: Edit) -> bool:
    return wanted.timezone is not None and wanted.timezone != view.batch.terms.timezone


def _rezone(desk: Switchboard, batch: Batch, timezone: str) -> None:
    def zones_of(phone: str, own: str | None) -> CohortZones:
        return zones_for(phone, own, timezone, desk.rules)

    if not desk.ledger.batches.rezone(batch.batch_id, timezone, zones_of, span_finder(desk.rules)):
        raise BatchBegun("the batch is paused, or has begun meanwhile: its timezone cannot change")


def delete(desk: Switchboard, view: BatchView) -> None:
    """A draft, or one that is over, is shown no more; BatchBegun for any other."""
    if not desk.ledger.batches.hide(view.batch.batch_id):
        raise BatchBegun(f"the batch is {view.stage}: only a draft, or one that is over, can be deleted")


def _rewrite(
    desk: Switchboard, batch: Batch, name: str | None = None, window: Mapping[str, datetime] | None = None
) -> None:
    """As a load without numbers would."""
    ours = batch.terms.name
    given: dict[str, Any] = {"agent_id": ours.agent_id, "batch_ref": ours.batch_ref, **(window or {})}
    if name is not None:
        given["name"] = name
    ingest.load(desk, BatchSpec(workspace_id=ours.workspace_id, **given))


def window_from(starts_at: datetime, now: datetime, *, draft: bool = False) -> dict[str, datetime]:
    """A beginning, and the usual life after it; one that has passed is due now, and lives from now on.

    A draft waits longer for whoever executes it, who gives it the usual life then.
    """
    return {"nbf": starts_at, "exp": max(starts_at, now) + (DRAFT_LIFE if draft else DEFAULT_LIFE)}
