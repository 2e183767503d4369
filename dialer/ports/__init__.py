"""What the engine needs of the world: ports, and the Switchboard that carries them. Adapters stand below, never
here."""

from dialer.ports.coordination import (
    Admission,
    Armed,
    Bunched,
    CallQueue,
    Grant,
    Refusal,
    Signal,
    Signals,
    StartWindow,
    Throttle,
)
from dialer.ports.ledger import Ledger
from dialer.ports.switchboard import Clock, HouseRules, Switchboard, Timing
from dialer.ports.voice import VoiceProvider

__all__ = [
    "Admission",
    "Armed",
    "Bunched",
    "CallQueue",
    "Clock",
    "Grant",
    "HouseRules",
    "Ledger",
    "Refusal",
    "Signal",
    "Signals",
    "StartWindow",
    "Switchboard",
    "Throttle",
    "Timing",
    "VoiceProvider",
]
