"""The stages: what each reads and makes, what decides its result, and the work itself.

Imports nothing heavy: what is done is told apart from what is to be done without torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from reinforcesight.data_gen.config import GenerateConfig
from reinforcesight.grpo.config import GrpoConfig
from reinforcesight.model.load import resolve_path, weights_fingerprint
from reinforcesight.model.options import ModelSource
from reinforcesight.story.config import RunConfig, StageName

_FASTER_OR_SLOWER = {"output", "workers", "overwrite", "keep_work", "shard"}


@dataclass(frozen=True)
class Stage:
    """One stage of the story.

    Attributes:
        name: Its name.
        title: What it does, in a few words.
        reads: The stages whose products it reads.
        folders: What it writes, relative to the run folder; moved aside where other settings made it.
        products: Patterns of the files that count as its result, relative to the run folder.
        settings: What decides the result besides the stages that it reads, JSON-able.
        tells_old_from_new: The stage itself finds what fits in its folders, so that they stay.
    """

    name: StageName
    title: str
    reads: tuple[StageName, ...]
    folders: tuple[str, ...]
    products: Callable[[RunConfig], list[str]]
    settings: Callable[[RunConfig], dict[str, Any]]
    tells_old_from_new: bool = False


def inputs_of(
    stage: Stage, config: RunConfig, fingerprints: Mapping[str, str], version: str
) -> dict[str, Any]:
    """Everything that decides a stage's result.

    Args:
        stage: The stage.
        config: The run.
        fingerprints: Of the products of the stages before it.
        version: Of the package.
    """
    return {
        "settings": stage.settings(config),
        "from": {name.value: fingerprints[name] for name in stage.reads},
        "version": version,
    }


def _dataset_settings(config: GenerateConfig) -> dict[str, Any]:
    settings = config.model_dump(mode="json", exclude=_FASTER_OR_SLOWER)
    if config.source == "rendered":
        del settings["perception"]  # the renderer knows what it drew
    for name in ("input", "templates"):
        path = getattr(config, name)
        if path is not None:
            settings[f"{name}_files"] = _listing(path)
    return settings


def _listing(path: Path) -> str | None:
    """Hash over names, sizes and times of the files at a path: pictures may be too many to be read for this."""
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    digest = sha256()
    for file in files:
        try:
            status = file.stat()
        except OSError:
            return None
        if not file.is_dir():
            digest.update(f"{file} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _benchmark_settings(config: RunConfig) -> dict[str, Any]:
    return {
        name: {"given": entry, "files": _listing(Path(entry)) if Path(entry).exists() else None}
        if isinstance(entry, str)
        else _dataset_settings(entry)
        for name, entry in config.benchmarks.items()
    }


def _base(config: RunConfig) -> dict[str, Any]:
    """Which weights the story starts from: their content where they lie here, else name and revision."""
    path = resolve_path(config.base)
    local = Path(path).is_dir()
    return {
        "model_path": config.base,
        "revision": config.sft.model.revision,
        "weights": weights_fingerprint(ModelSource(path, None)) if local else None,
    }


def _sft_settings(config: RunConfig) -> dict[str, Any]:
    # JSON turns tuples into lists, as they come back from run.json.
    settings = config.sft.recipe(processes=1)
    return {**_without(settings, "dataset", "model_path"), "base": _base(config)}


def _grpo_settings(config: RunConfig) -> dict[str, Any]:
    return _without(config.grpo.recipe(processes=1), "dataset", "model_path")


def rating_settings(config: GrpoConfig) -> dict[str, Any]:
    """What of GRPO's settings decides the pass rates of its start model; training's own do not."""
    settings: dict[str, Any] = config.difficulty.model_dump(
        mode="json", include={"enabled", "samples", "questions"}
    )
    return settings | {
        "temperature": config.generation.temperature,
        "max_completion_length": config.generation.max_completion_length,
        "thinking": config.rewards.thinking,
        "seed": config.seed,
        "model": config.model.model_dump(mode="json", exclude={"device"}),
    }


def _evaluate_settings(config: RunConfig) -> dict[str, Any]:
    settings = config.evaluate.model_dump(
        mode="json",
        exclude={"model_path", "benchmark", "output", "batch_size", "baseline", "compare", "title"},
    )
    return {**settings, "base": _base(config), "benchmarks": list(config.benchmarks)}


def _without(settings: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name not in names}


def _benchmark_products(config: RunConfig) -> list[str]:
    made = [name for name, entry in config.benchmarks.items() if not isinstance(entry, str)]
    return [f"benchmarks/{name}/cv-bench/*.parquet" for name in made]


STAGES: tuple[Stage, ...] = (
    Stage(
        StageName.GENERATE,
        "training set: pictures, verified questions, reasoning",
        (),
        ("dataset",),
        lambda config: ["dataset/data/*.parquet", "dataset/manifest.json"],
        lambda config: _dataset_settings(config.generate),
    ),
    Stage(
        StageName.AUDIT,
        "audit of the training set",
        (StageName.GENERATE,),
        ("audit",),
        lambda config: ["audit/audit.json", "audit/audit.html"],
        lambda config: config.audit.model_dump(mode="json", exclude={"dataset", "report", "quiet"}),
    ),
    Stage(
        StageName.BENCHMARKS,
        "benchmarks that training never sees",
        (),
        ("benchmarks",),
        _benchmark_products,
        _benchmark_settings,
    ),
    Stage(
        StageName.SFT,
        "supervised fine-tuning (SFT)",
        (StageName.GENERATE,),
        ("sft",),
        lambda config: ["sft/*.safetensors", "sft/run_record.json"],
        _sft_settings,
    ),
    Stage(
        StageName.DIFFICULTY,
        "which questions the SFT model gets right sometimes",
        (StageName.GENERATE, StageName.SFT),
        ("difficulty",),
        lambda config: ["difficulty/difficulty.jsonl"] if config.grpo.difficulty.enabled else [],
        lambda config: rating_settings(config.grpo),
    ),
    Stage(
        StageName.GRPO,
        "reinforcement with GRPO",
        (StageName.GENERATE, StageName.SFT, StageName.DIFFICULTY),
        ("grpo",),
        lambda config: ["grpo/*.safetensors", "grpo/run_record.json"],
        _grpo_settings,
    ),
    Stage(
        StageName.EVALUATE,
        "evaluation of base, SFT and GRPO",
        (StageName.BENCHMARKS, StageName.SFT, StageName.GRPO),
        ("evaluations",),
        lambda config: [
            f"evaluations/{benchmark}/{model}.json{suffix}"
            for benchmark in config.benchmarks
            for model in ("base", "sft", "grpo")
            for suffix in ("", "l")
        ],
        _evaluate_settings,
        tells_old_from_new=True,
    ),
    Stage(
        StageName.REPORT,
        "the report",
        tuple(name for name in StageName if name is not StageName.REPORT),
        (),
        lambda config: ["index.html"],
        lambda config: config.report.model_dump(mode="json"),
    ),
)
