"""The section ``trainer``: TRL's arguments under TRL's names, from files, ``--set`` and flags."""

from __future__ import annotations

import dataclasses
import json
import math
from enum import Enum
from pathlib import Path

import pytest
import yaml
from training_support import changed, run_python
from trl.trainer.grpo_config import GRPOConfig
from trl.trainer.sft_config import SFTConfig

from reinforcesight.cli import COMMANDS, build_command, run
from reinforcesight.config import load_config
from reinforcesight.errors import ConfigError
from reinforcesight.grpo.arguments import grpo_arguments
from reinforcesight.grpo.config import GrpoConfig
from reinforcesight.sft.config import SftConfig
from reinforcesight.sft.trainer import sft_arguments
from reinforcesight.story.config import RunConfig
from reinforcesight.tuning.settings.trainer_section import FREE_TO_CHANGE, NEW_NAMES, REFUSED

CONFIGS = Path(__file__).parents[2] / "configs"
# Arguments of each recipe that differ from TRL's defaults. A change here changes what the recipe trains.
EXPECTED = json.loads((Path(__file__).parent / "recipe_arguments.json").read_text(encoding="utf-8"))


def plain(value):
    return value.value if isinstance(value, Enum) else value


def differences_from_trl(arguments):
    default = type(arguments)(output_dir="x", bf16=False, use_cpu=True)
    found = {
        field.name: plain(getattr(arguments, field.name))
        for field in dataclasses.fields(arguments)
        if plain(getattr(arguments, field.name)) != plain(getattr(default, field.name))
    }
    return {name: value for name, value in found.items() if name != "output_dir"}


@pytest.mark.parametrize("name", EXPECTED)
def test_recipes_give_trl_these_arguments(name, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: {"avx512_bf16": False})
    recipe, _, stage = name.partition(".")
    if stage:
        config = getattr(load_config(RunConfig, CONFIGS / f"{recipe}.yaml"), stage)
    else:
        config = load_config(SftConfig if "sft" in recipe else GrpoConfig, CONFIGS / f"{recipe}.yaml")
    make = sft_arguments if isinstance(config, SftConfig) else grpo_arguments
    assert differences_from_trl(make(config, has_validation=True)) == EXPECTED[name]


@pytest.mark.parametrize(("config_class", "trl_class"), [(SftConfig, SFTConfig), (GrpoConfig, GRPOConfig)])
def test_every_argument_of_trl_is_accepted_or_refused_with_a_reason(config_class, trl_class):
    section = config_class.trainer_section
    names = {field.name for field in dataclasses.fields(trl_class) if field.init}
    assert section.refused.keys() <= names
    assert section.defaults.keys() <= names - section.refused.keys()
    for field in dataclasses.fields(trl_class):
        if field.name in section.refused or field.default is dataclasses.MISSING:
            continue
        values, found = section.checked({field.name: plain(field.default)}, ())
        assert not found, field.name
        assert values in ({field.name: plain(field.default)}, {})


def test_names_that_are_free_to_change_or_new_are_trls():
    names = {field.name for trl_class in (SFTConfig, GRPOConfig) for field in dataclasses.fields(trl_class)}
    assert FREE_TO_CHANGE | set(NEW_NAMES.values()) <= names


def test_values_have_the_types_that_trl_declares():
    config = SftConfig(
        dataset="d",
        trainer={"learning_rate": "1e-4", "max_steps": "-1", "eval_steps": 7, "report_to": [], "bf16": None},
    )
    assert config.checked_trainer() | {"learning_rate": 1e-4, "max_steps": -1, "report_to": []} == (
        config.checked_trainer()
    )
    arguments = sft_arguments(config, has_validation=False)
    assert math.isclose(arguments.learning_rate, 1e-4)
    assert (arguments.eval_steps, arguments.max_steps) == (7, -1)
    # An empty value for what can't be empty is TRL's default.
    assert sft_arguments(SftConfig(dataset="d", trainer={"weight_decay": None}), False).weight_decay == 0.0
    with pytest.raises(ConfigError, match=r"valid boolean.*got 'maybe' \(trainer\.bf16\)"):
        sft_arguments(SftConfig(dataset="d", trainer={"bf16": "maybe"}), has_validation=False)


