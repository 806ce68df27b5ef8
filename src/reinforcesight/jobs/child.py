"""Run a job in a child process: output in a log, events from a pipe, memory sampled, signals forwarded."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

from reinforcesight.jobs.events import EVENTS_VARIABLE, Event, EventReader
from reinforcesight.jobs.files import cannot_write
from reinforcesight.jobs.signals import NotedSignals
from reinforcesight.jobs.warm import ForkedJob, WarmProcess

_TICK_SECONDS = 0.5
_TAIL_BYTES = 8192


@dataclass(frozen=True, slots=True)
class ChildResult:
    """Result of a child process."""

    exit_code: int  # -N if signal N ended it
    signal: int | None  # first signal that was received and forwarded
    seconds: float
    # Sampled resident memory of the process and its children; shared pages count once for each process.
    peak_memory_bytes: int
    problem: str  # the error that it sent as an event, or the last line of its output
    processor_seconds: float = 0.0  # of the process and its children


def run_child(
    module: str,
    arguments: Sequence[str],
    *,
    log: Path,
    lock: int,
    signals: NotedSignals,
    on_event: Callable[[Event], object],
    on_tick: Callable[[float, int], object],
    warm: WarmProcess | None = None,
) -> ChildResult:
    """Run ``python -m module`` to its end.

    The first signal is forwarded, so that the process can save its work; the second kills the process and its workers.

    Args:
        log: File to append the output to.
        lock: Descriptor of a lock that the child shares, so that the lock outlives this process.
        signals: Recorder of the signals that this process receives.
        on_event: Called with each event, except errors.
        on_tick: Called twice a second with seconds and peak memory (bytes) so far.
        warm: Process that starts the child without new imports; by default, Python is started anew.
    """
    started = next_tick = time.monotonic()
    before_it = resource.getrusage(resource.RUSAGE_CHILDREN)
    peak, passed_on, problem = 0, 0, ""
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        output = log.open("ab")
    except OSError as error:
        raise cannot_write(log, error) from error
    with output, _started(module, arguments, output, lock, warm) as (child, events):
        before = output.tell()
        ended = False
        while not ended:
            # Polled first, so that events sent before the process ended are in the pipe.
            ended = child.poll() is not None
            for event in events.read(0.0 if ended else _TICK_SECONDS):
                if event["event"] == "error":
                    problem = str(event.get("text"))
                else:
                    on_event(event)
                ended = False
            if events.closed and not ended:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(_TICK_SECONDS)
            if len(signals.received) > passed_on:
                passed_on = len(signals.received)
                if passed_on > 1:
                    _kill(child)
                elif child.poll() is None:
                    child.send_signal(signals.received[0])
            if time.monotonic() >= next_tick:
                next_tick = time.monotonic() + _TICK_SECONDS
                peak = max(peak, _memory(child.pid))
                on_tick(time.monotonic() - started, peak)
    received = signals.received[0] if signals.received else None
    problem = problem or _last_line(log, before)
    used = child.processor_seconds if isinstance(child, ForkedJob) else _seconds_since(before_it)
    if isinstance(child, ForkedJob):  # a job may end before its first sample
        peak = max(peak, child.peak_memory_bytes)
    assert child.returncode is not None
    return ChildResult(child.returncode, received, time.monotonic() - started, peak, problem, used)


def _seconds_since(before: resource.struct_rusage) -> float:
    """Return the processor seconds of this process's children that ended since."""
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    return now.ru_utime - before.ru_utime + now.ru_stime - before.ru_stime


_Child = subprocess.Popen[bytes] | ForkedJob


@contextlib.contextmanager
def _started(
    module: str, arguments: Sequence[str], output: IO[bytes], lock: int, warm: WarmProcess | None
) -> Iterator[tuple[_Child, EventReader]]:
    """Start the process in its own session, so that Ctrl-C reaches it only through this process."""
    reading, writing = os.pipe()
    try:
        child = _fork(module, arguments, output, lock, writing, warm) or subprocess.Popen(
            [sys.executable, "-u", "-m", module, *arguments],
            # Nothing is written here; when it closes, the child knows that this process has ended.
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=(lock, writing),
            env={**os.environ, EVENTS_VARIABLE: str(writing)},
        )
    except BaseException:
        os.close(reading)
        raise
    finally:
        os.close(writing)
    try:
        yield child, EventReader(reading)
    finally:
        if child.poll() is None:
            _kill(child)
        os.close(reading)
        assert child.stdin is not None
        with contextlib.suppress(OSError):
            child.stdin.close()
        child.wait()


def _fork(
    module: str, arguments: Sequence[str], output: IO[bytes], lock: int, events: int, warm: WarmProcess | None
) -> ForkedJob | None:
    if warm is None:
        return None
    keep = {".lock": lock, EVENTS_VARIABLE: events}
    with contextlib.suppress(ChildProcessError):
        return warm.run(module, arguments, output=output.fileno(), errors=output.fileno(), keep=keep)
    return None


def _kill(child: _Child) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)


def _memory(pid: int) -> int:
    """Return the resident memory of a process and its children, in bytes."""
    total = 0
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        for member in (process, *process.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                total += member.memory_info().rss
    return total


def _last_line(log: Path, start: int) -> str:
    """Return the last line that is not blank after the position ``start`` (bytes)."""
    with log.open("rb") as stream:
        stream.seek(max(start, log.stat().st_size - _TAIL_BYTES))
        lines = stream.read().decode("utf-8", errors="replace").splitlines()
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
