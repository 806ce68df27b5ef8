"""The start model of a GRPO run, and its pass rates: computed before training, or as a separate stage."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import torch
from accelerate import PartialState

from reinforcesight.grpo.arguments import grpo_arguments
from reinforcesight.grpo.config import GrpoConfig
from reinforcesight.grpo.data import QuestionView, chosen_rows, question_rows
from reinforcesight.grpo.difficulty import RATES_NAME, PassRate, choose_questions, rate_questions
from reinforcesight.jobs.progress import Progress
from reinforcesight.model.load import LoadedModel, quiet_libraries
from reinforcesight.tuning.callbacks import StopOnSignal
from reinforcesight.tuning.data import TrainingData, load_training_data
from reinforcesight.tuning.parts import load_to_train
from reinforcesight.tuning.run import start_identity
from reinforcesight.tuning.trainer import unchanged_random_state


@dataclass(frozen=True)
class RatingResult:
    """How a rating ended.

    Attributes:
        file: The pass rates.
        counts: Questions rated, kept, too hard and too easy; empty if it was stopped.
        exit_code: 0, or 128 + the signal that stopped it.
    """

    file: Path
    counts: dict[str, float]
    exit_code: int = 0

    def __str__(self) -> str:
        if not self.counts:
            return f"{self.file}: stopped; run the same command to resume"
        return (
            f"{self.file}: {self.counts['kept']} of {self.counts['rated']} questions kept, "
            f"{self.counts['too_hard']} never right, {self.counts['too_easy']} always right"
        )


def rate_difficulty(config: GrpoConfig) -> RatingResult:
    """Rate the questions that a GRPO run would train on; the run reads the file.

    Raises:
        InputError: The data set or the model can't be used, or no question would be left.
        OutputError: The file was made with another model, data set or sampling.
    """
    quiet_libraries()
    data = load_training_data(config.dataset)
    arguments = grpo_arguments(config, data.validation is not None)
    loaded = load_to_train(config)
    file = rates_file(config)
    with StopOnSignal() as stop:
        questions = questions_of(config, data)
        rates = rate(config, arguments, loaded, questions, stop, start_identity(data, loaded))
        if rates is None:
            result = RatingResult(file, {}, exit_code=128 + (stop.received or 0))
        else:
            result = RatingResult(file, choose_questions(list(questions["id"]), rates, config.difficulty).counts)
    if PartialState().is_main_process:
        click.echo(str(result))
    return result


def rates_file(config: GrpoConfig) -> Path:
    return config.difficulty.file or Path(config.output) / RATES_NAME


def questions_of(config: GrpoConfig, data: TrainingData) -> Any:
    """The training questions that are rated; training uses those that pass."""
    if config.difficulty.questions is None:
        return question_rows(data.train)
    return chosen_rows(data.train, config.difficulty.questions, config.seed)


def rate(
    config: GrpoConfig,
    arguments: Any,
    loaded: LoadedModel,
    questions: Any,
    stop: StopOnSignal,
    identity: dict[str, Any],
) -> dict[str, PassRate] | None:
    """Pass rates of the questions, as far as possible from the file; ``None`` if a signal came.

    Raises:
        OutputError: The file was made with another model, data set or sampling.
    """
    thinking = config.rewards.thinking
    with (
        start_model(config, arguments, loaded) as model,
        shown_progress("questions rated", len(questions)) as progress,
    ):
        return rate_questions(
            model,
            loaded.processor,
            QuestionView(questions, thinking=thinking),
            config.difficulty,
            path=rates_file(config),
            depends_on={**identity, "thinking": thinking},
            temperature=arguments.temperature,
            max_new_tokens=arguments.max_completion_length,
            seed=config.seed,
            stopped=lambda: stop.received is not None,
            on_block=progress,
        )


@contextlib.contextmanager
def shown_progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Progress on the main process; yields the function that takes how much is done in all."""
    with Progress(what, total, shown=PartialState().is_main_process) as progress:
        yield progress.reach


@contextlib.contextmanager
def start_model(config: GrpoConfig, arguments: Any, loaded: LoadedModel) -> Iterator[Any]:
    """The model on its device and in evaluation mode, with the precision of training; restores the random state."""
    model, device = loaded.model, PartialState().device
    if config.model.quantization == "none":
        model.to(device)
    half = torch.float16 if arguments.fp16 else torch.bfloat16
    mixed = device.type == "cuda" and (arguments.bf16 or arguments.fp16)
    model.eval()
    try:
        with unchanged_random_state(device), torch.autocast(device.type, dtype=half, enabled=mixed):
            yield model
    finally:
        model.train()
