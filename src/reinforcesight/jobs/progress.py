"""Progress of long jobs: a bar on a terminal, plain lines elsewhere, events for a listening process."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import click

from reinforcesight.jobs.events import send_event

if TYPE_CHECKING:
    from tqdm import tqdm

_SECONDS_BETWEEN_LINES = 10.0
_SECONDS_BETWEEN_EVENTS = 0.5


class Progress:
    """Counts finished items and shows the count on standard error.

    ``what`` names the items, such as "pictures"; an earlier run finished ``done``. ``shown`` is true in only one
    process. With ``leave``, the bar stays on the terminal.
    """

    def __init__(self, what: str, total: int, *, done: int = 0, shown: bool = True, leave: bool = True) -> None:
        self.what, self.total, self.done = what, total, done
        self._shown, self._leave, self._before = shown and total > 0, leave, done
        self._figures: dict[str, str] = {}
        self._started = time.monotonic()
        self._next_line = self._started + _SECONDS_BETWEEN_LINES
        self._next_event = self._started
        self._line_shown: tuple[int, dict[str, str]] | None = None
        self._bar: tqdm[Any] | None = None

    def __enter__(self) -> Self:
        if self._shown and sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(None, self.what, self.total, self._leave, initial=self.done, unit="", dynamic_ncols=True)
        self._tell()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def advance(self, count: int = 1) -> None:
        self.reach(self.done + count)

    def reach(self, done: int) -> None:
        """Set how many items are finished so far: an absolute count, not an increment."""
        if self._bar is not None:
            self._bar.update(done - self.done)
        self.done = done
        self._tell()

    def figures(self, values: Mapping[str, float]) -> None:
        """Show the newest values of metrics such as the loss."""
        if not self._shown:
            return
        send_event("figures", values=dict(values))
        self._figures |= {name: f"{value:.4g}" for name, value in values.items()}
        if self._bar is not None:
            self._bar.set_postfix(self._figures)
        else:
            self._next_line = 0.0
            self._tell()

    def say(self, message: str) -> None:
        """Print a line without disturbing the bar."""
        send_event("message", text=message)
        if self._bar is not None:
            self._bar.write(message, file=sys.stderr)
        else:
            click.echo(message, err=True)

    def _tell(self) -> None:
        if not self._shown:
            return
        now, ended = time.monotonic(), self.done == self.total
        if now >= self._next_event or ended:
            self._next_event = now + _SECONDS_BETWEEN_EVENTS
            send_event("progress", what=self.what, done=self.done, total=self.total)
        due = now >= self._next_line or (ended and self.done > self._before)
        if self._bar is None and due and self._line_shown != (self.done, self._figures):
            self._next_line = now + _SECONDS_BETWEEN_LINES
            self._line_shown = self.done, dict(self._figures)
            click.echo(self._line(now - self._started), err=True)

    def _line(self, seconds: float) -> str:
        parts = [f"{self.what}: {self.done} of {self.total}"]
        parts += [f"{name} {value}" for name, value in self._figures.items()]
        new = self.done - self._before
        if new > 0 and seconds > 0:
            parts.append(f"{new / seconds:.2g} a second")
            if self.done < self.total:
                parts.append(f"about {duration(seconds / new * (self.total - self.done))} left")
        return ", ".join(parts)


def announce(text: str) -> None:
    """Print the next step of a job."""
    send_event("stage", text=text)
    click.echo(text, err=True)


def duration(seconds: float) -> str:
    """Format a time: ``42 s``, ``3 min 20 s``, ``2 h 05 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def gigabytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB"
