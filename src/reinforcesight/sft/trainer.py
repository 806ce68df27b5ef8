"""Supervised fine-tuning: thin over TRL's ``SFTTrainer``, with answers judged during training and safe resuming."""

from __future__ import annotations

import gc
import json
import math
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import torch
from accelerate import PartialState
from transformers import ProgressCallback
from transformers.trainer_callback import PrinterCallback

from reinforcesight.errors import InputError, OutputError, ReinforceSightError
from reinforcesight.model.card import write_model_card
from reinforcesight.model.load import LoadedModel, load_model, quiet_libraries, resolve_path
from reinforcesight.run_record import RunRecord, differences, hardware, memory_peak, source_state
from reinforcesight.sft.answer_trainer import AnswerTrainer, training_arguments
from reinforcesight.sft.config import SftConfig
from reinforcesight.sft.data import (
    SpatialCollator,
    TrainingData,
    answer_rows,
    load_training_data,
    training_rows,
)
from reinforcesight.sft.parts import freeze_for_full_tuning, lora_config, trainable_summary
from reinforcesight.training.callbacks import (
    CheckpointKeeper,
    RecordMetrics,
    StopOnSignal,
    StopWithoutProgress,
    TrainingStoppedError,
)
from reinforcesight.training.checkpoints import (
    checkpoint_folder,
    complete_checkpoints,
    publish,
    remove_incomplete,
    step_of,
)
from reinforcesight.training.report import Chart, write_report

CHARTS = (
    Chart("Loss", {"loss": "training", "eval_loss": "validation"}),
    Chart(
        "Accuracy of generated answers", {"eval_accuracy": "accuracy", "eval_parse_rate": "readable answers"}
    ),
    Chart(
        "Accuracy of the next token",
        {"mean_token_accuracy": "training", "eval_mean_token_accuracy": "validation"},
    ),
    Chart("Learning rate", {"learning_rate": "learning rate"}),
)


@dataclass(frozen=True)
class SftResult:
    """How a run ended.

    Attributes:
        status: ``finished`` or ``interrupted``.
        output: The run's folder; a model can be loaded from it once finished.
        step: The last optimiser step.
        best_step: The step whose weights were published.
        accuracy: Accuracy of generated answers at the best step; ``None`` without a validation split.
        exit_code: 0, or 128 + the signal that stopped the run.
    """

    status: str
    output: Path
    step: int
    best_step: int | None
    accuracy: float | None
    exit_code: int = 0

    def __str__(self) -> str:
        score = "" if self.accuracy is None else f", accuracy of generated answers {self.accuracy:.3f}"
        if self.status == "finished":
            return f"{self.output}: best of {self.step} steps is step {self.best_step}{score}"
        return f"{self.output}: stopped at step {self.step}; run the same command to continue"


