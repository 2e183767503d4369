"""OutboundCalls: one POST for each call, variables by way of a contact, credits watched.

The names of its answers' fields are not documented, so every likely one is read, and the raw answer is kept.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
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

_log = logging.getLogger(__name__)

#: The longest page the API gives.
_PAGE = 200
_CONTACT = "contact_id"
_CALL_ID = ("id", "callId", "call_id", "call.id", "call.callId", "data.id", "data.callId", "data.call.id")
#: Of a webhook the envelope comes first: its own id may be the event's.
_TOLD_ID = tuple(
    f"{level}{name}"
    for level in ("data.call.", "data.", "call.", "payload.", "")
    for name in ("callId", "call_id", "id")
)
_TOLD_REFERENCE = tuple(f"{level}reference" for level in ("data.call.", "data.", "call.", "payload.", ""))
_CONTACT_ID = ("id", "contactId", "contact_id", "contact.id", "contact.contactId", "data.id", "data.contactId")
_LISTS = ("calls", "data.calls", "data")
_ENVELOPES = ("data.call", "call", "data")
_STATUS = ("status", "callStatus", "call_status", "state")
_PHONE = ("toNumber", "to_number", "to", "phoneNumber", "phone_number", "phone", "contact.phone")
_TOLD_PHONE = tuple(f"{level}{name}" for level in ("data.call.", "data.", "call.", "payload.", "") for name in _PHONE)
_CREATED = ("createdAt", "created_at", "initiatedAt", "queuedAt", "startedAt", "started_at", "timestamp")
_BALANCE = tuple(
    f"{level}{name}"
    for level in ("", "data.", "user.", "account.", "data.user.")
    for name in ("creditBalance", "credit_balance", "credits", "balance")
)

#: Status words without case and separators -> the outcome; None = under way.
_WORDS: dict[str, Outcome | None] = {
    **dict.fromkeys(("queued", "initiated", "pending", "ringing", "inprogress", "ongoing")),
    **dict.fromkeys(("completed", "answered", "success", "successful"), Outcome.ANSWERED),
    **dict.fromkeys(("noanswer", "unanswered"), Outcome.NO_ANSWER),
    "busy": Outcome.BUSY,
    **dict.fromkeys(("voicemail", "machine"), Outcome.VOICEMAIL),
    **dict.fromkeys(("declined", "rejected"), Outcome.DECLINED),
    **dict.fromkeys(("failed", "error", "canceled", "cancelled"), Outcome.FAILED),
}
#: What the log may say about unlisted words, so that an API gone wild does not fill it.
_MOST_NOTICED = 50


class OutboundCalls:
    """One account, known by its API key."""

    def __init__(self, account: Account) -> None:
        key = account.options.get("api_key") or ""
        self._http = HttpClient(account.base_url, {"Authorization": f"Bearer {key}"}, account.deadline_seconds)
        self._account = account
        self._number_ids: dict[str, str] = dict(account.options.get("phone_numbers") or {})
        self._own_number_id = str(account.options.get("phone_number_id") or "")
        self._contact_list = str(account.options.get("contact_list_id") or "")
        self._noticed: set[str] = set()

    @property
    def capabilities(self) -> Capabilities:
        by_contact = bool(self._contact_list)
        return Capabilities(
            reports_outcomes=True,
            can_find=True,
            has_balance=True,
            carries_variables=by_contact,
            prepares=by_contact,
            needs_cli=False,
            cli_choices=frozenset(self._number_ids),
        )

    def prepare(self, placement: Placement) -> Prepared | Answer:
        """A contact with the variables, once for a call and its retries; it calls nobody, so it may be repeated."""
        if not self._contact_list or not placement.variables:
            return Prepared({})
        if _CONTACT in placement.kept:
            return Prepared({_CONTACT: placement.kept[_CONTACT]})
        variables = dict(placement.variables)
        body = {"contactListId": self._contact_list, "phone": placement.phone, "customFields": variables}
        came = self._http.post("/contacts", body, headers=marks(placement))
        contact_id = _made_contact(came)
        return Prepared({_CONTACT: contact_id}) if contact_id else _not_prepared(as_answer(came))

    def place(self, placement: Placement, last_look: LastLook) -> Answer:
        number_id = self._number_id(placement.cli)
        if number_id is None:
            return Answer(AnswerKind.CONFIGURATION, "phone_numbers names no phoneNumberId for this caller ID")
        body = {"agentId": placement.agent_id, "toNumber": placement.phone}
        optional = {"phoneNumberId": number_id, "contactId": placement.kept.get(_CONTACT)}
        body |= {name: value for name, value in optional.items() if value}
        came = self._http.post("/calls", body, headers=marks(placement), last_look=last_look)
        return placed(came, *_CALL_ID)

    def progress(self, sought: Sought) -> Progress | NotTold:
        if not sought.provider_call_id:
            return NotTold("its id is not known")
        came = self._http.get(f"/calls/{quote(sought.provider_call_id, safe='')}")
        if isinstance(came, Failure) or not came.is_ok:
            return not_told(came)
        call = _told_call(came.json())
        return self._progress_of(call, came.text) if call else not_told(came)

    def find(self, sought: Sought) -> Found | Absent | NotTold:
        """By agent, number and time; two that fit are none, unless one repeats our reference."""
        came = self._http.get("/calls", {"agentId": sought.agent_id, "limit": _PAGE})
        listed = reading.rows(came.json(), *_LISTS) if isinstance(came, Reply) and came.is_ok else None
        if listed is None:
            return not_told(came)
        fitting = [row for row in listed if self._may_be(row, sought)]
        ours = [row for row in fitting if sought.reference in map(str, row.values())] or fitting
        if len(ours) == 1:
            return self._found(ours[0])
        if ours:
            return NotTold("several calls fit")
        if not all(_is_readable(row) for row in listed):
            return NotTold("the list has rows without a number or a time that can be read")
        created = [_created(row) for row in listed]
        if reading.reaches_back(created, _PAGE, sought.claimed_at):
            return Absent()
        return NotTold("the list does not reach back to the request")

    def heard(self, told: Mapping[str, Any]) -> Heard:
        """The body of its post-call webhook is not documented: a call, in an envelope or not."""
        return hints.heard(told, call_ids=_TOLD_ID, references=_TOLD_REFERENCE, phones=_TOLD_PHONE)

    def relay(self, order: ControlOrder) -> Answer:
        return Answer(AnswerKind.REJECTED, "this provider holds no calls of its own")

    def balance(self) -> Balance | Answer:
        """GET /me; an account that names no credits is taken for unmetered: 402 closes its guard all the same."""
        came = self._http.get("/me")
        answer = as_answer(came)
        if answer.kind is not AnswerKind.ACCEPTED or isinstance(came, Failure):
            return answer
        told = came.json()
        if not isinstance(told, Mapping):
            return replace(answer, kind=AnswerKind.UNKNOWN, detail=came.unreadable or "GET /me: not a JSON object")
        return Balance(reading.number(reading.first(told, *_BALANCE)))

    def _number_id(self, cli: str | None) -> str | None:
        """The phoneNumberId to call from: "" for the provider's choice, None where the table lacks the caller ID."""
        if cli in self._number_ids:
            return self._number_ids[cli]
        return self._own_number_id if cli in (None, "", self._account.caller_id) else None

    def _may_be(self, row: Mapping[str, Any], sought: Sought) -> bool:
        """To this number, and created while the request could have been under way."""
        created = _created(row)
        latest = sought.left_by + timedelta(seconds=self._account.deadline_seconds) + reading.SKEW
        in_time = created is not None and sought.claimed_at - reading.SKEW <= created <= latest
        return in_time and _digits(reading.first(row, *_PHONE)) == _digits(sought.phone)

    def _found(self, row: Mapping[str, Any]) -> Found | NotTold:
        call_id = reading.identifier(reading.first(row, *_CALL_ID))
        if call_id is None:
            return NotTold("listed without an id")
        return Found(call_id, self._progress_of(row, reading.text(row)))

    def _progress_of(self, call: Mapping[str, Any], raw: str | None) -> Progress:
        said = reading.first(call, *_STATUS)
        outcome = self._outcome(said)

        def told(*names: str) -> Any:
            return reading.first(call, *names)

        return Progress(
            ended=outcome is not None,
            outcome=outcome,
            provider_call_id=reading.identifier(told(*_CALL_ID)),
            started_at=reading.instant(told("startedAt", "started_at")),
            answered_at=reading.instant(told("answeredAt", "answered_at")),
            ended_at=reading.instant(told("endedAt", "ended_at", "completedAt", "completed_at")),
            duration_seconds=reading.number(told("durationSeconds", "duration_seconds", "duration")),
            credits_charged=reading.number(told("creditsCharged", "credits_charged")),
            recording_url=reading.text(told("recordingUrl", "recording_url")),
            summary=reading.text(told("summary")),
            transcript=reading.text(told("transcript")),
            detail=(reading.text(said) or "")[:100],
            raw=raw,
        )

    def _outcome(self, said: Any) -> Outcome | None:
        word = reading.word(said)
        if word not in _WORDS and word not in self._noticed and len(self._noticed) < _MOST_NOTICED:
            self._noticed.add(word)
            _log.warning("account %s: unlisted call status %.100r: taken for under way", self._account.name, said)
        return _WORDS.get(word)


