"""Spoils answers: what a scripted fault puts into one and does to the socket; who gets which is `casting`'s."""

from __future__ import annotations

import asyncio
import socket
import struct
import zlib
from collections.abc import Callable
from functools import cache
from typing import cast

from dialer.simulator import clock
from dialer.simulator.clock import Instant
from dialer.simulator.scenario import Fault
from dialer.simulator.wire import REASONS, Answer

_MEGABYTE = 1024 * 1024
_BIG = 10 * _MEGABYTE
_BOMB = 256 * _MEGABYTE
_GARBAGE = b"\x16\x03\x01\x00\xff\x00HTP/9.9 \xc3\x28 none of this is HTTP\r\n\x00\xfe\r\n\r\n"
_LOGIN = b"<!doctype html><html><head><title>Sign in</title></head><body><form>Please sign in</form></body></html>"

#: Faults that end the connection, or hold it, without a whole answer.
WITHOUT_ANSWER = frozenset({"reset", "reset_before", "timeout", "close_without_answer", "half_close", "garbage"})


def spoiled(fault: Fault, answer: Answer, refuse: Callable[[int, str], Answer], now: Instant) -> Answer:
    """The answer that goes out instead of `answer`; faults of the socket leave it as it is."""
    if fault.kind == "http":
        return _status(fault, answer, refuse, now)
    if fault.kind == "html200":
        return Answer(200, _LOGIN, content_type="text/html; charset=utf-8")
    if fault.kind == "empty200":
        return Answer(200)
    if fault.kind == "no_id":
        return Answer(200, b'{"message":"accepted","status":"success"}')
    if fault.kind == "big":
        return Answer(200, _padded(fault.size or _BIG))
    if fault.kind == "gzip_bomb":
        return Answer(200, _bomb(fault.size or _BOMB), {"Content-Encoding": "gzip"})
    return answer


def _status(fault: Fault, answer: Answer, refuse: Callable[[int, str], Answer], now: Instant) -> Answer:
    if fault.status < 300 and answer.status < 300:
        spoilt = Answer(fault.status, b"" if fault.status == 204 else answer.body)
    else:
        spoilt = refuse(fault.status, fault.message or f"Simulated: {REASONS.get(fault.status, 'unlisted status')}")
    if fault.retry_after is not None:
        spoilt.headers["Retry-After"] = _retry_after(fault.retry_after, now)
    if fault.location is not None:
        spoilt.headers["Location"] = fault.location
    return spoilt


def _retry_after(said: str, now: Instant) -> str:
    ahead = said.removeprefix("date")
    if said == ahead:
        return said
    try:
        return clock.http_date(now.wall + float(ahead))
    except (ValueError, OverflowError):
        return said


@cache
def _padded(size: int) -> bytes:
    return b'{"padding":"' + b"x" * max(0, size - 14) + b'"}'


@cache
def _bomb(size: int) -> bytes:
    """A gzip body that unpacks to at least `size` zeros, made of one compressed megabyte repeated."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    block = packer.compress(bytes(_MEGABYTE)) + packer.flush(zlib.Z_FULL_FLUSH)
    blocks = -(-size // _MEGABYTE)
    checksum = 0
    for _ in range(blocks):
        checksum = zlib.crc32(bytes(_MEGABYTE), checksum)
    head = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff"
    return head + block * blocks + b"\x03\x00" + struct.pack("<II", checksum, blocks * _MEGABYTE & 0xFFFFFFFF)


def hold_or_break(fault: Fault, transport: asyncio.Transport, encoded: bytes) -> None:
    """Does to the connection what the fault says; a `timeout` keeps it open until the client goes."""
    if fault.kind in ("reset", "reset_before"):
        _reset(transport)
    elif fault.kind == "half_close":
        transport.write(encoded[: max(1, len(encoded) // 2)])
        transport.write_eof()
    elif fault.kind == "garbage":
        transport.write(_GARBAGE)
        transport.close()
    elif fault.kind == "close_without_answer":
        transport.close()


def _reset(transport: asyncio.Transport) -> None:
    # No lingering: closing then sends RST instead of FIN.
    line = cast("socket.socket", transport.get_extra_info("socket"))
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


async def drip(fault: Fault, transport: asyncio.Transport, encoded: bytes) -> None:
    """Sends a whole and valid answer one byte at a time."""
    for at in range(len(encoded)):
        transport.write(encoded[at : at + 1])
        await asyncio.sleep(fault.seconds_per_byte)
