"""Check that weights are complete: whole safetensors files in the model's folder, and a weight for every parameter."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from reinforcesight.errors import InputError, first_line, require_module
from reinforcesight.jobs.file_list import MARKER, changed_file
from reinforcesight.jobs.files import json_value
from reinforcesight.model.options import ModelSource

_WHOLE = "model.safetensors"
_INDEX = "model.safetensors.index.json"
_ADAPTER = "adapter_model.safetensors"
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
_FIX = "download or export the model again"

# Older names of weights in an adapter: of a complete state dict, of wrappers, and of the Qwen-VL and LLaVA families
# before transformers 4.52. The translated names must be exactly the expected ones.
_FORMER_NAMES = (
    (r"^(?:module\.|_orig_mod\.)+", ""),
    (r"\.default(?=\.weight$|$)", ""),
    (r"^(?!base_model\.model\.)", "base_model.model."),
    (r"^base_model\.model\.model\.(?=layers\.|embed_tokens\.|norm\.)", "base_model.model.model.language_model."),
    (r"^base_model\.model\.language_model\.model\.", "base_model.model.model.language_model."),
    (r"^base_model\.model\.(?=visual\.|vision_tower\.|multi_modal_projector\.)", "base_model.model.model."),
)


def check_weight_files(source: ModelSource) -> None:
    """Check the weight files of base and adapter before they are opened.

    Raises:
        InputError: There are only pickles, an index names a file that is not safetensors or lies outside the folder,
            or a file is missing or truncated.
    """
    _check_base(source)
    if source.adapter is not None:
        adapter = _find(source.adapter, source.adapter_revision, _ADAPTER)
        if adapter is None:
            raise _no_safetensors(source.adapter, _ADAPTER)
        _check_whole(adapter)


def check_digests(source: ModelSource) -> None:
    """Compare local files with the list of digests next to them, as ``sft`` and ``grpo`` write it; reads all files.

    Raises:
        InputError: A file has changed since it was written.
    """
    for folder in filter(None, (source.base, source.adapter)):
        changed = changed_file(Path(folder)) if Path(folder).is_dir() else None
        if changed is not None:
            raise InputError(
                f"the model can't be loaded: {changed} is not the file that was written",
                where=folder,
                fix=f"use another checkpoint or train again; if you changed the file yourself, remove {MARKER}",
            )


def _check_base(source: ModelSource) -> None:
    index = _find(source.base, source.base_revision, _INDEX)
    folder = Path(source.base)
    if index is not None:
        for name in _indexed(index):
            if Path(name).name != name or not name.endswith(".safetensors"):
                raise InputError(
                    f"the index names {name!r}, which is not a safetensors file of its own folder", where=str(index)
                )
            if folder.is_dir() and not (folder / _WHOLE).is_file():
                _check_whole(folder / name)
    if folder.is_dir() and (folder / _WHOLE).is_file():
        _check_whole(folder / _WHOLE)
    elif folder.is_dir() and index is None and not any(folder.glob("*.safetensors")):
        raise _no_safetensors(source.base, _WHOLE)


def _find(path: str, revision: str | None, name: str) -> Path | None:
    """Return the path of a file in a folder or hub repository; ``None`` if it does not exist."""
    if Path(path).is_dir():
        file = Path(path) / name
        return file if file.is_file() else None
    hub = require_module("transformers.utils.hub", extra="train")
    try:
        found = hub.cached_file(path, name, revision=revision or "main", _raise_exceptions_for_missing_entries=False)
    except (OSError, ValueError) as error:
        raise cannot_load(path, error) from error
    return Path(found) if found is not None else None


def cannot_load(path: str, error: Exception) -> InputError:
    return InputError(
        f"the model can't be loaded: {first_line(error)[:300]}",
        where=path,
        fix="check the path, and for a hub id the connection; only safetensors weights are read",
    )


def _indexed(index: Path) -> list[str]:
    try:
        names = json_value(index.read_text(encoding="utf-8"))["weight_map"].values()
        return sorted({str(name) for name in names})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"the index of the weights can't be read: {error!r}", where=str(index), fix=_FIX) from error


def _no_safetensors(folder: str, wanted: str) -> InputError:
    pickles = sorted(file.name for pattern in _PICKLES for file in Path(folder).glob(pattern))
    found = f", found {pickles[0]}, which is a pickle" if pickles else ""
    fix = "only safetensors weights are read; save the model as safetensors"
    return InputError(f"the model can't be loaded: expected {wanted}{found}", where=folder, fix=fix)


def _check_whole(path: Path) -> None:
    """Refuse a file that is missing, cut off or not safetensors; reads its header."""
    safetensors = require_module("safetensors", extra="train")
    try:
        with safetensors.safe_open(path, framework="np"):
            pass
    except FileNotFoundError as error:
        raise _unusable("a file of its weights is missing", path) from error
    except (OSError, safetensors.SafetensorError) as error:
        raise _unusable("the file is cut off or not safetensors", path) from error


def _unusable(what: str, path: Path) -> InputError:
    return InputError(f"the model can't be loaded: {what}", where=str(path), fix=_FIX)


def check_loaded(info: Mapping[str, Iterable[Any]], path: str) -> None:
    """Refuse a model with newly initialised or unused weights, according to transformers' loading ``info``.

    Raises:
        InputError: Weights other than tied ones are missing or unused; gives the counts and the first names.
    """
    mismatched = [f"{name} {list(stored)} for {list(expected)}" for name, stored, expected in info["mismatched_keys"]]
    _refuse(
        {"missing": info["missing_keys"], "of another shape": mismatched, "unexpected": info["unexpected_keys"]}, path
    )


def check_adapter(model: Any, source: ModelSource) -> None:
    """Refuse an attached adapter whose file does not have exactly the adapter's weights.

    peft only warns, and leaves missing weights as initialised. Weights with older names are translated and loaded.

    Raises:
        InputError: Weights are missing or unused; gives the counts and the first names.
    """
    peft = require_module("peft", extra="train")
    safetensors = require_module("safetensors.torch", extra="train")
    assert source.adapter is not None
    stored = safetensors.load_file(_find(source.adapter, source.adapter_revision, _ADAPTER))
    expected = {n: w.shape for n, w in peft.get_peft_model_state_dict(model, save_embedding_layers=False).items()}
    if _shapes(stored) == expected:
        return
    # Embeddings that were trained with the adapter are saved as complete layers, without LoRA.
    base = {n: w.shape for n, w in model.state_dict().items() if "lora_" not in n}
    expected |= {name: base[name] for name in stored.keys() & base.keys()}
    renamed = {_present_name(name): weight for name, weight in stored.items()}
    if _shapes(renamed) == expected and len(renamed) == len(stored):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            peft.set_peft_model_state_dict(model, renamed)
        return
    shapes = _shapes(stored)
    both = [name for name in shapes.keys() & expected.keys() if shapes[name] != expected[name]]
    _refuse(
        {
            "missing": expected.keys() - shapes.keys(),
            "of another shape": [f"{name} {list(shapes[name])} for {list(expected[name])}" for name in both],
            "unexpected": shapes.keys() - expected.keys(),
        },
        source.adapter,
    )


def _shapes(weights: Mapping[str, Any]) -> dict[str, Any]:
    return {name: weight.shape for name, weight in weights.items()}


def _present_name(name: str) -> str:
    for former, present in _FORMER_NAMES:
        name = re.sub(former, present, name)
    return name


def _refuse(problems: Mapping[str, Iterable[str]], path: str) -> None:
    found = {kind: sorted(names) for kind, names in problems.items()}
    texts = [f"{len(names)} {kind} (first: {names[0]})" for kind, names in found.items() if names]
    if texts:
        raise InputError(f"the weights do not fit the model: {'; '.join(texts)}", where=path, fix=_FIX)
