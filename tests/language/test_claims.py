"""The reader of claims: what a text states about two objects, and what it only mentions."""

import pytest
from claims_support import claims_in
from hypothesis import given, settings
from hypothesis import strategies as st

from reinforcesight.language.claims import read_claims
from reinforcesight.language.sentences.mentions import MentionTable, character_spans
from reinforcesight.language.sentences.phrases import CLAIM_PHRASES, RELATION_WORDS, SMALL_WORDS, expand
from reinforcesight.relations.kinds import Relation

NAMES = {"cat": "cat", "dog": "dog", "bird": "bird", "bowl": "bowl"}


def said(text, names=NAMES, **question):
    """Each claim as words: "cat left dog"."""
    return list(
        dict.fromkeys(
            f"{c.subject} {c.relation.value} {c.reference}" + (f" at {c.anchor}" if c.anchor else "")
            for c in claims_in(text, names, **question)
        )
    )


@pytest.mark.parametrize(
    ("text", "claims"),
    [
        # adverbs
        ("The cat is a bit closer to the camera than the dog.", ["cat in front dog"]),
        ("The cat is directly in front of the dog.", ["cat in front dog"]),
        ("The cat is right above the dog.", ["cat above dog"]),
        ("There is no doubt that the cat is left of the dog.", ["cat left dog"]),
        # the object first
        ("To the left of the dog is the cat.", ["cat left dog"]),
        ("To the left of the dog, we can see the cat.", ["cat left dog"]),
        ("Behind the cat stands the dog.", ["dog behind cat"]),
        ("Below the dog, the cat is sleeping.", ["cat below dog"]),
        ("Compared to the dog, the cat is nearer.", ["cat in front dog"]),
        ("The cat is farther left compared with the dog.", ["cat left dog"]),
        ("Relative to the dog, the cat is positioned to the left.", ["cat left dog"]),
        ("The closer one is the cat, and the dog is small.", ["cat in front dog"]),
        ("Near the dog, the object closer to the lens is the cat.", ["cat in front dog"]),
        ("The dog has the cat on its left.", ["cat left dog"]),
        ("On the dog's left is the cat.", ["cat left dog"]),
        ("The cat is the dog's left neighbour.", ["cat left dog"]),
        ("In the foreground stands the cat, and in the background the dog.", ["cat in front dog", "dog behind cat"]),
        ("On the right we can see the cat, and on the left the dog.", ["dog left cat"]),
        ("Behind the dog looms the bird.", ["bird behind dog"]),
        ("Between the camera and the dog there is the cat.", ["cat in front dog"]),
        ("The cat is to the viewer's left of the dog.", ["cat left dog"]),
        # inference
        ("The cat must be closer to the viewer than the dog.", ["cat in front dog"]),
        ("Judging by their sizes, the cat has to be in front of the dog.", ["cat in front dog"]),
        ("I think the cat is to the left of the dog.", ["cat left dog"]),
        ("If we look closely, the cat is left of the dog.", ["cat left dog"]),
        # relative clauses and what else comes between
        ("The cat, which sits to the right of the dog, is grey.", ["cat right dog"]),
        ("The cat that lies below the dog is asleep.", ["cat below dog"]),
        ("The cat on the mat is left of the dog.", ["cat left dog"]),
        ("The cat, next to the bowl, is left of the dog.", ["cat left dog"]),
        ("The cat below the bird is left of the dog.", ["cat below bird", "cat left dog"]),
        ("It is the cat, not the dog, that is closer to the camera.", ["cat in front dog"]),
        ("The cat waits behind the dog.", ["cat behind dog"]),
        ("The cat is behind the dog, which is left of the bowl.", ["cat behind dog", "dog left bowl"]),
        ("The centre of the cat is left of that of the dog.", ["cat left dog"]),
        ("The cat's bounding box is to the left of the dog's bounding box.", ["cat left dog"]),
        ("The dog lies beyond the cat.", ["dog behind cat"]),
        ("The cat is nearer to the left side of the picture than the dog.", ["cat left dog"]),
        ("The cat that sleeps on the mat is nearer than the dog.", ["cat in front dog"]),
        ("The cat, unlike the dog, is in the background.", ["cat behind dog"]),
        ("The dog looks out from behind the cat.", ["dog behind cat"]),
        ("The cat is not as close to the camera as the dog.", ["cat behind dog"]),
        ("The cat isn't as high as the dog.", ["cat below dog"]),
        ("The cat is above the dog, but maybe left of it.", ["cat above dog"]),
        # pronouns and a subject that goes on
        ("The cat is on the sofa. It is to the left of the dog.", ["cat left dog"]),
        ("The cat is near the camera, with the dog behind it.", ["dog behind cat"]),
        ("The dog is on the lawn. To its left lies the cat.", ["cat left dog"]),
        ("The cat is left of the dog and above the bird.", ["cat left dog", "cat above bird"]),
        ("The cat is to the left of and above the dog.", ["cat left dog", "cat above dog"]),
        ("The cat is left of the bowl, and the dog is right of it.", ["cat left bowl", "dog right bowl"]),
        ("Of the cat and the dog, the latter is nearer.", ["dog in front cat"]),
        ("The cat and the dog are asleep. The former is nearer.", ["cat in front dog"]),
        ("The cat and the bird are to the left of the dog.", ["cat left dog", "bird left dog"]),
        ("The cat is lower than the dog, so nearer.", ["cat below dog", "cat in front dog"]),
        ("The cat is closer than the other animal, the dog is brown.", []),
        # foreground and sides
        ("The cat is in the foreground and the dog sleeps.", ["cat in front dog"]),
        ("The cat is on the left side of the image, while the dog is on the right.", ["cat left dog"]),
        ("The cat is at the bottom of the picture and the dog at the top.", ["dog above cat"]),
        ("The cat is on the left side of the sofa while the dog is on the right side.", ["cat left dog"]),
        ("From left to right, we see the cat, the dog and the bird.", ["cat left dog", "dog left bird"]),
        ("Seen from the dog, the cat is on the right.", ["cat right dog"]),
        # hiding
        ("The cat partly hides the dog.", ["cat in front dog"]),
        ("The cat blocks our view of the dog.", ["cat in front dog"]),
        ("The dog is partially occluded by the cat.", ["dog behind cat"]),
        ("The cat conceals the dog's legs.", ["cat in front dog"]),
        ("The lower half of the dog is hidden by the cat.", ["dog behind cat"]),
        # distances
        ("The cat is closer to the bowl than the dog is.", ["cat closer dog at bowl"]),
        ("The bowl is closer to the cat than to the dog.", ["cat closer dog at bowl"]),
        ("The bowl is farther from the cat than it is from the dog.", ["cat farther dog at bowl"]),
        ("The cat is nearer to the left edge of the picture than the dog.", ["cat left dog"]),
        ("Compared to the dog, the cat is farther from the bowl.", ["cat farther dog at bowl"]),
        (
            "The distance from the cat to the bowl is smaller than the distance from the dog to the bowl.",
            ["cat closer dog at bowl"],
        ),
        ("The distance from the camera to the cat is larger than to the dog.", ["cat behind dog"]),
        ("The camera is closer to the cat than to the dog.", ["cat in front dog"]),
        ("The cat's distance from the camera is shorter than the dog's.", ["cat in front dog"]),
        ("The depth of the dog exceeds that of the cat.", ["dog behind cat"]),
        # order, and what only two statements together say
        ("The cat comes before the dog when we look from left to right.", ["cat left dog"]),
        ("The dog follows the cat from left to right.", ["dog right cat"]),
        ("Depth order (near → far): cat, dog.", ["cat in front dog"]),
        ("The cat is close to the camera, whereas the dog is far away.", ["cat in front dog"]),
        ("The cat is close to the camera.", []),
        ("Left: the cat. Right: the dog.", ["cat left dog"]),
        ("The cat and the dog are side by side, with the cat on the left.", ["cat left dog"]),
        ("The cat is next to the dog, on the left.", ["cat left dog"]),
        ("The cat is next to the bird, and the dog is on the left.", []),
        ("Closest: the cat. Farthest: the dog.", ["cat in front dog", "dog behind cat"]),
        ("The object behind the dog is the cat.", ["cat behind dog"]),
        # markup and labels
        ("- The **cat**: in the foreground\n- The **dog**: in the background", ["cat in front dog", "dog behind cat"]),
        ("The cat marked by a red box is nearer than the dog marked by a blue box.", ["cat in front dog"]),
        ("The cat with the long tail is left of the dog.", ["cat left dog"]),
        ("The cat hides the dog's front leg.", ["cat in front dog"]),
        # corrected at once
        ("One might think the cat is left of the dog, but it is right of the dog.", ["cat right dog"]),
        ("The cat is not behind the dog but in front of it.", ["cat in front dog"]),
        ("Is the cat left of the dog? No, the cat is right of the dog.", ["cat right dog"]),
        ("The cat looks closer than the dog. However, the dog is closer than the cat.", ["dog in front cat"]),
        ("The cat isn't above the dog. The dog is above the cat.", ["dog above cat"]),
        ("It is wrong to say that the cat is left of the dog: the cat is right of the dog.", ["cat right dog"]),
        ("We can rule out that the cat is nearer: the dog hides the cat.", ["dog in front cat"]),
        ("It is unlikely that the dog is nearer, because the cat covers the dog.", ["cat in front dog"]),
        ("In the mirror the cat is left of the dog, but in reality it is right of the dog.", ["cat right dog"]),
        ("The cat would be described as behind the dog.", ["cat behind dog"]),
        # names in quotation marks
        ('The "cat" is to the left of the "dog".', ["cat left dog"]),
    ],
)
def test_read(text, claims):
    assert said(text) == claims


