"""A small sound data set with random scenes, for tests that read, check or show one."""

from __future__ import annotations

import dataclasses
import io
import itertools
import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image, ImageDraw

from reinforcesight.data_gen.dataset.rows import Row, arrow_schema
from reinforcesight.data_gen.questions.compose import compose, find_candidates
from reinforcesight.data_gen.questions.forms import Form, QuestionKind
from reinforcesight.data_gen.questions.templates import load_templates
from reinforcesight.pictures.drawing import draw_boxes
from reinforcesight.relations import Axis
from reinforcesight.scene import Camera, Scene, SceneObject

WIDTH, HEIGHT = 160, 120
NOUNS = ("chair", "table", "lamp", "sofa", "bottle", "vase", "clock", "basket")
COLOURS = {"red": (200, 40, 40), "green": (40, 160, 60), "blue": (40, 80, 200), "yellow": (220, 200, 40)}


def make_picture(number: int, seed: int = 0) -> tuple[Scene, bytes]:
    """A random scene of six objects, and its picture."""
    rng = np.random.default_rng([seed, number])
    camera = Camera(fx=150, fy=150, cx=WIDTH / 2, cy=HEIGHT / 2)
    image = Image.new("RGB", (WIDTH, HEIGHT), tuple(int(v) for v in rng.integers(90, 250, 3)))
    painter = ImageDraw.Draw(image)
    for _ in range(12):  # a background by which pictures differ
        x, y = rng.integers(0, WIDTH), rng.integers(0, HEIGHT)
        painter.ellipse([x - 25, y - 25, x + 25, y + 25], fill=tuple(int(v) for v in rng.integers(0, 255, 3)))
    names = [f"{colour} {noun}" for colour, noun in itertools.product(COLOURS, NOUNS)]
    chosen = [str(name) for name in rng.choice(names, 6, replace=False)]
    places = rng.permutation(12)[:6]
    depths = 1.0 * 1.6 ** rng.permutation(6)
    objects = []
    for index, (name, place, z) in enumerate(zip(chosen, places, depths, strict=True)):
        x0, y0 = float(place % 4 * 40 + rng.integers(2, 14)), float(place // 4 * 40 + rng.integers(2, 14))
        box = (x0, y0, x0 + 22, y0 + 22)
        painter.rectangle(box, fill=COLOURS[name.split()[0]])
        x, y = (x0 + 11 - camera.cx) / camera.fx * z, (y0 + 11 - camera.cy) / camera.fy * z
        item = SceneObject(id=index + 1, name=name, box=box, category=name.split()[1], depth=float(z))
        values = {
            "depth_spread": 0.01,
            "valid_depth_fraction": 1.0,
            "thickness": 0.02,
            "visible_fraction": 1.0,
        }
        objects.append(item.model_copy(update={**values, "centre": (float(x), float(y), float(z))}))
    scene = Scene(width=WIDTH, height=HEIGHT, depth_unit="m", camera=camera, objects=tuple(objects))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return scene, buffer.getvalue()


def make_rows(pictures: Sequence[int], *, per_axis: int = 3, seed: int = 0, source: str = "rendered") -> list[Row]:
    """Balanced questions about some random pictures."""
    templates = load_templates()
    cells = {axis: itertools.cycle(itertools.product(Form, (True, False), (0, 1), (0, 1))) for axis in Axis}
    rows = []
    for number in pictures:
        scene, image = make_picture(number, seed)
        candidates, _ = find_candidates(scene)
        rng = random.Random(f"{seed} {number}")
        rng.shuffle(candidates)
        serial = itertools.count()
        for axis in Axis:
            for candidate in [c for c in candidates if c.axis is axis][:per_axis]:
                form, affirm, direction, answer_index = next(cells[axis])
                relation = candidate.axis.relations[direction]
                kind = QuestionKind(relation, form, answer_index, affirm or form is not Form.YES_NO)
                question = compose(scene, candidate, kind, templates=templates, rng=rng)
                shown = image
                if question.boxes:
                    buffer = io.BytesIO()
                    draw_boxes(Image.open(io.BytesIO(image)), question.boxes).save(buffer, "PNG")
                    shown = buffer.getvalue()
                row_id = f"{source}-{number:07d}-{next(serial)}"
                rows.append(
                    Row(
                        id=row_id,
                        image=shown,
                        image_name=f"{row_id}.png",
                        prompt=question.prompt,
                        completion=question.completion,
                        question=question.question,
                        choices=question.choices,
                        answer=question.answer,
                        answer_text=question.answer_text,
                        relation=question.relation.value,
                        task=question.task,
                        form=question.form.value,
                        scene=scene.to_json(),
                        evidence=json.dumps(question.evidence),
                        margin=question.margin,
                        source=source,
                        source_id=f"{source}-{number}",
                    )
                )
    return rows


def write_dataset(root: Path, splits: Mapping[str, Sequence[Row]]) -> Path:
    """Write rows as the Parquet files of a data set."""
    (root / "data").mkdir(parents=True, exist_ok=True)
    for split, rows in splits.items():
        table = pa.Table.from_pylist([row.to_columns() for row in rows], schema=arrow_schema())
        pq.write_table(table, root / "data" / f"{split}-00000-of-00001.parquet", row_group_size=50)
    return root


def change(row: Row, **values: object) -> Row:
    """A copy of a row with other values."""
    return dataclasses.replace(row, **values)
