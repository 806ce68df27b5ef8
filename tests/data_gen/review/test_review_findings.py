"""Bounds, agreement and sample of a review: values by hand, and bounds that hold on simulated data sets."""

from __future__ import annotations

import random
from collections import Counter
from types import SimpleNamespace

import pytest
from scipy import stats

from reinforcesight.data_gen.calibration.bounds import exact_upper
from reinforcesight.data_gen.review import sample as sampling
from reinforcesight.data_gen.review.findings import common_verdict, kappa, review_results
from reinforcesight.data_gen.review.sample import ReviewSample, SampleDraw


@pytest.mark.parametrize(("wrong", "count"), [(0, 200), (1, 200), (5, 100), (0, 1)])
def test_the_bound_is_the_one_of_clopper_and_pearson(wrong, count):
    """With the bound as the true share, so few wrong ones or fewer have a chance of just five percent."""
    assert stats.binom.cdf(wrong, count, exact_upper(wrong, count, 0.95)) == pytest.approx(0.05)


def test_bounds_without_information():
    assert exact_upper(0, 200, 0.95) == pytest.approx(1 - 0.05 ** (1 / 200))
    assert exact_upper(3, 3, 0.95) == exact_upper(0, 0, 0.95) == 1.0


def test_kappa_by_hand():
    pairs = [("yes", "yes")] * 20 + [("yes", "no")] * 5 + [("no", "yes")] * 10 + [("no", "no")] * 15
    assert kappa(pairs) == pytest.approx(0.4)  # agreed 0.7, by chance 0.5
    assert kappa([("a", "a"), ("b", "b")]) == 1.0
    assert kappa([("a", "a"), ("a", "a")]) is None
    assert kappa([]) is None


@pytest.mark.parametrize(
    ("votes", "expected"),
    [
        (["right", "wrong_name"], "wrong_name"),
        (["right", "right", "wrong_name"], "right"),
        (["cannot_tell", "right"], "cannot_tell"),
        (["wrong_relation", "cannot_tell"], "wrong_relation"),
        (["bad_wording", "right"], "bad_wording"),
    ],
)
def test_in_a_tie_the_verdict_that_trusts_the_label_least_counts(votes, expected):
    assert common_verdict(votes) == common_verdict(votes[::-1]) == expected


def made_sample(relations, draws):
    made = [
        SampleDraw(id=f"{relation}-{n}", row="x", relation=relation, form="open", source="s", margin=float(n))
        for relation, count in draws.items()
        for n in range(count)
    ]
    return ReviewSample(seed=0, relations=relations, rounds=(len(made),), draws=tuple(made))


def test_relations_are_weighted_by_their_rows():
    even = made_sample({"left": 500, "right": 500}, {"left": 50, "right": 50})
    everything = {(draw.id, draw.row): "right" for draw in even.draws}
    results = review_results(even, {"anna": everything}, confidence=0.95)
    assert results["upper"] == pytest.approx(exact_upper(0, 100, 0.95))
    assert results["by_relation"]["left"]["upper"] == pytest.approx(exact_upper(0, 50, 0.95))
    # A relation with three quarters of the rows and half of the draws: its draws count three halves.
    uneven = made_sample({"left": 750, "right": 250}, {"left": 50, "right": 50})
    results = review_results(uneven, {"anna": everything}, confidence=0.95)
    assert results["upper"] == pytest.approx(1.5 * exact_upper(0, 100, 0.95))
    # Nothing is said about all labels while one relation has no verdict.
    some = {name: verdict for name, verdict in everything.items() if name[0].startswith("left")}
    results = review_results(even, {"anna": some}, confidence=0.95)
    assert results["upper"] is None
    assert results["by_relation"]["right"]["upper"] is None


