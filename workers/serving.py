"""The process of `dialer serve`: binds its port, opens the ledger, and serves until it is told to stop."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sys
from importlib.util import find_spec
from typing import Any

from dialer.errors import DialerError
from dialer.facade import Dialer
from dialer.saying import announce
from dialer.settings import load_settings
from workers import logs
from workers.exits import refuse
from workers.logs import log

#: Its first line begins so; the address follows.
LISTENING = "listening on "
#: What the extra `http` brings.
_NEEDED = ("fastapi", "fastapi_offline", "prometheus_client", "uvicorn")
#: Requests under way may take so long when it is told to stop.
_GRACE_SECONDS = 10
_BACKLOG = 2048


class PortTaken(DialerError):
    """The address cannot be listened on."""

    default_code = "PORT_TAKEN"


class ExtraMissing(DialerError):
    """What `dialer serve` needs is not installed: pip install "dialer[http]"."""

    default_code = "EXTRA_MISSING"


def is_installed() -> bool:
    """Whether the extra `http` is."""
    return all(find_spec(name) is not None for name in _NEEDED)


def main(arguments: list[str] | None = None) -> int:
    """0 after a clean stop; 1 when it cannot listen or the ledger cannot be reached, 2 for a wrong configuration."""
    parser = argparse.ArgumentParser(prog="dialer serve", description="The HTTP API.")
    parser.add_argument("--host", help="address to listen on")
    parser.add_argument("--port", type=int, help="0 takes a free one")
    given = parser.parse_args(arguments)
    logs.set_up()
    try:
        if not is_installed():
            raise ExtraMissing
        settings = load_settings()
        with Dialer(settings) as dialer:
            port = settings.http.port if given.port is None else given.port
            with listening(given.host or settings.http.host, port) as socket_:
                serve(dialer, socket_, settings.http.requests_per_second)
    except DialerError as error:
        refuse(error)
    return 0


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens already, so that a taken port is noticed before anything else; PortTaken."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise PortTaken(f"cannot listen on {host}:{port}: {_reason(error)}") from None


def _reason(error: OSError) -> str:
    if error.errno is None or isinstance(error, socket.gaierror):
        return error.strerror or str(error)
    return os.strerror(error.errno)


def serve(dialer: Dialer, socket_: socket.socket, requests_per_second: float) -> None:
    """Until SIGTERM or SIGINT."""
    import uvicorn

    from dialer.api import create_app
    from workers.access import Access

    app = create_app(dialer, requests_per_second=requests_per_second)
    config = uvicorn.Config(
        Access(app),
        log_config=None,  # ours
        access_log=False,  # ours too: keys may be in paths
        server_header=False,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    for word in (signal.SIGTERM, signal.SIGINT):
        signal.signal(word, _nothing)  # uvicorn raises it again when it has stopped, which is no failure of ours
    _say(socket_)
    uvicorn.Server(config).run(sockets=[socket_])
    log().info("serve.stopped")


def _say(socket_: socket.socket) -> None:
    host, port = socket_.getsockname()[:2]
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    announce(f"{LISTENING}{url}")
    log().info("serve.started", url=url, pid=os.getpid())


def _nothing(*_: Any) -> None: ...


if __name__ == "__main__":
    sys.exit(main())
