"""Labels against the renderer's geometry, computed by code that shares nothing with the relations.

``benchmarks/label_truth.py`` prints the full table; this is its smaller version.
"""

from __future__ import annotations

from importlib import import_module

import pytest
from label_truth import CONDITIONS, HIDDEN_UNKNOWN, measure

pytest.importorskip("embreex")

# Without outlines, or where nobody says how much of an object is hidden, a few labels about hidden parts may be wrong.
SURE = [name for name, (sigma, _) in CONDITIONS.items() if sigma == 0 and name not in HIDDEN_UNKNOWN]
PICTURES = 20
SIZE = (256, 192)


def sums(condition: str, pictures: int = PICTURES) -> dict[str, int]:
    total = measure(condition, pictures, seed=11, size=SIZE)
    found: dict[str, int] = {}
    for (_, what), count in total.items():
        found[what] = found.get(what, 0) + count
    return found


@pytest.mark.parametrize("condition", SURE)
def test_no_wrong_label_without_noise(condition: str) -> None:
    found = sums(condition)
    assert found["claimed"] > 300
    assert found.get("wrong", 0) == 0


@pytest.mark.parametrize(("condition", "most"), [("5 % smooth noise", 0.005), ("12 % smooth noise", 0.02)])
def test_few_wrong_labels_under_noise(condition: str, most: float) -> None:
    found = sums(condition, 2 * PICTURES)
    assert found["claimed clear"] >= 0.5 * found["clear"]
    assert found.get("wrong clear", 0) <= most * found["claimed clear"]


def test_most_clear_pairs_are_kept_with_exact_depth() -> None:
    found = sums("exact depth")
    assert found["claimed clear"] >= 0.8 * found["clear"]


@pytest.mark.parametrize("condition", sorted(HIDDEN_UNKNOWN))
def test_few_wrong_labels_where_less_is_known(condition: str) -> None:
    found = sums(condition)
    assert found["claimed"] > 200
    assert found.get("wrong", 0) <= 0.01 * found["claimed"]
    assert found.get("wrong clear", 0) <= 0.005 * found["claimed clear"]


@pytest.mark.parametrize("benchmark", ["label_truth", "label_truth_elsewhere", "perception_errors"])
def test_the_help_of_a_benchmark_lists_its_conditions(
    benchmark: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", [benchmark, "--help"])
    with pytest.raises(SystemExit) as end:
        import_module(benchmark).main()
    assert end.value.code == 0
    assert "5 %" in capsys.readouterr().out.partition("options:")[2]
