"""What Flower shows of a real batch, to a browser and to programs: tasks and workers, and nobody's number or name."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from flower.urls import handlers
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from dialer.domain.states import Lane
from tests.ops.browser import offline_browser
from tests.system.flower import LOGIN, Flower, running_flower
from tests.system.guarded import GuardedSite
from tests.system.site import AGENT, WORKSPACE, numbers

pytestmark = pytest.mark.timeout(400)  # of the first of them, which also dials the batch

PHONES = numbers("201", 40)
NAMES = [f"Zebedee Quill {index}" for index in range(len(PHONES))]
TESTED = "+12025550190"
#: In dialer.toml in place of the site's own, which are words that may stand anywhere.
KEYS = {'api_key = "key"': 'api_key = "k3y-of-ours"', 'api_secret = "secret"': 'api_secret = "s3cr3t-of-ours"'}
#: What a page must not hold: numbers in any form, what a batch says of people, whatever opens a door.
PRIVATE = [
    *(form for phone in [*PHONES, TESTED, "+12025550198", "+61255509999"] for form in (phone, phone[1:], quote(phone))),
    *NAMES,
    "Zebedee",
    "k3y-of-ours",
    "s3cr3t-of-ours",
    "oc_test",
    "worker-secret",
    "flower-secret",
    LOGIN.partition(":")[2],
]
TABLE = "draw=1&start=0&length=1000&search[value]=&order[0][column]=0&order[0][dir]=asc&columns[0][data]=name"


class Shown:
    """A finished batch, and a Flower that saw it."""

    def __init__(self, site: GuardedSite, flower: Flower) -> None:
        self.site, self.flower = site, flower
        self.tasks: dict[str, dict[str, object]] = json.loads(flower("/api/tasks?limit=10000"))
        self.workers: list[str] = list(json.loads(flower("/api/workers?refresh=1")))


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    from dialer.ledger import migrate

    home = tmp_path_factory.mktemp("flower")
    migrate(f"sqlite:///{home / 'ledger.db'}")
    with GuardedSite(home, f"sqlite:///{home / 'ledger.db'}") as site:
        config = home / "dialer.toml"
        text = config.read_text(encoding="utf-8")
        for ours, distinct in KEYS.items():
            assert ours in text
            text = text.replace(ours, distinct)
        config.write_text(text, encoding="utf-8")
        site.become("flower")
        with running_flower(site) as flower:
            at_work(site, flower)
            calls = dial(site)
            site.until(lambda: calls <= ended(flower), "Flower to see the end")
            yield Shown(site, flower)


def ended(flower: Flower) -> set[str]:
    """Calls of which it knows a task that is over."""
    tasks = json.loads(flower("/api/tasks?limit=10000"))
    return {ident.partition(".")[0] for ident, task in tasks.items() if task["state"] == "SUCCESS" and task["name"]}


def at_work(site: GuardedSite, flower: Flower) -> None:
    site.become("scheduler")
    site.schedule()
    site.become("worker")
    site.hire()
    site.hire(slots=2, lanes=[Lane.TEST])
    site.become("http")
    site.until(lambda: len(json.loads(flower("/api/workers?refresh=1"))) == 2, "Flower to see both workers")
    # It asks them every five seconds for their events; what they do before that, nobody sees.
    site.until(lambda: whose_tasks_are_seen(site, flower) == 2, "Flower to hear of both workers' tasks")


def whose_tasks_are_seen(site: GuardedSite, flower: Flower) -> int:
    """How many workers it knows tasks of, from their first event on, once three more test calls were made."""
    for turn in range(3):
        site.dialer.wait(called_for_a_test(site, f"warm-{turn}", f"+1202555015{turn}"), timeout=10)
    tasks = json.loads(flower("/api/tasks?limit=10000")).values()
    return len({task["worker"] for task in tasks if task["received"] and task["name"]})


def dial(site: GuardedSite) -> set[str]:
    """The ids of its calls, once all of them are over."""
    batch = {"workspace_id": WORKSPACE, "agent_id": AGENT, "batch_ref": "seen", "provider": "batch_call"}
    calls = [
        {"phone": phone, "variables": {"NAME": name}, "priority": "high" if index % 2 else "normal"}
        for index, (phone, name) in enumerate(zip(PHONES, NAMES, strict=True))
    ]
    batch_id = site.dialer.load_batch(batch, calls=calls).batch_id
    batches = (batch_id, called_for_a_test(site, "seen-test", TESTED))
    for each in batches:
        assert site.end_of(each).closed["reached"]
    return {call.call_id for each in batches for call in site.calls(each)}


def called_for_a_test(site: GuardedSite, ref: str, phone: str) -> str:
    """Its batch's id."""
    spec = {"workspace_id": WORKSPACE, "agent_id": AGENT, "batch_ref": ref, "provider": "batch_call", "phone": phone}
    return site.dialer.test_call({**spec, "variables": {"NAME": NAMES[0]}}).batch_id


