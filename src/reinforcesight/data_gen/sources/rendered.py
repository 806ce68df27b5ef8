"""Source ``rendered``: endless scenes made by ray casting, with exact depth and masks."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Sequence
from importlib import metadata
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from reinforcesight.data_gen.perception.contacts import TOY_CONTOURS, ContourRules
from reinforcesight.data_gen.perception.geometry import Detection, build_scene
from reinforcesight.data_gen.rendering.twin_search import find_twin
from reinforcesight.data_gen.source import SourcePicture, TwinPicture
from reinforcesight.errors import require_module
from reinforcesight.pictures.boxes import box_of
from reinforcesight.pictures.drawing import BOX_COLOURS
from reinforcesight.pictures.encode import encoded_picture
from reinforcesight.relations.kinds import DEFAULT_RULES, RelationRules
from reinforcesight.scene import Camera, Scene

if TYPE_CHECKING:
    from reinforcesight.data_gen.rendering import Distribution, RenderConfig, RenderedObject, RenderedPicture

# Fraction of the toys of a unique kind that are called by the kind alone ("the chair"). In places all are.
_BARE_NAME_SHARE = 0.4
# Fraction of the pictures of a place in which colour words tell things of a kind apart. In the others, drawn boxes do.
_COLOUR_WORD_SHARE = 0.6
# Compression level 3 is twice as fast as the default; files are a tenth larger.
_PNG_LEVEL = 3


class RenderedSource:
    """Rendered pictures of one seed and distribution.

    Scenes are built from picture, depth, masks and names, by the same code as for annotated pictures. The renderer's
    3-D ground truth is not used, so that labels can be checked against it.

    Args:
        size: Picture width and height in pixels.
        twins: Fraction of the pictures for which a twin is searched.
        rules: Thresholds for the inverted relation of a twin.
    """

    name = "rendered"

    def __init__(
        self,
        seed: int,
        distribution: Distribution | str = "train",
        size: tuple[int, int] = (448, 336),
        options: RenderConfig | None = None,
        twins: float = 0.0,
        rules: RelationRules = DEFAULT_RULES,
    ) -> None:
        for module in ("trimesh", "embreex"):
            require_module(module, extra="rendered")
        from reinforcesight.data_gen.rendering import Distribution, RenderConfig

        self.seed = seed
        self.distribution = Distribution(distribution)
        self.size = size
        self.options = options or RenderConfig()
        self.twins = twins
        self.rules = rules

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
        parts += [f"twins={self.twins}"] if self.twins else []
        parts += [f"{name}={metadata.version(name)}" for name in ("trimesh", "embreex", "pillow")]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def load(self, index: int) -> SourcePicture:
        from reinforcesight.data_gen.rendering.picture import layout_of, render_layout

        layout = layout_of(self.seed, index, self.distribution, self.size, self.options)
        rendered = render_layout(layout, self.seed, index, self.distribution, self.options)
        scene = scene_of(rendered)
        twin = None
        # Evenly spread over the pictures: the whole part of the sum of the shares rises.
        if math.floor((index + 1) * self.twins) > math.floor(index * self.twins):
            twin = find_twin(rendered, layout, scene, self.rules, self.options, scene_of)
        return SourcePicture(
            index=index,
            source=self.name,
            source_id=f"{self.distribution.value}-{self.seed}-{index:07d}",
            scene=scene,
            image=encode_png(rendered.picture),
            twin=None
            if twin is None
            else TwinPicture(twin.scene, encode_png(twin.picture.picture), twin.kind.value, twin.moved),
        )


def scene_of(rendered: RenderedPicture) -> Scene:
    from reinforcesight.data_gen.rendering import REAL_PLACES

    visible = [item for item in rendered.objects if item.visible_pixels > 0]
    names = _names(rendered, visible)
    height, width = rendered.depth.shape
    detections = []
    for item in visible:
        mask = rendered.instances == item.id
        detections.append(
            Detection(
                id=item.id,
                name=names[item.id],
                box=box_of(mask),
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
        contour_rules=ContourRules() if rendered.setting in REAL_PLACES else TOY_CONTOURS,
    )


def _names(rendered: RenderedPicture, visible: Sequence[RenderedObject]) -> dict[int, str]:
    from reinforcesight.data_gen.rendering import REAL_KINDS, REAL_PLACES

    kinds = Counter(item.kind for item in visible)
    # A separate random stream, so that names don't depend on the composition of scenes.
    rng = np.random.default_rng([rendered.seed, rendered.index, 0x6E616D65])
    if rendered.setting not in REAL_PLACES:
        bare = rng.random(len(rendered.objects)) < _BARE_NAME_SHARE
        alone = {item.id for item in visible if kinds[item.kind] == 1 and bare[item.id]}
        return {item.id: item.kind if item.id in alone else item.name for item in visible}
    mixed = {kind.name for kind in REAL_KINDS.values() if not kind.told_apart}
    coloured = set()
    if rng.random() < _COLOUR_WORD_SHARE:
        for kind in kinds.keys() - mixed:
            colours = [item.colour for item in visible if item.kind == kind]
            # The colour of a drawn box would be mistaken for the thing's.
            if len(colours) > 1 and len({*colours} - BOX_COLOURS.keys()) == len(colours):
                coloured.add(kind)
    return {item.id: item.name if item.kind in coloured else item.kind for item in visible}


def encode_png(picture: np.ndarray) -> bytes:
    return encoded_picture(Image.fromarray(picture), "PNG", compress_level=_PNG_LEVEL)
