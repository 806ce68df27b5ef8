"""What comes before the first step: questions that teach nothing are left out, and the start model is validated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from accelerate import PartialState

from reinforcesight.grpo.config import GrpoConfig
from reinforcesight.grpo.data import QuestionView, chosen_rows
from reinforcesight.grpo.difficulty import select_questions
from reinforcesight.grpo.policy import write_answers
from reinforcesight.grpo.rating import questions_of, rate, shown_progress, start_model
from reinforcesight.grpo.validation import validate, validation_metrics
from reinforcesight.jobs.record import RunRecord
from reinforcesight.model.load import LoadedModel
from reinforcesight.tuning.callbacks import StopOnSignal, TrainingStoppedError
from reinforcesight.tuning.data import TrainingData


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
    questions = questions_of(config, data)
    held_out = None
    if data.validation is not None:
        options = config.evaluation
        held_out = QuestionView(
            chosen_rows(data.validation, options.samples, options.seed), thinking=config.rewards.thinking
        )
    if config.difficulty.enabled:
        rates = rate(config, loaded, questions, stop, identity)
        if rates is None:
            raise TrainingStoppedError
        selection = select_questions(list(questions["id"]), rates, config.difficulty)
        record.content["data"]["difficulty"] = selection.counts
        questions = questions.select(selection.kept)
    start: dict[str, float] = record.content.get("start", {})
    if held_out is not None and not start:
        with (
            start_model(config, loaded) as model,
            shown_progress("start model's answers", len(held_out)) as shown,
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