def train_sft(config: SftConfig) -> SftResult:
    """Train, continue, or report a run that is already finished.

    Raises:
        ConfigError: Options don't fit the model or the machine.
        InputError: The data set or the model can't be used; a broken picture is named by its row.
        OutputError: The folder holds another run, or memory ran out.
    """
    quiet_libraries()
    output = Path(config.output)
    processes = PartialState()
    data = load_training_data(config.dataset)
    with processes.main_process_first():
        loaded = _load(config)
    recipe = {
        **config.recipe(processes=processes.num_processes),
        "data_fingerprint": data.description["fingerprint"],
        "model_fingerprint": loaded.description["fingerprint"] or loaded.description["revision"],
    }
    record = _open_record(output, config, recipe, data, loaded)
    if record.content["status"] == "finished":
        return _announced(_finished_result(record))
    processes.wait_for_everyone()
    if processes.is_main_process:
        output.mkdir(parents=True, exist_ok=True)
        remove_incomplete(output)
    processes.wait_for_everyone()
    checkpoints = complete_checkpoints(output)
    last = checkpoints[-1] if checkpoints else None
    if processes.is_main_process:
        record.start_session(from_step=step_of(last) if last else 0)

    with StopOnSignal() as stop:
        trainer = build_trainer(config, loaded, data, record, stop)
        record.content["model"]["trainable"] = trainable_summary(trainer.model)
        if last is not None:
            _restore_token_count(trainer, last)
        started = time.monotonic()
        failure = _train(trainer, last, stop)
        facts = {
            "to_step": trainer.state.global_step,
            "seconds": round(time.monotonic() - started, 1),
            "memory_peak": memory_peak(),
        }
        if failure is not None or stop.received is not None:
            status = "failed" if failure is not None else "interrupted"
            if trainer.is_world_process_zero():
                record.end_session(
                    status, **facts, reason=str(failure) if failure else signal_name(stop.received)
                )
                write_report(record, CHARTS)
            if failure is not None:
                raise failure
            interrupted = SftResult(
                status, output, trainer.state.global_step, None, None, exit_code=128 + (stop.received or 0)
            )
            return _announced(interrupted)
    if trainer.is_world_process_zero():
        _finish(record, trainer, facts)
    processes.wait_for_everyone()
    reloaded = RunRecord.load(output)
    return _announced(_finished_result(reloaded if reloaded is not None else record))


def _announced(result: SftResult) -> SftResult:
    if PartialState().is_main_process:
        click.echo(str(result))
    return result


def signal_name(number: int | None) -> str:
    """SIGTERM and the like, for the record."""
    return signal.Signals(number).name if number else "none"


def _load(config: SftConfig) -> LoadedModel:
    options = config.model
    if options.dtype == "auto" and config.tuning == "full":
        # Small updates to weights kept in bfloat16 are rounded away; the arithmetic may still be in bfloat16.
        options = options.model_copy(update={"dtype": "float32"})
    loaded = load_model(options.at(config.model_path), trainable=True, merge_adapter=config.tuning == "full")
    # transformers aligns these at the start of training, with a warning.
    loaded.model.config.eos_token_id = loaded.processor.tokenizer.eos_token_id
    loaded.model.config.pad_token_id = loaded.processor.tokenizer.pad_token_id
    if config.tuning == "full":
        freeze_for_full_tuning(loaded.model, config)
    return loaded


