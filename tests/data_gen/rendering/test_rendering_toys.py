"""Composition of the toys' scenes: who may appear, where things stand, and that solids keep apart."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy.spatial import ConvexHull

from reinforcesight.data_gen.rendering import CAMERA_RANGES, COLOURS, KINDS, Distribution, RenderConfig, is_reserved
from reinforcesight.data_gen.rendering.layout import Placed, SceneLayout, draw_layout
from reinforcesight.data_gen.rendering.objects.kinds import CATALOGUE, Seat, build_shape
from reinforcesight.data_gen.rendering.raycast import RayScene

pytest.importorskip("embreex")


def layout(index: int, distribution: Distribution = Distribution.TRAIN, **choices: object) -> SceneLayout:
    rng = np.random.default_rng([21, index])
    choices = {"world": "toys", "objects_min": 4, "objects_max": 7, "min_extent": 0.07} | choices
    return draw_layout(rng, distribution, (224, 168), RenderConfig.model_validate(choices))


def world_vertices(item: Placed) -> np.ndarray:
    return item.box.to_world(item.shape.vertices * item.scale)


@pytest.fixture(scope="module")
def train() -> list[SceneLayout]:
    return [layout(i) for i in range(220)]


@pytest.fixture(scope="module")
def shifted() -> list[SceneLayout]:
    return [layout(i, Distribution.SHIFTED) for i in range(120)]


def test_names_are_many_and_distinct():
    assert len(set(KINDS)) == len(KINDS) >= 24
    assert len(set(COLOURS)) == len(COLOURS) >= 12


def test_every_kind_and_colour_is_reached(train):
    seen = [o for scene in train for o in scene.objects]
    assert {o.kind for o in seen} == set(KINDS)
    assert {o.colour for o in seen} == set(COLOURS)


def test_shifted_pairs_never_occur_in_training(train, shifted):
    assert not any(is_reserved(o.kind, o.colour) for scene in train for o in scene.objects)
    assert all(is_reserved(o.kind, o.colour) for scene in shifted for o in scene.objects)
    share = np.mean([is_reserved(kind, colour) for kind in KINDS for colour in COLOURS])
    assert 0.18 < share < 0.22
    for kind in KINDS:
        assert 2 <= sum(is_reserved(kind, colour) for colour in COLOURS) <= 3


def test_held_out_cameras_are_those_of_training_and_shifted_ones_lie_outside(train, shifted):
    assert CAMERA_RANGES[Distribution.TRAIN] == CAMERA_RANGES[Distribution.HELD_OUT]
    (usual,) = CAMERA_RANGES[Distribution.TRAIN]

    def values(scene: SceneLayout) -> tuple[float, ...]:
        camera = scene.camera
        field_of_view = np.degrees(2 * np.arctan(camera.width / 2 / camera.fx))
        return camera.metres_above_floor, camera.pitch, abs(camera.roll), float(field_of_view)

    limits = (usual.height, usual.pitch, usual.roll, usual.field_of_view)
    for scene in train:
        assert all(low - 1e-9 <= v <= high + 1e-9 for v, (low, high) in zip(values(scene), limits, strict=True))
    for scene in shifted:
        assert all(not low <= v <= high for v, (low, high) in zip(values(scene), limits, strict=True))


def test_shifted_scenes_hold_more(train, shifted):
    assert np.mean([len(s.objects) for s in shifted]) > np.mean([len(s.objects) for s in train]) + 1


def test_counts_keep_to_the_configuration(train):
    counts = [len(scene.objects) for scene in train]
    assert max(counts) == 7
    assert np.mean([count >= 4 for count in counts]) > 0.97


def test_names_repeat_at_times_only(train):
    names = [[(o.kind, o.colour) for o in scene.objects] for scene in train]
    twice = np.mean([len(set(found)) < len(found) for found in names])
    same_kind = np.mean([len({kind for kind, _ in found}) < len({*found}) for found in names])
    assert 0.03 < twice < 0.35
    assert same_kind > 0.3


def _apart(a: np.ndarray, b: np.ndarray) -> bool:
    """Independent check: the vertices are separated by a level plane or by a vertical plane along a hull's side."""
    if a[:, 2].min() >= b[:, 2].max() - 1e-6 or b[:, 2].min() >= a[:, 2].max() - 1e-6:
        return True
    for first, second in ((a, b), (b, a)):
        sides = ConvexHull(first[:, :2]).equations
        if np.any((second[:, :2] @ sides[:, :2].T + sides[:, 2]).min(axis=0) > -1e-9):
            return True
    return False


