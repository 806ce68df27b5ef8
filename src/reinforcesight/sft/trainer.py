"""Supervised fine-tuning: thin over TRL's ``SFTTrainer``, with answers judged during training and safe resuming."""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accelerate import PartialState

from reinforcesight.jobs.record import RunRecord
from reinforcesight.model.card import write_model_card
from reinforcesight.model.load import LoadedModel, quiet_libraries
from reinforcesight.sft.answer_trainer import AnswerTrainer, training_arguments
from reinforcesight.sft.config import SftConfig
from reinforcesight.sft.curves import SFT_CHARTS
from reinforcesight.tuning.callbacks import (
    CheckpointKeeper,
    RecordMetrics,
    StopOnSignal,
    StopWithoutProgress,
)
from reinforcesight.tuning.checkpoints import checkpoint_folder, publish
from reinforcesight.tuning.data import (
    SpatialCollator,
    TrainingData,
    answer_rows,
    load_training_data,
    training_rows,
)
from reinforcesight.tuning.parts import load_to_train, name_base, new_adapter, trainable_summary
from reinforcesight.tuning.report import write_training_page
from reinforcesight.tuning.session import (
    announced,
    end_early,
    open_record,
    quiet_progress,
    run_trainer,
    session_facts,
    start_session,
)

_LESS_MEMORY = "use gradient checkpointing, model.quantization 4bit or a smaller model.max_pixels"


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
        loaded = load_to_train(config)
    recipe = {
        **config.recipe(processes=processes.num_processes),
        "data_fingerprint": data.description["fingerprint"],
        "model_fingerprint": loaded.description["fingerprint"] or loaded.description["revision"],
    }
    record = open_record(
        "sft",
        output,
        config,
        recipe,
        data=data.description,
        model=loaded.description,
        seeds={"training": config.seed, "evaluation": config.evaluation.seed},
    )
    if record.content["status"] == "finished":
        return announced(_finished_result(record))
    last = start_session(record)

    with StopOnSignal() as stop:
        trainer = build_trainer(config, loaded, data, record, stop)
        record.content["model"]["trainable"] = trainable_summary(trainer.model)
        if last is not None:
            _restore_token_count(trainer, last)
        started = time.monotonic()
        failure = run_trainer(trainer, last, config, less_memory=_LESS_MEMORY)
        step = trainer.state.global_step
        facts = session_facts(step, started)
        if failure is not None or stop.received is not None:
            end_early(record, SFT_CHARTS, facts, failure, stop)
            code = 128 + (stop.received or 0)
            return announced(SftResult("interrupted", output, step, None, None, exit_code=code))
    if trainer.is_world_process_zero():
        _finish(record, trainer, facts)
    processes.wait_for_everyone()
    reloaded = RunRecord.load(output)
    return announced(_finished_result(reloaded if reloaded is not None else record))


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
    adapter = new_adapter(loaded, config)
    callbacks: list[Any] = [stop, CheckpointKeeper(Path(config.output), config.keep_checkpoints)]
    callbacks.append(RecordMetrics(record, SFT_CHARTS))
    if questions is not None and options.patience is not None:
        callbacks.append(StopWithoutProgress(options.patience))
    trainer = AnswerTrainer(
        loaded.model,
        args=training_arguments(config, has_validation=questions is not None),
        data_collator=SpatialCollator(loaded.processor, completion_only_loss=True),
        train_dataset=training_rows(data.train),
        eval_dataset=questions,
        processing_class=loaded.processor,
        peft_config=adapter,
        callbacks=callbacks,
        config=config,
        questions=questions,
        stop=stop,
    )
    quiet_progress(trainer)
    if adapter is not None:
        name_base(trainer.model, loaded, config)
    return trainer


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
    write_training_page(record, SFT_CHARTS)
    write_model_card(record, record.folder)
