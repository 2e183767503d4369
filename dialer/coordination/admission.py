"""Decides, in Redis, whether one more call may start now, and looks a last time right before its request.

The arithmetic is in lua/permit.lua and lua/arm.lua; which calls are live is the ledger's to say.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import timedelta

from dialer.coordination import keys
from dialer.coordination.connection import RedisServer
from dialer.domain.call import Claim
from dialer.domain.placement import Account
from dialer.domain.states import Lane
from dialer.domain.zones import EPOCH
from dialer.ports.coordination import Armed, Bunched, Grant, Refusal

SECOND = 1_000_000
#: How long a ledger restored from a backup may lie in the past before its forgotten attempts could be dialed again.
WITNESS_SECONDS = 86_400


class RedisAdmission:
    """Admission over one Redis."""

    def __init__(self, server: RedisServer) -> None:
        self._server = server

    def permit(
        self, account: Account, lane: Lane, reference: str, call_id: str = "", number: int = 0
    ) -> Grant | Refusal:
        """Who holds a channel keeps it, and a start instant until a second after it; later, a start is paid anew."""
        name, is_test = account.name, lane is Lane.TEST
        verdict, micros, *granted = self._server.run(
            "permit",
            (keys.EPOCH, keys.permits(name), keys.pace(name), keys.starts(name), keys.DEBT, keys.witness(call_id)),
            (
                reference,
                account.channels - (0 if is_test else account.test_headroom),
                spacing_micros(account.calls_per_second),
                math.floor(account.calls_per_second),
                int(is_test),
                number,
            ),
        )
        if verdict == "grant":
            at, epoch, witnessed = granted
            instant = EPOCH + timedelta(microseconds=int(at))
            return Grant(micros / SECOND, at=instant, epoch=epoch, is_witnessed=bool(witnessed))
        return Refusal(why=verdict, retry_in=micros / SECOND)

    def arm(self, claim: Claim, most: int = 0) -> Armed | Bunched:
        name, account = claim.terms.name, claim.terms.account
        verdict, *micros = self._server.run(
            "arm",
            (keys.EPOCH, keys.SIGNALS, keys.permits(account), keys.witness(claim.call_id), keys.armed(account)),
            (
                claim.reference,
                claim.number,
                claim.claim_id,
                WITNESS_SECONDS,
                claim.epoch,
                most,
                "all",
                f"w:{name.workspace_id}",
                f"a:{account}",
                f"b:{claim.batch_id}",
            ),
        )
        return Bunched(micros[0] / SECOND) if micros else Armed(verdict)

    def free(self, account: str, reference: str) -> None:
        with self._server.talking() as talk:
            talk.ask("ZREM", keys.permits(account), reference)

    def derive(self, account: str, live: Iterable[str], grace_seconds: float) -> None:
        self._server.run("derive", (keys.permits(account),), (round(grace_seconds * SECOND), *live))

    def held(self, account: str) -> int:
        with self._server.reach() as redis:
            return int(redis.zcard(keys.permits(account)))


def spacing_micros(calls_per_second: float) -> int:
    """Rounded up: a start too early is one too many, a microsecond late is nothing."""
    return math.ceil(SECOND / calls_per_second)
