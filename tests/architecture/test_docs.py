"""What README.md and docs/ say is there: pages, commands, options, files, tests, and the words that `why` uses."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from dialer.cli import app
from dialer.domain.states import CloseReason, Lane, Outcome

ROOT = Path(__file__).parents[2]
PAGES = [*(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "ops/runbook.md"))]
PAGES += sorted((ROOT / "docs").rglob("*.md"))
TEXTS = {page: page.read_text(encoding="utf-8") for page in PAGES}

LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
BLOCK = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`(dialer [^`]+)`")
TREE_LINE = re.compile(r"^( *)([\w./-]+)  +\S", re.MULTILINE)
TEST_NAME = re.compile(r"`(tests/[\w/]+\.py)`(?:::|: )?((?:`test_\w+`(?:, )?)*)")


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


def anchors(text: str) -> set[str]:
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in HEADING.findall(text)}


def unresolved(page: Path, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    if not target.exists():
        return True
    return bool(anchor) and anchor not in anchors(target.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    links = [link for link in LINK.findall(TEXTS[page]) if "://" not in link and not link.startswith("mailto:")]
    assert [link for link in links if unresolved(page, link)] == []


def command_lines(text: str) -> Iterator[list[str]]:
    """Words after `dialer`, of every command in a code block or in backticks."""
    for block in BLOCK.findall(text):
        for line in block.splitlines():
            if found := re.match(r"(?:\$ |\S*/bin/)?dialer ([a-z].*)", line):
                yield found[1].split("  #")[0].split()
    for inline in INLINE.findall(text):
        yield inline.split()[1:]


def complaint(words: list[str]) -> str | None:
    """What is wrong with a command line as the page shows it, placeholders left aside."""
    command: Any = get_command(app)
    given = list(words)
    while hasattr(command, "commands") and given:
        if not re.fullmatch(r"[a-z][a-z-]+", given[0]) and not given[0].startswith("-"):
            break
        name = given.pop(0)
        if name.startswith("-"):
            given.insert(0, name)
            break
        if name not in command.commands:
            return f"no command {name!r} in dialer {' '.join(words)}"
        command = command.commands[name]
    known = {option for parameter in command.params for option in parameter.opts} | {"--help", "-h"}
    for word in given:
        if word.startswith("--") and word.partition("=")[0].rstrip("],") not in known:
            return f"no option {word} in dialer {' '.join(words)}"
    return None


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_command_that_is_mentioned_exists_with_its_options(page: Path) -> None:
    assert [wrong for words in command_lines(TEXTS[page]) if (wrong := complaint(words))] == []


def test_a_command_that_does_not_exist_would_be_noticed() -> None:
    assert complaint(["dail", "batch.json"]) == "no command 'dail' in dialer dail batch.json"
    assert complaint(["load", "batch.json", "--fast"]) == "no option --fast in dialer load batch.json --fast"
    assert complaint(["suppress", "add", "PHONE", "--reason", "x"]) is None


def test_every_file_of_the_readme_s_tree_exists() -> None:
    tree = next(block for block in BLOCK.findall(TEXTS[ROOT / "README.md"]) if block.startswith("dialer/ "))
    folders: list[tuple[int, Path]] = [(-1, ROOT)]
    missing = []
    for indent, name in TREE_LINE.findall(tree):
        while folders[-1][0] >= len(indent):
            folders.pop()
        path = folders[-1][1] / name
        folders.append((len(indent), path))
        if not path.exists() or path.is_dir() != name.endswith("/"):
            missing.append(named(path))
    assert len(folders) > 1
    assert missing == []


def test_every_room_of_the_library_is_in_the_readme_s_tree() -> None:
    tree = next(block for block in BLOCK.findall(TEXTS[ROOT / "README.md"]) if block.startswith("dialer/ "))
    rooms = {f"{path.name}/" for path in (ROOT / "dialer").iterdir() if (path / "__init__.py").exists()}
    assert rooms <= set(re.findall(r"[\w.-]+/", tree))


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_test_that_a_page_appeals_to_exists(page: Path) -> None:
    missing = []
    for path, names in TEST_NAME.findall(TEXTS[page]):
        text = (ROOT / path).read_text(encoding="utf-8") if (ROOT / path).exists() else ""
        wanted = re.findall(r"test_\w+", names)
        missing += [name for name in wanted if f"def {name}(" not in text] if text else [path]
    assert missing == []


def test_the_promise_reads_the_same_wherever_it_is_printed() -> None:
    promises = [
        re.findall(r"^- .*?(?=^- |^$)", TEXTS[ROOT / name], re.MULTILINE | re.DOTALL)[:6]
        for name in ("README.md", "docs/guarantee.md")
    ]
    assert promises[0] == promises[1]
    assert len(promises[0]) == 6


@pytest.mark.parametrize("word", [*CloseReason, *Outcome, *(lane.word for lane in Lane)])
def test_every_close_reason_outcome_and_lane_is_in_the_glossary(word: str) -> None:
    assert f"`{word}`" in TEXTS[ROOT / "docs" / "glossary.md"]


def said(source: Path) -> Iterator[str]:
    """The fixed parts of every sentence that a module may say about a closed gate: two words or more, no docstrings."""
    tree = ast.parse(source.read_text(encoding="utf-8"))
    passed_over = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and any(is_open(keyword) for keyword in call.keywords):
            passed_over |= {id(node) for node in ast.walk(call)}
    for node in ast.walk(tree):
        text = node.value if isinstance(node, ast.Constant) and id(node) not in passed_over else None
        if isinstance(text, str) and len(re.findall(r"[a-z]{2,}", text)) >= 2:
            yield text.strip(" :;,({")


def is_open(keyword: ast.keyword) -> bool:
    return keyword.arg == "is_open" and isinstance(keyword.value, ast.Constant) and keyword.value.value is True


@pytest.mark.parametrize("module", ["house", "watch", "explain"])
def test_troubleshooting_knows_every_sentence_of_why(module: str) -> None:
    page = TEXTS[ROOT / "docs" / "troubleshooting.md"]
    sentences = list(said(ROOT / "dialer" / "engine" / f"{module}.py"))
    assert sentences
    assert [sentence for sentence in sentences if sentence not in page] == []
