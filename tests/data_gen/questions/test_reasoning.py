"""Reasoning: no numbers, true in every claim and every place it names, agreeing with the answer, varied."""

import random
import re
import statistics

import pytest
from claims_support import claims_in
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from question_scenes import random_question, truth

from reinforcesight.data_gen.questions.compose import compose
from reinforcesight.data_gen.questions.forms import Form, ReasoningStyle
from reinforcesight.data_gen.questions.templates import load_templates
from reinforcesight.language.claims import Claim
from reinforcesight.language.names import bare_name
from reinforcesight.language.numbers import find_numbers
from reinforcesight.language.sentences.mentions import asked_mentions
from reinforcesight.language.sentences.phrases import CLAIM_PHRASES
from reinforcesight.relations import Axis, Relation

PLACED = ReasoningStyle(places=1.0, cues=0.0)

seeds = st.integers(0, 2**32 - 1)


def made(seed, **options):
    return random_question(random.Random(seed), **options)


def mentions_of(scene, q):
    """How the objects of a question may be written, each to its id."""
    names = {i: scene[i].name for i in (q.subject, q.reference, q.anchor) if i is not None}
    return asked_mentions(names, {mark["object"]: mark["colour"] for mark in q.evidence["boxes"]})


@settings(max_examples=120, deadline=None)
@given(seeds)
def test_no_numbers_and_both_objects_named(seed):
    scene, _, q, _ = made(seed)
    assert find_numbers(q.reasoning) == []
    for object_id in {q.subject, q.reference, q.anchor} - {None}:
        assert scene[object_id].name in q.reasoning.lower()
    assert "<" not in q.reasoning
    assert "{" not in q.reasoning


@settings(max_examples=120, deadline=None)
@given(seeds)
def test_every_claim_is_true_and_the_right_one_is_there(seed):
    scene, _, q, _ = made(seed)
    claims = claims_in(q.reasoning, mentions_of(scene, q))
    assert claims
    for claim in claims:
        assert truth(scene, claim.relation.value, claim.subject, claim.reference, claim.anchor), claim
    pairs = {(c.relation, c.subject, c.reference) for c in claims}
    own = (q.relation, q.subject, q.reference)
    assert own in pairs or (q.relation.inverse, q.reference, q.subject) in pairs


@settings(max_examples=120, deadline=None)
@given(seeds)
def test_it_ends_in_the_answer_and_not_in_the_other_option(seed):
    scene, _, q, _ = made(seed)
    last = re.split(r"(?<=\.) ", q.reasoning)[-1].lower()
    if q.form is Form.YES_NO:
        assert q.answer_text in re.findall(r"\w+", last)
        other = ({"yes", "no"} - {q.answer_text}).pop()
        assert other not in re.findall(r"\w+", last)
        assert ("true" in last) <= (q.answer_text == "yes")
        assert ("false" in last) <= (q.answer_text == "no")
        return
    if q.choices[0] in {r.value for r in Relation}:
        wrong = ({*q.choices} - {q.answer_text}).pop()
        assert re.search(rf"\b{q.answer_text}\b", last)
        assert not re.search(rf"\b{wrong}\b", last)
        return
    before_anchor = last if q.anchor is None else re.split(r" (?:closer to|farther from) ", last)[0]
    assert scene[q.subject].name in before_anchor
    letter = re.search(r"\boption (\w):", last)
    assert letter is None or f"({letter.group(1).upper()})" == q.answer


# Every phrase for a place, with the part of the picture where it may be said.
_PLACES = {
    "near the left edge": (0, 0.2),
    "at the far left of the picture": (0, 0.2),
    "in the left part of the picture": (0.2, 0.4),
    "left of the middle": (0.2, 0.4),
    "around the middle of the picture": (0.4, 0.6),
    "near the middle from side to side": (0.4, 0.6),
    "in the right part of the picture": (0.6, 0.8),
    "right of the middle": (0.6, 0.8),
    "near the right edge": (0.8, 1),
    "at the far right of the picture": (0.8, 1),
    "near the upper edge": (0, 0.2),
    "close to the top of the picture": (0, 0.2),
    "in the upper part of the picture": (0.2, 0.4),
    "higher than the middle": (0.2, 0.4),
    "around middle height in the picture": (0.4, 0.6),
    "near the middle from top to bottom": (0.4, 0.6),
    "in the lower part of the picture": (0.6, 0.8),
    "lower than the middle": (0.6, 0.8),
    "near the lower edge": (0.8, 1),
    "close to the bottom of the picture": (0.8, 1),
}


