"""Results of an evaluation in sentences that claim no more than the statistical tests show."""

from __future__ import annotations

from reinforcesight.eval.results import Accuracy, Paired, Results
from reinforcesight.pages.render import percent, percent_range, whole_percent

# With fewer questions, the 95 % interval of an accuracy is wider than about ten points.
_SMALL = 300
_SIGNIFICANT = 0.05
# With fewer answers parsed, the accuracy says more about the prompt than about the model.
_ENOUGH_PARSED = 0.9
_MOSTLY = 0.5


def paired_in_words(title: str, paired: Paired | None, other: str) -> str:
    """Describe a paired test in a sentence: difference, wins, losses, significance."""
    test = paired.test if paired is not None else None
    if test is None:
        return f"{title} vs {other}: no paired test."
    points, low, high = (100 * v for v in (test.difference, test.interval.low, test.interval.high))
    verdict = "significant" if test.p_value < _SIGNIFICANT else "no significant difference"
    p_value = "p < 0.001" if test.p_value < 0.001 else f"p = {test.p_value:.2g}"
    detectable = ""
    if test.detectable:
        detectable = f" This many questions show a difference of {100 * test.detectable:.1f} points in 80 % of cases."
    return (
        f"{title} vs {other}: {points:+.1f} points ({low:+.1f} to {high:+.1f}) on the same {test.n} questions. "
        f"{test.only_this} wins, {test.only_baseline} losses: {verdict} (McNemar’s exact test, {p_value})."
        f"{detectable}"
    )


def headline(paired: Paired, before: Results, after: Results) -> str:
    """Compare a model before and after training in one line; a change is claimed only if the paired test shows it."""
    test = paired.test
    old, new = before.micro.accuracy, after.micro.accuracy
    if test is None or test.p_value >= _SIGNIFICANT:
        return f"No significant difference: {percent(new)} right, {percent(old)} before training"
    below = after.micro.high is not None and after.micro.high < after.chance.random
    change = f"from {whole_percent(old)} to {whole_percent(new)} right"
    if test.difference < 0:
        change = f"Worse: {change}"
    return f"{change[0].upper()}{change[1:]}{', which is below guessing' if below else ''}"


def cautions(results: Results) -> list[str]:
    """Return warnings about the figures: overlap with training, small sets, guessing, simple rules."""
    found = [overlap_in_words(results)] if results.overlap is not None and results.overlap.questions else []
    micro, random = results.micro, results.chance.random
    if micro.accuracy is None or micro.low is None or micro.high is None:
        return found
    if micro.n < _SMALL:
        found.append(
            f"Only {micro.n} questions: the 95 % interval of the accuracy goes from "
            f"{percent_range(micro.low, micro.high)}. Smaller differences than that mean nothing here."
        )
    if micro.high < random:
        found.append(f"Below guessing: {percent(micro.accuracy)} right, a random choice gives {percent(random)}.")
    elif micro.low <= random:
        found.append(f"Not better than guessing, which gives {percent(random)}.")
    found += handicaps(results)
    abstained = results.grey.micro.accuracy if results.grey else None
    if abstained is not None and abstained < _MOSTLY:
        found.append(
            f"Guesses: of the questions about a grey picture, only {percent(abstained)} get “cannot be determined”."
        )
    return found + rules_in_words(results)


def handicaps(results: Results) -> list[str]:
    """Return a caution if a run may be judged with a prompt format that the model was not trained for."""
    runs = [(results.title, results.parse_rate), *((run.title, run.parse_rate) for run in results.compared)]
    found = [
        f"{title}: only {percent(rate.accuracy)} of the answers could be parsed, and the others count as wrong."
        for title, rate in runs
        if rate is not None and rate.accuracy is not None and rate.accuracy < _ENOUGH_PARSED
    ]
    baseline = results.compared[0] if results.paired and results.compared else None
    for other in results.compared[1:] if baseline else ():
        assert baseline is not None
        if other.model == baseline.model and clearly_better(other.micro, baseline.micro):
            found.append(
                f"The baseline {baseline.title} is better under the protocol “{other.protocol}”: "
                f"{percent(other.micro.accuracy)} instead of {percent(baseline.micro.accuracy)}. Compare with that."
            )
    return found


def clearly_better(one: Accuracy, other: Accuracy) -> bool:
    """Return whether the 95 % interval of the first accuracy lies above that of the second."""
    return one.low is not None and other.high is not None and one.low > other.high


def overlap_in_words(results: Results) -> str:
    """Say whether the model saw pictures of the benchmark in training."""
    overlap = results.overlap
    if overlap is None:
        return "Not compared with training pictures."
    where = f"the training set {overlap.dataset}"
    if not overlap.questions:
        return f"No picture of this benchmark is in {where} (by source and by looks)."
    found = overlap.same_source + overlap.same_looks
    return (
        f"{found} of {overlap.pictures} pictures of this benchmark ({overlap.questions} questions) are also in "
        f"{where}, such as {overlap.examples[0]}: the figures don't show what the model does on unseen pictures."
    )


def rules_in_words(results: Results) -> list[str]:
    """Return a sentence for each task in which the model does not beat the best simple rule."""
    sentences = []
    for task in sorted({shortcut.task for shortcut in results.shortcuts}):
        rules = [shortcut for shortcut in results.shortcuts if shortcut.task == task]
        best = max(rules, key=lambda shortcut: shortcut.accuracy.accuracy or 0.0)
        if not best.beaten:
            below = (best.model.accuracy or 0.0) < (best.accuracy.accuracy or 0.0)
            compared = "less than" if below else "not significantly better than"
            sentences.append(
                f"{task}: {percent(best.model.accuracy)} right is {compared} the rule "
                f"“{best.rule}”, which gets {percent(best.accuracy.accuracy)} of the same {best.accuracy.n} questions."
            )
    return sentences
