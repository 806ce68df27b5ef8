"""The examples of docs/extending.md run as they stand there, in the order in which they build on one another."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "extending.md"


def test_examples_run(tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n# (\w+\.py)\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert [name for name, _ in blocks] == ["my_source.py", "my_relation.py", "my_reward.py", "my_model.py"]
    printed = {}
    for name, code in blocks:
        (tmp_path / name).write_text(code, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, name],
            cwd=tmp_path,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, f"{name}: {done.stderr}"
        printed[name] = done.stdout
    assert (tmp_path / "tiles/manifest.json").is_file()
    assert int(printed["my_relation.py"]) > 10
    # Answer 1, format 0.1, no numbers 0.1; and 0.1 of the page's own reward.
    assert printed["my_reward.py"].split() == ["1.3", "1.3"]
    answered = (tmp_path / "reports/mine.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(answered) == 4
