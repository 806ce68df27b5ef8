"""Questions of the demo: about a rendered picture with a known scene, or about boxes that the user draws."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from reinforcesight.config import load_config
from reinforcesight.data_gen.config import GenerateConfig
from reinforcesight.data_gen.perception.geometry import Detection, build_scene
from reinforcesight.data_gen.questions.compose import Candidate, compose, find_candidates, word_question
from reinforcesight.data_gen.questions.forms import Form, QuestionKind
from reinforcesight.data_gen.questions.templates import load_templates
from reinforcesight.data_gen.source import Source
from reinforcesight.errors import InputError
from reinforcesight.pictures.decode import decode_rgb
from reinforcesight.pictures.drawing import BOX_COLOURS, Box, draw_boxes
from reinforcesight.protocol import option_lines, with_options
from reinforcesight.relations import Axis, Relation, relate
from reinforcesight.scene import ObjectId

# Kinds of questions about drawn boxes, each with the relation that gives its wording.
QUESTION_KINDS: dict[str, Relation] = {
    "left or right": Relation.LEFT,
    "above or below": Relation.ABOVE,
    "closer to the camera": Relation.IN_FRONT,
    "farther from the camera": Relation.BEHIND,
    "closer to the third object": Relation.CLOSER,
    "farther from the third object": Relation.FARTHER,
}


@dataclass(frozen=True)
class DemoQuestion:
    """A question and what is known about its picture.

    Attributes:
        picture: The picture with the boxes of the question.
        choices: The options; empty for an open question.
        scene: Scene JSON to check claims against; ``None`` if nothing is known.
        evidence: Evidence JSON, as in the data set.
        gold: Letter of the correct option; ``None`` if it is unknown.
    """

    picture: Image.Image
    question: str
    choices: tuple[str, ...]
    scene: str | None = None
    evidence: str | None = None
    gold: str | None = None

    @property
    def prompt(self) -> str:
        if not self.choices:
            return self.question
        if set(self.choices) <= {relation.value for relation in Relation}:
            return with_options(self.question, self.choices)
        return f"{self.question}\n{option_lines(self.choices)}"


def rendered_source(recipe: Path | None, seed: int) -> Source:
    """Return a source of rendered pictures with the settings of a recipe, or the default settings without one.

    Raises:
        MissingDependencyError: The extra ``rendered`` is not installed.
        ConfigError: The recipe does not exist.
    """
    from reinforcesight.data_gen.sources.rendered import RenderedSource

    settings = load_config(GenerateConfig, recipe, flags={"output": "unused"})
    return RenderedSource(seed, "held_out", settings.picture_size, settings.rendering)


def rendered_question(source: Source, number: int) -> DemoQuestion:
    """Render a picture with boxes around its objects and ask about it; ``number`` selects picture and question."""
    rng = random.Random(f"{source.fingerprint()} {number}")
    found: list[Candidate] = []
    while not found:
        picture = source.load(number)
        candidates, _ = find_candidates(picture.scene)
        found = [candidate for candidate in candidates if Form.CVBENCH_BOXES in candidate.forms]
        number += 1
    # Choose the axis first: a picture has many more candidates on some axes than on others.
    axis = rng.choice(sorted({candidate.axis for candidate in found}))
    candidate = rng.choice([candidate for candidate in found if candidate.axis is axis])
    kind = QuestionKind(
        rng.choice([candidate.relation, candidate.relation.inverse]), Form.CVBENCH_BOXES, rng.randrange(2)
    )
    made = compose(picture.scene, candidate, kind, templates=load_templates(), rng=rng)
    return DemoQuestion(
        draw_boxes(decode_rgb(picture.image), made.boxes),
        made.question,
        made.choices,
        picture.scene.to_json(),
        json.dumps(made.evidence),
        made.answer.strip("()"),
    )


def own_question(picture: Image.Image, objects: Sequence[tuple[str, Box]], kind: str) -> DemoQuestion:
    """Make a question about objects that the user named and marked.

    There is no depth, so only claims about left, right, above and below can be checked.

    Args:
        objects: Name and box (pixels, xyxy) of subject and reference, and of the third object for distances.
        kind: One of ``QUESTION_KINDS``.

    Raises:
        InputError: A name or a box is missing.
    """
    relation = QUESTION_KINDS[kind]
    count = 3 if relation.axis is Axis.DISTANCE else 2
    if len(objects) < count or not all(name.strip() for name, _ in objects[:count]):
        raise InputError(
            f"{kind!r} needs {count} objects with names and boxes, got {sum(bool(n.strip()) for n, _ in objects)}",
            fix="type a name for each box; click two opposite corners of an object to draw its box",
        )
    scene = build_scene(
        width=picture.width,
        height=picture.height,
        detections=[Detection(id=at, name=name, box=box) for at, (name, box) in enumerate(objects[:count])],
    )
    # CV-Bench draws the third object in red.
    order, anchor = ([2, 0, 1], 2) if count == 3 else ([0, 1], None)
    colours: dict[ObjectId, str] = dict(zip(order, BOX_COLOURS, strict=False))
    drawn = draw_boxes(picture, [(objects[at][1], colours[at]) for at in order])
    asked = word_question(
        scene,
        Candidate(relation.axis, 0, 1, anchor, relation, 0.0, {}, frozenset({Form.CVBENCH_BOXES})),
        QuestionKind(relation, Form.CVBENCH_BOXES, 0),
        templates=load_templates(),
        rng=random.Random(0),  # CV-Bench has one wording
        colours=colours,
    )
    holds = relate(scene, 0, 1, relation.axis, anchor=anchor, marked=True).relation
    evidence = None
    if holds is not None:
        boxes = [{"object": at, "colour": colour} for at, colour in colours.items()]
        evidence = json.dumps({"subject": 0, "reference": 1, "relation": holds.value, "boxes": boxes})
    gold = None if holds is None else "AB"[holds is not relation]
    return DemoQuestion(drawn, asked.question, asked.choices, scene.to_json(), evidence, gold)
