"""The receiver in docs/webhooks.md does what the page says: it verifies, answers, and takes no webhook twice."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from dialer.domain.address import parse_network
from dialer.ports.courier import Delivery
from dialer.providers.courier import WebhookCourier
from tests.receiver import SECRET

PAGE = Path(__file__).parents[2] / "docs" / "webhooks.md"
BODY = '{"data": {"phone": "+61387772586", "attempt": {"outcome": "answered"}}}'


@pytest.fixture
def page() -> dict[str, Any]:
    """What the page's block of Python defines."""
    [block] = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    said: dict[str, Any] = {"__name__": "page"}
    exec(block, said)
    said["Calls"].log_message = lambda *_: None
    return said


@pytest.fixture
def url(page: dict[str, Any]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), page["Calls"])
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()


def deliver(url: str, message_id: str, secret: str = SECRET, ago: timedelta = timedelta()) -> Delivery:
    courier = WebhookCourier(time.monotonic, [parse_network("127.0.0.1")])
    return courier.deliver(url, secret, message_id, datetime.now(UTC) - ago, BODY)


def test_it_takes_what_is_signed_once_however_often_it_comes(
    page: dict[str, Any], url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert [deliver(url, name).is_heard for name in ("m-1", "m-1", "m-2")] == [True, True, True]
    assert page["seen"] == {"m-1", "m-2"}
    assert capsys.readouterr().out == "+61387772586 answered\n" * 2


def test_it_refuses_another_secret_and_what_is_old(page: dict[str, Any], url: str) -> None:
    refused = [deliver(url, "m-1", "whsec_b3RoZXI="), deliver(url, "m-1", ago=timedelta(minutes=10))]
    assert [delivery.detail for delivery in refused] == ["answered 401 Unauthorized"] * 2
    assert page["seen"] == set()
