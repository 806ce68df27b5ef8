"""Source ``rendered``: endless scenes made by ray casting, with exact depth and masks."""

from __future__ import annotations

import hashlib
import io
from collections import Counter
from importlib import metadata
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from reinforcesight.data_gen.perception.geometry import Detection, build_scene
from reinforcesight.data_gen.source import SourcePicture
from reinforcesight.errors import require_module
from reinforcesight.scene import Camera, Scene

if TYPE_CHECKING:
    from reinforcesight.data_gen.rendering import Distribution, RenderConfig, RenderedPicture

# Fraction of the objects of a unique kind that are called by the kind alone ("the chair").
_BARE_NAME_SHARE = 0.4
# Compression level 3 is twice as fast as the default; files are a tenth larger.
_PNG_LEVEL = 3


class RenderedSource:
    """Rendered pictures of one seed and distribution.

    Scenes are built from picture, depth, masks and names, by the same code as for annotated pictures. The renderer's
    3-D ground truth is not used, so that labels can be checked against it.

    Args:
        seed: Seed of the sequence of scenes.
        distribution: Training, held-out or shifted scenes.
        size: Picture width and height in pixels.
        options: Contents, camera and appearance.

    Raises:
        MissingDependencyError: trimesh or embreex is not installed.
    """

    name = "rendered"

    def __init__(
        self,
        seed: int,
        distribution: Distribution | str = "train",
        size: tuple[int, int] = (448, 336),
        options: RenderConfig | None = None,
    ) -> None:
        for module in ("trimesh", "embreex"):
            require_module(module, extra="rendered")
        from reinforcesight.data_gen.rendering import Distribution, RenderConfig

        self.seed = seed
        self.distribution = Distribution(distribution)
        self.size = size
        self.options = options or RenderConfig()

    def count(self) -> int | None:
        return None

    def fingerprint(self) -> str:
        """Return a digest of seed, distribution, size, options, and the versions of the ray-casting libraries."""
        parts = [
            self.name,
            str(self.seed),
            self.distribution.value,
            repr(self.size),
            self.options.model_dump_json(),
        ]
        parts += [f"{name}={metadata.version(name)}" for name in ("trimesh", "embreex", "pillow")]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def load(self, index: int) -> SourcePicture:
        from reinforcesight.data_gen.rendering import render_picture

        rendered = render_picture(self.seed, index, self.distribution, self.size, self.options)
        return SourcePicture(
            index=index,
            source=self.name,
            source_id=f"{self.distribution.value}-{self.seed}-{index:07d}",
            scene=scene_of(rendered),
            image=encode_png(rendered.picture),
        )


def scene_of(rendered: RenderedPicture) -> Scene:
    visible = [item for item in rendered.objects if item.visible_pixels > 0]
    kinds = Counter(item.kind for item in visible)
    # A separate random stream, so that names don't depend on the composition of scenes.
    rng = np.random.default_rng([rendered.seed, rendered.index, 0x6E616D65])
    bare = rng.random(len(rendered.objects)) < _BARE_NAME_SHARE
    height, width = rendered.depth.shape
    detections = []
    for item in visible:
        mask = rendered.instances == item.id
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        alone = kinds[item.kind] == 1 and bool(bare[item.id])
        detections.append(
            Detection(
                id=item.id,
                name=item.kind if alone else item.name,
                box=(float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)),
                mask=mask,
                category=item.kind,
                attributes=(item.colour,),
                visible_fraction=item.visible_fraction,
                hidden_by=item.hidden_by,
                truncated=item.truncated,
            )
        )
    lens = rendered.camera
    return build_scene(
        width=width,
        height=height,
        detections=detections,
        depth=rendered.depth,
        camera=Camera(fx=lens.fx, fy=lens.fy, cx=lens.cx, cy=lens.cy),
        depth_unit="m",
    )


def encode_png(picture: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="PNG", compress_level=_PNG_LEVEL)
    return buffer.getvalue()