def _open_record(
    output: Path, config: SftConfig, recipe: dict[str, Any], data: TrainingData, loaded: LoadedModel
) -> RunRecord:
    """A new record, or the one of the run to continue.

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
            "command": "sft",
            "status": "running",
            "config": config.model_dump(mode="json"),
            "recipe": recipe,
            "data": data.description,
            "model": loaded.description,
            "seeds": {"training": config.seed, "evaluation": config.evaluation.seed},
            "source": source_state(),
            "hardware": hardware(),
            "sessions": [],
            "results": {},
        }
        return RunRecord(output, content)
    changed = differences(old.content.get("recipe", {}), recipe)
    if changed:
        more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
        raise OutputError(
            f"this folder holds a run with another configuration or data: {'; '.join(changed[:3])}{more}",
            where=str(output),
            fix="give another --output, restore the settings, or remove the folder",
        )
    old.content["config"] = config.model_dump(mode="json")
    return old


def _finished_result(record: RunRecord) -> SftResult:
    results = record.content["results"]
    return SftResult(
        "finished", record.folder, results["step"], results["best_step"], results.get("accuracy")
    )


def build_trainer(
    config: SftConfig, loaded: LoadedModel, data: TrainingData, record: RunRecord, stop: StopOnSignal
) -> AnswerTrainer:
    """The trainer with its adapters, data and callbacks."""
    options = config.evaluation
    questions = (
        None if data.validation is None else answer_rows(data.validation, options.samples, options.seed)
    )
    attached = hasattr(loaded.model, "peft_config")
    callbacks: list[Any] = [stop, CheckpointKeeper(Path(config.output), config.keep_checkpoints)]
    callbacks.append(RecordMetrics(record, CHARTS))
    if questions is not None and options.patience is not None:
        callbacks.append(StopWithoutProgress(options.patience))
    trainer = AnswerTrainer(
        loaded.model,
        args=training_arguments(config, has_validation=questions is not None),
        data_collator=SpatialCollator(loaded.processor, completion_only_loss=True),
        train_dataset=training_rows(data.train),
        eval_dataset=questions,
        processing_class=loaded.processor,
        peft_config=lora_config(loaded.model, config) if config.tuning == "lora" and not attached else None,
        callbacks=callbacks,
        config=config,
        questions=questions,
        stop=stop,
    )
    trainer.remove_callback(PrinterCallback)
    if not os.isatty(2):
        trainer.remove_callback(ProgressCallback)
    if config.tuning == "lora" and not attached:
        # As the user named it, so that the adapter also loads where an embedded model lies in another folder.
        adapter = trainer.model.peft_config["default"]
        adapter.base_model_name_or_path = config.model_path
        if not Path(resolve_path(config.model_path)).is_dir():
            adapter.revision = loaded.description["revision"]
    return trainer


def _train(trainer: AnswerTrainer, last: Path | None, stop: StopOnSignal) -> ReinforceSightError | None:
    """Run the trainer; what a user can mend comes back instead of being raised, once state is saved."""
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
    return _save_after_out_of_memory(trainer)


def _save_after_out_of_memory(trainer: AnswerTrainer) -> OutputError:
    trainer.model.zero_grad(set_to_none=True)
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    # With several processes the others wait in a collective call, so nothing can be saved together.
    if trainer.state.global_step > 0 and PartialState().num_processes == 1:
        trainer.save_now()
    kept = complete_checkpoints(Path(trainer.args.output_dir))
    saved = f"; {kept[-1].name} is saved" if kept else ""
    config = trainer.sft_config
    smaller = max(1, config.per_device_train_batch_size // 2)
    fix = (
        f"run again with --per_device_train_batch_size {smaller} --gradient_accumulation_steps "
        f"{config.gradient_accumulation_steps * config.per_device_train_batch_size // smaller}, which continues it"
        if config.per_device_train_batch_size > 1
        else "use gradient checkpointing, model.quantization 4bit or a smaller model.max_pixels"
    )
    return OutputError(
        f"memory ran out after step {trainer.state.global_step}{saved}", where=config.output, fix=fix
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


def _restore_token_count(trainer: AnswerTrainer, checkpoint: Path) -> None:
    """TRL counts tokens from zero in each session; the curve should go on."""
    history = json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))["log_history"]
    trainer._total_train_tokens = next(
        (line["num_tokens"] for line in reversed(history) if "num_tokens" in line), 0
    )


def _finish(record: RunRecord, trainer: AnswerTrainer, facts: dict[str, Any]) -> None:
    """Publish the best checkpoint, and write results, curves and model card."""
    state = trainer.state
    best_step = state.best_global_step or state.global_step
    publish(checkpoint_folder(record.folder, best_step), record.folder)
    losses = [line["loss"] for line in state.log_history if "loss" in line]
    at_best: dict[str, Any] = next(
        (line for line in state.log_history if line["step"] == best_step and "eval_accuracy" in line), {}
    )
    record.content["results"] = {
        "step": state.global_step,
        "best_step": best_step,
        "accuracy": at_best.get("eval_accuracy"),
        "parse_rate": at_best.get("eval_parse_rate"),
        "validation_loss": at_best.get("eval_loss"),
        "accuracy_by_task": {
            key.removeprefix("eval_accuracy_"): value
            for key, value in at_best.items()
            if key.startswith("eval_accuracy_")
        },
        "final_training_loss": losses[-1] if losses and math.isfinite(losses[-1]) else None,
        "epochs": state.epoch,
        "tokens": trainer._total_train_tokens,
    }
    record.end_session("finished", **facts)
    write_report(record, CHARTS)
    write_model_card(record, record.folder)