@pytest.mark.parametrize(
    "text",
    [
        # parts and substitutes
        "The shadow of the cat is left of the dog.",
        "The thing next to the cat is left of the dog.",
        "The person holding the cat is left of the dog.",
        "The chair on which the cat sits is left of the dog.",
        "The cat's tail is left of the dog.",
        "The cat is left of the dog's bed.",
        "The cat is left of the dog house.",
        "The toy cat is left of the dog.",
        "Another cat is left of the dog.",
        "The cat hides the dog's shadow.",
        "The dog's leash is hidden by the cat.",
        "The cat is asleep, the vase is closer than the dog.",
        "The girl with the cat is left of the dog.",
        "The thing between the bird and the cat is left of the dog.",
        "The cat stand is left of the dog.",
        # options, quotations, what others say
        "A. The cat is left of the dog.\nB. The cat is right of the dog.",
        "Claim A: the cat is left of the dog.",
        "Let's check that the cat is left of the dog.",
        "True or false: the cat is left of the dog.",
        "Option A: the cat is left of the dog.",
        "(B) The cat is left of the dog.",
        "The options are that the cat is left of the dog and that it is right of the dog.",
        'He said "the cat is left of the dog".',
        "The statement says the cat is left of the dog.",
        "Some would say the cat is left of the dog.",
        "The options are: the cat is left of the dog; the cat is right of the dog.",
        "The boy behind the cat, who is left of the dog, laughs.",
        # questions and conditions
        "Suppose the cat is nearer than the dog: then the cat hides the dog.",
        "Could the cat be left of the dog?",
        "Were the cat left of the dog, it would be seen.",
        "If the cat is left of the dog, the answer is A.",
        "Whether the cat is left of the dog matters.",
        "I need to determine whether the cat is to the left or right of the dog.",
        # seen otherwise
        "In a mirror, the cat is left of the dog.",
        "If mirrored, the cat is left of the dog.",
        "From the dog's own point of view, the cat is on the left of the dog.",
        "From the dog's perspective, the cat is on the left and the bird is on the right.",
        # doubt and denial
        "I can rule out that the cat is left of the dog.",
        "That the cat is left of the dog can be excluded.",
        "It is unlikely that the cat is nearer than the dog, so the dog may be nearer.",
        "I doubt that the cat is left of the dog.",
        "It is unlikely that the cat is left of the dog.",
        "The cat might be closer to the camera than the dog.",
        "Maybe the cat is left of the dog.",
        "The cat is left of the dog, maybe.",
        "The cat seems left of the dog, though I may be wrong.",
        "There is no sign that the cat is left of the dog.",
        "The cat is no longer left of the dog.",
        "Neither the cat nor the bird is left of the dog.",
        "The idea that the cat is left of the dog is mistaken.",
        "The cat is left of the dog, which is false.",
        "The cat is left of the dog. That is not true.",
        "The cat is left of the dog. Or the other way around.",
        "The cat seems closer than the dog, but it is not.",
        "It is a misconception that the cat is left of the dog.",
        "It is far from clear that the cat is left of the dog.",
        "The cat was supposed to be left of the dog.",
        "There is a chance that the cat is left of the dog.",
        "The cat is falsely described as being left of the dog.",
        "This contradicts the cat being left of the dog.",
        "The cat is usually left of the dog.",
        "The cat was left of the dog in the previous image.",
        "The cat is left of the dog. Or is it?",
        "The cat is left of the dog... or maybe not.",
        "The cat is left of the dog. Hmm, no.",
        # both
        "The cat is left of the dog and the cat is right of the dog.",
        "Either the cat is left of the dog, or it is right of the dog.",
        "The cat is both to the left and to the right of the dog.",
        "The cat is above the dog and at the same time below the dog.",
        # no comparison
        "The cat has a higher contrast than the dog.",
        "The cat is nearer the top than the dog.",
        "The cat looks further damaged than the dog.",
        "The cat moved to the left of the dog.",
        "In the foreground there are the cat and the dog.",
        "The cat is left of the window. The dog is right of the door.",
        "I look from left to right and see the cat.",
        "The cat is as close to the camera as the dog.",
        "The cat is on the left of the picture; look at the dog too.",
        "The cat and the dog are closer to the camera.",
        "The cat, the bird and the bowl: to the left of it is the dog.",
        "The cat is closer to the dog.",
    ],
)
def test_not_read(text):
    assert said(text) == []


