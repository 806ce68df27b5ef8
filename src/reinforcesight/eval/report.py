"""The report: one HTML file that works offline, and a Markdown table for a README."""

from __future__ import annotations

import base64
import io
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any, TypeVar

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from PIL import Image

from reinforcesight.errors import InputError
from reinforcesight.eval.answers import ScoredAnswer
from reinforcesight.eval.items import Item, Variant
from reinforcesight.eval.results import Accuracy, Compared, Results
from reinforcesight.jobs.files import json_hash, write_text
from reinforcesight.judge.blocks import split_completion
from reinforcesight.pictures.decode import decode_rgb
from reinforcesight.protocol import LETTERS

_PICTURE_SIDE = 420  # pixels along the longer side in the gallery
_PICTURE_QUALITY = 82  # JPEG
_BOX_COLOURS = ("#e5484d", "#3b82f6", "#30a46c", "#f5a524", "#8e4ec6")
_SERIES_COLOURS = ("#2563eb", "#d97706", "#059669", "#9333ea", "#dc2626", "#0891b2")

_RELATIONS = ("left", "right", "above", "below", "in front", "behind", "closer", "farther")
_ORDER = {name: index for index, name in enumerate(_RELATIONS)}
_T = TypeVar("_T")
_STATUS_WORDS = {"none": "no answer", "out_of_range": "letter not offered", "truncated": "cut off"}


@dataclass(frozen=True)
class Bar:
    """One model's accuracy in one row of the chart, in percent."""

    title: str
    colour: str
    cell: Accuracy


@dataclass(frozen=True)
class Box:
    """An object's box in the gallery picture, in pixels of the original."""

    name: str
    colour: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Shown:
    """One wrong or unreadable answer in the gallery.

    Attributes:
        kind: ``wrong`` or the reading status.
        flip: ``lost`` where the baseline was right on this item.
        reasoning, final: The response, split at the end of its reasoning.
    """

    answer: ScoredAnswer
    question: str
    kind: str
    flip: str
    reasoning: str
    final: str
    picture: str
    width: int
    height: int
    boxes: tuple[Box, ...]


def write_report(
    results: Results,
    items: Sequence[Item],
    answers: Sequence[ScoredAnswer],
    path: Path,
    *,
    baseline: Mapping[str, bool] | None = None,
    gallery: int = 120,
) -> tuple[Path, Path]:
    """Write ``.html`` and ``.md`` beside a ``results.json``.

    Args:
        results: What is shown.
        items: The benchmark's items, for their pictures and scenes.
        answers: The scored answers.
        path: The ``results.json``.
        baseline: Item key to whether the baseline was right.
        gallery: Most entries in the gallery.

    Returns:
        The two files.
    """
    page, text = path.with_suffix(".html"), path.with_suffix(".md")
    write_text(page, html(results, items, answers, baseline=baseline or {}, gallery=gallery))
    write_text(text, markdown(results))
    return page, text


