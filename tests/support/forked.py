"""Python processes for tests that send them signals or look at their exit status, without seconds of imports in each.

They are forked from a process that has imported the packages, as ``run`` forks its stages, and end as any other
process: a signal kills them, and their workers are processes of their own. Where a fork can't be used, Python is
started anew.
"""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from reinforcesight.jobs.pool import environment_variables
from reinforcesight.jobs.warm import ForkedJob, WarmProcess, can_fork

_ROOT = Path(__file__).parents[2]
_FOLDERS = [str(_ROOT / name) for name in ("benchmarks", "dev", "tests/support")]
# What the commands import in the end; the heavy ones after those that they need themselves.
GENERATE = ("datasets", "reinforcesight.data_gen.pipeline", "reinforcesight.data_gen.sources.annotated.source")
TRAIN = ("reinforcesight.sft.trainer", "reinforcesight.grpo.trainer")


def quiet_environment() -> dict[str, str]:
    """The environment for child processes: one thread, no network."""
    return {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        # What pytest's pythonpath adds here.
        "PYTHONPATH": os.pathsep.join([*_FOLDERS, os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep),
    }


class Process:
    """A process whose output is read as it comes, with the methods of ``subprocess.Popen`` that tests use."""

    def __init__(self, module: str, arguments: Sequence[str], imports: tuple[str, ...]) -> None:
        self._said = [b"", b""]
        pipes = [os.pipe() for _ in self._said]
        (_, out), (_, err) = pipes
        try:
            self._process = _start(module, arguments, imports, out, err)
        finally:
            os.close(out), os.close(err)
        self._readers = [
            threading.Thread(target=self._read, args=(at, reading), daemon=True)
            for at, (reading, _) in enumerate(pipes)
        ]
        for reader in self._readers:
            reader.start()

    def _read(self, at: int, descriptor: int) -> None:
        with os.fdopen(descriptor, "rb") as stream:
            self._said[at] = stream.read()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.returncode

    def poll(self) -> int | None:
        return self._process.poll()

    def send_signal(self, number: int) -> None:
        self._process.send_signal(number)

    def end(self) -> None:
        """Kill the process and what it started, if it still runs."""
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            self._process.wait()

    def communicate(self, timeout: float) -> tuple[str, str]:
        """Wait for the process, and for all that share its output; return what they wrote."""
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.end()
            raise
        for reader in self._readers:
            reader.join(timeout)
        out, err = (said.decode() for said in self._said)
        return out, err


_LAST: dict[tuple[str, ...], Process] = {}


def start(module: str, *arguments: str, imports: tuple[str, ...]) -> Process:
    """Start ``python -m module`` in a process that has imported these modules; the last one with them is ended."""
    if imports in _LAST:
        _LAST[imports].end()  # a test that failed may have left it
    _LAST[imports] = Process(module, arguments, imports)
    return _LAST[imports]


def start_code(code: str, *arguments: str, imports: tuple[str, ...] = TRAIN) -> Process:
    """Run Python code in a process that has imported these modules; the last one with them is ended."""
    return start("run_code", code, *arguments, imports=imports)


def run(
    module: str, *arguments: str, imports: tuple[str, ...], timeout: float = 120
) -> subprocess.CompletedProcess[str]:
    """Run ``python -m module`` to its end."""
    process = start(module, *arguments, imports=imports)
    out, err = process.communicate(timeout)
    assert process.returncode is not None
    return subprocess.CompletedProcess([module, *arguments], process.returncode, out, err)


def _start(
    module: str, arguments: Sequence[str], imports: tuple[str, ...], out: int, err: int
) -> ForkedJob | subprocess.Popen[bytes]:
    if not can_fork():
        command = [sys.executable, "-m", module, *arguments]
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=quiet_environment(), start_new_session=True
        )
    try:
        with environment_variables(quiet_environment()):  # the first job starts the process that is forked
            return warm_process(imports).run(module, arguments, output=out, errors=err, keep={})
    except BaseException:  # also a test's time limit
        warm_process.cache_clear()  # the next test gets another one
        raise


@functools.cache
def warm_process(imports: tuple[str, ...]) -> WarmProcess:
    """The process with these imports; it ends with this one."""
    return WarmProcess(imports, Path(os.devnull))
