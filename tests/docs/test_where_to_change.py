"""docs/where-to-change.md: every file is there, and has the name."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\|.*`([\w/]+(?:/[\w.-]+|\.py))` *\)? *\| `([^`]+)` \|$", re.MULTILINE)


def test_every_row_leads_to_a_name_in_a_file():
    text = (ROOT / "docs" / "where-to-change.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("|") and "`" in line]
    found = ROW.findall(text)
    assert len(found) == len(rows)
    wrong = []
    for path, name in found:
        file = next((p for p in (ROOT / "src/reinforcesight" / path, ROOT / path) if p.is_file()), None)
        if file is None or not re.search(rf"(?<!\w){re.escape(name)}(?!\w)", file.read_text(encoding="utf-8")):
            wrong.append(f"{path}: {name}")
    assert wrong == []