def test_a_question_says_what_is_compared():
    assert said("The cat is closer.") == []
    assert said("The cat is closer.", pair=("cat", "dog")) == ["cat in front dog"]
    assert said("The cat is closer.", pair=("cat", "dog"), anchor="bowl") == ["cat closer dog at bowl"]
    assert said("The cat is closer to the camera.", pair=("cat", "dog"), anchor="bowl") == ["cat in front dog"]
    assert said("The cat is nearer than the other one.", pair=("cat", "dog")) == ["cat in front dog"]


def test_patterns_of_the_tables():
    assert expand("[on|to|] left [|side] of") == [
        tuple(phrase.split())
        for phrase in ("on left of", "on left side of", "to left of", "to left side of", "left of", "left side of")
    ]
    assert expand("[[far|farther]|more] left") == [("far", "left"), ("farther", "left"), ("more", "left")]


@pytest.mark.parametrize("relation", Relation)
def test_every_phrase_of_the_data_is_read(relation):
    for phrase in CLAIM_PHRASES[relation]:
        text = f"The cat is {phrase.format(anchor='the bowl')} the dog."
        assert said(text) == [f"cat {relation.value} dog" + (" at bowl" if "{anchor}" in phrase else "")]


def phrases_of_tables():
    patterns = [p for table in RELATION_WORDS.values() for group in table.values() for p in group]
    patterns += [p for group in SMALL_WORDS.values() for p in group]
    return sorted({" ".join(words) for pattern in patterns for words in expand(pattern)})


WORDS = st.one_of(
    st.sampled_from(
        ["the cat", "the dog", "bird", "bowl", "fish", "is", "than", ".", ",", "?", '"', "'s", "and", "it"]
    ),
    st.sampled_from(phrases_of_tables()),
)
TABLE = MentionTable({"cat": 0, "dog": 1, "bird": 2, "bowl": 3, "fish": -2})


@given(st.lists(WORDS, max_size=25).map(" ".join), st.sampled_from([None, (0, 1), (1, 2)]), st.sampled_from([None, 3]))
@settings(max_examples=300, deadline=None)
def test_any_words(text, pair, anchor):
    for claim in read_claims(TABLE.split(text), pair, anchor):
        assert claim.subject != claim.reference
        assert (claim.anchor is None) == (claim.relation not in (Relation.CLOSER, Relation.FARTHER))
        ((start, end),) = character_spans(text, [claim.tokens]).values()
        assert 0 <= start < end <= len(text)
