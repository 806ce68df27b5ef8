"""The documented module commands and scripts work from the repository root, with small numbers or --help.

The commands of the project's first description, and where each is run:

* ``docker run ... python -m data_gen.generate_dataset`` and ``... python -m src.sft.trainer``, that is, the modules
  without any flag: ``test_modules_without_flags_follow_their_recipe``; the image itself: ``test_docker.py``
* ``scripts/generate_dataset.sh``, ``python -m data_gen.generate_dataset --config configs/config.yaml --num_samples N``:
  ``test_generate_as_documented``
* ``scripts/train_sft.sh``: ``test_train_sft_script``; ``python -m src.sft.trainer --config``: as the first
* ``python -m src.grpo.trainer --config configs/grpo_config.yaml``: ``test_train_grpo_as_documented``;
  ``scripts/train_grpo.sh`` is the same command, run with ``--help``
* ``python -m src.eval.evaluate --model_path M --output R``: ``test_evaluate_as_documented``; ``scripts/evaluate.sh`` is
  the same command, run with ``--help``
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from pkgutil import resolve_name

import pytest
import yaml
from grpo_support import smallest_model, write_scenes

from reinforcesight.cli import COMMANDS
from reinforcesight.config import load_config

ROOT = Path(__file__).parents[2]
PYTHON = str(Path(sys.executable).parent)


def call(*command: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": f"{PYTHON}{os.pathsep}{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, env=environment, timeout=240, check=False)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scenes(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return smallest_model(tmp_path_factory.mktemp("model"))


# Whatever source and input the shipped file names, pictures made here need no download.
SMALL_DATA = ["--source", "rendered", "--set", "input=null", "--num_samples", "16", "--workers", "1"]
SMALL_DATA += ["--set", "picture_size=[160,120]"]
SMALL_TRAINING = ["--max_steps", "1", "--set", "model.min_pixels=null", "--set", "model.max_pixels=784"]
SMALL_TRAINING += ["--set", "evaluation.samples=2", "--set", "evaluation.max_new_tokens=4"]


@pytest.mark.parametrize(
    "command",
    [
        [sys.executable, "-m", "data_gen.generate_dataset", "--config", "configs/config.yaml"],
        ["scripts/generate_dataset.sh"],
    ],
    ids=["module", "script"],
)
def test_generate_as_documented(command: list[str], tmp_path: Path) -> None:
    done = call(*command, *SMALL_DATA, "--output", str(tmp_path / "data"))
    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "data" / "data").glob("train-*.parquet"))


def test_modules_without_flags_follow_their_recipe(data: Path, model: Path, tmp_path: Path) -> None:
    """As in a container whose mount is the checkout: no flag, and what comes out stands in the mount."""
    for folder in ("data_gen", "src/sft"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "configs").mkdir()
    recipes = {
        "config.yaml": {
            "output": "datasets/spatial",
            "num_samples": 16,
            "workers": 1,
            "picture_size": [160, 120],
        },
        "sft_config.yaml": {
            "dataset": str(data),
            "model_path": str(model),
            "output": "models/sft_ckpt",
            "trainer": {"max_steps": 1},
            "evaluation": {"samples": 2, "max_new_tokens": 4},
        },
    }
    for name, content in recipes.items():
        (tmp_path / "configs" / name).write_text(yaml.safe_dump(content), encoding="utf-8")
    done = call(sys.executable, "-m", "data_gen.generate_dataset", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "datasets/spatial/data").glob("train-*.parquet"))
    done = call(sys.executable, "-m", "src.sft.trainer", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "models/sft_ckpt/adapter_model.safetensors").is_file()


def test_train_sft_script(data: Path, model: Path, tmp_path: Path) -> None:
    done = call(
        "scripts/train_sft.sh",
        *("--dataset", str(data), "--model_path", str(model), "--output", str(tmp_path / "sft")),
        *("--per_device_train_batch_size", "2", "--gradient_accumulation_steps", "1"),
        *SMALL_TRAINING,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "sft/run_record.json").read_text(encoding="utf-8"))["status"] == "finished"


def test_train_grpo_as_documented(data: Path, model: Path, tmp_path: Path) -> None:
    done = call(
        *(sys.executable, "-m", "src.grpo.trainer", "--config", "configs/grpo_config.yaml"),
        *("--dataset", str(data), "--model_path", str(model), "--output", str(tmp_path / "grpo")),
        *(
            "--per_device_train_batch_size",
            "2",
            "--gradient_accumulation_steps",
            "1",
            "--num_generations",
            "2",
        ),
        *("--resample_rounds", "0", "--set", "difficulty.enabled=false", "--set", "groups.every=0"),
        *("--max-completion-length=4", "--no_bf16"),
        *SMALL_TRAINING,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "grpo/run_record.json").read_text(encoding="utf-8"))["status"] == "finished"


def test_evaluate_as_documented(data: Path, model: Path, tmp_path: Path) -> None:
    results = tmp_path / "reports/results.json"
    done = call(
        *(sys.executable, "-m", "src.eval.evaluate", "--model_path", str(model), "--output", str(results)),
        *("--benchmark", str(data), "--split", "train", "--limit", "4", "--set", "max_new_tokens=4"),
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(results.read_text(encoding="utf-8"))["protocol"]


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
    "rendered.yaml": "generate",
    "quickstart.yaml": "run",
    "full_run.yaml": "run",
    "eval_config.yaml": "evaluate",
    "sft_config.yaml": "sft",
    "sft_config_24gb.yaml": "sft",
    "grpo_config.yaml": "grpo",
    "grpo_config_no_thinking.yaml": "grpo",
    "grpo_config_24gb.yaml": "grpo",
    "grpo_config_dapo.yaml": "grpo",
    "grpo_config_gspo.yaml": "grpo",
    "grpo_config_qwen3.yaml": "grpo",
    "nano_questions.yaml": "generate",
    "sft_config_qwen3.yaml": "sft",
    "sft_config_qwen3_24gb.yaml": "sft",
}


@pytest.mark.parametrize(("name", "command"), CONFIGS.items())
def test_shipped_configurations_are_valid(name: str, command: str) -> None:
    spec = COMMANDS[command]
    # Recipes leave these to the command line.
    flags = {"evaluate": {"model_path": "models/grpo_ckpt"}, "generate": {"output": "datasets/spatial"}}
    load_config(resolve_name(spec.config), ROOT / "configs" / name, flags=flags.get(command, {}))


@pytest.mark.parametrize("name", ["nano", "nano_more", "nano_repaint"])
def test_pretraining_configurations_are_valid(name: str) -> None:
    from nano.config import PretrainConfig

    load_config(PretrainConfig, ROOT / "dev" / "nano" / f"{name}.yaml")


def test_every_shipped_configuration_is_checked() -> None:
    shipped = {path.name for path in (ROOT / "configs").glob("*.yaml")}
    assert shipped - {"base_config.yaml", "nano_scenes.yaml", "templates.yaml"} == set(CONFIGS)
    for path in (ROOT / "configs" / "accelerate").glob("*.yaml"):
        assert yaml.safe_load(path.read_text(encoding="utf-8"))["compute_environment"]
