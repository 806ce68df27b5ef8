"""How often a variant of ``evaluate --consistency`` has a wrong right answer, against the renderer's geometry.

    python benchmarks/consistency_truth.py --pictures 300 --workers 2

Questions of all forms are written from the scenes of rendered pictures, and their variants as ``evaluate`` asks them.
Each variant's question is read word by word by the audit's reader, which shares no code with the writer; what holds is
computed from the mesh vertices (``label_truth.py``), mirrored for the mirrored picture. Pixels decide whether a
picture is the mirror image and whether boxes have the colours that the question names.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import re
from collections import Counter
from collections.abc import Iterator
from functools import partial

import numpy as np
from label_truth import scene_of, sum_counts, true_sign, truth_of
from PIL import Image

from reinforcesight.data_gen.audit.rows import (
    Understood,
    asked_in_words,
    mask_names,
    reads_reference_first,
    right_option,
)
from reinforcesight.data_gen.questions.compose import Candidate, compose, find_candidates
from reinforcesight.data_gen.questions.forms import Form, QuestionKind
from reinforcesight.data_gen.questions.templates import load_templates
from reinforcesight.data_gen.rendering import Distribution, RenderConfig, render_picture
from reinforcesight.eval.consistency import ConsistencyRequests, parse_consistency
from reinforcesight.eval.items import Item, Request, Variant, strip_instruction
from reinforcesight.language.names import ambiguous_names
from reinforcesight.pictures.drawing import BOX_COLOURS, draw_boxes
from reinforcesight.protocol import LETTERS, Protocol, option_lines
from reinforcesight.relations import Axis, Relation
from reinforcesight.scene import Scene

PER_AXIS = 3  # pairs of each axis per picture


def check_picture(index: int, *, seed: int, size: tuple[int, int]) -> Counter[tuple[str, str]]:
    """Return (variant, "asked" or "wrong" or "wrong picture") to number of questions of one picture."""
    picture = render_picture(seed, index, Distribution.TRAIN, size, RenderConfig())
    scene, kept = scene_of(picture, picture.depth.astype(np.float64))
    assert isinstance(scene, Scene)
    truths = dict(zip((picture.objects[k].id for k in kept), (truth_of(picture)[k] for k in kept), strict=True))
    pixels = Image.fromarray(picture.picture)
    counts: Counter[tuple[str, str]] = Counter()
    for candidate, item in _items(scene, pixels, random.Random(f"{seed} {index}")):
        requests = ConsistencyRequests(parse_consistency("all"), Protocol.DIRECT)
        for request in requests.of(item):
            a, b = truths[candidate.subject], truths[candidate.reference]
            c = None if candidate.anchor is None else truths[candidate.anchor]
            smaller = true_sign(candidate.axis.value, a, b, c) < 0
            if request.variant is Variant.MIRROR and candidate.axis is Axis.HORIZONTAL:
                smaller = not smaller
            holds = candidate.axis.relations[0 if smaller else 1]
            counts[request.variant.value, "asked"] += 1
            counts[request.variant.value, "wrong"] += _expected(request, scene, candidate, holds) != request.gold
            counts[request.variant.value, "wrong picture"] += not _picture_fits(request, scene, candidate)
        counts[f"none: {', '.join(requests.left_out)}", "asked"] += bool(requests.left_out)
    return counts


def _items(scene: Scene, pixels: Image.Image, rng: random.Random) -> Iterator[tuple[Candidate, Item]]:
    candidates, _ = find_candidates(scene)
    rng.shuffle(candidates)
    for axis in Axis:
        for candidate in [c for c in candidates if c.axis is axis][:PER_AXIS]:
            for form in sorted(candidate.forms):
                kind = QuestionKind(
                    rng.choice(axis.relations), form, rng.randrange(2), rng.random() < 0.5 or form is not Form.YES_NO
                )
                question = compose(scene, candidate, kind, templates=load_templates(), rng=rng)
                buffer = io.BytesIO()
                draw_boxes(pixels, question.boxes).save(buffer, "PNG", compress_level=1)
                prompt = strip_instruction(question.prompt)
                yield (
                    candidate,
                    Item(
                        id=f"{form} {question.question}",
                        row=0,
                        prompt=prompt,
                        question=question.question,
                        choices=question.choices,
                        gold=question.answer.strip("()"),
                        task=question.task,
                        type="",
                        source="rendered",
                        source_dataset="",
                        relation=question.relation,
                        form=form,
                        read_picture=buffer.getvalue,
                        picture_sha="",
                        cluster="",
                        shows_options=option_lines(question.choices) in prompt,
                        scene=scene.to_json(),
                        evidence=json.dumps(question.evidence),
                    ),
                )


def _understood(request: Request, scene: Scene, candidate: Candidate) -> Understood:
    ids = {"subject": candidate.subject, "reference": candidate.reference, "anchor": candidate.anchor}
    objects = {role: scene[thing] for role, thing in ids.items() if thing is not None}
    alike = ambiguous_names([thing.name for thing in scene.objects])
    unique = {role: not alike[scene.index_of(thing.id)] for role, thing in objects.items()}
    drawn = {b["object"]: b["colour"] for b in json.loads(request.item.evidence or "{}")["boxes"]}
    if request.variant is Variant.COLOURS:
        colours = [*BOX_COLOURS, *BOX_COLOURS]
        drawn = {thing: colours[colours.index(colour) + 1] for thing, colour in drawn.items()}
    boxed = {role: drawn[thing.id] for role, thing in objects.items() if thing.id in drawn}
    return Understood(scene, candidate.axis, objects, boxed, unique)


def _expected(request: Request, scene: Scene, candidate: Candidate, holds: Relation) -> str | None:
    """Return the right letter by the question's words and the renderer's truth."""
    known = _understood(request, scene, candidate)
    masked = mask_names(request.question, known)
    asked = asked_in_words(masked, candidate.axis)
    names = not {*request.choices} <= {"yes", "no", *candidate.axis.relations}
    first = masked.find("role_reference") < masked.find("role_subject")
    # "closer to A than to B", "farther from A than from B"
    both_alike = len(re.findall(r"\b(?:from|to) role_(?:subject|reference)", masked)) == 2
    if not names and (first if both_alike else reads_reference_first(masked)):
        holds = holds.inverse
    index = right_option(request.choices, known, holds, asked or holds)
    if index is None or (asked is None and request.choices[0] in ("yes", "no")):
        return None
    shown = dict(line[1:].split(") ", 1) for line in request.text.splitlines() if line[:1] == "(" and line[2:3] == ")")
    if shown and shown != dict(zip(LETTERS, request.choices, strict=False)):
        return None
    return LETTERS[index]


def _picture_fits(request: Request, scene: Scene, candidate: Candidate) -> bool:
    before, after = (np.asarray(Image.open(io.BytesIO(p or b""))) for p in (request.item.picture, request.picture))
    if request.variant is Variant.MIRROR:
        return bool(np.array_equal(after, before[:, ::-1]))
    if request.variant is not Variant.COLOURS:
        return bool(np.array_equal(after, before))
    known = _understood(request, scene, candidate)
    for role, colour in known.boxed.items():
        x0, y0, x1, y1 = (round(v) for v in known.objects[role].box)
        x0, y0, x1, y1 = max(0, x0), max(0, y0), min(scene.width, x1) - 1, min(scene.height, y1) - 1
        # Another box may cover some corners.
        corners = {tuple(int(v) for v in after[y, x][:3]) for y in (y0, y1) for x in (x0, x1)}
        if f"{colour} box" not in request.question or BOX_COLOURS[colour] not in corners:
            return False
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    work = partial(check_picture, seed=arguments.seed, size=(320, 240))
    total = sum_counts(work, arguments.pictures, arguments.workers)
    print("| variant | questions | wrong | wrong picture |")
    print("|---|---|---|---|")
    for variant in sorted({name for name, _ in total}):
        print(f"| {variant} | {' | '.join(str(total[variant, w]) for w in ('asked', 'wrong', 'wrong picture'))} |")


if __name__ == "__main__":
    main()
