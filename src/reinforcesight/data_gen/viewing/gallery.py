"""``gallery.html``: samples of a data set, and of what was left out, on one page that needs no network."""

from __future__ import annotations

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
from reinforcesight.errors import InputError
from reinforcesight.jobs.files import write_text
from reinforcesight.pages.question_cards import ROLES, Card, Overlay, make_card, overlay, pages, thumbnail
from reinforcesight.relations.kinds import Relation
from reinforcesight.scene import Scene

_PICTURE_BUDGET = 6_000_000  # characters of all thumbnails together, so that the page stays below 8 MB
_SIZES = ((448, 80), (384, 75), (320, 70), (256, 65), (160, 55))  # longer side in pixels, JPEG quality
_REJECTED_SAMPLES = 3

_KINDS = {
    "pairs": "Pairs of objects of which nothing was claimed.",
    "pictures": "Pictures that could not be used.",
    "annotations": "Annotations and detections that were left out, cut or doubted.",
}
_MEANINGS = {
    "same_object": "the object itself",
    "ambiguous_name": "the name may mean another object as well",
    "tiny": "an object too small to be seen",
    "part_of_other": "one belongs to the other",
    "occluded": "too little of an object is visible",
    "no_depth": "no depth known",
    "no_position": "no position in space known",
    "too_little_valid_depth": "too few depth readings on an object",
    "depth_spread_too_wide": "depths within an object differ too much",
    "overlap": "the boxes overlap along this axis",
    "near_tie": "too close to call",
    "truncated": "the border cuts an object, so that its true extent is unknown",
    "centre_surface_disagree": "centre and nearest surface order the objects differently",
}


@dataclass(frozen=True, slots=True)
class Rejected:
    """One example of what was left out."""

    words: str
    source_id: str
    picture: str | None = None
    width: int = 1
    height: int = 1
    overlays: tuple[Overlay, ...] = ()


@dataclass(frozen=True, slots=True)
class RejectedReason:
    """A reason with how often it was given, and examples."""

    name: str
    count: int
    meaning: str
    samples: tuple[Rejected, ...]


def write_gallery(dataset_dir: Path, *, samples: int = 60, seed: int = 0) -> Path:
    """Write ``gallery.html`` into a data set's folder; the same data and seed give the same page.

    Args:
        dataset_dir: Folder with ``data/`` and, where there is one, ``rejections.json``.
        samples: Number of questions to show.
        seed: Decides which.

    Raises:
        InputError: The folder holds no data set.
        OutputError: The page can't be written.
    """
    files = find_files(dataset_dir)
    problems: list[str] = []
    index = _index(files, problems)
    chosen = _choose(index, samples, random.Random(seed))
    stored = _read(files, chosen, problems)
    reasons = _read_rejections(dataset_dir / "rejections.json", problems)
    wanted = {str(s["source_id"]) for _, _, _, picked in reasons for s in picked if "source_id" in s}
    scenes = _pictures_of(files, wanted, problems)
    cards, rejected = _within_budget(stored, reasons, scenes)
    counts = Counter((relation, form) for _, _, _, relation, form in index)
    splits = Counter(files[file].split for file, *_ in index)
    relations = [r.value for r in Relation if any(key[0] == r for key in counts)]
    forms = [f.value for f in Form if any(key[1] == f for key in counts)]
    html = (
        pages()
        .get_template("gallery.html.j2")
        .render(
            title=dataset_dir.resolve().name,
            total=len(index),
            splits=[(split, splits[split]) for split in SPLITS if splits[split]],
            sample=cards,
            seed=seed,
            problems=problems,
            forms=forms,
            table=[(r, [counts[r, f] for f in forms], sum(counts[r, f] for f in forms)) for r in relations],
            filters=[
                ("relation", relations),
                ("form", forms),
                ("split", [split for split in SPLITS if splits[split]]),
            ],
            rejections=rejected,
        )
    )
    path = dataset_dir / "gallery.html"
    write_text(path, html)
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


