"""Speaks HTTP on sockets: one request of a connection after the other, late, spoiled or broken as was decided."""

from __future__ import annotations

import asyncio
from typing import cast

from dialer.simulator import clock, faults
from dialer.simulator.control import Control
from dialer.simulator.desk import Delivery, Desk
from dialer.simulator.scenario import Fault
from dialer.simulator.wire import Answer, Request, RequestReader, Unreadable, json_answer


class Connection(asyncio.Protocol):
    """One client's connection; while an answer is due, further requests of it wait."""

    def __init__(self, desk: Desk, control: Control, open_ones: set[Connection]) -> None:
        self._desk = desk
        self._control = control
        self._open_ones = open_ones
        self._reader = RequestReader()
        self._transport: asyncio.Transport | None = None
        self._owed: Delivery | None = None
        self._later: asyncio.TimerHandle | None = None
        self._dripping: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._open_ones.add(self)

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        self._advance()

    def eof_received(self) -> bool:
        # A client that says no more is gone: what it was owed is lost, and the log says so.
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._open_ones.discard(self)
        if self._later:
            self._later.cancel()
        if self._dripping:
            self._dripping.cancel()
        if self._owed:
            self._settle(delivered=False)

    def abort(self) -> None:
        if self._transport:
            self._transport.abort()

    def _advance(self) -> None:
        try:
            while self._owed is None and self._transport and (request := self._reader.take()):
                self._serve(request)
        except Unreadable as unreadable:
            self._write(json_answer(unreadable.status, {"error": str(unreadable)}), keep_alive=False)
            return
        if self._reader.wants_continue and self._transport:
            self._reader.wants_continue = False
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _serve(self, request: Request) -> None:
        self._reader.wants_continue = False
        if request.segments()[:1] == ("_simulator",):
            self._write(self._control.answer(request), request.keep_alive)
            return
        self._owed = self._desk.serve(request)
        if self._owed.after > 0:
            self._later = asyncio.get_running_loop().call_later(self._owed.after, self._deliver_late)
        else:
            self._deliver(self._owed)

    def _deliver_late(self) -> None:
        self._later = None
        if self._owed:
            self._deliver(self._owed)
            self._advance()

    def _deliver(self, owed: Delivery) -> None:
        fault, keep_alive = owed.fault, owed.entry.request.keep_alive
        if fault and fault.kind == "drip":
            self._dripping = asyncio.get_running_loop().create_task(self._drip(fault, owed))
        elif fault and fault.kind in faults.WITHOUT_ANSWER:
            if self._transport:
                faults.hold_or_break(fault, self._transport, owed.answer.encoded())
        else:
            self._settle(delivered=True)
            self._write(owed.answer, keep_alive)

    async def _drip(self, fault: Fault, owed: Delivery) -> None:
        if self._transport:
            await faults.drip(fault, self._transport, owed.answer.encoded(owed.entry.request.keep_alive))
        if self._transport:
            self._settle(delivered=True)
            if not owed.entry.request.keep_alive:
                self._transport.close()
            self._advance()

    def _settle(self, delivered: bool) -> None:
        if self._owed:
            self._desk.log.answered(self._owed.entry, clock.read(), delivered)
        self._owed = None

    def _write(self, answer: Answer, keep_alive: bool) -> None:
        if self._transport:
            self._transport.write(answer.encoded(keep_alive))
            if not keep_alive:
                self._transport.close()
