"""Seconds of each stage of a run, by the clock and on the processor, alone and beside a busy process.

    python benchmarks/story_time.py [--config quickstart] [--busy 0 1] [--set sft.trainer.max_steps=20]

Each run starts from nothing, in a temporary folder. A busy process computes without a pause and keeps one core.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from reinforcesight.jobs.progress import gigabytes
from reinforcesight.jobs.table import table_lines


@contextlib.contextmanager
def busy(count: int) -> Iterator[None]:
    """Keep ``count`` processes computing."""
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def run(config: str, overrides: list[str]) -> tuple[dict[str, dict[str, Any]], float]:
    """Run all stages; return their records by name, and the seconds until the first page exists."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "run"
        command = [sys.executable, "-m", "reinforcesight", "run", "--config", config, "--output", str(output)]
        started, first_page = time.monotonic(), 0.0
        with subprocess.Popen([*command, *(word for text in overrides for word in ("--set", text))]) as process:
            while process.poll() is None:
                if not first_page and (output / "index.html").exists():
                    first_page = time.monotonic() - started
                time.sleep(0.2)
        if process.returncode:
            raise SystemExit(f"the run ended with status {process.returncode}")
        return json.loads((output / "run.json").read_text(encoding="utf-8"))["stages"], first_page


def main() -> None:
    """Print a table of all stages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", default="quickstart", help="configuration of the run")
    parser.add_argument("--busy", type=int, nargs="+", default=[0, 1], help="busy processes beside it, one run each")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="override of the configuration"
    )
    args = parser.parse_args()
    for count in args.busy:
        with busy(count):
            stages, first_page = run(args.config, args.set)
        rows = [
            [name, f"{r['seconds']:.0f}", f"{r['processor_seconds']:.0f}", gigabytes(r["peak_memory_bytes"])]
            for name, r in stages.items()
        ]
        totals = [sum(r[key] for r in stages.values()) for key in ("seconds", "processor_seconds")]
        rows.append(["all", *(f"{total:.0f}" for total in totals), ""])
        print(f"beside {count} busy processes; the first page after {first_page:.0f} s")
        print("\n".join(table_lines(["stage", "seconds", "processor seconds", "memory"], rows)), flush=True)


if __name__ == "__main__":
    main()
