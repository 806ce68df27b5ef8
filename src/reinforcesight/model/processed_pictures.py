"""Process a picture that occurs several times only once: in a batch, and in the batches that follow.

GRPO and the difficulty rating ask each question several times, and an evaluation asks each of several models under
several prompts. Image processors of the Qwen2-VL family process each picture on its own, so the tensors are the same.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from transformers.image_utils import make_flat_list_of_images

_MOST_BYTES = 48 << 20
_LARGEST = 512 * 512  # pixels; hashing and keeping larger pictures is not worth it
_OUTPUTS = {"pixel_values", "image_grid_thw"}

_Key = tuple[Any, ...]


class _Processed(NamedTuple):
    patches: Any  # (N, D)
    grid: Any  # (1, 3)
    replacement: str  # of the picture's placeholder in the text


def process_once(process_images: Callable[..., Any]) -> Callable[..., Any]:
    """Return a processor's method ``_process_images`` that processes equal pictures once; its results are the same."""

    def process(processor: Any, images: Any, **options: Any) -> Any:
        pictures: Any = make_flat_list_of_images(images)
        if not all(isinstance(picture, Image.Image) for picture in pictures):
            return process_images(processor, images, **options)
        settings = f"{processor.image_processor.to_json_string()} {sorted(map(repr, options.items()))}"
        keys = [_key(picture, settings) for picture in pictures]
        first = dict(zip(keys, pictures, strict=True))
        with _lock:
            found = {key: _known[key] for key in first if key in _known}
        new = [key for key in first if key not in found]
        if len(new) == len(pictures):
            result = process_images(processor, images, **options)
            _keep(dict(zip(keys, _parts(*result), strict=False)))
            return result
        if new:
            parts = _parts(*process_images(processor, [first[key] for key in new], **options))
            if not parts:
                return process_images(processor, images, **options)
            fresh = dict(zip(new, parts, strict=True))
            found |= fresh
            _keep(fresh)
        whole = [found[key] for key in keys]
        return _joined(whole), [part.replacement for part in whole]

    return process


def _key(picture: Image.Image, settings: str) -> _Key:
    if picture.width * picture.height > _LARGEST:
        return (id(picture), settings)
    digest = hashlib.blake2b(picture.tobytes(), digest_size=16).digest()
    return (digest, picture.mode, picture.size, settings)


def _parts(outputs: Mapping[str, Any], replacements: Sequence[str]) -> list[_Processed]:
    """Split an image processor's outputs by picture; an empty list if they are others than expected."""
    if set(outputs) != _OUTPUTS or len(outputs["image_grid_thw"]) != len(replacements):
        return []
    patches, grids = outputs["pixel_values"], outputs["image_grid_thw"]
    parts, start = [], 0
    for index, replacement in enumerate(replacements):
        end = start + int(grids[index].prod())
        parts.append(_Processed(patches[start:end], grids[index : index + 1], replacement))
        start = end
    return parts if start == len(patches) else []


def _joined(parts: Sequence[_Processed]) -> Any:
    from transformers import BatchFeature

    join: Any = torch.cat if isinstance(parts[0].patches, torch.Tensor) else np.concatenate
    patches, grids = join([part.patches for part in parts]), join([part.grid for part in parts])
    return BatchFeature({"pixel_values": patches, "image_grid_thw": grids})


def _keep(parts: Mapping[_Key, _Processed]) -> None:
    """Keep copies of the parts of small pictures, and drop those that were kept first."""
    global _bytes
    with _lock:
        for key, part in parts.items():
            if isinstance(key[0], bytes) and key not in _known and part.patches.nbytes * 64 <= _MOST_BYTES:
                _known[key] = _Processed(_copy(part.patches), _copy(part.grid), part.replacement)
                _bytes += part.patches.nbytes
        while _bytes > _MOST_BYTES:
            _bytes -= _known.popitem(last=False)[1].patches.nbytes


def _copy(value: Any) -> Any:
    return value.copy() if isinstance(value, np.ndarray) else value.clone()


# Shared by all processors of this process: those of the models of an evaluation have equal settings.
_known: OrderedDict[_Key, _Processed] = OrderedDict()
_bytes = 0
_lock = threading.Lock()
