"""How often a cue that a reasoning names is wrong, against the renderer's geometry.

    python benchmarks/cue_truth.py --pictures 700 --seed 11

Every picture gives up to four questions about depth or distance, worded as ``generate`` words them. Each cue in their
evidence is checked with the placed boxes, the mesh vertices, silhouettes drawn here triangle by triangle, the instance
map and the camera; no code of the package that finds, words or audits cues is used. A cue is right if what it says is
true of the rendered world, and if it agrees with the true order of depth or distance (or contradicts it where the text
says that it misleads).
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import binary_erosion, distance_transform_edt

from reinforcesight.data_gen.questions.compose import compose, find_candidates
from reinforcesight.data_gen.questions.forms import QuestionKind, ReasoningStyle
from reinforcesight.data_gen.questions.templates import load_templates
from reinforcesight.data_gen.rendering import Distribution, RenderConfig, RenderedPicture, render_picture
from reinforcesight.data_gen.rendering.distribution import STREAM
from reinforcesight.data_gen.rendering.layout import SceneLayout, draw_layout
from reinforcesight.data_gen.sources.rendered import scene_of
from reinforcesight.relations import Axis

PER_PICTURE = 4
PIXELS = 3.0  # tolerance of rows and gaps
FINE = 4  # silhouettes have so many times the picture's resolution
EXACT = 1e-6  # metres
SOFT = 0.04  # metres: things sink into blankets


class World:
    """What is true in a rendered picture."""

    def __init__(self, picture: RenderedPicture, layout: SceneLayout) -> None:
        self.picture, self.layout = picture, layout
        self.height, self.width = picture.depth.shape
        self.boxes = [item.box for item in layout.objects]

    def low(self, item: int) -> float:
        return self.boxes[item].low

    def row(self, item: int) -> float:
        """The lowest projected vertex; of an object that the picture's border cuts, the lowest row in the picture."""
        if self.picture.objects[item].truncated and (shown := self.silhouette(item, whole=True).any(axis=1)).any():
            return float(np.flatnonzero(shown)[-1] + 1) / FINE
        points = np.asarray(self.picture.objects[item].vertices, dtype=np.float64)
        camera = self.picture.camera
        points = points[points[:, 2] > 0.05]
        return float((points[:, 1] / points[:, 2] * camera.fy + camera.cy).max())

    def is_base(self, item: int, told: float) -> bool:
        """Whether a row is an object's lowest one; if part of it is hidden or cut, the lowest may be lower."""
        below, thing = self.row(item) - told, self.picture.objects[item]
        return abs(below) <= PIXELS or (below > 0 and (thing.visible_fraction < 1 or thing.truncated))

    def row_below(self, item: int) -> float:
        """The row of the floor straight below an object's middle; infinite behind the camera."""
        box, camera = self.boxes[item], self.picture.camera
        _, y, z = (np.array([box.x, box.y, 0.0]) - camera.position) @ camera.rotation
        return float(y / z * camera.fy + camera.cy) if z > 0.05 else float("inf")

    def foot_of_wall(self, item: int) -> tuple[float, float]:
        """The highest and lowest row of the floor along an object's back."""
        box, camera = self.boxes[item], self.picture.camera
        rows = []
        for side in (-box.half_x, box.half_x):
            x = box.x + np.cos(box.turn) * side - np.sin(box.turn) * box.half_y
            y = box.y + np.sin(box.turn) * side + np.cos(box.turn) * box.half_y
            _, down, ahead = (np.array([x, y, 0.0]) - camera.position) @ camera.rotation
            rows.append(float(down / ahead * camera.fy + camera.cy) if ahead > 0.05 else float("inf"))
        return min(rows), max(rows)

    def silhouette(self, item: int, *, whole: bool = False) -> np.ndarray:
        """Where an object would be seen alone, without half a pixel of its rim: bool, (H, W) times ``FINE``.

        In whole pixels, nothing would be left of the post of a far sign.
        """
        image = Image.new("1", (self.width * FINE, self.height * FINE))
        draw, camera = ImageDraw.Draw(image), self.picture.camera
        points = np.asarray(self.picture.objects[item].vertices, dtype=np.float64)
        pixels = FINE * (points[:, :2] / points[:, 2:3] * [camera.fx, camera.fy] + [camera.cx, camera.cy]) - 0.5
        for face in self.layout.objects[item].shape.faces:
            if (points[face, 2] > 0.05).all():
                draw.polygon([(float(x), float(y)) for x, y in pixels[face]], fill=1)
        shown = np.asarray(image)
        return shown if whole else np.asarray(binary_erosion(shown, iterations=FINE // 2))

    def centre(self, item: int) -> np.ndarray:
        return np.asarray(self.picture.objects[item].centre)

    def seen_sides(self, item: int) -> np.ndarray:
        """Width and height of what is seen of an object, pixels."""
        shown = np.argwhere(self.picture.instances == item)
        return np.asarray((shown.max(axis=0) - shown.min(axis=0) + 1)[::-1], dtype=np.float64)

    def real_sides(self, item: int) -> np.ndarray:
        """Width and height of an object as it is turned to the camera, metres."""
        points = np.asarray(self.picture.objects[item].vertices, dtype=np.float64)[:, :2]
        return np.asarray(points.max(axis=0) - points.min(axis=0))

    def gap(self, item: int, other: int) -> float:
        away = distance_transform_edt(self.picture.instances != other)
        return float(away[self.picture.instances == item].min()) - 1.0

    def is_carried(self, item: int) -> bool:
        """By a piece of furniture, another object, or a wall."""
        box, around = self.boxes[item], self.layout.surroundings
        return (
            any(abs(top.z - box.low) < EXACT for top in around.supports)
            or any(self.on(item, other) for other in range(len(self.boxes)) if other != item)
            or any(abs(wall.turn - box.turn) < EXACT for wall in around.walls)
        )

    def on(self, upper: int, lower: int) -> bool:
        """Whether the lower object's mesh has a surface under the middle of the upper one, where that begins."""
        a, b = self.boxes[upper], self.layout.objects[lower]
        world = b.box.to_world(b.shape.vertices * b.scale)[b.shape.faces]
        first, second = (world[:, k, :2] - world[:, 0, :2] for k in (1, 2))
        at = np.array([a.x, a.y]) - world[:, 0, :2]
        area = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
        with np.errstate(divide="ignore", invalid="ignore"):
            u = (at[:, 0] * second[:, 1] - at[:, 1] * second[:, 0]) / area
            v = (first[:, 0] * at[:, 1] - first[:, 1] * at[:, 0]) / area
            inside = (u >= 0) & (v >= 0) & (u + v <= 1)
            z = world[:, 0, 2] + u * (world[:, 1, 2] - world[:, 0, 2]) + v * (world[:, 2, 2] - world[:, 0, 2])
        return bool((np.abs(z[inside] - a.low) < SOFT).any())

    def dip(self, item: int) -> float:
        """How far the ray to the lowest vertex points down: the sine of its angle."""
        points = np.asarray(self.picture.objects[item].vertices, dtype=np.float64)
        camera = self.picture.camera
        lowest = points[np.argmax(points[:, 1] / points[:, 2])]
        return -float((camera.rotation @ (lowest / np.linalg.norm(lowest)))[2])


def holds(world: World, cue: Mapping[str, Any]) -> bool:
    """Whether what a cue says is true of the rendered world."""
    kind, a, b = cue["kind"], cue["subject"], cue["reference"]
    via, anchor = cue.get("via"), cue.get("anchor")

    def covers(first: int, second: int) -> bool:
        nearer = (world.picture.instances == first).repeat(FINE, axis=0).repeat(FINE, axis=1)
        return int((world.silhouette(second) & nearer).sum()) >= 5 * FINE * FINE

    def stands(*items: int) -> bool:
        return all(abs(world.low(item)) < EXACT for item in items)

    if kind == "covers":
        return covers(a, b)
    if kind == "chain":
        links = {
            "covers": covers,
            "rests on": world.on,
            "carries": lambda one, other: world.on(other, one),
            "ground": lambda one, other: stands(one, other) and world.row(one) > world.row(other),
        }
        return links[cue["first"]](a, via) and links[cue["second"]](via, b)
    if kind == "cut":
        below = np.argwhere(world.picture.instances == b)[:, 0].max() / world.height
        return world.picture.objects[a].truncated and world.row(a) > world.height - 0.5 and below < 0.92
    if kind == "order" and anchor is not None:
        rows = [world.row(item) for item in (anchor, a, b)]
        return stands(a, b, anchor) and sorted(rows) in (rows, rows[::-1])
    if kind == "order":
        return stands(a, b, via) and world.row(a) > world.row(via) > world.row(b)
    if kind == "eye level":
        return stands(a, b) and world.dip(a) > world.dip(b) > 0
    if kind == "same top":
        return world.on(a, via) and world.on(b, via) and world.row(a) > world.row(b)
    if kind == "size":
        seen = [int((world.picture.instances == item).sum()) for item in (a, b)]
        if cue.get("against"):  # the text may say that it is larger in real life, too
            areas = [float(np.prod(world.seen_sides(item))) for item in (a, b)]
            real = [float(np.prod(world.real_sides(item))) for item in (a, b)]
            return areas[0] > 1.3 * areas[1] and real[0] > real[1]
        real = [float(np.linalg.norm(world.picture.objects[item].size)) for item in (a, b)]
        return seen[0] > 1.2 * seen[1] and max(real) <= 1.35 * min(real)
    if kind == "usual size":
        return usual_size(world, cue)
    if kind == "one support":
        carried = world.on(b, cue["carrier"]) and cue["carrier"] != via if "carrier" in cue else stands(b)
        return world.on(a, via) and world.on(anchor, via) and carried
    if kind == "one depth":
        rows, depths = zip(*((world.row(item), world.centre(item)[2]) for item in (a, anchor)), strict=True)
        return stands(a, anchor) and abs(rows[0] - rows[1]) < 0.05 * world.height and max(depths) < 1.25 * min(depths)
    if kind == "in air":
        return stands(a) and world.low(b) > 0.04 and world.row(a) > world.row(b) - PIXELS
    if kind == "rests on":
        return world.on(a, b)
    if kind == "gap":
        gaps = world.gap(a, anchor), world.gap(b, anchor)
        told = cue["subject_gap"] * world.width, cue["reference_gap"] * world.width
        return gaps[0] < gaps[1] and all(abs(x - y) <= PIXELS for x, y in zip(gaps, told, strict=True))
    if kind == "level":
        rows = [world.row(item) / world.height for item in (a, b, anchor)]
        return stands(a, b, anchor) and abs(rows[0] - rows[2]) < 0.05 and abs(rows[1] - rows[2]) > 0.09
    if kind == "between":
        start, end, middle = world.centre(anchor), world.centre(b), world.centre(a)
        share = float((middle - start) @ (end - start) / ((end - start) @ (end - start)))
        aside = float(np.linalg.norm(middle - start - share * (end - start)))
        return 0.1 < share < 0.9 and aside <= 0.5 * float(np.linalg.norm(world.picture.objects[a].size))
    return ground(world, cue) if kind == "ground" else False


def usual_size(world: World, cue: Mapping[str, Any]) -> bool:
    """Whether one object looks larger beside the other than it is, and what the text says of both sizes."""
    a, b = cue["subject"], cue["reference"]
    seen, real = ([sides(item) for item in (a, b)] for sides in (world.seen_sides, world.real_sides))
    if cue.get("reference_side") == "height":
        # Its height without what hides it, as far as it is in the picture from side to side.
        shown = np.flatnonzero(world.silhouette(b, whole=True).any(axis=1))
        if shown[0] < FINE or shown[-1] >= FINE * world.height - FINE:
            return False
        seen[1][1] = (shown[-1] + 1 - shown[0]) / FINE
        ratios = [float(sides[0].max() / sides[1][1]) for sides in (seen, real)]
    else:
        ratios = [float(sides[0].max() / sides[1].max()) for sides in (seen, real)]
    if ratios[0] <= 1.05 * ratios[1]:
        return False
    area, real_area = (float(np.sqrt(sides[0].prod() / sides[1].prod())) for sides in (seen, real))
    norms = [float(np.linalg.norm(world.picture.objects[item].size)) for item in (a, b)]
    smaller = ratios[1] < 0.8 and real_area < 0.8 and norms[0] < 0.85 * norms[1]
    return {
        "larger": smaller and ratios[0] > 1.1 and area > 1.1,
        "alike": smaller and 0.75 < ratios[0] < 1.34 and 0.75 < area < 1.34,
        "less": smaller and ratios[0] < 0.9 and area < 0.9,
        "too large": True,
    }[cue["looks"]]


def ground(world: World, cue: Mapping[str, Any]) -> bool:
    """Whether both rows are where the objects, or what carries them, meet the floor, and in this order."""
    rows = []
    for role in ("subject", "reference"):
        item, how = cue[role], cue[f"{role}_how"]
        told = cue[f"{role}_base"] * world.height
        if how == "stands":
            true = abs(world.low(item)) < EXACT and world.is_base(item, told)
            told = world.row(item)
        elif how == "on":
            via = cue["carrier"] if role == "reference" and "carrier" in cue else cue["via"]
            true = world.on(item, via) and abs(world.low(via)) < EXACT and world.is_base(via, told)
            told = world.row(via)
        elif how == "carried":
            # The front of what carries it is nearer than its middle.
            below = min(world.row_below(item), world.foot_of_wall(item)[0])
            true = world.is_carried(item) and -PIXELS <= told - below <= 0.25 * world.height
        elif how == "wall":
            hangs = any(abs(wall.turn - world.boxes[item].turn) < EXACT for wall in world.layout.surroundings.walls)
            foot = world.foot_of_wall(item)
            # This row is not seen but follows from the floor's plane; what counts is the order of the true rows.
            true = hangs and foot[0] - PIXELS <= told <= foot[1] + PIXELS
            told = foot[0] if role == "subject" else foot[1]
        elif how == "carried, cut":
            true = world.is_carried(item) and world.row_below(item) > 0.75 * world.height
        elif how == "cut":
            true = world.row(item) > world.height - 0.5
        else:
            true = world.low(item) > -EXACT
        if not true:
            return False
        rows.append(told)
    return rows[0] > rows[1]


def agrees(world: World, evidence: Mapping[str, Any], cue: Mapping[str, Any]) -> bool:
    """Whether a cue points to the true order, or away from it where the text says that it misleads."""
    a, b, anchor = cue["subject"], cue["reference"], cue.get("anchor")
    if cue["kind"] == "rests on":
        other = ({evidence["subject"], evidence["reference"]} - {a, b}).pop()
        near = a if b == anchor else b
        return farther(world, other, near, anchor)
    if cue["kind"] == "between":
        other = ({evidence["subject"], evidence["reference"]} - {b}).pop()
        return farther(world, b, other, anchor)
    order = farther(world, b, a, anchor)
    return order is not bool(cue.get("against"))


def farther(world: World, item: int, other: int, anchor: int | None) -> bool:
    if anchor is None:
        return bool(world.centre(item)[2] > world.centre(other)[2])
    start = world.centre(anchor)
    return bool(np.linalg.norm(world.centre(item) - start) > np.linalg.norm(world.centre(other) - start))


def measure(pictures: int, seed: int, *, examples: int = 20) -> Counter[tuple[str, str]]:
    """Counts by kind of cue and outcome; prints the first wrong ones."""
    templates, style = load_templates(), ReasoningStyle()
    counts: Counter[tuple[str, str]] = Counter()
    for index in range(pictures):
        picture = render_picture(seed, index)
        scene = scene_of(picture)
        rng = random.Random(f"{seed}-{index}")
        wanted = [c for c in find_candidates(scene)[0] if c.axis in (Axis.DEPTH, Axis.DISTANCE)]
        world: World | None = None
        for candidate in rng.sample(wanted, min(PER_PICTURE, len(wanted))):
            kind = QuestionKind(
                form=rng.choice(sorted(candidate.forms)),
                relation=rng.choice([candidate.relation, candidate.relation.inverse]),
                answer_index=rng.randrange(2),
            )
            question = compose(scene, candidate, kind, templates=templates, rng=rng, style=style)
            cues = question.evidence.get("cues", [])
            counts["questions", question.task] += 1
            counts[f"questions with {len(cues)} cues", question.task] += 1
            if cues and world is None:
                stream = np.random.default_rng([seed, index, STREAM[Distribution.TRAIN]])
                layout = draw_layout(stream, Distribution.TRAIN, (scene.width, scene.height), RenderConfig())
                world = World(picture, layout)
            for cue in cues:
                assert world is not None
                name = cue["kind"] + (" (misleading)" if cue.get("against") else "")
                right = holds(world, cue) and agrees(world, question.evidence, cue)
                counts[name, "told"] += 1
                counts[name, "wrong"] += not right
                if not right and sum(n for (_, what), n in counts.items() if what == "wrong") <= examples:
                    print(f"picture {index}: {cue}\n    {question.reasoning}")
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=700)
    parser.add_argument("--seed", type=int, default=11)
    args = parser.parse_args()
    counts = measure(args.pictures, args.seed)
    print("| cue | told | wrong |\n|---|---:|---:|")
    for name in sorted({name for name, what in counts if what == "told"}):
        print(f"| {name} | {counts[name, 'told']} | {counts[name, 'wrong']} |")
    told, wrong = (sum(n for (_, what), n in counts.items() if what == word) for word in ("told", "wrong"))
    print(f"| all | {told} | {wrong} |")
    for name, task in sorted(counts):
        if name.startswith("questions"):
            print(f"{task}: {name}: {counts[name, task]}")


if __name__ == "__main__":
    main()
