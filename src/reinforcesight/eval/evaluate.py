"""Evaluate a model: ask every question once, save every answer, and compute figures with intervals.

Answers are written to ``results.jsonl`` as they come. A stopped run resumes: saved answers are found by a hash of
everything that decides them (model, protocol, decoding, prompt, picture, choices, variant), not by position.
"""

from __future__ import annotations

import contextlib
import logging
import platform
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from reinforcesight.errors import ConfigError, InputError
from reinforcesight.eval import summary
from reinforcesight.eval.answers import (
    AnswerLog,
    Response,
    ScoredAnswer,
    answer_key,
    read_logged,
    read_scored_answers,
    score,
    write_scored_answers,
)
from reinforcesight.eval.config import EvaluateConfig
from reinforcesight.eval.cvbench import load_benchmark, parse_tasks, spread_over_tasks
from reinforcesight.eval.engines import Decoding, InferenceEngine, ReplayEngine, load_transformers
from reinforcesight.eval.items import (
    Benchmark,
    BrokenRow,
    Item,
    Request,
    Variant,
    content_hash,
    make_request,
    open_picture,
)
from reinforcesight.eval.processes import Processes
from reinforcesight.eval.progress import Progress
from reinforcesight.eval.results import Compared, Paired, Results, answers_path, read_results
from reinforcesight.grpo.faithfulness import faithfulness_metrics
from reinforcesight.jobs.files import write_json

__all__ = ["EvaluateConfig", "Metrics", "Results", "evaluate"]

_log = logging.getLogger(__name__)

# Further measures of an answer, by name, from the item and the response text.
Metrics = Callable[[Item, str], Mapping[str, float]]

_VERSIONED = ("reinforcesight", "torch", "transformers", "peft", "vllm", "numpy", "scipy", "pillow")


def evaluate(config: EvaluateConfig, *, metrics: Metrics | None = faithfulness_metrics) -> Results:
    """Evaluate a model and write ``results.json``, ``results.jsonl`` and the report.

    Args:
        config: Model, benchmark and protocol.
        metrics: Computed for each plain answer; the results hold the means. The default measures whether the
            reasoning agrees with the scene, if the item has one.

    Returns:
        The results; ``exit_code`` is 1 if rows could not be scored or have no answer.

    Raises:
        ConfigError, InputError: The model, benchmark or baseline can't be used as given.
        OutputError: A file can't be written. Answers written before are kept.
    """
    started = time.monotonic()
    processes = Processes()
    baselines = _read_others(config)
    benchmark = load_benchmark(
        config.benchmark,
        tasks=parse_tasks(config.tasks),
        limit=config.limit,
        split=config.split,
        revision=config.benchmark_revision,
        seed=config.seed,
    )
    engine = _make_engine(config, processes)
    asked = _requests(benchmark, config)
    run_identity = content_hash([engine.name, engine.identity, config.protocol.value, config.token_limit])
    keys = [answer_key(request, run_identity, by_id=engine.by_id) for request in asked]
    ready = time.monotonic()

    files = _Files(config.output)
    logged = read_logged([files.answers, files.previous, *files.parts()])
    todo = list({key: q for key, q in zip(keys, asked, strict=True) if key not in logged}.items())
    processes.wait()  # until all have read the files, before anyone writes
    new = _answer(engine, todo, files.own(processes), processes)
    processes.wait()
    generated = time.monotonic()
    if processes.is_main:
        logged = read_logged([files.answers, files.previous, *files.parts()])
        results = _finish(config, benchmark, engine, asked, keys, logged, files, baselines, metrics)
        run = {
            "new_answers": len(new) if processes.world == 1 else None,
            "batch_size": config.batch_size,
            "processes": processes.world,
            "seconds_load": round(ready - started, 3),
            "seconds_answer": round(generated - ready, 3),
            "seconds_total": round(time.monotonic() - started, 3),
            "machine": platform.machine(),
            "output": str(config.output),
        }
        results = results.model_copy(update={"run": run})
        write_json(config.output, results.model_dump(mode="json"))
        if config.report:
            _write_report(config, results, benchmark, files, baselines)
        _print_outcome(results, config.output)
    processes.wait()
    return results if processes.is_main else read_results(config.output)


@dataclass(frozen=True)
class _Files:
    """Paths of one evaluation."""

    output: Path

    @property
    def answers(self) -> Path:
        return answers_path(self.output)

    @property
    def previous(self) -> Path:
        """Answers of earlier runs with this output that this run does not ask for; reused if a later run does."""
        return self.output.with_suffix(".previous.jsonl")

    def parts(self) -> list[Path]:
        return sorted(self.output.parent.glob(f"{self.output.stem}.rank-*.jsonl"))

    def own(self, processes: Processes) -> Path:
        if processes.world == 1:
            return self.answers
        return self.output.with_suffix(f".rank-{processes.rank:05d}.jsonl")


