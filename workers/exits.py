"""How a process ends that cannot start: one clear line and an exit code that tells whose turn it is."""

from __future__ import annotations

from typing import NoReturn

from dialer.errors import ConfigInvalid, DialerError
from dialer.saying import say


def refuse(error: DialerError) -> NoReturn:
    """2 where the configuration must be fixed, 1 where something else must."""
    say(str(error))
    raise SystemExit(2 if isinstance(error, ConfigInvalid) else 1) from None
