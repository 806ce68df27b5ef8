"""Load a base model, an adapter or a merged checkpoint with its processor."""

from __future__ import annotations

import hashlib
import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reinforcesight.devices import pick_device
from reinforcesight.errors import ConfigError, InputError, require_module
from reinforcesight.hub import is_hub_id
from reinforcesight.jobs.environment import versions
from reinforcesight.jobs.files import required_json_object
from reinforcesight.model.options import ModelConfig, ModelSource
from reinforcesight.model.weights import cannot_load, check_adapter, check_digests, check_loaded, check_weight_files

if TYPE_CHECKING:
    import torch

# Embedded models: one sub-folder each, loaded by its name.
EMBEDDED_DIRECTORY = Path(__file__).with_name("embedded")
EMBEDDED_MODEL = "nano"

_VERSIONED_PACKAGES = ("torch", "transformers", "trl", "peft", "accelerate", "datasets", "bitsandbytes")


@dataclass(frozen=True)
class LoadedModel:
    """A model in evaluation mode with its processor.

    Attributes:
        model: A ``PreTrainedModel``, or a ``PeftModel`` if an adapter was attached.
        processor: The processor for texts and PIL pictures.
        description: Paths, resolved revision, architecture, dtype and library versions.
    """

    model: Any
    processor: Any
    description: dict[str, Any] = field(default_factory=dict)


def load_model(config: ModelConfig, *, trainable: bool = False, merge_adapter: bool = False) -> LoadedModel:
    """Load a model with its processor.

    Args:
        trainable: Keep an adapter trainable, and let the trainer place unquantised weights.
        merge_adapter: Merge an adapter into the base's weights, which must not be quantised.

    Raises:
        ConfigError: The options can't be combined.
        InputError: The folder or hub repository can't be loaded.
    """
    require_module("torch", extra="train")
    quiet_libraries()
    from reinforcesight.model.decoding import decode_faster
    from reinforcesight.model.memory import keep_freed_memory
    from reinforcesight.model.picture_features import keep_features
    from reinforcesight.model.processor import load_processor
    from reinforcesight.model.repeated_pictures import encode_repeated_once

    if merge_adapter and config.quantization != "none":
        raise ConfigError("an adapter can't be merged into quantised weights", fix="use --quantization none")
    source = sound_source(config)
    device = pick_device(config.device)
    dtype = _pick_dtype(config, device)
    arguments: dict[str, Any] = {
        "dtype": dtype,
        "revision": source.base_revision or "main",
        "trust_remote_code": config.trust_remote_code,
        "use_safetensors": True,
    }
    if config.attn_implementation is not None:
        arguments["attn_implementation"] = config.attn_implementation
    if config.quantization != "none":
        arguments["quantization_config"] = _quantization_config(config, dtype)
        arguments["device_map"] = {"": device}
    model, info = _load_base(source.base, **arguments)
    check_loaded(info, source.base)
    if source.adapter is not None:
        model = _attach(model, source, trainable=trainable)
        if merge_adapter:
            model = model.merge_and_unload()
    if config.quantization == "none" and not trainable:
        model = model.to(device)
    model.train(trainable)
    encode_repeated_once(model)
    if device == "cpu":
        keep_freed_memory()
        keep_features(model)
    processor = load_processor(source, config)
    if device == "cpu":
        decode_faster(model, [processor.tokenizer.eos_token_id])
    # Without a padding token, generation prints a warning for each batch.
    if model.generation_config.pad_token_id is None:
        model.generation_config.pad_token_id = processor.tokenizer.pad_token_id
    return LoadedModel(model, processor, _describe(model, processor, config, source, torch_dtype=dtype))


def _load_base(path: str, **arguments: Any) -> tuple[Any, Mapping[str, Any]]:
    """Return the model and transformers' loading info, which transformers would otherwise print as a table."""
    transformers = require_module("transformers", extra="train")
    safetensors = require_module("safetensors", extra="train")
    shown = transformers.logging.get_verbosity()
    transformers.logging.set_verbosity_error()
    try:
        model, info = transformers.AutoModelForImageTextToText.from_pretrained(
            path, output_loading_info=True, ignore_mismatched_sizes=True, **arguments
        )
    except (OSError, ValueError, ImportError, KeyError, RuntimeError, safetensors.SafetensorError) as error:
        raise cannot_load(path, error) from error
    finally:
        transformers.logging.set_verbosity(shown)
    # A tied output layer is missing only if the embedding is.
    tied = set(getattr(model, "all_tied_weights_keys", None) or ())
    return model, {**info, "missing_keys": set(info["missing_keys"]) - tied}


