"""Before the first step: rate the questions, exclude too easy and too hard ones, and validate the start model."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import torch
from accelerate import PartialState

from reinforcesight.data_gen.dataset.twins import pairs_of, twin_name
from reinforcesight.errors import ConfigError
from reinforcesight.grpo.arguments import check_numbers, grpo_arguments
from reinforcesight.grpo.config import GrpoConfig
from reinforcesight.grpo.data import QUESTION_COLUMNS, QuestionView, gold_index, without_thinking
from reinforcesight.grpo.difficulty import (
    RATES_NAME,
    PassRate,
    RatingPool,
    choose_questions,
    rate_questions,
    rate_seeded,
)
from reinforcesight.grpo.reward.twins import with_twins
from reinforcesight.grpo.validation import validate, validation_metrics
from reinforcesight.jobs.pool import WorkerPool
from reinforcesight.jobs.progress import Progress
from reinforcesight.model.load import LoadedModel, quiet_libraries
from reinforcesight.model.memory import processes_that_fit
from reinforcesight.model.repeated_prompts import prefill_repeated_once
from reinforcesight.tuning.accuracy import write_step_answers
from reinforcesight.tuning.callbacks import StopOnSignal, TrainingStoppedError
from reinforcesight.tuning.data import encoded_rows, load_training_data, random_rows, usable_rows
from reinforcesight.tuning.parts import load_to_train
from reinforcesight.tuning.run import Session, start_identity
from reinforcesight.tuning.trainer import unchanged_random_state

_WORTH_PROCESSES = 256  # questions for which it is worth starting processes
_worker: list[tuple[Any, LoadedModel, QuestionView]] = []  # what a worker process keeps


@dataclass(frozen=True)
class RatingResult:
    """Result of a rating.

    Attributes:
        counts: Numbers of questions that were rated, kept, too hard and too easy; empty if the rating was stopped.
        exit_code: 0, or 128 + the signal that stopped the rating.
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


@dataclass(frozen=True)
class PreparedRun:
    """Training questions, held-out questions, and the start model's validation metrics."""

    questions: Any
    held_out: QuestionView | None
    start: dict[str, float]


def rate_difficulty(config: GrpoConfig) -> RatingResult:
    """Rate the questions that a GRPO run would train on; the run reads the file.

    Raises:
        InputError: The data set or the model can't be used, or no question would be left.
        OutputError: The file was made with another model, data set or sampling.
    """
    quiet_libraries()
    with contextlib.ExitStack() as stack:
        pool: RatingPool | None = None
        workers = _rating_workers(config)
        if workers > 1:  # forked before anything is computed here
            pool = stack.enter_context(WorkerPool(_rate_in_worker, config, workers=workers, fork=True))
        data = load_training_data(config.dataset)
        arguments = grpo_arguments(config, data.validation is not None)
        check_numbers(config, arguments, len(data.train))
        loaded = load_to_train(config)
        stop = stack.enter_context(StopOnSignal())
        questions, _ = _usable_questions(config, data.train, "train")
        rates = _rate(config, arguments, loaded, questions, stop, start_identity(data, loaded), pool)
        if rates is None:
            result = RatingResult(_rates_file(config), {}, exit_code=128 + (stop.received or 0))
        else:
            _, counts = choose_questions(list(questions["id"]), rates, config.difficulty)
            result = RatingResult(_rates_file(config), counts)
    if PartialState().is_main_process:
        click.echo(str(result))
    return result


def _rating_workers(config: GrpoConfig) -> int:
    """Return the number of processes that rate questions; 1: only this one."""
    few = config.difficulty.questions is not None and config.difficulty.questions < _WORTH_PROCESSES
    return 1 if few or PartialState().num_processes > 1 else processes_that_fit([config.model.at(config.model_path)])


def _rate_in_worker(config: GrpoConfig, block: tuple[int, ...]) -> list[PassRate]:
    if not _worker:
        torch.set_num_threads(1)
        data = load_training_data(config.dataset)
        questions, _ = _usable_questions(config, data.train, "train")
        arguments, loaded = grpo_arguments(config, data.validation is not None), load_to_train(config)
        if config.encode_prompts_once:
            prefill_repeated_once(loaded.model)
        loaded.model.eval()
        _worker.append((arguments, loaded, QuestionView(questions, thinking=config.rewards.thinking)))
    arguments, loaded, rows = _worker[0]
    return rate_seeded(
        loaded.model,
        loaded.processor,
        [rows[at] for at in block],
        config.difficulty,
        config.seed,
        temperature=arguments.temperature,
        max_new_tokens=arguments.max_completion_length,
        synced_gpus=False,
    )


