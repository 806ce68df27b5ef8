"""Processors that need no torchvision: pictures and text only, never video.

``Qwen2_5_VLProcessor`` and related classes require a video processor, which requires torchvision. The class made here
combines the PIL image processor with the tokenizer. It gives the same tensors, and saves files from which stock
transformers builds its full processor on a machine with torchvision.
"""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

from transformers import AutoConfig, AutoTokenizer, ProcessorMixin
from transformers.models.auto import image_processing_auto, processing_auto

from reinforcesight.errors import ConfigError, InputError, first_line
from reinforcesight.model.options import ModelOptions, ModelSource
from reinforcesight.model.processed_pictures import process_once
from reinforcesight.model.template import check_template

# transformers' top-level name is a placeholder without torchvision, although the class works without it.
AutoImageProcessor: Any = image_processing_auto.AutoImageProcessor
AutoProcessor: Any = processing_auto.AutoProcessor

# Processor class to the video processor that stock transformers expects in its saved files.
_VIDEO_PROCESSORS = {
    "Qwen2VLProcessor": "Qwen2VLVideoProcessor",
    "Qwen2_5_VLProcessor": "Qwen2VLVideoProcessor",
    "Qwen3VLProcessor": "Qwen3VLVideoProcessor",
}
_PROCESSOR_FILE = "processor_config.json"


class _NoVideo(ProcessorMixin):
    """Removes the missing video processor from the arguments on the way to ``ProcessorMixin``."""

    video_section: dict[str, Any] | None = None

    def __init__(self, *parts: object, chat_template: str | None = None) -> None:
        base: Any = super()
        base.__init__(*(part for part in parts if part is not None), chat_template=chat_template)

    def save_pretrained(self, save_directory: str | Path, push_to_hub: bool = False, **kwargs: Any) -> list[str]:
        """Save files that stock transformers can load: its class names and a video section."""
        files: list[str] = super().save_pretrained(save_directory, push_to_hub=push_to_hub, **kwargs)
        path = Path(save_directory) / _PROCESSOR_FILE
        content = json.loads(path.read_text(encoding="utf-8"))
        pictures = content["image_processor"]
        pictures["image_processor_type"] = pictures["image_processor_type"].removesuffix("Pil")
        video_type = _VIDEO_PROCESSORS.get(type(self).__name__)
        if self.video_section is not None:
            content["video_processor"] = self.video_section
        elif video_type is not None:
            shared = ("patch_size", "temporal_patch_size", "merge_size", "size", "image_mean", "image_std")
            section = {key: pictures[key] for key in shared if key in pictures}
            content["video_processor"] = {"video_processor_type": video_type, **section}
        path.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        return files

    def __reduce__(self) -> tuple[Any, ...]:
        # The class is made at run time, so spawned data-loader workers must make it when they unpickle.
        state = (self.image_processor, self.tokenizer, self.chat_template, self.video_section)
        return make_processor, (type(self).__mro__[1], *state)


def image_only_class(processor_class: Any) -> type:
    """Return a processor class of the same name that takes only an image processor and a tokenizer."""

    def __init__(  # noqa: N807
        self: Any,
        image_processor: Any = None,
        tokenizer: Any = None,
        chat_template: str | None = None,
        **kwargs: Any,
    ) -> None:
        processor_class.__init__(
            self,
            image_processor=image_processor,
            tokenizer=tokenizer,
            video_processor=None,
            chat_template=chat_template,
        )

    # The class name is saved, and stock transformers looks it up when it loads the files.
    methods: dict[str, Any] = {"__init__": __init__}
    if hasattr(processor_class, "_process_images"):
        methods["_process_images"] = process_once(processor_class._process_images)
    return type(processor_class.__name__, (processor_class, _NoVideo), methods)