@settings(max_examples=120, deadline=None)
@given(seeds)
def test_places_in_the_picture_are_where_the_boxes_are(seed):
    scene, _, q, _ = made(seed)
    names = mentions_of(scene, q)
    either = "|".join(re.escape(n) for n in sorted(names, key=len, reverse=True))
    d = 0 if q.relation in (Relation.LEFT, Relation.RIGHT) else 1
    size = (scene.width, scene.height)[d]
    for place, (low, high) in _PLACES.items():
        for match in re.finditer(rf"\b({either}) (?:(?:is|are) )?{place}", q.reasoning, re.IGNORECASE):
            box = scene[names[match.group(1).lower()]].box
            assert low - 1e-3 <= (box[d] + box[d + 2]) / 2 / size <= high + 1e-3, q.reasoning
    if "overlap" in q.reasoning:
        overlap = q.evidence["values"]["overlap"]
        assert (overlap == 0) if "do not overlap" in q.reasoning else (0 < overlap <= 0.35)


@settings(max_examples=120, deadline=None)
@given(seeds)
def test_strong_words_only_for_wide_margins(seed):
    _, _, q, _ = made(seed)
    if re.search(
        r"\b(far|well|much|considerably) (to the|left|right|above|below|in front|behind|closer)", q.reasoning
    ):
        assert q.margin >= 0.5
    if q.task == "Relation" and re.search(
        r"(?<!the )\bfar (to the (left|right) of|left of|right of|above|below)", q.reasoning
    ):
        assert abs(q.evidence["values"]["subject"] - q.evidence["values"]["reference"]) >= 0.35


@pytest.mark.parametrize("relation", list(Relation))
def test_at_least_thirty_wordings_for_each_relation(relation):
    rng = random.Random(str(relation))
    seen, shortened = set(), set()
    for _ in range(150):
        scene, _, q, kind = random_question(rng, axis=relation.axis, doubles=False)
        if kind.relation is not relation:
            continue
        text = q.reasoning.lower()
        for role in ("subject", "reference", "anchor"):
            object_id = getattr(q, role)
            if object_id is not None:
                text = text.replace(scene[object_id].name, role)
        text = re.sub(r" in the (red|blue|green) box", "", text)
        seen.add(text)
        # Beside differences of names, places and strength, the sentences themselves must vary.
        shortened.add(re.sub(r"\b(clearly|plainly|noticeably|much|considerably|far|well)\b ?", "", text))
    assert len(seen) >= 30
    assert len(shortened) >= 30


def test_length_stays_readable():
    rng = random.Random(5)
    lengths = [len(random_question(rng)[2].reasoning.split()) for _ in range(400)]
    assert 35 <= statistics.median(lengths) <= 60
    assert min(lengths) >= 20
    assert max(lengths) <= 110
    assert sum(length > 75 for length in lengths) < 0.06 * len(lengths)


def test_claims_are_read_back_from_any_wording():
    names = {"red chair": 1, "table": 2, "dog": 3, "chair in the red box": 4}
    assert claims_in("The red chair is far to the left of the table.", names) == [Claim(Relation.LEFT, 1, 2)]
    assert claims_in("So the dog sits behind the chair in the red box.", names) == [Claim(Relation.BEHIND, 3, 4)]
    text = "The dog is much further from the table than the red chair is, and the table is above the dog."
    assert claims_in(text, names) == [Claim(Relation.FARTHER, 3, 1, 2), Claim(Relation.ABOVE, 2, 3)]
    assert claims_in("It is not true that the dog is behind the table.", names) == []
    assert claims_in("The cat is behind the tablecloth.", names) == []
    assert claims_in("nothing", {}) == []


