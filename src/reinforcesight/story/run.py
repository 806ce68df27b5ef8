"""``reinforcesight run``: run every stage whose result is missing or out of date, in order, in one folder."""

from __future__ import annotations

import shutil
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import yaml

from reinforcesight import __version__
from reinforcesight.errors import EXIT_FAILED, EXIT_USER_ERROR, OutputError, ReinforceSightError
from reinforcesight.jobs.child import run_child
from reinforcesight.jobs.environment import now
from reinforcesight.jobs.files import json_hash, only_writer, write_text
from reinforcesight.jobs.progress import announce, duration, gigabytes
from reinforcesight.jobs.signals import NotedSignals, signal_name
from reinforcesight.jobs.warm import WarmProcess, can_fork
from reinforcesight.preflight import refuse_other_things
from reinforcesight.story.check import RUN_FILES, check_before_first_stage
from reinforcesight.story.config import RunConfig
from reinforcesight.story.stages import HEAVY_MODULES, STAGE_NAMES, STAGES, Stage, inputs_of
from reinforcesight.story.state import (
    RunState,
    StageRecord,
    fingerprint_of,
    missing_product,
    read_state,
    take_products,
    what_changed,
)
from reinforcesight.story.terminal import View

_WORKER = "reinforcesight.story.worker"
_SECONDS_BETWEEN_SAVES = 10.0
_LONGEST_WAIT = 180.0
_WAITING = "waiting for an earlier run in this folder to end"


class StageError(ReinforceSightError):
    """A stage failed or was killed; results of earlier stages are kept."""

    exit_code = EXIT_FAILED


@dataclass(frozen=True)
class RunResult:
    """The stages that a run executed, and its exit status."""

    output: Path
    done: tuple[str, ...]  # stages that were run
    kept: tuple[str, ...]  # stages that were up to date
    exit_code: int = 0  # 128 + the signal that stopped the run


def run_story(config: RunConfig) -> RunResult:
    """Run the stages that are missing or out of date.

    Raises:
        StageError: A stage failed or was killed. Finished work is kept; the same command continues.
        OutputError: The folder can't be written to, or another run uses it.
        ReinforceSightError: The check before the first stage found a problem.
    """
    started = time.monotonic()
    done: list[str] = []
    kept: list[str] = []
    refuse_other_things(config.output, RUN_FILES)
    with (
        # A stage of a killed run holds the lock until it has saved and ended.
        only_writer(config.output, config.folder.lock.name, wait=_LONGEST_WAIT, waiting=_WAITING) as lock,
        NotedSignals(most=2) as signals,
        WarmProcess(HEAVY_MODULES, config.folder.log("imports")) as process,
    ):
        _write_settings(config)
        warm = process if can_fork() else None
        run = _Run(config, read_state(config.folder.state, __version__), lock, signals, View(STAGES), warm)
        if _training_is_new(config, run.state):
            announce("checking model, benchmarks, settings and disk space before the first stage")
            check_before_first_stage(config.folder.settings, warm)
        fingerprints: dict[str, str] = {}
        for stage in STAGES:
            inputs = inputs_of(stage, config, fingerprints, __version__) if _is_asked(stage, config) else None
            why = run.why(stage, inputs)
            if why is None:
                record = run.state.stages[stage.name]
                run.view.skip(stage)
                kept.append(stage.name)
            else:
                assert inputs is not None
                record = run.do(stage, inputs, why)
                done.append(stage.name)
                if len(done) == 1 and stage.name != "report" and config.folder.page.exists():
                    run.view.say(f"  results so far: {config.folder.page}; reload it after later stages")
                if signals.received:
                    click.echo(
                        f"stopped at the stage {stage.name}; finished work is kept: run the same command to continue",
                        err=True,
                    )
                    return RunResult(config.output, tuple(done), tuple(kept), 128 + signals.received[0])
            fingerprints[stage.name] = record.fingerprint or ""
            if stage.name == config.until:
                break
    took = f"{len(done)} stages done in {duration(time.monotonic() - started)}"
    click.echo(took if done else "nothing to do: every stage is up to date")
    _show_outcome(config, {*done, *kept})
    return RunResult(config.output, tuple(done), tuple(kept))


def _show_outcome(config: RunConfig, finished: set[str]) -> None:
    from reinforcesight.story.closing_lines import next_lines, outcome_lines

    try:
        if "evaluate" in finished:
            click.echo("\n".join(["", *outcome_lines(config), ""]))
        if "report" in finished:
            click.echo("\n".join(next_lines(config)))
    except ReinforceSightError as error:  # only this summary is missing, the results are complete
        click.echo(f"the results can't be shown here: {error}", err=True)


def _training_is_new(config: RunConfig, state: RunState) -> bool:
    """Return whether SFT or GRPO has not run with these settings yet."""
    for stage in STAGES:
        if stage.name in ("sft", "grpo"):
            old = state.stages.get(stage.name)
            if old is None or json_hash(old.inputs["settings"]) != json_hash(stage.settings(config)):
                return True
    return False


def _is_asked(stage: Stage, config: RunConfig) -> bool:
    """Return whether a stage is checked; with ``--from``, earlier stages are used without a check."""
    first = config.from_stage or STAGE_NAMES[0]
    return STAGE_NAMES.index(stage.name) >= STAGE_NAMES.index(first)


