"""Evaluate a model: ask every question once, save every answer, and compute figures with intervals.

Answers are appended to ``results.jsonl`` as they arrive. A resumed run finds them by a hash of everything that affects
them (model, protocol, decoding, prompt, picture, choices, variant), not by position.
"""

from __future__ import annotations

import contextlib
import logging
import platform
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

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
from reinforcesight.eval.benchmarks.figures import official
from reinforcesight.eval.benchmarks.load import benchmark_of, spread_over_tasks
from reinforcesight.eval.config import EvaluateConfig
from reinforcesight.eval.consistency import ConsistencyRequests, parse_consistency
from reinforcesight.eval.engines.base import Decoding, InferenceEngine
from reinforcesight.eval.engines.batches import TransformersEngine
from reinforcesight.eval.engines.replay import ReplayEngine
from reinforcesight.eval.items import Benchmark, BrokenRow, Item, Request, Variant, make_request
from reinforcesight.eval.overlap import find_overlap, training_set_of
from reinforcesight.eval.processes import Processes
from reinforcesight.eval.results import Overlap, Results, answers_path, read_results, write_results
from reinforcesight.eval.shortcuts.rules import compare_with_rules, rule_hits
from reinforcesight.eval.verdicts import cautions
from reinforcesight.grpo.reward.faithfulness import faithfulness_metrics
from reinforcesight.jobs.environment import versions
from reinforcesight.jobs.files import json_hash, only_writer_of
from reinforcesight.jobs.progress import Progress
from reinforcesight.pages.render import percent, percent_range
from reinforcesight.pictures.decode import decode_rgb
from reinforcesight.protocol import Protocol

__all__ = ["EvaluateConfig", "Metrics", "Results", "evaluate"]

_log = logging.getLogger(__name__)

# Function from an item and a response text to additional metrics, by name.
Metrics = Callable[[Item, str], Mapping[str, float]]

_VERSIONED = ("torch", "transformers", "peft", "vllm", "numpy", "scipy", "pillow")


def evaluate(
    config: EvaluateConfig,
    *,
    metrics: Metrics | None = faithfulness_metrics,
    engine_of: Callable[[EvaluateConfig, Processes], InferenceEngine] | None = None,
) -> Results:
    """Evaluate a model on one benchmark and write ``results.json``, ``results.jsonl`` and the report.

    Args:
        metrics: Function called for each plain answer; the results hold the means. By default it measures whether the
            reasoning agrees with the scene, if the item has one.
        engine_of: Function that returns the engine, to share one between evaluations.

    Raises:
        ConfigError, InputError: The model, benchmark or baseline can't be used.
        OutputError: A file can't be written. Answers written before are kept.
    """
    if config.protocols is not None:
        return [evaluate(part, metrics=metrics, engine_of=engine_of) for part in config.of_each_protocol()][-1]
    processes = Processes()
    with only_writer_of(config.output) if processes.is_main else contextlib.nullcontext():
        return _evaluate(config, metrics, processes, engine_of or make_engine)


def _evaluate(
    config: EvaluateConfig,
    metrics: Metrics | None,
    processes: Processes,
    engine_of: Callable[[EvaluateConfig, Processes], InferenceEngine],
) -> Results:
    started = time.monotonic()
    others = _read_others(config)
    benchmark = benchmark_of(config)
    engine = engine_of(config, processes)
    not_varied: Counter[str] = Counter()
    asked = keyed_requests(benchmark, engine, config, not_varied)
    ready = time.monotonic()
    logged = read_logged(answer_files(config.output))
    open_requests = list({key: request for key, request in asked if key not in logged}.items())
    processes.wait()  # no process writes before all processes have read the files
    n_new = _answer(engine, open_requests, config.output, processes)
    processes.wait()
    answered = time.monotonic()
    if processes.is_main:
        broken, unanswered, answers = _collect(benchmark, asked, config.output, metrics)
        _save(answers, {key for key, _ in asked}, config.output)
        trained_on = config.training_data or training_set_of(config.model_path)
        overlap = find_overlap(benchmark.items, trained_on) if trained_on is not None else None
        results = _results(config, benchmark, engine, not_varied, broken, unanswered, answers, others, overlap)
        run = {
            "new_answers": n_new if processes.world == 1 else None,
            "batch_size": config.batch_size,
            "processes": processes.world,
            "seconds_load": round(ready - started, 3),
            "seconds_answer": round(answered - ready, 3),
            "seconds_total": round(time.monotonic() - started, 3),
            "machine": platform.machine(),
            "output": str(config.output),
            **_usage(engine, config),
        }
        results = results.model_copy(update={"run": run})
        write_results(config.output, results)
        if config.report:
            from reinforcesight.eval.report import write_evaluation_report

            theirs = others[0].answers if config.baseline else []
            baseline = {answer.item: answer.correct for answer in theirs if answer.variant is Variant.PLAIN}
            distinct = list({answer.key: answer for answer in answers}.values())
            write_evaluation_report(
                results, benchmark.items, distinct, config.output, baseline=baseline, gallery=config.gallery
            )
        _print_outcome(results, config.output)
    processes.wait()
    return results if processes.is_main else read_results(config.output)