def test_claim_phrases_are_unambiguous():
    phrases = [phrase for group in CLAIM_PHRASES.values() for phrase in group]
    assert len(phrases) == len(set(phrases))
    assert set(CLAIM_PHRASES) == set(Relation)
    for relation, group in CLAIM_PHRASES.items():
        assert all(("{anchor}" in phrase) == (relation.task == "Distance") for phrase in group)


# The words by which the text says how far something is, with their limits in metres: written down apart from the code.
HOW_FAR = {
    "very close to the camera": (0, 2.4),
    "close to the camera": (2.4, 3.2),
    "at a middle distance": (3.2, 4.0),
    "far from the camera": (4.0, 5.2),
    "very far from the camera": (5.2, float("inf")),
}
ACROSS = {
    "near the left edge": 0,
    "at the far left of the picture": 0,
    "in the left part of the picture": 1,
    "left of the middle": 1,
    "around the middle of the picture": 2,
    "near the middle from side to side": 2,
    "in the right part of the picture": 3,
    "right of the middle": 3,
    "near the right edge": 4,
    "at the far right of the picture": 4,
}


@pytest.mark.parametrize("axis", [Axis.DEPTH, Axis.DISTANCE])
@settings(max_examples=40, deadline=None)
@given(seed=seeds)
def test_places_said_first_are_those_of_the_scene(seed, axis):
    rng = random.Random(seed)
    scene, candidate, _, kind = random_question(rng, axis=axis)
    q = compose(scene, candidate, kind, templates=load_templates(), rng=rng, style=PLACED)
    assert find_numbers(q.reasoning) == []
    told = {}
    asked_about = {q.subject, q.reference, q.anchor} - {None}
    assume(len({scene[i].name for i in asked_about}) == len(asked_about))
    depths = [item.depth for item in scene.objects]
    assume(0.9 <= min(depths) < 4.0)
    assume(3.2 <= max(depths) <= 11.0)
    for object_id in asked_about:
        name = re.escape(bare_name(scene[object_id].name))
        boxed = r"(?: in the \w+ box)?"
        far = "|".join(sorted(HOW_FAR, key=len, reverse=True))
        across = "|".join(ACROSS)
        found = re.search(rf"[Tt]he {name}{boxed} (?:is |are )?(?:({across}), )?({far})", q.reasoning)
        if found:
            told[object_id] = found.groups()
    together = " both " in f" {q.reasoning.lower()}"
    if axis is Axis.DISTANCE:
        assert len(told) == 3, q.reasoning
    elif not together:
        assert len(told) == 2, q.reasoning
    for object_id, (across, far) in told.items():
        low, high = HOW_FAR[far]
        assert low <= scene[object_id].depth < high
        if across is not None:
            box = scene[object_id].box
            assert ACROSS[across] == int(5 * (box[0] + box[2]) / 2 / scene.width)


@pytest.mark.parametrize("factor", [0.15, 8.0], ids=["table top", "street"])
def test_words_of_a_room_are_not_said_of_other_pictures(factor):
    rng = random.Random(6)
    for _ in range(20):
        scene, candidate, _, kind = random_question(rng, axis=Axis.DEPTH)
        scaled = [item.model_copy(update={"depth": item.depth * factor}) for item in scene.objects]
        other = scene.model_copy(update={"objects": tuple(scaled)})
        q = compose(other, candidate, kind, templates=load_templates(), rng=rng, style=ReasoningStyle(places=1.0))
        assert not any(words in q.reasoning for words in HOW_FAR if words != "close to the camera")


def test_nothing_is_said_about_how_far_where_depth_has_no_unit():
    rng = random.Random(4)
    scene, candidate, _, kind = random_question(rng, axis=Axis.DISTANCE)
    unknown = scene.model_copy(update={"depth_unit": "scene"})
    style = ReasoningStyle(places=1.0, cues=0.0)
    for _ in range(20):
        q = compose(unknown, candidate, kind, templates=load_templates(), rng=rng, style=style)
        assert not any(words in q.reasoning for words in HOW_FAR if words != "close to the camera")