def _make_engine(config: EvaluateConfig, processes: Processes) -> InferenceEngine:
    decoding = Decoding(config.token_limit, config.seed)
    if config.engine == "replay":
        assert config.answers is not None
        return ReplayEngine(config.answers)
    options = (
        config.model
        if config.revision is None
        else config.model.model_copy(update={"revision": config.revision})
    )
    model = options.at(str(config.model_path))
    if config.engine == "transformers":
        return load_transformers(model, decoding, config.batch_size)
    if processes.world > 1:
        raise ConfigError(
            "vLLM starts its own processes",
            where="--engine vllm under accelerate launch",
            fix="start one process and set vllm.tensor_parallel_size",
        )
    from reinforcesight.eval.engine_vllm import VllmEngine

    return VllmEngine(model, config.vllm, decoding)


def _requests(benchmark: Benchmark, config: EvaluateConfig) -> list[Request]:
    variants = [Variant.PLAIN]
    if config.blind:
        variants.append(Variant.BLIND)
    if config.swap_options:
        variants.append(Variant.SWAPPED)
    fewer = {}
    if config.blind_limit is not None:
        fewer[Variant.BLIND] = spread_over_tasks(list(benchmark.items), config.blind_limit, config.seed)
    made = (
        make_request(item, variant, config.protocol)
        for variant in variants
        for item in fewer.get(variant, benchmark.items)
    )
    return [request for request in made if request is not None]


def _answer(
    engine: InferenceEngine, todo: Sequence[tuple[str, Request]], path: Path, processes: Processes
) -> list[str]:
    """Answer this process's share of the requests; return the keys answered."""
    share = todo[processes.rank :: processes.world]
    done: list[str] = []
    requests = [request for _, request in share]
    with AnswerLog(path) as log, Progress("questions", len(share), shown=processes.is_main) as progress:
        if share:
            for index, response in engine.answer(requests):
                progress.advance()
                if isinstance(response, Response):
                    key = share[index][0]
                    log.append(score(requests[index], key, response))
                    done.append(key)
    return done


def _finish(
    config: EvaluateConfig,
    benchmark: Benchmark,
    engine: InferenceEngine,
    asked: Sequence[Request],
    keys: Sequence[str],
    logged: Mapping[str, ScoredAnswer],
    files: _Files,
    baselines: Sequence[tuple[Path, Results, list[ScoredAnswer]]],
    metrics: Metrics | None,
) -> Results:
    """Sort the answers in benchmark order, judge them with the current parser, and compute all figures."""
    broken, unanswered = _without_answer(benchmark, asked, keys, logged)
    left_out = {entry.id for entry in broken}
    answers = [
        _judged(request, logged[key], metrics)
        for request, key in zip(asked, keys, strict=True)
        if key in logged and request.item.id not in left_out
    ]
    _keep_foreign(files, set(keys))
    write_scored_answers(files.answers, answers)
    for part in files.parts():
        part.unlink()

    by_variant = {variant: [a for a in answers if a.variant is variant] for variant in Variant}
    plain = by_variant[Variant.PLAIN]
    figures = summary.summarise(plain, seed=config.seed)
    not_swappable = len(benchmark.items) - sum(q.variant is Variant.SWAPPED for q in asked)
    protocol = _protocol(config, benchmark, engine)
    return Results(
        title=config.shown_title,
        protocol=protocol,
        n_items=len(benchmark.items) + len(benchmark.broken),
        n_scored=len(plain),
        broken=tuple(broken),
        unanswered=tuple(unanswered),
        official=summary.official(benchmark, plain, seed=config.seed),
        chance=summary.chance([item for item in benchmark.items if item.id not in left_out]),
        blind=summary.summarise(by_variant[Variant.BLIND], seed=config.seed) if config.blind else None,
        swapped=summary.swapped(
            plain, by_variant[Variant.SWAPPED], not_swappable=not_swappable, seed=config.seed
        )
        if config.swap_options
        else None,
        paired=_paired(config, plain, protocol, baselines),
        compared=tuple(
            Compared(
                title=other.title,
                path=str(path),
                micro=other.micro,
                macro=other.macro,
                per_task=other.per_task,
            )
            for path, other, _ in baselines
        ),
        run={},
        **dict(figures),
    )


def _write_report(
    config: EvaluateConfig,
    results: Results,
    benchmark: Benchmark,
    files: _Files,
    baselines: Sequence[tuple[Path, Results, list[ScoredAnswer]]],
) -> None:
    from reinforcesight.eval.report import correctness, write_report

    baseline = correctness(baselines[0][2]) if config.baseline else {}
    answers = list(read_logged([files.answers]).values())
    write_report(results, benchmark.items, answers, config.output, baseline=baseline, gallery=config.gallery)


