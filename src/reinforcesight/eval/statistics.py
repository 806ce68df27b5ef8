"""Confidence intervals and the paired test, computed by scipy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

_CONFIDENCE = 0.95
_RESAMPLES = 4000  # Monte-Carlo error of a 95 % percentile bound: about 0.05 standard errors


@dataclass(frozen=True)
class Interval:
    """A two-sided 95 % interval and its method."""

    low: float
    high: float
    method: str


@dataclass(frozen=True)
class PairedTest:
    """A paired test of two models on the same items."""

    n: int
    both: int
    only_this: int
    only_baseline: int
    neither: int
    p_value: float  # McNemar's exact test, two-sided
    difference: float  # accuracy of this model minus that of the baseline
    interval: Interval
    detectable: float | None = None  # smallest difference that n items show with 80 % power


def wilson(correct: int, n: int) -> Interval | None:
    return _wilson(correct, n, "wilson") if n else None


def _wilson(correct: int, n: int, method: str) -> Interval:
    bounds = stats.binomtest(correct, n).proportion_ci(_CONFIDENCE, method="wilson")
    return Interval(float(bounds.low), float(bounds.high), method)


def mcnemar(only_this: int, only_baseline: int) -> float:
    """Return the two-sided p-value of McNemar's exact test, a binomial test of the discordant pairs."""
    discordant = only_this + only_baseline
    return float(stats.binomtest(only_this, discordant).pvalue) if discordant else 1.0


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for multiple tests (Holm 1979), which controls the family-wise error rate."""
    order = sorted(range(len(p_values)), key=lambda at: p_values[at])
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, at in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[at]))
        adjusted[at] = highest
    return adjusted


def detectable_difference(n: int, discordant: int) -> float:
    """Return the smallest accuracy difference that McNemar's test detects with 80 % power at the 5 % level.

    Connor 1987: for a fraction ``d`` of discordant pairs, z_a sqrt(d) + z_b sqrt(d - diff^2) = diff sqrt(n). At least
    one discordant pair is assumed.
    """
    share = max(discordant, 1) / n
    z_level, z_power = stats.norm.ppf(0.975), stats.norm.ppf(0.8)
    low, high = 0.0, float(np.sqrt(share))
    for _ in range(60):  # bisection: with the difference, the left side falls and the right side grows
        middle = (low + high) / 2
        needed = z_level * np.sqrt(share) + z_power * np.sqrt(max(share - middle**2, 0.0))
        low, high = (middle, high) if middle * np.sqrt(n) < needed else (low, middle)
    return min(high, 1.0)


def stratified_accuracy(
    correct: Sequence[bool], strata: Sequence[str], weights: Mapping[str, float] | None = None
) -> float:
    """Return the mean of the strata's accuracies (by task or source); the strata's ``weights`` have sum 1."""
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
    """Return a percentile bootstrap interval of ``stratified_accuracy`` that resamples whole pictures (``clusters``).

    Questions about one picture are not independent, so pictures are resampled (Efron & Tibshirani 1993, ch. 8). If all
    pictures have the same result, the bootstrap has zero width, so Wilson's interval for the number of pictures is
    used.
    """
    if not len(correct):
        return None
    hits, totals, names = _cluster_table(clusters, strata, correct)  # both (pictures, strata)
    weight = _weights(names, weights)
    n_strata = hits.shape[1]
    if len(hits) < 2 or np.all(hits == 0) or np.all(hits == totals):
        return _wilson(len(hits) if hits.any() else 0, len(hits), "wilson over pictures")

    def statistic(*columns: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
        sums = [column.sum(axis=axis) for column in columns]
        return _mean_of_ratios(np.stack(sums[:n_strata], axis=-1), np.stack(sums[n_strata:], axis=-1), weight)

    return _bootstrap([*hits.T, *totals.T], statistic, seed)


def paired_test(
    clusters: Sequence[str], this: Sequence[bool], baseline: Sequence[bool], *, seed: int
) -> PairedTest | None:
    """Run McNemar's exact test and a clustered bootstrap of the difference of two accuracies on the same items."""
    n = len(this)
    if n == 0:
        return None
    a, b = np.asarray(this, dtype=bool), np.asarray(baseline, dtype=bool)
    both, only_a, only_b = int((a & b).sum()), int((a & ~b).sum()), int((~a & b).sum())
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
    neither = n - both - only_a - only_b
    p_value, detectable = mcnemar(only_a, only_b), detectable_difference(n, only_a + only_b)
    return PairedTest(n, both, only_a, only_b, neither, p_value, difference, interval, detectable)


def _cluster_table(
    clusters: Sequence[str], strata: Sequence[str], correct: Sequence[bool]
) -> tuple[NDArray[np.float64], NDArray[np.float64], list[str]]:
    """Return correct answers and items, each of shape (clusters, strata), and the names of the strata."""
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
    """Return the weighted mean of hits / totals over the last axis, for the strata present in a resample."""
    present = totals > 0
    ratios = np.divide(hits, totals, out=np.zeros_like(hits), where=present)
    return np.asarray((ratios * weights).sum(axis=-1) / (present * weights).sum(axis=-1))


def _bootstrap(data: list[NDArray[np.float64]], statistic: Callable[..., NDArray[np.float64]], seed: int) -> Interval:
    result = stats.bootstrap(
        tuple(data),
        statistic,
        paired=True,
        vectorized=True,
        axis=-1,
        n_resamples=_RESAMPLES,
        batch=500,
        confidence_level=_CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng([seed, len(data), len(data[0])]),
    )
    interval = result.confidence_interval
    return Interval(float(interval.low), float(interval.high), "bootstrap over pictures")
