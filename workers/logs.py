"""How every process writes its log: a JSON object per line on stderr, prose on a terminal; numbers and keys masked.

What is worth a line is decided where it happens; nothing reaches the stream around the mask, other libraries' lines
and tracebacks included.
"""

from __future__ import annotations

import atexit
import logging
import os
import re
import sys
from collections.abc import Mapping
from typing import Any

from dialer.domain.phone import mask
from dialer.lean import without
from dialer.saying import finish
from dialer.settings import is_debugging

with without("pygments", "rich"):
    import structlog
    from structlog.typing import EventDict, Processor

_PHONE = re.compile(r"\+[1-9][0-9]{6,14}(?![0-9])")
#: a header or field that carries a key, and what stands behind it
_KEY_NAMES = r"(?i)((?:proxy-)?authorization|x-api-key|x-api-secret|api_key|api_secret|token)"
_KEY_NAME = re.compile(_KEY_NAMES)
_KEY = re.compile(_KEY_NAMES + r"""(['"]?\s*[:=]\s*['"]?)((?:bearer|basic)\s+)?[^\s'",}]+""")
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9+/=._~-]{6,}")
#: ours, wherever one turns up; and what stands in paths that carry a key or a webhook's secret
_OWN_KEY = re.compile(r"oc_live_[A-Za-z0-9_-]+")
_PATH_KEY = re.compile(r"(?i)(/k/+|/webhooks/+[^/\s]+/+)[^/\s?\"']+")
_URL_PASSWORD = re.compile(r"(://[^/\s:@]*):[^/\s@]+@")
#: Ids, words and instants of ours: nothing in them can be a number or a key of others.
_PLAIN = re.compile(r"[0-9A-Za-z.-]*")
_QUIET = ("celery", "kombu", "amqp", "alembic", "httpx", "httpcore", "redis", "sqlalchemy", "uvicorn")


def set_up() -> None:
    """Once per process, before the first line. DIALER_DEBUG adds what moved nothing."""
    level = logging.DEBUG if is_debugging() else logging.INFO
    structlog.configure(
        processors=[*_ADDED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    stream = logging.StreamHandler(sys.stderr)
    stream.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=_ADDED, processors=[*_FINISHED, _renderer()])
    )
    root = logging.getLogger()
    root.handlers[:] = [stream]
    root.setLevel(level)
    atexit.register(finish)
    logging.captureWarnings(True)  # as lines like all others
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    # What it warns of, a lost connection, workers/consumer.py says once.
    logging.getLogger("celery.worker.consumer.consumer").setLevel(logging.ERROR)


def log() -> structlog.typing.FilteringBoundLogger:
    """`log().info("call.dialed", batch_id=…, call_id=…)`."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger("dialer")
    return logger


def masked(value: Any) -> Any:
    """The same value with phone numbers and credentials unreadable, however deep they lie."""
    if isinstance(value, str):
        return _masked_text(value)
    if isinstance(value, Mapping):
        return {key: "***" if _KEY_NAME.fullmatch(str(key)) else masked(kept) for key, kept in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [masked(kept) for kept in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return _masked_text(str(value))


def _masked_text(text: str) -> str:
    if _PLAIN.fullmatch(text):
        return text
    text = _PHONE.sub(lambda found: mask(found[0]), text)
    text = _KEY.sub(r"\1\2***", text)
    text = _OWN_KEY.sub("oc_live_***", text)
    text = _PATH_KEY.sub(r"\1***", text)
    text = _BEARER.sub(r"\1 ***", text)
    return _URL_PASSWORD.sub(r"\1:***@", text)


def _mask(_: Any, __: str, event: EventDict) -> EventDict:
    ordered = {key: event[key] for key in ("at", "level", "event") if key in event} | dict(event)
    return dict(masked(ordered))


def _renderer() -> Processor:
    # FORCE_COLOR: our lines reach a terminal by way of `dialer up`.
    if sys.stderr.isatty() or os.environ.get("FORCE_COLOR"):  # noqa: TID251 - everybody's variable, not a setting
        return structlog.dev.ConsoleRenderer()
    return structlog.processors.JSONRenderer(ensure_ascii=False)


_ADDED: list[Processor] = [
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
    structlog.stdlib.ExtraAdder(allow=[]),
]
_FINISHED: list[Processor] = [
    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
    structlog.processors.format_exc_info,  # as text, so that the mask sees it
    _mask,
]
