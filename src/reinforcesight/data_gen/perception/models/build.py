"""The models that a configuration names."""

from __future__ import annotations

from reinforcesight.data_gen.perception.config import PerceptionConfig
from reinforcesight.data_gen.perception.models.depth import TransformersDepth
from reinforcesight.data_gen.perception.models.florence import Florence2Grounder
from reinforcesight.data_gen.perception.models.grounding import TransformersGrounder
from reinforcesight.data_gen.perception.models.model_files import read_config
from reinforcesight.data_gen.perception.models.molmo import Molmo2Pointer
from reinforcesight.data_gen.perception.protocols import DepthEstimator, Grounder, PerceptionModels
from reinforcesight.data_gen.perception.models.segmentation import Sam2Segmenter
from reinforcesight.data_gen.perception.models.vggt import VggtDepth, is_vggt
from reinforcesight.errors import InputError, require_module


def build_models(config: PerceptionConfig) -> PerceptionModels:
    """Adapters of the named models. Their files are found (or downloaded) now, weights are loaded when needed.

    Raises:
        InputError: A model can't be had, or is of another kind; or points have no segmenter to go to.
        MissingDependencyError: torch or transformers is absent.
    """
    for module in ("torch", "transformers"):
        require_module(module, extra="train")
    depth = second_depth = second_grounder = None
    if config.depth_model is not None:
        depth = _depth(config, config.depth_model, config.depth_revision)
    if config.depth_model is not None and config.second_depth_model is not None:
        second_depth = _depth(config, config.second_depth_model, config.second_depth_revision)
    segmenter = None
    if config.segmentation_model is not None:
        segmenter = Sam2Segmenter(
            config.segmentation_model,
            revision=config.segmentation_revision,
            device=config.device,
            dtype=config.dtype,
        )
    grounder = _grounder(config, config.grounding_model, config.grounding_revision)
    if config.second_grounding_model is not None:
        second_grounder = _grounder(config, config.second_grounding_model, config.second_grounding_revision)
    if segmenter is None and isinstance(grounder, Molmo2Pointer):
        raise InputError(
            "a model that points gives no boxes, and there is no segmenter to find outlines",
            where=f"grounding_model {config.grounding_model}",
            fix="set perception.segmentation_model",
        )
    return PerceptionModels(grounder, depth, segmenter, second_grounder, second_depth)


def _depth(config: PerceptionConfig, name: str, revision: str) -> DepthEstimator:
    adapter = VggtDepth if is_vggt(read_config(name, revision)) else TransformersDepth
    return adapter(
        name,
        revision=revision,
        device=config.device,
        dtype=config.dtype,
        batch_size=config.batch_size,
    )


_GROUNDERS: dict[str, type[Florence2Grounder] | type[Molmo2Pointer]] = {
    "florence2": Florence2Grounder,
    "molmo2": Molmo2Pointer,
}


def _grounder(config: PerceptionConfig, name: str, revision: str) -> Grounder:
    family = read_config(name, revision).get("model_type")
    adapter = _GROUNDERS.get(str(family), TransformersGrounder)
    return adapter(
        name,
        revision=revision,
        floor=min(config.gates.doubt_score, config.gates.min_score),
        device=config.device,
        dtype=config.dtype,
        batch_size=config.batch_size,
    )