def test_solids_do_not_run_into_one_another(train, shifted):
    for scene in [*train[:60], *shifted[:40]]:
        clouds = [world_vertices(o) for o in scene.objects]
        clouds += [solid.box.corners() for solid in scene.surroundings.solids]
        for a, b in combinations(clouds, 2):
            assert _apart(a, b)


def test_everything_stands_hangs_or_flies(train):
    elevated = 0
    for scene in train:
        tops = [o.box for o in scene.objects] + [solid.box for solid in scene.surroundings.solids]
        for o in scene.objects:
            bottom = world_vertices(o)[:, 2].min()
            assert bottom == pytest.approx(o.box.low, abs=1e-9)
            if abs(bottom) < 1e-9:
                assert Seat.FLOOR in CATALOGUE[o.kind].seats
                continue
            elevated += 1
            carried = any(
                abs(box.high - bottom) < 1e-9 and box.inside(0, (-99, 99, -99, 99)) and _above(o.box, box)
                for box in tops
            )
            assert carried or CATALOGUE[o.kind].seats & (Seat.WALL | Seat.AIR)
            assert bottom > 0
    assert elevated > 0.25 * sum(len(scene.objects) for scene in train)


def _above(upper: object, lower: object) -> bool:
    """The upper box's middle is over the lower box."""
    from reinforcesight.data_gen.rendering.boxes import UprightBox

    assert isinstance(upper, UprightBox)
    assert isinstance(lower, UprightBox)
    c, s = np.cos(lower.turn), np.sin(lower.turn)
    dx, dy = upper.x - lower.x, upper.y - lower.y
    return bool(abs(c * dx + s * dy) <= lower.half_x and abs(-s * dx + c * dy) <= lower.half_y)


def test_higher_in_the_picture_is_not_always_farther(train):
    agree = []
    for scene in train:
        centres = [scene.camera.to_camera(o.box.corners()).mean(axis=0) for o in scene.objects]
        rows = [scene.camera.project(c)[1] for c in centres]
        for i, j in combinations(range(len(centres)), 2):
            agree.append((rows[i] < rows[j]) == (centres[i][2] > centres[j][2]))
    assert 0.5 < np.mean(agree) < 0.8


@pytest.mark.parametrize("kind", KINDS)
def test_the_named_colour_dominates_what_is_seen(kind):
    rng = np.random.default_rng(3)
    shares = []
    turn = CATALOGUE[kind].turn
    for angle in np.radians(np.linspace(-turn, turn, 5) * 0.8):
        shape = build_shape(kind, "red", rng)
        middle = shape.vertices - np.array([0, 0, shape.size[2] / 2])
        # A parallel view from the front, a little from above.
        c, s = np.cos(angle), np.sin(angle)
        turned = middle @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]])
        reach = float(np.linalg.norm(shape.size))
        grid = np.linspace(-reach / 2, reach / 2, 60)
        x, z = (part.reshape(-1) for part in np.meshgrid(grid, grid))
        origins = np.stack([x, np.full(x.size, -2 * reach), z + 0.5 * reach], axis=1).astype(np.float32)
        directions = np.broadcast_to(np.array([0, 1, -0.25], dtype=np.float32), origins.shape).copy()
        hits = RayScene(turned, shape.faces).first_hits(directions, origins)
        seen = hits.triangle[hits.triangle >= 0]
        assert seen.size > 30
        shares.append(shape.named[seen].mean())
    assert np.mean(shares) > 0.5


def test_chosen_kinds_colours_and_setting_are_kept():
    kinds, colours = ("ball", "chair", "sofa"), ("red", "blue", "green", "grey", "white")
    for index in range(15):
        scene = layout(index, kinds=kinds, colours=colours, setting="ground", objects_min=2, objects_max=3)
        assert scene.setting == "ground"
        assert {o.kind for o in scene.objects} <= set(kinds)
        assert {o.colour for o in scene.objects} <= set(colours)


def test_camera_choices_are_kept():
    camera = layout(0, height=1.7, pitch=12.0, roll=-3.0, field_of_view=60.0).camera
    forward = camera.rotation[:, 2]
    assert np.degrees(np.arcsin(-forward[2])) == pytest.approx(12.0)
    assert camera.position[2] == pytest.approx(1.7)
    assert camera.cx == 112.0
    # Positive roll lowers the camera's right side.
    assert camera.rotation[2, 0] > 0
    assert np.linalg.det(camera.rotation) == pytest.approx(1.0)
