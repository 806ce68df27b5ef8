"""Labels are right although simulated models make errors, against the renderer's geometry.

``benchmarks/perception_errors.py`` prints the full table; this is its smaller version.
"""

from __future__ import annotations

import pytest
from perception_errors import Counts, markdown, measure, rows, scaled_rules

from reinforcesight.relations import DEFAULT_RULES

pytest.importorskip("embreex")

# Kinds that must stay under two per cent, with the least coverage that makes the figure worth something.
HELD = {
    "no errors": 80,
    "depth noise 12 %": 70,
    "unknown scale, noise 5 %": 80,
    "unknown scale and shift, noise 5 %": 35,
    "20 % of outlines missing": 25,
    "20 % of outlines merged with a neighbour": 35,
    "10 % of boxes and outlines around two things, second detector": 20,
    "20 % of things not found": 25,
    "box sides off by 10 %": 40,
    "box sides off by 10 %, no outlines": 40,
    "5 % names exchanged, low score": 50,
    "5 % names exchanged, high score, with traces": 50,
    "the same, errors of the two independent": 40,
}
# A second detector helps, but not against the mistakes that it shares.
UNHELD = {
    "5 % false boxes": "5 % false boxes, second detector",
    "10 % names exchanged, high score": "10 % names exchanged, high score, second detector",
}
PICTURES, SIZE = 14, (256, 192)


@pytest.fixture(scope="module")
def counted() -> Counts:
    return measure(PICTURES, seed=21, size=SIZE, kinds=(*HELD, *UNHELD, *UNHELD.values()), factors=(1.0,))


@pytest.fixture(scope="module")
def table(counted: Counts) -> dict[str, dict[str, float]]:
    return {str(row["errors"]): row for row in rows(counted) if row["axis"] == "all"}


@pytest.mark.parametrize("kind", HELD)
def test_few_wrong_labels(table: dict[str, dict[str, float]], kind: str) -> None:
    row = table[kind]
    assert row["wrong"] <= 0.02 * row["claims"], row
    assert row["coverage_percent"] >= HELD[kind], row


def test_exact_models_make_no_wrong_label(table: dict[str, dict[str, float]]) -> None:
    assert table["no errors"]["claims"] > 200
    assert table["no errors"]["wrong"] == 0


def test_the_measure_sees_wrong_labels(table: dict[str, dict[str, float]]) -> None:
    """What one detector alone can't know shows up as wrong: the truth is not the relations' own."""
    for kind, helped in UNHELD.items():
        assert table[kind]["wrong_percent"] >= table[helped]["wrong_percent"] > 0, (table[kind], table[helped])


def test_wider_margins_claim_less() -> None:
    assert scaled_rules(1.0) == DEFAULT_RULES
    counts = measure(2, seed=21, size=SIZE, kinds=("depth noise 12 %",), factors=(0.5, 1.0, 2.0))
    shown = [row for row in rows(counts) if row["axis"] == "all"]
    coverage = [row["coverage_percent"] for row in shown]
    assert coverage == sorted(coverage, reverse=True)
    assert coverage[0] > coverage[-1]
    text = markdown(rows(counts))
    assert "| depth noise 12 % |" in text
    assert "x 0.5" in text
