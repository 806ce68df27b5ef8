"""``reinforcesight run``: every stage whose result is not there yet, in order, into one folder."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import yaml

from reinforcesight import __version__
from reinforcesight.errors import OutputError, ReinforceSightError
from reinforcesight.jobs.child import ChildResult, Signals, run_child
from reinforcesight.jobs.environment import now
from reinforcesight.jobs.files import json_hash, write_text
from reinforcesight.story.config import RunConfig, StageName
from reinforcesight.story.stages import STAGES, Stage, inputs_of
from reinforcesight.story.state import (
    RunState,
    StageRecord,
    fingerprint_of,
    missing_product,
    read_state,
    take_products,
    what_changed,
)
from reinforcesight.story.view import View, duration

_WORKER = "reinforcesight.story.worker"
_SECONDS_BETWEEN_SAVES = 10.0
_LONGEST_WAIT = 180.0


class StageError(ReinforceSightError):
    """A stage failed; those before it are kept."""


@dataclass(frozen=True)
class RunResult:
    """How a run ended.

    Attributes:
        output: Its folder.
        done: Stages that worked this time.
        kept: Stages with nothing to do.
        exit_code: 0, or 128 + the signal that stopped it.
    """

    output: Path
    done: tuple[StageName, ...]
    kept: tuple[StageName, ...]
    exit_code: int = 0


def run(config: RunConfig) -> RunResult:
    """Do what is still to be done of the story.

    Raises:
        StageError: A stage failed. It is named, what is done is kept, and the same command goes on there.
        OutputError: The folder can't be written to, or another run is at work in it.
    """
    started = time.monotonic()
    folder = config.folder
    done: list[StageName] = []
    kept: list[StageName] = []
    with _locked(folder.lock) as lock, Signals() as signals:
        _write_settings(config)
        state = read_state(folder.state, __version__)
        fingerprints: dict[str, str] = {}
        with View(STAGES) as view:
            for stage in STAGES:
                inputs = (
                    inputs_of(stage, config, fingerprints, __version__) if _may_look(stage, config) else None
                )
                why = _why(stage, config, state, inputs)
                if why is None:
                    record = state.stages[stage.name]
                    view.skip(stage, record)
                    kept.append(stage.name)
                else:
                    assert inputs is not None
                    record = _do(stage, config, state, inputs, why, lock, signals, view)
                    done.append(stage.name)
                    if record.status == "interrupted" or signals.received:
                        break
                    if record.status == "failed":
                        raise StageError(
                            f"the stage {stage.name} failed: {record.problem}",
                            where=str(folder.log(stage.name)),
                            fix="finished stages are kept; mend it, and the same command goes on from there",
                        )
                fingerprints[stage.name] = record.fingerprint or ""
                if stage.name is config.until:
                    break
        if signals.received:
            click.echo("stopped; finished work is kept: run the same command to go on", err=True)
            return RunResult(config.output, tuple(done), tuple(kept), exit_code=128 + signals.received[0])
    _tell_end(config, state, done, time.monotonic() - started)
    return RunResult(config.output, tuple(done), tuple(kept))


def _may_look(stage: Stage, config: RunConfig) -> bool:
    """Whether a stage is looked at; those before ``--from`` are taken as they are."""
    order = list(StageName)
    return config.from_stage is None or order.index(stage.name) >= order.index(config.from_stage)


def _why(stage: Stage, config: RunConfig, state: RunState, inputs: dict[str, Any] | None) -> str | None:
    """Why a stage is to be done, in a few words, or ``None`` where it is done."""
    record = state.stages.get(stage.name)
    if inputs is None:
        whole = record is not None and record.status == "finished"
        if record is None or not whole or missing_product(config.output, record.products) is not None:
            raise OutputError(
                f"the stage {stage.name} has no finished result to go on from",
                where=f"--from {config.from_stage}",
                fix=f"give --from {stage.name} or leave --from out",
            )
        return None
    if config.from_stage is not None:
        return "asked for by --from"
    if record is None:
        return ""
    if record.key != json_hash(inputs):
        return what_changed(record.inputs, inputs)
    if record.status != "finished":
        return "goes on"
    missing = missing_product(config.output, record.products)
    return None if missing is None else f"{missing} is missing or was changed"


def _do(
    stage: Stage,
    config: RunConfig,
    state: RunState,
    inputs: dict[str, Any],
    why: str,
    lock: int,
    signals: Signals,
    view: View,
) -> StageRecord:
    folder, key = config.folder, json_hash(inputs)
    if not _goes_on(stage, config, state, key):
        for moved in _move_aside(stage, config):
            view.say(f"what was there before is in {moved}")
    record = state.begin(stage.name, key, inputs)
    earlier, saved = record.seconds, 0.0
    state.save(folder.state)
    view.begin(stage, why)

    def on_tick(seconds: float, memory: int) -> None:
        nonlocal saved
        record.seconds = earlier + seconds
        record.peak_memory_bytes = max(record.peak_memory_bytes, memory)
        view.tick(seconds, memory)
        if seconds - saved >= _SECONDS_BETWEEN_SAVES:
            saved = seconds
            state.save(folder.state)

    result = run_child(
        _WORKER,
        [str(folder.settings), stage.name.value],
        log=folder.log(stage.name),
        lock=lock,
        signals=signals,
        on_line=view.line,
        on_tick=on_tick,
    )
    record.seconds, record.ended = earlier + result.seconds, now()
    if result.exit_code == 0:
        record.products = take_products(config.output, stage.products(config))
        record.fingerprint = fingerprint_of(record.products)
        record.status = "finished"
    elif result.signal is not None:
        record.status = "interrupted"
    else:
        record.status = "failed"
        record.problem = _problem(result)
    state.save(folder.state)
    view.end(stage, record)
    return record


def _goes_on(stage: Stage, config: RunConfig, state: RunState, key: str) -> bool:
    """Whether a stage continues what an earlier session of it began."""
    old = state.stages.get(stage.name)
    if config.from_stage is not None or old is None:
        return False
    return old.key == key and old.status != "finished"


def _move_aside(stage: Stage, config: RunConfig) -> list[Path]:
    """Move a stage's folders out of the way; results may have cost days, so nothing is removed."""
    if stage.tells_old_from_new and config.from_stage is None:
        return []
    moved = []
    for name in stage.folders:
        source = config.output / name
        if not source.exists():
            continue
        replaced = config.folder.replaced
        number = 1 + sum(1 for path in replaced.glob(f"{name}-*"))
        while (target := replaced / f"{name}-{number}").exists():
            number += 1
        try:
            replaced.mkdir(exist_ok=True)
            shutil.move(source, target)
        except OSError as error:
            raise OutputError(
                f"can't be moved to {target}: {error}", where=str(source), fix="move or remove it"
            ) from error
        moved.append(target)
    return moved


