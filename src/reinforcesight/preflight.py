"""Checks before a command starts: each raises the first problem, or returns facts, one per line.

No check reads a picture or loads a model. ``run`` checks all its stages before the first one (story/check.py).
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from reinforcesight.errors import InputError, MissingDependencyError, OutputError, install_command
from reinforcesight.jobs.progress import gigabytes

if TYPE_CHECKING:
    from reinforcesight.data_gen.config import GenerateConfig
    from reinforcesight.eval.config import EvaluateConfig
    from reinforcesight.model.options import ModelConfig
    from reinforcesight.tuning.settings.config import TrainingConfig

_WEIGHTS = ("*.safetensors", "*.json", "*.txt", "*.jinja", "*.model")
# Bytes per question in a data set, without its picture: scene, evidence, texts.
_ROW_BYTES = 8_000
# A checkpoint of full fine-tuning has the weights and the optimiser's two moments; an adapter is small.
_CHECKPOINT_SHARE = {"full": 3.0, "lora": 0.15}
# Files that a training writes before its record.
_TRAINING_FILES = ("run_record.json", "metrics.jsonl", "difficulty*", "groups*", "checkpoint-*", ".*")


def check_generate(config: GenerateConfig, *, thorough: bool = False) -> list[str]:
    """Check installed extras, input, output folder and disk space of ``generate``."""
    if config.source == "rendered":
        require_extra("rendered", "trimesh", "embreex")
    elif config.source in ("image_folder", "localized_narratives"):
        require_extra("train", "torch", "transformers")
    if config.engine == "ray":
        require_extra("ray", "ray")
    for name in ("templates", "calibration"):
        path = getattr(config, name)
        if path is not None and not path.exists():
            raise InputError("no such file", where=f"--{name} {path}", fix="check the path")
    return [check_room(config.output, 0 if (config.output / "manifest.json").exists() else dataset_bytes(config))]


def check_training(config: TrainingConfig, *, thorough: bool = False) -> list[str]:
    """Check installed extras, device, model, data set, output folder and disk space of ``sft`` and ``grpo``."""
    from reinforcesight.data_gen.dataset.reader import find_files, open_file
    from reinforcesight.grpo.config import GrpoConfig
    from reinforcesight.hub import is_hub_id

    require_extra("train", "torch", "transformers", "trl", "peft", "accelerate")
    refuse_other_things(Path(config.output), _TRAINING_FILES)
    facts = []
    if not is_hub_id(config.dataset):
        rows = {"train": 0, "validation": 0, "test": 0}
        for file in find_files(Path(config.dataset)):
            with open_file(file.path) as parquet:
                rows[file.split] += parquet.metadata.num_rows
        if not rows["train"]:
            raise InputError("the data set has no training questions", where=config.dataset, fix="generate another")
        facts.append(f"data set: {rows['train']:,} training and {rows['validation']:,} validation questions")
        if thorough and isinstance(config, GrpoConfig):
            from reinforcesight.grpo.arguments import check_numbers, grpo_arguments

            check_numbers(config, grpo_arguments(config, has_validation=rows["validation"] > 0), rows["train"])
    weights, fact = check_model(config.model.at(config.model_path))
    return [*facts, fact, check_room(Path(config.output), training_bytes(config, weights))]


def check_evaluate(config: EvaluateConfig, *, thorough: bool = False) -> list[str]:
    """Check installed extras, device, model and output of ``evaluate``; if ``thorough``, also read the benchmarks."""
    from reinforcesight.eval.results import read_results

    parts = config.of_each_benchmark()
    for part in parts.values():
        for path in filter(None, (part.baseline, *part.compare)):
            read_results(path)
    for output in {config.output, *(part.output for part in parts.values())}:
        _check_results_file(output)
    facts = []
    if config.engine == "vllm":
        require_extra("vllm", "vllm")
    if config.engine in ("transformers", "vllm"):
        require_extra("train", "torch", "transformers")
        facts.append(check_model(config.model_config_at())[1])
    if config.engine == "openai":
        facts.append(f"model: {config.model_path} at {config.base_url}")
    if thorough:
        facts += [check_benchmark(part, part.benchmark) for part in parts.values()]
    return [*facts, check_room(config.output.parent, 0)]


def _check_results_file(output: Path) -> None:
    from reinforcesight.eval.answers import holds_answers
    from reinforcesight.eval.results import answers_path

    answers = answers_path(output)
    with contextlib.suppress(FileNotFoundError):
        if b'"protocol"' not in output.read_bytes():
            raise OutputError("the file is no results.json", where=str(output), fix="choose another --output")
    if answers.is_file() and answers.stat().st_size and not holds_answers(answers):
        raise OutputError("the file holds no answers of evaluate", where=str(answers), fix="choose another --output")


def refuse_other_things(folder: Path, ours: Iterable[str]) -> None:
    """Refuse an output folder that has files, but none of ours (name patterns).

    Raises:
        OutputError: The folder belongs to something else; the fix is another folder.
    """
    if folder.exists() and not folder.is_dir():
        raise OutputError("the output is a file", where=str(folder), fix="choose a folder")
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    if names and not any(next(folder.glob(pattern), None) for pattern in ours):
        raise OutputError(
            f"the folder holds other things, such as {names[0]}",
            where=str(folder),
            fix="choose another --output",
        )


def require_extra(extra: str, *modules: str) -> None:
    """Raise :class:`MissingDependencyError` unless these modules of an extra are installed; import none of them."""
    for name in modules:
        spec = None
        with contextlib.suppress(ModuleNotFoundError):
            spec = find_spec(name)
        if spec is None:
            raise MissingDependencyError(f"the package {name!r} is not installed", fix=install_command(extra))


def check_model(config: ModelConfig) -> tuple[int, str]:
    """Return the bytes of a model's weights, downloaded from the hub if needed, and a line about model and device."""
    from reinforcesight.devices import pick_device
    from reinforcesight.hub import download_snapshot
    from reinforcesight.model.load import check_remote_code, find_source
    from reinforcesight.model.weights import check_weight_files

    device = pick_device(config.device)
    if config.quantization != "none":
        require_extra("quantization", "bitsandbytes")
    source = find_source(config)
    check_remote_code(config, source)
    check_weight_files(source)
    folder = Path(source.base)
    if not folder.is_dir():
        folder = download_snapshot(source.base, source.base_revision, _WEIGHTS, what="model")
    weights = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
    if not weights:
        raise InputError("the model has no safetensors weights", where=source.base, fix="only these are read")
    size = gigabytes(weights) if weights > 1e8 else f"{weights / 1e6:.0f} MB"
    return weights, f"model: {config.model_path}, {size} of weights, on {device}"


