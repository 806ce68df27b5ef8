"""What the embedded model can do after pretraining: name and place objects, point at them, find letters."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from typing import Any

from PIL import Image

from nano.scenes import PretrainingScene
from nano.tasks import SeenObject, choose_present, describe, look_up, point_out, seen_objects
from reinforcesight.data_gen.questions.reasoning import POSITION_WORDS, nearness_words
from reinforcesight.data_gen.rendering import RenderConfig
from reinforcesight.model.chat import generate_text
from reinforcesight.relations import Axis

# A centre this near to the border of two bands of places (share of the picture) may be told as either.
BORDER = 0.02
_POINT = re.compile(r"<point>(\d\d) (\d\d) (\d\d)</point>")


def score(
    model: Any,
    processor: Any,
    scenes: Sequence[PretrainingScene],
    options: RenderConfig,
    *,
    seed: int = 0,
    batch_size: int = 64,
) -> dict[str, float]:
    """Ask a model about held-out scenes; all figures are shares, but those that say otherwise.

    ``named``: objects in the description under their colour and kind. ``placed``: those whose place across and down
    is right too, a centre within ``BORDER`` of two bands counting for both. ``placed_strictly``: without that.
    ``near``: objects named whose nearness is right. ``invented``: described objects that aren't there.
    ``pointed``: pointed at within a tenth of the picture; ``pointing_error``: mean distance of the point from the
    centre of the box, in shares of the picture. ``present``, ``letters``: right answers to questions with two
    options about the picture, and with two to four in a text.
    """
    rng = random.Random(seed)
    objects = [seen_objects(scene, options) for scene in scenes]
    pictures = [Image.fromarray(scene.picture) for scene in scenes]
    told = _ask(model, processor, [describe(o, rng)[0] for o in objects], pictures, 160, batch_size)
    tally = dict.fromkeys(("all", "named", "placed", "strict", "near", "told"), 0)
    for there, text in zip(objects, told, strict=True):
        _read_description(there, text, tally)
    points = [(rng.choice(o), i) for i, o in enumerate(objects) if o]
    asked = [point_out(item, rng)[0] for item, _ in points]
    answers = _ask(model, processor, asked, [pictures[i] for _, i in points], 16, batch_size)
    errors = [_pointing_error(item, text) for (item, _), text in zip(points, answers, strict=True)]
    choices = [(choose_present(o, options, rng), i) for i, o in enumerate(objects) if o]
    answers = _ask(model, processor, [t[0] for t, _ in choices], [pictures[i] for _, i in choices], 80, batch_size)
    present = [_same_answer(text, turn[1]) for (turn, _), text in zip(choices, answers, strict=True)]
    lookups = [look_up(options, rng) for _ in scenes]
    answers = _ask(model, processor, [t[0] for t in lookups], [None] * len(lookups), 80, batch_size)
    letters = [_same_answer(text, turn[1]) for turn, text in zip(lookups, answers, strict=True)]
    return {
        "named": tally["named"] / tally["all"],
        "placed": tally["placed"] / tally["all"],
        "placed_strictly": tally["strict"] / tally["all"],
        "near": tally["near"] / max(1, tally["named"]),
        "invented": 1 - tally["named"] / max(1, tally["told"]),
        "pointed": sum(e <= 0.1 for e in errors) / len(errors),
        "pointing_error": sum(errors) / len(errors),
        "present": sum(present) / len(present),
        "letters": sum(letters) / len(letters),
        "objects": float(tally["all"]),
    }


def _ask(
    model: Any,
    processor: Any,
    questions: Sequence[str],
    pictures: Sequence[Image.Image | None],
    length: int,
    batch_size: int,
) -> list[str]:
    answers = generate_text(model, processor, questions, pictures, length, batch_size=batch_size)
    return [answer.text for answer in answers]


def _read_description(there: Sequence[SeenObject], text: str, tally: dict[str, int]) -> None:
    sentences: dict[str, str] = {}
    for sentence in text.split("."):
        match = re.fullmatch(r"\s*The (\w+ \w+) is (.+)", sentence)
        if match:
            tally["told"] += 1
            sentences.setdefault(match.group(1), match.group(2))
    for item in there:
        tally["all"] += 1
        place = sentences.get(item.name)
        if place is None:
            continue
        tally["named"] += 1
        tally["near"] += place.endswith(f", {nearness_words(item.depth)}")
        shares = ((Axis.HORIZONTAL, item.across), (Axis.VERTICAL, item.down))
        tally["strict"] += all(_says(place, axis, {_band(share)}) for axis, share in shares)
        tally["placed"] += all(
            _says(place, axis, {_band(share - BORDER), _band(share), _band(share + BORDER)}) for axis, share in shares
        )


def _band(share: float) -> int:
    return min(4, max(0, int(5 * share)))


def _says(text: str, axis: Axis, bands: set[int]) -> bool:
    """Whether a place along an axis is told, as one of the bands."""
    told = [
        (len(words), band)
        for band, phrases in enumerate(POSITION_WORDS[axis])
        for words in phrases
        if words in text.split(", ")
    ]
    return bool(told) and max(told)[1] in bands


def _pointing_error(item: SeenObject, text: str) -> float:
    match = _POINT.search(text)
    if match is None:
        return 1.0
    across, down = (int(match.group(i)) / 100 + 0.005 for i in (1, 2))
    return float(((across - item.across) ** 2 + (down - item.down) ** 2) ** 0.5)


def _same_answer(text: str, right: str) -> bool:
    """Whether the answer, without the thought before it, is the right one."""
    return text.split("</think>")[-1].strip() == right.split("</think>")[-1].strip()
