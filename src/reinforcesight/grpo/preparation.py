"""Before the first step: leave out questions that teach nothing, and validate the start model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from accelerate import PartialState

from reinforcesight.grpo.config import GrpoConfig
from reinforcesight.grpo.data import QuestionView, chosen_rows
from reinforcesight.grpo.difficulty import choose_questions
from reinforcesight.grpo.rating import questions_of, rate, shown_progress, start_model
from reinforcesight.grpo.validation import validate, validation_metrics
from reinforcesight.tuning.accuracy import write_step_answers
from reinforcesight.tuning.callbacks import TrainingStoppedError
from reinforcesight.tuning.run import Session, start_identity


@dataclass(frozen=True)
class PreparedRun:
    """Training questions, held-out questions, and the start model's validation metrics."""

    questions: Any
    held_out: QuestionView | None
    start: dict[str, float]


def prepare(session: Session[GrpoConfig]) -> PreparedRun:
    """Choose the questions and validate the start model; each once per run.

    Raises:
        TrainingStoppedError: A signal has come.
    """
    config, data, record = session.config, session.data, session.record
    questions = questions_of(config, data)
    held_out = None
    if data.validation is not None:
        options = config.evaluation
        held_out = QuestionView(
            chosen_rows(data.validation, options.samples, options.seed), thinking=config.rewards.thinking
        )
    if config.difficulty.enabled:
        rates = rate(
            config,
            session.arguments,
            session.loaded,
            questions,
            session.stop,
            start_identity(data, session.loaded),
        )
        if rates is None:
            raise TrainingStoppedError
        chosen = choose_questions(list(questions["id"]), rates, config.difficulty)
        record.content["data"]["difficulty"] = chosen.counts
        questions = questions.select(chosen.kept)
    start: dict[str, float] = record.content.get("start", {})
    if held_out is not None and not start:
        start = _validate_start(session, held_out)
    return PreparedRun(questions, held_out, start)


def _validate_start(session: Session[GrpoConfig], held_out: QuestionView) -> dict[str, float]:
    config, record, processes = session.config, session.record, PartialState()
    with (
        start_model(config, session.arguments, session.loaded) as model,
        shown_progress("start model's answers", len(held_out)) as shown,
    ):

        def on_batch(done: int) -> None:
            shown(min(done * processes.num_processes, len(held_out)))
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
