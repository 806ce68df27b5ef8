"""Scores of simple rules on the questions of a benchmark: a model that is not better may just follow such a rule.

Rules about boxes need the scene, which data sets made by ``generate`` have. Rules about names and texts are
cross-validated: they are learnt from the questions about other pictures.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from reinforcesight.data_gen.audit.shortcuts import guess_letters
from reinforcesight.eval.answers import ScoredAnswer
from reinforcesight.eval.items import Benchmark, Item
from reinforcesight.eval.results import Accuracy, Shortcut
from reinforcesight.eval.statistics import mcnemar
from reinforcesight.language.vocabulary import canonical_words
from reinforcesight.pages.pictures import QuestionScene, known_scene
from reinforcesight.protocol import LETTERS
from reinforcesight.relations.kinds import Relation
from reinforcesight.relations.rules_of_thumb import RULES_OF_THUMB, rules_right

# Minimum number of questions of a task for which a rule is compared with the model.
_MIN_ITEMS = 20
_SIGNIFICANT = 0.05

RuleHits = Mapping[str, Mapping[str, bool]]  # rule to item id to whether the rule's answer is correct


# Of the benchmarks of a run, which several models answer; by content and seed.
_known_hits: dict[tuple[object, ...], RuleHits] = {}


def rule_hits(benchmark: Benchmark, *, seed: int) -> RuleHits:
    """Return which questions each rule answers correctly."""
    items = benchmark.items
    key = (benchmark.fingerprint, tuple(item.id for item in items), seed)
    if key not in _known_hits:
        known = {item.id: scene for item in items if (scene := known_scene(item.scene, item.evidence)) is not None}
        _known_hits[key] = {
            **_by_boxes(known),
            "majority by noun": _by_noun(items),
            "a classifier that reads only the text": _by_text(items, seed),
        }
    return _known_hits[key]


def compare_with_rules(answers: Sequence[ScoredAnswer], hits: RuleHits) -> tuple[Shortcut, ...]:
    """Compare each rule with the model, task by task, on the questions to which the rule applies."""
    found = []
    for task in sorted({answer.task for answer in answers}):
        for rule, right in hits.items():
            both = [(a.correct, right[a.id]) for a in answers if a.task == task and a.id in right]
            if len(both) < _MIN_ITEMS:
                continue
            model, simple = [m for m, _ in both], [r for _, r in both]
            p_value = mcnemar(sum(m and not r for m, r in both), sum(r and not m for m, r in both))
            found.append(
                Shortcut(
                    rule=rule,
                    task=task,
                    accuracy=Accuracy.of(simple),
                    model=Accuracy.of(model),
                    p_value=p_value,
                    beaten=sum(model) > sum(simple) and p_value < _SIGNIFICANT,
                )
            )
    return tuple(found)


def _by_boxes(known: Mapping[str, QuestionScene]) -> dict[str, dict[str, bool]]:
    """Score the rules of thumb about boxes on the depth and distance questions whose scene is known."""
    right: dict[str, dict[str, bool]] = {rule: {} for rules in RULES_OF_THUMB.values() for rule in rules}
    for name, scene in known.items():
        relation, things = scene.evidence.get("relation"), scene.objects
        if relation not in set(Relation) or not {*things} >= _PAIR:
            continue
        hits = rules_right(Relation(relation), things["subject"], things["reference"], things.get("anchor"))
        for rule, hit in hits.items():
            right[rule][name] = hit
    return right


_PAIR = {"subject", "reference"}


def _by_noun(items: Sequence[Item]) -> dict[str, bool]:
    """Score the rule that picks the option whose noun was correct most often in questions about other pictures."""
    asked = [item for item in items if item.relation and item.task in ("Depth", "Distance") and len(item.choices) > 1]
    nouns = {item.id: [(canonical_words(text) or ("",))[-1] for text in item.choices] for item in asked}
    everywhere: Counter[tuple[str | None, str]] = Counter()
    here: dict[str, Counter[tuple[str | None, str]]] = {}
    for item in asked:
        for at, noun in enumerate(nouns[item.id]):
            score = 1 if LETTERS[at] == item.gold else -1
            everywhere[item.relation, noun] += score
            here.setdefault(item.cluster, Counter())[item.relation, noun] += score
    right = {}
    for item in asked:
        scores = [everywhere[item.relation, n] - here[item.cluster][item.relation, n] for n in nouns[item.id]]
        right[item.id] = LETTERS[scores.index(max(scores))] == item.gold
    return right


def _by_text(items: Sequence[Item], seed: int) -> dict[str, bool]:
    asked = [item for item in items if item.shows_options]
    texts = [f"{item.question} {' | '.join(item.choices)}" for item in asked]
    gold = [LETTERS.index(item.gold) for item in asked]
    right = guess_letters(texts, gold, [item.cluster for item in asked], seed)
    return dict(zip((item.id for item in asked), right, strict=True)) if right is not None else {}