def prepare(session: Session[GrpoConfig]) -> PreparedRun:
    """Choose the questions and validate the start model, each once per run.

    Raises:
        TrainingStoppedError: A signal was received.
    """
    config, data, record, loaded = session.config, session.data, session.record, session.loaded
    questions, left_out = _usable_questions(config, data.train, "train")
    record.content["data"]["left_out"] = left_out
    if config.difficulty.enabled:
        rates = _rate(config, session.arguments, loaded, questions, session.stop, start_identity(data, loaded))
        if rates is None:
            raise TrainingStoppedError
        kept, counts = choose_questions(list(questions["id"]), rates, config.difficulty)
        record.content["data"]["difficulty"] = counts
        if config.rewards.twin_bonus and "evidence" in questions.column_names:
            # A twin that the start model always answers correctly still tells which answers to the other count.
            kept = with_twins(kept, [twin_name(text) for text in questions["evidence"]])
            counts["kept_with_twins"] = len(kept)
        questions = questions.select(kept)
    if config.rewards.twin_bonus:
        texts = questions["evidence"] if "evidence" in questions.column_names else []
        if not pairs_of(map(twin_name, texts)):
            raise ConfigError(
                "none of the training questions are twins",
                where="rewards.twin_bonus",
                fix="use a data set made by generate --twins, or --set rewards.twin_bonus=0",
            )
    start: dict[str, float] = record.content.get("start", {})
    if data.validation is None:
        return PreparedRun(questions, None, start)
    rows, also = _usable_questions(config, data.validation, "validation")
    left_out |= also
    held_out = QuestionView(rows, thinking=config.rewards.thinking)
    return PreparedRun(questions, held_out, start or _validate_start(session, held_out))


def _rates_file(config: GrpoConfig) -> Path:
    return config.difficulty.file or Path(config.output) / RATES_NAME


def _usable_questions(config: GrpoConfig, rows: Any, split: str) -> tuple[Any, dict[str, str]]:
    """Return the questions to rate or to validate with, and the reasons why others can't be used, by id."""
    if split == "validation":
        rows = random_rows(rows, config.evaluation.samples, config.evaluation.seed)
    elif config.difficulty.questions is not None:
        rows = random_rows(rows, config.difficulty.questions, config.seed)

    def check(row: Mapping[str, Any]) -> None:
        gold_index(row)
        if not config.rewards.thinking:
            without_thinking(row)

    return usable_rows(encoded_rows(rows, QUESTION_COLUMNS), split, check)


def _rate(
    config: GrpoConfig,
    arguments: Any,
    loaded: LoadedModel,
    questions: Any,
    stop: StopOnSignal,
    identity: Mapping[str, Any],
    pool: RatingPool | None = None,
) -> dict[str, PassRate] | None:
    """Return the questions' pass rates, from the file as far as possible; ``None`` if a signal was received."""
    thinking = config.rewards.thinking
    with (
        _start_model(config, arguments, loaded) as model,
        Progress("questions rated", len(questions), shown=PartialState().is_main_process) as progress,
    ):
        return rate_questions(
            model,
            loaded.processor,
            QuestionView(questions, thinking=thinking),
            config.difficulty,
            path=_rates_file(config),
            depends_on={**identity, "thinking": thinking},
            temperature=arguments.temperature,
            max_new_tokens=arguments.max_completion_length,
            seed=config.seed,
            stopped=lambda: stop.received is not None,
            on_block=progress.reach,
            pool=pool,
        )


def _validate_start(session: Session[GrpoConfig], held_out: QuestionView) -> dict[str, float]:
    config, record, processes = session.config, session.record, PartialState()
    with (
        _start_model(config, session.arguments, session.loaded) as model,
        Progress("start model's answers", len(held_out), shown=processes.is_main_process) as progress,
    ):

        def on_batch(done: int) -> None:
            progress.reach(min(done * processes.num_processes, len(held_out)))
            session.stop.check()

        answers = validate(
            model, session.loaded.processor, held_out, config.evaluation, config.rewards, on_batch=on_batch
        )
    start = validation_metrics(answers)
    if processes.is_main_process:
        write_step_answers(record.folder, 0, [answer.as_line() for answer in answers])
        record.content["start"] = start
        record.save()
        record.add_metrics({"step": 0, **start})
    return start


@contextlib.contextmanager
def _start_model(config: GrpoConfig, arguments: Any, loaded: LoadedModel) -> Iterator[Any]:
    """Yield the model on its device, in evaluation mode, in training precision; restore the random state."""
    model, device = loaded.model, PartialState().device
    if config.encode_prompts_once:
        prefill_repeated_once(model)
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
