"""The one Celery task: a message says that a call may be due, and everything else is decided behind `Seat.dial`."""

from __future__ import annotations

from workers.celery_app import app
from workers.lanes import TASK_NAME
from workers.seat import seat


@app.task(name=TASK_NAME)
def dial(call_id: str, push_seq: int) -> None:
    """Dial this call, if its message is the latest and everything allows it. Never raises, never retries."""
    seat().dial(call_id, push_seq)
