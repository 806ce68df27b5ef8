"""Rendered pictures: the truth they come with is exact, and each depends on its own arguments alone."""

from __future__ import annotations

import hashlib
import multiprocessing
import subprocess
import sys

import numpy as np
import pytest

from reinforcesight.data_gen.rendering import Distribution, RenderConfig, RenderedPicture, is_reserved, render_picture
from reinforcesight.data_gen.rendering.layout import draw_layout
from reinforcesight.data_gen.rendering.objects.primitives import _unit_sphere
from reinforcesight.data_gen.rendering.raycast import RayScene, exact_depth, triangle_planes
from reinforcesight.data_gen.rendering.shading import gather
from reinforcesight.errors import ConfigError, MissingDependencyError

pytest.importorskip("embreex")

SIZE = (160, 120)


def digest(picture: RenderedPicture) -> str:
    parts = [picture.picture, picture.depth, picture.instances, picture.camera.world_from_camera]
    parts += [array for o in picture.objects for array in (o.vertices, o.centre, o.size)]
    text = repr([(o.name, o.visible_pixels, o.full_pixels, o.truncated) for o in picture.objects])
    return hashlib.sha256(b"".join(part.tobytes() for part in parts) + text.encode()).hexdigest()


def unproject(picture: RenderedPicture) -> np.ndarray:
    """World position (H, W, 3) of every pixel centre, from the recorded depth and camera alone."""
    camera = picture.camera
    rows, columns = np.mgrid[0 : camera.height, 0 : camera.width]
    rays = np.stack(
        [(columns + 0.5 - camera.cx) / camera.fx, (rows + 0.5 - camera.cy) / camera.fy, np.ones(rows.shape)],
        axis=-1,
    )
    points = rays * picture.depth[..., None].astype(np.float64)
    return points @ camera.world_from_camera[:3, :3].T + camera.world_from_camera[:3, 3]


@pytest.fixture(scope="module")
def pictures() -> list[RenderedPicture]:
    found = [render_picture(5, i, Distribution.TRAIN, SIZE) for i in range(16)]
    return found + [render_picture(5, i, Distribution.SHIFTED, SIZE) for i in range(8)]