def check_benchmark(config: EvaluateConfig, where: str) -> str:
    """Load a benchmark, from the hub if needed; return a line with its name and number of questions."""
    from reinforcesight.eval.benchmarks.load import benchmark_of

    found = benchmark_of(config, where)
    return f"benchmark: {found.name}, {len(found.items):,} questions, {len(found.broken)} that can't be scored"


def dataset_bytes(config: GenerateConfig) -> int:
    """Estimate a data set's bytes with its work files; a PNG of a rendered scene has less than a byte per pixel."""
    width, height = config.picture_size
    picture = width * height if config.source == "rendered" else 200_000
    return 2 * config.num_samples * (picture + _ROW_BYTES)


def training_bytes(config: TrainingConfig, weights: int) -> int:
    """Estimate the maximum bytes of a training's checkpoints; ``weights`` are the model's bytes."""
    kept = 1 + int(config.trainer.get("save_total_limit") or 2)  # the best checkpoint is kept in addition
    return int(weights * (1 + _CHECKPOINT_SHARE[config.tuning] * kept))


def check_room(folder: Path, needed: int) -> str:
    """Check that a folder can be written and its disk has the bytes needed; return a line about it."""
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        raise OutputError(
            "can't write there", where=str(folder), fix="choose another folder, or change its permissions"
        )
    free = shutil.disk_usage(existing).free
    if free < needed:
        raise OutputError(
            f"about {gigabytes(needed)} are needed and {gigabytes(free)} are free",
            where=str(folder),
            fix="make room or choose a folder on another disk",
        )
    return f"output: {folder}, {gigabytes(free)} free" + (f", up to {gigabytes(needed)} needed" if needed else "")
