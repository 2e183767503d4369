"""Starts and stops the simulator: in a thread of this process for tests and the demo, or as a process of its own."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from dialer.errors import InvalidInput
from dialer.simulator.calls import PlacedCall
from dialer.simulator.control import Control
from dialer.simulator.desk import Desk
from dialer.simulator.log import RequestLog
from dialer.simulator.scenario import DIALECTS, Scenario
from dialer.simulator.server import Connection
from dialer.simulator.summary import summary
from dialer.simulator.webhooks import PostCallWebhooks

_T = TypeVar("_T")
ScenarioSource = Scenario | Mapping[str, Any] | str | Path | None


class Simulator:
    """A provider simulator on a loopback port, in a thread of its own; a context manager, or start() and stop().

    Takes a scenario as a Scenario, a dict or a JSON file's path, and raises InvalidInput when it is wrong.
    """

    def __init__(
        self,
        scenario: ScenarioSource = None,
        port: int = 0,
        log_path: str | Path | None = None,
        host: str = "127.0.0.1",
    ) -> None:
        self._scenario = Scenario.read(scenario)
        self._address = (host, port)
        self._log_path = log_path
        self._connections: set[Connection] = set()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop
        self._control: Control
        self.port = port

    @property
    def url(self) -> str:
        host = self._address[0]
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    def base_url(self, dialect: str) -> str:
        """The base_url of an account that speaks this dialect: inspra, batch_call or outboundcalls."""
        if dialect not in DIALECTS:
            raise InvalidInput(f"dialect: expected one of {', '.join(DIALECTS)}, got {dialect!r:.80}")
        return f"{self.url}/{dialect}"

    def requests(self, since: int = 0, limit: int | None = None) -> list[dict[str, Any]]:
        """Requests as received, oldest first; see docs/simulator.md for the fields."""
        return self._ask(lambda: self._control.requests(since, limit))

    def placements(self, phone: str | None = None) -> list[dict[str, Any]]:
        """Calls that were placed, or those to one number, oldest first."""
        return self._ask(lambda: self._control.placements(phone))

    def summary(self) -> dict[str, Any]:
        return self._ask(lambda: summary(self._control.desk))

    def play(self, scenario: ScenarioSource) -> None:
        """Replaces the scenario; turns start from one again, calls and log stay."""
        played = Scenario.read(scenario)
        self._ask(lambda: self._control.desk.play(played))

    def reset(self) -> None:
        """Forgets every call and request."""
        self._ask(lambda: self._control.desk.reset())

    def start(self) -> Self:
        """Listens before it returns; raises InvalidInput when the address or the log file cannot be had."""
        listening: Future[int] = Future()
        self._thread = threading.Thread(target=self._run, args=(listening,), name="simulator", daemon=True)
        self._thread.start()
        self.port = listening.result()
        return self

    def stop(self) -> None:
        """Closes every connection and the log file; harmless when it is not running."""
        if self._thread and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join()
        self._thread = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _ask(self, question: Callable[[], _T]) -> _T:
        """Runs in the simulator's thread, the only one that touches its state."""
        if not (self._thread and self._thread.is_alive()):
            raise InvalidInput("the simulator is not running: use it in a with block, or call start()")

        async def reply() -> _T:
            return question()

        return asyncio.run_coroutine_threadsafe(reply(), self._loop).result()

    def _run(self, listening: Future[int]) -> None:
        try:
            asyncio.run(self._listen(listening))
        except BaseException as error:
            if listening.done():
                raise
            listening.set_exception(error)

    async def _listen(self, listening: Future[int]) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        log = RequestLog(self._log_path)
        webhooks = PostCallWebhooks(lambda call, now: desk.outboundcalls.detail(call, now), log.note)
        desk = Desk(self._scenario, log, lambda call: _expect(desk, webhooks, call))
        self._control = Control(desk)
        try:
            server = await self._bound(desk)
            listening.set_result(server.sockets[0].getsockname()[1])
            await self._stopping.wait()
            server.close()
        finally:
            webhooks.stop()
            for connection in list(self._connections):
                connection.abort()
            # One turn of the loop for the aborted connections to tell the log what was lost.
            await asyncio.sleep(0)
            log.close()

    async def _bound(self, desk: Desk) -> asyncio.Server:
        def connection() -> Connection:
            return Connection(desk, self._control, self._connections)

        host, port = self._address
        try:
            return await self._loop.create_server(connection, host, port, backlog=1024)
        except (OSError, OverflowError) as error:
            raise InvalidInput(f"{host}:{port}: cannot listen here: {error}", code="ADDRESS_TAKEN") from None


def _expect(desk: Desk, webhooks: PostCallWebhooks, call: PlacedCall) -> None:
    url = desk.outboundcalls.account.webhook_url
    if call.dialect == "outboundcalls" and url:
        webhooks.expect(call, url)


def main(
    port: int = 8099, scenario: ScenarioSource = None, log: str | Path | None = None, host: str = "127.0.0.1"
) -> None:
    """Runs until SIGTERM or SIGINT; prints one line when it listens. Raises InvalidInput for what it cannot use."""
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    with Simulator(scenario, port, log, host) as simulator:
        sys.stdout.write(f"listening on {simulator.url}\n")
        sys.stdout.flush()
        ended.wait()
