"""Compute a photograph's intrinsics from the focal length in its EXIF block."""

from __future__ import annotations

import math
from typing import Any

from PIL import ExifTags

from reinforcesight.pictures.decode import PictureError, opened
from reinforcesight.scene import Camera

_Tag = ExifTags.Base
# EXIF 2.32, tag FocalPlaneResolutionUnit: inch, centimetre; millimetre and micrometre are common extensions.
_MM_PER_UNIT = {2: 25.4, 3: 10.0, 4: 1.0, 5: 0.001}
_DIAGONAL_35MM = math.hypot(36.0, 24.0)
# A field of view along the long side outside these limits counts as an error.
MIN_FOV_DEGREES, MAX_FOV_DEGREES = 4.0, 125.0
_ASPECT_TOLERANCE = 0.02  # above it, the picture was cropped and has another field of view than the lens


def camera_from_exif(data: bytes, width: int, height: int) -> Camera | None:
    """Return intrinsics from a picture file's bytes, or ``None`` if EXIF does not contain them.

    The function reads the 35 mm equivalent (along the diagonal, as CIPA DCG-001 defines it), or else the focal length
    in millimetres with the resolution of the focal plane. The principal point is the picture centre. A picture with
    another aspect ratio than in EXIF was cropped: ``None``. ``width`` and ``height`` are those of the upright picture.
    """
    try:
        with opened(data) as image:
            tags = image.getexif().get_ifd(ExifTags.IFD.Exif)
    except PictureError:
        return None
    return camera_from_tags(dict(tags), width, height)


def camera_from_tags(tags: dict[int, object], width: int, height: int) -> Camera | None:
    long_side, short_side = max(width, height), min(width, height)
    recorded = [_positive(tags.get(tag)) for tag in (_Tag.ExifImageWidth, _Tag.ExifImageHeight)]
    recorded_long = None
    if recorded[0] is not None and recorded[1] is not None:
        recorded_long = max(recorded[0], recorded[1])
        aspect = (recorded_long / min(recorded[0], recorded[1])) / (long_side / short_side)
        if abs(aspect - 1.0) > _ASPECT_TOLERANCE:
            return None
    focal = None
    equivalent = _positive(tags.get(_Tag.FocalLengthIn35mmFilm))
    if equivalent is not None:
        focal = equivalent * math.hypot(width, height) / _DIAGONAL_35MM
    else:
        millimetres = _positive(tags.get(_Tag.FocalLength))
        resolution = _positive(tags.get(_Tag.FocalPlaneXResolution))
        unit = _positive(tags.get(_Tag.FocalPlaneResolutionUnit)) or 2
        if millimetres and resolution and recorded_long and unit in _MM_PER_UNIT:
            # The resolution refers to the picture as taken, which may have been resized since.
            focal = millimetres / _MM_PER_UNIT[int(unit)] * resolution * long_side / recorded_long
    if focal is None:
        return None
    fov = math.degrees(2.0 * math.atan(long_side / 2.0 / focal))
    if not MIN_FOV_DEGREES <= fov <= MAX_FOV_DEGREES:
        return None
    return Camera.centred(focal, width, height, "exif")


def _positive(value: Any) -> float | None:
    """Return a finite number above zero, or ``None``. EXIF may contain anything, such as rationals over zero."""
    if isinstance(value, tuple):
        value = value[0] if value else None
    try:
        number = float(value)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return number if math.isfinite(number) and number > 0 else None
