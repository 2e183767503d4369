"""What every file of the project keeps to, beyond what the linters know."""

from __future__ import annotations

import ast
import os
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOREIGN = {
    ".git",
    ".hypothesis",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".services",
    ".venv",
    "__pycache__",
    "build",
    "dist",
}
SAYING_NOTHING = {
    "common",
    "data",
    "handler",
    "handlers",
    "helper",
    "helpers",
    "info",
    "manager",
    "managers",
    "service",
    "services",
    "util",
    "utils",
}

# Each is written so that it does not find itself.
REGISTRY = re.compile(r"pypi\.[a-z]+|pythonhosted\.|--(extra-)?index[-]url|--find[-]links")
SOMEBODYS_MACHINE = re.compile(r"/work/(main|shared|\.)|/root/\.|/home/[a-z]+/|/opt/(pypi|wheels)|/Users/[A-Za-z]+/")


def files() -> list[Path]:
    found: list[Path] = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in FOREIGN]
        found += (Path(folder, name) for name in names if name not in FOREIGN)
    return sorted(path for path in found if path.suffix not in {".db", ".pyc"})


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


FILES = files()
TEXTS = [path for path in FILES if path.suffix != ".lock"]
MODULES = [path for path in TEXTS if path.suffix == ".py"]
LOCKS = [path for path in FILES if path.suffix == ".lock"]


def test_no_file_is_named_by_a_word_that_says_nothing() -> None:
    assert [named(path) for path in MODULES if path.stem in SAYING_NOTHING] == []


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_a_module_begins_by_saying_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


def test_nothing_points_to_a_registry_or_to_somebodys_machine() -> None:
    texts = {named(path): path.read_text(encoding="utf-8", errors="replace") for path in TEXTS}
    assert {name: found[0] for name, text in texts.items() if (found := REGISTRY.search(text))} == {}
    assert {name: found[0] for name, text in texts.items() if (found := SOMEBODYS_MACHINE.search(text))} == {}


@pytest.mark.parametrize("path", LOCKS, ids=named)
def test_a_lock_names_versions_and_hashes_and_no_place(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "://" not in text
    assert text.count("==") >= 40
    assert len(re.findall(r"--hash=sha256:[0-9a-f]{64}", text)) >= text.count("==")