def _made_contact(came: Reply | Failure) -> str | None:
    """The contact's id; a 409 may name the one that is there already."""
    if isinstance(came, Failure) or not (came.is_ok or came.status == HTTPStatus.CONFLICT):
        return None
    return reading.identifier(reading.first(came.json(), *_CONTACT_ID))


def _not_prepared(answer: Answer) -> Answer:
    """No call was asked for, so what is unknown of a placement is a plain deferral here."""
    if answer.kind in (AnswerKind.ACCEPTED, AnswerKind.UNKNOWN, AnswerKind.NOT_SENT):
        detail = f"no contact: {answer.detail or 'no id in the answer'}"
        return replace(answer, kind=AnswerKind.NOT_SENT, detail=detail, is_fault=True)
    return answer


def _told_call(value: Any) -> Mapping[str, Any] | None:
    """The object that is a call: an envelope's own `status: success` says nothing of it."""
    levels = [*(reading.first(value, envelope) for envelope in _ENVELOPES), value]
    return next((one for one in levels if isinstance(one, Mapping) and _is_call(one)), None)


def _is_call(one: Mapping[str, Any]) -> bool:
    names_it = reading.first(one, "id", "callId", "call_id", *_PHONE)
    return names_it is not None and bool(reading.word(reading.first(one, *_STATUS)))


def _is_readable(row: Mapping[str, Any]) -> bool:
    return _created(row) is not None and bool(_digits(reading.first(row, *_PHONE)))


def _created(row: Mapping[str, Any]) -> datetime | None:
    return reading.instant(reading.first(row, *_CREATED))


def _digits(phone: Any) -> str:
    return "".join(filter(str.isdecimal, phone)) if isinstance(phone, str) else ""
