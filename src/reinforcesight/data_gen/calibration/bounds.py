"""Upper bounds on the share of wrong claims, and the least strict threshold whose bound is low enough.

The claims of one picture are not independent: where a depth estimate fails, it fails for many pairs at once. So the
bound is that of Korn and Graubard (1998) for clustered samples: the exact binomial bound (Clopper-Pearson) of an
effective number of claims, which is the number of claims over the design effect.

The threshold is chosen by sequences of tests from strict to loose (learn then test, arXiv:2110.01052). Each starts at a
share of claims that is fixed beforehand and ends before the first test that fails; the loosest threshold that passed is
taken. There are three starts, since the strictest claims are few and need not be the best, and each sequence tests at a
third of the error level (Bonferroni), so that the choice as a whole holds with the wanted confidence.
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

# Tests of the sequence: thresholds that keep these shares of the claims of the default rules, strict to loose.
_SHARES = np.linspace(0.05, 1.0, 96)
# Where the sequences start.
_STARTS = (0.3, 0.5, 0.7)


class Step(StrictConfig):
    """One threshold and what was measured there: a row of an axis's table in ``calibration.json``.

    Attributes:
        threshold: Least score of a claim that is kept.
        kept: Claims kept.
        share: The same as a share of the claims of the default rules.
        wrong: Wrong claims among them.
        upper: Upper bound on the share of wrong claims.
    """

    threshold: float
    kept: Annotated[int, Field(ge=0)]
    share: float
    wrong: Annotated[int, Field(ge=0)]
    upper: float


def design_effect(wrong: FloatArray, claims: FloatArray) -> float:
    """How much wider the clustering by picture makes the spread of the share of wrong claims, at least 1.

    Variance of the ratio estimator over pictures, divided by the variance of as many independent claims; ``wrong`` and
    ``claims`` are counts by picture, (P,).
    """
    total, used = float(claims.sum()), int((claims > 0).sum())
    share = float(wrong.sum()) / total if total else 0.0
    if used < 2 or share in (0.0, 1.0):
        return 1.0
    rest = wrong - share * claims
    variance = used / (used - 1) * float((rest**2).sum()) / total**2
    return max(1.0, variance / (share * (1.0 - share) / total))


def effective_claims(claims: FloatArray, *, effect: float, confidence: float) -> float:
    """How many independent claims tell as much as these, for claims by picture (P,)."""
    total, pictures = float(claims.sum()), int((claims > 0).sum())
    if pictures < 2:
        return 0.0
    # Few pictures give a poor estimate of the design effect: Korn and Graubard's correction by Student's t.
    level = (1.0 + confidence) / 2.0
    correction = (stats.t.ppf(level, total - 1) / stats.t.ppf(level, pictures - 1)) ** 2
    return float(total / effect * correction)


def upper_bound(wrong: FloatArray, claims: FloatArray, *, effect: float, confidence: float) -> float:
    """One-sided upper bound on the share of wrong claims, from counts by picture, (P,), and the design effect."""
    effective = effective_claims(claims, effect=effect, confidence=confidence)
    share = float(wrong.sum()) / max(float(claims.sum()), 1.0)
    found = effective * share
    if found >= effective:
        return 1.0
    return float(stats.beta.ppf(confidence, found + 1.0, effective - found))  # Clopper-Pearson


def steps_of(
    score: npt.ArrayLike, wrong: npt.ArrayLike, picture: npt.ArrayLike, *, confidence: float = 0.95
) -> list[Step]:
    """Thresholds from strict to loose with what was measured at each; the last one keeps all claims.

    Args:
        score: How sure a claim is, (N,); larger is surer.
        wrong: Whether it is wrong, (N,).
        picture: The claim's picture, (N,); any ids.
        confidence: Of the choice of a threshold as a whole; each bound is at the level that this needs.
    """
    scores, is_wrong = np.asarray(score, dtype=np.float64), np.asarray(wrong, dtype=bool)
    if scores.size == 0:
        return []
    _, number = np.unique(np.asarray(picture), return_inverse=True)
    pictures = int(number.max()) + 1

    def by_picture(chosen: BoolArray) -> FloatArray:
        return np.bincount(number[chosen], minlength=pictures).astype(np.float64)

    # Few wrong claims say little about how they cluster, so all of them decide on the design effect.
    effect = design_effect(by_picture(is_wrong), by_picture(np.ones(scores.size, dtype=bool)))
    each = 1.0 - (1.0 - confidence) / len(_STARTS)
    steps: list[Step] = []
    for threshold in np.unique(np.quantile(scores, 1.0 - _SHARES, method="lower"))[::-1]:
        kept = scores >= threshold
        upper = upper_bound(by_picture(kept & is_wrong), by_picture(kept), effect=effect, confidence=each)
        count = int(kept.sum())
        errors = int((kept & is_wrong).sum())
        share = count / scores.size
        steps.append(Step(threshold=float(threshold), kept=count, share=share, wrong=errors, upper=upper))
    return steps


def least_strict(steps: Sequence[Step], max_error: float) -> Step | None:
    """The loosest step that passes: its bound, and that of every step since its sequence's start, is low enough.

    Returns:
        ``None`` where no threshold is good enough: too few pictures, or too many mistakes.
    """
    best: Step | None = None
    for start in _STARTS:
        for step in steps:
            if step.share < start:
                continue
            if step.upper > max_error:
                break
            if best is None or step.share > best.share:
                best = step
    return best
