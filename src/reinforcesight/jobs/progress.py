"""Progress of long work: a bar on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

import click

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

_SECONDS_BETWEEN_LINES = 10.0


class Progress:
    """Counts finished pieces of one kind of work, on standard error.

    Args:
        what: What is being done, such as "pictures".
        total: Number of pieces.
        done: Pieces that an earlier run finished.
    """

    def __init__(self, what: str, total: int, *, done: int = 0) -> None:
        self._what, self._total, self._done, self._before = what, total, done, done
        self._started = time.monotonic()
        self._next_line = self._started + _SECONDS_BETWEEN_LINES
        self._bar: RichProgress | None = None
        self._task: TaskID | None = None

    def advance(self, count: int = 1) -> None:
        """So many more pieces are done."""
        self._done += count
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, advance=count)
            return
        now = time.monotonic()
        if now >= self._next_line or self._done == self._total:
            self._next_line = now + _SECONDS_BETWEEN_LINES
            rate = (self._done - self._before) / max(now - self._started, 1e-9)
            click.echo(f"{self._what}: {self._done} of {self._total} ({rate:.1f} a second)", err=True)

    def say(self, message: str) -> None:
        """A line that does not disturb the bar."""
        if self._bar is not None:
            self._bar.console.print(message, markup=False, highlight=False)
        else:
            click.echo(message, err=True)

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as RichProgress

            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
            )
            self._bar = RichProgress(*columns, console=Console(stderr=True))
            self._bar.start()
            self._task = self._bar.add_task(self._what, total=self._total, completed=self._done)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
