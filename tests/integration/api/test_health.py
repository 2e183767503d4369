"""Alive, ready, and the figures; without a key, and without anything that names a person or a batch."""

from __future__ import annotations

import re
import time

import httpx
from prometheus_client.parser import text_string_to_metric_families
from redis import Redis

from dialer import Dialer
from dialer.api import create_app
from dialer.domain.states import CloseReason, Outcome
from dialer.ledger import migrate
from dialer.ledger.tallies import add_delta
from dialer.ledger.tally_tables import attempt_ended_with, closed_as
from dialer.settings import Settings
from tests.integration.api.conftest import CALLER_ID, PROVIDERS, Served, running
from tests.servers import PostgresServer

PHONE = "+61278132035"
BODY = {"agentId": "agent-7", "batchRef": "spring", "callList": [{"phone": PHONE}]}


def figures(text: str) -> dict[str, dict[tuple[str, ...], float]]:
    """Samples by name, and by the values of their labels in the order of their names."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            values = tuple(value for _, value in sorted(sample.labels.items()))
            found.setdefault(sample.name, {})[values] = sample.value
    return found


def test_it_is_alive_whatever_else_is_gone(served: Served) -> None:
    answer = served.get("/healthz", headers={})
    assert (answer.status_code, answer.json()) == (200, {"status": "alive"})


def test_it_says_which_room_is_missing(served: Served) -> None:
    answer = served.get("/readyz", headers={})
    assert answer.status_code == 503
    assert answer.json() == {"status": "not ready", "ledger": "ok", "schema": "ok", "redis": "unreachable"}


def test_it_is_ready_once_a_scheduler_has_set_up_redis(sqlite_url: str, redis_url: str) -> None:
    settings = Settings.model_validate({"database_url": sqlite_url, "redis_url": redis_url, "providers": PROVIDERS})
    with Dialer(settings) as dialer, running(create_app(dialer)) as url, httpx.Client() as client:
        waits = client.get(f"{url}/readyz")
        assert (waits.status_code, waits.json()["redis"]) == (503, "waits for a scheduler")
        with Redis.from_url(redis_url) as redis:
            run_id = redis.info("server")["run_id"]
            redis.set("dlr:epoch", run_id)
            redis.zadd("dlr:permits:main", {"reference": 1.0})
        ready = client.get(f"{url}/readyz")
        assert (ready.status_code, ready.json()["status"]) == (200, "ready")
        shown = figures(client.get(f"{url}/metrics").text)
        assert shown["dialer_redis_up"] == {(): 1.0}
        assert shown["dialer_permits"] == {("main",): 1.0}


def test_figures_name_accounts_and_words_and_nobody(served: Served) -> None:
    served.post("/load-json", BODY)
    [batch] = served.dialer.batches()
    answer = served.get("/metrics", headers={})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    shown = figures(answer.text)
    assert shown["dialer_ledger_up"] == {(): 1.0}
    assert shown["dialer_redis_up"] == {(): 0.0}
    assert shown["dialer_attempts_total"]["main", "answered"] == 0.0
    assert shown["dialer_attempts_total"]["main", "handed_off"] == 0.0
    assert shown["dialer_look_ahead"] == {(lane,): 0.0 for lane in ("test", "high", "normal", "low")}
    assert shown["dialer_account_stopped"]["main", "breaker"] == 0.0
    assert shown["dialer_due_lag_seconds"]["main",] >= 0.0
    assert shown["dialer_notices"] == {("waiting",): 0.0, ("dead",): 0.0}
    assert "dialer_permits" not in shown  # nobody knows while Redis is away
    assert not re.search(r"\+[0-9]{5}|[0-9a-f]{8}-[0-9a-f]{4}", answer.text)
    for private in (PHONE, CALLER_ID, "acme", "agent-7", "spring", batch.batch_id):
        assert private not in answer.text


def test_every_outcome_and_close_reason_is_counted_under_its_name(served: Served) -> None:
    """By the ledger itself: each call of a batch ends in another way."""
    ways = [(CloseReason.REACHED, Outcome.ANSWERED), (CloseReason.HANDED_OFF, None)]
    ways += [(CloseReason.EXHAUSTED, outcome) for outcome in Outcome if outcome is not Outcome.ANSWERED]
    ways += [(reason, None) for reason in CloseReason if reason not in (CloseReason.REACHED, CloseReason.EXHAUSTED)][1:]
    served.post("/load-json", BODY)
    [batch] = served.dialer.batches()
    transactions = served.dialer._desk.ledger.views._transactions  # type: ignore[attr-defined]
    with transactions.write() as connection:
        for times, (reason, outcome) in enumerate(ways, start=1):
            ended = {attempt_ended_with(outcome): 1} if outcome else {}
            add_delta(connection, batch.batch_id, {closed_as(reason): 1, **ended}, times)
    shown = figures(served.get("/metrics", headers={}).text)
    for times, (reason, outcome) in enumerate(ways, start=1):
        word = CloseReason.HANDED_OFF.value if reason is CloseReason.HANDED_OFF else outcome and outcome.value
        if word:
            assert shown["dialer_attempts_total"]["main", word] == times
        if reason is not CloseReason.EXHAUSTED:
            assert shown["dialer_calls_closed_total"]["main", reason.value] == times
    assert {outcome for _, outcome in shown["dialer_attempts_total"]} == {*Outcome, "handed_off"}


def test_who_scrapes_often_costs_the_ledger_one_look(served: Served) -> None:
    first = served.get("/metrics", headers={}).text
    began = time.monotonic()
    served.post("/load-json", BODY)
    again = served.get("/metrics", headers={}).text
    assert again == first or time.monotonic() - began > 1.5


def test_a_ledger_that_is_gone_is_a_figure_and_a_503(own_postgres: PostgresServer) -> None:
    url = own_postgres.create_database("dialer")
    migrate(url)
    settings = Settings.model_validate(
        {"database_url": url, "redis_url": "redis://127.0.0.1:1", "providers": PROVIDERS}
    )
    with Dialer(settings) as dialer, running(create_app(dialer)) as base, httpx.Client(timeout=30) as client:
        key = {"Authorization": f"Bearer {dialer.keys.create('acme').api_key}"}
        assert client.post(f"{base}/load-json", json=BODY, headers=key).status_code == 200
        own_postgres.stop_immediate()
        refused = client.post(f"{base}/load-json", json=BODY, headers=key)
        assert (refused.status_code, refused.json()["code"]) == (503, "LEDGER_UNREACHABLE")
        assert refused.headers["retry-after"] == "5"
        assert "127.0.0.1" not in refused.text
        assert client.get(f"{base}/readyz").json()["ledger"] == "unreachable"
        assert figures(client.get(f"{base}/metrics").text) == {"dialer_ledger_up": {(): 0.0}}
        assert client.get(f"{base}/healthz").status_code == 200
        own_postgres.start()
        assert client.post(f"{base}/load-json", json=BODY, headers=key).headers["x-dialer-already-known"] == "1"
