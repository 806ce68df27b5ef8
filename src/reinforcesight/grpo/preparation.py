"""What comes before the first step: questions that teach nothing are left out, and the start model is validated."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState

from reinforcesight.data_gen.progress import Progress
from reinforcesight.grpo.config import GrpoConfig
from reinforcesight.grpo.data import QuestionView, chosen_rows, question_rows
from reinforcesight.grpo.difficulty import FILE_NAME, rate_questions, select_questions
from reinforcesight.grpo.policy import write_answers
from reinforcesight.grpo.validation import validate, validation_metrics
from reinforcesight.model.load import LoadedModel
from reinforcesight.run_record import RunRecord
from reinforcesight.sft.data import TrainingData
from reinforcesight.training.callbacks import StopOnSignal, TrainingStoppedError


@dataclass(frozen=True)
class PreparedRun:
    """What training starts from: the questions, the held-out ones, and how the start model does on these."""

    questions: Any
    held_out: QuestionView | None
    start: dict[str, float]


def prepare(
    config: GrpoConfig,
    loaded: LoadedModel,
    data: TrainingData,
    record: RunRecord,
    stop: StopOnSignal,
    identity: dict[str, Any],
) -> PreparedRun:
    """Leave out questions that teach nothing, and validate the start model; both once per run."""
    thinking = config.rewards.thinking
    questions = question_rows(data.train)
    if config.difficulty.questions is not None:
        questions = chosen_rows(data.train, config.difficulty.questions, config.seed)
    held_out = None
    if data.validation is not None:
        options = config.evaluation
        held_out = QuestionView(
            chosen_rows(data.validation, options.samples, options.seed), thinking=thinking
        )
    if config.difficulty.enabled:
        with _start_model(config, loaded) as model, _progress("questions rated", len(questions)) as progress:
            rates = rate_questions(
                model,
                loaded.processor,
                QuestionView(questions, thinking=thinking),
                config.difficulty,
                path=config.difficulty.file or Path(config.output) / FILE_NAME,
                depends_on={**identity, "thinking": thinking},
                temperature=config.generation.temperature,
                max_new_tokens=config.generation.max_completion_length,
                seed=config.seed,
                stopped=lambda: stop.received is not None,
                on_block=progress,
            )
        if rates is None:
            raise TrainingStoppedError
        selection = select_questions(list(questions["id"]), rates, config.difficulty)
        record.content["data"]["difficulty"] = selection.counts
        questions = questions.select(selection.kept)
    start: dict[str, float] = record.content.get("start", {})
    if held_out is not None and not start:
        with (
            _start_model(config, loaded) as model,
            _progress("start model's answers", len(held_out)) as shown,
        ):

            def on_batch(done: int) -> None:
                shown(min(done * PartialState().num_processes, len(held_out)))
                stop.check()

            answers = validate(
                model,
                loaded.processor,
                held_out,
                config.evaluation,
                config.rewards,
                on_batch=on_batch,
            )
        start = validation_metrics(answers)
        if PartialState().is_main_process:
            write_answers(record.folder, 0, answers)
            record.content["start"] = start
            record.save()
            record.add_metrics({"step": 0, **start})
    return PreparedRun(questions, held_out, start)


@contextlib.contextmanager
def _progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar or plain lines, on the main process; is told how much is done in all."""
    if not PartialState().is_main_process:
        yield lambda done: None
        return
    with Progress(what, total) as progress:
        before = 0

        def tell(done: int) -> None:
            nonlocal before
            progress.advance(done - before)
            before = done

        yield tell


@contextlib.contextmanager
def _start_model(config: GrpoConfig, loaded: LoadedModel) -> Iterator[Any]:
    """The model on its device and in evaluation mode, outside the trainer, with random numbers put back afterwards."""
    model, device = loaded.model, PartialState().device
    if config.model.quantization == "none":
        model.to(device)
    half = torch.cuda.is_available() and config.precision != "float32" and torch.cuda.is_bf16_supported()
    model.eval()
    try:
        with (
            torch.random.fork_rng([device] if device.type == "cuda" else []),
            torch.autocast(device.type, dtype=torch.bfloat16, enabled=half),
        ):
            yield model
    finally:
        model.train()
