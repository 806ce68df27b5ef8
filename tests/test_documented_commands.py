"""The documented module commands and scripts work from the repository root, with small numbers or --help."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from reinforcesight.cli import COMMANDS
from reinforcesight.config import load_config

ROOT = Path(__file__).parents[1]
PYTHON = str(Path(sys.executable).parent)


def call(*command: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": f"{PYTHON}{os.pathsep}{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, env=environment, timeout=240, check=False
    )


def test_generate_as_documented(tmp_path: Path) -> None:
    output = tmp_path / "data"
    done = call(
        *(sys.executable, "-m", "data_gen.generate_dataset", "--config", "configs/config.yaml"),
        *(
            "--num_samples",
            "16",
            "--output",
            str(output),
            "--workers",
            "1",
            "--set",
            "picture_size=[160,120]",
        ),
    )
    assert done.returncode == 0, done.stderr
    assert list((output / "data").glob("train-*.parquet"))


@pytest.mark.parametrize(
    "module", ["data_gen.generate_dataset", "src.sft.trainer", "src.grpo.trainer", "src.eval.evaluate"]
)
def test_modules_forward(module: str) -> None:
    done = call(sys.executable, "-m", module, "--help")
    assert done.returncode == 0, done.stderr
    assert "--config" in done.stdout


@pytest.mark.parametrize("script", sorted(path.name for path in (ROOT / "scripts").glob("*.sh")))
def test_scripts_are_executable_and_well_formed(script: str) -> None:
    path = ROOT / "scripts" / script
    assert os.access(path, os.X_OK)
    assert call("bash", "-n", str(path)).returncode == 0


@pytest.mark.parametrize("script", ["generate_dataset.sh", "evaluate.sh", "train_sft.sh", "train_grpo.sh"])
def test_scripts_hand_flags_on(script: str) -> None:
    done = call(f"scripts/{script}", "--help")
    assert done.returncode == 0, done.stderr
    assert "--config" in done.stdout


CONFIGS = {
    "config.yaml": "generate",
    "quickstart.yaml": "run",
    "full_run.yaml": "run",
    "eval_config.yaml": "evaluate",
    "sft_config.yaml": "sft",
    "sft_config_24gb.yaml": "sft",
    "grpo_config.yaml": "grpo",
    "grpo_config_no_thinking.yaml": "grpo",
}


@pytest.mark.parametrize(("name", "command"), CONFIGS.items())
def test_shipped_configurations_are_valid(name: str, command: str) -> None:
    from importlib import import_module

    spec = COMMANDS[command]
    # Which model is evaluated stands on the command line.
    flags = {"model_path": "models/grpo_ckpt"} if command == "evaluate" else {}
    load_config(getattr(import_module(spec.module), spec.config), ROOT / "configs" / name, flags=flags)


def test_every_shipped_configuration_is_checked() -> None:
    shipped = {path.name for path in (ROOT / "configs").glob("*.yaml")}
    assert shipped - {"base_config.yaml", "templates.yaml"} == set(CONFIGS)
    for path in (ROOT / "configs" / "accelerate").glob("*.yaml"):
        assert yaml.safe_load(path.read_text(encoding="utf-8"))["compute_environment"]