def test_the_same_item_is_the_same_to_the_bit(pictures):
    # Out of order, and in a fresh interpreter.
    for index in (11, 2):
        assert digest(render_picture(5, index, Distribution.TRAIN, SIZE)) == digest(pictures[index])
    code = (
        "import sys; sys.path.insert(0, 'tests/data_gen/rendering'); from test_rendering import *\n"
        "print(digest(render_picture(5, 3, Distribution.TRAIN, SIZE)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == digest(pictures[3])


def _digest_of_item(index: int) -> str:
    return digest(render_picture(5, index, Distribution.TRAIN, SIZE))


def test_a_forked_worker_renders_the_same(pictures):
    if "fork" not in multiprocessing.get_all_start_methods():
        pytest.skip("no fork here")
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.apply_async(_digest_of_item, (4,)).get(timeout=60) == digest(pictures[4])


def test_items_seeds_and_distributions_differ(pictures):
    others = [
        render_picture(5, 0, Distribution.HELD_OUT, SIZE),
        render_picture(6, 0, Distribution.TRAIN, SIZE),
    ]
    assert len({digest(p) for p in [*pictures, *others]}) == len(pictures) + 2


def test_masks_and_depth_agree_with_brute_force():
    """Every triangle against a sample of pixels, in double precision, without Embree."""
    for index in range(3):
        distribution = Distribution.SHIFTED if index == 2 else Distribution.TRAIN
        picture = render_picture(8, index, distribution, SIZE)
        stream = {Distribution.TRAIN: 0, Distribution.SHIFTED: 2}[distribution]
        layout = draw_layout(np.random.default_rng([8, index, stream]), distribution, SIZE, RenderConfig())
        triangles, _ = gather(layout)
        a, b, c = (triangles.vertices[triangles.faces[:, k]] for k in range(3))
        rng = np.random.default_rng(index)
        rows, columns = rng.integers(SIZE[1], size=150), rng.integers(SIZE[0], size=150)
        agreed = 0
        for row, column in zip(rows, columns, strict=True):
            camera = picture.camera
            d = np.array([(column + 0.5 - camera.cx) / camera.fx, (row + 0.5 - camera.cy) / camera.fy, 1.0])
            p = np.cross(d, c - a)
            with np.errstate(divide="ignore", invalid="ignore"):
                scale = 1 / np.einsum("ij,ij->i", b - a, p)
                u = -np.einsum("ij,ij->i", a, p) * scale
                q = np.cross(-a, b - a)
                v = (q @ d) * scale
                z = np.einsum("ij,ij->i", c - a, q) * scale
            z = np.where((u >= 0) & (v >= 0) & (u + v <= 1) & (z > 0), z, np.inf)
            first = int(np.argmin(z))
            expected = (-1, 0.0) if np.isinf(z[first]) else (int(triangles.instance[first]), z[first])
            if picture.instances[row, column] == expected[0]:
                agreed += 1
                assert picture.depth[row, column] == pytest.approx(expected[1], rel=2e-6)
        # A ray within rounding of a silhouette may fall on either side.
        assert agreed >= 148


def test_depth_of_the_open_ground_is_the_plane(pictures):
    checked = 0
    for picture in pictures:
        if picture.setting != "street":
            continue
        world = unproject(picture)
        seen = (picture.instances < 0) & (picture.depth > 0)
        ground = seen & (np.abs(world[..., 2]) < 1e-3 * np.maximum(1, picture.depth))
        up = picture.camera.world_from_camera[2, :3]
        rows, columns = np.nonzero(ground)
        camera = picture.camera
        rays = np.stack(
            [
                (columns + 0.5 - camera.cx) / camera.fx,
                (rows + 0.5 - camera.cy) / camera.fy,
                np.ones(rows.size),
            ],
            1,
        )
        expected = -camera.world_from_camera[2, 3] / (rays @ up)
        off = np.abs(picture.depth[ground] / expected - 1)
        # Only what stands on the ground may differ, by less than the band that selects it: far away, a low angle makes
        # a small height a long way.
        assert np.mean(off < 2e-7) > 0.99
        height, depth = camera.world_from_camera[2, 3], picture.depth[ground]
        assert np.all(off < 1.001e-3 * np.maximum(1, depth) / height)
        assert off[depth < 50 * height].max() < 0.05
        assert not np.any(seen & (world[..., 2] < -1e-3 * np.maximum(1, picture.depth)))
        checked += rows.size
    assert checked > 20_000


def test_exact_depth_of_a_tilted_plane_and_of_a_ball():
    normal, offset = np.array([0.3, -0.2, 1.0]), 2.5
    corners = np.array(
        [(x, y, (offset - 0.3 * x + 0.2 * y)) for x, y in ((-9, -9), (9, -9), (9, 9), (-9, 9))],
        dtype=np.float64,
    )
    faces = np.array([[0, 1, 2], [0, 2, 3]], dtype=np.int32)
    rays = np.ones((500, 3), dtype=np.float32)
    rays[:, :2] = np.random.default_rng(0).uniform(-0.6, 0.6, (500, 2))
    hits = RayScene(corners, faces).first_hits(rays)
    depth = exact_depth(hits, rays.astype(np.float64), triangle_planes(corners, faces))
    np.testing.assert_allclose(depth, offset / (rays.astype(np.float64) @ normal), rtol=1e-12)

    ball = _unit_sphere(96)
    points = ball.vertices * 0.7 + np.array([0.1, 0.2, 3.0])
    hits = RayScene(points, ball.faces).first_hits(rays)
    depth = exact_depth(hits, rays.astype(np.float64), triangle_planes(points, ball.faces))
    met = depth > 0
    d = rays.astype(np.float64)
    towards = d @ np.array([0.1, 0.2, 3.0])
    inside = towards**2 - (d**2).sum(1) * (0.01 + 0.04 + 9.0 - 0.49)
    clear = inside > 0.3  # away from the rim, where facets matter most
    assert met[clear].all()
    assert not met[inside < 0].any()
    analytic = (towards[clear] - np.sqrt(inside[clear])) / (d[clear] ** 2).sum(1)
    assert np.abs(depth[clear] - analytic).max() < 2e-3
    assert np.count_nonzero(clear) > 20


def test_projected_vertices_bound_the_mask(pictures):
    checked = 0
    for picture in pictures:
        camera = picture.camera
        for o in picture.objects:
            rows, columns = np.nonzero(picture.instances == o.id)
            pixels = camera.project(o.vertices.astype(np.float64))
            low, high = pixels.min(0), pixels.max(0)
            if rows.size == 0:
                continue
            assert columns.min() + 0.5 >= low[0] - 1e-3
            assert columns.max() + 0.5 <= high[0] + 1e-3
            assert rows.min() + 0.5 >= low[1] - 1e-3
            assert rows.max() + 0.5 <= high[1] + 1e-3
            outside = bool((low < 0).any() or high[0] > camera.width or high[1] > camera.height)
            assert o.truncated == outside
            depth = picture.depth[rows, columns]
            assert depth.min() >= o.vertices[:, 2].min() * (1 - 1e-5)
            assert depth.max() <= o.vertices[:, 2].max() * (1 + 1e-5)
            checked += 1
    assert checked > 100


def test_visible_fractions(pictures):
    for picture in pictures:
        for o in picture.objects:
            assert o.visible_pixels == np.count_nonzero(picture.instances == o.id)
            assert o.visible_pixels <= o.full_pixels
            assert o.full_pixels > 0
            assert o.visible_fraction == o.visible_pixels / o.full_pixels
    fractions = np.array([o.visible_fraction for p in pictures for o in p.objects])
    assert 0.4 < (fractions == 1).mean() < 0.95


def test_an_object_alone_is_wholly_visible():
    config = RenderConfig(objects_min=1, objects_max=1, setting="ground", kinds=("street bin", "pedestrian"))
    alone = 0
    for index in range(12):
        picture = render_picture(2, index, Distribution.TRAIN, SIZE, config)
        near = {o.id: o.vertices[:, 2].min() for o in picture.objects}
        for o in picture.objects:
            # Plain furnishing may stand in front; then its depth shows within the object's box.
            pixels = picture.camera.project(o.vertices.astype(np.float64))
            x0, y0 = np.maximum(np.floor(pixels.min(0)).astype(int), 0)
            x1, y1 = np.ceil(pixels.max(0)).astype(int)
            around = picture.depth[y0:y1, x0:x1]
            if np.all((around == 0) | (around >= near[o.id] * (1 - 1e-5))):
                assert o.visible_fraction == 1.0
                alone += 1
    assert alone >= 6


@pytest.mark.parametrize(("pitch", "roll"), [(None, None), (15.0, 0.0), (0.0, 6.0), (-5.0, -6.0)])
def test_a_wall_that_fills_the_view(pitch, roll):
    config = RenderConfig(wall_fills_view=True, pitch=pitch, roll=roll)
    for index in range(4):
        picture = render_picture(4, index, Distribution.TRAIN, SIZE, config)
        if pitch is not None:
            assert (picture.camera.pitch, picture.camera.roll) == (pitch, roll)
        assert picture.depth.min() > 0
        assert unproject(picture)[..., 2].min() > 0.02  # no floor
        assert len(picture.objects) >= 2


def test_the_sky_has_no_reading(pictures):
    heights = [unproject(p)[p.depth > 0][:, 2].min() for p in pictures]
    assert min(heights) > -0.05
    assert any((p.depth == 0).any() for p in pictures if p.setting == "street")
    assert all((p.depth > 0).all() for p in pictures if p.setting != "street")
    assert all((p.instances[p.depth == 0] == -1).all() for p in pictures)


def test_shadows_and_antialiasing_leave_the_truth_alone(pictures):
    plain = render_picture(5, 1, Distribution.TRAIN, SIZE, RenderConfig(shadows=False, antialias=1))
    assert np.array_equal(plain.depth, pictures[1].depth)
    assert np.array_equal(plain.instances, pictures[1].instances)
    assert not np.array_equal(plain.picture, pictures[1].picture)


def test_what_is_refused(monkeypatch):
    with pytest.raises(ConfigError, match="negative"):
        render_picture(-1, 0)
    with pytest.raises(ConfigError, match="pixels"):
        render_picture(0, 0, size=(4, 4))
    # One pair belongs either to training or to the shifted distribution.
    reserved = Distribution.TRAIN if is_reserved("ball", "red") else Distribution.SHIFTED
    with pytest.raises(ConfigError, match="no pair"):
        render_picture(0, 0, reserved, SIZE, RenderConfig(world="toys", kinds=("ball",), colours=("red",)))
    with pytest.raises(ConfigError, match="chosen colours"):
        render_picture(0, 0, size=SIZE, config=RenderConfig(kinds=("refrigerator",), colours=("purple",)))
    with pytest.raises(ValueError, match="is a place"):
        RenderConfig(world="toys", setting="kitchen")
    with pytest.raises(ValueError, match="unknown kinds"):
        RenderConfig(kinds=("unicorn",))
    with pytest.raises(ValueError, match="objects_min"):
        RenderConfig(objects_min=5, objects_max=3)
    monkeypatch.setitem(sys.modules, "embreex", None)
    monkeypatch.delitem(sys.modules, "embreex.rtcore_scene", raising=False)
    with pytest.raises(MissingDependencyError, match=r"pip install .*\[rendered\]"):
        render_picture(0, 0, size=SIZE)
