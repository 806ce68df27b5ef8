"""``gallery.html``: samples of a data set and of what it leaves out, on one page that works offline."""

from __future__ import annotations

import contextlib
import json
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reinforcesight.data_gen.dataset.reader import (
    RowPlace,
    SplitFile,
    StoredRow,
    find_files,
    read_columns,
    read_rows,
)
from reinforcesight.data_gen.dataset.rows import SPLITS
from reinforcesight.data_gen.questions.forms import Form
from reinforcesight.data_gen.viewing.cards import make_card
from reinforcesight.errors import InputError
from reinforcesight.jobs.files import write_text
from reinforcesight.pages.pictures import ROLES, QuestionScene, show_picture
from reinforcesight.pages.question_cards import QuestionCard
from reinforcesight.pages.render import render_page
from reinforcesight.relations.kinds import Relation
from reinforcesight.scene import Scene

_PICTURE_BUDGET = 6_000_000  # characters of all thumbnails; keeps the page below 8 MB
_SIZES = ((448, 80), (384, 75), (320, 70), (256, 65), (160, 55))  # longer side in pixels, JPEG quality
_REJECTED_SAMPLES = 3

_KINDS = {
    "pairs": "Pairs of objects without a question.",
    "pictures": "Pictures that can't be used.",
    "annotations": "Annotations and detections that were dropped, cropped or doubted.",
}
_MEANINGS = {
    "same_object": "an object and itself",
    "ambiguous_name": "the name fits another object too",
    "tiny": "an object is too small to be seen",
    "part_of_other": "one object is a part of the other",
    "occluded": "too little of an object is visible",
    "no_depth": "the depth is unknown",
    "no_position": "the position in space is unknown",
    "too_little_valid_depth": "too few depth readings on an object",
    "depth_spread_too_wide": "depths within an object differ too much",
    "overlap": "the boxes overlap along this axis",
    "near_tie": "too close to call",
    "truncated": "the picture's border cuts an object, so its extent is unknown",
    "centre_surface_disagree": "centres and nearest surfaces order the objects differently",
}


@dataclass(frozen=True, slots=True)
class RejectedReason:
    """A reason with its count and some examples."""

    name: str
    count: int
    meaning: str
    cards: tuple[QuestionCard, ...]


def write_gallery(dataset_dir: Path, *, samples: int = 60, seed: int = 0) -> Path:
    """Write ``gallery.html`` into a data set's folder. The same data and seed give the same page.

    Args:
        dataset_dir: Folder with ``data/`` and perhaps ``rejections.json``.
        samples: Number of questions to show.
        seed: Seed of the sample.

    Raises:
        InputError: The folder holds no data set.
        OutputError: The page can't be written.
    """
    files = find_files(dataset_dir)
    problems: list[str] = []
    index = _index(files, problems)
    stored = _read(files, _sample(index, samples, random.Random(seed)), problems)
    reasons = _read_rejections(dataset_dir / "rejections.json", problems)
    picked = [s for group in reasons.values() for _, _, samples in group for s in samples]
    wanted = {str(sample["source_id"]) for sample in picked if "source_id" in sample}
    scenes = _pictures_of(files, wanted, problems)
    cards, rejected = _within_budget(stored, reasons, scenes)
    counts = Counter((relation, form) for _, _, _, relation, form in index)
    splits = Counter(files[file].split for file, *_ in index)
    relations = [r.value for r in Relation if any(key[0] == r for key in counts)]
    forms = [f.value for f in Form if any(key[1] == f for key in counts)]
    page = render_page(
        "data_gen/viewing/pages/gallery.html.j2",
        title=dataset_dir.resolve().name,
        total=len(index),
        splits=[(split, splits[split]) for split in SPLITS if splits[split]],
        cards=cards,
        seed=seed,
        problems=problems,
        forms=forms,
        table=[[r, *(counts[r, f] for f in forms), sum(counts[r, f] for f in forms)] for r in relations],
        filters=[
            ("relation", relations),
            ("form", forms),
            ("split", [split for split in SPLITS if splits[split]]),
        ],
        rejections=rejected,
    )
    path = dataset_dir / "gallery.html"
    write_text(path, page)
    return path


