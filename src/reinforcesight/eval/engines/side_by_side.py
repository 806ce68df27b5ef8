"""Evaluate several models on several benchmarks in worker processes of one thread each.

A task is one part of a benchmark for all models and prompts, which see the same pictures: if the models' vision towers
are equal, each picture is encoded once.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reinforcesight.errors import ReinforceSightError
from reinforcesight.eval.answers import AnswerLog, ScoredAnswer, read_logged, score
from reinforcesight.eval.benchmarks.load import benchmark_of
from reinforcesight.eval.config import EvaluateConfig
from reinforcesight.eval.engines.base import Decoding
from reinforcesight.eval.engines.batches import TransformersEngine
from reinforcesight.eval.evaluate import answer_files, evaluate, keyed_requests
from reinforcesight.eval.items import Benchmark, Request
from reinforcesight.eval.results import Results, answers_path
from reinforcesight.jobs.files import only_writer_of
from reinforcesight.jobs.pool import WorkerPool
from reinforcesight.jobs.progress import Progress
from reinforcesight.model.memory import processes_that_fit
from reinforcesight.model.picture_features import share_vision

# Evaluations of several models on one benchmark, in the order in which they are compared.
ComparedModels = tuple[EvaluateConfig, ...]


@dataclass(frozen=True, slots=True)
class _Task:
    """Questions ``start`` to ``stop`` (exclusive) of a group's benchmark; without them, the group's results."""

    group: int
    start: int = 0
    stop: int = 0


def worker_count(configs: Sequence[EvaluateConfig]) -> int:
    """Return the number of worker processes in which these models can be evaluated; 1: in this process, one by one."""
    if any(c.engine != "transformers" for c in configs):
        return 1
    return processes_that_fit({str(c.model_path): c.model_config_at() for c in configs}.values())


def evaluate_side_by_side(groups: Sequence[ComparedModels], *, workers: int) -> list[list[Results]]:
    """Evaluate each group's models, and return the results of each. Raises the same errors as :func:`evaluate`."""
    import torch  # noqa: F401 - imported before the workers are forked
    import transformers  # noqa: F401

    import reinforcesight.model.chat
    import reinforcesight.model.load  # noqa: F401

    with WorkerPool(_do, tuple(groups), workers=workers, fork=True) as pool:
        _ask(groups, pool)
        found: dict[int, list[Results]] = {}
        for outcome in pool.run(_Task(index) for index in range(len(groups))):
            _check(outcome.crash)
            found[outcome.task.group] = outcome.result or []
    return [found[index] for index in range(len(groups))]


def _ask(groups: Sequence[ComparedModels], pool: WorkerPool[tuple[ComparedModels, ...], _Task, list[Any]]) -> None:
    """Write the answers of all models to their logs as they come."""
    tasks = []
    outputs = [part.output for group in groups for config in group for part in config.of_each_protocol()]
    for index, group in enumerate(groups):
        size = max(1, group[0].batch_size // 2)  # small enough that all workers end at about the same time
        count = len(benchmark_of(group[0]).items)
        tasks += [_Task(index, start, min(start + size, count)) for start in range(0, count, size)]
    with ExitStack() as stack:
        progress = stack.enter_context(Progress("questions", sum(task.stop - task.start for task in tasks)))
        for output in outputs:
            stack.enter_context(only_writer_of(output))
        logs = {output: stack.enter_context(AnswerLog(answers_path(output))) for output in outputs}
        for outcome in pool.run(tasks):
            _check(outcome.crash)
            for output, answer in outcome.result or ():
                logs[output].append(answer)
            progress.advance(outcome.task.stop - outcome.task.start)


def _check(crash: str | None) -> None:
    if crash is not None:
        raise ReinforceSightError(
            f"a process that answers questions was {crash}", fix="free memory or lower batch_size, then run it again"
        )


def _do(groups: tuple[ComparedModels, ...], task: _Task) -> list[Any]:
    import torch

    torch.set_num_threads(1)
    group = groups[task.group]
    if task.stop == 0:
        return [evaluate(config, engine_of=lambda own, _: _engine(groups, own)) for config in group]
    return _answer(groups, group, task)


def _answer(groups: tuple[ComparedModels, ...], group: ComparedModels, task: _Task) -> list[tuple[Path, ScoredAnswer]]:
    if task.group not in _benchmarks:
        _benchmarks[task.group] = benchmark_of(group[0])
    benchmark = _benchmarks[task.group]
    rows = {item.row for item in benchmark.items[task.start : task.stop]}
    answers = []
    for config in (part for whole in group for part in whole.of_each_protocol()):
        engine = _engine(groups, config)
        if config.output not in _missing:
            logged = read_logged(answer_files(config.output))  # of an earlier run
            _missing[config.output] = {k: r for k, r in keyed_requests(benchmark, engine, config) if k not in logged}
        mine = [(key, request) for key, request in _missing[config.output].items() if request.item.row in rows]
        for index, response in engine.answer([request for _, request in mine]) if mine else ():
            if response is not None:
                answers.append((config.output, score(mine[index][1], mine[index][0], response)))
    return answers


_engines: dict[str, TransformersEngine] = {}


def _engine(groups: tuple[ComparedModels, ...], config: EvaluateConfig) -> TransformersEngine:
    """Return the engine of a model; this process keeps all of them."""
    if not _engines:
        distinct = {str(c.model_path): c for group in groups for c in group}
        for path, c in distinct.items():
            _engines[path] = TransformersEngine(c.model_config_at(), Decoding(c.token_limit, c.seed), c.batch_size)
        share_vision([engine.model for engine in _engines.values()])
    return _engines[str(config.model_path)].decoding(Decoding(config.token_limit, config.seed))


# What this process keeps: benchmarks by group, and requests without an answer by key, by output.
_benchmarks: dict[int, Benchmark] = {}
_missing: dict[Path, dict[str, Request]] = {}
