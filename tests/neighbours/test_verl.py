"""verl reads the exported data with its own data set class, and loads and calls the exported reward."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("verl")


def test_prompts_have_their_picture_and_the_reward_scores_them(
    exports: Path, rows: list[dict[str, Any]], nano: Path, tmp_path: Path
) -> None:
    from omegaconf import OmegaConf
    from transformers import AutoProcessor
    from verl.trainer.ppo.reward import get_custom_reward_fn
    from verl.utils.dataset.rl_dataset import RLHFDataset

    processor = AutoProcessor.from_pretrained(nano)
    settings = {
        "prompt_key": "messages",
        "image_key": "images",
        "max_prompt_length": 4096,
        "cache_dir": str(tmp_path),
        # It counts picture tokens with qwen_vl_utils, whose patches are not nano's.
        "filter_overlong_prompts": False,
    }
    train = str(exports / "verl" / "train.parquet")
    data = RLHFDataset(train, processor.tokenizer, OmegaConf.create(settings), processor)
    assert len(data) == len(rows)
    custom = {"path": str(exports / "verl" / "compute_score.py"), "name": "compute_score"}
    score = get_custom_reward_fn(OmegaConf.create({"reward": {"custom_reward_function": custom}}))
    assert score is not None
    for number, row in enumerate(rows):
        found = data[number]
        (message,) = found["raw_prompt"]
        kinds = [part["type"] for part in message["content"]]
        assert kinds == ["image", "text"]
        assert row["question"] in message["content"][1]["text"]
        common = {
            "data_source": found["data_source"],
            "ground_truth": found["reward_model"]["ground_truth"],
            "extra_info": found["extra_info"],
        }
        right = score(solution_str=row["completion"], **common)
        wrong = score(solution_str="<think>Hm.</think><answer>(Z)</answer>", **common)
        assert right["score"] > 1 > wrong["score"]
