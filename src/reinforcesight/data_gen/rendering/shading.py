"""Colours of ray hits: Lambert's law, one lamp or sun with shadows, ambient light, and a sky."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reinforcesight.arrays import BoolArray, Float32Array, FloatArray
from reinforcesight.data_gen.rendering.camera import PinholeCamera
from reinforcesight.data_gen.rendering.layout import SceneLayout
from reinforcesight.data_gen.rendering.palette import to_linear
from reinforcesight.data_gen.rendering.patterns import blend, reflectance
from reinforcesight.data_gen.rendering.raycast import Hits, RayScene

# Linear light. Both sum to about 1 on a surface that faces the light; the ambient part keeps the named colours
# distinguishable in shadow.
_AMBIENT = 0.46
_DIRECT = 0.58


@dataclass(frozen=True)
class Triangles:
    """All triangles of a scene in the camera frame."""

    vertices: FloatArray  # (V, 3) metres
    faces: NDArray[np.int32]  # (F, 3)
    normals: Float32Array  # (F, 3, 3) unit normals at the corners
    albedo: Float32Array  # (F, 3) linear
    instance: NDArray[np.int16]  # (F,) object index or -1
    surface: NDArray[np.int32]  # (F,) index of a patterned surface or -1
    curved: BoolArray  # (F,) whether the normals differ between the corners
    part: NDArray[np.int32]  # (F,) index of the primitive; edges between parts are smoothed


def gather(layout: SceneLayout) -> tuple[Triangles, list[FloatArray]]:
    """Join surroundings and objects; also return each object's vertices (V, 3) in the camera frame."""
    camera = layout.camera
    vertices: list[FloatArray] = []
    faces: list[NDArray[np.int32]] = []
    normals: list[FloatArray] = []
    albedo: list[Float32Array] = []
    parts: list[NDArray[np.int32]] = []
    instances: list[NDArray[np.int16]] = []
    surfaces: list[NDArray[np.int32]] = []
    vertex_count = part_count = 0

    def label(face_count: int, instance: int, surface: int) -> None:
        instances.append(np.full(face_count, instance, dtype=np.int16))
        surfaces.append(np.full(face_count, surface, dtype=np.int32))

    for index, surface in enumerate(layout.surroundings.surfaces):
        vertices.append(camera.to_camera(surface.corners()))
        faces.append(np.array([[0, 1, 2], [0, 2, 3]], dtype=np.int32) + np.int32(vertex_count))
        normal = np.cross(surface.along, surface.up) @ camera.rotation
        normals.append(np.broadcast_to(normal, (2, 3, 3)))
        albedo.append(np.zeros((2, 3), dtype=np.float32))
        parts.append(np.full(2, part_count, dtype=np.int32))
        label(2, -1, index)
        vertex_count, part_count = vertex_count + 4, part_count + 1
    object_vertices: list[FloatArray] = []
    solids = [(solid.shape, 1.0, solid.box, -1) for solid in layout.surroundings.solids]
    solids += [(placed.shape, placed.scale, placed.box, index) for index, placed in enumerate(layout.objects)]
    for shape, scale, box, instance in solids:
        points = camera.to_camera(box.to_world(shape.vertices * scale))
        if instance >= 0:
            object_vertices.append(points)
        vertices.append(points)
        faces.append(shape.faces + np.int32(vertex_count))
        normals.append(shape.corner_normals @ (box.rotation().T @ camera.rotation))
        albedo.append(shape.albedo)
        parts.append(shape.part + np.int32(part_count))
        label(len(shape.faces), instance, -1)
        vertex_count += len(points)
        part_count += int(shape.part[-1]) + 1
    corner_normals = np.concatenate(normals).astype(np.float32)
    triangles = Triangles(
        vertices=np.concatenate(vertices),
        faces=np.concatenate(faces),
        normals=corner_normals,
        albedo=np.concatenate(albedo),
        instance=np.concatenate(instances),
        surface=np.concatenate(surfaces),
        curved=np.abs(corner_normals - corner_normals[:, :1]).max(axis=(1, 2)) > 1e-3,
        part=np.concatenate(parts),
    )
    return triangles, object_vertices


def shade(
    layout: SceneLayout,
    triangles: Triangles,
    scene: RayScene,
    directions: Float32Array,
    hits: Hits,
    shadows: bool,
) -> Float32Array:
    """Return linear colour (N, 3) along camera rays with directions (N, 3), z = 1, from their first hits."""
    colour = np.empty((len(directions), 3), dtype=np.float32)
    found = hits.triangle >= 0
    missed = np.flatnonzero(~found)
    if missed.size:
        colour[missed] = _sky(layout, directions.take(missed, axis=0))
    if missed.size == len(colour):
        return colour
    hit: Any = np.flatnonzero(found) if missed.size else slice(None)  # a slice makes no copies
    # take() is faster than indexing with the same numbers.
    triangle, d = hits.triangle[hit].astype(np.intp), directions[hit]
    points = _scaled(d, hits.distance[hit])
    albedo = triangles.albedo.take(triangle, axis=0)
    normal = np.ascontiguousarray(triangles.normals[:, 0]).take(triangle, axis=0)
    surface = triangles.surface.take(triangle)
    curved_here = triangles.curved.take(triangle)
    curved = np.flatnonzero(curved_here)
    corner = triangles.normals[triangle[curved]]
    a, b = hits.u[hit][curved, None], hits.v[hit][curved, None]
    smooth = (1 - a - b) * corner[:, 0] + a * corner[:, 1] + b * corner[:, 2]
    normal[curved] = smooth / np.maximum(np.sqrt(_dot(smooth, smooth)), np.float32(1e-6))[:, None]
    _paint_surfaces(layout, surface, points, normal, albedo)
    light = _light(layout, points, normal, d, curved_here, scene, shadows)
    colour[hit] = _scaled(albedo, light)
    return colour


