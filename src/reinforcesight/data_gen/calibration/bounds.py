"""Bound the fraction of wrong claims, and find the least strict threshold whose upper bound is low enough.

A claim is a relation that the rules derive from estimated depth, such as "A is in front of B". The claims of one
picture are not independent: if a depth estimate fails, it fails for many pairs at once. So we use the bound of Korn
and Graubard (1998) for clustered samples: the exact binomial bound (Clopper-Pearson) for an effective number of claims,
which is the number of claims divided by the design effect. The design effect is estimated from all claims, where wrong
ones are not rare, and reduced for a threshold that keeps fewer claims of each picture.

The threshold is chosen by sequences of tests from strict to loose (learn then test, arXiv:2110.01052). Each sequence
starts at a predefined fraction of the claims and ends before the first test that fails; the loosest threshold that
passed is used. There are three starts, since the strictest claims are few and may not be the best. Each sequence tests
at a third of the error level (Bonferroni), so that the choice as a whole has the requested confidence.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import Field
from scipy import stats

from reinforcesight.arrays import BoolArray, FloatArray
from reinforcesight.config import StrictConfig

# Thresholds that keep these fractions of the default rules' claims, from strict to loose; each one is a test.
_SHARES = np.linspace(0.05, 1.0, 96)
# Fractions at which the sequences of tests start.
_STARTS = (0.3, 0.5, 0.7)


class ThresholdResult(StrictConfig):
    """Measurements at one threshold: a row of an axis's table in ``calibration.json``.

    Attributes:
        threshold: Minimum score of kept claims.
        share: Kept claims as a fraction of the default rules' claims.
        wrong: Number of wrong claims among the kept ones.
        upper: Upper bound on the fraction of wrong claims.
    """

    threshold: float
    kept: Annotated[int, Field(ge=0)]
    share: float
    wrong: Annotated[int, Field(ge=0)]
    upper: float


def design_effect(wrong: FloatArray, claims: FloatArray) -> float:
    """Return the factor by which clustering by picture increases the variance of the wrong fraction, at least 1.

    It is the variance of the ratio estimator over pictures divided by the variance of as many independent claims;
    ``wrong`` and ``claims`` are counts by picture, (P,).
    """
    total, used = float(claims.sum()), int((claims > 0).sum())
    share = float(wrong.sum()) / total if total else 0.0
    if used < 2 or share in (0.0, 1.0):
        return 1.0
    rest = wrong - share * claims
    variance = used / (used - 1) * float((rest**2).sum()) / total**2
    return max(1.0, variance / (share * (1.0 - share) / total))


def kept_effect(effect: float, claims: FloatArray, kept: FloatArray) -> float:
    """Return the design effect of the kept claims, given the design effect of all claims; counts by picture, (P,).

    Two claims of one picture are taken to be as much correlated as before. Fewer claims are kept of each picture, so
    the effect is smaller (Kish: one plus the correlation times the claims of a picture besides the claim itself).
    """

    def others(counts: FloatArray) -> float:
        return float((counts**2).sum() / max(counts.sum(), 1.0)) - 1.0

    return 1.0 if others(claims) <= 0 else 1.0 + (effect - 1.0) * max(0.0, others(kept) / others(claims))


def effective_claims(claims: FloatArray, *, effect: float, confidence: float) -> float:
    """Return the number of independent claims with the same information, for counts of claims by picture, (P,)."""
    total, pictures = float(claims.sum()), int((claims > 0).sum())
    if pictures < 2:
        return 0.0
    # Few pictures give a poor estimate of the design effect: Korn and Graubard's correction by Student's t.
    level = (1.0 + confidence) / 2.0
    correction = (stats.t.ppf(level, total - 1) / stats.t.ppf(level, pictures - 1)) ** 2
    return float(total / effect * correction)


def upper_bound(wrong: FloatArray, claims: FloatArray, *, effect: float, confidence: float) -> float:
    """Return a one-sided upper confidence bound on the fraction of wrong claims.

    Args:
        wrong, claims: Number of wrong claims and of all claims in each picture, (P,).
        effect: Design effect, see :func:`design_effect`.
        confidence: Confidence level, such as 0.95.
    """
    effective = effective_claims(claims, effect=effect, confidence=confidence)
    share = float(wrong.sum()) / max(float(claims.sum()), 1.0)
    return exact_upper(effective * share, effective, confidence)


def exact_upper(wrong: float, count: float, confidence: float) -> float:
    """Return Clopper and Pearson's one-sided upper bound on a proportion; an effective count may be a fraction."""
    return 1.0 if wrong >= count else float(stats.beta.ppf(confidence, wrong + 1.0, count - wrong))


def steps_of(
    score: npt.ArrayLike, wrong: npt.ArrayLike, picture: npt.ArrayLike, *, confidence: float = 0.95
) -> list[ThresholdResult]:
    """Return thresholds from strict to loose with the measurements at each; the last one keeps all claims.

    Args:
        score: Confidence score of each claim, (N,); larger means more certain.
        wrong: Whether each claim is wrong, (N,).
        picture: Id of each claim's picture, (N,).
        confidence: Confidence of the choice of a threshold as a whole; the level of each bound follows from it.
    """
    scores, is_wrong = np.asarray(score, dtype=np.float64), np.asarray(wrong, dtype=bool)
    if scores.size == 0:
        return []
    _, number = np.unique(np.asarray(picture), return_inverse=True)
    pictures = int(number.max()) + 1
    strict_first = np.argsort(-scores, kind="stable")
    scores, is_wrong, number = scores[strict_first], is_wrong[strict_first], number[strict_first]

    def by_picture(chosen: slice, weights: BoolArray | None = None) -> FloatArray:
        counts = np.bincount(number[chosen], None if weights is None else weights[chosen], minlength=pictures)
        return counts.astype(np.float64)

    # Few wrong claims say little about clustering, so the correlation is that of all claims.
    every = by_picture(slice(None))
    effect = design_effect(by_picture(slice(None), is_wrong), every)
    each = 1.0 - (1.0 - confidence) / len(_STARTS)
    steps: list[ThresholdResult] = []
    kept, errors, start = np.zeros(pictures), np.zeros(pictures), 0
    for threshold in np.unique(np.quantile(scores, 1.0 - _SHARES, method="lower"))[::-1]:
        stop = int(np.searchsorted(-scores, -threshold, side="right"))
        kept, errors = kept + by_picture(slice(start, stop)), errors + by_picture(slice(start, stop), is_wrong)
        start = stop
        upper = upper_bound(errors, kept, effect=kept_effect(effect, every, kept), confidence=each)
        wrongs, share = int(errors.sum()), stop / scores.size
        steps.append(ThresholdResult(threshold=float(threshold), kept=stop, share=share, wrong=wrongs, upper=upper))
    return steps


def least_strict(steps: Sequence[ThresholdResult], max_error: float) -> ThresholdResult | None:
    """Return the loosest step that passes: its bound, and all bounds since its sequence's start, are low enough.

    Returns:
        ``None`` if no threshold is good enough: too few pictures, or too many wrong claims.
    """
    best: ThresholdResult | None = None
    for start in _STARTS:
        for step in steps:
            if step.share < start:
                continue
            if step.upper > max_error:
                break
            if best is None or step.share > best.share:
                best = step
    return best