def _usage(engine: InferenceEngine, config: EvaluateConfig) -> dict[str, Any]:
    """Return the tokens that a server counted in this session, and their cost."""
    used: dict[str, int] | None = getattr(engine, "usage", None)
    if used is None:
        return {}
    cost = config.server.price and sum(
        price * used[name] / 1e6
        for price, name in zip(config.server.price, ("prompt_tokens", "completion_tokens"), strict=True)
    )
    return {"usage": {**used, "cost": cost}}


class _OtherRun(NamedTuple):
    path: Path
    results: Results
    answers: list[ScoredAnswer]


def _read_others(config: EvaluateConfig) -> list[_OtherRun]:
    """Read the baseline and the runs to compare, before the model is loaded, so that a wrong path fails early."""
    paths = [config.baseline, *config.compare] if config.baseline else [*config.compare]
    # The same models under other prompts, so that no prompt that a model can't follow decides unseen.
    siblings = [path.with_suffix(f".{protocol.value}.json") for path in paths for protocol in Protocol]
    paths += [path for path in siblings if path.is_file() and path not in (*paths, config.output)]
    for path in paths:
        if path.resolve() == config.output.resolve():
            raise ConfigError("a run can't be its own baseline", where=str(path), fix="choose another --output")
    return [_OtherRun(path, read_results(path), read_scored_answers(answers_path(path))) for path in paths]


def make_engine(config: EvaluateConfig, processes: Processes) -> InferenceEngine:
    decoding = Decoding(config.token_limit, config.seed)
    if config.engine == "replay":
        assert config.answers is not None
        return ReplayEngine(config.answers)
    if config.engine == "openai":
        from reinforcesight.eval.engines.server import ServerEngine

        return ServerEngine(str(config.base_url), str(config.model_path), config.server, decoding)
    model = config.model_config_at()
    if config.engine == "transformers":
        return TransformersEngine(model, decoding, config.batch_size)
    if processes.world > 1:
        raise ConfigError(
            "vLLM starts its own processes",
            where="--engine vllm under accelerate launch",
            fix="start one process and set vllm.tensor_parallel_size",
        )
    from reinforcesight.eval.engines.vllm import VllmEngine

    return VllmEngine(model, config.vllm, decoding)


def keyed_requests(
    benchmark: Benchmark, engine: InferenceEngine, config: EvaluateConfig, not_varied: Counter[str] | None = None
) -> list[tuple[str, Request]]:
    """Return all requests in benchmark order, variant by variant, each with the key of its answer.

    ``not_varied`` is filled with reasons why items get no variants from their scene, and their number.
    """
    items = {Variant.PLAIN: benchmark.items}
    few = benchmark.items
    if config.blind_limit is not None:
        few = tuple(spread_over_tasks(list(benchmark.items), config.blind_limit, config.seed))
    if config.blind:
        items[Variant.BLIND] = few
    if config.grey:
        items[Variant.GREY] = few
    made = (make_request(item, variant, config.protocol) for variant, chosen in items.items() for item in chosen)
    requests = [request for request in made if request is not None]
    consistency = ConsistencyRequests(parse_consistency(config.consistency), config.protocol)
    order = [*Variant]
    varied = [request for item in benchmark.items for request in consistency.of(item)]
    requests += sorted(varied, key=lambda request: order.index(request.variant))
    identity = json_hash([engine.name, engine.identity, config.protocol.value, config.token_limit])
    if not_varied is not None:
        not_varied.update(consistency.left_out)
    return [(answer_key(request, identity, by_id=engine.by_id), request) for request in requests]


def _previous_path(output: Path) -> Path:
    """Return the path of ``results.previous.jsonl``, the answers that other runs may reuse."""
    return output.with_suffix(".previous.jsonl")


def _part_paths(output: Path) -> list[Path]:
    """Return the files of single processes whose answers are not merged yet."""
    return sorted(output.parent.glob(f"{output.stem}.rank-*.jsonl"))


def answer_files(output: Path) -> list[Path]:
    return [answers_path(output), _previous_path(output), *_part_paths(output)]


def _answer(engine: InferenceEngine, todo: Sequence[tuple[str, Request]], output: Path, processes: Processes) -> int:
    """Answer this process's part of the requests; return the number of answers."""
    share = todo[processes.rank :: processes.world]
    requests = [request for _, request in share]
    path = answers_path(output)
    if processes.world > 1:
        path = output.with_suffix(f".rank-{processes.rank:05d}.jsonl")
    done = 0
    with AnswerLog(path) as log, Progress("questions", len(share), shown=processes.is_main) as progress:
        if share:
            for index, response in engine.answer(requests):
                progress.advance()
                if response is not None:
                    log.append(score(requests[index], share[index][0], response))
                    done += 1
    return done


