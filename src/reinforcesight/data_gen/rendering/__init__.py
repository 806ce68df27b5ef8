"""Render scenes with exact ground truth: rooms and streets with named objects, ray-cast with trimesh and embreex."""

from reinforcesight.data_gen.rendering.camera import PinholeCamera
from reinforcesight.data_gen.rendering.config import RenderConfig
from reinforcesight.data_gen.rendering.distribution import CAMERA_RANGES, Distribution, is_reserved
from reinforcesight.data_gen.rendering.objects.kinds import KINDS
from reinforcesight.data_gen.rendering.objects.real_kinds import REAL_KINDS
from reinforcesight.data_gen.rendering.palette import COLOURS
from reinforcesight.data_gen.rendering.picture import RenderedObject, RenderedPicture, render_picture
from reinforcesight.data_gen.rendering.worlds.places import REAL_PLACES

__all__ = [
    "CAMERA_RANGES",
    "COLOURS",
    "KINDS",
    "REAL_KINDS",
    "REAL_PLACES",
    "Distribution",
    "PinholeCamera",
    "RenderConfig",
    "RenderedObject",
    "RenderedPicture",
    "is_reserved",
    "render_picture",
]
