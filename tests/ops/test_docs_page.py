"""The page at /docs, looked at in a browser that reaches nothing but this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from tests.integration.api.conftest import serving, settings_of
from tests.ops.browser import offline_browser

#: What the seed's own request holds, by where it goes.
SEEDS = {
    "/load-json": "blockRules",
    "/batch-call": "Q1 Sales Campaign",
    "/test-call": "Kushal",
    "/api/v1/calls": "clxXXX",
}


@pytest.fixture
def browser(tool: Callable[[str], str]) -> Iterator[webdriver.Chrome]:
    with offline_browser(tool) as browser:
        yield browser


def test_a_person_on_a_closed_network_reads_every_operation_and_its_fields(
    browser: webdriver.Chrome, sqlite_url: str, tmp_path: Path
) -> None:
    with serving(settings_of(sqlite_url)) as served:
        browser.get(f"{served.url}/docs")
        patient = WebDriverWait(browser, 30)
        patient.until(lambda page: page.find_elements(By.CSS_SELECTOR, ".opblock-summary-path"))
        document = served.client.get(f"{served.url}/openapi.json").json()
        shown = {found.get_attribute("data-path") for found in browser.find_elements(By.CSS_SELECTOR, "[data-path]")}
        assert shown == set(document["paths"])
        browser.save_screenshot(str(tmp_path / "docs.png"))
        for path, said in SEEDS.items():
            opened = browser.find_element(By.XPATH, f"//*[contains(@class,'opblock-post')][.//*[@data-path='{path}']]")
            opened.find_element(By.CSS_SELECTOR, ".opblock-summary-control").click()
            patient.until(partial(is_read, opened, said))
            browser.save_screenshot(str(tmp_path / f"docs{path.replace('/', '-')}.png"))
        assert [line for line in browser.get_log("browser") if line["level"] == "SEVERE"] == []


def is_read(opened: WebElement, said: str, _: webdriver.Chrome) -> bool:
    return said in opened.text
