"""What the report shows, read from a run's folder: results, answers, records, samples. Nothing is computed twice."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

from reinforcesight.data_gen.config import GenerateConfig
from reinforcesight.data_gen.dataset.reader import RowPlace, StoredRow, find_files, read_columns, read_rows
from reinforcesight.errors import InputError
from reinforcesight.eval.answers import ScoredAnswer, read_scored_answers
from reinforcesight.eval.cvbench import load_benchmark, parse_tasks
from reinforcesight.eval.items import Item, Variant
from reinforcesight.eval.report import Box, scene_boxes
from reinforcesight.eval.results import Accuracy, Paired, Results, answers_path, read_results
from reinforcesight.jobs.files import json_hash
from reinforcesight.judge.blocks import split_completion
from reinforcesight.pages.question_cards import Card, make_card, thumbnail
from reinforcesight.pictures.decode import decode_rgb
from reinforcesight.relations.kinds import Relation
from reinforcesight.story.config import RunConfig
from reinforcesight.story.layout import MODELS
from reinforcesight.story.state import StageRecord, read_state

TITLES = {"base": "Base", "sft": "SFT", "grpo": "GRPO"}
_SIDE, _QUALITY = 448, 82  # of shown pictures: longer side in pixels, JPEG quality
_KINDS_OF_SCENES = {
    "train": "more scenes like those of the training set",
    "held_out": "new scenes of the same kinds of objects",
    "shifted": "other objects, colours and cameras than in training",
}


@dataclass(frozen=True)
class Row:
    """One line of the accuracy chart: a task or relation with a cell for each model."""

    name: str
    cells: dict[str, Accuracy]
    chance: float | None


@dataclass(frozen=True)
class BenchmarkView:
    """A benchmark with the results of all models.

    Attributes:
        name: As in the configuration, with spaces.
        about: What it asks about.
        groups: Heading to rows: all, tasks, relations.
        blind: Accuracy without the picture, for each model that was asked so.
        sentences: The paired tests in words.
        files: Model to its own report, relative to the run folder.
    """

    name: str
    about: str
    results: dict[str, Results]
    groups: dict[str, list[Row]]
    blind: dict[str, Accuracy]
    sentences: list[str]
    files: dict[str, str]

    @property
    def chance(self) -> float:
        """Expected accuracy of a random choice."""
        return self.results["base"].chance.random


@dataclass(frozen=True)
class Reply:
    """One model's answer to a question."""

    model: str
    correct: bool
    given: str
    reasoning: str


@dataclass(frozen=True)
class Asked:
    """A test question with the answers of all models."""

    item: Item
    picture: str
    width: int
    height: int
    boxes: tuple[Box, ...]
    replies: tuple[Reply, ...]
    right: str

    @property
    def pattern(self) -> str:
        """Who was right, in words."""
        return pattern_in_words([reply.correct for reply in self.replies])


@dataclass(frozen=True)
class Comparison:
    """Test questions chosen to be shown, and how many there are of each kind."""

    benchmark: str
    shown: list[Asked]
    counts: list[tuple[str, int]]
    total: int


@dataclass(frozen=True)
class Story:
    """Everything on the page."""

    config: RunConfig
    stages: dict[str, StageRecord]
    manifest: dict[str, Any]
    audit: dict[str, Any]
    sft: dict[str, Any]
    grpo: dict[str, Any]
    benchmarks: list[BenchmarkView]
    scenes: list[Card]
    comparison: Comparison | None

    @property
    def main(self) -> BenchmarkView:
        """The benchmark of the headline: the first one."""
        return self.benchmarks[0]


def read_story(config: RunConfig) -> Story:
    """Read a run's folder.

    Raises:
        InputError: A part is missing or can't be read.
    """
    folder = config.folder
    from reinforcesight import __version__

    state = read_state(folder.state, __version__)
    return Story(
        config=config,
        stages={name: record for name, record in state.stages.items() if name != "report"},
        manifest=_json(folder.dataset / "manifest.json"),
        audit=_json(folder.audit.with_suffix(".json")),
        sft=_json(folder.sft / "run_record.json"),
        grpo=_json(folder.grpo / "run_record.json"),
        benchmarks=[_benchmark(config, name) for name in config.benchmarks],
        scenes=_scenes(folder.dataset, config.report.scenes),
        comparison=_compare(config),
    )


def _json(path: Path) -> dict[str, Any]:
    try:
        loaded = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"can't be read: {error}", where=str(path), fix="run the stage that makes it"
        ) from error
    if not isinstance(loaded, dict):
        raise InputError("expected a JSON object", where=str(path), fix="run the stage that makes it")
    return loaded


def _benchmark(config: RunConfig, name: str) -> BenchmarkView:
    folder = config.folder
    results = {model: read_results(folder.results(name, model)) for model in MODELS}
    entry = config.benchmarks[name]
    if isinstance(entry, GenerateConfig):
        about = _KINDS_OF_SCENES[entry.distribution] if entry.source == "rendered" else f"from {entry.input}"
    else:
        about = "CV-Bench itself" if entry == "cv-bench" else entry
    base = results["base"]
    tasks, relations = list(base.per_task), [r.value for r in Relation if r.value in base.per_relation]
    groups = {
        "All": [Row("all questions", {m: r.micro for m, r in results.items()}, base.chance.random)],
        "Task": [
            Row(
                task, {m: r.per_task[task] for m, r in results.items()}, base.chance.random_per_task.get(task)
            )
            for task in tasks
        ],
        "Relation": [
            Row(relation, {m: r.per_relation[relation] for m, r in results.items()}, base.chance.random)
            for relation in relations
        ],
    }
    return BenchmarkView(
        name=name.replace("_", "-"),
        about=about,
        results=results,
        groups={heading: rows for heading, rows in groups.items() if rows},
        blind={m: r.blind.micro for m, r in results.items() if r.blind is not None},
        sentences=[
            paired_in_words(TITLES[model], results[model].paired, TITLES[other])
            for other, model in (("base", "sft"), ("sft", "grpo"))
        ],
        files={
            m: folder.results(name, m).with_suffix(".html").relative_to(folder.root).as_posix()
            for m in MODELS
        },
    )


