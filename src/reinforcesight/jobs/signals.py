"""SIGINT and SIGTERM during long work: stop at once, or take note and stop at a good moment."""

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
    """The user or the system asked the work to stop.

    Not an ``Exception``, so that no handler of ordinary errors swallows it.
    """

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal_number)
        self.signal_number = signal_number

    @property
    def exit_code(self) -> int:
        """The shell's exit status for it: 130 after SIGINT, 143 after SIGTERM."""
        return 128 + self.signal_number


@contextlib.contextmanager
def handlers_kept() -> Iterator[None]:
    """Put the present signal handlers back at the end. Without effect outside the main thread."""
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
        else:  # a forked process, such as a worker of a data loader, ends as it would without this handler
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    if threading.current_thread() is threading.main_thread():
        for number in _NUMBERS:
            signal.signal(number, handle)


@contextlib.contextmanager
def stop_on_signals() -> Iterator[None]:
    """Raise :class:`Stopped` when SIGINT or SIGTERM arrives. Without effect outside the main thread."""

    def stop(number: int, _frame: FrameType | None) -> None:
        raise Stopped(number)

    with handlers_kept():
        _handle(stop)
        yield


class NotedSignals:
    """Takes note of SIGINT and SIGTERM; the work looks at ``received`` when it can stop. Use as a context manager.

    Args:
        most: After so many signals the next one has its default effect: it ends the process.
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
    """SIGTERM and the like."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
