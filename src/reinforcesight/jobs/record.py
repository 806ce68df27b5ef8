"""The record of one training run: what was run, on what, with what result; and its metrics, line by line.

``run_record.json`` is rewritten whole and atomically; ``metrics.jsonl`` is appended to, so a kill loses one line
at most. Both stand in the run's output folder.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import platform
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reinforcesight.errors import OutputError

RECORD_NAME = "run_record.json"
METRICS_NAME = "metrics.jsonl"
SCHEMA = 1


@dataclass
class RunRecord:
    """A run's folder and the content of its record.

    ``content`` has the keys ``schema, command, status, config, recipe, data, model, seeds, source, hardware,
    sessions, results``. ``status`` is one of ``running, interrupted, failed, finished``; ``recipe`` is the part of
    the configuration that decides the result, which must agree when a run is continued; each start of the command
    adds one entry to ``sessions``.
    """

    folder: Path
    content: dict[str, Any]

    @classmethod
    def load(cls, folder: Path) -> RunRecord | None:
        """The record in a folder, or ``None`` where there is none.

        Raises:
            OutputError: The file is there and can't be read.
        """
        path = folder / RECORD_NAME
        if not path.is_file():
            return None
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise OutputError(f"the run record can't be read: {error}", where=str(path)) from error
        if not isinstance(content, dict):
            raise OutputError("the run record is not a JSON object", where=str(path))
        return cls(folder, content)

    def save(self) -> None:
        """Write the record, all or nothing.

        Raises:
            OutputError: The folder can't be written to.
        """
        write_text(self.folder / RECORD_NAME, json.dumps(self.content, indent=2, ensure_ascii=False) + "\n")

    def start_session(self, *, from_step: int) -> None:
        """Note that the command started (again), and drop metrics that belong to lost steps."""
        self.content["status"] = "running"
        self.content.setdefault("sessions", []).append(
            {"started": now(), "from_step": from_step, "process": os.getpid()}
        )
        keep_metrics_until(self.folder, from_step)
        self.save()

    def end_session(self, status: str, **facts: Any) -> None:
        """Note how this session ended: ``finished``, ``interrupted`` or ``failed``, and facts about it."""
        self.content["status"] = status
        self.content["sessions"][-1] |= {"ended": now(), **facts}
        self.save()

    def add_metrics(self, line: Mapping[str, Any]) -> None:
        """Append one line of metrics, which has the key ``step``."""
        with (self.folder / METRICS_NAME).open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(line) + "\n")

    def metrics(self) -> list[dict[str, Any]]:
        """All lines of metrics that are whole."""
        return read_metrics(self.folder)


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """The lines of ``metrics.jsonl``; a last line that a kill cut short is left out."""
    path = folder / METRICS_NAME
    if not path.is_file():
        return []
    lines = []
    for text in path.read_text(encoding="utf-8").splitlines():
        try:
            line = json.loads(text)
        except ValueError:
            continue
        if isinstance(line, dict):
            lines.append(line)
    return lines


def keep_metrics_until(folder: Path, step: int) -> None:
    """Drop the metrics of steps after a checkpoint from which training goes on."""
    if (folder / METRICS_NAME).is_file():
        kept = [line for line in read_metrics(folder) if line.get("step", 0) <= step]
        write_text(folder / METRICS_NAME, "".join(json.dumps(line) + "\n" for line in kept))


def write_text(path: Path, text: str) -> None:
    """Write a file so that a kill leaves either the old or the new one.

    Raises:
        OutputError: The disk is full or the folder can't be written to.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise OutputError(
            f"can't write: {error}", where=str(path), fix="check space and permissions"
        ) from error


def differences(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Dotted keys whose values differ, each with both values."""
    found = []
    for key in sorted(old.keys() | new.keys()):
        before, after = old.get(key), new.get(key)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            found.extend(differences(before, after, f"{prefix}{key}."))
        elif before != after:
            found.append(f"{prefix}{key} was {before!r}, now {after!r}")
    return found


def fingerprint_files(files: Iterable[Path]) -> str:
    """SHA-256 over names and contents of files, in the order given."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.name} {file.stat().st_size}\n".encode())
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def source_state() -> dict[str, Any]:
    """Commit of the code that runs, and whether it was changed since; nulls outside a git checkout."""
    package = Path(__file__).parents[1]
    commit = _git(package, "rev-parse", "HEAD")
    changed = _git(package, "status", "--porcelain", "--", str(package))
    return {"commit": commit, "uncommitted_changes": None if changed is None else bool(changed)}


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def hardware() -> dict[str, Any]:
    """The machine: processor, memory (bytes), and GPUs where torch sees any."""
    import psutil
    import torch

    gpus = [torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count())]
    return {
        "platform": platform.platform(),
        "python": platform.python_version(),
        "cpus": os.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "gpus": [{"name": gpu.name, "memory_bytes": gpu.total_memory} for gpu in gpus],
    }


def memory_peak() -> dict[str, int]:
    """Most memory in use so far, in bytes: this process, and its GPU where there is one."""
    import resource

    import torch

    # Linux counts in KiB, macOS in bytes.
    unit = 1 if platform.system() == "Darwin" else 1024
    peak = {"process_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit}
    if torch.cuda.is_available():
        peak["gpu_bytes"] = torch.cuda.max_memory_allocated()
    return peak


def now() -> str:
    """The time, in UTC, to the second."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
