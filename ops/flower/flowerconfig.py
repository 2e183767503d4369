"""Flower, for looking only: celery -A workers.celery_app flower --conf=ops/flower/flowerconfig.py

Flower can stop workers and send tasks. So it is read-only here, asks who is there, and listens on this host alone.
What it shows of a call is its id: no phone number, name or key ever enters Redis.
"""

import os
import socket
import sys
from pathlib import Path

from redis.exceptions import RedisError

from dialer.coordination.connection import ANSWER_SECONDS, client
from dialer.errors import ConfigInvalid, DialerError
from dialer.saying import say
from workers.celery_app import app

# Flower takes no messages, and knows how long a lane is only by a transport of Celery's own.
app.conf.broker_transport = None


def _refuse(why, code):
    say(f"flower: {why}")
    raise SystemExit(code)


def _who_may_look():
    """name:password, from FLOWER_BASIC_AUTH or from the file that FLOWER_BASIC_AUTH_FILE names."""
    named = os.environ.get("FLOWER_BASIC_AUTH_FILE")
    try:
        told = Path(named).read_text(encoding="utf-8").strip() if named else os.environ.get("FLOWER_BASIC_AUTH", "")
    except (OSError, UnicodeDecodeError) as error:
        _refuse(f"{named}: cannot be read: {getattr(error, 'strerror', None) or error}", 2)
    name, _, password = told.partition(":")
    if not (name and password):
        origin = named or "FLOWER_BASIC_AUTH, or a file that FLOWER_BASIC_AUTH_FILE names"
        _refuse(f"{origin}: expected name:password", 2)
    return told


def _expect_a_free_port(address, port):
    """Flower itself would end in a traceback."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            _refuse(f"cannot listen on {address}:{port}: {error.strerror or error}", 1)


def _expect_redis():
    """Flower itself would try again for ever, and look as if nothing ran."""
    try:
        with client(app.settings.redis_address(), ANSWER_SECONDS) as redis:
            redis.ping()
    except ConfigInvalid as error:
        _refuse(error, 2)
    except (DialerError, RedisError) as error:
        _refuse(error if isinstance(error, DialerError) else f"REDIS_UNREACHABLE: {error}", 1)


def _last(option, default):
    """A command line wins over this file, and is read after it."""
    given = [word.partition("=")[2] for word in sys.argv if word.startswith(f"--{option}=")]
    return given[-1] if given else default


basic_auth = [_who_may_look()]
address = "127.0.0.1"
port = int(os.environ.get("FLOWER_PORT", "5555"))
read_only = True
purge_offline_workers = 600  # seconds
max_tasks = 10_000  # in memory; the ledger keeps the history
# The name tells the lane, the id which push of which call; its arguments would say the same again.
tasks_columns = "name,uuid,state,received,started,runtime,worker"

_expect_redis()
_expect_a_free_port(_last("address", address), int(_last("port", port)))
