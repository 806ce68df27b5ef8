"""The documentation site: every page and every command is in its navigation, and it builds without a warning."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

from reinforcesight.cli import COMMANDS

ROOT = Path(__file__).parents[2]


def pages(nav: object) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
    elif isinstance(nav, dict):
        for value in nav.values():
            yield from pages(value)
    elif isinstance(nav, list):
        for part in nav:
            yield from pages(part)


def test_navigation_has_every_page_and_command_once() -> None:
    listed = list(pages(yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]))
    written = {str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")}
    made = {f"reference/{command}.md" for command in COMMANDS}
    assert sorted(listed) == sorted(written | made)


@pytest.mark.skipif(find_spec("mkdocs") is None, reason="needs the extra docs")
def test_site_builds_strictly(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    subprocess.run(command, cwd=ROOT, check=True, timeout=300, env=environment)
    page = (tmp_path / "reference" / "sft" / "index.html").read_text(encoding="utf-8")
    assert "train_parts" in page