def make_processor(
    processor_class: type,
    image_processor: Any,
    tokenizer: Any,
    chat_template: str | None,
    video: dict[str, Any] | None = None,
) -> Any:
    """Build a processor from its parts; ``video`` is the video section of the files that it saves."""
    processor = image_only_class(processor_class)(image_processor, tokenizer, chat_template=chat_template)
    processor.video_section = video
    return processor


def load_processor(source: ModelSource, options: ModelOptions) -> Any:
    """Load a checkpoint's processor, with the pixel limits of the options.

    An adapter's processor files are preferred to the base's, since training may have changed the limits.

    Raises:
        ConfigError: Limits are given, but the image processor has none.
        InputError: The files are missing or can't be read.
    """
    path, revision = source.base, source.base_revision
    if source.adapter is not None and _has_processor(source.adapter):
        path, revision = source.adapter, source.adapter_revision
    common: dict[str, Any] = {"revision": revision or "main", "trust_remote_code": options.trust_remote_code}
    try:
        config = AutoConfig.from_pretrained(
            source.base, revision=source.base_revision or "main", trust_remote_code=options.trust_remote_code
        )
        known: Any = processing_auto.PROCESSOR_MAPPING.get(type(config), None)
        if known is not None and "video_processor" in inspect.signature(known).parameters:
            processor = _load_image_only(known, path, common)
        else:
            processor = AutoProcessor.from_pretrained(path, **common)
    except (OSError, ValueError, ImportError, KeyError) as error:
        raise InputError(f"the processor can't be loaded: {first_line(error)[:300]}", where=path) from error
    if getattr(processor, "tokenizer", None) is None or getattr(processor, "image_processor", None) is None:
        raise InputError("the model takes no pictures", where=path, fix="choose an image-text-to-text model")
    for template in _templates(processor):
        check_template(template, path)
    if processor.tokenizer.pad_token is None:
        processor.tokenizer.pad_token = processor.tokenizer.eos_token
    _bound_pictures(processor.image_processor, options, path)
    return processor


def _load_image_only(processor_class: Any, path: str, common: dict[str, Any]) -> Any:
    image_processor = AutoImageProcessor.from_pretrained(path, backend="pil", **common)
    tokenizer = AutoTokenizer.from_pretrained(path, **common)
    settings, _ = processor_class.get_processor_dict(path, **common)
    template = settings.get("chat_template") or tokenizer.chat_template
    return make_processor(processor_class, image_processor, tokenizer, template, settings.get("video_processor"))


def _templates(processor: Any) -> list[str]:
    """Return all chat templates of the processor and its tokenizer; each may have several, by name."""
    holders = (getattr(processor, "chat_template", None), getattr(processor.tokenizer, "chat_template", None))
    return [text for held in holders if held for text in (held.values() if isinstance(held, dict) else [held])]


def _has_processor(path: str) -> bool:
    folder = Path(path)
    return folder.is_dir() and any((folder / n).is_file() for n in (_PROCESSOR_FILE, "preprocessor_config.json"))


def _bound_pictures(image_processor: Any, options: ModelOptions, path: str) -> None:
    """Set the minimum and maximum number of pixels (height x width) of a resized picture."""
    if options.min_pixels is None and options.max_pixels is None:
        return
    size = dict(image_processor.size)
    # Qwen's image processors store pixel counts under these two keys; other image processors store edge lengths.
    if not hasattr(image_processor, "merge_size") or not {"shortest_edge", "longest_edge"} <= size.keys():
        raise ConfigError(
            f"{type(image_processor).__name__} has no bounds in pixels",
            where=path,
            fix="leave min_pixels and max_pixels empty for this model",
        )
    low = options.min_pixels or int(size["shortest_edge"])
    high = options.max_pixels or int(size["longest_edge"])
    factor = image_processor.patch_size * image_processor.merge_size
    if high < factor * factor:
        raise ConfigError(
            f"max_pixels {high} is below one visual token",
            where=path,
            fix=f"use at least {factor * factor}",
        )
    image_processor.size = type(image_processor.size)(shortest_edge=min(low, high), longest_edge=high)