@pytest.fixture
def browser(tool: Callable[[str], str]) -> Iterator[webdriver.Chrome]:
    with offline_browser(tool) as browser:
        yield browser


def test_a_person_sees_tasks_by_lane_and_workers_by_name_and_nothing_private(
    shown: Shown, browser: webdriver.Chrome, tmp_path: Path
) -> None:
    home = f"http://{LOGIN}@127.0.0.1:{shown.flower.port}"
    patient = WebDriverWait(browser, 20)
    browser.get(f"{home}/workers")
    patient.until(lambda page: all(name in page.page_source for name in shown.workers))
    seen = [look(browser, tmp_path / "workers.png")]
    browser.get(f"{home}/tasks")
    patient.until(lambda page: "dialer.dial [" in page.find_element(By.ID, "tasks-table").text)
    rows = browser.find_element(By.ID, "tasks-table").text
    assert re.search(r"dialer\.dial \[(high|normal|test)\] [0-9a-f-]{36}\.\d+ SUCCESS", rows), rows
    seen.append(look(browser, tmp_path / "tasks.png"))
    for index, page in enumerate([f"/task/{next(iter(shown.tasks))}", f"/worker/{shown.workers[0]}", "/broker"]):
        browser.get(home + page)
        patient.until(lambda page: page.find_element(By.CSS_SELECTOR, ".page-eyebrow").is_displayed())
        seen.append(look(browser, tmp_path / f"page{index}.png"))
    assert {form for form in PRIVATE for text in seen if form in text} == set()


def look(browser: webdriver.Chrome, picture: Path) -> str:
    browser.save_screenshot(str(picture))
    return f"{browser.page_source}\n{browser.find_element(By.TAG_NAME, 'body').text}"


def pages(shown: Shown) -> list[str]:
    """Every way to read that Flower has, by its own table of them."""
    found = [
        "/",
        "/workers",
        "/tasks",
        f"/tasks/datatable?{TABLE}",
        "/broker",
        "/api/workers?refresh=1",
        "/no-such-page",
    ]
    found += ["/api/tasks?limit=10000", "/api/task/types", "/api/queues/length", "/metrics", "/healthcheck"]
    found += [f"/worker/{name}" for name in shown.workers]
    found += [f"/task/{task}" for task in shown.tasks] + [f"/api/task/info/{task}" for task in shown.tasks]
    return [*found, f"/api/task/result/{next(iter(shown.tasks))}"]


def test_no_page_and_no_answer_of_its_api_holds_anything_private(shown: Shown) -> None:
    assert len(shown.tasks) >= len(PHONES) + 1
    told = {page: shown.flower.ask(page)[1] for page in pages(shown)}
    assert {page: form for page, text in told.items() for form in PRIVATE if form in text} == {}


def test_the_lane_of_a_task_is_in_its_name_and_its_id_is_its_call_s(shown: Shown) -> None:
    assert {task["name"] for task in shown.tasks.values()} >= {
        f"dialer.dial [{lane}]" for lane in ("test", "high", "normal")
    }
    (call, _) = next(iter(shown.tasks)).split(".")
    assert re.fullmatch(r"[0-9a-f-]{36}", call)


def routes() -> list[str]:
    """Every address that Flower serves, an example for what is left open in it."""
    patterns = [str(route[0] if isinstance(route, tuple) else route.regex.pattern) for route in handlers]
    return [
        re.sub(r"\(\.[+*]\)", "x", pattern).replace("/?", "").rstrip("$") for pattern in patterns if pattern != ".*"
    ]


def test_nothing_can_be_changed_there(shown: Shown) -> None:
    acting = [
        route
        for route in routes()
        if re.match("/api/(worker/|task/(apply|async|send|abort|timeout|rate|revoke))", route)
    ]
    assert len(acting) >= 14
    assert {route: shown.flower.ask(route, "POST")[0] for route in acting} == dict.fromkeys(acting, 403)


def test_nobody_without_the_password_sees_more_than_that_it_runs(shown: Shown) -> None:
    open_to_all = {"/healthcheck", "/metrics", "/login", "/logout", "/static/x"}
    for route in set(routes()) - open_to_all:
        for login in ("", "watcher:guessed"):
            status, _ = shown.flower.ask(route, login=login)
            assert status in {401, 405}, (route, login, status)


def test_it_listens_on_this_host_alone(shown: Shown) -> None:
    text = Path("/proc/net/tcp").read_text(encoding="ascii") + Path("/proc/net/tcp6").read_text(encoding="ascii")
    listening = {line.split()[1] for line in text.splitlines() if len(line.split()) > 3 and line.split()[3] == "0A"}
    port = f"{shown.flower.port:04X}"
    assert {address for address in listening if address.endswith(f":{port}")} == {f"0100007F:{port}"}
