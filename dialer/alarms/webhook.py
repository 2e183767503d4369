"""Tells of an alert by one POST to the operator's own address, under one deadline; redirects are not followed."""

from __future__ import annotations

from urllib.parse import urlsplit

from dialer.domain.upkeep import Tiding
from dialer.providers.answers import Failure
from dialer.providers.http import HttpClient

DEADLINE_SECONDS = 10.0


class WebhookAlarm:
    """`dialer.ports.upkeep.Alarm`. The address may lie anywhere, loopback included: the operator wrote it."""

    channel = "webhook"

    def __init__(self, url: str, deadline_seconds: float = DEADLINE_SECONDS) -> None:
        parts = urlsplit(url)
        self._path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        self._client = HttpClient(f"{parts.scheme}://{parts.netloc}", {}, deadline_seconds)

    def tell(self, tiding: Tiding) -> str | None:
        told = self._client.post(self._path, tiding.document())
        if isinstance(told, Failure):
            return told.detail
        return None if told.is_ok else f"HTTP {told.status}"
