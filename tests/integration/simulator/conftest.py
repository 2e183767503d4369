"""A simulator for each test, scripted as the test says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from dialer.simulator import Simulator
from tests.integration.simulator.clients import Client

#: Starts a simulator with a scenario and gives a client of it.
Start = Callable[..., Client]


@pytest.fixture
def start() -> Iterator[Start]:
    with ExitStack() as running:

        def begin(log_path: Any = None, **scenario: Any) -> Client:
            client = Client(running.enter_context(Simulator(scenario, log_path=log_path)))
            running.callback(client.close)
            return client

        yield begin


@pytest.fixture
def client(start: Start) -> Client:
    """A client of a simulator in which everybody answers."""
    return start()
