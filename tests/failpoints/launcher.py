"""Plays one part of the dialer in a process of its own, which ends with `os._exit` at the point it was told.

`python -m tests.failpoints.launcher` imports everything once; then it forks for each order on its stdin, a line of
JSON, and answers with the exit code of that child. Nothing else in the project sets a watcher of failpoints.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Lock
from typing import Any, NoReturn

from redis import Redis

from dialer import Dialer, cli, failpoints
from dialer.bootstrap import open_courier
from dialer.domain.states import Lane
from dialer.engine import alerting, rounds
from dialer.ports import Switchboard
from dialer.providers.batch_call import BatchCall
from dialer.settings import load_settings
from workers import scheduler, tasks, worker
from workers.celery_app import app
from workers.desk import open_desk
from workers.lanes import NOTICES_KEY, lane_key
from workers.seat import Seat, new_identity

DIED = 86
BROKE = 70
#: A child that reaches its point neither dies of it nor ends is a bug: SIGALRM ends it.
LIFE_SECONDS = 60


def die_at(point: str, turn: int) -> None:
    """Arms one point: who reaches it for the `turn`-th time takes the whole process with him."""
    left, lock = [turn], Lock()

    def watcher(reached: str) -> None:
        if reached != point:
            return
        with lock:
            left[0] -= 1
            if left[0] == 0:
                os._exit(DIED)

    failpoints.watch(watcher)


def load(spec: dict[str, Any], phones: list[str]) -> None:
    Dialer().load_batch(spec, calls=[{"phone": phone} for phone in phones])


def test_call(spec: dict[str, Any]) -> None:
    Dialer().test_call(spec)


def say(verb: str, *names: str, **named: Any) -> None:
    """A method of Dialer, e.g. `pause_batch`."""
    getattr(Dialer(), verb)(*names, **named)


def resolve(batch_id: str) -> None:
    Dialer().resolve(batch_id, placed=True)


def drain() -> None:
    Dialer().upkeep.drain()


def type_in(*words: str) -> None:
    """The `dialer` command."""
    sys.argv = ["dialer", *words]
    cli.main()


def work() -> None:
    """One message, taken by a seat whose heart beats: all of a worker but Celery's own loop."""
    seat = Seat(_desk(), new_identity("celery@failpoints"), list(Lane))
    seat.open()
    with Redis.from_url(load_settings().redis_address()) as redis:
        taken = redis.brpop([lane_key(lane) for lane in Lane], timeout=2)
    call_id, push_seq = json.loads(json.loads(taken[1])["body"])[0]
    seat.dial(call_id, push_seq)


def celery() -> None:
    """A whole worker, as `celery worker` runs it."""
    app.worker_main(["worker", "-c", "1", "-n", "failpoints@%h", "-Q", ",".join(lane.queue for lane in Lane)])


def ask() -> None:
    rounds.ask_around(_desk())


def redial() -> None:
    rounds.ask_around(keyed(_desk()))


def relay() -> None:
    rounds.relay_outbox(_desk())


def read_balances() -> None:
    rounds.read_balances(_desk())


def hear(account: str, secret: str, body: str) -> None:
    """A webhook of a provider comes in, as the HTTP route hands it on."""
    Dialer().webhooks.receive(account, secret, body.encode())


def heed() -> None:
    rounds.settle_inbox(_desk())


def hand_out() -> None:
    rounds.hand_out_notices(_desk())


def tell() -> None:
    """One notice, taken by a seat and sent to its end."""
    seat = Seat(_desk(), new_identity("celery@failpoints"), list(Lane), open_courier(load_settings()))
    with Redis.from_url(load_settings().redis_address()) as redis:
        taken = redis.brpop([NOTICES_KEY], timeout=2)
    seat.tell(json.loads(json.loads(taken[1])["body"])[0][0])
    seat.close()


def prune(directory: str) -> None:
    Dialer().upkeep.prune(timedelta(days=90), Path(directory))


def erase(phone: str) -> None:
    Dialer().upkeep.erase(phone)


def alarm() -> None:
    alerting.ring(_desk())


def lead() -> None:
    """A whole scheduler."""
    scheduler.main()


def _desk() -> Switchboard:
    return open_desk(load_settings())


class KeyedBatchCall(BatchCall):
    """What none of our three kinds is: a provider that takes a repeated reference for the same request."""

    capabilities = replace(BatchCall.capabilities, idempotency=timedelta(hours=1))


def keyed(desk: Switchboard) -> Switchboard:
    """The same desk, its batch_call account being one with a key."""
    return replace(desk, providers={**desk.providers, "batch_call": KeyedBatchCall(desk.accounts["batch_call"])})


PARTS: dict[str, Callable[..., None]] = {
    part.__name__: part
    for part in (
        *(load, test_call, say, drain, resolve, type_in, work, celery, ask, redial, relay, read_balances, lead),
        *(hear, heed, hand_out, tell),
        *(alarm, prune, erase),
    )
}


def play(part: str, config: str, point: str, turn: int, arguments: list[Any], named: dict[str, Any]) -> NoReturn:
    signal.alarm(LIFE_SECONDS)
    os.environ["DIALER_CONFIG"] = config
    die_at(point, turn)
    code = 0
    try:
        PARTS[part](*arguments, **named)
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else BROKE
    except BaseException:  # noqa: BLE001 - whatever it is, this process ends here, and its parent is told
        traceback.print_exc()
        code = BROKE
    sys.stderr.flush()
    os._exit(code)


def main() -> None:
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            play(**order)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


#: Imported for their sake: a forked child has everything it needs.
_WARM = (tasks, worker)

if __name__ == "__main__":
    main()
