"""The report of an evaluation: one HTML page that works offline, and a Markdown table for a README."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any, TypeVar

from reinforcesight.eval.answers import ScoredAnswer
from reinforcesight.eval.items import Item, Variant
from reinforcesight.eval.results import Accuracy, Compared, Results
from reinforcesight.eval.verdicts import cautions, overlap_in_words
from reinforcesight.jobs.files import json_hash, write_text
from reinforcesight.judge.blocks import split_completion
from reinforcesight.pages.chart import IntervalDot, IntervalRow
from reinforcesight.pages.pictures import ShownPicture, known_scene, show_picture
from reinforcesight.pages.question_cards import QuestionCard
from reinforcesight.pages.render import NO_VALUE, flat_facts, percent, save_page
from reinforcesight.protocol import LETTERS
from reinforcesight.relations.kinds import Relation

_SIDE, _QUALITY = 420, 82  # pictures in the gallery: longer side in pixels, JPEG quality
_ORDER: dict[str, int] = {name: index for index, name in enumerate(Relation)}
_STATUS_WORDS = {"none": "no answer", "out_of_range": "letter not offered", "truncated": "cut off"}
_VARIANT_WORDS = {
    "letters": "letters exchanged, options in place",
    "swapped": "options in reverse order",
    "nouns": "objects named in the other order",
    "inverse": "inverse question",
    "mirror": "mirrored picture",
    "wording": "other words",
    "colours": "boxes in other colours",
}
_MICRO, _MACRO = "All (micro)", "Mean of tasks (macro)"
_T = TypeVar("_T")


def write_evaluation_report(
    results: Results,
    items: Sequence[Item],
    answers: Sequence[ScoredAnswer],
    path: Path,
    *,
    baseline: Mapping[str, bool] | None = None,
    gallery: int = 120,
) -> tuple[Path, Path]:
    """Write ``.html`` and ``.md`` next to a ``results.json``; return both paths.

    Args:
        items: The benchmark's items, for their pictures and scenes.
        path: Path of the ``results.json``.
        baseline: Item key to whether the baseline's answer was correct.
        gallery: Maximum number of wrong answers on the page.
    """
    page, text = path.with_suffix(".html"), path.with_suffix(".md")
    _write_page(page, results, items, answers, baseline or {}, gallery)
    write_text(text, _markdown(results))
    return page, text


def _write_page(
    path: Path,
    results: Results,
    items: Sequence[Item],
    answers: Sequence[ScoredAnswer],
    baseline: Mapping[str, bool],
    gallery: int,
) -> None:
    failed = [a for a in answers if a.variant is Variant.PLAIN and not a.correct]
    by_key = {item.item_key: item for item in items}
    cards = [
        _card(answer, by_key[answer.item], lost=baseline.get(answer.item, False))
        for answer in choose_failures(failed, gallery)
        if answer.item in by_key
    ]
    columns = _in_order(dict.fromkeys(given for row in results.confusion.values() for given in row))
    save_page(
        path,
        "eval/pages/report.html.j2",
        r=results,
        cautions=cautions(results),
        overlap=overlap_in_words(results),
        series=list(dict.fromkeys(run.model for run in _runs(results))),
        hollow=_hollow(results),
        runs=_runs(results),
        variant_words=_VARIANT_WORDS,
        extra=[
            (about, kind)
            for about, kind in (
                ("without the picture", "blind"),
                ("grey picture: abstains", "abstained"),
                ("all variants right", "all_right"),
            )
            if any(getattr(run, kind) for run in _runs(results))
        ],
        groups=[("", [_interval_row(results, name) for name in _rows(results)])],
        breakdowns=[
            (heading, cells)
            for heading, cells in (
                ("Relation", _in_order(results.per_relation)),
                ("Source", results.per_source),
                ("Data set", results.per_source_dataset),
                ("Question form", results.per_form),
            )
            if len(cells) > 1
        ],
        letters=_letters(results),
        # Official figures can only be missing if the benchmark has CV-Bench's parts.
        missing_parts=results.official.missing if {"COCO", "ADE20K", "Omni3D"} & results.per_source.keys() else (),
        confusion=[
            (actual, [(row.get(c, 0), row.get(c, 0) / max(1, sum(row.values()))) for c in columns])
            for actual, row in _in_order(results.confusion).items()
        ],
        columns=list(columns),
        statuses=[(_STATUS_WORDS.get(name, name), count) for name, count in results.parse_status.items()],
        cards=cards,
        filters=[
            (name, sorted({card.filters[name] for card in cards} - {""})) for name in ("task", "kind", "baseline")
        ],
        n_failed=len(failed),
        protocol=flat_facts(results.protocol),
        run=flat_facts(results.run),
    )


def _markdown(results: Results) -> str:
    """Return README tables: each run's accuracy and interval next to guessing, and the protocol in one line."""
    rows = _rows(results)
    chances = [_chance(results, name) for name in rows]
    lines = [
        f"### {_cell_text(results.title)} on {results.protocol['benchmark']['name']}",
        "",
        *(f"**{caution}**\n" for caution in cautions(results)),
        "| | " + " | ".join(rows) + " |",
        "|---|" + "---|" * len(rows),
        *(
            _row([_cell_text(run.title), *(_with_interval(_find(run, name)) for name in rows)])
            for run in _runs(results)
        ),
        _row(["at random", *(_number(random) for random, _ in chances)]),
        _row(["most frequent letter", *(_number(majority) for _, majority in chances)]),
        _row(["questions", *(str(cell.n) if (cell := _find(results, name)) else "0" for name in rows)]),
        "",
        f"Accuracy in percent with 95 % interval. Answers parsed: {percent(results.parse_rate.accuracy)}.",
        *(f"Official figure, {name}: {_with_interval(cell)}." for name, cell in results.official.figures.items()),
    ]
    lines += [
        f"Rule “{rule.rule}” on {rule.accuracy.n} questions of {rule.task}: {_with_interval(rule.accuracy)}."
        for rule in results.shortcuts
    ]
    benchmark, test = results.protocol["benchmark"], results.paired.test if results.paired else None
    if results.broken:
        lines.append(f"Rows that can't be scored and are in no figure: {len(results.broken)}.")
    if results.official.cv_bench:
        lines.append(f"Official CV-Bench: {_with_interval(results.official.cv_bench)}.")
    if results.blind:
        lines.append(f"Without the picture: {_with_interval(results.blind.micro)}.")
    if results.grey:
        lines.append(f"“Cannot be determined” about a grey picture: {_with_interval(results.grey.micro)}.")
    if results.swapped:
        lines.append(
            f"Same option chosen in both orders: {_with_interval(results.swapped.consistency)}; "
            f"accuracy over both orders: {_with_interval(results.swapped.both_orders)}."
        )
    if results.twins:
        lines.append(f"Twins, both answered right: {_with_interval(results.twins.both_right)}.")
    if results.consistency:
        broken = [f"{name} {_number(f.breaks.accuracy)}" for name, f in results.consistency.per_variant.items()]
        lines.append(
            f"Right in all variants: {_with_interval(results.consistency.all_right)}; right answers that each variant "
            f"breaks: {', '.join(broken)}."
        )
    if results.paired and test:
        low, high = 100 * test.interval.low, 100 * test.interval.high
        lines.append(
            f"Against {_cell_text(results.paired.title)} on the same {test.n} questions: "
            f"{100 * test.difference:+.1f} points ({low:+.1f} to {high:+.1f}), McNemar exact p = {test.p_value:.2g}."
        )
    lines += [
        "",
        f"Protocol `{results.protocol['name']}`, {results.protocol['decoding']['method']} decoding, engine "
        f"{results.protocol['engine']}, benchmark `{benchmark['fingerprint'][:12]}`"
        + (f" at `{benchmark['revision'][:12]}`" if benchmark["revision"] else "")
        + ".",
        "",
    ]
    return "\n".join(lines)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def choose_failures(failed: Sequence[ScoredAnswer], most: int) -> list[ScoredAnswer]:
    """Choose wrong answers, cycling through tasks and kinds of failure, ordered by a hash of the item."""
    groups: dict[tuple[str, str], list[ScoredAnswer]] = defaultdict(list)
    for answer in sorted(failed, key=lambda a: json_hash(a.item)):
        groups[answer.task, answer.status].append(answer)
    turns = zip_longest(*(groups[name] for name in sorted(groups)))
    return [answer for answer in chain.from_iterable(turns) if answer is not None][:most]


