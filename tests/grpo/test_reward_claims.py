"""Claims read out of reasoning, and held against the scene."""

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reward_samples import SCENE, random_row, row, says, thing

from reinforcesight.grpo.reward import claim_spans, score_completion
from reinforcesight.grpo.reward.claims import concluded_letter
from reinforcesight.language.claims import read_claims
from reinforcesight.language.sentences.mentions import UNCLEAR, MentionTable
from reinforcesight.scene import Scene

seeds = st.integers(0, 2**32 - 1)
TABLE = MentionTable({"cat": 0, "dog": 1, "black bird": 2, "bird": 2, "fish": UNCLEAR})


def read(text):
    return [
        (c.relation.value, c.subject, c.reference) + (() if c.anchor is None else (c.anchor,))
        for c in read_claims(TABLE.split(text))
    ]


@pytest.mark.parametrize(
    ("text", "claims"),
    [
        ("The cat is to the left of the dog.", [("left", 0, 1)]),
        ("the cat is clearly left of the dog", [("left", 0, 1)]),
        ("The cat appears to be located on the right side of the dog.", [("right", 0, 1)]),
        ("The cat is positioned above the black bird.", [("above", 0, 2)]),
        ("The BLACK BIRD sits well below the dog!", [("below", 2, 1)]),
        ("I see the cat to the left of the dog.", [("left", 0, 1)]),
        ("The dog is further from the viewer than the cat.", [("behind", 1, 0)]),
        ("The dog is much nearer to the camera than the bird.", [("in front", 1, 2)]),
        ("The cat is closer to the bird than the dog is.", [("closer", 0, 1, 2)]),
        ("The cat is farther away from the bird than the dog.", [("farther", 0, 1, 2)]),
        (
            "The cat is lower in the image than the bird; the dog is behind the cat.",
            [("below", 0, 2), ("behind", 1, 0)],
        ),
        ("It is not sharp, but the cat is above the dog.", [("above", 0, 1)]),
    ],
)
def test_read(text, claims):
    assert read(text) == claims


@pytest.mark.parametrize(
    "text",
    [
        "Is the cat to the left of the dog?",
        "Is the cat to the left of the dog",
        "I wonder: the cat is to the left of the dog?",
        "It is not true that the cat is to the left of the dog.",
        "The cat isn't left of the dog. The cat is not left of the dog.",
        "Suppose the cat is left of the dog.",
        "Either the cat is left of the dog, or the cat is right of the dog.",
        "The cat may be left of the dog. Perhaps the cat is left of the dog.",
        "The cat is left of the dog or right of it.",
        "That the cat is left of the dog is false.",
        "The cat. Left of the dog.",
        "The cat, the dog, left of, right of.",
        "The fish is left of the dog.",
        "The cat is left of the fish.",
        "The cat is left of the table.",
        "The catfish is left of the dog.",
        "left of",
        "",
    ],
)
def test_nothing_claimed(text):
    assert read(text) == []


@given(seeds)
@settings(max_examples=60, deadline=None)
def test_own_reasoning_is_supported(seed):
    data, question = random_row(seed)
    claims = score_completion(question.completion, data).claims
    assert {item.verdict.value for item in claims} == {"supported"}


def verdicts(reasoning, data=None):
    return [item.verdict.value for item in score_completion(says(reasoning), data or row()).claims]


def test_verdicts():
    assert verdicts("The cat is left of the dog.") == ["supported"]
    assert verdicts("The cat is right of the dog.") == ["contradicted"]
    assert verdicts("The dog is right of the cat.") == ["supported"]
    assert verdicts("The cat is in front of the dog.") == ["unknown"]  # at nearly the same depth
    assert verdicts("The cat is in front of the black bird.") == ["supported"]
    assert verdicts("The cat is closer to the dog than the black bird is.") == ["supported"]
    assert verdicts("The cat is farther from the dog than the black bird is.") == ["contradicted"]
    assert verdicts("The cat is left of the cat.") == []
    assert verdicts("The cat is closer to the cat than the dog.") == []


