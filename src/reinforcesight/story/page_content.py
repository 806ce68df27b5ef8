"""Read the content of the run page from the run folder: data set, records, results, answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

from reinforcesight.data_gen.config import GenerateConfig
from reinforcesight.data_gen.viewing.cards import make_card
from reinforcesight.data_gen.viewing.gallery import sample_rows
from reinforcesight.eval.answers import ScoredAnswer, read_scored_answers
from reinforcesight.eval.benchmarks.load import benchmark_of
from reinforcesight.eval.items import Item, Variant
from reinforcesight.eval.report import question_picture
from reinforcesight.eval.results import Accuracy, Paired, Results, answers_path, read_results
from reinforcesight.eval.summary import paired
from reinforcesight.eval.verdicts import cautions, clearly_better, headline, overlap_in_words, paired_in_words
from reinforcesight.jobs.files import atomic_file, json_hash, required_json_object, write_text
from reinforcesight.judge.blocks import split_completion
from reinforcesight.pages.chart import IntervalDot, IntervalRow
from reinforcesight.pages.question_cards import CardAnswer, QuestionCard
from reinforcesight.pages.render import percent
from reinforcesight.pictures.decode import decode_rgb
from reinforcesight.pictures.encode import encoded_picture
from reinforcesight.protocol import LETTERS, Protocol
from reinforcesight.relations.kinds import Relation
from reinforcesight.story.config import RunConfig
from reinforcesight.story.folder import MODEL_TITLES, RunFolder
from reinforcesight.story.state import StageRecord, read_state

_DISTRIBUTIONS = {
    "train": "new scenes from the training distribution",
    "held_out": "new scenes of the same kinds of objects",
    "shifted": "other objects, colours and cameras than in training",
}


@dataclass(frozen=True)
class BenchmarkView:
    """A benchmark with the results of all models, by model name."""

    name: str
    about: str
    results: dict[str, Results]
    groups: list[tuple[str, list[IntervalRow]]]  # heading and rows of each part of the chart
    sentences: list[str]  # a sentence for each paired test
    files: dict[str, str]  # each model's own report, relative to the run folder
    headline: str  # GRPO compared with base
    cautions: list[str]  # warnings about the figures
    overlap: str  # whether its pictures are in the training set

    @property
    def chance(self) -> float:
        return self.results["base"].chance.random

    @property
    def unseen(self) -> bool:
        """Whether all pictures were compared with the training set and none of them is in it."""
        overlap = self.results["base"].overlap
        return overlap is not None and overlap.complete and not overlap.questions

    @property
    def blind(self) -> dict[str, Accuracy]:
        """Accuracy without the picture, for each model for which it was measured."""
        return {model: r.blind.micro for model, r in self.results.items() if r.blind is not None}


@dataclass(frozen=True)
class BeforeAndAfter:
    """Test questions with the answers of all models, and counts of which models were right together."""

    benchmark: str
    cards: list[QuestionCard]
    counts: list[tuple[str, int]]


@dataclass(frozen=True)
class Story:
    """Content of the page. Parts whose stage has not finished are empty."""

    config: RunConfig
    stages: dict[str, StageRecord]
    manifest: dict[str, Any]
    audit: dict[str, Any]
    sft: dict[str, Any]
    grpo: dict[str, Any]
    benchmarks: list[BenchmarkView]
    scenes: list[QuestionCard]
    compared: BeforeAndAfter | None

    @property
    def main(self) -> BenchmarkView | None:
        """The first benchmark, which gives the headline."""
        return self.benchmarks[0] if self.benchmarks else None


def read_story(config: RunConfig) -> Story:
    """Read a run's folder; raises :class:`InputError` if a part can't be read."""
    from reinforcesight import __version__

    folder = config.folder
    state = read_state(folder.state, __version__)
    manifest = _read_json(folder.dataset / "manifest.json")
    evaluated = all(folder.results(name, model).exists() for name in config.benchmarks for model in MODEL_TITLES)
    return Story(
        config=config,
        stages={name: record for name, record in state.stages.items() if name != "report"},
        manifest=manifest,
        audit=_read_json(folder.audit.with_suffix(".json")),
        sft=_read_record(folder.sft),
        grpo=_read_record(folder.grpo),
        benchmarks=[read_benchmark(config, name) for name in config.benchmarks] if evaluated else [],
        scenes=[
            make_card(stored.row, stored.split)
            for stored in (sample_rows(folder.dataset, config.report.scenes) if manifest else ())
        ],
        compared=_before_and_after(config) if evaluated else None,
    )


def _read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object; empty if the file does not exist yet."""
    return required_json_object(path, fix="run the stage that makes it") if path.exists() else {}


