"""``gallery.html``: samples of a data set and of what was left out, on one page that works offline."""

from __future__ import annotations

import contextlib
import json
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from reinforcesight.data_gen.dataset.folder import GALLERY, REJECTIONS
from reinforcesight.data_gen.dataset.reader import RowIndex, StoredRow
from reinforcesight.data_gen.dataset.rows import SPLITS
from reinforcesight.data_gen.questions.forms import Form
from reinforcesight.data_gen.viewing.cards import make_card
from reinforcesight.errors import InputError
from reinforcesight.pages.pictures import ROLES, QuestionScene, show_picture
from reinforcesight.pages.question_cards import QuestionCard
from reinforcesight.pages.render import save_page
from reinforcesight.relations.kinds import Relation
from reinforcesight.scene import Scene

_PICTURE_BUDGET = 6_000_000  # maximum characters of all thumbnails; keeps the page below 8 MB
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
    "merged_outline": "an outline may be that of two objects",
    "occluded": "too little of an object is visible",
    "no_depth": "the depth is unknown",
    "no_position": "the position in space is unknown",
    "too_little_valid_depth": "too few depth readings on an object",
    "depth_spread_too_wide": "depths within an object differ too much",
    "overlap": "the boxes overlap along this axis",
    "near_tie": "too close to call",
    "truncated": "the picture's border cuts an object, so its extent is unknown",
    "centre_surface_disagree": "centres and nearest surfaces order the objects differently",
    "views_disagree": "depth estimates of several copies of the picture disagree or differ too little",
}


_Reasons = list[tuple[str, str, int, list[dict[str, Any]]]]  # kind, reason, count, samples
_Rejected = list[tuple[str, str, list[tuple[str, int, str, list[QuestionCard]]]]]


def write_gallery(dataset_dir: Path, *, samples: int = 60, seed: int = 0) -> Path:
    """Write ``gallery.html`` into a data set's folder. The same data and seed give the same page.

    Raises:
        InputError: The folder contains no data set.
        OutputError: The page can't be written.
    """
    index = RowIndex(dataset_dir, ("relation", "form", "source_id"))
    problems = index.problems
    stored = index.read(_sample(index, samples, random.Random(seed)), problems)
    reasons = _read_rejections(dataset_dir / REJECTIONS, problems)
    wanted = {str(s["source_id"]) for *_, samples in reasons for s in samples if "source_id" in s}
    scenes = _pictures_of(index, wanted)
    cards, rejected = _within_budget(list(stored.values()), reasons, scenes)
    counts = Counter(zip(index.columns["relation"], index.columns["form"], strict=True))
    splits = Counter(index.columns["split"])
    relations = [r.value for r in Relation if any(key[0] == r for key in counts)]
    forms = [f.value for f in Form if any(key[1] == f for key in counts)]
    path = dataset_dir / GALLERY
    save_page(
        path,
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
    return path


def sample_rows(dataset_dir: Path, count: int) -> list[StoredRow]:
    """Return a sample of a data set's rows, balanced over relations and forms; damaged rows are left out.

    Raises:
        InputError: The folder contains no data set.
    """
    index = RowIndex(dataset_dir, ("relation", "form"))
    return list(index.read(_sample(index, count, random.Random(0)), []).values())


def _sample(index: RowIndex, count: int, rng: random.Random) -> list[int]:
    """Return indices of rows to show, balanced over relations and forms, and sorted by both."""
    kinds = list(zip(index.columns["relation"], index.columns["form"], strict=True))
    cells: dict[str, dict[str, list[int]]] = {}
    for number, (relation, form) in enumerate(kinds):
        cells.setdefault(str(relation), {}).setdefault(str(form), []).append(number)
    for entries in (entries for forms in cells.values() for entries in forms.values()):
        rng.shuffle(entries)
    relations = sorted(cells)
    rng.shuffle(relations)
    used: Counter[str] = Counter()
    chosen: list[int] = []
    while len(chosen) < min(count, len(index)):
        for relation in relations:
            left = [form for form, entries in sorted(cells[relation].items()) if entries]
            if left and len(chosen) < count:
                form = min(left, key=lambda name: (used[name], rng.random()))
                used[form] += 1
                chosen.append(cells[relation][form].pop())
    ranks = ([str(kind.value) for kind in Relation], [str(form.value) for form in Form])

    def order(number: int) -> tuple[int, ...]:
        names = zip(kinds[number], ranks, strict=True)
        return *(rank.index(name) if name in rank else len(rank) for name, rank in names), number

    return sorted(chosen, key=order)


def _read_rejections(path: Path, problems: list[str]) -> _Reasons:
    """Return reasons by kind, the most frequent first."""
    reasons: _Reasons = []
    if path.is_file():
        try:
            loaded = json.loads(path.read_text(encoding="utf-8"))
            for kind in _KINDS:
                for reason, entry in (loaded.get(kind) or {}).items():
                    picked = [s for s in entry.get("samples") or [] if isinstance(s, dict)][:_REJECTED_SAMPLES]
                    reasons.append((kind, str(reason), int(entry["count"]), picked))
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            problems.append(f"{path.name} can't be read: {error}")
            return []
    return sorted(reasons, key=lambda reason: (list(_KINDS).index(reason[0]), -reason[2], reason[1]))


def _pictures_of(index: RowIndex, source_ids: set[str]) -> dict[str, StoredRow]:
    """Return for each wanted picture in the data set a row that shows it, preferably without drawn boxes."""
    best: dict[str, int] = {}
    forms = index.columns["form"]
    for number, source_id in enumerate(index.columns["source_id"]):
        if source_id in source_ids and forms[best.setdefault(source_id, number)] == Form.CVBENCH_BOXES:
            best[source_id] = number
    return {stored.row.source_id: stored for stored in index.read(list(best.values()), index.problems).values()}


def _within_budget(
    stored: Sequence[StoredRow], reasons: _Reasons, scenes: Mapping[str, StoredRow]
) -> tuple[list[QuestionCard], _Rejected]:
    """Return cards with thumbnails as large as the page's size limit allows."""
    for side, quality in _SIZES:
        cards = [make_card(item.row, item.split, side=side, quality=quality) for item in stored]
        shown = list(cards)
        rejected: _Rejected = [(kind, text, []) for kind, text in _KINDS.items() if any(r[0] == kind for r in reasons)]
        for kind, reason, count, samples in reasons:
            examples = [_example(kind, sample, scenes, min(side, 288), quality) for sample in samples]
            shown += examples
            group = next(group for name, _, group in rejected if name == kind)
            group.append((reason, count, _MEANINGS.get(reason.rpartition(" ")[2], ""), examples))
        if sum(len(card.picture.source) for card in shown if card.picture) <= _PICTURE_BUDGET:
            break
    return cards, rejected


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
                # Samples give an object's id or its name; a name that two objects share identifies neither.
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
