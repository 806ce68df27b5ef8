"""The record of a run and its sessions, for SFT and GRPO."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from accelerate import PartialState

from reinforcesight.config import StrictConfig
from reinforcesight.errors import OutputError
from reinforcesight.jobs.environment import hardware, memory_peak, source_state
from reinforcesight.jobs.record import METRICS_NAME, RunRecord, differences
from reinforcesight.tuning.records.checkpoints import complete_checkpoints, remove_damaged, remove_incomplete, step_of


def open_record(
    command: str,
    output: Path,
    config: StrictConfig,
    settings: Mapping[str, Any],
    *,
    data: Mapping[str, Any],
    model: Mapping[str, Any],
    seeds: Mapping[str, int],
) -> RunRecord:
    """Return a new record, or the record of the run to resume; ``settings`` are those that affect the result.

    Raises:
        OutputError: The folder has a checkpoint of another configuration, model or data set.
    """
    # JSON turns tuples into lists, as in the stored record, so that equal values compare equal.
    settings = json.loads(json.dumps(settings))
    old, begun = RunRecord.load(output), complete_checkpoints(output)
    if old is None and begun:
        raise OutputError("the folder has checkpoints but no run record", where=str(output), fix="choose another")
    if old is not None:
        changed = differences(old.content.get("recipe", {}), settings)
        if not changed:
            old.content["config"] = config.model_dump(mode="json")
            return old
        if begun or old.content.get("command") != command or old.content.get("status") == "finished":
            raise OutputError(
                f"this folder holds a run with another configuration or data: {changed}",
                where=str(output),
                fix="give another --output, restore the settings, or remove the folder",
            )
        # Without a checkpoint there is nothing to lose, so a corrected command restarts in the same folder.
        if PartialState().is_main_process:
            (output / METRICS_NAME).unlink(missing_ok=True)
    content = {
        "schema": 1,
        "command": command,
        "status": "running",
        "config": config.model_dump(mode="json"),
        "recipe": settings,
        "data": data,
        "model": model,
        "seeds": dict(seeds),
        "source": source_state(),
        "hardware": hardware(),
        "sessions": [],
        "results": {},
    }
    return RunRecord(output, content)


def start_session(record: RunRecord) -> Path | None:
    """Remove incomplete checkpoints, record the start, and return the checkpoint to resume from, if any."""
    processes = PartialState()
    processes.wait_for_everyone()
    if processes.is_main_process:
        record.folder.mkdir(parents=True, exist_ok=True)
        remove_incomplete(record.folder)
        for path in remove_damaged(record.folder):
            click.echo(f"{path} is damaged: its files are not those that were written; it is removed", err=True)
    processes.wait_for_everyone()
    checkpoints = complete_checkpoints(record.folder)
    last = checkpoints[-1] if checkpoints else None
    if processes.is_main_process:
        record.start_session(from_step=step_of(last) if last else 0)
    return last


def session_facts(step: int, started: float) -> dict[str, Any]:
    """Return a session's last step, its seconds since ``started`` (monotonic clock), and its memory peak."""
    return {"to_step": step, "seconds": round(time.monotonic() - started, 1), "memory_peak": memory_peak()}
