"""Draw the coloured boxes that CV-Bench marks objects with."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw

from reinforcesight.errors import InputError
from reinforcesight.pictures.decode import to_rgb

Box = tuple[float, float, float, float]

# Box colours in CV-Bench's questions, in the order in which the questions mention the objects.
BOX_COLOURS: dict[str, tuple[int, int, int]] = {"red": (255, 0, 0), "blue": (0, 0, 255), "green": (0, 255, 0)}


def line_width(width: int, height: int) -> int:
    """Return the line width for a picture size, in pixels: 2 at 448 pixels, 4 at 1024, as in CV-Bench's pictures."""
    return max(1 if max(width, height) < 200 else 2, round(max(width, height) / 256))


def draw_boxes(image: Image.Image, boxes: Sequence[tuple[Box, str]]) -> Image.Image:
    """Return an RGB copy of a picture with box outlines, drawn inside each box and inside the picture.

    Args:
        image: Pillow image; transparent parts become white.
        boxes: Boxes in pixels, xyxy half-open, each with "red", "blue" or "green".

    Raises:
        InputError: A colour is unknown, or a box lies completely outside the picture.
    """
    result = to_rgb(image)
    painter = ImageDraw.Draw(result)
    pen = line_width(*result.size)
    for box, colour in boxes:
        if colour not in BOX_COLOURS:
            raise InputError(f"unknown box colour {colour!r}", fix=f"use one of {', '.join(BOX_COLOURS)}")
        painter.rectangle(_pixels(box, result.size), outline=BOX_COLOURS[colour], width=pen)
    return result


def _pixels(box: Box, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return the inclusive corners that Pillow draws for a half-open box, clipped to the picture."""
    x0, y0 = max(0, round(box[0])), max(0, round(box[1]))
    x1, y1 = min(size[0], round(box[2])) - 1, min(size[1], round(box[3])) - 1
    if x0 >= size[0] or y0 >= size[1] or box[2] <= 0 or box[3] <= 0:
        raise InputError(
            f"the box {list(box)} lies outside the picture of {size[0]}x{size[1]} pixels",
            fix="give boxes as [x0, y0, x1, y1] in pixels of this picture",
        )
    return x0, y0, max(x0, x1), max(y0, y1)
