"""The Celery application: four lanes, a queue of notices, and every setting that is not Celery's default with its
reason.

`celery -A workers.celery_app worker` works bare. The broker's address is read from the configuration when it is first
needed, so that importing this module needs none.
"""

from __future__ import annotations

from typing import Any

from celery import Celery, signals
from kombu.entity import Exchange, Queue
from kombu.utils.objects import cached_property

from dialer.coordination.keys import PREFIX
from dialer.domain.states import Lane
from dialer.errors import DialerError
from dialer.settings import Settings, load_settings
from workers import logs
from workers.exits import refuse
from workers.lanes import queues_of

CONCURRENCY = 32


class DialerApp(Celery):
    """Celery with our Worker, which checks before it starts and says less."""

    @cached_property
    def Worker(self) -> Any:  # noqa: N802 - Celery's name
        return self.subclass_with_self("workers.worker:DialerWorker")

    @cached_property
    def settings(self) -> Settings:
        """The configuration, read once."""
        return load_settings()


def configuration() -> dict[str, Any]:
    """Called by Celery when it first needs a setting; ends the process with one line when there is no telling."""
    try:
        return SETTINGS | broker(app.settings.redis_address())
    except DialerError as error:
        refuse(error)


def broker(address: str) -> dict[str, Any]:
    """Celery's settings for a Redis address. Of its options only ssl_… are Celery's; a certificate is checked unless
    they say otherwise (Celery by itself would not)."""
    url, _, query = address.partition("?")
    options = [option for option in query.split("&") if option.startswith("ssl_")]
    if url.startswith("rediss:") and not any(option.startswith("ssl_cert_reqs=") for option in options):
        options.append("ssl_cert_reqs=required")
    return {"broker_url": f"{url}?{'&'.join(options)}" if options else url}


def _queue(name: str) -> Any:
    return Queue(name, Exchange(""), routing_key=name)  # type: ignore[no-untyped-call]


SETTINGS: dict[str, Any] = {
    "include": ["workers.tasks"],
    # What came of a call is in the ledger; a result would be a second truth, and a write more for each call.
    "result_backend": None,
    "task_ignore_result": True,
    # Ids only, as JSON: whoever gets into Redis can neither run code in a worker nor make it dial a number of his own.
    "task_serializer": "json",
    "accept_content": ["json"],
    # The nameless exchange routes by the queue's name alone: there are no bindings that a wiped Redis could forget.
    "task_queues": [_queue(name) for name in queues_of(Lane)],
    "task_default_queue": Lane.NORMAL.queue,
    "task_default_exchange": "",
    "task_default_routing_key": Lane.NORMAL.queue,
    # A mistyped lane is an error, not a queue that nobody serves.
    "task_create_missing_queues": False,
    # A call waits for its provider, not for a processor. Threads know no time limits: a request's deadline is ours.
    "worker_pool": "threads",
    "worker_concurrency": CONCURRENCY,
    # Together: a worker holds no message that it isn't working on, so a test call overtakes everything that waits.
    "task_acks_late": True,
    "worker_prefetch_multiplier": 1,
    "worker_disable_prefetch": False,  # on threads it stalls a worker up to a second for each call
    "worker_enable_prefetch_count_reduction": False,  # all slots at once after a lost connection
    # A message is never delivered again for what became of its call: the ledger decides that, in the scheduler.
    "task_acks_on_failure": True,
    "task_acks_on_timeout": True,
    "task_reject_on_worker_lost": False,
    "task_retry_on_worker_lost": False,
    "task_publish_retry": False,
    # A lost Redis must not cut a request in half (Celery 6 will, by default).
    "worker_cancel_long_running_tasks_on_connection_loss": False,
    "worker_consumer": "workers.consumer:PatientConsumer",
    "broker_transport": "workers.transport:LanesTransport",  # a message for each free slot in one round trip
    "broker_connection_retry_on_startup": True,  # it answered a moment ago, or the worker had not got so far
    "broker_connection_max_retries": None,  # the default gives up after a hundred times
    "broker_transport_options": {
        # Unacknowledged messages are remembered in the process, not in Redis: a lost message is found by the ledger
        # anyway, and without that bookkeeping a worker takes 2.5 times as many. (So there is no visibility timeout.)
        "ack_emulation": False,
        "queue_order_strategy": "priority",  # lanes strictly in the order given; the default takes turns
        "global_keyprefix": PREFIX,
        "socket_timeout": 10,  # the default is to wait for ever
        "socket_connect_timeout": 3,
        "socket_keepalive": True,
        "health_check_interval": 5,  # a half-open connection is noticed after some 10 s instead of 50
        "retry_on_timeout": False,
        "client_name": "dialer-worker",
    },
    # Lines are written by workers/logs.py; one event for each move, and no copy of what others print.
    "worker_hijack_root_logger": False,
    "worker_redirect_stdouts": False,
    # Off unless Flower watches (-E).
    "worker_send_task_events": False,
    "task_send_sent_event": False,
}

app = DialerApp("dialer", set_as_current=True)
app.add_defaults(configuration)


@signals.setup_logging.connect
def write_our_lines(**_: Any) -> None:
    """Being connected keeps Celery from setting up logging of its own."""
    logs.set_up()