def _scaled(vectors: Float32Array, factors: Float32Array) -> Float32Array:
    """Multiply vectors (N, 3) by factors (N,). A column at a time: numpy is slow with an inner loop of three."""
    scaled = np.empty_like(vectors)
    for axis in range(3):
        np.multiply(vectors[:, axis], factors, out=scaled[:, axis])
    return scaled


def _dot(a: Float32Array, b: Float32Array) -> Float32Array:
    return np.asarray(a[:, 0] * b[..., 0] + a[:, 1] * b[..., 1] + a[:, 2] * b[..., 2], dtype=np.float32)


def _paint_surfaces(
    layout: SceneLayout,
    surface: NDArray[np.int32],
    points: Float32Array,
    normal: Float32Array,
    albedo: Float32Array,
) -> None:
    """Set the albedo of patterned surfaces, in place."""
    camera = layout.camera
    for index, description in enumerate(layout.surroundings.surfaces):
        here = np.flatnonzero(surface == index)
        if here.size == 0:
            continue
        if description.pattern == "plain" and not description.panels:
            albedo[here] = to_linear(np.array(description.first))
            continue
        at = points.take(here, axis=0)
        origin = camera.to_camera(description.origin)
        along = (description.along @ camera.rotation).astype(np.float32)
        up = (description.up @ camera.rotation).astype(np.float32)
        u = _dot(at, along) - np.float32(origin @ along)
        v = _dot(at, up) - np.float32(origin @ up)
        # A pixel covers depth / focal metres across, and more along a surface seen at a slant.
        slant = np.abs(_dot(at, normal[here[:1]][0])) / np.sqrt(_dot(at, at))
        pixel: Float32Array = np.asarray(
            at[:, 2] / np.float32(camera.fx) / np.maximum(slant, np.float32(0.02)), dtype=np.float32
        )
        albedo[here] = reflectance(description, u, v, pixel)


def _light(
    layout: SceneLayout,
    points: Float32Array,
    normal: Float32Array,
    d: Float32Array,
    curved: BoolArray,
    scene: RayScene,
    shadows: bool,
) -> Float32Array:
    """Return the light (N,) on points: from the lamp or sun, and ambient."""
    camera = layout.camera
    # Thin sheets have only one side, so their normals are turned to the viewer.
    normal = _scaled(normal, np.where(_dot(normal, d) > 0, np.float32(-1), np.float32(1)))
    up = camera.rotation[2].astype(np.float32)
    ambient = np.float32(_AMBIENT) * (np.float32(0.86) + np.float32(0.14) * _dot(normal, up))
    sun, lamp = layout.surroundings.sun, layout.surroundings.lamp
    if lamp is not None:
        to_light: Float32Array = np.empty_like(points)
        for axis, place in enumerate(camera.to_camera(lamp)):
            to_light[:, axis] = place - points[:, axis]
        facing: Float32Array = np.asarray(_dot(normal, to_light) / np.sqrt(_dot(to_light, to_light)), dtype=np.float32)
        limit = 0.999
    else:
        assert sun is not None
        to_light = np.asarray(np.broadcast_to(sun @ camera.rotation, points.shape), dtype=np.float32)
        facing = _dot(normal, to_light)
        limit = 100.0
    lit = np.maximum(facing, 0)
    if shadows:
        check = np.flatnonzero(lit > 0)
        # Rays from curved surfaces start farther out; otherwise their flat facets would cast shadows on themselves.
        at, outward = points.take(check, axis=0), normal.take(check, axis=0)
        away = np.where(curved.take(check), np.float32(1.2e-2), np.float32(2e-3)) + np.float32(2e-5) * at[:, 2]
        outward = _scaled(outward, away)
        outward += at
        dark = scene.blocked(outward, to_light.take(check, axis=0), limit)
        lit[check[dark]] = 0
    return np.asarray(ambient + np.float32(_DIRECT) * lit, dtype=np.float32)


def _sky(layout: SceneLayout, directions: Float32Array) -> Float32Array:
    camera: PinholeCamera = layout.camera
    up = camera.rotation[2].astype(np.float32)
    sine = _dot(directions, up) / np.sqrt(_dot(directions, directions))
    share = np.sqrt(np.clip(sine * np.float32(2.0), 0, 1))
    low, high = (to_linear(np.array(tone)).astype(np.float32) for tone in layout.surroundings.sky)
    return blend(low, high, share)
