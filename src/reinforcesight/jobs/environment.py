"""Environment of a job: library versions, commit of the code, machine, memory."""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

import reinforcesight


def versions(names: Iterable[str]) -> dict[str, str]:
    """Return the versions of Python, of this package, and of those given distributions that are installed."""
    found = {"python": platform.python_version(), "reinforcesight": reinforcesight.__version__}
    for name in names:
        version = version_of(name)
        if version is not None:
            found[name] = version
    return found


def version_of(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def source_state() -> dict[str, Any]:
    """Return ``commit`` of this package's checkout, and ``uncommitted_changes``; ``None`` for an installed package."""
    package = Path(reinforcesight.__file__).resolve().parent
    lines = (_git(package, "rev-parse", "--show-toplevel", "HEAD") or "").splitlines()
    # The package may be installed in an environment inside another repository.
    if len(lines) != 2 or Path(lines[0]) / "src" / package.name != package:
        return {"commit": None, "uncommitted_changes": None}
    changed = _git(package, "status", "--porcelain", "--", str(package))
    return {"commit": lines[1], "uncommitted_changes": None if changed is None else bool(changed)}


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def hardware() -> dict[str, Any]:
    """Return processor, memory (bytes), and GPUs if torch finds any."""
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
    """Return the peak memory so far of this process, and of its GPU if it uses one, in bytes."""
    import resource

    import torch

    # Linux counts in KiB, macOS in bytes.
    unit = 1 if platform.system() == "Darwin" else 1024
    peak = {"process_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit}
    if torch.cuda.is_available():
        peak["gpu_bytes"] = torch.cuda.max_memory_allocated()
    return peak


def now() -> str:
    """Return the current UTC time, to the second."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