def _read_record(folder: Path) -> dict[str, Any]:
    """Read the record of a training; empty if the training has not finished."""
    record = _read_json(folder / "run_record.json")
    return record if "results" in record else {}


def read_benchmark(config: RunConfig, name: str) -> BenchmarkView:
    folder = config.folder
    results = {model: read_results(folder.results(name, model)) for model in MODEL_TITLES}
    entry = config.benchmarks[name]
    if isinstance(entry, GenerateConfig):
        about = _DISTRIBUTIONS[entry.distribution] if entry.source == "rendered" else f"from {entry.input}"
    else:
        about = "CV-Bench itself" if entry == "cv-bench" else entry
    base = results["base"]
    random = base.chance.random_per_task
    relations = [relation.value for relation in Relation if relation.value in base.per_relation]

    def row(name: str, level: float | None, cells: Iterable[Accuracy]) -> IntervalRow:
        known = dict(zip(results, cells, strict=True))
        marks = () if level is None else (("random", level),)
        return IntervalRow(name, known["base"].n, interval_dots(known), marks)

    runs = results.values()
    others = _other_protocols(config, name)
    own = f", “{base.protocol['name']}”" if others else ""
    groups = [
        (
            "All",
            [
                row(f"all questions{own}", base.chance.random, (r.micro for r in runs)),
                *(
                    row(f"all questions, “{other}”", base.chance.random, (r.micro for r in found.values()))
                    for other, found in others.items()
                ),
            ],
        ),
        ("Task", [row(task, random.get(task), (r.per_task[task] for r in runs)) for task in base.per_task]),
        ("Relation", [row(name, base.chance.random, (r.per_relation[name] for r in runs)) for name in relations]),
    ]
    return BenchmarkView(
        name=name.replace("_", "-"),
        about=about,
        results=results,
        groups=[(heading, rows) for heading, rows in groups if rows],
        sentences=[
            paired_in_words(MODEL_TITLES[model], results[model].paired, MODEL_TITLES[other])
            for other, model in (("base", "sft"), ("sft", "grpo"))
        ],
        headline=headline(_gain(folder, name, results, config.evaluate.seed), base, results["grpo"]),
        cautions=[*_handicap(base, others), *(f"GRPO: {caution}" for caution in cautions(results["grpo"]))],
        overlap=overlap_in_words(results["grpo"]),
        files={
            m: folder.results(name, m).with_suffix(".html").relative_to(folder.root).as_posix() for m in MODEL_TITLES
        },
    )


def _other_protocols(config: RunConfig, name: str) -> dict[str, dict[str, Results]]:
    """Return the results of each model under the protocols besides that of the main figures."""
    names = [part.protocol.value for part in config.evaluate.of_each_protocol()[:-1]]
    files = {model: config.folder.results(name, model) for model in MODEL_TITLES}
    return {n: {model: read_results(f.with_suffix(f".{n}.json")) for model, f in files.items()} for n in names}


def _handicap(base: Results, others: Mapping[str, Mapping[str, Results]]) -> list[str]:
    """Say whether the base model does better under another protocol, or was asked under that of the training only."""
    own = base.protocol["name"]
    if not others and own == Protocol.REASON:
        return [
            f"Base was asked only under the protocol “{own}”, which SFT and GRPO were trained with. "
            "Set evaluate.protocols=direct,reason to see what it can do."
        ]
    better = {name: found["base"].micro for name, found in others.items()}
    return [
        f"Base is better under the protocol “{name}”: {percent(cell.accuracy)} instead of "
        f"{percent(base.micro.accuracy)} under “{own}”. Compare with that."
        for name, cell in better.items()
        if clearly_better(cell, base.micro)
    ]


