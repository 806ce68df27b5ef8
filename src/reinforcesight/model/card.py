"""Model cards from run records: data, recipe and measured scores."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from reinforcesight.jobs.files import write_text
from reinforcesight.jobs.record import RunRecord
from reinforcesight.model.load import EMBEDDED_DIRECTORY

CARD_NAME = "README.md"

_RECIPE_KEYS = (
    "tuning",
    "train_parts",
    "learning_rate",
    "lr_scheduler_type",
    "lr_scheduler_kwargs",
    "num_train_epochs",
    "max_steps",
    "questions_per_step",
    "bf16",
    "seed",
)


def write_model_card(
    record: RunRecord | None, folder: Path, *, base_model: str | None = None, name: str | None = None
) -> Path:
    content = record.content if record is not None else {}
    base = content.get("model", {}).get("base_model") or base_model
    header: dict[str, Any] = {"library_name": "transformers", "pipeline_tag": "image-text-to-text"}
    # The hub turns the base model into a link, which would be dead for a local folder.
    if base and not Path(base).is_dir():
        header["base_model"] = base
    header["tags"] = ["spatial-reasoning", "reinforcesight", *([content["command"]] if content else [])]
    shown_base = _shown_base(str(base)) if base else "not recorded"
    lines = [
        "---",
        yaml.safe_dump(header, sort_keys=False).strip(),
        "---",
        f"# {name or folder.resolve().name}",
        "",
        "Answers qualitative spatial questions about a picture (left, right, above, below, in front, behind, closer,",
        "farther) with short reasoning and without numbers, as",
        "`<think>…</think><answer>(A) left</answer>`. Made with ReinforceSight.",
        "",
        f"- Base model: {shown_base}",
    ]
    lines += _sections(content) if content else ["- Training: no run record was found with the weights"]
    path = folder / CARD_NAME
    write_text(path, "\n".join(lines) + "\n")
    return path


def _shown_base(base: str) -> str:
    path = Path(base)
    embedded = path.is_dir() and path.resolve().parent == EMBEDDED_DIRECTORY.resolve()
    return path.name if embedded else base


def _sections(content: Mapping[str, Any]) -> list[str]:
    data, recipe = content.get("data", {}), content.get("recipe", {})
    recipe = {**recipe.get("trainer", {}), **recipe}
    results, model = content.get("results", {}), content.get("model", {})
    lines = [
        f"- Base revision: {model.get('revision') or 'local folder'} (fingerprint {model.get('fingerprint')})",
        f"- Training: {content.get('command')}, code at commit {content.get('source', {}).get('commit')}",
        "",
        "## Data",
        "",
        f"- {data.get('path')}, SHA-256 {data.get('fingerprint')}",
        *[f"- {name}: {count} questions" for name, count in data.get("questions", {}).items()],
        "",
        "## Recipe",
        "",
        *[f"- {key}: {recipe[key]}" for key in _RECIPE_KEYS if recipe.get(key, {}) != {}],
        *[f"- lora {key}: {value}" for key, value in recipe.get("lora", {}).items() if recipe.get("tuning") == "lora"],
        f"- quantisation while training: {model.get('quantization')}",
        f"- bounds of a picture's pixels while training: {model.get('picture_size')}",
        "",
        "## Scores",
        "",
    ]
    if results.get("accuracy") is None:
        lines.append("No scores were measured during training.")
    else:
        lines += [
            "Of generated answers on a fixed part of the validation split, during training:",
            "",
            "| | |",
            "|---|---|",
            f"| accuracy | {results['accuracy']:.3f} |",
            *[f"| accuracy, {task} | {value:.3f} |" for task, value in results.get("accuracy_by_task", {}).items()],
            f"| answers that could be read | {results['parse_rate']:.3f} |",
        ]
    versions = model.get("versions", {})
    return [*lines, "", "## Versions", "", *[f"- {name} {version}" for name, version in versions.items()]]