def _choose(index: Sequence[_Entry], samples: int, rng: random.Random) -> list[_Entry]:
    """So many rows, dealt evenly over relation and form; sorted by these."""
    cells: dict[tuple[str, str], list[_Entry]] = {}
    for entry in index:
        cells.setdefault(entry[3:], []).append(entry)
    for group in cells.values():
        rng.shuffle(group)
    order = sorted(cells)
    rng.shuffle(order)
    chosen: list[_Entry] = []
    while len(chosen) < min(samples, len(index)):
        for key in order:
            if cells[key] and len(chosen) < samples:
                chosen.append(cells[key].pop())
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


_Reason = tuple[str, str, int, list[dict[str, Any]]]  # kind, reason, count, samples


def _read_rejections(path: Path, problems: list[str]) -> list[_Reason]:
    if not path.is_file():
        return []
    try:
        loaded = json.loads(path.read_text(encoding="utf-8"))
        reasons: list[_Reason] = []
        for kind in _KINDS:
            entries: Mapping[str, Any] = loaded.get(kind) or {}
            for reason, entry in entries.items():
                samples = [s for s in entry.get("samples") or [] if isinstance(s, dict)]
                reasons.append((kind, str(reason), int(entry["count"]), samples[:_REJECTED_SAMPLES]))
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        problems.append(f"{path.name} can't be read: {error}")
        return []
    return sorted(reasons, key=lambda reason: (list(_KINDS).index(reason[0]), -reason[2], reason[1]))


def _pictures_of(
    files: Sequence[SplitFile], source_ids: set[str], problems: list[str]
) -> dict[str, StoredRow]:
    """For each picture that is wanted and occurs in the data set, a row that shows it, without boxes if possible."""
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
    stored: Sequence[StoredRow], reasons: Sequence[_Reason], scenes: Mapping[str, StoredRow]
) -> tuple[list[Card], list[tuple[str, str, list[RejectedReason]]]]:
    """Cards with thumbnails as large as the page allows."""
    for side, quality in _SIZES:
        cards = [make_card(item.row, item.split, side=side, quality=quality) for item in stored]
        rejected = _rejected(reasons, scenes, side=min(side, 288), quality=quality)
        size = sum(len(card.picture or "") for card in cards)
        size += sum(len(s.picture or "") for _, _, group in rejected for r in group for s in r.samples)
        if size <= _PICTURE_BUDGET:
            break
    return cards, rejected


def _rejected(
    reasons: Sequence[_Reason], scenes: Mapping[str, StoredRow], *, side: int, quality: int
) -> list[tuple[str, str, list[RejectedReason]]]:
    result = []
    for kind, explanation in _KINDS.items():
        group = [
            RejectedReason(
                name=reason,
                count=count,
                meaning=_MEANINGS.get(reason.rpartition(" ")[2], ""),
                samples=tuple(_example(kind, sample, scenes, side, quality) for sample in samples),
            )
            for of_kind, reason, count, samples in reasons
            if of_kind == kind
        ]
        if group:
            result.append((kind, explanation, group))
    return result


def _example(
    kind: str, sample: Mapping[str, Any], scenes: Mapping[str, StoredRow], side: int, quality: int
) -> Rejected:
    source_id = str(sample.get("source_id", ""))
    words = str(sample.get("detail") or "")
    stored = scenes.get(source_id)
    if kind != "pairs" or stored is None:
        return Rejected(words or _pair_in_words(sample), source_id)
    try:
        scene = Scene.from_json(stored.row.scene)
    except InputError:
        return Rejected(words or _pair_in_words(sample), source_id)
    overlays = []
    for role in ROLES:
        # Samples name an object by its id or its name; of two with one name it can't be told which is meant.
        fits = [o for o in scene.objects if sample.get(role) is not None and sample[role] in (o.id, o.name)]
        overlays += [overlay(role, item) for item in fits if len(fits) == 1]
    return Rejected(
        words=_pair_in_words(sample),
        source_id=source_id,
        picture=thumbnail(stored.row.image, side=side, quality=quality),
        width=scene.width,
        height=scene.height,
        overlays=tuple(overlays),
    )


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
