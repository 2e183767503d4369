"""Carries outgoing webhooks: looked up once, connected to what was looked up, and only where it may go.

Beside `http`, which speaks to addresses that an operator configured. These come from whoever registers an agent, so the
network address itself is checked, and it is the very one that is connected to: a name that leads somewhere else when it
is looked up again leads nowhere. What is signed, and with what, is Standard Webhooks'.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from urllib.parse import urlsplit

from standardwebhooks import Webhook
from standardwebhooks.webhooks import EmptyWebhookSecretError

from dialer.domain.address import Network, is_allowed, is_public
from dialer.ports.courier import Delivery
from dialer.providers.answers import http_date, retry_after
from dialer.providers.connection import Address, Connection, Deadline, Origin, addresses_of
from dialer.providers.http import default_tls
from dialer.providers.incoming import Unreadable, WireAnswer

#: Look-up, connection, request and answer together; the ledger hands a notice out for a minute.
TOTAL_SECONDS = 15.0

LookUp = Callable[[Origin, Deadline], Sequence[Address]]


class WebhookCourier:
    """`dialer.ports.courier.Courier`. `now`: seconds that never step back. `allowed`: networks that may be reached
    besides the open internet, and by plain http. Any number of threads may use it."""

    def __init__(
        self,
        now: Callable[[], float],
        allowed: Sequence[Network] = (),
        *,
        total_seconds: float = TOTAL_SECONDS,
        look_up: LookUp = addresses_of,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._now = now
        self._allowed = tuple(allowed)
        self._seconds = total_seconds
        self._look_up = look_up
        self._tls = tls

    def deliver(self, url: str, secret: str, message_id: str, at: datetime, body: str) -> Delivery:
        try:
            target = _Target.of(url)
            signature = Webhook(secret).sign(message_id, at.astimezone(UTC), body)
        except (ValueError, EmptyWebhookSecretError):
            return Delivery(False, "its URL or its secret cannot be used: register the agent again", is_final=True)
        try:
            return _delivery(self._exchange(target, target.request(message_id, at, signature, body)), at)
        except _Nowhere as error:
            return Delivery(False, str(error))
        except TimeoutError:
            return Delivery(False, f"no answer within {self._seconds:g} s", is_silent=True)
        except (OSError, UnicodeError, Unreadable) as error:
            return Delivery(False, f"no answer: {_words(error)}", is_silent=True)

    def _exchange(self, target: _Target, request: bytes) -> WireAnswer:
        deadline = Deadline(self._seconds, self._now)
        origin = Origin(target.host, target.port, tls=self._context if target.is_tls else None)
        found = self._look_up(origin, deadline)
        usable = [address for address in found if self._may_reach(address, is_tls=target.is_tls)]
        if not usable:
            raise _Nowhere(_refusal(found, is_tls=target.is_tls))
        connection = Connection.open(origin, deadline, usable)
        try:
            connection.send(request, deadline)
            return connection.receive("POST", deadline)
        finally:
            connection.close()

    def _may_reach(self, address: Address, *, is_tls: bool) -> bool:
        return is_allowed(address[4][0], self._allowed) or (is_tls and is_public(address[4][0]))

    def _context(self) -> ssl.SSLContext:
        return self._tls or default_tls()


class _Nowhere(Exception):
    """It leads to no address that may be connected to."""


@dataclass(frozen=True, slots=True)
class _Target:
    """A URL taken apart."""

    host: str
    port: int
    is_tls: bool
    netloc: str
    path: str

    @classmethod
    def of(cls, url: str) -> _Target:
        """ValueError for what `registration` would not have let in: a line break in it would be a header of its own."""
        parts = urlsplit(url)
        if not (url.isascii() and url.isprintable() and parts.hostname and parts.scheme in ("http", "https")):
            raise ValueError(url)
        is_tls = parts.scheme == "https"
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return cls(parts.hostname or "", parts.port or (443 if is_tls else 80), is_tls, parts.netloc, path)

    def request(self, message_id: str, at: datetime, signature: str, body: str) -> bytes:
        content = body.encode()
        headers = {
            "Host": self.netloc,
            "User-Agent": "dialer",
            "Accept": "*/*",
            "Accept-Encoding": "identity",
            "Connection": "close",
            "Content-Type": "application/json",
            "Content-Length": str(len(content)),
            "webhook-id": message_id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": signature,
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"POST {self.path} HTTP/1.1\r\n{head}\r\n".encode("ascii") + content


def _refusal(found: Sequence[Address], *, is_tls: bool) -> str:
    addresses = ", ".join(sorted({address[4][0] for address in found})) or "no address"
    expected = "an address of the open internet" if is_tls else "https"
    return f"refused: it leads to {addresses}; expected {expected}, or one that webhook_allow names"


def _delivery(answer: WireAnswer, at: datetime) -> Delivery:
    """Any 2xx is heard, whatever its body is or breaks off with."""
    known = {one.value: one.phrase for one in HTTPStatus}
    words = f"answered {answer.status} {known.get(answer.status, '')}".rstrip()
    if 200 <= answer.status < 300:
        return Delivery(True, words)
    if 300 <= answer.status < 400:
        return Delivery(False, f"{words}: redirects are not followed")
    sent_at = http_date(answer.headers.get("date")) or at
    wait = retry_after(answer.headers.get("retry-after"), sent_at)
    return Delivery(False, words, is_final=answer.status == HTTPStatus.GONE, retry_after=wait)


def _words(error: Exception) -> str:
    """What kind of error, never its text: that may quote what was received."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate refused: {error.verify_message}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__
