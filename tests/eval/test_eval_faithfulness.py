"""Faithfulness of the reasoning is measured where the benchmark knows the scene."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from eval_samples import replay
from small_dataset import make_rows, write_dataset

from reinforcesight.eval.evaluate import evaluate

OPPOSITE = {"left": "right", "right": "left", "above": "below", "below": "above"}


@pytest.mark.parametrize("honest", [True, False])
def test_own_reasoning_is_faithful_and_turned_reasoning_is_not(tmp_path: Path, honest: bool) -> None:
    rows = [row for row in make_rows(range(6)) if row.relation in OPPOSITE and row.form != "yes_no"]
    assert len(rows) >= 4
    dataset = write_dataset(tmp_path / "data", {"test": rows})
    answers = tmp_path / "answers.jsonl"
    with answers.open("w", encoding="utf-8") as out:
        for row in rows:
            think, tag, answer = row.completion.partition("</think>")
            if not honest:
                # Every relation word is turned round, the answer is kept: neither grounded nor consistent.
                words = {**OPPOSITE, "higher": "lower", "lower": "higher"}
                think = "".join(words.get(part, part) for part in re.split(r"(\W+)", think))
            out.write(json.dumps({"id": row.id, "response": think + tag + answer}) + "\n")
    results = evaluate(replay(dataset, answers, tmp_path / "results.json"))
    assert results.n_items == len(rows)
    if honest:
        assert results.metrics["consistent"] == 1.0
        assert results.metrics["grounded"] == 1.0
        assert results.metrics["number_free"] == 1.0
    else:
        assert results.metrics["grounded"] < 0.5
        assert results.metrics["consistent"] < 0.5
