"""Write requirements.txt: the exact versions that `make env` installs, resolved from pyproject.toml.

    python scripts/lock.py

Nothing is installed; pip only resolves. torch, transformers and TRL must match (docs/training.md).
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
# The newest versions known to work together; transformers stays at a version that vLLM supports.
PINS = [
    "torch==2.13.0",
    "transformers==5.17.0",
    "trl==1.16.0",
    "peft==0.21.2",
    "accelerate==1.15.0",
    "datasets==5.2.0",
    "pillow==12.3.0",  # gradio 6 (extra demo) needs pillow below 13; data sets have the same bytes with both
]
# Needed to build the editable install without network.
BUILD = ["hatchling", "editables"]
HEADER = """\
# Exact versions for the CPU and for the tests, made by `python scripts/lock.py`; do not edit by hand.
# torch: the CPU build is enough. On a GPU machine see docs/training.md.
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"]
        subprocess.run([*command, "--report", str(report), f"{ROOT}[dev]", *PINS, *BUILD], check=True)
        items = json.loads(report.read_text(encoding="utf-8"))["install"]
    lines = []
    for item in items:
        name, version = item["metadata"]["name"], item["metadata"]["version"]
        if name != "reinforcesight":
            # A local label such as +cpu is one build; the lock is for all builds.
            lines.append(f"{name.lower().replace('_', '-')}=={version.partition('+')[0]}")
    (ROOT / "requirements.txt").write_text(HEADER + "\n".join(sorted(lines)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
