"""Whoever registered an agent is told when an attempt of its calls has ended: what is said, and when it is said again.

The move that ends the attempt wrote the notice. It is handed out here, by id, and sent until it is heard or given up;
what is sent is read from the ledger each time, and every time goes under the same id.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from enum import Enum
from typing import Any
from urllib.parse import urlsplit

from dialer.domain.batch import Batch
from dialer.domain.call import CallRecord
from dialer.domain.notice import Notice
from dialer.failpoints import reached
from dialer.ports import Switchboard
from dialer.ports.courier import Courier, Delivery

#: After each failed try; when they are over it is given up: sixteen hours, an evening and a night.
PAUSES = (
    timedelta(seconds=5),
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=1),
    timedelta(hours=2),
    timedelta(hours=4),
    timedelta(hours=8),
)
#: Heard ones are kept for so long; dead ones until somebody decides.
HEARD_KEPT = timedelta(days=30)
_LONGEST_WISH = timedelta(hours=8)
#: So many may wait in Redis: the rest waits in the ledger.
MOST_WAITING = 50
#: A receiver that gave no answer at all is left alone for so long, by each process: its notices wait, others' don't.
SILENCE = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Told:
    """What came of one notice. `event`: heard | later | dead | ignored."""

    event: str
    notice_id: str
    call_id: str = ""
    detail: str = ""


@dataclass(slots=True)
class Silences:
    """Receivers that gave no answer, and until when (seconds of the process' clock) they are left alone."""

    _until: dict[str, float] = field(default_factory=dict)

    def holds(self, url: str, now: float) -> bool:
        return self._until.get(urlsplit(url).netloc, 0.0) > now

    def note(self, url: str, delivery: Delivery, now: float) -> None:
        standing = {receiver: until for receiver, until in self._until.items() if until > now}
        if delivery.is_silent:
            standing[urlsplit(url).netloc] = now + SILENCE.total_seconds()
        self._until = standing


def hand_out(desk: Switchboard) -> int:
    """Push due notices to whoever tells; how many."""
    room = MOST_WAITING - desk.queue.untold()
    if room <= 0:
        return 0
    notices = desk.ledger.notices.due(room)
    reached("notices.handed_out")
    if notices:
        desk.queue.tell(notices)
    return len(notices)


def tell(desk: Switchboard, courier: Courier, notice_id: str, silences: Silences) -> Told:
    """Send one notice, once, and write down what came of it."""
    notice = desk.ledger.notices.get(notice_id)
    if notice is None or notice.due_at is None:
        return Told("ignored", notice_id)
    delivery = _delivered(desk, courier, notice, silences)
    reached("notice.sent")
    if delivery.is_heard:
        desk.ledger.notices.heard(notice_id, delivery.detail)
        return Told("heard", notice_id, notice.call_id, delivery.detail)
    pause = _pause(notice, delivery)
    desk.ledger.notices.later(notice_id, pause, delivery.detail)
    return Told("dead" if pause is None else "later", notice_id, notice.call_id, delivery.detail)


def _delivered(desk: Switchboard, courier: Courier, notice: Notice, silences: Silences) -> Delivery:
    found = desk.ledger.reading.call(notice.call_id)
    if notice.url is None or notice.secret is None:
        return Delivery(False, "its agent names no webhook any more", is_final=True)
    if found is None:
        return Delivery(False, "its call is not in the ledger any more", is_final=True)
    if silences.holds(notice.url, desk.clock.boottime()):
        return Delivery(False, "not sent: its receiver gave no answer a moment ago")
    call, _, batch = found
    body = json.dumps(message(notice, call, batch), ensure_ascii=False, allow_nan=False)
    delivery = courier.deliver(notice.url, notice.secret, notice.notice_id, desk.ledger.now(), body)
    silences.note(notice.url, delivery, desk.clock.boottime())
    return delivery


def _pause(notice: Notice, delivery: Delivery) -> timedelta | None:
    """None = given up."""
    if delivery.is_final or notice.tries >= len(PAUSES):
        return None
    wished = min(delivery.retry_after or timedelta(0), _LONGEST_WISH)
    return max(PAUSES[notice.tries], wished)


def message(notice: Notice, call: CallRecord, batch: Batch) -> dict[str, Any]:
    """What is said: the call as readers see it, and the attempt that ended."""
    name = batch.terms.name
    ended = next((attempt for attempt in call.attempts if attempt.number == notice.number), None)
    told = {each: value for each, value in asdict(call).items() if each != "attempts"}
    names = {"workspace_id": name.workspace_id, "agent_id": name.agent_id, "batch_ref": name.batch_ref}
    attempt = asdict(ended) if ended else {"number": notice.number}
    said = {"type": "call.ended", "timestamp": notice.created_at, "data": {**names, **told, "attempt": attempt}}
    whole: dict[str, Any] = _plain(said)
    return whole


def _plain(value: Any) -> Any:
    """As JSON has it: instants in ISO 8601, words of ours as they are spelled."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value.isoformat() if isinstance(value, date) else value
