"""Merge an adapter into its base, and write a folder that stock transformers, vLLM and other programs load."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reinforcesight.errors import InputError, OutputError, require_module
from reinforcesight.hub import download_snapshot, push_folder
from reinforcesight.jobs.files import atomic_folder, read_json_object, write_json
from reinforcesight.jobs.record import RunRecord
from reinforcesight.model.card import write_model_card
from reinforcesight.model.load import find_source, load_model
from reinforcesight.model.options import ModelConfig, ModelSource

# Processor files, under the names that other programs expect.
PROCESSOR_FILES = (
    "preprocessor_config.json",
    "processor_config.json",
    "video_preprocessor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "vocab.json",
    "merges.txt",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
    "chat_template.json",
)


@dataclass(frozen=True)
class ExportedModel:
    """A merged model on disk, and its hub repository if it was uploaded."""

    folder: Path
    base_model: str
    repository: str | None

    @property
    def lines(self) -> list[str]:
        pushed = [] if self.repository is None else [f"pushed to {self.repository}"]
        return [f"merged model in {self.folder}", *pushed]


def to_merged_model(model_path: str | Path, output: Path, push_to_hub: str | None = None) -> ExportedModel:
    """Write a checkpoint as one model without adapter, in its base's dtype.

    Args:
        output: Folder to write; must be empty or absent.
        push_to_hub: Repository ``owner/name`` to upload to; created as private if absent.

    Raises:
        InputError: The source or its base can't be loaded.
        OutputError: The folder is in use or can't be written, or the upload fails (the folder is then kept).
    """
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise OutputError("the output folder is not empty", where=str(output), fix="give another --output")
    found = find_source(ModelConfig(model_path=str(model_path)))
    source = Path(model_path)
    record = RunRecord.load(source) or RunRecord.load(source.resolve().parent)  # a checkpoint is in the run's folder
    base = _base_of(found, record)
    config = ModelConfig(model_path=str(model_path), dtype=_stored_dtype(found), device="cpu")
    loaded = load_model(config, merge_adapter=found.adapter is not None)
    with atomic_folder(output) as partial:
        loaded.model.save_pretrained(partial)
        if copy_processor_files(base, partial):
            _keep_picture_bounds(loaded.processor, partial)
        else:
            loaded.processor.save_pretrained(partial)
        write_model_card(record, partial, base_model=base.base, name=output.resolve().name)
        _share(partial)
    address = None if push_to_hub is None else push_folder(output, push_to_hub, kind="model")
    return ExportedModel(output, base.base, address)


def copy_processor_files(base: ModelSource, output: Path) -> list[str]:
    """Copy the base's processor files, from its folder or the hub; return their names, empty if it has none."""
    folder = Path(base.base)
    if not folder.is_dir():
        folder = download_snapshot(base.base, base.base_revision, PROCESSOR_FILES, what="base's processor")
    present = [name for name in PROCESSOR_FILES if (folder / name).is_file()]
    for name in present:
        shutil.copyfile(folder / name, output / name)
    return present


def _keep_picture_bounds(processor: Any, folder: Path) -> None:
    """Write the bounds that pictures had in training, in pixels, into the base's processor files."""
    size = dict(processor.image_processor.size)
    low, high = size.get("shortest_edge"), size.get("longest_edge")
    if not hasattr(processor.image_processor, "merge_size") or low is None or high is None:
        return  # its sizes are edge lengths
    for name in ("preprocessor_config.json", "processor_config.json"):
        path = folder / name
        content = read_json_object(path) or {}
        section = content if name.startswith("pre") else content.get("image_processor")
        if isinstance(section, dict) and section:
            kept: dict[str, Any] = {"size": {"shortest_edge": low, "longest_edge": high}}
            kept |= {key: value for key, value in (("min_pixels", low), ("max_pixels", high)) if key in section}
            if any(section.get(key) != value for key, value in kept.items()):
                section |= kept
                write_json(path, content)


def _base_of(found: ModelSource, record: RunRecord | None) -> ModelSource:
    """Return the base whose processor files are copied: the adapter's, or the start of full fine-tuning."""
    if found.adapter is not None or record is None:
        return found
    model: dict[str, Any] = record.content.get("model", {})
    base = model.get("base_model")
    if isinstance(base, str) and (Path(base) / "config.json").is_file():
        return ModelSource(base, None)
    return found


def _stored_dtype(found: ModelSource) -> Any:
    transformers = require_module("transformers", extra="train")
    try:
        config = transformers.AutoConfig.from_pretrained(found.base, revision=found.base_revision or "main")
    except (OSError, ValueError) as error:
        raise InputError(f"the base's configuration can't be read: {error}", where=found.base) from error
    stored = str(config.dtype).removeprefix("torch.")
    return stored if stored in {"float32", "bfloat16", "float16"} else "auto"


def _share(folder: Path) -> None:
    """Set default permissions on all files; safetensors makes weights readable only for their owner."""
    mask = os.umask(0)
    os.umask(mask)
    for file in folder.iterdir():
        file.chmod(0o666 & ~mask)
