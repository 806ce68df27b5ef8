"""Supervised fine-tuning with TRL's ``SFTTrainer``, whose evaluation also generates and judges answers."""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import torch
from accelerate import PartialState
from trl.trainer.sft_trainer import SFTTrainer

from reinforcesight.sft.config import SftConfig
from reinforcesight.tuning.accuracy import accuracy_metrics, judge_generated, write_step_answers
from reinforcesight.tuning.callbacks import StopWithoutProgress
from reinforcesight.tuning.data import (
    ANSWER_COLUMNS,
    TRAINING_COLUMNS,
    SpatialCollator,
    check_texts,
    encoded_rows,
    random_rows,
    usable_rows,
)
from reinforcesight.tuning.records.report import SFT_CHARTS
from reinforcesight.tuning.run import Method, Session, TrainingResult, make_trainer, run_training
from reinforcesight.tuning.settings.arguments import trl_arguments
from reinforcesight.tuning.trainer import ResumableTrainer, labelled_positions_only, unchanged_random_state

_Trainer: Any = SFTTrainer  # mypy can't follow TRL's class; what is used of it is tested

# Batches from data-loader workers pass through shared memory, and a container's usual 64 MiB are too few.
_SHARED_MEMORY = Path("/dev/shm")
_ENOUGH_SHARED_MEMORY = 1 << 30


class AnswerTrainer(ResumableTrainer, _Trainer):  # type: ignore[misc]
    """An ``SFTTrainer`` whose evaluation also generates and judges answers to ``questions``."""

    def __init__(self, *args: Any, questions: Any, **kwargs: Any) -> None:
        self.questions = questions
        super().__init__(*args, **kwargs)
        # For Qwen's classes, the Trainer averages the loss over micro-batches instead of over all tokens of the step
        # (huggingface/transformers#37766). TRL computes the loss itself and accepts the number of tokens.
        self.model_accepts_loss_kwargs = True

    def compute_loss(self, *args: Any, **kwargs: Any) -> Any:
        with labelled_positions_only(), self.loss_precision():
            return super().compute_loss(*args, **kwargs)

    def evaluate(self, *args: Any, **kwargs: Any) -> Any:
        """Evaluate, then restore the random state, so that eval_steps does not change training."""
        with unchanged_random_state(self.args.device):
            return super().evaluate(*args, **kwargs)

    def evaluation_loop(self, *args: Any, metric_key_prefix: str = "eval", **kwargs: Any) -> Any:
        output = super().evaluation_loop(*args, metric_key_prefix=metric_key_prefix, **kwargs)
        self.stop.check()
        with self.compute_loss_context_manager():
            answers = judge_generated(
                self.model,
                self.processing_class,
                self.questions,
                self.run_config.evaluation,
                on_batch=lambda _: self.stop.check(),
            )
        output.metrics.update(accuracy_metrics(answers, metric_key_prefix))
        if self.is_world_process_zero():
            lines = [asdict(answer) for answer in answers]
            write_step_answers(Path(self.args.output_dir), self.state.global_step, lines)
        return output


def train_sft(config: SftConfig) -> TrainingResult:
    """Train, resume, or report a finished run. Raises the same errors as :func:`run_training`."""
    return run_training(_SFT, config)


def sft_arguments(config: SftConfig, has_validation: bool) -> Any:
    """Return TRL's ``SFTConfig``. Raises the same errors as :func:`trl_arguments`."""
    arguments = trl_arguments(
        config,
        best_metric="accuracy" if has_validation else None,
        max_length=None,  # truncation would cut picture tokens
        completion_only_loss=True,
        dataset_kwargs={"skip_prepare_dataset": True},
    )
    if "dataloader_num_workers" not in config.trainer:
        arguments.dataloader_num_workers = _worker_count()
    if "dataloader_persistent_workers" not in config.trainer:
        arguments.dataloader_persistent_workers = arguments.dataloader_num_workers > 0
    return arguments


def _worker_count() -> int:
    """Return the number of data-loader workers: 0 on a CPU (the model needs it) or with little shared memory."""
    if not torch.cuda.is_available():
        return 0
    if _SHARED_MEMORY.is_dir() and (size := shutil.disk_usage(_SHARED_MEMORY).total) < _ENOUGH_SHARED_MEMORY:
        if PartialState().is_main_process:
            click.echo(
                f"shared memory is {size >> 20} MiB, too small for data workers: pictures are decoded in the training "
                "process (enlarge it with docker run --shm-size 8g, or set --dataloader_num_workers)",
                err=True,
            )
        return 0
    return min(8, max(1, (os.cpu_count() or 1) // max(1, torch.cuda.device_count()) - 1))


def _build(session: Session[SftConfig]) -> AnswerTrainer:
    options, data, processor = session.config.evaluation, session.data, session.loaded.processor
    train, left_out = usable_rows(encoded_rows(data.train, TRAINING_COLUMNS), "train", check_texts)
    questions = None
    if data.validation is not None:
        chosen = random_rows(data.validation, options.samples, options.seed)
        questions, also = usable_rows(encoded_rows(chosen, ANSWER_COLUMNS), "validation", check_texts)
        left_out |= also
    session.record.content["data"]["left_out"] = left_out
    early: list[Any] = []
    if questions is not None and options.patience is not None:
        early.append(StopWithoutProgress(options.patience))
    trainer: AnswerTrainer = make_trainer(
        AnswerTrainer,
        session,
        *early,
        charts=SFT_CHARTS,
        data_collator=SpatialCollator(processor, completion_only_loss=True),
        train_dataset=train,
        eval_dataset=questions,
        questions=questions,
    )
    return trainer


def _restore_token_count(trainer: AnswerTrainer, checkpoint: Path) -> None:
    """Restore the number of tokens seen, which TRL counts from zero in each session."""
    history = json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))["log_history"]
    counted = [line["num_tokens"] for line in history if "num_tokens" in line]
    trainer._total_train_tokens = int(counted[-1]) if counted else 0


def _results(session: Session[SftConfig], trainer: AnswerTrainer, best: Mapping[str, Any]) -> dict[str, Any]:
    losses = [line["loss"] for line in trainer.state.log_history if "loss" in line]
    return {
        "validation_loss": best.get("eval_loss"),
        "final_training_loss": losses[-1] if losses and math.isfinite(losses[-1]) else None,
        "tokens": trainer._total_train_tokens,
    }


_SFT: Method[SftConfig] = Method(
    "sft",
    SFT_CHARTS,
    sft_arguments,
    lambda config, arguments, rows: None,
    _build,
    _results,
    less_memory="use gradient checkpointing, model.quantization 4bit or a smaller model.max_pixels",
    resumed=_restore_token_count,
)