@settings(max_examples=60, deadline=None)
@given(seed=seeds)
def test_a_text_that_names_the_letters_gives_each_option_its_own_and_ends_on_the_right_one(seed):
    rng = random.Random(seed)
    scene, candidate, _, kind = random_question(rng)
    style = ReasoningStyle(places=0, letters=1.0)
    q = compose(scene, candidate, kind, templates=load_templates(), rng=rng, style=style)
    assert find_numbers(q.reasoning) == []
    if "As for the options" not in q.reasoning:
        # Without options there is nothing to name, and where names are alike the text is kept short.
        names = [scene[i].name.casefold() for i in {q.subject, q.reference, q.anchor} - {None}]
        assert q.form is Form.OPEN or len({*names}) < len(names) or any(a in b for a in names for b in names if a != b)
        return
    told = q.reasoning.split("As for the options, ")[1]
    first, second, last = re.findall(r"(?:^|, and )(?:the )?([^,]+?) (?:is|are) option ([AB])\b", told)
    right = "AB"[kind.answer_index]
    for (name, letter), choice in zip((first, second), q.choices, strict=True):
        assert choice.casefold() in name.casefold()
        assert q.choices["AB".index(letter)] == choice
    assert last[1] == right
    assert q.answer_text.casefold() in last[0].casefold()
    assert q.reasoning.endswith(f"option {right}.")


def test_letters_are_not_named_unless_asked_for():
    rng = random.Random(5)
    assert not any("As for the options" in random_question(rng)[2].reasoning for _ in range(60))


@pytest.mark.parametrize("axis", list(Axis))
def test_fixed_wording_gives_one_text_for_the_same_facts_without_optional_sentences(axis):
    rng = random.Random(6)
    fixed = ReasoningStyle(places=0, fixed_wording=True)
    lengths = []
    for _ in range(30):
        scene, candidate, usual, kind = random_question(rng, axis=axis)
        plain = [
            compose(scene, candidate, kind, templates=load_templates(), rng=random.Random(seed), style=fixed)
            for seed in range(4)
        ]
        assert len({q.reasoning for q in plain}) == 1
        q = plain[0]
        told = Claim(q.relation, q.subject, q.reference, q.anchor)
        turned = Claim(q.relation.inverse, q.reference, q.subject, q.anchor)
        assert find_numbers(q.reasoning) == []
        names = {i: scene[i].name for i in {q.subject, q.reference, q.anchor} - {None}}
        colours = {box["object"]: box["colour"] for box in q.evidence["boxes"]}
        claims = claims_in(q.reasoning, asked_mentions(names, colours))
        assert claims
        assert {*claims} <= {told, turned}
        lengths.append((len(plain[0].reasoning.split()), len(usual.reasoning.split())))
    assert statistics.mean(a for a, _ in lengths) < statistics.mean(b for _, b in lengths)


def test_fixed_wording_with_letters_names_the_object_that_is_asked_for():
    """The letter of "the closer object" and so on, against what the scene says of the two options."""
    rng = random.Random(8)
    fixed = ReasoningStyle(places=0, letters=1.0, fixed_wording=True)
    named = 0
    for _ in range(60):
        scene, candidate, _, kind = random_question(rng, axis=rng.choice([Axis.DEPTH, Axis.DISTANCE]))
        q = compose(scene, candidate, kind, templates=load_templates(), rng=rng, style=fixed)
        found = re.search(r"the closer object is option ([AB]), and the farther object is option ([AB])", q.reasoning)
        if found is None:
            assert q.choices[0] not in {scene[q.subject].name, scene[q.reference].name} or "As for" not in q.reasoning
            continue
        named += 1
        assert {*found.groups()} == {"A", "B"}
        right = "AB"[kind.answer_index]
        which = "closer" if found.group(1) == right else "farther"
        assert which == ("closer" if q.relation in {Relation.IN_FRONT, Relation.CLOSER} else "farther")
        assert q.reasoning.endswith(f"So the answer is the {which} object, and the {which} object is option {right}.")
    assert named > 15