def paired_in_words(title: str, paired: Paired | None, other: str) -> str:
    """A paired test as a sentence: what changed, how sure it is, and how the questions moved."""
    test = paired.test if paired is not None else None
    if test is None:
        return f"{title}: no paired test against {other}."
    points, low, high = (100 * v for v in (test.difference, test.interval.low, test.interval.high))
    said = "no difference that can be told from chance"
    if test.p_value < 0.05:
        said = "better" if points > 0 else "worse"
    p_value = "p < 0.001" if test.p_value < 0.001 else f"p = {test.p_value:.2g}"
    return (
        f"{title} against {other}: {said}. {points:+.1f} points ({low:+.1f} to {high:+.1f}) on the same {test.n} "
        f"questions: {test.only_this} newly right, {test.only_baseline} newly wrong (McNemar’s exact test, {p_value})."
    )


def pattern_in_words(right: Sequence[bool]) -> str:
    """Which of base, SFT and GRPO got a question right."""
    if all(right):
        return "right from the start"
    if not any(right):
        return "wrong throughout"
    base, sft, grpo = right
    if grpo and not base:
        return "learnt by SFT" if sft else "learnt by GRPO"
    if grpo:
        return "lost by SFT, found again by GRPO"
    return "lost by GRPO" if sft else "lost by SFT"


def _scenes(dataset: Path, count: int) -> list[Card]:
    """Training questions, dealt over relations and forms by a fixed seed."""
    files = find_files(dataset)
    cells: dict[str, list[tuple[int, RowPlace, str]]] = {}
    for number, file in enumerate(files):
        for place, (relation, form) in read_columns(file, ("relation", "form")):
            cells.setdefault(str(relation), []).append((number, place, str(form)))
    rng = random.Random(0)
    order = [relation.value for relation in Relation if relation.value in cells]
    rng.shuffle(order)
    forms: Counter[str] = Counter()
    chosen: list[tuple[int, RowPlace]] = []
    while len(chosen) < count and any(cells.values()):
        for relation in order:
            if not cells[relation] or len(chosen) >= count:
                continue
            fewest = min(forms[form] for *_, form in cells[relation])
            pick = rng.choice([entry for entry in cells[relation] if forms[entry[2]] == fewest])
            cells[relation].remove(pick)
            forms[pick[2]] += 1
            chosen.append(pick[:2])
    cards = []
    for number, place in chosen:
        found = read_rows(files[number], [place])[0]
        if isinstance(found, StoredRow):
            cards.append(make_card(found.row, found.split, side=_SIDE, quality=_QUALITY))
    return cards


def _compare(config: RunConfig) -> Comparison | None:
    """Questions of the first benchmark with all answers, by turns from each pattern of right and wrong."""
    name = next(iter(config.benchmarks))
    entry, options = config.benchmarks[name], config.evaluate
    where = entry if isinstance(entry, str) else str(config.folder.benchmark(name))
    items = load_benchmark(
        where,
        tasks=parse_tasks(options.tasks),
        limit=options.limit,
        split=options.split,
        revision=options.benchmark_revision,
        seed=options.seed,
    ).items
    answers = {model: _plain(answers_path(config.folder.results(name, model))) for model in MODELS}
    known = [item for item in items if all(item.item_key in found for found in answers.values())]
    by_pattern: dict[str, list[Item]] = {}
    for item in sorted(known, key=lambda i: json_hash(i.item_key)):
        pattern = pattern_in_words([answers[model][item.item_key].correct for model in MODELS])
        by_pattern.setdefault(pattern, []).append(item)
    order = sorted(by_pattern, key=lambda pattern: (not pattern.startswith("learnt"), pattern))
    turns = zip_longest(*(by_pattern[pattern] for pattern in order))
    shown = [item for item in chain.from_iterable(turns) if item is not None][: config.report.answers]
    return Comparison(
        benchmark=name.replace("_", "-"),
        shown=[_asked(item, {m: answers[m][item.item_key] for m in MODELS}) for item in shown],
        counts=[(pattern, len(by_pattern[pattern])) for pattern in order],
        total=len(known),
    )


def _plain(path: Path) -> dict[str, ScoredAnswer]:
    return {answer.item: answer for answer in read_scored_answers(path) if answer.variant is Variant.PLAIN}


def _asked(item: Item, answers: Mapping[str, ScoredAnswer]) -> Asked:
    picture = decode_rgb(item.picture)
    return Asked(
        item=item,
        picture=thumbnail(item.picture, side=_SIDE, quality=_QUALITY) or "",
        width=picture.width,
        height=picture.height,
        boxes=scene_boxes(item),
        replies=tuple(_reply(model, answer) for model, answer in answers.items()),
        right=_option(item.choices, item.gold),
    )


def _reply(model: str, answer: ScoredAnswer) -> Reply:
    blocks = split_completion(answer.response)
    given = (
        _option(answer.choices, answer.letter)
        if answer.letter
        else blocks.answer.strip()[:120] or "(nothing)"
    )
    return Reply(TITLES[model], answer.correct, given, blocks.reasoning.strip())


def _option(choices: Sequence[str], letter: str) -> str:
    index = ord(letter) - ord("A")
    return f"({letter}) {choices[index]}" if 0 <= index < len(choices) else f"({letter})"
