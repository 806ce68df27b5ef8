"""The pages' links lead somewhere, and their `reinforcesight` commands name real commands, flags, keys and recipes."""

from __future__ import annotations

import dataclasses
import re
import shlex
from importlib import import_module
from pathlib import Path
from pkgutil import resolve_name

import click
import pytest

from reinforcesight.cli import COMMANDS, build_command
from reinforcesight.config import find_recipe, valid_keys

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_imports_exist(page: Path) -> None:
    pattern = r"^ *from (reinforcesight[\w.]*) import ([\w, ]+)"
    for module, names in re.findall(pattern, page.read_text(encoding="utf-8"), flags=re.MULTILINE):
        for imported in names.split(","):
            assert hasattr(import_module(module), imported.strip()), f"{module}.{imported.strip()}"


def test_every_page_is_reached_from_the_readme() -> None:
    reached, new = set(), {ROOT / "README.md"}
    while new:
        page = new.pop()
        reached.add(page)
        targets = re.findall(r"\]\(([^)#]+\.md)[^)]*\)", page.read_text(encoding="utf-8"))
        new |= {(page.parent / target).resolve() for target in targets if "://" not in target} - reached
    assert set(PAGES) <= reached


def commands(page: Path) -> list[list[str]]:
    """Words of each documented `reinforcesight` command: indented or fenced lines, continued ones joined."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = re.findall(r"^(?: {4,}|# ?)?(?:\w+=\S+ )*reinforcesight ([a-z].*)$", text, flags=re.MULTILINE)
    inline = re.findall(r"`reinforcesight ([a-z][^`]*)`", text)
    found = []
    for line in [*lines, *inline]:
        words = shlex.split(
            line.replace("\n", " ").partition(" # ")[0].replace("[", " ").replace("]", " "), posix=True
        )
        if words and words[0] in COMMANDS:
            found.append(words)
    return found


DOCUMENTED = [(page, words) for page in PAGES for words in commands(page)]


@pytest.mark.parametrize(
    ("page", "words"), DOCUMENTED, ids=lambda v: name(v) if isinstance(v, Path) else "-".join(v)[:60]
)
def test_commands_are_real(page: Path, words: list[str]) -> None:
    spec = COMMANDS[words[0]]
    command = build_command(words[0], spec)
    options = {text for p in command.params if isinstance(p, click.Option) for text in (*p.opts, *p.secondary_opts)}
    if trl_class := getattr(spec, "trl_class", None):
        fields = {field.name for field in dataclasses.fields(getattr(import_module("trl"), trl_class))}
        options |= {f"--{field}" for field in fields}
    keys = set(valid_keys(resolve_name(spec.config)))
    for flag, value in zip(words, [*words[1:], ""], strict=True):
        if flag.startswith("--"):
            assert flag.partition("=")[0].replace("-", "_").replace("__", "--", 1) in options | {"--help"}, flag
        if flag == "--set" and "=" in value:
            key = value.partition("=")[0]
            assert key in keys or key.rpartition(".")[0] in keys, key
        if flag == "--config" and value.isidentifier() and value.islower():
            find_recipe(Path(value))


def test_commands_are_found() -> None:
    assert len(DOCUMENTED) > 40
