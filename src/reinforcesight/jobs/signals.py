"""SIGINT and SIGTERM during long jobs: stop at once, or record the signal and stop at a good moment."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Self

_NUMBERS = (signal.SIGINT, signal.SIGTERM)


class Stopped(BaseException):
    """The user or the system asked the job to stop.

    Not an ``Exception``, so that handlers of ordinary errors don't catch it.
    """

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal_number)
        self.signal_number = signal_number

    @property
    def exit_code(self) -> int:
        """The shell's exit status: 130 after SIGINT, 143 after SIGTERM."""
        return 128 + self.signal_number


@contextlib.contextmanager
def handlers_kept() -> Iterator[None]:
    """Restore the current signal handlers at the end. Has no effect outside the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in _NUMBERS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _handle(handler: Callable[[int, FrameType | None], object]) -> None:
    owner = os.getpid()

    def handle(number: int, frame: FrameType | None) -> None:
        if os.getpid() == owner:
            handler(number, frame)
        else:  # a forked process, such as a data-loader worker, ends as it would without this handler
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    if threading.current_thread() is threading.main_thread():
        for number in _NUMBERS:
            signal.signal(number, handle)


@contextlib.contextmanager
def stop_on_signals() -> Iterator[list[int]]:
    """Raise :class:`Stopped` when SIGINT or SIGTERM arrives. Has no effect outside the main thread.

    Yields a list to which the signals are added, since libraries may turn the exception into one of their own.
    """
    received: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        raise Stopped(number)

    with handlers_kept():
        _handle(stop)
        yield received


class NotedSignals:
    """Records SIGINT and SIGTERM in ``received``, for jobs that stop at a good moment. Use as a context manager.

    Args:
        most: Number of signals to record; the next one has its default effect and ends the process.
    """

    def __init__(self, *, most: int = 1) -> None:
        self.received: list[int] = []
        self._most = most
        self._kept = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self._kept.enter_context(handlers_kept())
        _handle(self._note)
        return self

    def __exit__(self, *_: object) -> None:
        self._kept.close()

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.received.append(number)
        if len(self.received) >= self._most:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


def signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
