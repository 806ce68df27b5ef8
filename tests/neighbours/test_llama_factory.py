"""LLaMA-Factory prepares the exported data for SFT: template, picture tokens, labels on the completion only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("llamafactory")


def test_the_exported_training_data_are_prepared(
    exports: Path, rows: list[dict[str, Any]], nano: Path, tmp_path: Path
) -> None:
    from llamafactory.data import get_dataset, get_template_and_fix_tokenizer
    from llamafactory.hparams import get_train_args
    from llamafactory.model import load_tokenizer

    arguments = {
        "model_name_or_path": str(nano),
        "stage": "sft",
        "do_train": True,
        "finetuning_type": "lora",
        "dataset_dir": str(exports / "llama-factory"),
        "dataset": "reinforcesight_train",
        "template": "qwen2_vl",
        "cutoff_len": 2048,
        "output_dir": str(tmp_path),
        "overwrite_cache": True,
        "report_to": "none",
    }
    model, data, training, *_ = get_train_args(arguments)
    parts = load_tokenizer(model)
    template = get_template_and_fix_tokenizer(parts["tokenizer"], data)
    prepared = get_dataset(template, model, data, training, stage="sft", **parts)["train_dataset"]
    assert len(prepared) == len(rows)
    for found, row in zip(prepared, rows, strict=True):
        learned = [token for token in found["labels"] if token != -100]
        text = parts["tokenizer"].decode(found["input_ids"])
        assert parts["tokenizer"].decode(learned).strip() == f"{row['completion']}<|im_end|>"
        assert row["question"] in text
        assert text.count("<|vision_start|>") == len(found["images"]) == 1
        assert text.count("<|image_pad|>") > 1
