"""A Redis that speaks TLS alone, with a certificate by an authority of the test's own."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path
from typing import Self

from redis import Redis
from redis.exceptions import RedisError

from workers.embedded_redis import HOST, free_port
from workers.leash import end_process, watch
from workers.redis_binary import candidates

PATIENCE_STEPS = 500


class TlsRedis:
    """`rediss://…` on a free loopback port; whoever does not know the authority does not come in."""

    def __init__(self, home: Path, openssl: str) -> None:
        self.home = home
        self.port = free_port()
        self.authority, self._certificate, self._key = certificates(home, openssl)
        self._server: subprocess.Popen[bytes] | None = None
        self._watcher: subprocess.Popen[bytes] | None = None

    @property
    def bare_url(self) -> str:
        return f"rediss://:tls-secret@{HOST}:{self.port}/0"

    @property
    def url(self) -> str:
        return f"{self.bare_url}?ssl_ca_certs={self.authority}"

    def __enter__(self) -> Self:
        for binary in candidates():
            self._server = subprocess.Popen([str(binary), *self._options()], stdout=subprocess.DEVNULL)
            self._watcher = watch(self._server.pid)
            if self._answers(self._server):
                return self
            self.__exit__()
        raise AssertionError("no Redis here speaks TLS: apt-get install --no-install-recommends redis-server")

    def __exit__(self, *error: object) -> None:
        for process, by in ((self._server, signal.SIGTERM), (self._watcher, signal.SIGKILL)):
            if process is not None:
                end_process(process, by)
        self._server = self._watcher = None

    def _options(self) -> list[str]:
        tls = ["--tls-port", str(self.port), "--port", "0", "--tls-auth-clients", "no"]
        tls += ["--tls-cert-file", str(self._certificate), "--tls-key-file", str(self._key)]
        tls += ["--tls-ca-cert-file", str(self.authority)]
        rest = ["--bind", HOST, "--requirepass", "tls-secret", "--save", "", "--appendonly", "yes"]
        return [*tls, *rest, "--maxmemory-policy", "noeviction", "--dir", str(self.home), "--daemonize", "no"]

    def _answers(self, server: subprocess.Popen[bytes]) -> bool:
        for _ in range(PATIENCE_STEPS):
            if server.poll() is not None:
                return False
            try:
                with Redis.from_url(self.url, socket_timeout=1) as redis:
                    return bool(redis.ping())
            except RedisError:
                time.sleep(0.02)
        return False


def certificates(home: Path, openssl: str) -> tuple[Path, Path, Path]:
    """An authority, and what it certifies for 127.0.0.1: certificate and key."""
    home.mkdir(parents=True, exist_ok=True)
    run = lambda *words: subprocess.run([openssl, *words], cwd=home, check=True, capture_output=True)  # noqa: E731
    new_key = ("-newkey", "rsa:2048", "-nodes")
    run("req", "-x509", *new_key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=test authority")
    run("req", *new_key, "-keyout", "redis.key", "-out", "redis.csr", "-subj", "/CN=redis")
    (home / "names").write_text("subjectAltName=IP:127.0.0.1\n", encoding="ascii")
    sign = ("x509", "-req", "-in", "redis.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2")
    run(*sign, "-out", "redis.pem", "-extfile", "names")
    return home / "ca.pem", home / "redis.pem", home / "redis.key"
