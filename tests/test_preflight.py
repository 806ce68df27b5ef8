"""What a command finds out before it starts."""

from __future__ import annotations

import json
from collections import namedtuple
from pathlib import Path

import pytest
from eval_samples import bench_rows, write_published
from small_dataset import make_rows, write_dataset

from reinforcesight.cli import run

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a data set, a benchmark and a folder of other things."""
    monkeypatch.chdir(tmp_path)
    write_dataset(tmp_path / "set", {"train": make_rows(range(4)), "validation": make_rows(range(4, 6))})
    write_published(tmp_path / "bench", bench_rows(2), "split")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("x")
    (tmp_path / "cut").mkdir()
    (tmp_path / "cut" / "config.json").write_text("{}")
    (tmp_path / "file.json").write_text('{"a": 1}')
    return tmp_path


SFT = ["sft", "--dataset", "set", "--output", "out"]
GRPO = ["grpo", "--dataset", "set", "--model_path", "nano", "--output", "out"]
EVALUATE = ["evaluate", "--model_path", "nano", "--benchmark", "bench", "--output", "out/r.json"]
RUN = ["run", "--config", "quickstart", "--output", "out"]


@pytest.mark.parametrize("arguments", [["generate", "--output", "out"], SFT, GRPO, EVALUATE, RUN], ids=lambda a: a[0])
def test_checks_pass_and_write_nothing(arguments: list[str], folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(folder.iterdir())
    assert run([*arguments, "--preflight"]) == 0, capsys.readouterr().err
    assert capsys.readouterr().out.splitlines()[-1] == "all checks passed"
    assert sorted(folder.iterdir()) == before, "only checked"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["generate", "--output", "file.json/set"], "can't write there"),
        (["generate", "--output", "out", "--templates", "no.yaml"], "no such file"),
        ([*SFT, "--dataset", "datasets/none"], "no such data set folder"),
        ([*SFT, "--output", "mine"], "holds other things, such as thesis.tex"),
        ([*SFT, "--output", "file.json"], "the output is a file"),
        ([*SFT, "--model_path", "models/none"], "no such model folder"),
        ([*SFT, "--model_path", "cut"], "safetensors"),
        ([*SFT, "--set", "model.device=cuda:7"], "CUDA"),
        ([*SFT, "--warmup_step", "3"], "did you mean 'warmup_steps'"),
        ([*GRPO, "--output", "mine"], "holds other things"),
        ([*GRPO, "--num_generations", "3", "--per_device_train_batch_size", "4"], "num_generations"),
        ([*EVALUATE, "--model_path", "models/none"], "no such model folder"),
        ([*EVALUATE, "--benchmark", "datasets/none"], "no such benchmark"),
        ([*EVALUATE, "--baseline", "none.json"], "can't be read"),
        ([*EVALUATE, "--output", "file.json"], "no results.json"),
        ([*EVALUATE, "--tasks", "Dept"], "no task Dept"),
        ([*EVALUATE, "--engine", "vllm"], "'vllm' is not installed"),
        ([*RUN, "--output", "mine"], "holds other things"),
        ([*RUN, "--set", "sft.model_path=models/none"], "no such model folder"),
        ([*RUN, "--set", "benchmarks.real=datasets/none"], "no such benchmark"),
        ([*RUN, "--set", "grpo.trainer.num_generation=4"], "did you mean 'num_generations'"),
    ],
)
def test_a_problem_is_one_line_before_anything_starts(
    arguments: list[str], problem: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(folder.iterdir())
    assert run([*arguments, "--preflight"]) == 2
    err = capsys.readouterr().err
    assert problem in err
    assert err.count("\n") == 1
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize("arguments", [["generate", "--output", "out"], SFT, RUN], ids=lambda a: a[0])
def test_a_disk_without_room(
    arguments: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("reinforcesight.preflight.shutil.disk_usage", lambda path: Usage(10**9, 10**9, 10**6))
    assert run([*arguments, "--preflight"]) == 2
    assert "0.0 GB are free (out" in capsys.readouterr().err


def test_commands_check_without_being_asked(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*EVALUATE, "--output", "file.json"]) == 2
    assert json.loads((folder / "file.json").read_text()) == {"a": 1}
    assert run([*RUN, "--output", "mine"]) == 2
    assert [path.name for path in (folder / "mine").iterdir()] == ["thesis.tex"]


def test_a_name_that_looks_like_a_path_is_not_looked_up(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise AssertionError("looked up")

    monkeypatch.setattr("huggingface_hub.snapshot_download", fail)
    monkeypatch.setattr("transformers.utils.peft_utils.find_adapter_config_file", fail)
    for name in ("mine/model", "models/grpo_ckpt", "runs/quickstart/grpo"):
        assert run([*EVALUATE, "--model_path", name]) == 2
        assert "no such model folder" in capsys.readouterr().err