def _gain(folder: RunFolder, name: str, results: Mapping[str, Results], seed: int) -> Paired:
    """Run the paired test of GRPO against base; results.json only has tests against the previous model."""
    base, grpo = folder.results(name, "base"), folder.results(name, "grpo")
    after = [a for a in read_scored_answers(answers_path(grpo)) if a.variant is Variant.PLAIN]
    before = read_scored_answers(answers_path(base))
    return paired(after, results["grpo"].protocol, base, results["base"], before, seed=seed)


def interval_dots(cells: Mapping[str, Accuracy]) -> tuple[IntervalDot, ...]:
    return tuple(
        IntervalDot(MODEL_TITLES[model], index, cell.accuracy, cell.low, cell.high)
        for index, (model, cell) in enumerate(cells.items())
        if cell.accuracy is not None
    )


def pattern_in_words(right: Sequence[bool]) -> str:
    """Say which of base, SFT and GRPO answered correctly."""
    if all(right):
        return "right from the start"
    if not any(right):
        return "always wrong"
    base, sft, grpo = right
    if grpo and not base:
        return "learnt by SFT" if sft else "learnt by GRPO"
    if grpo:
        return "lost by SFT, regained by GRPO"
    return "lost by GRPO" if sft else "lost by SFT"


def _before_and_after(config: RunConfig) -> BeforeAndAfter:
    """Choose questions of the first benchmark, in turn from each pattern of models that were right."""
    name = next(iter(config.benchmarks))
    items = _items(config, name)
    answers = {model: _plain(answers_path(config.folder.results(name, model))) for model in MODEL_TITLES}
    by_pattern: dict[str, list[Item]] = {}
    for item in sorted(items, key=lambda i: json_hash(i.item_key)):
        if all(item.item_key in found for found in answers.values()):
            pattern = pattern_in_words([answers[model][item.item_key].correct for model in MODEL_TITLES])
            by_pattern.setdefault(pattern, []).append(item)
    order = sorted(by_pattern, key=lambda pattern: (not pattern.startswith("learnt"), pattern))
    turns = zip_longest(*([(pattern, item) for item in by_pattern[pattern]] for pattern in order))
    shown = [turn for turn in chain.from_iterable(turns) if turn is not None][: config.report.answers]
    return BeforeAndAfter(
        benchmark=name.replace("_", "-"),
        cards=[_card(item, pattern, {m: answers[m][item.item_key] for m in MODEL_TITLES}) for pattern, item in shown],
        counts=[(pattern, len(by_pattern[pattern])) for pattern in order],
    )


def write_example(config: RunConfig) -> None:
    """Write a picture of the first benchmark and its question, as input for ``ask``."""
    items = _items(config, next(iter(config.benchmarks)))
    asked = min(
        items, key=lambda i: ("annotated" in i.prompt or "highlighted" in i.prompt, len(i.prompt)), default=None
    )
    if asked is not None:
        with atomic_file(config.folder.example) as stream:
            stream.write(encoded_picture(decode_rgb(asked.picture), "PNG"))
        write_text(config.folder.example.with_suffix(".txt"), asked.prompt)


def _items(config: RunConfig, name: str) -> tuple[Item, ...]:
    entry = config.benchmarks[name]
    where = entry if isinstance(entry, str) else str(config.folder.benchmark(name))
    return benchmark_of(config.evaluate, where).items


def _plain(path: Path) -> dict[str, ScoredAnswer]:
    return {answer.item: answer for answer in read_scored_answers(path) if answer.variant is Variant.PLAIN}


def _card(item: Item, pattern: str, answers: Mapping[str, ScoredAnswer]) -> QuestionCard:
    return QuestionCard(
        question=item.question,
        picture=question_picture(item),
        options=tuple(zip(LETTERS, item.choices, strict=False)),
        right=item.gold,
        tags=(pattern, item.relation) if item.relation else (pattern,),
        answers=tuple(_card_answer(model, answer) for model, answer in answers.items()),
    )


def _card_answer(model: str, answer: ScoredAnswer) -> CardAnswer:
    blocks = split_completion(answer.response)
    options = dict(zip(LETTERS, answer.choices, strict=False))
    given = blocks.answer.strip()[:120] or "(nothing)"
    if answer.letter:
        given = f"({answer.letter}) {options.get(answer.letter, '')}"
    return CardAnswer(MODEL_TITLES[model], answer.correct, given, blocks.reasoning.strip())