def _runs(results: Results) -> list[Compared]:
    runs = [results.as_compared(Path()), *results.compared]
    models = [run.model for run in runs]
    return sorted(runs, key=lambda run: (models.index(run.model), run.protocol or ""))


def _hollow(results: Results) -> str | None:
    """Return the protocol drawn with hollow dots, if a model is shown under two protocols."""
    runs = _runs(results)
    names = list(dict.fromkeys(run.protocol for run in runs))
    several = len({run.model for run in runs}) < len(runs)
    return next((n for n in names if n != results.protocol["name"]), None) if several else None


def _rows(results: Results) -> list[str]:
    return [_MICRO, _MACRO, *results.per_task]


def _find(run: Results | Compared, name: str) -> Accuracy | None:
    return {_MICRO: run.micro, _MACRO: run.macro}.get(name) or run.per_task.get(name)


def _interval_row(results: Results, name: str) -> IntervalRow:
    runs, hollow = _runs(results), _hollow(results)
    models = list(dict.fromkeys(run.model for run in runs))
    dots = tuple(
        IntervalDot(
            run.title,
            models.index(run.model),
            cell.accuracy,
            cell.low,
            cell.high,
            hollow=hollow is not None and run.protocol == hollow,
        )
        for run in runs
        if (cell := _find(run, name)) is not None and cell.accuracy is not None
    )
    levels = zip(("random", "majority"), _chance(results, name), strict=True)
    marks = tuple((kind, level) for kind, level in levels if level is not None)
    own = _find(results, name)
    return IntervalRow(name, own.n if own else 0, dots, marks)


