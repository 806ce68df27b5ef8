"""Altered copies of encoded pictures, as PNG."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageOps

from reinforcesight.pictures.decode import decode_rgb
from reinforcesight.pictures.drawing import Box, draw_boxes
from reinforcesight.pictures.encode import encoded_picture

_GREY = (128, 128, 128)
_FAST = 1  # PNG compression level


def grey_like(picture: bytes) -> bytes:
    return _png(Image.new("RGB", decode_rgb(picture).size, _GREY))


def mirror_image(picture: bytes) -> bytes:
    return _png(ImageOps.mirror(decode_rgb(picture)))


def with_boxes(picture: bytes, boxes: Sequence[tuple[Box, str]]) -> bytes:
    """Return the picture with boxes drawn over it, as :func:`draw_boxes` does."""
    return _png(draw_boxes(decode_rgb(picture), boxes))


def _png(picture: Image.Image) -> bytes:
    return encoded_picture(picture, "PNG", compress_level=_FAST)
