"""What Celery is told of our Redis."""

from __future__ import annotations

import ssl

import pytest
from celery import Celery
from celery.app.defaults import DEFAULTS

from workers.celery_app import SETTINGS, broker


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("redis://127.0.0.1:6379/0", "redis://127.0.0.1:6379/0"),
        ("redis://:pass@host/2?socket_timeout=3", "redis://:pass@host/2"),  # Celery would stumble over it
        ("rediss://host/0", "rediss://host/0?ssl_cert_reqs=required"),
        ("rediss://host/0?ssl_cert_reqs=none&protocol=3", "rediss://host/0?ssl_cert_reqs=none"),
    ],
)
def test_an_address_becomes_a_broker_url(address: str, url: str) -> None:
    assert broker(address) == {"broker_url": url}


def test_a_certificate_is_checked_unless_the_address_says_otherwise() -> None:
    app = Celery("checked")
    app.conf.update(SETTINGS | broker("rediss://host/0"))
    assert app.connection_for_read().ssl == {"ssl_cert_reqs": ssl.CERT_REQUIRED}


def test_every_setting_of_ours_is_one_that_celery_knows() -> None:
    assert set(SETTINGS) - set(DEFAULTS) == set()