def quiet_libraries() -> None:
    """Show the libraries' progress bars only on terminals; in a file they fill the log."""
    if not sys.stderr.isatty():
        require_module("transformers", extra="train").logging.disable_progress_bar()
        require_module("datasets", extra="train").disable_progress_bars()


def resolve_path(model_path: str) -> str:
    """Return the folder of a model that is part of this package (nano); return other paths and hub ids unchanged."""
    embedded = EMBEDDED_DIRECTORY / model_path
    if model_path.isidentifier() and (embedded / "config.json").is_file() and not Path(model_path).exists():
        return str(embedded)
    return model_path


def sound_source(config: ModelConfig) -> ModelSource:
    """Find a model and check it before it is opened: remote code, complete weights, digests; reads local files whole.

    Raises:
        ConfigError, InputError: See the functions called here.
    """
    check_remote_code(config, ModelSource(resolve_path(config.model_path), config.revision))
    source = find_source(config)
    check_remote_code(config, source)
    check_weight_files(source)
    check_digests(source)
    return source


def find_source(config: ModelConfig) -> ModelSource:
    """Find out whether a folder or hub repository holds a model or an adapter, and which base the adapter has.

    Raises:
        InputError: The folder holds no model, or the adapter does not name its base.
    """
    path = resolve_path(config.model_path)
    folder = Path(path)
    if path == EMBEDDED_MODEL and not folder.exists():
        raise InputError(
            f"the embedded model {path!r} is not part of this version",
            where="model_path",
            fix="give a folder, or a hub id such as Qwen/Qwen2.5-VL-3B-Instruct",
        )
    if folder.is_dir():
        if not (folder / "adapter_config.json").is_file():
            if not (folder / "config.json").is_file():
                raise InputError("the folder holds no model", where=path, fix=_suggest_checkpoint(folder))
            return ModelSource(path, None)
        adapter = required_json_object(folder / "adapter_config.json")
        adapter_revision = None
    else:
        if not is_hub_id(path):
            raise InputError("no such model folder", where=path, fix="give a folder, a hub id (owner/name) or nano")
        found = _hub_adapter_config(path, config.revision)
        if found is None:
            return ModelSource(path, config.revision)
        adapter, adapter_revision = required_json_object(Path(found)), config.revision
    base = adapter.get("base_model_name_or_path")
    if not isinstance(base, str) or not base:
        raise InputError("the adapter does not name its base model", where=f"{path}/adapter_config.json")
    base = resolve_path(base)
    if not Path(base).is_dir() and (folder / base).is_dir():  # a path relative to the adapter
        base = str(folder / base)
    return ModelSource(base, adapter.get("revision"), path, adapter_revision)


def _suggest_checkpoint(folder: Path) -> str:
    checkpoints = [p for p in folder.glob("checkpoint-*") if p.name.removeprefix("checkpoint-").isdigit()]
    if checkpoints:
        latest = max(checkpoints, key=lambda p: int(p.name.removeprefix("checkpoint-")))
        return f"training has not finished here; rerun the command to continue it, or use {latest}"
    return "expected config.json or adapter_config.json in it"


def _hub_adapter_config(repository: str, revision: str | None) -> str | None:
    from transformers.utils.peft_utils import find_adapter_config_file

    try:
        found = find_adapter_config_file(repository, revision=revision)
    except OSError as error:
        raise cannot_load(repository, error) from error
    return str(found) if found is not None else None


def check_remote_code(config: ModelConfig, source: ModelSource) -> None:
    """Refuse code from a repository or a revision that the user has not named.

    Raises:
        ConfigError: Remote code is on, and the model comes from the hub without a revision, or is the base that an
            adapter's configuration names.
    """
    if not config.trust_remote_code:
        return
    if source.adapter is not None:
        raise ConfigError(
            "remote code may only run from the repository that you name, not from the base that an adapter names",
            where=f"trust_remote_code with {source.base}",
            fix="leave trust_remote_code off, or name a base or a merged model",
        )
    if config.revision is None and not Path(source.base).is_dir():
        raise ConfigError(
            "remote code may only run at a named revision",
            where=f"trust_remote_code with {source.base}",
            fix="give --revision with the commit that you have read",
        )


