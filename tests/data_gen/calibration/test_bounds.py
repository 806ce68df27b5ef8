"""Bounds on the share of wrong claims: clustered by picture, and kept by the choice of a threshold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from reinforcesight.data_gen.calibration.bounds import design_effect, kept_effect, least_strict, steps_of, upper_bound


def test_one_claim_a_picture_gives_the_exact_binomial_bound() -> None:
    wrong = np.zeros(400)
    wrong[:6] = 1
    bound = upper_bound(wrong, np.ones(400), effect=1.0, confidence=0.95)
    assert bound == pytest.approx(stats.beta.ppf(0.95, 7, 394), rel=1e-9)


def test_repeating_every_claim_tells_nothing_new() -> None:
    wrong = np.zeros(300)
    wrong[:9] = 1
    once = upper_bound(wrong, np.ones(300), effect=1.0, confidence=0.95)
    ten_wrong, ten = 10 * wrong, np.full(300, 10.0)
    effect = design_effect(ten_wrong, ten)
    assert effect == pytest.approx(10.0, rel=0.02)
    repeated = upper_bound(ten_wrong, ten, effect=effect, confidence=0.95)
    assert repeated == pytest.approx(once, rel=0.03)
    # As if all were independent, the bound would be far too low.
    assert upper_bound(ten_wrong, ten, effect=1.0, confidence=0.95) < 0.8 * once


def test_the_effect_shrinks_with_the_claims_kept_of_a_picture() -> None:
    claims = np.full(50, 21.0)
    assert kept_effect(3.0, claims, claims) == pytest.approx(3.0)
    assert kept_effect(3.0, claims, np.full(50, 11.0)) == pytest.approx(2.0)
    assert kept_effect(3.0, claims, np.ones(50)) == 1.0
    assert kept_effect(1.0, np.ones(50), np.ones(50)) == 1.0


def test_where_one_claim_of_each_picture_is_kept_the_bound_is_that_of_independent_claims() -> None:
    pictures, each = 400, 10
    score, picture = np.tile(np.arange(each), pictures), np.repeat(np.arange(pictures), each)
    wrong = (picture < 20) & (score < 8)  # where an estimate fails, it fails for most pairs of the picture
    strictest = steps_of(score, wrong, picture)[0]
    assert (strictest.kept, strictest.wrong) == (pictures, 0)
    assert strictest.upper == pytest.approx(1 - (0.05 / 3) ** (1 / pictures))  # one of three sequences of tests


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(5, 20)), min_size=3, max_size=30), st.data())
def test_the_bound_lies_above_the_share_and_rises_with_mistakes(
    pictures: list[tuple[int, int]], data: st.DataObject
) -> None:
    wrong, claims = (np.array(values, dtype=float) for values in zip(*pictures, strict=True))
    bound = upper_bound(wrong, claims, effect=2.0, confidence=0.95)
    assert wrong.sum() / claims.sum() < bound <= 1.0
    one = data.draw(st.integers(0, len(pictures) - 1))
    more = wrong.copy()
    more[one] = min(more[one] + 1, claims[one])
    assert upper_bound(more, claims, effect=2.0, confidence=0.95) >= bound


def test_too_little_data_passes_no_threshold() -> None:
    score = np.linspace(0, 1, 40)
    steps = steps_of(score, np.zeros(40, dtype=bool), np.repeat(np.arange(4), 10))
    assert least_strict(steps, 0.01) is None
    assert steps_of([], [], []) == []


def simulated(rng: np.random.Generator, pictures: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Claims whose chance to be wrong falls with the score and is high in a few bad pictures."""
    claims = rng.integers(3, 40, pictures)
    picture = np.repeat(np.arange(pictures), claims)
    bad = np.where(rng.random(pictures) < 0.05, 3.0, 0.0)[picture]
    score = rng.gamma(2.0, 0.5, picture.size)
    chance = 1.0 / (1.0 + np.exp(3.6 - bad + 2.0 * score))
    return score, rng.random(picture.size) < chance, picture


def test_the_chosen_threshold_keeps_its_promise() -> None:
    """Of many calibrations, at most a few choose a threshold whose true error is above the wanted one."""
    rng = np.random.default_rng(5)
    everything, errors, _ = simulated(rng, 20_000)
    passed = broken = 0
    for _ in range(60):
        score, wrong, picture = simulated(rng, 300)
        chosen = least_strict(steps_of(score, wrong, picture), 0.02)
        if chosen is None:
            continue
        passed += 1
        true = errors[everything >= chosen.threshold].mean()
        broken += true > 0.02
        assert chosen.share >= 0.3
    assert passed >= 40
    assert broken <= 3
