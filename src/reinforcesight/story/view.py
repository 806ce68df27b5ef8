"""What a person sees while the story runs: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import click

from reinforcesight.story.stages import Stage
from reinforcesight.story.state import StageRecord

if TYPE_CHECKING:
    from rich.console import RenderableType

_SECONDS_BETWEEN_LINES = 10.0
_COUNT = re.compile(r"(?P<what>[^:]{1,60}): (?P<done>\d+) of (?P<total>\d+)\b")
_STEP = re.compile(r"step (?P<done>\d+)/(?P<total>\d+)  (?P<figures>.*)")
_NOTE = re.compile(r"evaluating \w+ on \S+$")
_FIGURES = {
    "loss": "loss",
    "reward": "reward",
    "eval_loss": "validation loss",
    "eval_accuracy": "judged accuracy",
    "eval_right_and_faithful": "right and faithful",
}


@dataclass
class Progress:
    """How far the present stage is, read from its own lines of progress.

    Attributes:
        what: What is counted.
        figures: Newest values by name.
    """

    what: str = ""
    done: int = 0
    total: int = 0
    figures: dict[str, str] = field(default_factory=dict)
    note: str = ""
    _first: tuple[float, int] = (0.0, 0)

    def read(self, line: str) -> bool:
        """Take in a line; whether it told something."""
        step, count = _STEP.match(line), _COUNT.match(line)
        if step:
            self._count("steps", int(step["done"]), int(step["total"]))
            for pair in step["figures"].split("  "):
                name, _, value = pair.rpartition(" ")
                if name in _FIGURES:
                    self.figures[_FIGURES[name]] = value
        elif count:
            self._count(count["what"], int(count["done"]), int(count["total"]))
        elif _NOTE.match(line):
            self.note, self.total = line, 0
        else:
            return False
        return True

    def _count(self, what: str, done: int, total: int) -> None:
        if (what, total) != (self.what, self.total) or done < self.done:
            self._first = (time.monotonic(), done)
        self.what, self.done, self.total = what, done, total

    @property
    def seconds_left(self) -> float | None:
        """By the pace since this count began; ``None`` where that can't be told."""
        since, at = self._first
        if not self.total or self.done <= at:
            return None
        return (time.monotonic() - since) / (self.done - at) * (self.total - self.done)

    def __str__(self) -> str:
        parts = [self.note] if self.note else []
        if self.total:
            parts.append(f"{self.what} {self.done} of {self.total}")
        parts += [f"{name} {value}" for name, value in self.figures.items()]
        left = self.seconds_left
        if left is not None and self.done < self.total:
            parts.append(f"about {duration(left)} left")
        return ", ".join(parts)


class View:
    """Shows the stages and where the run is. Use as a context manager."""

    def __init__(self, stages: Sequence[Stage]) -> None:
        self._stages = list(stages)
        self._shown: dict[str, tuple[str, str, str]] = {}  # state, time and memory, words
        self._now: Stage | None = None
        self._progress = Progress()
        self._seconds, self._memory = 0.0, 0
        self._next_line = 0.0
        self._live: Any = None

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.live import Live

            self._live = Live(self._table(), console=Console(stderr=True), refresh_per_second=4)
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.update(self._table())
            self._live.stop()

    def begin(self, stage: Stage, why: str) -> None:
        """A stage starts."""
        self._now, self._progress, self._seconds, self._memory = stage, Progress(), 0.0, 0
        self._shown[stage.name] = ("now", "", "")
        self._next_line = time.monotonic() + _SECONDS_BETWEEN_LINES
        self._say(stage, f"{stage.title}{f' ({why})' if why else ''}")

    def line(self, text: str) -> None:
        """A line that the stage printed."""
        told = self._progress.read(text)
        if self._live is None and told and time.monotonic() >= self._next_line:
            self._next_line = time.monotonic() + _SECONDS_BETWEEN_LINES
            click.echo(f"      {self._progress}", err=True)

    def tick(self, seconds: float, memory: int) -> None:
        """Time and peak memory of the present stage."""
        self._seconds, self._memory = seconds, memory
        self._refresh()

    def end(self, stage: Stage, record: StageRecord) -> None:
        """The present stage has ended, well or not."""
        figures = ", ".join(f"{name} {value}" for name, value in self._progress.figures.items())
        self._now = None
        cost = f"{duration(record.seconds)}, {gigabytes(record.peak_memory_bytes)}"
        self._shown[stage.name] = (record.status, cost, record.problem or figures)
        self._say(stage, f"{record.status}, {cost}{f': {figures}' if figures else ''}")

    def skip(self, stage: Stage, record: StageRecord) -> None:
        """A stage has nothing to do."""
        cost = f"{duration(record.seconds)}, {gigabytes(record.peak_memory_bytes)}"
        self._shown[stage.name] = ("finished", cost, "nothing changed")
        self._say(stage, "nothing changed, kept as it is")

    def say(self, text: str) -> None:
        """A line beside the table."""
        if self._live is not None:
            self._live.console.print(text, markup=False, highlight=False)
        else:
            click.echo(text, err=True)

    def _say(self, stage: Stage, text: str) -> None:
        if self._live is None:
            click.echo(
                f"[{self._stages.index(stage) + 1}/{len(self._stages)}] {stage.name}: {text}", err=True
            )
        self._refresh()

    def _refresh(self) -> None:
        if self._live is not None:
            self._live.update(self._table())

    def _table(self) -> RenderableType:
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        signs = {"finished": ("✓", "green"), "now": ("▶", "cyan"), "failed": ("✗", "red")}
        table = Table.grid(padding=(0, 2))
        for stage in self._stages:
            state, cost, words = self._shown.get(stage.name, ("", "", ""))
            sign, colour = signs.get(state, ("·", "yellow" if state else "dim"))
            if stage is self._now:
                cost = f"{duration(self._seconds)}, {gigabytes(self._memory)}"
            style = "" if state else "dim"
            table.add_row(
                Text(sign, colour),
                Text(str(stage.name), style),
                Text(cost, style),
                Text(words or stage.title, "dim"),
            )
        if self._now is None:
            return table
        bar = ProgressBar(
            total=self._progress.total or 1,
            completed=self._progress.done if self._progress.total else 0,
            pulse=not self._progress.total,
            width=48,
        )
        return Group(table, bar, Text(str(self._progress) or self._now.title))


def duration(seconds: float) -> str:
    """A time for people: ``42 s``, ``3 min 20 s``, ``2 h 05 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def gigabytes(count: int) -> str:
    """A number of bytes as GB."""
    return f"{count / 1e9:.1f} GB"
