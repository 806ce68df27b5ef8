"""The models that a configuration names."""

from __future__ import annotations

from reinforcesight.data_gen.perception.config import PerceptionConfig
from reinforcesight.data_gen.perception.depth import TransformersDepth
from reinforcesight.data_gen.perception.grounding import TransformersGrounder
from reinforcesight.data_gen.perception.protocols import PerceptionModels
from reinforcesight.data_gen.perception.segmentation import Sam2Segmenter
from reinforcesight.errors import require_module


def build_models(config: PerceptionConfig) -> PerceptionModels:
    """Adapters of the named models. Their files are found (or downloaded) now, weights are loaded when needed.

    Raises:
        InputError: A model can't be had, or is of another kind.
        MissingDependencyError: torch or transformers is absent.
    """
    for module in ("torch", "transformers"):
        require_module(module, extra="train")
    depth = segmenter = None
    if config.depth_model is not None:
        depth = TransformersDepth(
            config.depth_model,
            revision=config.depth_revision,
            device=config.device,
            dtype=config.dtype,
            batch_size=config.batch_size,
        )
    grounder = TransformersGrounder(
        config.grounding_model,
        revision=config.grounding_revision,
        floor=min(config.gates.doubt_score, config.gates.min_score),
        device=config.device,
        dtype=config.dtype,
        batch_size=config.batch_size,
    )
    if config.segmentation_model is not None:
        segmenter = Sam2Segmenter(
            config.segmentation_model,
            revision=config.segmentation_revision,
            device=config.device,
            dtype=config.dtype,
        )
    return PerceptionModels(grounder, depth, segmenter)
