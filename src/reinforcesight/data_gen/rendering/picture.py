"""Render pictures with exact ground truth."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reinforcesight.arrays import Float32Array, FloatArray, Uint8Array
from reinforcesight.data_gen.rendering.camera import PinholeCamera
from reinforcesight.data_gen.rendering.config import RenderConfig
from reinforcesight.data_gen.rendering.distribution import STREAM, Distribution
from reinforcesight.data_gen.rendering.layout import SceneLayout, draw_layout
from reinforcesight.data_gen.rendering.palette import to_display
from reinforcesight.data_gen.rendering.raycast import Hits, RayScene, exact_depth, triangle_planes
from reinforcesight.data_gen.rendering.shading import Triangles, gather, shade
from reinforcesight.errors import ConfigError
from reinforcesight.scene import ObjectId


@dataclass(frozen=True)
class RenderedObject:
    """Named object of a rendered picture.

    Attributes:
        id: Value of the object's pixels in the picture's ``instances``.
        name: Colour and kind, such as "red chair"; sometimes two objects have the same name.
        full_pixels: Number of pixels in the frame that the object would cover without other objects.
        visible_fraction: visible_pixels / full_pixels.
        truncated: Whether the object's silhouette crosses the border of the frame.
        hidden_by: Number of its pixels that each other object hides.
        vertices: (V, 3) camera frame, metres.
        centre: (3,) centre of the bounding box, camera frame, metres. The box is upright and rotated with the object.
        size: (3,) width, depth (front to back) and height of the bounding box, metres.
    """

    id: int
    kind: str
    colour: str
    name: str
    visible_pixels: int
    full_pixels: int
    visible_fraction: float
    hidden_by: dict[ObjectId, int]
    truncated: bool
    vertices: Float32Array
    centre: FloatArray
    size: FloatArray


@dataclass(frozen=True)
class RenderedPicture:
    """Picture and the scene that it shows.

    Attributes:
        setting: "room" or "ground".
        picture: (H, W, 3) uint8 sRGB.
        depth: (H, W) z at pixel centres, metres; 0 means no value (sky).
        instances: (H, W) object index at pixel centres, or -1.
        objects: All objects in the scene, including hidden ones, in the order of their ids.
    """

    index: int
    seed: int
    distribution: Distribution
    setting: str
    picture: Uint8Array
    depth: Float32Array
    instances: NDArray[np.int16]
    camera: PinholeCamera
    objects: tuple[RenderedObject, ...]


def render_picture(
    seed: int,
    index: int,
    distribution: Distribution = Distribution.TRAIN,
    size: tuple[int, int] = (448, 336),
    config: RenderConfig | None = None,
) -> RenderedPicture:
    """Render picture ``index`` of a seed's sequence; the result depends only on the arguments.

    The pictures of a sequence are independent. ``size`` is width and height in pixels. There are fewer objects than
    ``config.objects_min`` only if no more fit.

    Raises:
        ConfigError: The seed, index or size is out of range, or no kind-colour pair is left to draw.
        MissingDependencyError: trimesh or embreex is not installed.
    """
    config = config or RenderConfig()
    layout = layout_of(seed, index, distribution, size, config)
    return render_layout(layout, seed, index, distribution, config)


def layout_of(
    seed: int, index: int, distribution: Distribution, size: tuple[int, int], config: RenderConfig
) -> SceneLayout:
    """Draw the scene that :func:`render_picture` renders; raises its :class:`ConfigError`."""
    if seed < 0 or index < 0:
        raise ConfigError(f"seed and index must not be negative, got {seed} and {index}", fix="use 0 or more")
    if min(size) < 16 or max(size) > 8192:
        raise ConfigError(f"expected sides of 16 to 8192 pixels, got {size[0]} x {size[1]}", fix="set picture_size")
    return draw_layout(np.random.default_rng([seed, index, STREAM[distribution]]), distribution, size, config)


def render_layout(
    layout: SceneLayout, seed: int, index: int, distribution: Distribution, config: RenderConfig
) -> RenderedPicture:
    """Render a scene; seed, index and distribution are only noted in the result."""
    camera = layout.camera
    triangles, own = gather(layout)
    scene = RayScene(triangles.vertices, triangles.faces)
    exact_directions = camera.pixel_directions()
    directions = exact_directions.astype(np.float32)
    hits = scene.first_hits(directions)
    depth = exact_depth(hits, exact_directions, triangle_planes(triangles.vertices, triangles.faces))
    colour = shade(layout, triangles, scene, directions, hits, config.shadows)
    if config.antialias > 1:
        _smooth_edges(layout, triangles, scene, hits, colour, config)
    hit = hits.triangle >= 0
    instances = np.where(hit, triangles.instance[np.where(hit, hits.triangle, 0)], np.int16(-1))
    shape = (camera.height, camera.width)
    instances = instances.astype(np.int16).reshape(shape)
    return RenderedPicture(
        index,
        seed,
        distribution,
        layout.setting,
        to_display(colour).reshape(*shape, 3),
        depth.astype(np.float32).reshape(shape),
        instances,
        camera,
        _describe(layout, own, instances, depth.reshape(shape), directions),
    )


def _smooth_edges(
    layout: SceneLayout,
    triangles: Triangles,
    scene: RayScene,
    hits: Hits,
    colour: Float32Array,
    config: RenderConfig,
) -> None:
    """Antialias in place: pixels where parts meet get the mean colour of a grid of samples."""
    camera = layout.camera
    part = np.where(hits.triangle >= 0, triangles.part[np.maximum(hits.triangle, 0)], -1)
    part = part.reshape(camera.height, camera.width)
    edge = np.zeros(part.shape, dtype=np.bool_)
    across, down = part[:, 1:] != part[:, :-1], part[1:] != part[:-1]
    edge[:, 1:] |= across
    edge[:, :-1] |= across
    edge[1:] |= down
    edge[:-1] |= down
    rows, columns = np.nonzero(edge)
    if rows.size == 0:
        return
    k = config.antialias
    steps = (np.arange(k) + 0.5) / k
    x = (columns[:, None, None] + steps[None, None, :]).repeat(k, axis=1).reshape(-1)
    y = (rows[:, None, None] + steps[None, :, None]).repeat(k, axis=2).reshape(-1)
    directions = camera.directions(x, y).astype(np.float32)
    samples = shade(layout, triangles, scene, directions, scene.first_hits(directions), config.shadows)
    np.minimum(samples, 1, out=samples)
    colour[rows * camera.width + columns] = samples.reshape(-1, k * k, 3).mean(axis=1)


def _describe(
    layout: SceneLayout,
    own: list[FloatArray],
    instances: NDArray[np.int16],
    depth: FloatArray,
    directions: Float32Array,
) -> tuple[RenderedObject, ...]:
    """Return the objects, with the pixels that are visible and the pixels that each would cover alone."""
    camera = layout.camera
    visible = np.bincount(instances.reshape(-1).astype(np.int64) + 1, minlength=len(own) + 1)[1:]
    grid = directions.reshape(camera.height, camera.width, 3)
    described = []
    for index, (placed, points) in enumerate(zip(layout.objects, own, strict=True)):
        pixels = camera.project(points)
        low, high = pixels.min(axis=0), pixels.max(axis=0)
        x0, y0 = (max(0, int(np.floor(v)) - 1) for v in low)
        x1, y1 = min(camera.width, int(np.ceil(high[0])) + 1), min(camera.height, int(np.ceil(high[1])) + 1)
        shown = instances[y0:y1, x0:x1].reshape(-1)
        own_pixels = shown == index
        # Only something nearer than the object's farthest point can hide it.
        first = depth[y0:y1, x0:x1].reshape(-1)
        unclear = np.flatnonzero((first > 0) & (first < 1.001 * float(points[:, 2].max())) & ~own_pixels)
        if unclear.size:
            rays = grid[y0:y1, x0:x1].reshape(-1, 3)[unclear]
            own_pixels[unclear] = RayScene(points, placed.shape.faces).first_hits(rays).triangle >= 0
        full = int(np.count_nonzero(own_pixels))
        others = shown[own_pixels & (shown >= 0) & (shown != index)]
        box = placed.box
        centre = camera.to_camera(np.array([box.x, box.y, (box.low + box.high) / 2]))
        described.append(
            RenderedObject(
                id=index,
                kind=placed.kind,
                colour=placed.colour,
                name=f"{placed.colour} {placed.kind}",
                visible_pixels=int(visible[index]),
                full_pixels=full,
                visible_fraction=int(visible[index]) / full if full else 0.0,
                hidden_by=dict(Counter(others.tolist())),
                truncated=bool(low[0] < 0 or low[1] < 0 or high[0] > camera.width or high[1] > camera.height),
                vertices=points.astype(np.float32),
                centre=centre,
                size=placed.shape.size * placed.scale,
            )
        )
    return tuple(described)
