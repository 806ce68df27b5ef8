"""Thumbnails of pictures, and boxes of the objects that a question is about."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from PIL import Image

from reinforcesight.errors import InputError
from reinforcesight.pictures.decode import PictureError, decode_rgb, to_rgb
from reinforcesight.pictures.encode import encoded_picture
from reinforcesight.scene import Scene, SceneObject

ROLES = ("subject", "reference", "anchor")


@dataclass(frozen=True, slots=True)
class BoxOverlay:
    """Box of an object, in pixels of the full picture; ``role`` decides its colour."""

    role: str
    name: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class ShownPicture:
    """Picture on a page: data URI of a thumbnail, size in pixels that the boxes refer to, and the boxes."""

    source: str
    width: int
    height: int
    boxes: tuple[BoxOverlay, ...] = ()


@dataclass(frozen=True, slots=True)
class QuestionScene:
    """Scene of a question, its evidence, and the objects that the question is about, by role."""

    scene: Scene
    evidence: Mapping[str, Any]
    objects: Mapping[str, SceneObject]

    @property
    def unmarked(self) -> dict[str, SceneObject]:
        """Return the objects whose box is not drawn into the picture itself."""
        drawn = {box["object"] for box in self.evidence.get("boxes") or ()}
        return {role: item for role, item in self.objects.items() if item.id not in drawn}


def show_picture(
    picture: bytes | Image.Image,
    *,
    side: int,
    quality: int = 80,
    known: QuestionScene | None = None,
) -> ShownPicture | None:
    """Return a thumbnail with the boxes of the known objects, or ``None`` if the picture can't be read.

    Args:
        side: Longer side of the thumbnail, in pixels.
        known: Scene of the picture and the objects to outline.
    """
    if isinstance(picture, bytes):
        try:
            small = decode_rgb(picture, max_side=side)
        except PictureError:
            return None
    else:
        small = to_rgb(picture)
        small.thumbnail((side, side))
    width, height = (known.scene.width, known.scene.height) if known else small.size
    encoded = encoded_picture(small, "JPEG", quality=quality, optimize=True)
    source = f"data:image/jpeg;base64,{base64.b64encode(encoded).decode()}"
    boxes = []
    for role, item in known.unmarked.items() if known else ():
        x0, y0, x1, y1 = (round(value, 1) for value in item.box)
        boxes.append(BoxOverlay(role, item.name, x0, y0, round(x1 - x0, 1), round(y1 - y0, 1)))
    return ShownPicture(source, width, height, tuple(boxes))


def read_question_scene(scene: str | None, evidence: str | None) -> QuestionScene:
    """Read the columns ``scene`` and ``evidence`` of a question.

    Raises:
        InputError: A column can't be read, or the two don't match.
    """
    try:
        found, known = Scene.from_json(scene or ""), json.loads(evidence or "")
        objects = {role: found[known[role]] for role in ROLES if known.get(role) is not None}
        result = QuestionScene(found, known, objects)
        _ = result.unmarked
    except (InputError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"scene or evidence can't be read: {error}") from error
    return result


def known_scene(scene: str | None, evidence: str | None) -> QuestionScene | None:
    """Read a question's scene; ``None`` without one, or if it is of another program."""
    try:
        return read_question_scene(scene, evidence)
    except InputError:
        return None
