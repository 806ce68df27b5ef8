"""Seconds of each stage of a run, by the clock and on the processor, alone and beside a busy process.

    python benchmarks/story_time.py [--config quickstart] [--busy 0 1] [--set sft.trainer.max_steps=20]

Each run starts from nothing, in a temporary folder. A busy process computes without a pause and keeps one core.
"memory" is the resident memory of a stage's processes, in which pages that they share count once for each; in "shared"
they count once (PSS, Linux only), with the process that forks the stages, sampled every two seconds.
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

import psutil

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


def proportional_memory(pid: int) -> int:
    """Return the memory of a process and its children in bytes, shared pages divided among those that share them."""
    total = 0
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        for member in (process, *process.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                total += getattr(member.memory_full_info(), "pss", 0)
    return total


def running_stage(output: Path) -> str | None:
    """Return the stage that is running, by the run's own record."""
    try:
        stages = json.loads((output / "run.json").read_text(encoding="utf-8"))["stages"]
    except (OSError, ValueError):
        return None
    return next((name for name, record in stages.items() if record["status"] == "running"), None)


def run(config: str, overrides: list[str]) -> tuple[dict[str, dict[str, Any]], float]:
    """Run all stages; return their records by name, and the seconds until the first page exists.

    Records have "shared_memory_bytes" besides what the run writes.
    """
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "run"
        command = [sys.executable, "-m", "reinforcesight", "run", "--config", config, "--output", str(output)]
        started, first_page, next_look = time.monotonic(), 0.0, 0.0
        memory: dict[str, int] = {}
        with subprocess.Popen([*command, *(word for text in overrides for word in ("--set", text))]) as process:
            while process.poll() is None:
                if not first_page and (output / "index.html").exists():
                    first_page = time.monotonic() - started
                if time.monotonic() >= next_look and (name := running_stage(output)) is not None:
                    memory[name] = max(memory.get(name, 0), proportional_memory(process.pid))
                    next_look = time.monotonic() + 2
                time.sleep(0.2)
        if process.returncode:
            raise SystemExit(f"the run ended with status {process.returncode}")
        stages = json.loads((output / "run.json").read_text(encoding="utf-8"))["stages"]
        return {
            name: {**record, "shared_memory_bytes": memory.get(name, 0)} for name, record in stages.items()
        }, first_page


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
            [
                name,
                f"{r['seconds']:.0f}",
                f"{r['processor_seconds']:.0f}",
                gigabytes(r["peak_memory_bytes"]),
                gigabytes(r["shared_memory_bytes"]),
            ]
            for name, r in stages.items()
        ]
        totals = [sum(r[key] for r in stages.values()) for key in ("seconds", "processor_seconds")]
        rows.append(["all", *(f"{total:.0f}" for total in totals), "", ""])
        print(f"beside {count} busy processes; the first page after {first_page:.0f} s")
        print("\n".join(table_lines(["stage", "seconds", "processor seconds", "memory", "shared"], rows)), flush=True)


if __name__ == "__main__":
    main()
