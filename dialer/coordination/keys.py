"""Every Redis key of the dialer. No phone number is in a key or a value.

dlr:epoch              the run_id of the Redis that the leading scheduler set up
dlr:debt               microseconds of Redis time before which no account starts a call: one second after the epoch rose
dlr:signals            hash, `b:<batch>` `w:<workspace>` `a:<account>` `all` -> `word:seq`
dlr:permits:<account>  sorted set, reference -> start instant in microseconds: the channels in use
dlr:pace:<account>     the next free start instant in microseconds
dlr:starts:<account>   sorted set, the start instants of the last and the coming second
dlr:armed:<account>    sorted set, claim id -> the instant it was armed, of the last second
dlr:witness:<call id>  `number:claim id` of the highest armed attempt, for a day
dlr:ticked:<ledger id> the last good tick of that ledger, by its own clock, ISO 8601: how far it had come
dlr:requests:<key id>  until when the requests of this API key are spaced out, in microseconds; gone when that is over
dlr:wake               list of one element at most: the leader has something to do
dlr:wake:test          the same for a test call, which waits for no tick

Celery's own keys (the lanes' queues, the unacked store) carry the same prefix, set as its global_keyprefix.
"""

from __future__ import annotations

PREFIX = "dlr:"
EPOCH = f"{PREFIX}epoch"
DEBT = f"{PREFIX}debt"
SIGNALS = f"{PREFIX}signals"
WAKE = f"{PREFIX}wake"
WAKE_TEST = f"{PREFIX}wake:test"


def permits(account: str) -> str:
    return f"{PREFIX}permits:{account}"


def pace(account: str) -> str:
    return f"{PREFIX}pace:{account}"


def starts(account: str) -> str:
    return f"{PREFIX}starts:{account}"


def armed(account: str) -> str:
    return f"{PREFIX}armed:{account}"


def witness(call_id: str) -> str:
    return f"{PREFIX}witness:{call_id}"


def requests(key_id: str) -> str:
    return f"{PREFIX}requests:{key_id}"


def ticked(ledger_id: str) -> str:
    return f"{PREFIX}ticked:{ledger_id}"
