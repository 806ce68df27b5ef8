"""Claims in other words: hiding, places in the picture, clauses, distances that are stated; and what is no claim."""

from __future__ import annotations

import pytest
from claims_support import claims_in


def said(text: str, anchor: str | None) -> set[str]:
    names = {"drum": "drum", "piano": "piano", "door": "door"}
    found = claims_in(text, names, ("drum", "piano"), anchor)
    pairs = [claim for claim in found if {claim.subject, claim.reference} == {"drum", "piano"}]
    return {(claim.relation if claim.subject == "drum" else claim.relation.inverse).value for claim in pairs}


READ = [
    ("The drum covers part of the piano.", "in front"),
    ("The drum blocks the lower half of the piano.", "in front"),
    ("The piano's legs are hidden behind the drum.", "in front"),
    ("One cannot see the piano's pedals, since the drum covers them.", "in front"),
    ("The piano is partly out of sight behind the drum.", "in front"),
    ("The piano peeks out from behind the drum.", "in front"),
    ("A corner of the piano is cut off by the drum.", "in front"),
    ("The drum stands in the way of the piano.", "in front"),
    ("The drum interrupts the outline of the piano.", "in front"),
    ("The outline of the piano is interrupted by the drum.", "in front"),
    ("The drum overlaps the piano and hides its pedals.", "in front"),
    ("Its pedals hidden by the drum, the piano must be farther away.", "in front"),
    ("The drum occludes the piano, which is why it is nearer.", "in front"),
    ("Because the drum overlaps the piano, the drum is nearer.", "in front"),
    ("The view of the piano is blocked by the drum.", "in front"),
    ("The piano is obstructed by the drum.", "in front"),
    ("The piano has been pushed behind the drum.", "in front"),
    ("The piano was left behind the drum.", "in front"),
    ("Beyond the drum lies the piano.", "in front"),
    ("The piano is the one farther from us.", "in front"),
    ("The drum has the piano behind it.", "in front"),
    ("There is a piano behind the drum.", "in front"),
    ("The piano is a longer way off than the drum.", "in front"),
    ("The piano can be seen to the right of the drum.", "left"),
    ("The piano hangs higher than the drum.", "below"),
    ("The drum is situated lower down than the piano.", "below"),
    ("In front of the piano somebody has put a drum.", "in front"),
    ("In front of the piano I can make out a drum.", "in front"),
    ("Next to the window, to the left of the piano, stands a drum.", "left"),
    ("Right behind the piano there appears to be a drum.", "behind"),
    ("Behind the piano, leaning against the wall, is a drum.", "behind"),
    ("Above the piano one notices a drum.", "above"),
    ("On the left-hand side of the piano you will find the drum.", "left"),
    ("I notice a drum whose location is right of the piano.", "right"),
    ("The drum that we see behind the piano is red.", "behind"),
    ("The drum, standing left of the piano, is red.", "left"),
    ("The piano, in front of which the drum stands, is black.", "in front"),
    ("The piano, behind which there is a drum, is black.", "behind"),
    ("Up front we have the drum, and at the back the piano.", "in front"),
    ("The drum dominates the foreground, the piano stays in the background.", "in front"),
    ("The drum is right in front of us; the piano is at the far end of the room.", "in front"),
    ("The piano is at the back of the room, the drum at the front.", "in front"),
    ("The drum is close, the piano distant.", "in front"),
    ("The drum is red, round and placed left of the piano.", "left"),
    ("The drum was hung above the piano.", "above"),
    ("The drum has been left under the piano.", "below"),
    ("The drum is surrounded by chairs and stands in front of the piano.", "in front"),
    ("The drum is lit from the side and found to the right of the piano.", "right"),
    ("The piano is preceded by the drum, which is nearer to us.", "in front"),
    ("While the drum is near us, the piano is far off.", "in front"),
    ("The drum is at the left edge, whereas the piano is at the right edge.", "left"),
    ("The drum stands on the left and the piano on the right.", "left"),
    ("The drum is about 2 m away, the piano about 5.", "in front"),
    ("The drum is three steps away, the piano ten.", "in front"),
    ("The drum sits in the upper half while the piano sits in the lower half.", "above"),
    ("The drum is in the lower left, the piano in the lower right.", "left"),
    ("The drum is near the top, the piano near the bottom.", "above"),
    (
        "The drum's base is at the bottom of the frame; the piano's base is much higher, so the drum is nearer.",
        "in front",
    ),
    ("Rather than left of the piano, the drum is right of it.", "right"),
    ("The drum is 2.5 m away, the piano 80 cm.", "behind"),
    ("A drum obscures most of the piano.", "in front"),
    ("The drum covers much of the piano.", "in front"),
    ("The lower half of the piano is covered up by the drum.", "in front"),
    ("A drum is posted before the piano.", "in front"),
    ("The drum is parked before the piano.", "in front"),
    ("The piano stretches out beneath the drum.", "above"),
    ("In front of the piano stands a row of drum.", "in front"),
    ("At the back, behind the piano, a drum can be made out.", "behind"),
    ("The drum is nearer to the onlooker than the piano is.", "in front"),
    (
        "The drum is just a step from the camera; the piano, on the other hand, is at the end of the garden.",
        "in front",
    ),
    ("The piano, by contrast, is behind the drum.", "in front"),
    ("The drum is up in the air and the piano is down on the ground.", "above"),
    ("The drum is 9 metres further from the camera than the piano.", "behind"),
    ("The drum is 1.5 m closer to the camera than the piano.", "in front"),
    ("The drum hangs 30 cm above the piano.", "above"),
    ("The piano is 5 meters behind the drum.", "in front"),
    ("On closer inspection, the drum is in front of the piano.", "in front"),
    ("My first thought: the drum is left of the piano. On second thought, it is right of the piano.", "right"),
    ("I disagree: the drum is right of the piano.", "right"),
    ("When the drum and the piano are compared, the drum is closer.", "in front"),
    ("When viewed from the camera, the drum is closer than the piano.", "in front"),
    ("The drum is between the piano and us.", "in front"),
    ("The drum stands between the piano and the camera.", "in front"),
    ("Between the piano and the camera stands the drum.", "in front"),
    ("Between us and the piano stands the drum.", "in front"),
    ("I see the drum between the piano and me.", "in front"),
    ("There is a drum between the piano and the photographer.", "in front"),
    ("All we see of the piano are its legs, because the drum stands between it and the viewer.", "in front"),
    ("I put the drum at around four metres and the piano at around nine metres.", "in front"),
]

