"""Supervised fine-tuning with TRL's ``SFTTrainer``."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reinforcesight.sft.answer_trainer import AnswerTrainer
from reinforcesight.sft.arguments import sft_arguments
from reinforcesight.sft.config import SftConfig
from reinforcesight.sft.curves import SFT_CHARTS
from reinforcesight.tuning.callbacks import StopWithoutProgress
from reinforcesight.tuning.data import SpatialCollator, answer_rows, training_rows
from reinforcesight.tuning.run import Method, Session, TrainingResult, make_trainer, run_training


def train_sft(config: SftConfig) -> TrainingResult:
    """Train, resume, or report a run that is already finished.

    Raises:
        ConfigError: Options don't fit TRL, the model or the machine.
        InputError: The data set or the model can't be used; a broken picture is named by its row.
        OutputError: The folder holds another run, or memory ran out.
    """
    return run_training(_SFT, config)


def build_sft_trainer(session: Session[SftConfig]) -> AnswerTrainer:
    """The trainer with its adapter, data and callbacks."""
    options, data, processor = session.config.evaluation, session.data, session.loaded.processor
    questions = None if data.validation is None else answer_rows(data.validation, options.samples, options.seed)
    early: list[Any] = []
    if questions is not None and options.patience is not None:
        early.append(StopWithoutProgress(options.patience))
    trainer: AnswerTrainer = make_trainer(
        AnswerTrainer,
        session,
        *early,
        charts=SFT_CHARTS,
        data_collator=SpatialCollator(processor, completion_only_loss=True),
        train_dataset=training_rows(data.train),
        eval_dataset=questions,
        questions=questions,
    )
    return trainer


def _restore_token_count(trainer: AnswerTrainer, checkpoint: Path) -> None:
    """TRL counts tokens from zero in each session."""
    history = json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))["log_history"]
    trainer._total_train_tokens = next((line["num_tokens"] for line in reversed(history) if "num_tokens" in line), 0)


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
    build_sft_trainer,
    _results,
    less_memory="use gradient checkpointing, model.quantization 4bit or a smaller model.max_pixels",
    resumed=_restore_token_count,
)
