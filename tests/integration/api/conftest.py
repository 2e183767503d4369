"""The application over a socket, on a ledger of the test's own; nobody dials."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from dialer import Dialer
from dialer.api import create_app
from dialer.domain.client import NewKey
from dialer.settings import Settings

CALLER_ID = "+12025550198"
PROVIDERS: dict[str, Any] = {
    "main": {
        "kind": "batch_call",
        "base_url": "http://127.0.0.1:1",
        "api_key": "k",
        "api_secret": "s",
        "caller_id": CALLER_ID,
        "webhook_secret": "hook-secret",
    }
}


@dataclass(frozen=True)
class Served:
    """A running application, the Dialer below it, and a key of the workspace acme."""

    url: str
    dialer: Dialer
    key: NewKey
    client: httpx.Client

    def post(self, path: str, body: Any = None, **options: Any) -> httpx.Response:
        """With the key as a bearer, unless `headers` says otherwise."""
        options.setdefault("headers", self.bearer)
        return self.client.post(self.url + path, json=body, **options)

    def get(self, path: str, **options: Any) -> httpx.Response:
        options.setdefault("headers", self.bearer)
        return self.client.get(self.url + path, **options)

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key.api_key}"}


@contextmanager
def running(app: FastAPI) -> Iterator[str]:
    """The base URL of the application, served by a thread of this process."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off"))
    thread = Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def settings_of(ledger_url: str) -> Settings:
    return Settings.model_validate(
        {"database_url": ledger_url, "redis_url": "redis://127.0.0.1:1", "providers": PROVIDERS}
    )


@contextmanager
def serving(settings: Settings) -> Iterator[Served]:
    with Dialer(settings) as dialer, running(create_app(dialer)) as url, httpx.Client(timeout=100) as client:
        yield Served(url, dialer, dialer.keys.create("acme"), client)


@pytest.fixture
def settings(ledger_url: str) -> Settings:
    return settings_of(ledger_url)


@pytest.fixture
def served(settings: Settings) -> Iterator[Served]:
    """On SQLite and on PostgreSQL."""
    with serving(settings) as served:
        yield served


@pytest.fixture(scope="module")
def untouched(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One for all tests of a module, which must write nothing."""
    ledger = shutil.copyfile(migrated_file, tmp_path_factory.mktemp("ledger") / "ledger.db")
    with serving(settings_of(f"sqlite:///{ledger}")) as served:
        yield served