AT_THE_DOOR = [
    ("The door is nearer to the drum than to the piano.", "closer"),
    ("From the door it is two steps to the drum and five to the piano.", "closer"),
    ("The drum is 1 m from the door and the piano 3 m.", "closer"),
    ("The piano is farther away from the door than the drum is.", "closer"),
    ("The piano has a greater distance from the door than the drum.", "closer"),
    ("The drum is less far from the door than the piano.", "closer"),
    ("Ranking by distance to the door (near → far): drum, piano.", "closer"),
    ("Of drum and piano, the drum is the one closer to the door.", "closer"),
    ("The gap between drum and door is smaller than the gap between piano and door.", "closer"),
]

NOT_READ = [
    # A gap in the picture, which need not be a distance in the scene.
    "In the picture, the gap between the drum and the door is narrower than the gap between the piano and the door.",
    "The drum's shadow covers the piano.",
    "The drum hides nothing of the piano.",
    "Nothing hides the piano, not even the drum.",
    "The rug lies spread below the table.",
    "Candidates: 1. drum left of piano; 2. drum right of piano.",
    "The possibilities are: drum above piano, drum below piano.",
    "Possible answers: (1) the drum is behind the piano, (2) the piano is behind the drum.",
    "Hypothesis 1: the drum is in front of the piano.",
    "The question is whether the drum is closer than the piano.",
    "Which object is closer to the camera, the drum or the piano?",
    "The task is to find the object that is closer to the camera: the drum or the piano.",
    "I need to see if the drum is left of the piano.",
    "So I must decide: is the drum behind the piano.",
    "Where is the drum located with respect to the piano",
    "We have to tell which of drum and piano is closer to the camera.",
    "The drum seems to be left of the piano, but it isn't.",
    "Had the drum been in front of the piano, it would hide it.",
    "I doubt that the drum is above the piano.",
    "No one would say the drum is above the piano.",
    "It is anything but clear that the drum is above the piano.",
    "The drum is hardly above the piano.",
    "There's no evidence that the drum is behind the piano.",
    "The caption reads: the drum is behind the piano.",
    "My friend insists that the drum is behind the piano.",
    "A reader might object that the drum is behind the piano.",
    "For A to be right, the drum must be in front of the piano.",
    "The drum would have to be in front of the piano for that.",
    "The drum can't possibly be behind the piano.",
    "Let's imagine that the drum is behind the piano.",
    "The strap of the drum is above the piano.",
    "The drum's sticks lie in front of the piano.",
    "A poster of the drum hangs above the piano.",
    "The drum is left of the piano? No.",
    "The drum is said to be left of the piano.",
    "At first I believed the drum to be left of the piano; I was wrong.",
    "It would be wrong to conclude that the drum is left of the piano.",
    "The drum is left of the piano, or so it seems, though I am not sure.",
    "The drum is 2 m wide and the piano is 3 m wide.",
    "The drum is 2 m away and the piano is 2 m away.",
    "If the drum is 2 m away and the piano 3 m, it is simple.",
    "The drum is 2 m taller than the piano, which is 1 m tall.",
    "I disagree that the drum is right of the piano.",
    "We dispute that the drum is behind the piano.",
    "My friend asserts that the drum is left of the piano.",
    "The note alleges that the drum is above the piano; I'll check.",
    "The guide declares that the drum is left of the piano.",
    "The drum is left of the piano, or so the label contends.",
    "When the drum is right of the piano, the answer is B; otherwise it is A.",
    "When the drum is closer than the piano, choose A.",
    "When the drum is left of the piano the answer is A.",
    "My first reading was that the drum is above the piano. On closer inspection it's the other way round.",
    "My initial guess was that the drum is behind the piano.",
    "There's no way the drum is left of the piano.",
    "The drum is not between the piano and the camera.",
    "Nothing stands between the drum and the camera.",
    "The drum is between the piano and the door.",
    "Should the drum be in front of the piano, it would hide it.",
    "Whenever the drum is behind the piano, choose B.",
    "For B to hold, the drum has to be behind the piano.",
    "A: the drum is left of the piano. B: the drum is right of the piano.",
    "You'd expect the drum to be in front of the piano.",
    "The question assumes that the drum is left of the piano.",
    "The claim that the drum is left of the piano doesn't hold.",
    "The drum being left of the piano is out of the question.",
    "I don't see how the drum could be in front of the piano.",
]


@pytest.mark.parametrize(("text", "relation"), READ)
def test_read(text: str, relation: str) -> None:
    assert said(text, None) == {relation}


@pytest.mark.parametrize(("text", "relation"), AT_THE_DOOR)
def test_read_with_an_anchor(text: str, relation: str) -> None:
    assert said(text, "door") == {relation}


@pytest.mark.parametrize("text", NOT_READ)
def test_not_read(text: str) -> None:
    assert not said(text, None)
