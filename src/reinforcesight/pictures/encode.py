"""Encode pictures as PNG or JPEG."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image


def encoded_picture(picture: Image.Image, kind: str, **options: Any) -> bytes:
    """Return the content of a picture file; ``options`` are those of Pillow's writer of this kind."""
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()
