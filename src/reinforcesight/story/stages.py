"""The table of stages: what each reads and writes, the function that runs it, and the settings that affect its result.

Imports nothing heavy, so that ``run`` finds out without torch which stages have to run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reinforcesight.jobs.files import json_hash
from reinforcesight.model.load import resolve_path, weights_fingerprint
from reinforcesight.model.options import ModelSource
from reinforcesight.story import stage_functions
from reinforcesight.story.folder import MODEL_TITLES

if TYPE_CHECKING:
    from reinforcesight.data_gen.config import GenerateConfig
    from reinforcesight.grpo.config import GrpoConfig
    from reinforcesight.story.config import RunConfig

# What the heavy stages and the check before the first stage import.
HEAVY_MODULES = (
    "trl",
    "peft",
    "transformers.models.qwen2_5_vl.modeling_qwen2_5_vl",
    "reinforcesight.sft.trainer",
    "reinforcesight.grpo.trainer",
    "reinforcesight.eval.engines.side_by_side",
    "reinforcesight.story.report",
)
_FASTER_OR_SLOWER = {"output", "workers", "overwrite", "keep_work", "shard"}


@dataclass(frozen=True)
class Stage:
    """One stage of a run. Paths are relative to the run folder."""

    name: str  # on the command line and in run.json
    title: str
    reads: tuple[str, ...]  # names of the stages whose products it reads
    folder: str | None  # output folder; moved away if it was made with other settings
    products: Callable[[RunConfig], list[str]]  # glob patterns of its result files
    settings: Callable[[RunConfig], dict[str, Any]]  # JSON values that affect the result, besides its inputs
    work: Callable[[RunConfig], int]  # runs or resumes the stage; returns an exit status
    less_memory: str  # settings that reduce its memory
    heavy: bool = False  # imports torch, which takes seconds
    resumes_in_place: bool = False  # reuses matching work in its folder, so the folder is not moved


def inputs_of(stage: Stage, config: RunConfig, fingerprints: Mapping[str, str], version: str) -> dict[str, Any]:
    """Return everything that affects a stage's result; ``fingerprints`` are those of the previous stages."""
    return {
        "settings": stage.settings(config),
        "from": {name: fingerprints[name] for name in stage.reads},
        "version": version,
    }


def _dataset_settings(config: GenerateConfig) -> dict[str, Any]:
    settings = config.model_dump(mode="json", exclude=_FASTER_OR_SLOWER)
    if config.source == "rendered":
        del settings["perception"]  # rendered pictures need no perception
    for name in ("input", "templates"):
        path = getattr(config, name)
        if path is not None:
            settings[f"{name}_files"] = _listing(path)
    return settings


def _listing(path: Path) -> str | None:
    """Hash names, sizes and times of the files at a path; reading the pictures could take too long."""
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    found = []
    for file in files:
        try:
            status = file.stat()
        except OSError:
            return None
        if not file.is_dir():
            found.append([str(file), status.st_size, status.st_mtime_ns])
    return json_hash(found)


def _benchmark_settings(config: RunConfig) -> dict[str, Any]:
    return {
        name: {"given": entry, "files": _listing(Path(entry)) if Path(entry).exists() else None}
        if isinstance(entry, str)
        else _dataset_settings(entry)
        for name, entry in config.benchmarks.items()
    }


def _base(config: RunConfig) -> dict[str, Any]:
    """Identify the base model: a fingerprint of local weights, or name and revision on the hub."""
    path = resolve_path(config.base)
    local = Path(path).is_dir()
    return {
        "model_path": config.base,
        "revision": config.sft.model.revision,
        "weights": weights_fingerprint(ModelSource(path, None)) if local else None,
    }


def _sft_settings(config: RunConfig) -> dict[str, Any]:
    # JSON turns tuples into lists, so that values equal those read from run.json.
    settings = config.sft.result_settings(processes=1)
    return {**_without(settings, "dataset", "model_path"), "base": _base(config)}


def _grpo_settings(config: RunConfig) -> dict[str, Any]:
    return _without(config.grpo.result_settings(processes=1), "dataset", "model_path")


def _rating_settings(config: GrpoConfig) -> dict[str, Any]:
    """Return the settings of GRPO that affect the pass rates of its start model, without those of training."""
    settings: dict[str, Any] = config.difficulty.model_dump(mode="json", include={"enabled", "samples", "questions"})
    return settings | {
        "temperature": config.trainer.get("temperature"),
        "max_completion_length": config.trainer["max_completion_length"],
        "thinking": config.rewards.thinking,
        "seed": config.seed,
        "model": config.model.model_dump(mode="json", exclude={"device"}),
    }