_Entry = tuple[int, int, int, str, str]  # file, row group, row, relation, form


def _index(files: Sequence[SplitFile], problems: list[str]) -> list[_Entry]:
    index: list[_Entry] = []
    for number, file in enumerate(files):
        try:
            for place, (relation, form) in read_columns(file, ("relation", "form")):
                index.append((number, place.group, place.row, str(relation), str(form)))
        except InputError as error:
            problems.append(str(error))
    return index


def sample_rows(dataset_dir: Path, count: int, *, seed: int = 0) -> list[StoredRow]:
    """A sample of a data set's rows with equal shares of relations and forms; damaged rows are left out.

    Raises:
        InputError: The folder holds no data set.
    """
    files = find_files(dataset_dir)
    return _read(files, _sample(_index(files, []), count, random.Random(seed)), [])


def _sample(index: Sequence[_Entry], count: int, rng: random.Random) -> list[_Entry]:
    """Each relation in turn, with its least used form; sorted by relation and form."""
    cells: dict[str, dict[str, list[_Entry]]] = {}
    for entry in index:
        cells.setdefault(entry[3], {}).setdefault(entry[4], []).append(entry)
    for entries in (entries for forms in cells.values() for entries in forms.values()):
        rng.shuffle(entries)
    relations = sorted(cells)
    rng.shuffle(relations)
    used: Counter[str] = Counter()
    chosen: list[_Entry] = []
    while len(chosen) < min(count, len(index)):
        for relation in relations:
            left = [form for form, entries in sorted(cells[relation].items()) if entries]
            if left and len(chosen) < count:
                form = min(left, key=lambda name: (used[name], rng.random()))
                used[form] += 1
                chosen.append(cells[relation][form].pop())
    return sorted(chosen, key=lambda entry: (_rank(entry[3], Relation), _rank(entry[4], Form), entry))


def _rank(value: str, kinds: type[Relation] | type[Form]) -> int:
    names = [str(kind.value) for kind in kinds]
    return names.index(value) if value in names else len(names)


def _read(files: Sequence[SplitFile], chosen: Sequence[_Entry], problems: list[str]) -> list[StoredRow]:
    rows: dict[_Entry, StoredRow] = {}
    for number, file in enumerate(files):
        entries = [entry for entry in chosen if entry[0] == number]
        try:
            found = read_rows(file, [RowPlace(entry[1], entry[2]) for entry in entries]) if entries else []
        except InputError as error:
            problems.append(str(error))
            continue
        for entry, row in zip(entries, found, strict=True):
            if isinstance(row, StoredRow):
                rows[entry] = row
            else:
                problems.append(f"{row.where}: {row.problem}")
    return [rows[entry] for entry in chosen if entry in rows]


_Reasons = dict[str, list[tuple[str, int, list[dict[str, Any]]]]]  # kind to reason, count, samples


def _read_rejections(path: Path, problems: list[str]) -> _Reasons:
    """Reasons of each kind, the most frequent first."""
    if not path.is_file():
        return {}
    reasons: _Reasons = {}
    try:
        loaded = json.loads(path.read_text(encoding="utf-8"))
        for kind in _KINDS:
            for reason, entry in (loaded.get(kind) or {}).items():
                samples = [s for s in entry.get("samples") or [] if isinstance(s, dict)]
                group = reasons.setdefault(kind, [])
                group.append((str(reason), int(entry["count"]), samples[:_REJECTED_SAMPLES]))
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        problems.append(f"{path.name} can't be read: {error}")
        return {}
    return {kind: sorted(group, key=lambda reason: (-reason[1], reason[0])) for kind, group in reasons.items()}


