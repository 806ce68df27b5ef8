"""Statistics of a review: counts of verdicts, upper bounds on wrong labels, agreement of reviewers.

The bound is that of Clopper and Pearson. One row is drawn from each of many slices, so the draws are wrong with
different probabilities; the binomial bound still holds for their mean (Hoeffding 1956: among all such sums, the
binomial one has the largest variance). For the whole data set each relation has the weight of its rows: if draw i
represents the fraction w_i of the rows, then with k wrong of n draws at most n max(w) U(k, n) is wrong. That is U(k,
n) if all w are equal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import Any

from reinforcesight.data_gen.calibration.bounds import exact_upper
from reinforcesight.data_gen.review.sample import ReviewSample, SampleDraw, in_thirds

# Verdict to its words, and to what it means for the label.
VERDICTS = {
    "right": "right",
    "wrong_relation": "wrong relation",
    "wrong_name": "wrong name",
    "bad_wording": "bad wording",
    "cannot_tell": "cannot tell",
}
WRONG = ("wrong_relation", "wrong_name")
_UNCLEAR = "cannot_tell"

RowName = tuple[str, str]  # id and digest of a row
ReviewVerdicts = Mapping[str, Mapping[RowName, str]]  # by reviewer


def common_verdict(votes: Sequence[str]) -> str:
    """Return the verdict of most reviewers; in a tie, the one least favourable to the label."""
    counts = Counter(votes)
    order = (*WRONG, _UNCLEAR, "bad_wording", "right")
    return max(counts, key=lambda verdict: (counts[verdict], -order.index(verdict)))


def common_verdicts(verdicts: ReviewVerdicts) -> dict[RowName, str]:
    votes: dict[RowName, list[str]] = {}
    for given in verdicts.values():
        for row, verdict in given.items():
            votes.setdefault(row, []).append(verdict)
    return {row: common_verdict(each) for row, each in votes.items()}


def kappa(pairs: Sequence[tuple[str, str]]) -> float | None:
    """Return Cohen's kappa of two reviewers' verdicts; ``None`` if both always give the same verdict."""
    count = len(pairs)
    first, second = (Counter(pair[side] for pair in pairs) for side in (0, 1))
    chance = sum(first[verdict] * second[verdict] for verdict in first) / count**2 if count else 1.0
    agreed = sum(a == b for a, b in pairs) / count if count else 1.0
    return None if chance == 1.0 else (agreed - chance) / (1.0 - chance)


def agreements(verdicts: ReviewVerdicts) -> list[dict[str, Any]]:
    """Return for each two reviewers the number of rows that both checked, the fraction of equal verdicts, and kappa."""
    found = []
    for first, second in combinations(sorted(verdicts), 2):
        common = verdicts[first].keys() & verdicts[second].keys()
        pairs = [(verdicts[first][row], verdicts[second][row]) for row in sorted(common)]
        if pairs:
            same = sum(a == b for a, b in pairs) / len(pairs)
            found.append({"reviewers": [first, second], "questions": len(pairs), "same": same, "kappa": kappa(pairs)})
    return found


def review_results(
    sample: ReviewSample, verdicts: ReviewVerdicts, *, confidence: float, removed: int = 0
) -> dict[str, Any]:
    """Return the results of the review as JSON values.

    Args:
        confidence: Confidence level of each upper bound.
        removed: Rows with a wrong label that were removed from the data set afterwards.

    Returns:
        Counts of verdicts; and by relation and in total, ``wrong`` of ``reviewed`` draws, the upper bound ``upper`` on
        the fraction of wrong labels, and ``upper_if_unclear_wrong``, which counts "cannot tell" as wrong.
    """
    common = common_verdicts(verdicts)
    judged = [(draw, common[draw.id, draw.row]) for draw in sample.draws if (draw.id, draw.row) in common]
    relations = {}
    for relation, rows in sample.relations.items():
        own = [verdict for draw, verdict in judged if draw.relation == relation]
        relations[relation] = {"rows": rows, **_bounds(own, [1 / len(own)] * len(own) if own else [], confidence)}
    total = sum(sample.relations.values())
    weights = [sample.relations[draw.relation] / total / relations[draw.relation]["reviewed"] for draw, _ in judged]
    complete = all(entry["reviewed"] for entry in relations.values() if entry["rows"])
    whole = _bounds([verdict for _, verdict in judged], weights if complete else [], confidence)
    thirds = in_thirds(sample.draws)
    left = None
    if removed and whole["upper"] is not None:
        left = max(0.0, (whole["upper"] * total - removed) / max(1, total - removed))
    return {
        "rows": total,
        "samples": len(sample.draws),
        "seed": sample.seed,
        "reviewers": sorted(verdicts),
        "confidence": confidence,
        **whole,
        "verdicts": {verdict: sum(given == verdict for _, given in judged) for verdict in VERDICTS},
        "by_relation": relations,
        "by_form": _counts(judged, lambda draw: draw.form),
        "by_source": _counts(judged, lambda draw: draw.source),
        "by_margin": _counts(judged, lambda draw: thirds[draw.id, draw.row]),
        "agreement": agreements(verdicts),
        "removed_wrong": removed,
        "upper_after_removal": left,
    }


def _bounds(verdicts: Sequence[str], weights: Sequence[float], confidence: float) -> dict[str, Any]:
    """Return counts and bounds of draws with weights that sum to 1; without weights there is no bound."""
    wrong = sum(verdict in WRONG for verdict in verdicts)
    unclear = sum(verdict == _UNCLEAR for verdict in verdicts)
    count = len(verdicts)
    uneven = count * max(weights, default=0.0)  # 1 if all weights are equal

    def upper(bad: int) -> float | None:
        return min(1.0, uneven * exact_upper(bad, count, confidence)) if weights else None

    both = {"upper": upper(wrong), "upper_if_unclear_wrong": upper(wrong + unclear)}
    return {"reviewed": count, "wrong": wrong, "cannot_tell": unclear, **both}


def _counts(judged: Sequence[tuple[SampleDraw, str]], group: Callable[[SampleDraw], str]) -> dict[str, dict[str, int]]:
    groups: dict[str, dict[str, int]] = {}
    for draw, verdict in judged:
        entry = groups.setdefault(group(draw), {"reviewed": 0, "wrong": 0, "cannot_tell": 0})
        entry["reviewed"] += 1
        entry["wrong"] += verdict in WRONG
        entry["cannot_tell"] += verdict == _UNCLEAR
    return dict(sorted(groups.items()))