def _evaluate_settings(config: RunConfig) -> dict[str, Any]:
    settings = config.evaluate.model_dump(
        mode="json",
        exclude={"model_path", "benchmark", "output", "batch_size", "baseline", "compare", "title", "training_data"},
    )
    return {**settings, "base": _base(config), "benchmarks": list(config.benchmarks)}


def _without(settings: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name not in names}


def _benchmark_products(config: RunConfig) -> list[str]:
    made = [name for name, entry in config.benchmarks.items() if not isinstance(entry, str)]
    return [f"benchmarks/{name}/cv-bench/*.parquet" for name in made]


_BEFORE_REPORT = (
    Stage(
        name="generate",
        title="training set: pictures, verified questions, reasoning",
        reads=(),
        folder="dataset",
        products=lambda config: ["dataset/data/*.parquet", "dataset/manifest.json"],
        settings=lambda config: _dataset_settings(config.generate),
        work=stage_functions.make_dataset,
        less_memory="generate.workers or generate.perception.batch_size",
    ),
    Stage(
        name="audit",
        title="audit of the training set",
        reads=("generate",),
        folder="audit",
        products=lambda config: ["audit/audit.json", "audit/audit.html"],
        settings=lambda config: config.audit.model_dump(
            mode="json", exclude={"dataset", "report", "quiet", "workers"}
        ),
        work=stage_functions.audit_dataset,
        less_memory="audit.max_texts or audit.max_pictures",
    ),
    Stage(
        name="benchmarks",
        title="benchmarks that training never sees",
        reads=(),
        folder="benchmarks",
        products=_benchmark_products,
        settings=_benchmark_settings,
        work=stage_functions.make_benchmarks,
        less_memory="generate.workers or generate.perception.batch_size",
    ),
    Stage(
        name="sft",
        title="supervised fine-tuning (SFT)",
        reads=("generate",),
        folder="sft",
        products=lambda config: ["sft/*.safetensors", "sft/run_record.json"],
        settings=_sft_settings,
        work=stage_functions.train_with_sft,
        less_memory="sft.trainer.per_device_train_batch_size",
        heavy=True,
    ),
    Stage(
        name="difficulty",
        title="pass rates of the SFT model on the training questions",
        reads=("generate", "sft"),
        folder="difficulty",
        products=lambda config: ["difficulty/difficulty.jsonl"] if config.grpo.difficulty.enabled else [],
        settings=lambda config: _rating_settings(config.grpo),
        work=stage_functions.rate_training_questions,
        less_memory="grpo.difficulty.batch_size",
        heavy=True,
    ),
    Stage(
        name="grpo",
        title="reinforcement learning with GRPO",
        reads=("generate", "sft", "difficulty"),
        folder="grpo",
        products=lambda config: ["grpo/*.safetensors", "grpo/run_record.json"],
        settings=_grpo_settings,
        work=stage_functions.train_with_grpo,
        less_memory="grpo.trainer.per_device_train_batch_size",
        heavy=True,
    ),
    Stage(
        name="evaluate",
        title="evaluation of base, SFT and GRPO",
        reads=("benchmarks", "sft", "grpo"),
        folder="evaluations",
        products=lambda config: [
            f"evaluations/{benchmark}/{model}.json{suffix}"
            for benchmark in config.benchmarks
            for model in MODEL_TITLES
            for suffix in ("", "l")
        ],
        settings=_evaluate_settings,
        work=stage_functions.evaluate_models,
        less_memory="evaluate.batch_size",
        heavy=True,
        resumes_in_place=True,
    ),
)

STAGES: tuple[Stage, ...] = (
    *_BEFORE_REPORT,
    Stage(
        name="report",
        title="the report",
        reads=tuple(stage.name for stage in _BEFORE_REPORT),
        folder=None,
        products=lambda config: ["index.html"],
        settings=lambda config: config.report.model_dump(mode="json"),
        work=stage_functions.write_report_page,
        less_memory="report.answers",
    ),
)
STAGE_NAMES = tuple(stage.name for stage in STAGES)


def stage_named(name: str) -> Stage:
    return STAGES[STAGE_NAMES.index(name)]