def test_the_label_on_record_counts_where_margins_are_stricter_now():
    depth = row(relation="in front")
    assert verdicts("The cat is in front of the dog.", depth) == ["supported"]
    assert verdicts("The cat is behind the dog.", depth) == ["contradicted"]
    turned = row("dog", "cat", "behind")
    assert verdicts("The cat is in front of the dog.", turned) == ["supported"]
    assert verdicts("The cat is right of the dog.", turned) == ["contradicted"]


def test_names_that_fit_several_objects_are_not_read():
    twins = Scene(
        width=640,
        height=480,
        objects=(
            *SCENE.objects,
            thing("red cup", (200, 50, 260, 110), 3.0),
            thing("cup", (400, 200, 460, 260), 3.0),
        ),
    )
    assert verdicts("The cup is right of the cat.", row(scene=twins)) == []
    # Asked about, and marked by a box: the question makes clear which one is meant.
    boxed = row("cup", "cat", "right", scene=twins, boxes=[{"object": "cup", "colour": "red"}])
    assert verdicts("The cup in the red box is right of the cat.", boxed) == ["supported"]
    assert verdicts("The cup (red box) is right of the cat.", boxed) == ["supported"]
    assert verdicts("The cup is left of the cat.", boxed) == ["contradicted"]
    assert verdicts("The red cup is left of the cat.", boxed) == []


def test_spans_mark_the_claims():
    text = says("Look. The black bird is above the dog, and the cat is left of the dog.")
    spans = claim_spans(text, score_completion(text, row()))
    assert [text[start:end] for start, end, _ in spans] == [
        "black bird is above the dog",
        "cat is left of the dog",
    ]
    broken = "İİ The cat is left of the dog. <answer>left"
    (start, end, _), *_ = claim_spans(broken, score_completion(broken, row()))
    assert broken[start:end] == "cat is left of the dog"


def test_concluded_letter():
    choices = ("left", "right")
    assert concluded_letter("So the answer is left.", choices) == "A"
    assert concluded_letter("The answer is left. No, the answer is option B: right.", choices) == "B"
    assert concluded_letter("Hence the answer is the stairs.", ("sofa", "stairs")) == "B"
    assert concluded_letter("The answer is clear.", choices) is None
    assert concluded_letter("left", choices) is None


@given(st.text(max_size=60), st.text(max_size=60))
def test_unreadable_scene_or_evidence_leaves_claims_unread(scene, evidence):
    data = row() | {"scene": scene, "evidence": evidence}
    parts = score_completion(says("The cat is left of the dog."), data)
    assert parts.claims == ()
    assert parts.grounded is None
    assert parts.consistent is None


@pytest.mark.parametrize(
    "evidence",
    [
        "[",
        "[]",
        "3",
        "{}",
        '{"relation": "left"}',
        '{"relation": 5, "subject": [], "reference": {}}',
        "[" * 100_000,
    ],
)
def test_evidence_that_does_not_fit(evidence):
    parts = score_completion(says("The cat is left of the dog."), row() | {"evidence": evidence})
    assert [item.as_asked for item in parts.claims] == [None]
    assert parts.consistent is None


def test_unknown_ids_in_evidence():
    evidence = json.loads(row()["evidence"]) | {"subject": "unicorn"}
    assert score_completion(says("x"), row() | {"evidence": json.dumps(evidence)}).consistent is None


def test_many_objects():
    rng = random.Random(0)
    objects = tuple(
        thing(f"{'abcdefghijklmnopqrstuvwxyz'[i % 26] * (i // 26 + 3)} toy", (i, 0, i + 40, 40), 2 + i)
        for i in range(60)
    )
    data = row(
        objects[0].name,
        objects[59].name,
        "left",
        scene=Scene(width=640, height=480, depth_unit="m", objects=objects),
    )
    names = [item.name for item in rng.sample(objects, 30)]
    parts = score_completion(says(" ".join(f"The {name} is here." for name in names)), data)
    assert parts.numbers == ()
