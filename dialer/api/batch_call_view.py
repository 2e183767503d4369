"""A batch and its calls in the words of the batch-call API; over is only what is known to have ended."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal
from uuid import UUID

from dialer.api.batch_call_bodies import AccessInfo, BatchCall, Task
from dialer.domain.call import CallRecord
from dialer.domain.states import CloseReason
from dialer.domain.view import BatchView, CallStatus, status_of

ID_PREFIX: Final = "batch_call_"

Word = Literal["PENDING", "CALLING", "COMPLETED", "FAILED"]
_WORDS: Final[dict[CallStatus, Word]] = {
    CallStatus.QUEUED: "PENDING",
    CallStatus.INITIATED: "CALLING",
    CallStatus.IN_PROGRESS: "CALLING",
    CallStatus.UNKNOWN: "CALLING",
    CallStatus.UNRESOLVED: "CALLING",
    CallStatus.COMPLETED: "COMPLETED",
}


def batch_call(view: BatchView, root: str) -> BatchCall:
    """`root`: the server's address, without a slash at its end."""
    terms, progress = view.batch.terms, view.progress
    shown = ID_PREFIX + UUID(view.batch.batch_id).hex
    return BatchCall(
        batch_call_id=shown,
        name=view.name,
        from_number=terms.cli,
        scheduled_timestamp=milliseconds(terms.nbf),
        total_task_count=progress.total,
        total=progress.total,
        sent=progress.tried,
        picked_up=progress.reached,
        completed=progress.over,
        agent_id=terms.name.agent_id,
        organization_id=terms.name.workspace_id,
        status=view.stage.value,
        timezone=terms.timezone or "UTC",
        last_sent_timestamp=progress.last_placed_at and milliseconds(progress.last_placed_at),
        tasks_url=f"{root}/batch-call/{shown}/tasks",
        created_timestamp=milliseconds(view.batch.created_at),
        access_info=AccessInfo(user_id=terms.name.workspace_id, session_id=terms.name.batch_ref),
    )


def task(record: CallRecord) -> Task:
    word = _WORDS.get(status_of(record), "FAILED")
    latest = record.attempts[-1] if record.attempts else None
    return Task(
        task_id=record.call_id,
        to_number=record.phone,
        status=word,
        call_id=latest and latest.provider_call_id,
        error_message=_error(record) if word != "COMPLETED" else None,
        attempts=record.attempts_spent,
    )


def _error(record: CallRecord) -> str | None:
    """Why it failed, in words of which clients look for busy, no answer, voicemail and declined."""
    if record.close_reason is None:
        return None
    latest = record.attempts[-1] if record.attempts else None
    if record.close_reason is CloseReason.EXHAUSTED and record.outcome is not None:
        return record.outcome.value.replace("_", " ")
    words = record.why or (latest.detail if latest else None)
    reason = record.close_reason.value.replace("_", " ")
    return f"{reason}: {words}" if words else reason


def milliseconds(instant: datetime) -> int:
    return round(instant.timestamp() * 1000)
