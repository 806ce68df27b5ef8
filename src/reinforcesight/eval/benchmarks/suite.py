"""Evaluate a model on several benchmarks in one call: the results of each, and one table of all."""

from __future__ import annotations

import sys
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from reinforcesight.errors import InputError
from reinforcesight.eval.config import EvaluateConfig
from reinforcesight.eval.engines.base import InferenceEngine
from reinforcesight.eval.evaluate import Metrics, evaluate, make_engine
from reinforcesight.eval.processes import Processes
from reinforcesight.eval.results import Accuracy, Results
from reinforcesight.eval.statistics import PairedTest, holm
from reinforcesight.grpo.reward.faithfulness import faithfulness_metrics
from reinforcesight.jobs.files import write_json, write_text
from reinforcesight.pages.render import NO_VALUE, percent, percent_range, save_page


class SuiteRow(BaseModel):
    """Row of the table of several benchmarks. If the benchmark has no results, ``problem`` says why.

    Attributes:
        file: Name of its results.json, next to this one.
        figure: Name of the main official figure, ``official``; ``figures`` has all of them.
        random: Accuracy of random answers to all questions.
        p_adjusted: p-value of the paired test, corrected for the number of benchmarks (Holm).
    """

    model_config = ConfigDict(frozen=True)

    file: str = ""
    problem: str = ""
    benchmark: str = ""
    revision: str | None = None
    fingerprint: str = ""
    n_items: int = 0
    n_scored: int = 0
    broken: int = 0
    unanswered: int = 0
    figure: str = ""
    official: Accuracy | None = None
    figures: dict[str, Accuracy] = {}
    missing: tuple[str, ...] = ()
    micro: Accuracy | None = None
    macro: Accuracy | None = None
    random: float | None = None
    parse_rate: Accuracy | None = None
    paired: PairedTest | None = None
    p_adjusted: float | None = None


class Suite(BaseModel):
    """The content of ``results.json`` of several benchmarks."""

    model_config = ConfigDict(frozen=True)

    format: int = 1
    title: str
    protocol: str
    baseline: str | None = None
    benchmarks: dict[str, SuiteRow]

    @property
    def exit_code(self) -> int:
        """0 if every selected row of every benchmark was scored, else 1."""
        rows = self.benchmarks.values()
        return 1 if any(row.problem or row.broken or row.unanswered for row in rows) else 0


def evaluate_benchmarks(config: EvaluateConfig, *, metrics: Metrics | None = faithfulness_metrics) -> Results | Suite:
    """Evaluate on one benchmark, or on each of several; the model is loaded once for all.

    A benchmark that can't be read is named in the table, and the others are evaluated.

    Raises:
        ConfigError, InputError, OutputError: See :func:`evaluate`; no benchmark can be read.
    """
    parts = config.of_each_benchmark()
    if len(parts) == 1:
        return evaluate(config, metrics=metrics)
    engines: list[InferenceEngine] = []

    def shared(part: EvaluateConfig, processes: Processes) -> InferenceEngine:
        if not engines:
            engines.append(make_engine(part, processes))
        return engines[0]

    # Protocols differ in their token limits, and logs in their files.
    can_share = config.protocols is None and config.engine != "replay"
    rows: dict[str, SuiteRow] = {}
    problems: list[InputError] = []
    for key, part in parts.items():
        try:
            results = evaluate(part, metrics=metrics, engine_of=shared if can_share else None)
        except InputError as error:
            problems.append(error)
            rows[key] = SuiteRow(problem=str(error), benchmark=part.benchmark)
            sys.stderr.write(f"{key}: {error}\n")
        else:
            rows[key] = _row(results, part.output)
    if len(problems) == len(parts):
        raise problems[0]
    tested = [key for key, row in rows.items() if row.paired is not None]
    adjusted = holm([test.p_value for key in tested if (test := rows[key].paired)])
    for key, p_value in zip(tested, adjusted, strict=True):
        rows[key] = rows[key].model_copy(update={"p_adjusted": p_value})
    suite = Suite(
        title=config.shown_title,
        protocol=config.protocols or config.protocol.value,
        baseline=str(config.baseline) if config.baseline else None,
        benchmarks=rows,
    )
    if Processes().is_main:
        _write(suite, config)
    return suite


def _row(results: Results, path: Path) -> SuiteRow:
    official, benchmark = results.official, results.protocol["benchmark"]
    figures = dict(official.figures)
    if official.cv_bench:
        figures = {"CV-Bench": official.cv_bench}
    name = next(iter(figures), "")
    return SuiteRow(
        file=path.name,
        benchmark=benchmark["name"],
        revision=benchmark["revision"],
        fingerprint=benchmark["fingerprint"],
        n_items=results.n_items,
        n_scored=results.n_scored,
        broken=len(results.broken),
        unanswered=len(results.unanswered),
        figure=name,
        official=figures.get(name),
        figures=figures,
        missing=official.missing,
        micro=results.micro,
        macro=results.macro,
        random=results.chance.random,
        parse_rate=results.parse_rate,
        paired=results.paired.test if results.paired else None,
    )


_HEAD = ("benchmark", "official figure", "value", "all questions", "at random", "questions", "answers read")


def _cells(suite: Suite) -> list[list[str]]:
    """Return the table without its head: one row per benchmark."""
    table = []
    for row in suite.benchmarks.values():
        if row.problem:
            table.append([row.benchmark, row.problem] + [NO_VALUE] * (len(_HEAD) - 2 + bool(suite.baseline)))
            continue
        cells = [row.benchmark, row.figure or NO_VALUE, _accuracy(row.official), _accuracy(row.micro)]
        cells += [percent(row.random), f"{row.n_scored:,}" + (f" of {row.n_items:,}" if row.broken else "")]
        cells.append(percent(row.parse_rate.accuracy if row.parse_rate else None))
        if suite.baseline:
            cells.append(
                f"{100 * row.paired.difference:+.1f} points, p = {row.p_adjusted:.2g}" if row.paired else NO_VALUE
            )
        table.append(cells)
    return table


def _accuracy(cell: Accuracy | None) -> str:
    if cell is None or cell.accuracy is None:
        return NO_VALUE
    return f"{percent(cell.accuracy)} ({percent_range(cell.low, cell.high)})"


def _write(suite: Suite, config: EvaluateConfig) -> None:
    head = [*_HEAD, *(["against the baseline"] if suite.baseline else [])]
    table = _cells(suite)
    notes = [
        f"{row.benchmark}: {what}"
        for row in suite.benchmarks.values()
        for what in ([] if row.figures else row.missing)
    ]
    lines = [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |" for cells in [head, *table]]
    lines.insert(1, "|---" * len(head) + "|")
    text = [f"### {suite.title}", "", *lines, "", f"Protocol `{suite.protocol}`; 95 % intervals.", *notes, ""]
    write_json(config.output, suite.model_dump(mode="json"))
    if config.report:
        write_text(config.output.with_suffix(".md"), "\n".join(text))
        save_page(
            config.output.with_suffix(".html"),
            "eval/pages/suite.html.j2",
            suite=suite,
            head=head,
            rows=list(zip(suite.benchmarks.values(), table, strict=True)),
            notes=notes,
        )
    sys.stderr.write("\n".join([*("  ".join(cells[:1] + cells[1:4]) for cells in table), f"table: {config.output}\n"]))
