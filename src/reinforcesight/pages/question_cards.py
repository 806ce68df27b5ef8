"""One question as a card that a person can read: picture, outlines of the objects, options, evidence in words."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from reinforcesight.data_gen.dataset.rows import Row
from reinforcesight.errors import InputError
from reinforcesight.judge.blocks import split_completion
from reinforcesight.pictures.decode import PictureError, decode_rgb
from reinforcesight.protocol import letter
from reinforcesight.relations.kinds import Axis
from reinforcesight.scene import Scene, SceneObject

if TYPE_CHECKING:
    from jinja2 import Environment

ROLES = ("subject", "reference", "anchor")


@dataclass(frozen=True, slots=True)
class Overlay:
    """An object's box over the picture, pixels of the full picture."""

    role: str
    name: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Card:
    """What a page shows of one question.

    Attributes:
        row: The question.
        split: Its split.
        picture: Data URI of a thumbnail, or ``None`` where the picture can't be read.
        width: Full picture width, pixels.
        height: Full picture height, pixels.
        overlays: The objects that the question is about.
        options: Letter, text and whether it is the right one.
        reasoning: What stands between the think tags.
        answer: What stands between the answer tags.
        facts: The evidence in plain words.
        problem: What is wrong with the row, where it can't be shown in full.
    """

    row: Row
    split: str
    picture: str | None
    width: int
    height: int
    overlays: tuple[Overlay, ...]
    options: tuple[tuple[str, str, bool], ...]
    reasoning: str
    answer: str
    facts: tuple[str, ...]
    problem: str | None = None


def make_card(row: Row, split: str, *, side: int = 448, quality: int = 80) -> Card:
    """The card of a question; ``side`` is the thumbnail's longer side in pixels, ``quality`` that of its JPEG."""
    problem: str | None = None
    overlays: tuple[Overlay, ...] = ()
    facts: tuple[str, ...] = ()
    width = height = 1
    try:
        scene = Scene.from_json(row.scene)
        width, height = scene.width, scene.height
        evidence = json.loads(row.evidence)
        people = {role: scene[evidence[role]] for role in ROLES if evidence.get(role) is not None}
        overlays = tuple(overlay(role, item) for role, item in people.items())
        facts = evidence_in_words(row, scene, evidence, people)
    except (InputError, ValueError, KeyError, TypeError, AttributeError) as error:
        problem = f"scene or evidence can't be read: {error}"
    picture = thumbnail(row.image, side=side, quality=quality)
    blocks = split_completion(row.completion)
    right = row.answer.strip("()")
    options = tuple((letter(i), text, letter(i) == right) for i, text in enumerate(row.choices[:26]))
    problem = problem or (None if picture else "the picture can't be read")
    return Card(
        row, split, picture, width, height, overlays, options, blocks.reasoning, blocks.answer, facts, problem
    )


def overlay(role: str, item: SceneObject) -> Overlay:
    """An object's box for drawing over the picture."""
    x0, y0, x1, y1 = item.box
    return Overlay(role, item.name, round(x0, 1), round(y0, 1), round(x1 - x0, 1), round(y1 - y0, 1))


def thumbnail(data: bytes, *, side: int, quality: int) -> str | None:
    """A picture as the data URI of a small JPEG, or ``None`` where it can't be read."""
    try:
        small = decode_rgb(data, max_side=side)
    except PictureError:
        return None
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=quality, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def evidence_in_words(
    row: Row, scene: Scene, evidence: Mapping[str, Any], people: Mapping[str, SceneObject]
) -> tuple[str, ...]:
    """The recorded evidence as sentences with the numbers that decide the answer."""
    values: Mapping[str, Any] = evidence.get("values") or {}
    subject, reference = people["subject"].name, people["reference"].name
    axis = Axis(evidence["axis"])
    unit = " m" if scene.depth_unit == "m" else " scene units" if scene.depth_unit else ""
    lines: list[str] = []
    first, second = values.get("subject"), values.get("reference")
    if first is not None and second is not None:
        if axis in (Axis.HORIZONTAL, Axis.VERTICAL):
            edge = "left edge" if axis is Axis.HORIZONTAL else "upper edge"
            lines.append(
                f"Box centres, from the {edge}: {subject} {first:.0%}, {reference} {second:.0%} of the picture."
            )
            if values.get("overlap") is not None:
                lines.append(f"The boxes share {values['overlap']:.0%} of the shorter side along this axis.")
        elif axis is Axis.DEPTH:
            lines.append(f"Depth: {subject} {first:.2f}{unit}, {reference} {second:.2f}{unit}.")
            if values.get("spread") is not None:
                lines.append(f"Joint spread of the two depths: {values['spread']:.2f}{unit}.")
        else:
            anchor = people["anchor"].name
            lines.append(f"From the {anchor}: {subject} {first:.2f}{unit}, {reference} {second:.2f}{unit}.")
            near, far = values.get("subject_surface"), values.get("reference_surface")
            if near is not None and far is not None:
                lines.append(f"Between the surfaces: {near:.2f}{unit} and {far:.2f}{unit}.")
    relation = evidence.get("relation", row.relation)
    lines.append(f"Holds: {subject} | {relation} | {reference}; margin {row.margin:.2f} ({_MARGINS[axis]}).")
    asked = evidence.get("asked")
    if asked is not None and asked != relation:
        lines.append(f"The question asks about the opposite: {asked}.")
    return tuple(lines)


_MARGINS = {
    Axis.HORIZONTAL: "centre distance over mean box width",
    Axis.VERTICAL: "centre distance over mean box height",
    Axis.DEPTH: "one minus near over far",
    Axis.DISTANCE: "one minus near over far",
}


@cache
def pages() -> Environment:
    """The page templates; everything that comes from data is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("reinforcesight.data_gen", "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