def _judged(request: Request, answer: ScoredAnswer, metrics: Metrics | None) -> ScoredAnswer:
    extra = metrics(request.item, answer.response) if metrics and request.variant is Variant.PLAIN else None
    response = Response(answer.response, answer.truncated, answer.tokens)
    return score(request, answer.key, response, extra)


def _without_answer(
    benchmark: Benchmark, asked: Sequence[Request], keys: Sequence[str], logged: Mapping[str, ScoredAnswer]
) -> tuple[list[BrokenRow], list[str]]:
    """Rows that can't be scored, and requests that the engine did not answer."""
    broken = list(benchmark.broken)
    unanswered = []
    seen: set[str] = set()
    for request, key in zip(asked, keys, strict=True):
        item = request.item
        if key in logged or item.id in seen:
            continue
        try:
            open_picture(item.picture)
        except InputError as error:
            seen.add(item.id)
            broken.append(BrokenRow(item.id, item.row, item.task, "picture unreadable", error.what))
        else:
            unanswered.append(
                item.id if request.variant is Variant.PLAIN else f"{item.id} ({request.variant.value})"
            )
    return sorted(broken, key=lambda b: b.row), unanswered


def _keep_foreign(files: _Files, keys: set[str]) -> None:
    """Move answers that this run did not ask for to another file; they cost model time and may be reused."""
    held = read_logged([files.answers])
    foreign = {key: answer for key, answer in held.items() if key not in keys}
    if foreign:
        kept = {**read_logged([files.previous]), **foreign}
        write_scored_answers(files.previous, list(kept.values()))
        _log.warning("%d answers of other runs were moved to %s", len(foreign), files.previous)


def _read_others(config: EvaluateConfig) -> list[tuple[Path, Results, list[ScoredAnswer]]]:
    """The baseline, then the runs to compare in the report. Read first, so that a wrong path costs no model time."""
    paths = ([config.baseline] if config.baseline else []) + list(config.compare)
    for path in paths:
        if path.resolve() == config.output.resolve():
            raise ConfigError(
                "a run can't be its own baseline", where=str(path), fix="choose another --output"
            )
    return [(path, read_results(path), read_scored_answers(answers_path(path))) for path in paths]


def _paired(
    config: EvaluateConfig,
    plain: Sequence[ScoredAnswer],
    protocol: Mapping[str, Any],
    others: Sequence[tuple[Path, Results, list[ScoredAnswer]]],
) -> Paired | None:
    if config.baseline is None:
        return None
    path, results, answers = others[0]
    theirs = [a for a in answers if a.variant is Variant.PLAIN]
    same = all(protocol[part] == results.protocol.get(part) for part in ("name", "decoding"))
    return summary.paired(plain, theirs, results, str(path), same_protocol=same, seed=config.seed)


def _protocol(config: EvaluateConfig, benchmark: Benchmark, engine: InferenceEngine) -> dict[str, Any]:
    return {
        "name": config.protocol.value,
        "prompt": "the benchmark's own question with its options, a line break, and the instruction",
        "instruction": config.protocol.instruction,
        "decoding": {"method": "greedy", "max_new_tokens": config.token_limit},
        "engine": engine.name,
        "model": engine.description,
        "model_identity": engine.identity,
        "revision": engine.description.get("revision"),
        "benchmark": {
            "name": benchmark.name,
            "revision": benchmark.revision,
            "split": benchmark.split,
            "tasks": config.tasks or "all but Count",
            "limit": config.limit,
            "seed": config.seed,
            "fingerprint": benchmark.fingerprint,
            "files": benchmark.files,
            "available": [
                {"source": source, "task": task, "rows": n}
                for (source, task), n in sorted(benchmark.available.items())
            ],
            "notes": list(benchmark.notes),
        },
        "scoring": "reinforcesight.judge; an answer that can't be read counts as not right",
        "intervals": "95 %: Wilson in single cells, bootstrap over pictures in micro, macro and official figures",
        "versions": _versions(),
    }


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for name in _VERSIONED:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return versions


def _print_outcome(results: Results, output: Path) -> None:
    lines = []
    micro = results.micro
    if micro.accuracy is not None and micro.low is not None and micro.high is not None:
        lines.append(
            f"accuracy {micro.accuracy:.1%} ({micro.low:.1%} to {micro.high:.1%}), {micro.n} questions; "
            f"at random {results.chance.random:.1%}"
        )
    if results.broken:
        problems = ", ".join(
            f"{what} ({n})" for what, n in sorted(Counter(b.problem for b in results.broken).items())
        )
        lines.append(
            f"{len(results.broken)} of {results.n_items} rows can't be scored: {problems}; see 'broken'"
        )
    if results.unanswered:
        lines.append(f"{len(results.unanswered)} questions have no answer; see 'unanswered'")
    lines.append(f"written to {output}")
    sys.stderr.write("\n".join(lines) + "\n")