def _collect(
    benchmark: Benchmark, asked: Sequence[tuple[str, Request]], output: Path, metrics: Metrics | None
) -> tuple[list[BrokenRow], list[str], list[ScoredAnswer]]:
    """Return the rows that can't be scored, the requests without answer, and all answers in the order of ``asked``.

    Saved answers are judged again, so that answers of an earlier version get the current parser's verdict.
    """
    logged = read_logged(answer_files(output))
    unreadable: dict[int, BrokenRow] = {}  # by row index
    unanswered = []
    for key, request in asked:
        item = request.item
        if key in logged or item.row in unreadable:
            continue
        try:
            decode_rgb(item.picture)
        except InputError as error:
            unreadable[item.row] = BrokenRow(item.id, item.row, item.task, "picture unreadable", error.what)
        else:
            plain = request.variant is Variant.PLAIN
            unanswered.append(item.id if plain else f"{item.id} ({request.variant.value})")
    answers = []
    for key, request in asked:
        if key in logged and request.item.row not in unreadable:
            answer = logged[key]
            measured = metrics if request.variant is Variant.PLAIN else None
            extra = measured(request.item, answer.response) if measured else None
            response = Response(answer.response, answer.truncated, answer.tokens)
            answers.append(score(request, key, response, extra))
    broken = sorted([*benchmark.broken, *unreadable.values()], key=lambda row: row.row)
    return broken, unanswered, answers


def _save(answers: Sequence[ScoredAnswer], asked: set[str], output: Path) -> None:
    """Write this run's answers to ``results.jsonl``; move others there to ``results.previous.jsonl`` for reuse."""
    path, previous = answers_path(output), _previous_path(output)
    foreign = {key: answer for key, answer in read_logged([path]).items() if key not in asked}
    if foreign:
        write_scored_answers(previous, list({**read_logged([previous]), **foreign}.values()))
        _log.warning("%d answers of other runs were moved to %s", len(foreign), previous)
    write_scored_answers(path, answers)
    for part in _part_paths(output):
        part.unlink()


def _results(
    config: EvaluateConfig,
    benchmark: Benchmark,
    engine: InferenceEngine,
    not_varied: Mapping[str, int],
    broken: Sequence[BrokenRow],
    unanswered: Sequence[str],
    answers: Sequence[ScoredAnswer],
    others: Sequence[_OtherRun],
    overlap: Overlap | None,
) -> Results:
    of: dict[Variant, list[ScoredAnswer]] = {variant: [] for variant in Variant}
    for answer in answers:
        of[answer.variant].append(answer)
    plain, variants = of[Variant.PLAIN], parse_consistency(config.consistency)
    protocol = _protocol(config, benchmark, engine)
    left_out = {row.row for row in broken}
    return Results(
        title=config.shown_title,
        protocol=protocol,
        n_items=len(benchmark.items) + len(benchmark.broken),
        n_scored=len(plain),
        broken=tuple(broken),
        unanswered=tuple(unanswered),
        official=official(benchmark, plain, seed=config.seed),
        chance=summary.chance([item for item in benchmark.items if item.row not in left_out]),
        blind=summary.summarise(of[Variant.BLIND], seed=config.seed) if config.blind else None,
        grey=summary.summarise(of[Variant.GREY], seed=config.seed) if config.grey else None,
        swapped=summary.swapped(
            plain,
            of[Variant.SWAPPED],
            not_swappable=sum(make_request(i, Variant.SWAPPED, config.protocol) is None for i in benchmark.items),
            seed=config.seed,
        )
        if Variant.SWAPPED in variants
        else None,
        consistency=summary.consistency(
            plain, {variant: of[variant] for variant in variants}, not_varied, seed=config.seed
        )
        if variants
        else None,
        paired=summary.paired(plain, protocol, *others[0], seed=config.seed) if config.baseline else None,
        compared=tuple(other.as_compared(path) for path, other, _ in others),
        shortcuts=compare_with_rules(plain, rule_hits(benchmark, seed=config.seed)),
        overlap=overlap,
        twins=summary.twin_pairs(benchmark.items, plain),
        run={},
        **dict(summary.summarise(plain, seed=config.seed)),
    )


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
        "versions": versions(_VERSIONED),
    }


def _print_outcome(results: Results, output: Path) -> None:
    lines = []
    micro = results.micro
    if micro.accuracy is not None:
        lines.append(
            f"accuracy {percent(micro.accuracy)} ({percent_range(micro.low, micro.high)}), {micro.n} questions; "
            f"at random {percent(results.chance.random)}"
        )
    lines += cautions(results)
    if results.broken:
        problems = ", ".join(f"{what} ({n})" for what, n in sorted(Counter(b.problem for b in results.broken).items()))
        lines.append(f"{len(results.broken)} of {results.n_items} rows can't be scored: {problems}; see 'broken'")
    if results.unanswered:
        lines.append(f"{len(results.unanswered)} questions have no answer; see 'unanswered'")
    lines.append(f"written to {output}")
    sys.stderr.write("\n".join(lines) + "\n")
