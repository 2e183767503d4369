"""The page at /docs needs nothing from outside: what it names is served by us, below any prefix of a proxy."""

from __future__ import annotations

import re
from urllib.parse import urljoin

from tests.integration.api.conftest import Served

NAMED = re.compile(r"""(?:src|href)="([^"]+)"|(?:url|URL)["']?: ["']([^"']+)["']""")


def test_all_that_the_page_names_is_served_beside_it(untouched: Served) -> None:
    page = untouched.client.get(f"{untouched.url}/docs")
    assert page.status_code == 200
    assert page.headers["content-security-policy"].startswith("default-src 'self'; ")
    named = [first or second for first, second in NAMED.findall(page.text)]
    assert {name.rpartition("/")[2] for name in named} == {
        "swagger-ui-bundle.js", "swagger-ui.css", "favicon.png", "openapi.json"
    }  # fmt: skip
    for name in named:
        assert not re.match(r"\w+:|/", name), name  # relative: below a proxy's prefix it is found as well
        answer = untouched.client.get(urljoin(f"{untouched.url}/docs", name))
        assert answer.status_code == 200, name
        assert len(answer.content) > 1000, name


def test_its_files_are_what_they_say(untouched: Served) -> None:
    kinds = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css", "favicon.png": "image/png"}
    for name, kind in kinds.items():
        answers = [untouched.client.get(f"{untouched.url}/docs/{name}") for _ in range(2)]
        assert answers[0].headers["content-type"].partition(";")[0] == kind
        assert answers[0].content == answers[1].content
    assert untouched.client.get(f"{untouched.url}/docs/core.py").status_code == 404
