"""A courier on virtual time: what it carries arrives or does not, and it says so late, wrongly or never."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from datetime import datetime

from dialer.ports.courier import Delivery

#: Whether it arrives, and what is said of it.
ENDINGS = {
    "heard": (True, Delivery(True, "answered 200 OK")),
    "refused": (False, Delivery(False, "answered 503 Service Unavailable")),
    "lost": (False, Delivery(False, "no answer within 15 s", is_silent=True)),
    "its answer lost": (True, Delivery(False, "no answer within 15 s", is_silent=True)),
}


class VirtualCourier:
    """`dialer.ports.courier.Courier`; `linger` lets time pass for whoever sends, others act meanwhile."""

    def __init__(self, chance: random.Random, linger: Callable[[str, float], None]) -> None:
        #: message id -> how often it arrived
        self.arrived: Counter[str] = Counter()
        self.is_healed = False
        self._chance, self._linger = chance, linger

    def deliver(self, url: str, secret: str, message_id: str, at: datetime, body: str) -> Delivery:
        kind = "heard" if self.is_healed else self._chance.choice(list(ENDINGS))
        arrives, delivery = ENDINGS[kind]
        self._linger("courier.send", 0.0)
        if arrives:
            self.arrived[message_id] += 1
        self._linger("courier.answer", 0.0 if self.is_healed else self._chance.choice([0.0, 0.1, 15.0]))
        return delivery
