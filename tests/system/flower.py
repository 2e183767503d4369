"""The real Flower by the shipped configuration, and what a person or a program can read there."""

from __future__ import annotations

import os
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from tests.system.site import Site
from workers.embedded_redis import free_port

ROOT = Path(__file__).parents[2]
LOGIN = "watcher:w4tch-only"


class Flower:
    """`flower("/tasks")`: the text of a page."""

    def __init__(self, port: int) -> None:
        self.port = port

    def __call__(self, page: str) -> str:
        status, text = self.ask(page)
        assert status == 200, f"{page}: {status} {text[:500]}"
        return text

    def ask(self, page: str, method: str = "GET", login: str = LOGIN) -> tuple[int, str]:
        """Status and text, whatever came of it."""
        headers = {"Authorization": f"Basic {b64encode(login.encode()).decode()}"} if login else {}
        data = b"{}" if method == "POST" else None
        asked = Request(f"http://127.0.0.1:{self.port}{page}", data=data, headers=headers, method=method)
        try:
            with urlopen(asked, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as refused:
            with refused:
                return refused.code, refused.read().decode()

    def is_up(self) -> bool:
        try:
            return self("/healthcheck") == "OK"
        except OSError:
            return False


def command() -> list[str]:
    return [sys.executable, "-m", "celery", "-A", "workers.celery_app", "flower", "--conf=ops/flower/flowerconfig.py"]


@contextmanager
def running_flower(site: Site) -> Iterator[Flower]:
    port = free_port()
    environment = os.environ | {"FLOWER_BASIC_AUTH": LOGIN, "FLOWER_PORT": str(port)}
    with (site.home / "flower.log").open("wb") as log:
        process = subprocess.Popen(command(), cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        flower = Flower(port)
        site.until(flower.is_up, "Flower")
        yield flower
    finally:
        process.terminate()
        process.wait(20)
