"""What the promise is worth when processes, Redis and answers are lost in the middle of a batch."""

from __future__ import annotations

import signal

from redis import Redis

from tests.system.conftest import BuildSite
from tests.system.site import AGENT, QUICK, WORKSPACE, Site, kill, numbers

#: The provider takes a second to answer a request that it heard at once.
SLOW_ANSWERS = {"defaults": QUICK, "rules": [{"on": "place", "answer_after": 1.0}]}


def assert_what_was_in_the_air_was_found(site: Site, batch_id: str) -> None:
    """Whoever was called is reached; unresolved is only who was claimed and, by the provider's book, never called."""
    for call in site.calls(batch_id):
        assert call.close_reason == ("reached" if site.placed([call.phone]) else "unresolved"), call


def test_redis_wiped_in_the_middle_of_a_batch_costs_no_number_and_doubles_none(build_site: BuildSite) -> None:
    site = build_site()
    site.schedule()
    site.hire()
    phones, held = numbers("301", 20), numbers("302", 5)
    batch_id = site.load("wiped", phones, provider="slow")
    held_id = site.load("held", held, provider="slow")
    site.dialer.pause_batch(WORKSPACE, AGENT, "held")
    before = len(site.placed(held))
    site.until(lambda: len(site.placed(phones)) >= 5, "five calls")
    with Redis.from_url(site.redis.url) as redis:
        redis.flushall()
    site.end_of(batch_id)
    site.assert_nobody_was_called_twice(batch_id)
    assert site.dialer.status(held_id).state == "paused"
    assert len(site.placed(held)) <= before + 1


def test_redis_lost_and_back_empty_stops_dialing_and_starts_it_again(build_site: BuildSite) -> None:
    site = build_site()
    scheduler, worker = site.schedule(), site.hire()
    phones = numbers("303", 24)
    batch_id = site.load("lost", phones, provider="slow")
    site.until(lambda: len(site.placed(phones)) >= 4, "four calls")
    site.redis.kill()
    site.until(lambda: site.dialer.status(batch_id).in_flight == 0, "nothing in flight")
    silent = len(site.placed(phones))
    site.dialer.wait(batch_id, timeout=1.5)
    assert len(site.placed(phones)) <= silent + 1
    site.redis.restart(empty=True)
    took = site.until(lambda: len(site.placed(phones)) >= silent + 3, "calls after Redis came back")
    assert took < 8.0
    site.end_of(batch_id)
    site.assert_nobody_was_called_twice(batch_id)
    assert (scheduler.exit_code, worker.exit_code) == (None, None)
    assert sum("redis.lost" in line for line in site.lines) <= 4  # each process, once for each way to notice


def test_a_worker_and_the_leader_killed_amid_requests_leave_nobody_called_twice(build_site: BuildSite) -> None:
    site = build_site(SLOW_ANSWERS)
    leader, worker = site.schedule(), site.hire()
    phones = numbers("304", 24)
    batch_id = site.load("killed", phones, provider="batch_call")
    site.until(lambda: len(site.placed(phones)) >= 4, "requests in the air")
    site.schedule()  # takes over when the lease of the other ends
    kill(worker)
    kill(leader)
    site.hire()
    site.end_of(batch_id)
    site.assert_nobody_was_called_twice(batch_id)
    assert_what_was_in_the_air_was_found(site, batch_id)


def test_a_worker_that_is_told_to_end_finishes_its_requests(build_site: BuildSite) -> None:
    site = build_site(SLOW_ANSWERS)
    site.schedule()
    worker = site.hire(slots=4)
    phones = numbers("305", 12)
    batch_id = site.load("ended", phones, provider="batch_call")
    site.until(lambda: len(site.placed(phones)) >= 3, "requests in the air")
    worker.end()
    worker.wait()
    status = site.dialer.status(batch_id)
    assert (status.counts["dialing"], status.counts["unknown"]) == (0, 0)
    site.hire()
    assert site.end_of(batch_id).closed["reached"] == len(phones)
    site.assert_nobody_was_called_twice(batch_id)


def test_a_scheduler_ends_within_two_seconds_and_another_takes_over(build_site: BuildSite) -> None:
    site = build_site()
    first = site.schedule()
    site.hire()
    phones = numbers("306", 24)
    batch_id = site.load("handed-over", phones, provider="slow")
    site.until(lambda: len(site.placed(phones)) >= 2, "a batch under way")
    site.schedule()
    site.until(lambda: any("scheduler.started" in line and "scheduler1" in line for line in site.lines), "a second one")
    first.end(signal.SIGTERM)
    assert site.until(lambda: first.exit_code is not None, "its end") < 2.0
    assert first.exit_code == 0
    site.end_of(batch_id)
    site.assert_nobody_was_called_twice(batch_id)


def test_all_processes_killed_at_once_go_on_where_they_were(build_site: BuildSite) -> None:
    site = build_site(SLOW_ANSWERS)
    processes = [site.schedule(), site.hire()]
    phones = numbers("308", 20)
    batch_id = site.load("power-cut", phones, provider="batch_call")
    site.until(lambda: len(site.placed(phones)) >= 3, "requests in the air")
    for process in processes:
        kill(process)
    site.redis.restart(empty=True)
    site.schedule()
    site.hire()
    site.end_of(batch_id)
    site.assert_nobody_was_called_twice(batch_id)
    assert_what_was_in_the_air_was_found(site, batch_id)
