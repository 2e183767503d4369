"""Kombu's Redis transport, made to take as many messages at once as there are free slots.

By itself it takes one, and goes once around Celery's event loop for each: between threads that all want the GIL that is
some milliseconds. What a worker may hold is what it was: a message for each slot, the most urgent lane's first.
"""

from __future__ import annotations

from hashlib import sha1
from typing import Any

from kombu.transport.redis import Channel, Transport
from kombu.utils.json import loads

from dialer.coordination.connection import evaluated

#: KEYS  the lanes, most urgent first   ARGV  1 how many   returns  {lane, message, lane, message, …}
_TAKE = """
local taken, room = {}, tonumber(ARGV[1])
for _, lane in ipairs(KEYS) do
  local got = room > 0 and redis.call('RPOP', lane, room)
  for _, message in ipairs(got or {}) do
    taken[#taken + 1], taken[#taken + 2] = lane, message
    room = room - 1
  end
end
return taken
"""

_SHA = sha1(_TAKE.encode(), usedforsecurity=False).hexdigest()


class LanesChannel(Channel):
    """A channel whose every look at the lanes fills all slots."""

    def _brpop_read(self, **options: Any) -> Any:
        found = super()._brpop_read(**options)  # type: ignore[no-untyped-call]
        room = self.qos.can_consume_max_estimate()
        if room:
            self._take(room)
        return found

    def _take(self, room: int) -> None:
        """On the connection that has just answered: nothing is under way on it."""
        prefix = self.global_keyprefix
        lanes = [prefix + queue for queue in self._queue_cycle.consume(len(self.active_queues))]
        connection = self.client.connection

        def ask(*command: Any) -> Any:
            connection.send_command(*command)
            return connection.read_response()

        try:
            taken = evaluated(ask, (_SHA, _TAKE), lanes, (room,))
        except self.connection_errors:
            connection.disconnect()  # what it held is pushed again by the scheduler
            raise
        for lane, message in zip(taken[::2], taken[1::2], strict=True):
            # By its own reader: what a worker that ended gave back, has its body spelled as bytes.
            found = loads(message)  # type: ignore[no-untyped-call]
            self.connection._deliver(found, lane.decode().removeprefix(prefix))


class LanesTransport(Transport):
    """The transport that the worker's settings name."""

    Channel = LanesChannel
