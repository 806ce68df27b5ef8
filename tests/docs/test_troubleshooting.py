"""The project's own messages that docs/troubleshooting*.md explain are messages of the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Rows that say whose message it is quote other packages, as far as these are not ours.
FOREIGN = ("(torch)", "(transformers)", "(vllm)")


def quoted() -> list[str]:
    pages = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs").glob("troubleshooting*.md"))]
    cells = [line.split("|")[1] for page in pages for line in page.splitlines() if line.startswith("| `")]
    return [text for cell in cells if not any(f in cell for f in FOREIGN) for text in re.findall(r"`([^`]+)`", cell)]


def code() -> str:
    files = [*(ROOT / "src/reinforcesight").rglob("*.py"), ROOT / "Makefile"]
    text = "\n".join(path.read_text(encoding="utf-8") for path in files)
    # Text that is split over lines reads as one.
    return re.sub(r'"\s*\n\s*f?"', "", text)


CODE = code()


@pytest.mark.parametrize("message", quoted())
def test_message_is_in_the_code(message: str) -> None:
    # What stands for a value is cut out: numbers called N, and the package's name.
    parts = [part.strip() for part in re.split(r"\bN\b|'torch'", message)]
    assert all(part in CODE for part in parts if part), message


def test_the_pages_are_read() -> None:
    assert len(quoted()) > 50
