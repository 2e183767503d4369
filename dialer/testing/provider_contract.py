"""The suite that every provider adapter must pass: what may never happen to a call, tried on a server that misbehaves.

    class TestAcme(ProviderContract):
        accepted = written(201, {"id": "call-1"})
        accepted_id = "call-1"

        def account(self, base_url: str) -> Account:
            return Account("acme", "acme", base_url, options={"api_key": "acme-secret"})

It needs pytest, and nothing of how the adapter speaks HTTP. What the provider's own words mean is left to your tests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, TypeVar

import pytest

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
    Sought,
)
from dialer.ports.voice import ReadsWebhooks, VoiceProvider
from dialer.providers import registry
from dialer.testing import fault_server
from dialer.testing.fault_server import Act, FaultServer, drip, raw, said, written

_T = TypeVar("_T")

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
REFERENCE = "0c4f3f0e-6d5c-5a51-9c55-6a0a3f6f6f10"
PHONE = "+61278132035"
#: The deadline of the tests in which time runs out, and how much longer the whole may take on a slow machine.
SHORT_SECONDS = 0.3
GRACE_SECONDS = 2.0

KINDS: Mapping[int, AnswerKind] = {
    **dict.fromkeys((400, 422), AnswerKind.REJECTED),
    **dict.fromkeys((401, 403), AnswerKind.AUTH),
    402: AnswerKind.CREDIT,
    404: AnswerKind.CONFIGURATION,
    429: AnswerKind.THROTTLED,
    **dict.fromkeys((301, 302, 303, 307, 308, 304), AnswerKind.UNKNOWN),
    **dict.fromkeys((405, 406, 408, 409, 410, 413, 415, 418, 425, 451), AnswerKind.UNKNOWN),
    **dict.fromkeys((500, 501, 502, 503, 504, 520, 599, 999), AnswerKind.UNKNOWN),
}
FAULTS = frozenset({408, 500, 501, 502, 503, 504, 520, 599})

#: No answer that could be relied on: the request left, and nobody knows what it did.
BROKEN: Mapping[str, Act] = {
    "reset": fault_server.reset,
    "closed": fault_server.close,
    "half closed": fault_server.half_close,
    "garbage": raw(b"\x16\x03\x01\x00\xff HTP/9.9 \xc3\x28\r\n\r\n"),
    "body cut off": raw(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"id":"call-1"'),
    "chunk cut off": raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n20\r\n{"),
    "chunk unreadable": raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n"),
    "endless headers": raw(b"HTTP/1.1 200 OK\r\n" + b"X-Filler: 1\r\n" * 500 + b"\r\n"),
    "endless header": raw(b"HTTP/1.1 200 OK\r\nX-Filler: " + b"x" * 200_000 + b"\r\n\r\n"),
}
#: A proper 2xx whose body says nothing.
UNREADABLE: Mapping[str, Act] = {
    "empty": said(200),
    "no content": raw(b"HTTP/1.1 204 No Content\r\n\r\n"),
    "HTML": said(200, b"<!doctype html><title>Sign in</title>"),
    "null": said(200, b"null"),
    "a list": said(200, []),
    "a number": said(200, b"7"),
    "no id": said(200, {"status": "success", "data": {}}),
    "id of another type": said(200, {"id": {"a": 1}, "data": {"batch_call_id": [1], "id": True}}),
    "NaN": said(200, b'{"id": "call-1", "batch_call_id": "call-1", "balance": NaN}'),
    "nested too deep": said(200, b"[" * 100_000 + b"]" * 100_000),
    "no UTF-8": said(200, b'{"id": "\xff\xfe", "batch_call_id": "\xff"}'),
    "NUL in the id": said(200, {"id": "call\u0000", "batch_call_id": "call\u0000"}),
    "half a surrogate pair in the id": said(200, b'{"id": "\\ud800", "batch_call_id": "\\ud800"}'),
    "10 MB": fault_server.big(),
    "gzip bomb": fault_server.gzip_bomb(),
}
SLOW: Mapping[str, Act] = {
    "silence": fault_server.silence,
    "dripping head": drip(written(200, {"id": "call-1"})),
    "dripping body": drip(written(200, {"id": "call-1", "padding": "x" * 1000}), 0.002),
}

#: Webhooks that nobody should send, and anybody may.
HOSTILE: tuple[Mapping[str, Any], ...] = (
    {},
    {"id": None, "data": None, "call": None},
    {"data": [], "call": "call-1", "task": 7},
    {"id": {"id": "call-1"}, "data": {"id": ["call-1"], "call": {"id": True}}},
    {"id": "call\u0000", "name": "\ud800", "data": {"id": "\u202e", "batch_call_id": "", "name": " "}},
    {"id": "x" * 10_000, "data": {"id": "x" * 256, "batch_call_id": "x" * 256, "to_number": "+" + "9" * 10_000}},
    {"id": 10**400, "data": {"id": -1, "batch_call_id": 1.5, "toNumber": 61387772586}},
    {"toNumber": {"phone": "+61387772586"}, "to_number": ["+61387772586"], "phone": "+1 (not) a number"},
    {"eventId": {"a": 1}, "event_id": ["e"], "data": {"reference": {"r": 1}}},
)


def yes() -> bool:
    return True


class ProviderContract:
    """Subclass it, say how your provider accepts a call, and name an account of yours on a given address."""

    #: what your provider answers to a placement it takes, and the id in it (None where it gives none)
    accepted: ClassVar[bytes]
    accepted_id: ClassVar[str | None]
    #: False where any 2xx is enough, whatever its body
    needs_id: ClassVar[bool] = True
    #: statuses that your provider documents to mean something else than the contract's table
    own_kinds: ClassVar[Mapping[int, AnswerKind]] = {}

    @property
    def takes(self) -> Act:
        return raw(self.accepted, then_close=False)

    def account(self, base_url: str) -> Account:
        """An account of yours whose API stands at `base_url`."""
        raise NotImplementedError

    def adapter(self, account: Account) -> VoiceProvider:
        """As the dialer builds it: by the entry point of the account's kind."""
        return registry.build(account)

    @pytest.fixture
    def serve(self) -> Iterator[Callable[..., FaultServer]]:
        started: list[FaultServer] = []

        def start(*acts: Act) -> FaultServer:
            started.append(FaultServer(*acts).__enter__())
            return started[-1]

        yield start
        for server in started:
            server.__exit__(None, None, None)

    def placement(self, **changes: object) -> Placement:
        asked = Placement(
            reference=REFERENCE,
            call_id="5b1c1f0e-0000-4000-8000-000000000001",
            workspace_id="O8K5OFUtWa0CKBbC2pGC",
            agent_id="agent_1",
            batch_ref="november",
            wire_ref="november",
            cli=None,
            phone=PHONE,
            variables={"FIRST_NAME": "Ada"},
            nbf=NOW,
            exp=NOW + timedelta(hours=8),
            block_rules=("Sat-Sun|0000-2400",),
            timezone="Australia/Sydney",
            is_test=False,
        )
        return replace(asked, **changes)  # type: ignore[arg-type]

    def sought(self) -> Sought:
        left_by = NOW + timedelta(seconds=40)
        return Sought(REFERENCE, PHONE, "agent_1", NOW, left_by, self.accepted_id or "call-1")

    def provider(self, server: FaultServer, deadline_seconds: float = 10.0) -> VoiceProvider:
        return self.adapter(replace(self.account(server.url), deadline_seconds=deadline_seconds))

    def test_it_says_what_it_can_do(self) -> None:
        provider = self.adapter(self.account("http://127.0.0.1:9"))
        assert isinstance(provider.capabilities, Capabilities)

    def test_a_call_that_is_taken_is_accepted_with_its_id(self, serve: Callable[..., FaultServer]) -> None:
        answer = self.provider(serve(self.takes)).place(self.placement(), yes)
        assert (answer.kind, answer.provider_call_id, answer.is_fault) == (AnswerKind.ACCEPTED, self.accepted_id, False)

    @pytest.mark.parametrize("is_test", [False, True])
    def test_one_request_carries_the_number_and_the_reference(
        self, serve: Callable[..., FaultServer], is_test: bool
    ) -> None:
        server = serve(self.takes)
        self.provider(server).place(self.placement(is_test=is_test), yes)
        (request,) = server.heard
        assert request.method == "POST"
        assert PHONE in str(request.json())
        assert request.headers["x-attempt-id"] == request.headers["idempotency-key"] == REFERENCE

    @pytest.mark.parametrize("status", KINDS)
    def test_every_status_has_its_class_and_is_asked_for_once(
        self, serve: Callable[..., FaultServer], status: int
    ) -> None:
        server = serve(said(status, {"message": "the provider's words"}))
        answer = self.provider(server).place(self.placement(), yes)
        assert answer.kind is {**KINDS, **self.own_kinds}[status]
        assert (answer.http_status, answer.is_fault) == (status, status in FAULTS)
        assert len(server.heard) == 1

    def test_a_refusal_is_told_in_the_providers_words(self, serve: Callable[..., FaultServer]) -> None:
        answer = self.provider(serve(said(400, {"error": "toNumber is odd"}))).place(self.placement(), yes)
        assert answer.detail == "toNumber is odd"
        assert "toNumber is odd" in (answer.raw or "")

    def test_a_redirect_is_not_followed(self, serve: Callable[..., FaultServer]) -> None:
        elsewhere = serve(self.takes)
        server = serve(said(307, headers={"Location": elsewhere.url}))
        assert self.provider(server).place(self.placement(), yes).kind is AnswerKind.UNKNOWN
        assert (len(server.heard), elsewhere.connections) == (1, 0)

    @pytest.mark.parametrize(
        ("said_header", "seconds"),
        [("7", 7), ("0", 0), ("-5", None), ("soon", None), ("", None), ("9" * 40, None), ("NaN", None)],
    )
    def test_the_wait_that_a_throttled_answer_asks_for_is_told(
        self, serve: Callable[..., FaultServer], said_header: str, seconds: int | None
    ) -> None:
        server = serve(said(429, headers={"Retry-After": said_header}))
        answer = self.provider(server).place(self.placement(), yes)
        assert answer.retry_after == (None if seconds is None else timedelta(seconds=seconds))

    def test_nothing_is_sent_when_the_last_look_says_no(self, serve: Callable[..., FaultServer]) -> None:
        server = serve(self.takes)
        answer = self.provider(server).place(self.placement(), lambda: False)
        assert (answer.kind, answer.is_fault) == (AnswerKind.WITHHELD, False)
        assert server.bytes_heard == 0

    def test_the_last_look_is_taken_once_when_the_connection_stands(self, serve: Callable[..., FaultServer]) -> None:
        server = serve(self.takes)
        seen: list[tuple[bool, int]] = []

        def look() -> bool:
            seen.append((server.connected.wait(GRACE_SECONDS), server.bytes_heard))
            return True

        self.provider(server).place(self.placement(), look)
        assert seen == [(True, 0)]

    def test_what_the_last_look_raises_is_raised_and_nothing_is_sent(self, serve: Callable[..., FaultServer]) -> None:
        server = serve(self.takes)

        def look() -> bool:
            raise ConnectionError("Redis is gone")

        with pytest.raises(ConnectionError, match="Redis is gone"):
            self.provider(server).place(self.placement(), look)
        assert server.bytes_heard == 0

    def test_a_request_that_never_left_was_not_sent(self, serve: Callable[..., FaultServer]) -> None:
        server = serve(self.takes)
        account = self.account(server.url)
        server.__exit__(None, None, None)
        answer = self.adapter(account).place(self.placement(), yes)
        assert (answer.kind, answer.is_fault, answer.http_status) == (AnswerKind.NOT_SENT, True, None)

    @pytest.mark.parametrize("fault", BROKEN)
    def test_a_broken_answer_is_unknown_and_nothing_is_sent_again(
        self, serve: Callable[..., FaultServer], fault: str
    ) -> None:
        server = serve(BROKEN[fault])
        answer = self.provider(server).place(self.placement(), yes)
        assert (answer.kind, answer.is_fault) == (AnswerKind.UNKNOWN, True)
        assert len(server.heard) == 1

    @pytest.mark.parametrize("fault", UNREADABLE)
    def test_a_success_that_cannot_be_read_is_never_sent_again(
        self, serve: Callable[..., FaultServer], fault: str
    ) -> None:
        server = serve(UNREADABLE[fault])
        answer = self.provider(server).place(self.placement(), yes)
        assert answer.kind is (AnswerKind.UNKNOWN if self.needs_id else AnswerKind.ACCEPTED)
        assert answer.provider_call_id is None
        assert len(server.heard) == 1

    @pytest.mark.parametrize("fault", SLOW)
    def test_no_answer_outlasts_the_deadline(self, serve: Callable[..., FaultServer], fault: str) -> None:
        server = serve(SLOW[fault])
        provider = self.provider(server, SHORT_SECONDS)
        answer = within(SHORT_SECONDS + GRACE_SECONDS, lambda: provider.place(self.placement(), yes))
        assert (answer.kind, answer.is_fault) == (AnswerKind.UNKNOWN, True)
        assert len(server.heard) == 1

    def test_what_is_kept_of_an_answer_can_be_stored(self, serve: Callable[..., FaultServer]) -> None:
        body = b'{"message": "a\x00b\xff\\u0000\\ud800' + b"\xff" * 200_000 + b'"}'
        answer = self.provider(serve(said(500, body))).place(self.placement(), yes)
        for text in (answer.raw or "", answer.detail):
            assert "\x00" not in text
            assert len(text.encode()) <= 64 * 1024

    def test_secrets_stay_secret(self, serve: Callable[..., FaultServer]) -> None:
        server = serve()
        account = self.account(server.url)
        secrets = [
            value for name, value in account.options.items() if "key" in name or "token" in name or "secret" in name
        ]
        server.acts = (said(401, {"message": f"unknown key {' '.join(secrets)}"}),)
        provider = self.adapter(account)
        answer = provider.place(self.placement(), yes)
        shown = f"{provider!r} {answer!r}"
        assert secrets
        assert not [secret for secret in secrets if secret in shown]

    def test_proxies_of_the_environment_are_ignored(
        self, serve: Callable[..., FaultServer], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, "http://127.0.0.1:9")
        assert self.provider(serve(self.takes)).place(self.placement(), yes).kind is AnswerKind.ACCEPTED

    def test_a_connection_that_the_server_closed_meanwhile_loses_no_call(
        self, serve: Callable[..., FaultServer]
    ) -> None:
        server = serve(raw(self.accepted), self.takes)
        provider = self.provider(server)
        provider.place(self.placement(), yes)
        assert server.hung_up.wait(GRACE_SECONDS)
        answer = provider.place(self.placement(reference=f"{REFERENCE}-2"), yes)
        assert answer.kind is AnswerKind.ACCEPTED
        assert [request.headers["x-attempt-id"] for request in server.heard] == [REFERENCE, f"{REFERENCE}-2"]

    @pytest.mark.parametrize("fault", [*BROKEN, *UNREADABLE, *SLOW])
    def test_a_question_without_a_usable_answer_is_not_told(
        self, serve: Callable[..., FaultServer], fault: str
    ) -> None:
        provider = self.provider(serve({**BROKEN, **UNREADABLE, **SLOW}[fault]), SHORT_SECONDS)
        assert isinstance(provider.progress(self.sought()), NotTold)
        if fault != "a list":  # which is a list without any call in it
            assert isinstance(provider.find(self.sought()), NotTold)

    @pytest.mark.parametrize("status", KINDS)
    def test_a_question_that_is_refused_is_not_told(self, serve: Callable[..., FaultServer], status: int) -> None:
        provider = self.provider(serve(said(status, {"message": "no"})))
        assert isinstance(provider.progress(self.sought()), NotTold)
        assert isinstance(provider.find(self.sought()), NotTold)
        assert isinstance(provider.balance(), Answer if provider.capabilities.has_balance else Balance)

    @pytest.mark.parametrize("fault", [*BROKEN, *UNREADABLE, *SLOW])
    def test_nothing_raises_for_what_the_network_does(self, serve: Callable[..., FaultServer], fault: str) -> None:
        provider = self.provider(serve({**BROKEN, **UNREADABLE, **SLOW}[fault]), SHORT_SECONDS)
        assert isinstance(provider.balance(), Balance | Answer)
        assert isinstance(provider.find(self.sought()), Found | Absent | NotTold)
        for action in ("pause", "terminate", "resume"):
            order = ControlOrder(action, "w", "a", "november", exp=NOW)
            assert isinstance(provider.relay(order), Answer)

    @pytest.mark.parametrize("told", HOSTILE, ids=lambda told: str(told)[:30])
    def test_a_webhook_that_says_anything_at_all_is_read_without_raising(
        self, serve: Callable[..., FaultServer], told: Mapping[str, Any]
    ) -> None:
        provider: object = self.provider(serve())
        if isinstance(provider, ReadsWebhooks):
            heard = provider.heard(told)
            names = (heard.provider_call_id, heard.reference, heard.phone, heard.event_id)
            assert all(name is None or 0 < len(name) <= 255 for name in names)


def within(seconds: float, work: Callable[[], _T]) -> _T:
    """What `work` answers; raises TimeoutError when it takes longer."""
    pool = ThreadPoolExecutor(1)
    try:
        return pool.submit(work).result(seconds)
    finally:
        pool.shutdown(wait=False)
