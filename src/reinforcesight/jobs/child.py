"""Run one stage in a process of its own: its output into a log, its memory watched, signals handed on."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import psutil

from reinforcesight.errors import OutputError

_TICK_SECONDS = 0.5
_ERROR = "error: "


@dataclass(frozen=True, slots=True)
class ChildResult:
    """How a stage's process ended.

    Attributes:
        exit_code: Of the process; negative where a signal ended it.
        signal: The signal that came while it ran, if one did.
        seconds: Wall-clock time.
        peak_memory_bytes: Most resident memory of the process and its own children together, sampled twice a second;
            pages that they share count for each.
        problem: Its last line of error, or else its last line.
    """

    exit_code: int
    signal: int | None
    seconds: float
    peak_memory_bytes: int
    problem: str


class Signals:
    """Notes SIGINT and SIGTERM instead of dying of them; a third one takes its ordinary effect."""

    def __init__(self) -> None:
        self.received: list[int] = []
        self._before: dict[int, object] = {}

    def __enter__(self) -> Signals:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        self._before = {}

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.received.append(number)
        if len(self.received) > 1:
            self._restore()


def run_child(
    module: str,
    arguments: Sequence[str],
    *,
    log: Path,
    lock: int,
    signals: Signals,
    on_line: Callable[[str], object],
    on_tick: Callable[[float, int], object],
) -> ChildResult:
    """Run ``python -m module`` to its end.

    The first signal is handed on, and the process saves what it has; the second kills it and its workers.

    Args:
        module: To run.
        arguments: Of the command.
        log: Everything printed is appended here.
        lock: Descriptor of the run folder's lock, which the process holds on to as well.
        signals: Where signals are noted.
        on_line: Told each line of output.
        on_tick: Told seconds and peak memory so far, twice a second.

    Raises:
        OutputError: The log can't be written.
    """
    started, peak, handed_on = time.monotonic(), 0, 0
    lines: queue.Queue[str | None] = queue.Queue()
    problem = last = ""
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        stream = log.open("a", encoding="utf-8")
    except OSError as error:
        raise OutputError(
            f"can't write: {error}", where=str(log), fix="check space and permissions"
        ) from error
    with stream, _started(module, arguments, lock) as child:
        threading.Thread(target=_read, args=(child, lines), daemon=True).start()
        open_pipe = True
        while open_pipe or child.poll() is None:
            with contextlib.suppress(queue.Empty):
                line = lines.get(timeout=_TICK_SECONDS) if open_pipe else None
                if line is None:
                    open_pipe = False
                    child.wait()
                else:
                    stream.write(line + "\n")
                    stream.flush()
                    last = line.strip() or last
                    problem = last.removeprefix(_ERROR) if last.startswith(_ERROR) else problem
                    on_line(line)
                    if not lines.empty():
                        continue
            peak = max(peak, _memory(child.pid))
            if len(signals.received) > handed_on:
                handed_on = len(signals.received)
                _hand_on(child, signals.received)
            on_tick(time.monotonic() - started, peak)
    received = signals.received[0] if signals.received else None
    return ChildResult(child.returncode, received, time.monotonic() - started, peak, problem or last)


@contextlib.contextmanager
def _started(module: str, arguments: Sequence[str], lock: int) -> Iterator[subprocess.Popen[str]]:
    """The process, in a session of its own, so that a Ctrl-C reaches it only once and through us."""
    child = subprocess.Popen(
        [sys.executable, "-u", "-m", module, *arguments],
        # Never written to: its end tells the process that this one is gone.
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
        pass_fds=(lock,),
    )
    try:
        yield child
    finally:
        if child.poll() is None:
            _kill(child)
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        child.wait()


def _read(child: subprocess.Popen[str], lines: queue.Queue[str | None]) -> None:
    assert child.stdout is not None
    with contextlib.suppress(ValueError, OSError):
        for line in child.stdout:
            lines.put(line.rstrip("\n"))
    lines.put(None)


def _hand_on(child: subprocess.Popen[str], received: Sequence[int]) -> None:
    if len(received) > 1:
        _kill(child)
    elif child.poll() is None:
        child.send_signal(received[0])


def _kill(child: subprocess.Popen[str]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)


def _memory(pid: int) -> int:
    """Resident memory of a process and its children together, in bytes."""
    total = 0
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        for member in (process, *process.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                total += member.memory_info().rss
    return total
