"""The batch-call API: a batch of one number for each call, named by its reference so that a lost answer can be found.

The dialer owns retries and hours: nothing is scheduled there, and `max_retries` is 0, or budgets would multiply.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from dialer.domain.notice import Heard
from dialer.domain.placement import (
    Absent,
    Account,
    Answer,
    AnswerKind,
    Balance,
    Capabilities,
    ControlOrder,
    Found,
    NotTold,
    Placement,
    Prepared,
    Progress,
    Sought,
)
from dialer.domain.states import Outcome
from dialer.ports.voice import LastLook
from dialer.providers import hints, reading
from dialer.providers.answers import Failure, Reply, as_answer, not_told, placed
from dialer.providers.http import HttpClient, marks

#: The longest page the API gives.
_PAGE = 100
#: So many are read at most: those of a minute and more at 15 calls a second.
_PAGES = 10
_LISTS = ("data", "data.batch_calls", "batch_calls")
_TASK_LISTS = ("data", "data.tasks", "tasks")
_TOLD_ID = tuple(f"{level}{name}" for level in ("data.", "") for name in ("batch_call_id", "batchCallId"))
_TOLD_NAME = ("data.name", "name", "data.batch_call_name", "batch_call_name")
_TOLD_PHONE = tuple(f"{level}{name}" for level in ("data.", "data.task.", "task.", "") for name in ("to_number", "to"))
_UNDER_WAY = frozenset({"pending", "calling"})
#: In this order; what none of them fits is `failed`.
_OUTCOME_WORDS = (
    ("busy", Outcome.BUSY),
    ("noanswer", Outcome.NO_ANSWER),
    ("voicemail", Outcome.VOICEMAIL),
    ("declined", Outcome.DECLINED),
)
#: The tasks are documented on one of the API's pages only: these say that they are not served.
_NOT_SERVED = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED})


class BatchCall:
    """One account, known by its key and secret."""

    capabilities = Capabilities(reports_outcomes=True, can_find=True)

    def __init__(self, account: Account) -> None:
        key, secret = (str(account.options.get(name) or "") for name in ("api_key", "api_secret"))
        self._http = HttpClient(account.base_url, {"X-API-KEY": key, "X-API-SECRET": secret}, account.deadline_seconds)
        self._caller_id = account.caller_id

    def prepare(self, placement: Placement) -> Prepared | Answer:
        return Prepared({})

    def place(self, placement: Placement, last_look: LastLook) -> Answer:
        came = self._http.post("/batch-call", self._body(placement), headers=marks(placement), last_look=last_look)
        answer = placed(came, "data.batch_call_id", "batch_call_id")
        if answer.kind is AnswerKind.ACCEPTED and isinstance(came, Reply) and _is_draft(came):
            return self._executed(answer, placement, last_look)
        return answer

    def progress(self, sought: Sought) -> Progress | NotTold:
        if not sought.provider_call_id:
            return NotTold("its id is not known")
        path = f"/batch-call/{quote(sought.provider_call_id, safe='')}"
        came = self._http.get(path)
        if isinstance(came, Failure) or not came.is_ok:
            return not_told(came)
        batch = reading.under(came.json(), "data")
        if reading.identifier(batch.get("batch_call_id")) is None and "completed" not in batch:
            return not_told(came)
        return self._refined(_by_counters(batch, came.text), f"{path}/tasks", sought)

    def find(self, sought: Sought) -> Found | Absent | NotTold:
        """By name; the list is newest first, and read so far back as the request, or _PAGES."""
        rows: list[Any] = []
        for page in range(_PAGES):
            came = self._http.get("/batch-call/list", {"page": page, "limit": _PAGE})
            listed = reading.rows(came.json(), *_LISTS) if isinstance(came, Reply) and came.is_ok else None
            if listed is None:
                return not_told(came)
            if listed and listed == rows[-len(listed) :]:
                break  # it knows no pages
            for row in listed:
                if row.get("name") in (sought.reference, *sought.also):
                    batch_id = reading.identifier(row.get("batch_call_id"))
                    return Found(batch_id) if batch_id else NotTold("listed without a batch_call_id")
            rows += listed
            created = [reading.instant(row.get("created_timestamp")) for row in rows]
            if reading.reaches_back(created, (page + 1) * _PAGE, sought.claimed_at):
                return Absent()
        return NotTold("the list does not reach back to the request")

    def heard(self, told: Mapping[str, Any]) -> Heard:
        """It documents no webhooks. Should it send one all the same, it names a batch, or the task in it."""
        return hints.heard(told, call_ids=_TOLD_ID, references=_TOLD_NAME, phones=_TOLD_PHONE)

    def relay(self, order: ControlOrder) -> Answer:
        return Answer(AnswerKind.REJECTED, "this provider holds no calls of its own")

    def balance(self) -> Balance:
        return Balance(None)

    def _body(self, placement: Placement) -> dict[str, Any]:
        callee = {"to_number": placement.phone, "dynamic_variables": dict(placement.variables), "max_retries": 0}
        return {
            "from_number": placement.cli or self._caller_id,
            "tasks": [callee],
            "name": placement.reference,
            # Milliseconds: another page of theirs says seconds, and would read this as a far future.
            "trigger_timestamp": int(placement.nbf.timestamp() * 1000),
            "agent_id": placement.agent_id,
            "timezone": placement.timezone or "UTC",
            "send_now": True,
        }

    def _executed(self, answer: Answer, placement: Placement, last_look: LastLook) -> Answer:
        """Start what was taken as a draft, once.

        The provider may have heard us where we heard nothing back, or start a draft by itself. So a failure here, of
        whatever kind, is unknown and never dialed again. The last look is taken anew, since the window may have closed
        meanwhile; what it raises must not be taken for "nothing was sent" either.
        """
        path = f"/batch-call/{quote(answer.provider_call_id or '', safe='')}/execute"
        came = self._http.post(path, {}, headers=marks(placement), last_look=lambda: _allows(last_look))
        executed = as_answer(came)
        if executed.kind is AnswerKind.ACCEPTED:
            return answer
        detail = f"a draft, not executed: {executed.detail}"
        return replace(answer, kind=AnswerKind.UNKNOWN, detail=detail, is_fault=executed.is_fault)

    def _refined(self, told: Progress, path: str, sought: Sought) -> Progress | NotTold:
        """The counters do not tell a busy line from nobody there; the tasks do, where they are served.

        While they cannot be asked, no call counts as unanswered: its retry depends on the word.
        """
        came = self._http.get(path)
        if isinstance(came, Failure) or not came.is_ok:
            lost = isinstance(came, Failure) or came.status not in _NOT_SERVED
            return not_told(came) if lost and told.outcome in (Outcome.NO_ANSWER, Outcome.FAILED) else told
        ours = [row for row in reading.rows(came.json(), *_TASK_LISTS) or [] if row.get("to_number") == sought.phone]
        return _by_task(told, ours[0], came.text) if ours else told


def _allows(last_look: LastLook) -> bool:
    try:
        return last_look()
    except Exception:  # noqa: BLE001 - see _executed
        return False


def _is_draft(came: Reply) -> bool:
    return reading.word(reading.under(came.json(), "data").get("status")) == "draft"


def _by_counters(batch: Mapping[str, Any], raw: str) -> Progress:
    picked_up, completed = reading.count(batch.get("picked_up")), reading.count(batch.get("completed"))
    status = reading.word(batch.get("status"))
    started = reading.instant(batch.get("last_sent_timestamp"))
    if not completed and status not in ("completed", "failed"):
        return Progress(ended=False, started_at=started, detail=status, raw=raw)
    unanswered = Outcome.FAILED if status == "failed" else Outcome.NO_ANSWER
    outcome = Outcome.ANSWERED if picked_up else unanswered
    return Progress(ended=True, outcome=outcome, started_at=started, detail=status, raw=raw)


def _by_task(told: Progress, task: Mapping[str, Any], raw: str) -> Progress:
    status = reading.word(task.get("status"))
    if status in _UNDER_WAY:
        return replace(told, ended=False, outcome=None, raw=raw)
    if status != "failed":
        return told
    words = reading.text(task.get("error_message")) or ""
    spoken = reading.word(words)
    outcome = next((outcome for word, outcome in _OUTCOME_WORDS if word in spoken), Outcome.FAILED)
    if told.outcome is Outcome.ANSWERED and outcome is not Outcome.VOICEMAIL:
        # Somebody picked up; that the call failed after that is no reason to ring them again.
        return told
    return replace(told, ended=True, outcome=outcome, detail=words, raw=raw)
