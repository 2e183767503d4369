"""Opens the switchboard of a process that is about to dial, and says at once what would keep it from dialing."""

from __future__ import annotations

from dialer.bootstrap import open_switchboard
from dialer.coordination.connection import RedisServer
from dialer.errors import DialerError
from dialer.ports import Switchboard
from dialer.settings import Settings
from workers.celery_queue import CeleryQueue
from workers.exits import refuse


def open_desk(settings: Settings) -> Switchboard:
    """Its ledger has our schema and its Redis answers; else the process ends with one line that names what is wrong."""
    try:
        server = RedisServer(settings.redis_address())
        server.ping()
        desk = open_switchboard(settings, CeleryQueue(server))
        desk.ledger.check()
    except DialerError as error:
        refuse(error)
    return desk
