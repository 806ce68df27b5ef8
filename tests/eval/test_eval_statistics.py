"""Intervals, tests and official figures against independent arithmetic."""

from __future__ import annotations

import json
import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from eval_samples import bench_rows, replay, write_answers, write_published
from hypothesis import given, settings
from hypothesis import strategies as st

from reinforcesight.eval.evaluate import evaluate
from reinforcesight.eval.statistics import (
    clustered_interval,
    detectable_difference,
    holm,
    mcnemar,
    paired_test,
    stratified_accuracy,
    wilson,
)


def test_wilson_against_its_formula() -> None:
    for correct, n in ((0, 10), (3, 10), (10, 10), (411, 600)):
        z, p = 1.959963984540054, correct / n
        middle = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        interval = wilson(correct, n)
        assert interval is not None
        assert interval.low == pytest.approx(max(0.0, middle - half), abs=1e-9)
        assert interval.high == pytest.approx(min(1.0, middle + half), abs=1e-9)
    assert wilson(0, 0) is None


@pytest.mark.parametrize(
    ("correct", "n", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_against_newcombe(correct: int, n: int, low: float, high: float) -> None:
    """Newcombe (1998), Statistics in Medicine 17, 857-872, table I, method 3."""
    interval = wilson(correct, n)
    assert interval is not None
    assert (round(interval.low, 4), round(interval.high, 4)) == (low, high)


@pytest.mark.parametrize(("only_this", "only_baseline"), [(9, 2), (2, 9), (64, 51), (109, 64), (7, 7), (0, 5)])
def test_mcnemar_against_the_binomial_sum(only_this: int, only_baseline: int) -> None:
    n, fewer = only_this + only_baseline, min(only_this, only_baseline)
    tail = sum(math.comb(n, k) for k in range(fewer + 1)) / 2**n
    assert mcnemar(only_this, only_baseline) == pytest.approx(min(1.0, 2 * tail), abs=1e-12)


@pytest.mark.parametrize(("n", "share"), [(200, 0.4), (800, 0.2), (3000, 0.1)])
def test_the_detectable_difference_is_found_in_four_of_five_samples(n: int, share: float) -> None:
    rng = np.random.default_rng(7)
    difference = detectable_difference(n, round(n * share))
    found = 0
    for _ in range(400):
        discordant = rng.binomial(n, share)
        wins = rng.binomial(discordant, (1 + difference / share) / 2)
        found += mcnemar(int(wins), int(discordant - wins)) < 0.05
    assert 0.70 < found / 400 < 0.87  # the exact test is a little conservative


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])
    assert holm([]) == []


def test_mcnemar_without_discordant_pairs() -> None:
    assert mcnemar(0, 0) == 1.0


def test_paired_counts_against_the_binomial_sum() -> None:
    this = [True] * 9 + [False] * 2 + [True] * 30 + [False] * 10
    base = [False] * 9 + [True] * 2 + [True] * 30 + [False] * 10
    result = paired_test([str(i) for i in range(51)], this, base, seed=0)
    assert result is not None
    assert (result.only_this, result.only_baseline, result.both, result.neither) == (9, 2, 30, 10)
    assert result.p_value == pytest.approx(2 * sum(math.comb(11, k) for k in range(3)) / 2**11)
    assert result.difference == pytest.approx(7 / 51)
    assert result.interval.low < 7 / 51 < result.interval.high


def test_equal_answers_are_no_evidence() -> None:
    result = paired_test(["a", "b"], [True, False], [True, False], seed=0)
    assert result is not None
    assert result.p_value == 1.0
    assert (result.difference, result.interval.low, result.interval.high) == (0.0, 0.0, 0.0)


