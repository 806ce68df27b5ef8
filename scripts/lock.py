"""Write requirements.txt and requirements-hashes.txt: the exact versions that `make env` installs.

    python -m pip install uv && python scripts/lock.py

pip resolves pyproject.toml, and uv adds the SHA-256 of every published file of each version; nothing is installed.
torch, transformers and TRL must match (docs/training.md).
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
    # gradio 6 (extra demo) allows no newer ones. Data sets have the same bytes with pillow 12.3.0 and 13.0.0.
    "pillow==12.3.0",
    "tomlkit==0.14.0",
]
# Needed to build the editable install without network.
BUILD = ["hatchling", "editables"]
HEADER = """\
# Exact versions for the CPU and for the tests, made by `python scripts/lock.py`; do not edit by hand.
# torch: the CPU build is enough. On a GPU machine see docs/training.md.
"""
HASHES_HEADER = """\
# The packages of requirements.txt with the SHA-256 of their files, made by `python scripts/lock.py`.
# Without torch: its version has several builds, for CPUs and for each CUDA version, and their files and dependencies
# differ. So pip can't check the hashes of a whole environment at once: `make env` installs these first, then the rest.
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
    (ROOT / "requirements-hashes.txt").write_text(HASHES_HEADER + with_hashes(sorted(lines)), encoding="utf-8")


def with_hashes(lines: list[str]) -> str:
    command = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--no-deps"]
    command += ["--generate-hashes", "--no-header", "--no-annotate", "-"]
    given = "\n".join(line for line in lines if not line.startswith("torch=="))
    return subprocess.run(command, input=given, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    main()
