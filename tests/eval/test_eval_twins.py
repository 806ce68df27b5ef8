"""Accuracy over twins, in results.json and on the page."""

from __future__ import annotations

import json
from pathlib import Path

from eval_samples import bench_rows, replay, write_parquet

from reinforcesight.eval.evaluate import evaluate

# Letters given to the questions of four pairs; the right ones are A, then B.
GIVEN = ("AB", "AA", "BA", "AB")


def run(folder: Path, rows: list[dict], given: str) -> dict:
    path = write_parquet(folder / "bench.parquet", rows)
    texts = [f"<think>I look.</think><answer>({letter})</answer>" for letter in given]
    lines = [json.dumps({"id": str(row["idx"]), "response": text}) for row, text in zip(rows, texts, strict=True)]
    (folder / "a.jsonl").write_text("".join(f"{line}\n" for line in lines))
    output = folder / "results.json"
    evaluate(replay(path, folder / "a.jsonl", output, report=True))
    return json.loads(output.read_text())


def test_only_pairs_with_both_right_count(tmp_path):
    rows = [row for row in bench_rows(9, 9) if row["task"] == "Depth"]
    for at, row in enumerate(rows):
        twin = {"twin": {"id": f"pair-{at // 2}", "made_by": "mirrored", "moved": None}}
        row |= {"evidence": json.dumps(twin), "answer": "(A)" if at % 2 == 0 else "(B)"}
    # The ninth question has lost its twin.
    found = run(tmp_path, rows, "".join(GIVEN) + "A")["twins"]
    assert found["both_right"]["accuracy"] == 0.5
    assert found["both_right"]["n"] == found["per_task"]["Depth"]["n"] == 4
    assert (found["one_right"], found["none_right"], found["same_answer"]) == (1, 1, 1)
    assert "4 pairs of twins, both right" in (tmp_path / "results.html").read_text()


def test_without_twins_there_is_no_figure(tmp_path):
    rows = [row for row in bench_rows(2, 2) if row["task"] == "Depth"]
    assert run(tmp_path, rows, "AB")["twins"] is None
    assert "pairs of twins" not in (tmp_path / "results.html").read_text()
