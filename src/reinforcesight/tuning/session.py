"""One session of a training run, the same for every trainer: the record, where to go on, and how it can end."""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import click
import torch
from accelerate import PartialState
from transformers import ProgressCallback
from transformers.trainer_callback import PrinterCallback

from reinforcesight.config import StrictConfig
from reinforcesight.errors import InputError, OutputError, ReinforceSightError
from reinforcesight.jobs.environment import hardware, memory_peak, source_state
from reinforcesight.jobs.record import RunRecord, differences
from reinforcesight.jobs.signals import signal_name
from reinforcesight.tuning.callbacks import StopOnSignal, TrainingStoppedError
from reinforcesight.tuning.checkpoints import complete_checkpoints, remove_incomplete, step_of
from reinforcesight.tuning.report import Chart, write_training_page

Result = TypeVar("Result")


class BatchSettings(Protocol):
    """How a configuration cuts a step into batches."""

    @property
    def output(self) -> Any:
        """The run's folder."""

    @property
    def per_device_train_batch_size(self) -> int:
        """Questions or completions in one forward pass."""

    @property
    def gradient_accumulation_steps(self) -> int:
        """Forward passes in one optimiser step."""


def open_record(
    command: str,
    output: Path,
    config: StrictConfig,
    recipe: Mapping[str, Any],
    *,
    data: Mapping[str, Any],
    model: Mapping[str, Any],
    seeds: Mapping[str, int],
) -> RunRecord:
    """A new record, or the one of the run to continue.

    Args:
        command: What makes the run, such as ``sft``.
        output: The run's folder.
        config: The whole configuration.
        recipe: The part of it that decides the result, with the fingerprints of data and model.
        data: Description of the data set.
        model: Description of the start model.
        seeds: By what they are for.

    Raises:
        OutputError: The folder holds a run with another configuration, model or data set.
    """
    # Through JSON, so that tuples and lists compare as the stored record has them.
    recipe = json.loads(json.dumps(recipe))
    old = RunRecord.load(output)
    if old is None:
        if complete_checkpoints(output):
            raise OutputError(
                "the folder has checkpoints but no run record", where=str(output), fix="choose another"
            )
        content = {
            "schema": 1,
            "command": command,
            "status": "running",
            "config": config.model_dump(mode="json"),
            "recipe": recipe,
            "data": data,
            "model": model,
            "seeds": dict(seeds),
            "source": source_state(),
            "hardware": hardware(),
            "sessions": [],
            "results": {},
        }
        return RunRecord(output, content)
    changed = differences(old.content.get("recipe", {}), recipe)
    if changed:
        raise OutputError(
            f"this folder holds a run with another configuration or data: {changed}",
            where=str(output),
            fix="give another --output, restore the settings, or remove the folder",
        )
    old.content["config"] = config.model_dump(mode="json")
    return old


def start_session(record: RunRecord) -> Path | None:
    """Clear away what a kill left half-written, and note the start; on all processes.

    Returns:
        The checkpoint to go on from; ``None`` at the beginning.
    """
    processes = PartialState()
    processes.wait_for_everyone()
    if processes.is_main_process:
        record.folder.mkdir(parents=True, exist_ok=True)
        remove_incomplete(record.folder)
    processes.wait_for_everyone()
    checkpoints = complete_checkpoints(record.folder)
    last = checkpoints[-1] if checkpoints else None
    if processes.is_main_process:
        record.start_session(from_step=step_of(last) if last else 0)
    return last


def session_facts(step: int, started: float) -> dict[str, Any]:
    """How far a session came, how long it took (seconds since ``started``, monotonic), and its memory peak."""
    return {
        "to_step": step,
        "seconds": round(time.monotonic() - started, 1),
        "memory_peak": memory_peak(),
    }


def end_early(
    record: RunRecord,
    charts: Sequence[Chart],
    facts: Mapping[str, Any],
    failure: ReinforceSightError | None,
    stop: StopOnSignal,
) -> None:
    """Note in the record that a session failed or was stopped by a signal; the failure, if any, is raised."""
    if PartialState().is_main_process:
        status = "failed" if failure is not None else "interrupted"
        reason = str(failure) if failure is not None else signal_name(stop.received or 0)
        record.end_session(status, **facts, reason=reason)
        write_training_page(record, charts)
    if failure is not None:
        raise failure


def announced(result: Result) -> Result:
    """Say how a run ended, once."""
    if PartialState().is_main_process:
        click.echo(str(result))
    return result


def quiet_progress(trainer: Any) -> None:
    """Remove transformers' own display of progress; ``RecordMetrics`` shows it."""
    trainer.remove_callback(PrinterCallback)
    trainer.remove_callback(ProgressCallback)


def run_trainer(
    trainer: Any, last: Path | None, config: BatchSettings, *, less_memory: str
) -> ReinforceSightError | None:
    """Run the trainer; what a user can mend comes back instead of being raised, once state is saved.

    Args:
        trainer: TRL's trainer with a method ``save_now``.
        last: The checkpoint to go on from.
        config: The run's configuration.
        less_memory: What helps against want of memory where the batch can't be cut further.
    """
    stopped = False
    try:
        trainer.train(resume_from_checkpoint=str(last) if last is not None else None)
    except TrainingStoppedError:
        stopped = True
    except ReinforceSightError as error:
        return _from_worker(error)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
    else:
        return None
    # Out of the handler, so that the failed step's activations are no longer held by its traceback.
    if stopped:
        trainer.save_now()
        return None
    return _save_after_out_of_memory(trainer, config, less_memory)


def _save_after_out_of_memory(trainer: Any, config: BatchSettings, less_memory: str) -> OutputError:
    trainer.model.zero_grad(set_to_none=True)
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    # With several processes the others wait in a collective call, so nothing can be saved together.
    if trainer.state.global_step > 0 and PartialState().num_processes == 1:
        trainer.save_now()
    kept = complete_checkpoints(Path(trainer.args.output_dir))
    saved = f"; {kept[-1].name} is saved" if kept else ""
    return OutputError(
        f"memory ran out after step {trainer.state.global_step}{saved}",
        where=str(config.output),
        fix=smaller_batches(config) or less_memory,
    )


def smaller_batches(config: BatchSettings) -> str | None:
    """The flags that cut a step into smaller batches of as many questions in all; ``None`` for batches of one."""
    batch = config.per_device_train_batch_size
    smaller = next((size for size in range(batch // 2, 0, -1) if batch % size == 0), None)
    if smaller is None:
        return None
    return (
        f"run again with --per_device_train_batch_size {smaller} --gradient_accumulation_steps "
        f"{config.gradient_accumulation_steps * (batch // smaller)}, which continues it"
    )


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that the GPU's or the host's memory is used up."""
    text = str(error).lower()
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or any(
        words in text for words in ("out of memory", "can't allocate memory", "not enough memory")
    )


def _from_worker(error: ReinforceSightError) -> ReinforceSightError:
    """An error that crossed from a data-loader worker carries the worker's traceback as its text; its end counts."""
    name = type(error).__name__
    marker = f"{name}: "
    if "Traceback (most recent call last)" not in error.what or marker not in error.what:
        return error
    return InputError(error.what.rpartition(marker)[2].strip())