@dataclass
class _Run:
    config: RunConfig
    state: RunState
    lock: int
    signals: NotedSignals
    view: View
    warm: WarmProcess | None  # starts the stages that import torch

    def why(self, stage: Stage, inputs: dict[str, Any] | None) -> str | None:
        """Say in a few words why a stage has to run (empty if it is new); ``None`` if it is up to date."""
        config, record = self.config, self.state.stages.get(stage.name)
        finished = record is not None and record.status == "finished"
        missing = missing_product(config.output, record.products) if record and finished else None
        if inputs is None:
            if not finished or missing is not None:
                raise OutputError(
                    f"the stage {stage.name} has no finished result to continue from",
                    where=f"--from {config.from_stage}",
                    fix=f"give --from {stage.name} or leave out --from",
                )
            return None
        if config.from_stage is not None:
            return "asked for by --from"
        if record is None:
            return ""
        if record.key != json_hash(inputs):
            return what_changed(record.inputs, inputs)
        if not finished:
            return f"continues, {record.status} before"
        return None if missing is None else f"{missing} is missing or was changed"

    def do(self, stage: Stage, inputs: dict[str, Any], why: str) -> StageRecord:
        folder, key = self.config.folder, json_hash(inputs)
        old = self.state.stages.get(stage.name)
        again = self.config.from_stage is not None
        resumes = not again and old is not None and old.key == key and old.status != "finished"
        if stage.folder and not resumes and (again or not stage.resumes_in_place):
            moved = _move_away(self.config.output / stage.folder, folder.replaced)
            if moved is not None:
                self.view.say(f"the earlier result is in {moved}")
        record = self.state.begin(stage.name, key, inputs)
        earlier, saved = record.seconds, 0.0
        self.state.save(folder.state)
        self.view.begin(stage, why)

        def on_tick(seconds: float, memory: int) -> None:
            nonlocal saved
            record.seconds = earlier + seconds
            record.peak_memory_bytes = max(record.peak_memory_bytes, memory)
            if seconds - saved >= _SECONDS_BETWEEN_SAVES:
                saved = seconds
                self.state.save(folder.state)

        try:
            result = run_child(
                _WORKER,
                [str(folder.settings), stage.name],
                log=folder.log(stage.name),
                lock=self.lock,
                signals=self.signals,
                on_event=self.view.event,
                on_tick=on_tick,
                warm=self.warm if stage.heavy else None,
            )
        finally:
            self.view.close()
        record.seconds, record.ended = earlier + result.seconds, now()
        record.processor_seconds += result.processor_seconds
        record.peak_memory_bytes = max(record.peak_memory_bytes, result.peak_memory_bytes)
        error: StageError | None = None
        if result.exit_code == 0:
            record.products = take_products(self.config.output, stage.products(self.config))
            record.fingerprint = fingerprint_of(record.products)
            record.status = "finished"
        elif result.signal is not None:
            record.status = "interrupted"
        else:
            error = self._failure(stage, record, result.exit_code, result.problem)
        self.state.save(folder.state)
        if record.status != "interrupted":
            self.view.end(stage, record)
        if error is not None:
            raise error
        return record

    def _failure(self, stage: Stage, record: StageRecord, exit_code: int, problem: str) -> StageError:
        """Record that the stage failed or was killed, and return the error with a fix."""
        number = -exit_code
        if exit_code > 128:  # the process handled the signal itself and exited with 128 + signal
            number = exit_code - 128
        continues = "run the same command to continue"
        if number <= 0:
            record.status = "failed"
            record.problem = problem or f"its process ended with status {exit_code}"
            fix = f"fix this, then {continues}"
        elif number == signal.SIGKILL:
            record.status = "killed"
            used = gigabytes(record.peak_memory_bytes)
            record.problem = f"killed by SIGKILL at {used} of memory use: the machine probably ran out of memory"
            fix = f"free memory or lower {stage.less_memory}, then {continues}"
        else:
            record.status, record.problem = "killed", f"ended by {signal_name(number)}"
            fix = continues
        verb = "failed:" if record.status == "failed" else "was"
        error = StageError(
            f"the stage {stage.name} {verb} {record.problem}",
            where=str(self.config.folder.log(stage.name)),
            fix=f"{fix}; finished stages are kept",
        )
        error.exit_code = EXIT_USER_ERROR if exit_code == EXIT_USER_ERROR else EXIT_FAILED
        return error


def _move_away(source: Path, replaced: Path) -> Path | None:
    """Move a stage's folder and return its new path. Nothing is removed, since results may have cost days."""
    if not source.exists():
        return None
    number = 1 + sum(1 for path in replaced.glob(f"{source.name}-*"))
    while (target := replaced / f"{source.name}-{number}").exists():
        number += 1
    try:
        replaced.mkdir(exist_ok=True)
        shutil.move(source, target)
    except OSError as error:
        raise OutputError(
            f"can't be moved to {target}: {error}", where=str(source), fix="move or remove it"
        ) from error
    return target


def _write_settings(config: RunConfig) -> None:
    values = config.model_dump(mode="json", exclude={"from_stage", "until"})
    text = yaml.safe_dump(values, sort_keys=False, allow_unicode=True)
    write_text(config.folder.settings, f"# The whole configuration of this run, as --config takes it.\n{text}")
