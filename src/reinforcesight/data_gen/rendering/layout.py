"""Draw the layout of a scene: camera, surroundings and objects, of rooms and streets or of the toys' world."""

from __future__ import annotations

from collections.abc import Sequence

from numpy.random import Generator

from reinforcesight.data_gen.rendering.camera import PinholeCamera, make_camera
from reinforcesight.data_gen.rendering.config import RenderConfig
from reinforcesight.data_gen.rendering.distribution import CAMERA_RANGES, ROOM_CAMERA_RANGES, CameraRange, Distribution
from reinforcesight.data_gen.rendering.objects.kinds import uniform
from reinforcesight.data_gen.rendering.worlds.composition import Placed, SceneLayout
from reinforcesight.data_gen.rendering.worlds.place_layout import choose_place, draw_place
from reinforcesight.data_gen.rendering.worlds.places import STREET
from reinforcesight.data_gen.rendering.worlds.toys import draw_toys

__all__ = ["Placed", "SceneLayout", "draw_layout"]

_EXTRA_SHIFTED = 2  # number of objects added to both limits of the configured count in shifted scenes


def draw_layout(
    rng: Generator, distribution: Distribution, size: tuple[int, int], config: RenderConfig
) -> SceneLayout:
    """Draw a camera, surroundings and objects for a picture of ``size`` (width and height in pixels).

    Raises:
        ConfigError: No kind and colour is left to draw from.
    """
    shifted = distribution is Distribution.SHIFTED
    extra = _EXTRA_SHIFTED if shifted else 0
    if config.world == "places":
        place = choose_place(rng, config)
        ranges = CAMERA_RANGES if place == STREET else ROOM_CAMERA_RANGES
        camera = _draw_camera(rng, ranges[distribution], size, config)
        return draw_place(rng, place, camera, config, shifted=shifted, extra=extra)
    indoors = config.wall_fills_view or config.setting == "room"
    if config.setting == "any" and not indoors:
        indoors = rng.random() < 0.5
    camera = _draw_camera(rng, CAMERA_RANGES[distribution], size, config)
    return draw_toys(rng, distribution, camera, config, indoors=indoors, extra=extra)


def _draw_camera(
    rng: Generator, ranges: Sequence[CameraRange], size: tuple[int, int], config: RenderConfig
) -> PinholeCamera:
    chosen = ranges[int(rng.integers(len(ranges)))]
    height, pitch = uniform(rng, chosen.height), uniform(rng, chosen.pitch)
    roll = uniform(rng, chosen.roll) * (1 if rng.random() < 0.5 else -1)
    field_of_view = uniform(rng, chosen.field_of_view)
    if config.wall_fills_view:
        height, pitch, field_of_view = 1.45 + 0.2 * (height % 1), pitch % 3.0, 45.0 + field_of_view % 5.0
    return make_camera(
        size,
        height if config.height is None else config.height,
        pitch if config.pitch is None else config.pitch,
        roll if config.roll is None else config.roll,
        field_of_view if config.field_of_view is None else config.field_of_view,
    )