def _pick_dtype(config: ModelConfig, device: str) -> torch.dtype | str:
    import torch

    if config.dtype != "auto":
        named: torch.dtype = getattr(torch, config.dtype)
        return named
    # bfloat16 arithmetic is several times slower than float32 on most CPUs.
    return torch.float32 if device == "cpu" else "auto"


def _quantization_config(config: ModelConfig, dtype: torch.dtype | str) -> Any:
    require_module("bitsandbytes", extra="quantization")
    import torch

    transformers = require_module("transformers", extra="train")

    # The vision tower and the output layer are not quantised: they are small and lose the most. bitsandbytes matches
    # the names as expressions from the start of a module's full name.
    whole = ("visual", "vision_tower", "vision_model", "multi_modal_projector", "connector", "lm_head")
    skipped = [rf"(.*\.)?{name}(\.|$)" for name in whole]
    if config.quantization == "8bit":
        return transformers.BitsAndBytesConfig(load_in_8bit=True, llm_int8_skip_modules=skipped)
    return transformers.BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype if isinstance(dtype, torch.dtype) else torch.bfloat16,
        llm_int8_skip_modules=skipped,
    )


def _attach(model: Any, source: ModelSource, *, trainable: bool) -> Any:
    peft = require_module("peft", extra="train")
    try:
        with warnings.catch_warnings():
            # peft warns of names that don't fit; check_adapter refuses them.
            warnings.simplefilter("ignore")
            attached = peft.PeftModel.from_pretrained(
                model,
                source.adapter,
                revision=source.adapter_revision,
                is_trainable=trainable,
                ignore_mismatched_sizes=True,
            )
    except (OSError, ValueError, RuntimeError, TypeError, KeyError) as error:
        raise cannot_load(str(source.adapter), error) from error
    check_adapter(attached, source)
    return attached


def _describe(
    model: Any, processor: Any, config: ModelConfig, source: ModelSource, *, torch_dtype: object
) -> dict[str, Any]:
    from reinforcesight.model.repeated_pictures import inner_model

    inner = inner_model(model)
    size = getattr(processor.image_processor, "size", None)
    return {
        "model_path": config.model_path,
        "base_model": source.base,
        "adapter": source.adapter,
        "revision": getattr(inner.config, "_commit_hash", None) or source.base_revision,
        "fingerprint": weights_fingerprint(source),
        "architecture": type(inner).__name__,
        "model_type": inner.config.model_type,
        "parameters": sum(p.numel() for p in inner.parameters()),
        "dtype": str(inner.dtype if torch_dtype == "auto" else torch_dtype).removeprefix("torch."),
        "quantization": config.quantization,
        "attn_implementation": getattr(inner.config, "_attn_implementation", None),
        "picture_size": {key: value for key, value in dict(size).items() if value} if size is not None else None,
        "versions": versions(_VERSIONED_PACKAGES),
    }


def weights_bytes(source: ModelSource) -> int | None:
    """Return the size of local weight files; ``None`` for a model on the hub."""
    folders = [Path(folder) for folder in (source.base, source.adapter) if folder is not None]
    if not all(folder.is_dir() for folder in folders):
        return None
    return sum(file.stat().st_size for folder in folders for file in folder.glob("*.safetensors"))


def weights_fingerprint(source: ModelSource) -> str | None:
    """Return the SHA-256 of names, sizes, and first and last MiB of local weight and configuration files.

    Reading whole files of many gigabytes would take longer than loading them.
    """
    digest = hashlib.sha256()
    files = [
        file
        for folder in (source.base, source.adapter)
        if folder is not None and Path(folder).is_dir()
        for file in sorted(Path(folder).iterdir())
        if file.suffix == ".safetensors" or file.name in {"config.json", "adapter_config.json"}
    ]
    if not files:
        return None
    for file in files:
        size = file.stat().st_size
        digest.update(f"{file.name} {size}\n".encode())
        with file.open("rb") as stream:
            digest.update(stream.read(1 << 20))
            stream.seek(max(0, size - (1 << 20)))
            digest.update(stream.read())
    return digest.hexdigest()
