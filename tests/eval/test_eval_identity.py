"""Which model answered: by weights, configuration, tokenizer, processor and template, not by what lies beside them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reinforcesight.eval.engines.base import model_identity

FILES = {
    "model.safetensors": "weights",
    "config.json": json.dumps({"model_type": "qwen2_vl", "_name_or_path": "/here"}),
    "generation_config.json": "{}",
    "tokenizer.json": "{}",
    "tokenizer_config.json": "{}",
    "preprocessor_config.json": "{}",
    "chat_template.jinja": "{{ messages }}",
}


def identity(folder: Path, adapter: Path | None = None) -> str:
    return model_identity({"base_model": str(folder), "adapter": adapter and str(adapter), "dtype": "float32"})


@pytest.fixture
def model(tmp_path: Path) -> Path:
    (tmp_path / "model").mkdir()
    for name, text in FILES.items():
        (tmp_path / "model" / name).write_text(text)
    return tmp_path / "model"


@pytest.mark.parametrize("name", FILES)
def test_what_decides_an_answer_changes_the_identity(name: str, model: Path) -> None:
    before = identity(model)
    (model / name).write_text(json.dumps({"other": 1}) if name.endswith(".json") else "other")
    assert identity(model) != before


@pytest.mark.parametrize("name", ["run_record.json", "trainer_state.json", "README.md", "adapter_record.json"])
def test_records_do_not(name: str, model: Path) -> None:
    before = identity(model)
    (model / name).write_text('{"seconds": 3}')
    assert identity(model) == before


def adapter_of(base: str) -> Callable[[Path], Any]:
    return lambda path: path.write_text(json.dumps({"r": 8, "base_model_name_or_path": base}))


def test_a_copy_in_another_folder_is_the_same_model(model: Path, tmp_path: Path) -> None:
    shutil.copytree(model, tmp_path / "copy")
    (tmp_path / "copy" / "config.json").write_text(json.dumps({"_name_or_path": "/there", "model_type": "qwen2_vl"}))
    assert identity(tmp_path / "copy") == identity(model)
    for name, base in (("a", str(model)), ("b", "/elsewhere/model")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "adapter_model.safetensors").write_text("adapter")
        adapter_of(base)(tmp_path / name / "adapter_config.json")
    assert identity(model, tmp_path / "a") == identity(tmp_path / "copy", tmp_path / "b")
    assert identity(model, tmp_path / "a") != identity(model)