def read(command, *arguments, monkeypatch):
    """The configuration that a command line gives."""
    got = []
    monkeypatch.setattr("reinforcesight.cli._function", lambda spec: got.append)
    spec = dataclasses.replace(COMMANDS[command], preflight=None)
    status = run(arguments, command=build_command(command, spec))
    return got[0] if got else status


def test_flags_have_trls_names_with_dashes_too(monkeypatch, tmp_path):
    file = tmp_path / "sft.yaml"
    file.write_text(yaml.safe_dump({"trainer": {"learning_rate": 0.5, "max_grad_norm": 2.0}}))
    config = read(
        "sft",
        *(
            "--dataset",
            "d",
            "--config",
            str(file),
            "--learning_rate",
            "1e-4",
            "--per-device-train-batch-size=8",
        ),
        *(
            "--max_steps",
            "-1",
            "--no_gradient_checkpointing",
            "--bf16",
            "--lr_scheduler_kwargs",
            "{min_lr_rate: 0.1}",
        ),
        *("--set", "trainer.optim=adafactor"),
        monkeypatch=monkeypatch,
    )
    assert config.dataset == "d"
    given = {
        "learning_rate": 1e-4,
        "max_grad_norm": 2.0,
        "per_device_train_batch_size": 8,
        "max_steps": -1,
        "gradient_checkpointing": False,
        "bf16": True,
        "lr_scheduler_kwargs": {"min_lr_rate": 0.1},
        "optim": "adafactor",
    }
    assert config.trainer | given == config.trainer
    config = read("grpo", "--dataset", "d", "--beta", "0.1", "--resample-rounds", "0", monkeypatch=monkeypatch)
    assert (config.trainer["beta"], config.resample_rounds) == (0.1, 0)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["--learning_rat", "1"],
            "has no argument 'learning_rat' (--learning_rat): did you mean 'learning_rate'?",
        ),
        (["--outptu", "x"], "(--outptu): did you mean 'output'?"),
        (["--set", "trainer.beta=1"], "TRL's SFTConfig has no argument 'beta' (--set trainer.beta=1)"),
        (["--learning_rate", "fast"], "trainer.learning_rate: Input should be a valid number"),
        (["--optimizer", "x"], "'trainer.optimizer' is now 'trainer.optim' (--optimizer)"),
        (["--set", "keep_checkpoints=3"], "'keep_checkpoints' is now 'trainer.save_total_limit'"),
        (["--set", "learning_rate=3"], "'learning_rate' is now 'trainer.learning_rate'"),
        (["--output_dir", "x"], "trainer.output_dir can't be set (--output_dir): use output"),
        (
            ["--per_device_train_batch_size", "0"],
            "per_device_train_batch_size is a whole number of at least 1",
        ),
        (["extra"], "unexpected argument 'extra'"),
    ],
)
def test_a_wrong_argument_is_one_line_with_its_place(arguments, words, monkeypatch, capsys):
    assert read("sft", "--dataset", "d", *arguments, monkeypatch=monkeypatch) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1


def test_former_sections_are_named(tmp_path):
    file = tmp_path / "grpo.yaml"
    file.write_text("{dataset: d, generation: {temperature: 0.9}}")
    with pytest.raises(ConfigError, match=rf"'generation' is now 'trainer' \({file}\)"):
        load_config(GrpoConfig, file)


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_project_sets_is_refused(name):
    with pytest.raises(ConfigError, match=rf"trainer\.{name} can't be set"):
        load_config(SftConfig, None, [f"trainer.{name}=1"], {"dataset": "d"})


def test_the_identity_of_a_run_leaves_out_speed_and_logging():
    config = SftConfig(dataset="d")
    before = config.result_settings(processes=1)
    free = {"logging_steps": 3, "save_steps": 7, "dataloader_num_workers": 2, "report_to": ["wandb"]}
    halved = {"per_device_train_batch_size": 8, "gradient_accumulation_steps": 2}
    assert changed(config, **free, **halved).result_settings(processes=1) == before
    assert changed(config, **halved).result_settings(processes=2)["questions_per_step"] == 32
    assert changed(config, weight_decay=0.1).result_settings(processes=1) != before


def test_help_imports_neither_trl_nor_torch():
    code = "import sys; from reinforcesight.cli import run; run(['sft', '--help']); "
    done = run_python(code + "assert not {'trl', 'torch', 'transformers'} & sys.modules.keys()")
    assert "Every argument of TRL's SFTConfig is a flag too" in " ".join(done.stdout.split())
