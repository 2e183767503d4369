"""The Python API: `Dialer`, and the rooms that hang on it. Thin: the engine does the work."""

from __future__ import annotations

from dialer.facade.dialer import Dialer, HoldReceipt

__all__ = ["Dialer", "HoldReceipt"]