def _problem(result: ChildResult) -> str:
    if result.exit_code == -signal.SIGKILL:
        return "its process was killed, as happens when memory runs out"
    return result.problem or f"its process ended with status {result.exit_code}"


def _write_settings(config: RunConfig) -> None:
    values = config.model_dump(mode="json", exclude={"from_stage", "until"})
    text = yaml.safe_dump(values, sort_keys=False, allow_unicode=True)
    write_text(
        config.folder.settings, f"# The whole configuration of this run, as --config takes it.\n{text}"
    )


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[int]:
    """Hold a run folder. The rest of a killed run is waited for: it saves what it has, and ends.

    Raises:
        OutputError: Another run is at work in the folder.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise OutputError(
            f"can't write: {error.strerror}", where=str(path.parent), fix="check space and permissions"
        ) from error
    try:
        _wait_for(handle, path)
        yield handle
    finally:
        os.close(handle)


def _wait_for(handle: int, path: Path) -> None:
    told = False
    until = time.monotonic() + _LONGEST_WAIT
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise OutputError(
                    "another run is at work in this folder",
                    where=str(path.parent),
                    fix="wait for it, stop it, or give another --output",
                ) from None
            if not told:
                click.echo("waiting for an earlier run in this folder to end", err=True)
                told = True
            time.sleep(0.5)
        else:
            return


def _tell_end(config: RunConfig, state: RunState, done: list[StageName], seconds: float) -> None:
    what = (
        f"{len(done)} stages done in {duration(seconds)}"
        if done
        else "nothing to do: every stage is as it should be"
    )
    click.echo(what)
    report = state.stages.get(StageName.REPORT)
    if config.until in (None, StageName.REPORT) and report is not None and report.status == "finished":
        click.echo(f"Open this page in a browser: {config.folder.page}")
