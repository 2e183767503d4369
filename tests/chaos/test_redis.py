"""Redis killed, emptied, frozen and full, and every message delivered twice, three times and late."""

from __future__ import annotations

from tests.chaos.conftest import Conclude, Form, Prepare
from tests.chaos.faults import Doubler, besiege, fill_redis, flush_redis, lose_redis, pause_redis, plan
from tests.chaos.ground import MIXED, load_mix, phones, ready
from tests.chaos.ledgers import Books


def test_redis_lost_emptied_frozen_and_full(form: Form, books: Books, prepare: Prepare, conclude: Conclude) -> None:
    """While messages are doubled, and a paused batch must stay so."""
    is_sqlite = books.kind == "sqlite"
    injectors = {
        "lose": lose_redis,
        "flush": flush_redis,
        "pause": pause_redis(form.seconds(2.5, 30.0)),
        "fill": fill_redis(form.seconds(1.0, 5.0)),
    }
    many = form.pick(1, 4 if is_sqlite else 10)
    counts = {"lose": 2 * many, "flush": many, "pause": 1, "fill": 1}
    total = form.pick(110, 2_000 if is_sqlite else 10_000)
    ground = prepare(books, MIXED, pace=form.seconds(25.0, 100.0))
    ground.open(schedulers=1, workers=2)
    held = ground.load("held", phones(10, "301"), "batch_call")
    ground.say(held, "pause")
    load_mix(ground, total)
    ready(ground, [*ground.workers, *ground.schedulers])
    with Doubler(ground, form.seed) as doubler:
        faults = besiege(ground, total, plan(form.seed, counts), injectors)
        patience = form.seconds(90.0, 1800.0)
        ground.until(lambda: books.open_calls() <= len(held.phones), "all but the paused batch over", patience)
    assert ground.dialer.status(held.batch_id).state == "paused"
    ground.say(held, "resume")
    ground.rest(form.seconds(90.0, 1800.0))
    verdict = conclude(ground, faults, doubled_messages=doubler.pushed)
    assert verdict.unknown == 0  # no process died and no answer was lost
    assert doubler.pushed > total
