"""What is installed and run in CI is pinned: packages by hash, actions by commit."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_actions_are_pinned_by_commit() -> None:
    workflows = sorted((ROOT / ".github/workflows").glob("*.yml"))
    used = [use for path in workflows for use in re.findall(r"uses: *(\S+)", path.read_text(encoding="utf-8"))]
    assert len(used) > 8
    assert [use for use in used if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", use)] == []


def test_locked_packages_have_hashes() -> None:
    lock = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    hashed = (ROOT / "requirements-hashes.txt").read_text(encoding="utf-8")
    entries = re.findall(r"^([\w.-]+==\S+) \\\n((?: +--hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", hashed, re.MULTILINE)
    # pip treats a dot in a name as a hyphen; torch has several builds of one version.
    expected = {re.sub(r"\.(?=.*==)", "-", line) for line in lock if "==" in line and not line.startswith("torch==")}
    assert {name for name, _ in entries} == expected


def test_every_page_has_a_content_security_policy() -> None:
    pages = [path for path in (ROOT / "src").rglob("*/pages/*.html.j2") if path.parts[-3] != "reinforcesight"]
    assert len(pages) > 8
    for path in pages:
        assert path.read_text(encoding="utf-8").startswith('{% extends "pages/base.html.j2" %}'), path
    base = (ROOT / "src/reinforcesight/pages/base.html.j2").read_text(encoding="utf-8")
    assert "default-src 'none'; img-src data:" in base
