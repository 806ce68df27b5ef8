"""Intervals and tests. The arithmetic is scipy's and statsmodels'; this module says what is counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import proportion_confint

CONFIDENCE = 0.95
RESAMPLES = 4000  # the Monte-Carlo error of a 95 % percentile end is then about 0.05 standard errors


@dataclass(frozen=True)
class Interval:
    """A two-sided 95 % interval and the method that gave it."""

    low: float
    high: float
    method: str


@dataclass(frozen=True)
class PairedTest:
    """Two models on the same items.

    Attributes:
        p_value: McNemar's exact test, two-sided.
        difference: Accuracy of this model less that of the baseline.
    """

    n: int
    both: int
    only_this: int
    only_baseline: int
    neither: int
    p_value: float
    difference: float
    interval: Interval


def wilson(correct: int, n: int) -> Interval | None:
    """Wilson score interval of one cell, or None for an empty one."""
    if n == 0:
        return None
    low, high = proportion_confint(correct, n, alpha=1 - CONFIDENCE, method="wilson")
    return Interval(float(low), float(high), "wilson")


def stratified_accuracy(
    correct: Sequence[bool], strata: Sequence[str], weights: Mapping[str, float] | None = None
) -> float:
    """Mean over the strata of the accuracy within each; with one stratum this is the plain accuracy.

    Args:
        correct: Whether the answer was right, one for each item.
        strata: Task, source or a constant, one for each item.
        weights: Weight of each stratum, with sum 1; equal by default.
    """
    hits, totals, names = _cluster_table(["all"] * len(correct), strata, correct)
    return float(_mean_of_ratios(hits[0], totals[0], _weights(names, weights)))


def clustered_interval(
    clusters: Sequence[str],
    strata: Sequence[str],
    correct: Sequence[bool],
    *,
    seed: int,
    weights: Mapping[str, float] | None = None,
) -> Interval | None:
    """Percentile bootstrap of ``stratified_accuracy``, resampling whole pictures.

    Questions on one picture share its difficulty, so items are not independent; pictures are taken as the
    independent units (Efron & Tibshirani 1993, ch. 8). Where all pictures agree, resampling shows no spread, and
    Wilson's interval on the number of pictures stands in.

    Args:
        clusters: Key of the picture, one for each item.
        strata: Task, source or a constant, one for each item.
        correct: Whether the answer was right, one for each item.
        seed: Seed of the resampling.
        weights: Weight of each stratum, with sum 1; equal by default.
    """
    if not len(correct):
        return None
    hits, totals, names = _cluster_table(clusters, strata, correct)  # both (pictures, strata)
    weight = _weights(names, weights)
    n_strata = hits.shape[1]
    if len(hits) < 2 or np.all(hits == 0) or np.all(hits == totals):
        return _degenerate(bool(hits.sum()), len(hits))

    def statistic(*columns: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
        sums = [column.sum(axis=axis) for column in columns]
        return _mean_of_ratios(np.stack(sums[:n_strata], axis=-1), np.stack(sums[n_strata:], axis=-1), weight)

    return _bootstrap([*hits.T, *totals.T], statistic, seed)


def paired_test(
    clusters: Sequence[str], this: Sequence[bool], baseline: Sequence[bool], *, seed: int
) -> PairedTest | None:
    """McNemar's exact test and a clustered interval of the difference of two accuracies on the same items."""
    n = len(this)
    if n == 0:
        return None
    a, b = np.asarray(this, dtype=bool), np.asarray(baseline, dtype=bool)
    both, only_a, only_b = int((a & b).sum()), int((a & ~b).sum()), int((~a & b).sum())
    neither = n - both - only_a - only_b
    # No discordant pair is no evidence at all; the binomial test behind McNemar's is undefined there.
    p_value = (
        float(mcnemar([[both, only_a], [only_b, neither]], exact=True).pvalue) if only_a + only_b else 1.0
    )
    names, index = np.unique(np.asarray(clusters), return_inverse=True)
    gain = np.bincount(index, weights=a.astype(float) - b.astype(float), minlength=len(names)).astype(float)
    total = np.bincount(index, minlength=len(names)).astype(float)
    difference = float(gain.sum() / total.sum())
    if len(names) < 2 or np.ptp(gain / total) == 0:
        interval = Interval(difference, difference, "no spread between pictures")
    else:

        def statistic(g: NDArray[np.float64], t: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
            return np.asarray(g.sum(axis=axis) / t.sum(axis=axis))

        interval = _bootstrap([gain, total], statistic, seed)
    return PairedTest(n, both, only_a, only_b, neither, p_value, difference, interval)


def _cluster_table(
    clusters: Sequence[str], strata: Sequence[str], correct: Sequence[bool]
) -> tuple[NDArray[np.float64], NDArray[np.float64], list[str]]:
    """Right answers and items, each of shape (clusters, strata), and the names of the strata."""
    cluster_names, cluster = np.unique(np.asarray(clusters), return_inverse=True)
    stratum_names, stratum = np.unique(np.asarray(strata), return_inverse=True)
    shape = (len(cluster_names), len(stratum_names))
    totals, hits = np.zeros(shape), np.zeros(shape)
    np.add.at(totals, (cluster, stratum), 1.0)
    np.add.at(hits, (cluster, stratum), np.asarray(correct, dtype=float))
    return hits, totals, [str(name) for name in stratum_names]


def _weights(names: Sequence[str], weights: Mapping[str, float] | None) -> NDArray[np.float64]:
    return np.array([1.0 if weights is None else weights[name] for name in names])


def _mean_of_ratios(
    hits: NDArray[np.float64], totals: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Weighted mean over the last axis of hits / totals, over the strata that a resample holds."""
    present = totals > 0
    ratios = np.divide(hits, totals, out=np.zeros_like(hits), where=present)
    return np.asarray((ratios * weights).sum(axis=-1) / (present * weights).sum(axis=-1))


def _bootstrap(
    data: list[NDArray[np.float64]], statistic: Callable[..., NDArray[np.float64]], seed: int
) -> Interval:
    result = stats.bootstrap(
        tuple(data),
        statistic,
        paired=True,
        vectorized=True,
        axis=-1,
        n_resamples=RESAMPLES,
        batch=500,
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng([seed, len(data), len(data[0])]),
    )
    interval = result.confidence_interval
    return Interval(float(interval.low), float(interval.high), "bootstrap over pictures")


def _degenerate(all_right: bool, n_clusters: int) -> Interval:
    low, high = proportion_confint(
        n_clusters if all_right else 0, n_clusters, alpha=1 - CONFIDENCE, method="wilson"
    )
    return Interval(float(low), float(high), "wilson over pictures")
