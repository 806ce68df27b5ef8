"""Each recipe of a training trains two steps of a tiny model of its real class."""

from __future__ import annotations

from pathlib import Path

import pytest
from grpo_support import write_scenes
from tiny_models import build_tiny

from reinforcesight.config import load_config
from reinforcesight.grpo.config import GrpoConfig
from reinforcesight.grpo.trainer import train_grpo
from reinforcesight.sft.config import SftConfig
from reinforcesight.sft.trainer import train_sft

CONFIGS = Path(__file__).parents[2] / "configs"
# What depends on size alone. The rest of a recipe is as it is.
SMALL = {
    "trainer.max_steps": 2,
    "trainer.save_steps": 2,
    "trainer.eval_steps": 2,
    "trainer.optim": "adamw_torch",
    "trainer.bf16": False,
    "model.dtype": "float32",
    "model.quantization": "none",
    "model.min_pixels": 32 * 32,
    "model.max_pixels": 32 * 32,
    "evaluation.samples": 2,
    "evaluation.max_new_tokens": 4,
    "lora.rank": 2,
    "trainer.per_device_train_batch_size": 4,
    "trainer.gradient_accumulation_steps": 2,
}
OF_GRPO = {
    "trainer.num_generations": 4,
    "trainer.max_completion_length": 8,
    "difficulty.enabled": False,
    "rewards.gate": "off",
    "rewards.soft_words": 1,
    "rewards.max_words": 8,
    "groups.every": 0,
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("recipes")
    write_scenes(root / "data", train=8, validation=2, side=32)
    for family in ("qwen2_5_vl", "qwen3_vl"):
        small = {"width": 48, "layers": 1, "vision_width": 32, "vision_layers": 1}
        build_tiny(root / family, family, **small, patch_size=16 if family == "qwen3_vl" else 14)
    return root


@pytest.mark.parametrize(
    "name", sorted(path.stem for kind in ("sft", "grpo") for path in CONFIGS.glob(f"{kind}_config*.yaml"))
)
def test_dry_run(folders, tmp_path, name):
    grpo = name.startswith("grpo")
    model = folders / ("qwen3_vl" if "qwen3" in name else "qwen2_5_vl")
    flags = SMALL | (OF_GRPO if grpo else {})
    if "no_thinking" in name:
        flags = {key: value for key, value in flags.items() if not key.startswith("rewards.")}
    if "gspo" in name:
        flags |= {"trainer.steps_per_generation": 4, "trainer.max_steps": 4}
    flags |= {"dataset": str(folders / "data"), "model_path": str(model), "output": str(tmp_path / "run")}
    config = load_config(GrpoConfig if grpo else SftConfig, CONFIGS / f"{name}.yaml", flags=flags)
    result = train_grpo(config) if isinstance(config, GrpoConfig) else train_sft(config)
    assert (result.status, result.step) == ("finished", config.trainer["max_steps"])
