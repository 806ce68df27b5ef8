"""Build the models in a configuration."""

from __future__ import annotations

from reinforcesight.data_gen.perception.config import PerceptionConfig
from reinforcesight.data_gen.perception.depth_views import MultiViewDepth
from reinforcesight.data_gen.perception.models.depth import TransformersDepth
from reinforcesight.data_gen.perception.models.florence import Florence2Grounder
from reinforcesight.data_gen.perception.models.grounding import TransformersGrounder
from reinforcesight.data_gen.perception.models.model_files import read_config
from reinforcesight.data_gen.perception.models.molmo import Molmo2Pointer
from reinforcesight.data_gen.perception.models.segmentation import Sam2Segmenter
from reinforcesight.data_gen.perception.models.stored_model import Loading
from reinforcesight.data_gen.perception.models.vggt import VggtDepth, is_vggt
from reinforcesight.data_gen.perception.protocols import DepthEstimator, Grounder, PerceptionModels
from reinforcesight.errors import InputError, require_module

_GROUNDERS: dict[object, type[Florence2Grounder] | type[Molmo2Pointer]] = {
    "florence2": Florence2Grounder,
    "molmo2": Molmo2Pointer,
}


def build_models(config: PerceptionConfig) -> PerceptionModels:
    """Build adapters of the configured models. Files are found (or downloaded) now, weights load at the first call.

    Raises:
        InputError: A model can't be found or is of another kind; or a model gives points and there is no segmenter.
        MissingDependencyError: torch or transformers is not installed.
    """
    for module in ("torch", "transformers"):
        require_module(module, extra="train")
    depth = second_depth = segmenter = second_grounder = None
    if config.depth_model is not None:
        depth = _depth(config, config.depth_model, config.depth_revision)
        if config.second_depth_model is not None:
            second_depth = _depth(config, config.second_depth_model, config.second_depth_revision)
    if config.segmentation_model is not None:
        loading = _loading(config, config.segmentation_revision)
        segmenter = Sam2Segmenter(config.segmentation_model, **loading)
    grounder = _grounder(config, config.grounding_model, config.grounding_revision)
    if config.second_grounding_model is not None:
        second_grounder = _grounder(config, config.second_grounding_model, config.second_grounding_revision)
    if segmenter is None and isinstance(grounder, Molmo2Pointer):
        raise InputError(
            "a model that points gives no boxes, and there is no segmenter to outline the points",
            where=f"grounding_model {config.grounding_model}",
            fix="set perception.segmentation_model",
        )
    return PerceptionModels(grounder, depth, segmenter, second_grounder, second_depth)


def build_depth(config: PerceptionConfig) -> DepthEstimator:
    """Build only the depth model.

    Raises:
        InputError: No depth model is configured, or it can't be found.
        MissingDependencyError: torch or transformers is not installed.
    """
    for module in ("torch", "transformers"):
        require_module(module, extra="train")
    if config.depth_model is None:
        raise InputError("no depth model is named", where="perception.depth_model", fix="name one")
    return _depth(config, config.depth_model, config.depth_revision)


def _loading(config: PerceptionConfig, revision: str) -> Loading:
    return {
        "revision": revision,
        "device": config.device,
        "dtype": config.dtype,
        "batch_size": config.batch_size,
    }


def _depth(config: PerceptionConfig, name: str, revision: str) -> DepthEstimator:
    adapter = VggtDepth if is_vggt(read_config(name, revision)) else TransformersDepth
    model = adapter(name, **_loading(config, revision))
    return MultiViewDepth(model) if config.depth_views else model


def _grounder(config: PerceptionConfig, name: str, revision: str) -> Grounder:
    adapter = _GROUNDERS.get(read_config(name, revision).get("model_type"), TransformersGrounder)
    least = min(config.gates.doubt_score, config.gates.min_score)
    return adapter(name, min_score=least, **_loading(config, revision))
