"""Outgoing webhooks on the wire: signed, sent once, only where they may go, and never for longer than the deadline."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from dialer.domain.address import parse_network
from dialer.ports.courier import Courier, Delivery
from dialer.providers.connection import Address, Deadline, Origin
from dialer.providers.courier import WebhookCourier
from dialer.testing.fault_server import (
    Act,
    FaultServer,
    big,
    close,
    drip,
    half_close,
    raw,
    reset,
    said,
    silence,
    written,
)
from dialer.testing.provider_contract import GRACE_SECONDS, SHORT_SECONDS, within
from tests.receiver import SECRET, Receiver

LOOPBACK_KEY = Path(__file__).with_name("loopback.pem")
LOOPBACK = [parse_network("127.0.0.0/8")]
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
BODY = '{"type": "call.ended", "data": {"phone": "+61387772586", "summary": "Grüße 李"}}'
MESSAGE_ID = "0194f5a0-0000-7000-8000-000000000001"


def courier(**given: Any) -> WebhookCourier:
    return WebhookCourier(time.monotonic, given.pop("allowed", LOOPBACK), **given)


def deliver(to: Courier, url: str, secret: str = SECRET, at: datetime | None = None) -> Delivery:
    return to.deliver(url, secret, MESSAGE_ID, at or datetime.now(UTC), BODY)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


def test_a_message_arrives_signed_so_that_the_library_verifies_it(receiver: Receiver) -> None:
    delivery = deliver(courier(), f"{receiver.url}?tenant=7")
    assert delivery == Delivery(True, "answered 200 OK")
    [received] = receiver.received
    assert receiver.unverified == []
    assert (received.message_id, received.path) == (MESSAGE_ID, "/calls?tenant=7")
    assert received.said["data"]["summary"] == "Grüße 李"
    assert received.headers["content-type"] == "application/json"
    assert received.headers["host"] == f"127.0.0.1:{receiver.port}"


def test_it_is_signed_as_sent_at_the_instant_it_is_given_whatever_its_offset(receiver: Receiver) -> None:
    at = datetime.now(UTC).astimezone().astimezone(tz=None)
    deliver(courier(), receiver.url, at=at)
    assert receiver.unverified == []
    assert receiver.received[0].headers["webhook-timestamp"] == str(int(at.timestamp()))


def test_another_secret_a_changed_body_or_an_old_timestamp_do_not_verify() -> None:
    with FaultServer(said(200)) as server:
        deliver(courier(), server.url, at=NOW)
        deliver(courier(), server.url)
    old, fresh = server.heard
    webhook = Webhook(SECRET)
    assert webhook.verify(fresh.body, fresh.headers)
    for secret, body, headers in (
        ("whsec_bm90IHRoYXQgb25l", fresh.body, fresh.headers),
        (SECRET, fresh.body.replace(b"ended", b"begun"), fresh.headers),
        (SECRET, old.body, old.headers),
    ):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(body, headers)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_heard(status: int) -> None:
    with FaultServer(said(status)) as server:
        assert deliver(courier(), server.url).is_heard


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int, receiver: Receiver) -> None:
    with FaultServer(said(status, headers={"Location": receiver.url})) as server:
        delivery = deliver(courier(), server.url)
    assert not delivery.is_heard
    assert "redirects are not followed" in delivery.detail
    assert receiver.received == []
    assert len(server.heard) == 1


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
def test_other_answers_are_not_heard_and_sent_once(status: int) -> None:
    with FaultServer(said(status, {"error": "secret words"})) as server:
        delivery = deliver(courier(), server.url)
    assert (delivery.is_heard, delivery.is_final, delivery.is_silent) == (False, False, False)
    assert delivery.detail.startswith(f"answered {status}")
    assert "secret words" not in delivery.detail
    assert len(server.heard) == 1


def test_gone_is_final_and_a_wish_to_wait_is_passed_on() -> None:
    with FaultServer(said(410), said(503, headers={"Retry-After": "120"})) as server:
        assert deliver(courier(), server.url).is_final
        assert deliver(courier(), server.url).retry_after == timedelta(minutes=2)


@pytest.mark.parametrize("act", [silence, drip(written(200), 0.2)], ids=["silence", "drip"])
def test_a_receiver_that_takes_for_ever_is_left_at_the_deadline(act: Act) -> None:
    hasty = courier(total_seconds=SHORT_SECONDS)
    with FaultServer(act) as server:
        delivery = within(SHORT_SECONDS + GRACE_SECONDS, lambda: deliver(hasty, server.url))
    assert (delivery.is_heard, delivery.is_silent) == (False, True)


@pytest.mark.parametrize("act", [close, reset, half_close], ids=["close", "reset", "half"])
def test_a_receiver_that_hangs_up_has_not_heard(act: Act) -> None:
    with FaultServer(act) as server:
        delivery = deliver(courier(), server.url)
    assert (delivery.is_heard, delivery.is_silent) == (False, True)
    assert len(server.heard) == 1


def test_a_2xx_whose_body_breaks_off_is_heard() -> None:
    with FaultServer(raw(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab")) as server:
        assert deliver(courier(), server.url) == Delivery(True, "answered 200 OK")


def test_an_endless_answer_is_read_to_a_megabyte_and_heard_all_the_same() -> None:
    with FaultServer(big(200 * 1024 * 1024)) as server:
        assert within(GRACE_SECONDS, lambda: deliver(courier(), server.url)).is_heard


def test_nobody_there_is_a_silence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        delivery = deliver(courier(), f"http://127.0.0.1:{taken.getsockname()[1]}/")
    assert (delivery.is_heard, delivery.is_silent) == (False, True)


def named(*addresses: str) -> Any:
    """A look-up that finds these, one list after the other, and counts."""
    asked: list[str] = []

    def look_up(origin: Origin, limit: Deadline) -> list[Address]:
        asked.append(origin.host)
        found = addresses[min(len(asked), len(addresses)) - 1]
        return [
            (socket.AF_INET6 if ":" in one else socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, origin.port))
            for one in found.split()
        ]

    look_up.asked = asked  # type: ignore[attr-defined]
    return look_up


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/",
        "http://localhost:{port}/",
        "http://2130706433:{port}/",
        "http://0x7f.1:{port}/",
        "http://[::ffff:127.0.0.1]:{port}/",
        "https://127.0.0.1:{port}/",
        "https://localhost:{port}/",
    ],
)
def test_without_being_named_this_machine_is_not_connected_to_however_it_is_spelled(url: str) -> None:
    with FaultServer(said(200)) as server:
        delivery = deliver(courier(allowed=[]), url.format(port=server.url.rpartition(":")[2]))
    assert not delivery.is_heard
    assert server.connections == 0


def test_a_name_that_leads_inside_is_refused_and_says_where_it_leads() -> None:
    inside = courier(allowed=[], look_up=named("169.254.169.254 10.0.0.7"))
    delivery = deliver(inside, "https://owner.example/")
    assert not delivery.is_heard
    assert "it leads to 10.0.0.7, 169.254.169.254; expected an address of the open internet" in delivery.detail


def test_plain_http_goes_only_where_the_configuration_allows_it() -> None:
    delivery = deliver(courier(allowed=[], look_up=named("93.184.216.34")), "http://owner.example/")
    assert not delivery.is_heard
    assert "expected https" in delivery.detail


def test_a_name_is_looked_up_once_and_the_address_that_was_checked_is_the_one_connected_to() -> None:
    """DNS rebinding: an allowed address while it is checked, the inside of the house when it is asked again."""
    look_up = named("127.0.0.2", "127.0.0.1")
    with FaultServer(said(200)) as server:
        port = server.url.rpartition(":")[2]
        deliver(
            courier(allowed=[parse_network("127.0.0.2")], look_up=look_up, total_seconds=SHORT_SECONDS),
            f"http://owner.example:{port}/",
        )
    assert look_up.asked == ["owner.example"]
    assert server.connections == 0, "it listens on 127.0.0.1 only, which was never checked"


def test_of_several_addresses_only_those_that_may_be_reached_are_tried() -> None:
    look_up = named("127.0.0.1 127.0.0.2")
    with FaultServer(said(200)) as server:
        url = f"http://owner.example:{server.url.rpartition(':')[2]}/"
        only_second = courier(allowed=[parse_network("127.0.0.2")], look_up=look_up, total_seconds=SHORT_SECONDS)
        assert not deliver(only_second, url).is_heard
        assert server.connections == 0
        assert deliver(courier(look_up=look_up), url).is_heard
    assert server.heard[0].headers["host"] == url.removeprefix("http://").rstrip("/")


@pytest.fixture
def loopback_tls() -> ssl.SSLContext:
    """Ours: the key of these tests, and nobody else, is trusted."""
    context = ssl.create_default_context(cafile=str(LOOPBACK_KEY))
    context.check_hostname = True
    return context


@pytest.fixture
def encrypted() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(LOOPBACK_KEY)
    return context


def test_a_certificate_is_checked_by_the_name_and_not_by_the_address(
    loopback_tls: ssl.SSLContext, encrypted: ssl.SSLContext
) -> None:
    look_up = named("127.0.0.1")
    with FaultServer(said(200), tls=encrypted) as server:
        port = server.url.rpartition(":")[2]
        assert deliver(courier(tls=loopback_tls), f"https://127.0.0.1:{port}/").is_heard
        wrong = deliver(courier(tls=loopback_tls, look_up=look_up), f"https://owner.example:{port}/")
        strange = deliver(courier(), f"https://127.0.0.1:{port}/")
    assert wrong.detail.startswith("no answer: certificate refused")
    assert strange.detail.startswith("no answer: certificate refused")
    assert len(server.heard) == 1


def test_proxies_of_the_environment_are_not_asked(monkeypatch: pytest.MonkeyPatch, receiver: Receiver) -> None:
    with FaultServer(said(200)) as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        assert deliver(courier(), receiver.url).is_heard
    assert proxy.connections == 0


@pytest.mark.parametrize(
    "url", ["ftp://a.example/", "https:///x", "https://a.example/\r\nX-Evil: 1", "https://[x/", ""]
)
def test_a_url_that_cannot_be_used_is_final(url: str) -> None:
    delivery = deliver(courier(), url)
    assert (delivery.is_heard, delivery.is_final) == (False, True)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_a", "whsec_ü"])
def test_a_secret_that_cannot_be_used_is_final_and_is_not_repeated(secret: str, receiver: Receiver) -> None:
    delivery = deliver(courier(), receiver.url, secret=secret)
    assert (delivery.is_heard, delivery.is_final) == (False, True)
    assert not secret or secret not in delivery.detail
    assert receiver.received == []
