"""The short form of benchmarks/chaos.py: a few injuries of the commands that need no model."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_injured_commands_give_the_same_result_or_name_the_damage() -> None:
    line = [sys.executable, str(ROOT / "benchmarks/chaos.py"), "--rounds", "4", "--seed", "2", "--no_mounts"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        [*line, "--commands", "generate,evaluate"], capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "4 rounds, 0 failed" in done.stdout
