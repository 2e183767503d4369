"""The two Celery tasks. A message says that a call may be due, or that somebody may have to be told; everything else is
decided behind `Seat`."""

from __future__ import annotations

from workers.celery_app import app
from workers.lanes import TASK_NAME, TELL_NAME
from workers.seat import seat


@app.task(name=TASK_NAME, Strategy="workers.strategy:strategy")
def dial(call_id: str, push_seq: int) -> None:
    """Dial this call, if its message is the latest and everything allows it. Never raises, never retries."""
    seat().dial(call_id, push_seq)


@app.task(name=TELL_NAME)
def tell(notice_id: str) -> None:
    """Tell this notice, if it is still due. Never raises, never retries."""
    seat().tell(notice_id)
