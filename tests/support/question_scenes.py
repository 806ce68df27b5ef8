"""Random scenes with known geometry for the tests of questions, and the truth read from them in a few lines."""

from __future__ import annotations

import random

from reinforcesight.data_gen.questions.compose import Candidate, Question, compose, find_candidates
from reinforcesight.data_gen.questions.forms import Form, QuestionKind
from reinforcesight.data_gen.questions.templates import load_templates
from reinforcesight.relations import Axis
from reinforcesight.scene import Camera, Floor, Scene, SceneObject

NAMES = (
    *("red chair", "table", "floor lamp", "scissors", "sofa", "potted plant", "tv", "pair of shoes", "stairs"),
    *("yellow bicycle", "blue ball", "person", "dog", "traffic light", "green bottle", "books", "wine glass", "bus"),
)
OPPOSITE = {"left": "right", "above": "below", "in front": "behind", "closer": "farther"}
OPPOSITE |= {other: one for one, other in OPPOSITE.items()}


def random_scene(rng: random.Random, *, doubles: bool = True) -> Scene:
    """Four to seven boxes with depth; in some scenes a name occurs twice."""
    width, height, focal = 640, 480, 500.0
    count = rng.randint(4, 7)
    names = rng.sample(NAMES, count)
    if doubles and rng.random() < 0.4:
        names[1] = names[0]
    if doubles and rng.random() < 0.2:
        names[2] = "chair"
    objects = []
    for index in range(count):
        w, h = rng.uniform(30, 160), rng.uniform(30, 160)
        x, y, z = rng.uniform(0, width - w), rng.uniform(0, height - h), rng.uniform(1, 9)
        centre = ((x + w / 2 - 320) * z / focal, (y + h / 2 - 240) * z / focal, z)
        objects.append(
            SceneObject(
                id=f"o{index}",
                name=names[index],
                box=(x, y, x + w, y + h),
                depth=z,
                depth_spread=0.02 * z,
                centre=centre,
                thickness=0.1,
                valid_depth_fraction=1.0,
                masked=True,
            )
        )
    surfaces = tuple(tuple(0.8 * distance(a, b) for b in objects) for a in objects)
    return Scene(
        width=width,
        height=height,
        depth_unit="m",
        camera=Camera(fx=focal, fy=focal, cx=320, cy=240),
        objects=tuple(objects),
        surface_distances=surfaces,
        floor=Floor(found=rng.random() < 0.5),
    )


def distance(a: SceneObject, b: SceneObject) -> float:
    return sum((p - q) ** 2 for p, q in zip(a.centre, b.centre, strict=True)) ** 0.5


def truth(scene: Scene, relation: str, subject, reference, anchor=None) -> bool:
    """Whether "subject RELATION reference" is so, from boxes and positions alone."""
    a, b = scene[subject], scene[reference]
    if relation in ("left", "right"):
        gap = (a.box[0] + a.box[2]) - (b.box[0] + b.box[2])
    elif relation in ("above", "below"):
        gap = (a.box[1] + a.box[3]) - (b.box[1] + b.box[3])
    elif relation in ("in front", "behind"):
        gap = a.depth - b.depth
    else:
        gap = distance(a, scene[anchor]) - distance(b, scene[anchor])
    return gap < 0 if relation in ("left", "above", "in front", "closer") else gap > 0


def random_question(
    rng: random.Random, *, form: Form | None = None, axis: Axis | None = None, **scene_options
) -> tuple[Scene, Candidate, Question, QuestionKind]:
    """A question about a random scene, with the candidate and the kind that it was composed from."""
    axis = axis or rng.choice(list(Axis))
    while True:
        scene = random_scene(rng, **scene_options)
        fitting = [c for c in find_candidates(scene)[0] if c.axis is axis and (form is None or form in c.forms)]
        if fitting:
            break
    candidate = rng.choice(fitting)
    kind = QuestionKind(
        form=form or rng.choice(sorted(candidate.forms)),
        relation=rng.choice([candidate.relation, candidate.relation.inverse]),
        answer_index=rng.randint(0, 1),
        affirm=rng.random() < 0.5,
    )
    return scene, candidate, compose(scene, candidate, kind, templates=load_templates(), rng=rng), kind
