"""One function per stage; each returns an exit status, as the command does.

Heavy imports are inside the functions, because only the worker process calls them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import click

from reinforcesight.errors import InputError
from reinforcesight.jobs.events import send_event
from reinforcesight.jobs.progress import announce
from reinforcesight.story.folder import MODEL_TITLES
from reinforcesight.tuning.settings.config import TrainingConfig

if TYPE_CHECKING:
    from reinforcesight.eval.config import EvaluateConfig
    from reinforcesight.eval.results import Results
    from reinforcesight.story.config import RunConfig
    from reinforcesight.tuning.run import TrainingResult

TrainedT = TypeVar("TrainedT", bound=TrainingConfig)


def make_dataset(config: RunConfig) -> int:
    from reinforcesight.data_gen.pipeline import generate

    return generate(config.generate).exit_code


def audit_dataset(config: RunConfig) -> int:
    """Run ``audit``, which writes a page and a JSON file."""
    from reinforcesight.data_gen.audit.findings import write_audit_report
    from reinforcesight.data_gen.audit.run import audit

    report = audit(config.audit)
    write_audit_report(report, config.folder.audit.with_suffix(".json"))
    if not report.passed:
        broken = ", ".join(f"{finding.rule} ({finding.count})" for finding in report.findings if finding.hard)
        raise InputError(
            f"the training set breaks rules: {broken}",
            where=str(config.folder.audit),
            fix="read that page, then change the settings of generate or the input",
        )
    return 0


def make_benchmarks(config: RunConfig) -> int:
    """Run ``generate`` and ``export --to cv-bench`` for each benchmark that the run makes itself."""
    from reinforcesight.data_gen.pipeline import generate
    from reinforcesight.export.cv_bench import to_cv_bench

    for name, entry in config.benchmarks.items():
        if isinstance(entry, str):
            continue
        announce(f"making {name}")
        done = generate(entry)
        if done.exit_code:
            return done.exit_code
        # Evaluation needs the scenes to check the reasoning; other tools ignore these columns.
        written = to_cv_bench(entry.output, config.folder.benchmark(name), scenes=True)
        click.echo(f"{name}: {written.rows} questions in CV-Bench's columns")
        if written.broken:
            raise InputError(f"{len(written.broken)} rows can't be scored", where=str(entry.output))
    return 0


def train_with_sft(config: RunConfig) -> int:
    from reinforcesight.sft.trainer import train_sft

    return _train(train_sft, config.sft).exit_code


def rate_training_questions(config: RunConfig) -> int:
    if not config.grpo.difficulty.enabled:
        click.echo("switched off: grpo.difficulty.enabled is false")
        return 0
    from reinforcesight.grpo.preparation import rate_difficulty

    return rate_difficulty(config.grpo).exit_code


def train_with_grpo(config: RunConfig) -> int:
    from reinforcesight.grpo.trainer import train_grpo

    return _train(train_grpo, config.grpo, together=config.grpo.trainer.get("num_generations") or 8).exit_code


def _train(train: Callable[[TrainedT], TrainingResult], config: TrainedT, together: int = 1) -> TrainingResult:
    """Train a small model on a CPU in two processes, each with half of the batch."""
    from reinforcesight.jobs.ranks import run_in_ranks
    from reinforcesight.model.memory import training_processes

    rows = config.trainer["per_device_train_batch_size"]
    count = training_processes(config.model.at(config.model_path), rows, together)
    if count == 1:
        return train(config)
    share = config.model_copy(update={"trainer": {**config.trainer, "per_device_train_batch_size": rows // count}})
    return run_in_ranks(lambda: train(share), count)


def evaluate_models(config: RunConfig) -> int:
    """Run ``evaluate`` for each model on each benchmark, with a paired test against the previous model."""
    from reinforcesight.eval.engines.side_by_side import evaluate_side_by_side, worker_count
    from reinforcesight.eval.evaluate import evaluate

    groups = [_evaluations(config, name) for name in config.benchmarks]
    workers = worker_count([part for group in groups for part in group])
    if workers > 1:
        announce("evaluating all models on all benchmarks")
        for group, found in zip(groups, evaluate_side_by_side(groups, workers=workers), strict=True):
            for part, results in zip(group, found, strict=True):
                _check_results(part, results)
        return 0
    for part in (part for group in groups for part in group):
        announce(f"evaluating {part.title} on {part.output.parent.name}")
        _check_results(part, evaluate(part))
    return 0


def _evaluations(config: RunConfig, benchmark: str) -> tuple[EvaluateConfig, ...]:
    """Return the evaluations of all models on a benchmark, each paired with the previous model."""
    folder, entry = config.folder, config.benchmarks[benchmark]
    paths = {"base": config.base, "sft": str(folder.sft), "grpo": str(folder.grpo)}
    outputs = [folder.results(benchmark, model) for model in MODEL_TITLES]
    return tuple(
        config.evaluate.model_copy(
            update={
                "model_path": paths[model],
                "benchmark": entry if isinstance(entry, str) else str(folder.benchmark(benchmark)),
                "output": outputs[at],
                "title": title,
                "training_data": folder.dataset,
                "baseline": outputs[at - 1] if at else None,
                "compare": tuple(outputs[: max(0, at - 1)]),
            }
        )
        for at, (model, title) in enumerate(MODEL_TITLES.items())
    )


def _check_results(part: EvaluateConfig, results: Results) -> None:
    name = f"{part.title} on {part.output.parent.name}"
    if results.exit_code:
        raise InputError(
            f"{len(results.broken)} rows can't be scored, {len(results.unanswered)} have no answer",
            where=name,
            fix=f"see {part.output}",
        )
    if results.micro.accuracy is not None:
        send_event("figures", values={name: results.micro.accuracy})


def write_report_page(config: RunConfig) -> int:
    from reinforcesight.story.page_content import write_example
    from reinforcesight.story.report import write_page

    write_example(config)
    click.echo(f"wrote {write_page(config)}")
    return 0
