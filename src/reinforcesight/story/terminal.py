"""Terminal output during a run: a line for each stage, and the progress of the current stage."""

from __future__ import annotations

from collections.abc import Sequence

import click

from reinforcesight.jobs.events import Event
from reinforcesight.jobs.progress import Progress, duration, gigabytes
from reinforcesight.story.stages import Stage
from reinforcesight.story.state import StageRecord


class View:
    """Prints the stages and the events of the current stage on standard error."""

    def __init__(self, stages: Sequence[Stage]) -> None:
        self._stages = list(stages)
        self._figures: dict[str, float] = {}
        self._progress: Progress | None = None

    def begin(self, stage: Stage, why: str) -> None:
        self._figures = {}
        self._line(stage, f"{stage.title}{f' ({why})' if why else ''}")

    def event(self, event: Event) -> None:
        match event:
            case {"event": "progress", "what": str(what), "done": int(done), "total": int(total)}:
                self._counter(what, done, total).reach(done)
            case {"event": "figures", "values": dict(values)}:
                self._figures |= values
                if self._progress is not None:
                    self._progress.figures(values)
            case {"event": "stage", "text": str(text)}:
                self.close()
                self.say(f"  {text}")
            case {"event": "message", "text": str(text)}:
                self.say(f"  {text}")

    def end(self, stage: Stage, record: StageRecord) -> None:
        self.close()
        figures = "".join(f", {name} {value:.4g}" for name, value in self._figures.items())
        self._line(
            stage,
            f"{record.status}, {duration(record.seconds)}, {gigabytes(record.peak_memory_bytes)}{figures}",
        )

    def skip(self, stage: Stage) -> None:
        self._line(stage, "nothing changed, kept as it is")

    def say(self, text: str) -> None:
        if self._progress is not None:
            self._progress.say(text)
        else:
            click.echo(text, err=True)

    def close(self) -> None:
        """Remove the progress bar of the current stage."""
        if self._progress is not None:
            self._progress.__exit__()
            self._progress = None

    def _counter(self, what: str, done: int, total: int) -> Progress:
        shown, what = self._progress, f"  {what}"
        if shown is None or (shown.what, shown.total) != (what, total) or done < shown.done:
            self.close()
            self._progress = Progress(what, total, done=done, leave=False).__enter__()
        assert self._progress is not None
        return self._progress

    def _line(self, stage: Stage, text: str) -> None:
        self.say(f"[{self._stages.index(stage) + 1}/{len(self._stages)}] {stage.name}: {text}")
