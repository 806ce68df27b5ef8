"""``audit --benchmark``: what text alone gives away is found, item by item, and can be left out."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from eval_samples import picture_bytes, write_parquet

from reinforcesight.data_gen.audit.config import AuditConfig
from reinforcesight.errors import ConfigError, InputError
from reinforcesight.eval.benchmarks.load import load_benchmark
from reinforcesight.eval.shortcuts.guessing import audit_any
from reinforcesight.protocol import with_options

NOUNS = ("cup", "sofa", "clock", "vase", "bed", "shoe")


def rows(count: int, told: float, seed: int = 0) -> list[dict[str, Any]]:
    """Questions about depth; in a share of them, there is a lamp, and it is always the right answer."""
    rng = random.Random(seed)
    made = []
    for number in range(count):
        pair = rng.sample(NOUNS, 2)
        gold = rng.randrange(2)
        if rng.random() < told:
            pair[gold] = "lamp"
        question = f"Which object is closer to the camera taking this photo, the {pair[0]} or the {pair[1]}?"
        made.append(
            {
                "idx": f"{number}{'-told' if 'lamp' in pair else ''}",
                "task": "Depth",
                "image": {"bytes": picture_bytes(number % 40), "path": None},
                "question": question,
                "choices": pair,
                "answer": f"({'AB'[gold]})",
                "prompt": with_options(question, pair),
                "source": "made",
                "source_filename": f"{number % 40}.png",
            }
        )
    return made


def test_a_telling_noun_is_found_and_can_be_left_out(tmp_path: Path) -> None:
    bench = write_parquet(tmp_path / "bench.parquet", rows(160, told=0.3))
    report = audit_any(
        AuditConfig(benchmark=str(bench), report=tmp_path / "r.json", subset=tmp_path / "few.parquet", quiet=True)
    )
    assert report.exit_code == 0  # another's benchmark is not at fault
    assert [finding.rule for finding in report.findings] == ["text_hint"]
    found = json.loads((tmp_path / "r.json").read_text())["measurements"]
    assert found["guessed"][0]["low"] > 0.5
    by_kind: dict[bool, list[float]] = {True: [], False: []}
    for item in found["items"]:
        by_kind["told" in item["id"]].append(item["probability"])
    told, others = (sum(values) / len(values) for values in (by_kind[True], by_kind[False]))
    assert told > 0.65 > 0.55 > others
    assert found["subset"][0]["accuracy"] < found["guessed"][0]["accuracy"] - 0.05
    kept = {item["id"] for item in found["items"] if item["kept"]}
    subset = load_benchmark(str(tmp_path / "few.parquet")).items
    assert {item.id for item in subset} == kept
    assert 80 <= len(kept) < 160
    assert sum("told" in name for name in kept) < 0.5 * len(by_kind[True])


def test_fair_questions_are_kept(tmp_path: Path) -> None:
    bench = write_parquet(tmp_path / "bench.parquet", rows(160, told=0.0, seed=1))
    report = audit_any(AuditConfig(benchmark=str(bench), quiet=True))
    assert report.findings == ()
    whole, rest = report.measurements["guessed"][0], report.measurements["subset"][0]
    assert whole["low"] <= 0.5
    assert rest["n"] >= 130


def test_one_input_and_enough_of_it(tmp_path: Path) -> None:
    few = write_parquet(tmp_path / "few.parquet", rows(20, told=0.5))
    with pytest.raises(InputError, match="too few to learn from"):
        audit_any(AuditConfig(benchmark=str(few)))
    with pytest.raises(ConfigError, match="a data set or a benchmark"):
        AuditConfig()
    with pytest.raises(ConfigError, match="--subset"):
        AuditConfig(dataset=tmp_path, subset=tmp_path / "x.parquet")
