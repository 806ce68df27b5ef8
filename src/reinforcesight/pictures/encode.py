"""Encode pictures, and make altered copies of encoded pictures (PNG)."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from PIL import Image, ImageOps

from reinforcesight.pictures.decode import decode_rgb
from reinforcesight.pictures.drawing import Box, draw_boxes

_GREY = (128, 128, 128)
_FAST = 1  # PNG compression level


def encoded_picture(picture: Image.Image, kind: str, **options: Any) -> bytes:
    """Return the content of a picture file; ``options`` are those of Pillow's writer of this kind."""
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def grey_like(picture: bytes) -> bytes:
    return encoded_picture(Image.new("RGB", decode_rgb(picture).size, _GREY), "PNG", compress_level=_FAST)


def mirror_image(picture: bytes) -> bytes:
    return encoded_picture(ImageOps.mirror(decode_rgb(picture)), "PNG", compress_level=_FAST)


def with_boxes(picture: bytes, boxes: Sequence[tuple[Box, str]]) -> bytes:
    """Return the picture with boxes drawn over it, as :func:`draw_boxes` does."""
    return encoded_picture(draw_boxes(decode_rgb(picture), boxes), "PNG", compress_level=_FAST)