def test_questions_on_one_picture_widen_the_interval() -> None:
    rng = np.random.default_rng(0)
    right = np.repeat(rng.random(60) < 0.6, 10)  # all ten questions on a picture share its fate
    alone = clustered_interval([str(i) for i in range(600)], ["all"] * 600, list(right), seed=0)
    shared = clustered_interval([str(i // 10) for i in range(600)], ["all"] * 600, list(right), seed=0)
    assert alone is not None
    assert shared is not None
    ratio = (shared.high - shared.low) / (alone.high - alone.low)
    assert ratio == pytest.approx(math.sqrt(10), rel=0.25)


def test_the_bootstrap_covers_the_truth() -> None:
    rng = np.random.default_rng(1)
    hits = 0
    for trial in range(60):
        right = list(rng.random(200) < 0.7)
        interval = clustered_interval([str(i) for i in range(200)], ["all"] * 200, right, seed=trial)
        assert interval is not None
        hits += interval.low <= 0.7 <= interval.high
    assert hits >= 52  # 95 % of 60 is 57, with a standard deviation of 1.7


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from("xyz"), st.booleans()), min_size=1, max_size=40))
@settings(max_examples=30, deadline=None)
def test_interval_properties(rows: list[tuple[int, str, bool]]) -> None:
    clusters, strata = [str(c) for c, _, _ in rows], [s for _, s, _ in rows]
    right = [r for _, _, r in rows]
    accuracy = stratified_accuracy(right, strata)
    by_hand = [[r for r, t in zip(right, strata, strict=True) if t == s] for s in sorted(set(strata))]
    assert accuracy == pytest.approx(sum(sum(g) / len(g) for g in by_hand) / len(by_hand))
    interval = clustered_interval(clusters, strata, right, seed=3)
    assert interval is not None
    assert 0 <= interval.low <= interval.high <= 1
    assert interval == clustered_interval(clusters, strata, right, seed=3)


def run(tmp_path: Path, *, tasks: str | None = "all", limit: int | None = None, name: str = "r") -> dict[str, object]:
    rows = bench_rows(9, 5, seed=2)
    write_published(tmp_path / "bench", rows, "split")
    write_answers(tmp_path / "a.jsonl", rows, right=0.7)
    output = tmp_path / f"{name}.json"
    evaluate(replay(tmp_path / "bench", tmp_path / "a.jsonl", output, tasks=tasks, limit=limit))
    results: dict[str, object] = json.loads(output.read_text())
    return results


def test_official_figures_agree_to_the_last_digit(tmp_path: Path) -> None:
    official = run(tmp_path)["official"]
    answers = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]

    def accuracy(source: str) -> float:
        right = [a["correct"] for a in answers if a["source"] == source]
        return sum(right) / len(right)

    two_d = (accuracy("ADE20K") + accuracy("COCO")) / 2
    three_d = accuracy("Omni3D")
    assert isinstance(official, dict)
    assert official["two_d"]["accuracy"] == two_d
    assert official["three_d"]["accuracy"] == three_d
    assert official["cv_bench"]["accuracy"] == (two_d + three_d) / 2
    assert official["cv_bench"]["low"] < official["cv_bench"]["accuracy"] < official["cv_bench"]["high"]
    assert official["missing"] == []


def test_no_official_figure_without_all_its_parts(tmp_path: Path) -> None:
    qualitative = run(tmp_path, tasks=None, name="q")["official"]
    assert isinstance(qualitative, dict)
    assert qualitative["two_d"] is None
    assert qualitative["cv_bench"] is None
    assert qualitative["three_d"] is not None
    assert qualitative["missing"] == ["ADE20K Count: 0 of 9 rows scored", "COCO Count: 0 of 9 rows scored"]
    limited = run(tmp_path, limit=20, name="l")["official"]
    assert isinstance(limited, dict)
    assert limited["two_d"] is limited["three_d"] is limited["cv_bench"] is None


def test_cells_count_what_the_answers_say(tmp_path: Path) -> None:
    results = run(tmp_path)
    answers = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    groups = {"per_task": "task", "per_source": "source", "per_relation": "relation", "per_letter": "gold"}
    for part, key in groups.items():
        cells = results[part]
        assert isinstance(cells, dict)
        for name, cell in cells.items():
            right = [a["correct"] for a in answers if a[key] == name]
            assert (cell["n"], cell["correct"]) == (len(right), sum(right))
            assert cell["accuracy"] == sum(right) / len(right)
            assert cell["low"] <= cell["accuracy"] <= cell["high"]
    status = results["parse_status"]
    assert isinstance(status, dict)
    assert sum(status.values()) == len(answers)
    assert status["answered"] == sum(a["letter"] is not None for a in answers) < len(answers)
    chance = results["chance"]
    assert isinstance(chance, dict)
    rows = bench_rows(9, 5, seed=2)
    assert chance["random"] == pytest.approx(sum(1 / len(row["choices"]) for row in rows) / len(rows))
    assert chance["random"] <= chance["majority"] <= 1


def test_bootstrap_ends_are_ordered_by_sample_size() -> None:
    widths = []
    for n in (20, 80, 320):
        right = [i % 3 != 0 for i in range(n)]
        interval = clustered_interval([str(i) for i in range(n)], ["all"] * n, right, seed=0)
        assert interval is not None
        widths.append(interval.high - interval.low)
    assert all(wide > narrow for wide, narrow in pairwise(widths))