def _pictures_of(files: Sequence[SplitFile], source_ids: set[str], problems: list[str]) -> dict[str, StoredRow]:
    """For each wanted picture in the data set a row that shows it, without drawn boxes if there is one."""
    best: dict[str, tuple[bool, int, RowPlace]] = {}
    for number, file in enumerate(files):
        try:
            for place, (source_id, form) in read_columns(file, ("source_id", "form")):
                boxed = form == Form.CVBENCH_BOXES
                if source_id in source_ids and (source_id not in best or (best[source_id][0] and not boxed)):
                    best[source_id] = (boxed, number, place)
        except InputError as error:
            if str(error) not in problems:
                problems.append(str(error))
    found: dict[str, StoredRow] = {}
    for number, file in enumerate(files):
        names = [name for name, (_, place_file, _) in best.items() if place_file == number]
        try:
            rows = read_rows(file, [best[name][2] for name in names]) if names else []
        except InputError:
            continue
        found |= {name: row for name, row in zip(names, rows, strict=True) if isinstance(row, StoredRow)}
    return found


def _within_budget(
    stored: Sequence[StoredRow], reasons: _Reasons, scenes: Mapping[str, StoredRow]
) -> tuple[list[QuestionCard], list[tuple[str, str, list[RejectedReason]]]]:
    """Cards with thumbnails as large as the page allows."""
    for side, quality in _SIZES:
        cards = [make_card(item.row, item.split, side=side, quality=quality) for item in stored]
        rejected = _rejected(reasons, scenes, side=min(side, 288), quality=quality)
        examples = [card for _, _, group in rejected for reason in group for card in reason.cards]
        if sum(len(c.picture.source) for c in cards + examples if c.picture) <= _PICTURE_BUDGET:
            break
    return cards, rejected


def _rejected(
    reasons: _Reasons, scenes: Mapping[str, StoredRow], *, side: int, quality: int
) -> list[tuple[str, str, list[RejectedReason]]]:
    return [
        (
            kind,
            _KINDS[kind],
            [
                RejectedReason(
                    name=reason,
                    count=count,
                    meaning=_MEANINGS.get(reason.rpartition(" ")[2], ""),
                    cards=tuple(_example(kind, sample, scenes, side, quality) for sample in samples),
                )
                for reason, count, samples in group
            ],
        )
        for kind, group in reasons.items()
    ]


def _example(
    kind: str, sample: Mapping[str, Any], scenes: Mapping[str, StoredRow], side: int, quality: int
) -> QuestionCard:
    source_id = str(sample.get("source_id", ""))
    stored = scenes.get(source_id) if kind == "pairs" else None
    picture = None
    if stored is not None:
        with contextlib.suppress(InputError):
            scene = Scene.from_json(stored.row.scene)
            objects = {}
            for role in ROLES:
                # Samples name an object by its id or its name; a name that two objects share identifies neither.
                fits = [o for o in scene.objects if sample.get(role) is not None and sample[role] in (o.id, o.name)]
                if len(fits) == 1:
                    objects[role] = fits[0]
            picture = show_picture(
                stored.row.image, side=side, quality=quality, known=QuestionScene(scene, {}, objects)
            )
    words = str(sample.get("detail") or "") if picture is None else ""
    return QuestionCard(words or _pair_in_words(sample), picture, name=source_id)


def _pair_in_words(sample: Mapping[str, Any]) -> str:
    words = f"{sample.get('subject', '?')} and {sample.get('reference', '?')}"
    if sample.get("anchor") is not None:
        words += f", seen from {sample['anchor']}"
    if sample.get("axis") is not None:
        words += f" ({sample['axis']})"
    if isinstance(sample.get("margin"), int | float):
        words += f", margin {sample['margin']:.2f}"
    if sample.get("detail"):
        words += f": {sample['detail']}"
    return words
