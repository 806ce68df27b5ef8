"""A street seen by a level camera, drawn by hand: what covers, carries and stands where is known."""

from __future__ import annotations

import numpy as np

from reinforcesight.data_gen.perception.geometry import Detection, build_scene
from reinforcesight.scene import Camera, Scene

WIDTH, HEIGHT, FOCAL, HORIZON, CAMERA_HEIGHT = 400, 320, 300.0, 160, 1.5


def foot_row(depth: float) -> int:
    """Row of the floor at a depth."""
    return HORIZON + round(FOCAL * CAMERA_HEIGHT / depth)


def street() -> Scene:
    """A post before a wall, both on the ground; a kite in the air; a vase on a pedestal that is no object; a far tree.

    Upright things are planes of one depth. The tree stands at 9 m, the wall at 8 m, the vase at 5 m, the post at 4 m,
    the kite hovers at 3 m.
    """
    rows = np.arange(HEIGHT)[:, None] + 0.5
    floor = FOCAL * CAMERA_HEIGHT / np.maximum(rows - HORIZON, 1.0)
    depth = np.where(rows > HORIZON + 16, floor, 0.0) * np.ones((HEIGHT, WIDTH))
    masks: dict[str, np.ndarray] = {}

    def put(name: str | None, z: float, columns: tuple[int, int], top: int, bottom: int) -> None:
        area = np.zeros((HEIGHT, WIDTH), dtype=bool)
        area[top:bottom, columns[0] : columns[1]] = True
        for other in masks.values():
            other &= ~area
        depth[area] = z
        if name is not None:
            masks[name] = area

    put("tree", 9.0, (20, 60), 120, foot_row(9.0))
    put("wall", 8.0, (120, 220), 140, foot_row(8.0))
    put(None, 5.0, (260, 320), 200, foot_row(5.0))
    put("vase", 5.0, (270, 310), 152, 200)
    put("post", 4.0, (180, 240), 100, foot_row(4.0))
    put("kite", 3.0, (340, 390), 180, 240)
    seen = {"wall": 0.97}
    detections = [
        Detection(
            id=index, name=name, box=_box(mask), mask=mask, truncated=False, visible_fraction=seen.get(name, 1.0)
        )
        for index, (name, mask) in enumerate(masks.items())
    ]
    camera = Camera(fx=FOCAL, fy=FOCAL, cx=WIDTH / 2, cy=float(HORIZON))
    return build_scene(
        width=WIDTH, height=HEIGHT, detections=detections, depth=depth.astype(np.float32), camera=camera
    )


def _box(mask: np.ndarray) -> tuple[float, float, float, float]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)


def id_of(scene: Scene, name: str) -> int:
    return next(int(item.id) for item in scene.objects if item.name == name)