def html(
    results: Results,
    items: Sequence[Item],
    answers: Sequence[ScoredAnswer],
    *,
    baseline: Mapping[str, bool],
    gallery: int,
) -> str:
    """The whole page. Everything that came from a model or a data file is escaped."""
    failed = [a for a in answers if a.variant is Variant.PLAIN and not a.correct]
    shown = choose_failures(failed, gallery)
    by_key = {item.item_key: item for item in items}
    entries = [_shown(a, by_key[a.item], baseline) for a in shown if a.item in by_key]
    environment = Environment(
        loader=PackageLoader("reinforcesight.eval"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = _percent
    environment.filters["shade"] = _shade
    environment.filters["status"] = lambda status: _STATUS_WORDS.get(status, status)
    return environment.get_template("report.html.j2").render(
        r=results,
        series=[(bar.title, bar.colour) for bar in _bars(results, "micro")],
        groups=[(name, _bars(results, name), _chance(results, name)) for name in _rows(results)],
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
        letters=letters(results),
        # Said only of a benchmark that has some of the parts: elsewhere the official figure means nothing.
        missing_parts=results.official.missing if _has_official_part(results) else (),
        confusion=_in_order(results.confusion),
        columns=list(_in_order(dict.fromkeys(given for row in results.confusion.values() for given in row))),
        entries=entries,
        kinds=sorted({entry.kind for entry in entries}),
        tasks=sorted({entry.answer.task for entry in entries}),
        n_failed=len(failed),
        protocol=json.dumps(results.protocol, indent=2, ensure_ascii=False),
        run=json.dumps(results.run, indent=2, ensure_ascii=False),
    )


def markdown(results: Results) -> str:
    """Tables for a README: accuracy with interval for each run beside chance, and the protocol in one line."""
    runs = _runs(results)
    lines = [
        f"### {_cell_text(results.title)} on {results.protocol['benchmark']['name']}",
        "",
        "| |" + "".join(f" {_cell_text(title)} |" for title, _ in runs) + " n | at random | majority |",
        "|---|" + "---|" * (len(runs) + 3),
    ]
    for name in _rows(results):
        cells = [_find(run, name) for _, run in runs]
        random, majority = _chance(results, name)
        lines.append(
            f"| {name} |"
            + "".join(f" {_with_interval(cell)} |" for cell in cells)
            + f" {cells[0].n if cells[0] else 0} | {_percent(random)} | {_percent(majority)} |"
        )
    benchmark, test = results.protocol["benchmark"], results.paired.test if results.paired else None
    lines += [
        "",
        f"Accuracy in percent with 95 % interval. Answers read: {_percent(results.parse_rate.accuracy)}.",
    ]
    if results.broken:
        lines.append(f"Rows that could not be scored, in no figure: {len(results.broken)}.")
    if results.official.cv_bench:
        lines.append(f"Official CV-Bench: {_with_interval(results.official.cv_bench)}.")
    if results.blind:
        lines.append(f"Without the picture: {_with_interval(results.blind.micro)}.")
    if results.swapped:
        lines.append(
            f"Same option chosen in both orders: {_with_interval(results.swapped.consistency)}; "
            f"accuracy over both orders: {_with_interval(results.swapped.both_orders)}."
        )
    if results.paired and test:
        low, high = 100 * test.interval.low, 100 * test.interval.high
        lines.append(
            f"Against {_cell_text(results.paired.title)} on the same {test.n} items: "
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


def choose_failures(failed: Sequence[ScoredAnswer], most: int) -> list[ScoredAnswer]:
    """Entries of the gallery: by turns from every task and kind of failure, in an order that content decides."""
    groups: dict[tuple[str, str], list[ScoredAnswer]] = defaultdict(list)
    for answer in sorted(failed, key=lambda a: json_hash(a.item)):
        groups[answer.task, answer.status].append(answer)
    turns = zip_longest(*(groups[name] for name in sorted(groups)))
    return [answer for answer in chain.from_iterable(turns) if answer is not None][:most]


def _runs(results: Results) -> list[tuple[str, Results | Compared]]:
    """This run and those beside it, with their titles."""
    return [(results.title, results), *((other.title, other) for other in results.compared)]


def _rows(results: Results) -> list[str]:
    return ["All (micro)", "Mean of tasks (macro)", *results.per_task]


def _find(run: Results | Compared, name: str) -> Accuracy | None:
    if name == "All (micro)" or name == "micro":
        return run.micro
    return run.macro if name == "Mean of tasks (macro)" else run.per_task.get(name)


def _bars(results: Results, name: str) -> list[Bar]:
    runs: list[tuple[str, Results | Compared]] = [
        (results.title, results),
        *((o.title, o) for o in results.compared),
    ]
    bars = []
    for index, (title, run) in enumerate(runs):
        cell = _find(run, name)
        if cell is not None and cell.accuracy is not None:
            bars.append(Bar(title, _SERIES_COLOURS[index % len(_SERIES_COLOURS)], cell))
    return bars


def _chance(results: Results, name: str) -> tuple[float | None, float | None]:
    """Accuracy at random and of the commonest letter, for a row of the chart."""
    chance = results.chance
    if name == "All (micro)":
        return chance.random, chance.majority
    if name == "Mean of tasks (macro)":
        tasks = len(chance.random_per_task) or 1
        return sum(chance.random_per_task.values()) / tasks, sum(chance.majority_per_task.values()) / tasks
    return chance.random_per_task.get(name), chance.majority_per_task.get(name)


def _shown(answer: ScoredAnswer, item: Item, baseline: Mapping[str, bool]) -> Shown:
    blocks = split_completion(answer.response)
    picture, width, height = _thumbnail(item.picture)
    return Shown(
        answer=answer,
        question=item.question,
        kind="wrong" if answer.letter is not None else answer.status,
        flip="lost" if baseline.get(answer.item) else "",
        reasoning=blocks.reasoning.strip(),
        final=blocks.answer.strip(),
        picture=picture,
        width=width,
        height=height,
        boxes=scene_boxes(item),
    )


def scene_boxes(item: Item) -> tuple[Box, ...]:
    """Boxes of the objects that a question of our own data sets is about; none where the picture shows them itself."""
    if not item.scene:
        return ()
    try:
        objects = {
            o["id"]: (str(o["name"]), [float(v) for v in o["box"]]) for o in json.loads(item.scene)["objects"]
        }
        evidence = json.loads(item.evidence or "{}")
        roles = [evidence.get(role) for role in ("subject", "reference", "anchor")]
        drawn = {box["object"] for box in evidence.get("boxes") or ()}
    except (ValueError, KeyError, TypeError, AttributeError):
        return ()  # a scene of another program: the picture is shown without boxes
    named = [objects[role] for role in roles if role in objects and role not in drawn]
    return tuple(
        Box(name, _BOX_COLOURS[i % len(_BOX_COLOURS)], box[0], box[1], box[2] - box[0], box[3] - box[1])
        for i, (name, box) in enumerate(named)
        if len(box) == 4
    )


def _thumbnail(data: bytes) -> tuple[str, int, int]:
    """Data URI of a small JPEG, and the size of the original."""
    try:
        picture = decode_rgb(data)
    except InputError:
        return "", 1, 1
    width, height = picture.size
    picture.thumbnail((_PICTURE_SIDE, _PICTURE_SIDE), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=_PICTURE_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii"), width, height


def _in_order(cells: Mapping[str, _T]) -> dict[str, _T]:
    """Relations in the order of their axes, anything else after them."""
    return {name: cells[name] for name in sorted(cells, key=lambda n: (_ORDER.get(n, len(_ORDER)), n))}


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f}"


def _with_interval(cell: Accuracy | None) -> str:
    if cell is None or cell.accuracy is None:
        return "–"
    return f"{_percent(cell.accuracy)} ({_percent(cell.low)} to {_percent(cell.high)})"


def _shade(count: int, row: Mapping[str, int]) -> str:
    """Opacity of a cell of the confusion table: its share of the row."""
    return f"{0.75 * count / max(1, sum(row.values())):.3f}"


def _has_official_part(results: Results) -> bool:
    return bool({"COCO", "ADE20K", "Omni3D"} & results.per_source.keys())


def _cell_text(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def correctness(answers: Sequence[ScoredAnswer]) -> dict[str, bool]:
    """Item key to whether the plain answer was right."""
    return {a.item: a.correct for a in answers if a.variant is Variant.PLAIN}


def letters(results: Results) -> list[dict[str, Any]]:
    """Per letter: how often it is right, how often it was given, how well it is recalled."""
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