def test_unclear_and_removed_rows():
    sample = made_sample({"left": 1000}, {"left": 100})
    verdicts = {(draw.id, draw.row): "right" for draw in sample.draws}
    verdicts["left-0", "x"], verdicts["left-1", "x"], verdicts["left-2", "x"] = (
        "wrong_name",
        "cannot_tell",
        "bad_wording",
    )
    results = review_results(sample, {"anna": verdicts}, confidence=0.95, removed=1)
    assert (results["wrong"], results["cannot_tell"], results["verdicts"]["bad_wording"]) == (1, 1, 1)
    assert results["upper"] == pytest.approx(exact_upper(1, 100, 0.95))
    assert results["upper_if_unclear_wrong"] == pytest.approx(exact_upper(2, 100, 0.95))
    assert results["upper_after_removal"] == pytest.approx((results["upper"] * 1000 - 1) / 999)
    assert results["by_margin"] == {
        "large": {"reviewed": 33, "wrong": 0, "cannot_tell": 0},
        "middle": {"reviewed": 33, "wrong": 0, "cannot_tell": 0},
        "small": {"reviewed": 34, "wrong": 1, "cannot_tell": 1},
    }


def population(rng):
    """Columns of a data set whose wrong labels have small margins and are in one relation more than in others."""
    rows = []
    for relation, count, worst in (("left", 600, 0.02), ("right", 300, 0.1), ("behind", 100, 0.5)):
        for _ in range(count):
            margin = rng.random()
            wrong = rng.random() < worst * (1 - margin) ** 2
            rows.append((relation, rng.choice(["open", "yes_no"]), margin, wrong))
    columns = {name: [row[at] for row in rows] for at, name in enumerate(("relation", "form", "margin"))}
    columns |= {"id": [str(n) for n in range(len(rows))], "source": ["s"] * len(rows)}
    columns |= dict.fromkeys(("question", "choices", "answer", "source_id"), [""] * len(rows))
    return columns, [row[3] for row in rows]


def test_the_bounds_hold_in_at_least_their_share_of_reviews():
    rng = random.Random(1)
    columns, wrong = population(rng)
    index, truth = SimpleNamespace(columns=columns), sum(wrong) / len(wrong)
    relation_truth = Counter(r for r, bad in zip(columns["relation"], wrong, strict=True) if bad)
    relations = dict(Counter(columns["relation"]))
    known = SimpleNamespace(name=lambda number: {"id": str(number), "row": "x"})
    held, held_by_relation, trials = 0, Counter(), 150
    for trial in range(trials):
        draws = sampling._draw(index, known, 80, random.Random(trial))
        sample = ReviewSample(seed=0, relations=relations, rounds=(80,), draws=tuple(draws))
        verdicts = {(d.id, d.row): "wrong_relation" if wrong[int(d.id)] else "right" for d in draws}
        results = review_results(sample, {"anna": verdicts}, confidence=0.9)
        held += results["upper"] >= truth
        for name, entry in results["by_relation"].items():
            held_by_relation[name] += entry["upper"] >= relation_truth[name] / relations[name]
    assert held / trials >= 0.88
    assert all(held_by_relation[name] / trials >= 0.88 for name in relations)


def test_every_form_and_margin_is_drawn_and_each_row_with_the_same_chance():
    columns, _ = population(random.Random(2))
    index = SimpleNamespace(columns=columns)
    known = SimpleNamespace(name=lambda number: {"id": str(number), "row": "x"})
    times: Counter[str] = Counter()
    for trial in range(400):
        draws = sampling._draw(index, known, 100, random.Random(trial))
        assert Counter(d.relation for d in draws) == {"left": 60, "right": 30, "behind": 10}
        left = [d.margin for d in draws if d.relation == "left" and d.form == "open"]
        assert min(left) < 0.1
        assert max(left) > 0.9
        times.update(d.id for d in draws)
    # 400 trials of a chance of a tenth: 40, give or take five standard deviations.
    assert len(times) == 1000
    assert min(times.values()) >= 10
    assert max(times.values()) <= 70