def _chance(results: Results, name: str) -> tuple[float | None, float | None]:
    """Return the accuracy of a random letter and of the most frequent letter, for a row of the chart."""
    chance = results.chance
    if name == _MICRO:
        return chance.random, chance.majority
    if name == _MACRO:
        tasks = len(chance.random_per_task) or 1
        return sum(chance.random_per_task.values()) / tasks, sum(chance.majority_per_task.values()) / tasks
    return chance.random_per_task.get(name), chance.majority_per_task.get(name)


def _card(answer: ScoredAnswer, item: Item, *, lost: bool) -> QuestionCard:
    """Return a card for a wrong or unparsed answer; ``lost`` if the baseline's answer was correct."""
    blocks = split_completion(answer.response)
    kind = "wrong" if answer.letter is not None else _STATUS_WORDS.get(answer.status, answer.status)
    baseline = "right in the baseline" if lost else ""
    tags = (kind, answer.task, answer.relation, answer.source, f"id {answer.id}", baseline)
    picture = question_picture(item)
    return QuestionCard(
        question=item.question,
        picture=picture,
        options=tuple(zip(LETTERS, answer.choices, strict=False)),
        right=answer.gold,
        chosen=answer.letter or "",
        reasoning=blocks.reasoning.strip(),
        answer=blocks.answer.strip() or "(nothing)",
        tags=tuple(tag for tag in tags if tag),
        problem="" if picture else "the picture can't be read",
        filters={"task": answer.task, "kind": kind, "baseline": baseline},
    )


def question_picture(item: Item) -> ShownPicture | None:
    """Return an item's picture, with the objects' boxes if the item has a scene and they are not yet drawn."""
    return show_picture(item.picture, side=_SIDE, quality=_QUALITY, known=known_scene(item.scene, item.evidence))


def _in_order(cells: Mapping[str, _T]) -> dict[str, _T]:
    """Sort relations in the order of their axes, and other names after them."""
    return {name: cells[name] for name in sorted(cells, key=lambda n: (_ORDER.get(n, len(_ORDER)), n))}


def _number(share: float | None) -> str:
    return NO_VALUE if share is None else f"{100 * share:.1f}"


def _with_interval(cell: Accuracy | None) -> str:
    if cell is None or cell.accuracy is None:
        return NO_VALUE
    return f"{_number(cell.accuracy)} ({_number(cell.low)} to {_number(cell.high)})"


def _cell_text(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _letters(results: Results) -> list[dict[str, Any]]:
    """Return for each letter its fraction of the correct answers, of the model's answers, and its recall."""
    n = max(1, results.micro.n)
    return [
        {
            "letter": letter,
            "cell": results.per_letter.get(letter),
            "gold": (results.per_letter[letter].n if letter in results.per_letter else 0) / n,
            "given": results.letters_given.get(letter, 0) / n,
        }
        for letter in LETTERS
        if letter in results.per_letter or letter in results.letters_given
    ]
