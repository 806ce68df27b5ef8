"""Exports that the tests of other tools read.

In an environment without this package, NEIGHBOUR_EXPORTS names a folder that ``tests/support/neighbour_exports.py``
wrote. ``.ci/neighbour NAME`` does all of this.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from neighbour_exports import write_exports

# A processor and a tokenizer of Qwen2.5-VL's classes, without a download.
NANO = Path(__file__).parents[2] / "src/reinforcesight/model/embedded/nano"


@pytest.fixture(scope="session")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    given = os.environ.get("NEIGHBOUR_EXPORTS")
    return Path(given) if given else write_exports(tmp_path_factory.mktemp("exports"))


@pytest.fixture(scope="session")
def rows(exports: Path) -> list[dict[str, Any]]:
    """Training rows that the exports were made from."""
    made: list[dict[str, Any]] = json.loads((exports / "rows.json").read_text(encoding="utf-8"))["train"]
    return made


@pytest.fixture(scope="session")
def nano() -> Path:
    return NANO
