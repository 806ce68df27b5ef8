"""Claims in clauses that only together compare, in other words for the camera and places; and what states nothing."""

from __future__ import annotations

import pytest
from claims_support import claims_in

NAMES = {"kite": "kite", "bench": "bench", "fountain": "fountain"}


def said(text: str, anchor: str | None) -> set[str]:
    """Relations of the kite to the bench."""
    found = claims_in(text, NAMES, ("kite", "bench"), anchor)
    pairs = [claim for claim in found if {claim.subject, claim.reference} == {"kite", "bench"}]
    return {(claim.relation if claim.subject == "kite" else claim.relation.inverse).value for claim in pairs}


# Text, and its relations with a comma between them.
READ = [
    # pronouns
    ("Next to the bench is the kite. It is left of the bench.", "left"),
    ("In front of the bench there is the kite. It is closer to the camera.", "in front"),
    ("Behind the bench stands the kite. It is above the bench.", "above,behind"),
    ("The kite is next to the bench. It is to the right of it.", "right"),
    ("There is a kite near the bench. It is behind it.", "behind"),
    # commands
    ("Move it behind the bench. The kite is left of the bench.", "left"),
    ("Put simply, the kite is left of the bench.", "left"),
    ("Somebody put the kite behind the bench.", "behind"),
    ("Take the kite and the bench: the kite is left of the bench.", "left"),
    ("Note that the kite is left of the bench.", "left"),
    ("Compare the kite and the bench: the kite is left of the bench.", "left"),
    # taken back
    ("The kite is left of the bench. They are at the same height.", "left"),
    ("The kite is left of the bench. However, they are equally far away.", "left"),
    ("The kite is closer than the bench. Actually, the kite is also left of the bench.", "left,in front"),
    ("The kite is closer than the bench. They are the same size.", "in front"),
    ("The kite is closer than the bench. Actually, they are the same colour.", "in front"),
    # past
    ("Earlier the kite was left of the bench, but now it is right of the bench.", "right"),
    ("As noted earlier, the kite is left of the bench.", "left"),
    ("As established previously, the kite is left of the bench.", "left"),
    ("The kite was left of the bench.", "left"),
    ("In the photo, the kite was standing behind the bench.", "behind"),
    # options
    ("The options are above and below; the kite is below the bench.", "below"),
    ("The options are left and right; the kite is on the left of the bench.", "left"),
    ("Choices: left or right. The kite is left of the bench.", "left"),
    ("The two choices are left and right, and the kite is left of the bench.", "left"),
    ("We can choose between above and below; clearly the kite is above the bench.", "above"),
    ("The possible answers are closer and farther; the kite is closer than the bench.", "in front"),
    ("The options are left (A) and right (B): the kite is left of the bench.", "left"),
    ("The choices are in front and behind: the kite is behind the bench.", "behind"),
    # near far
    ("The kite is within arm's reach, while the bench is way off in the distance.", "in front"),
    ("The bench fades into the background, but the kite is right by the camera.", "in front"),
    ("The bench is on the horizon; the kite is close to the viewer.", "in front"),
    ("The kite looms large in the foreground, whereas the bench is tiny and far off.", "in front"),
    ("The kite is almost touching the lens; the bench is a long way off.", "in front"),
    ("The bench recedes into the distance. The kite is near us.", "in front"),
    ("The bench recedes into the distance, whereas the kite is close to us.", "in front"),
    ("The kite is close at hand and the bench is far in the distance.", "in front"),
    ("While the bench is far back, the kite is near the front.", "in front"),
    ("The kite is right up close; the bench sits in the distance.", "in front"),
    # pronouns 2
    ("The bench is parked by the shed. The kite stands on the path behind it.", "behind"),
    ("There is a bench in the yard. The kite is grazing to the left of it.", "left"),
    ("The bench is low on the ground. A kite hangs on a hook above it.", "above"),
    ("First, there is the bench at the gate. Second, there is the kite in front of it.", "in front"),
    ("Look at the bench. To the right of it, there's the kite.", "right"),
    ("The bench leans on the wall. The kite lies in the grass below it.", "below"),
    ("The bench is at the back. The kite stands in front of it.", "in front"),
    ("We see the bench at the bottom. The kite sits on a rock high above it.", "above"),
    ("The bench occupies the middle. Left of it is the kite.", "left"),
    ("The kite hangs on a hook above the bench.", "above"),
    ("The kite sits on a chair in front of the bench.", "in front"),
    ("The kite leans on a fence far behind the bench.", "behind"),
    # ellipsis
    ("The kite is on the left, and right next to it on the right is the bench.", "left"),
    ("The kite is parked on the left, directly beside it on the right is the bench.", "left"),
    ("The kite stands at left, with the bench to its right.", "left"),
    ("Next to the bench, on its left, is the kite.", "left"),
    ("Next to the bench on the left is the kite.", "left"),
    ("The kite's x-value is lower than the bench's, meaning it is farther left.", "left"),
    ("The kite has a smaller x-coordinate than the bench, so it is on the left.", "left"),
    ("The kite has a lower horizontal coordinate than the bench.", "left"),
    ("The bench has a larger x-coordinate than the kite.", "left"),
    ("The kite has the smaller x-coordinate.", "left"),
    ("On the left is the kite, next to it on the right the bench.", "left"),
    ("The kite is bigger than the bench, so it is on the left.", "left"),
    # comparatives
    ("The kite is at a higher vertical position than the bench.", "above"),
    ("The kite is at a lower position in the frame than the bench.", "below"),
    ("The kite is at a greater height than the bench.", "above"),
    ("The kite has a higher vertical position than the bench.", "above"),
    ("The kite sits at a higher point than the bench.", "above"),
    ("The kite is placed higher in the picture than the bench.", "above"),
    ("From the camera's perspective, the kite comes before the bench.", "in front"),
    ("From our viewpoint, the kite comes before the bench.", "in front"),
    ("Seen from the camera, the kite comes before the bench.", "in front"),
    ("From the viewer's point of view the kite is before the bench.", "in front"),
    # observer
    ("The photographer stands nearer to the kite than to the bench.", "in front"),
    ("The photographer was standing closer to the kite than to the bench.", "in front"),
    ("We are closer to the kite than to the bench.", "in front"),
    ("The camera was set up closer to the kite than to the bench.", "in front"),
    ("I am standing farther from the bench than from the kite.", "in front"),
    ("The person taking the photo is closer to the kite than to the bench.", "in front"),
    ("The picture was taken closer to the kite than to the bench.", "in front"),
    ("Whoever took the photo stood closer to the kite than to the bench.", "in front"),
    ("The photographer must have been closer to the kite than to the bench.", "in front"),
    # occlusion
    ("Only part of the bench is visible because the kite is in the way.", "in front"),
    ("Only half of the bench can be seen because the kite is in the way.", "in front"),
    ("The kite is in the way, so we can't see all of the bench.", "in front"),
    ("We can see just the top of the bench, since the kite gets in the way.", "in front"),
    ("The kite gets in the way of the bench.", "in front"),
    ("I cannot see the whole bench because the kite is in the way.", "in front"),
    ("With the kite in the way, only the handle of the bench can be seen.", "in front"),
    ("You can't see the left side of the bench because the kite is in the way.", "in front"),
    ("The kite blocks our line of sight to the bench.", "in front"),
    ("The kite blocks the sight of the bench.", "in front"),
    # more
    ("Half of the bench is out of view, since the kite is in its way.", "in front"),
    ("As soon as you look, the kite is left of the bench.", "left"),
    ("On the left and in the back: the kite. In the front: the bench.", "behind"),
    ("The kite is in front of the bench. Both have the same height.", "in front"),
    ("The kite is above the bench. They have the same height.", "above"),
    ("The kite is above the bench. They are at eye level.", "above"),
    ("The kite is closer than the bench. They are not at the same distance.", "in front"),
    ("The kite is closer than the bench. If they were at the same distance, they would look alike.", "in front"),
    ("The kite is closer than the bench. Neither is very big.", "in front"),
    ("Seen from the viewer, the kite is before the bench.", "in front"),
    ("Push the kite behind the bench, but now the kite is left of the bench.", "left"),
    ("The kite is on a shelf. The bench is on the floor below it.", "above"),
    ("The kite is at the fence in the foreground, the bench in the background.", "in front"),
    ("The kite is on the hill closer to the camera than the bench.", "in front"),
    ("The kite is on the mat left of the bench.", "left"),
    ("There is a bench near a kite. It is behind it.", "in front"),
    ("To the right of the bench sits the kite. It is smaller and closer to us.", "right,in front"),
    ("The kite holds the bench. It is left of it.", "left"),
    ("The kite's x-coordinate is greater than the bench's.", "right"),
    ("The bench has a smaller x position than the kite, so the kite is on the right.", "right"),
    ("The kite lies at a lower vertical level than the bench.", "below"),
    ("The kite has a lower position than the bench.", "below"),
    ("The kite is within reach, and the bench is on the horizon.", "in front"),
    ("The kite fills the foreground; the bench is way back in the distance.", "in front"),
    ("The bench disappears behind the kite.", "in front"),
    ("The bench disappears into the distance, and the kite stands right beside the photographer.", "in front"),
    ("The kite is close at hand. The bench is far away.", "in front"),
    ("Is the kite left or right of the bench? It is left of it.", "left"),
    ("What is the relation of the kite to the bench? It is behind it.", "behind"),
    ("We look for the kite, which is by the bench. It is left of it.", "left"),
    ("The kite's x-coordinate is smaller than that of the bench, so it must be on the left of it.", "left"),
    ("It's either left or right; the kite is left of the bench.", "left"),
    ("The kite is left of the bench. However, I am not sure which is closer.", "left"),
    ("The kite is left of the bench. But I can't tell how far they are apart.", "left"),
    ("The kite is left of the bench. However, neither is in the background.", "left"),
    ("The kite is left of the bench. However, it is hard to say which one is higher.", "left"),
    ("The kite is left of the bench. In fact, both are in the same room.", "left"),
    ("The kite is left of the bench. Actually, they are in the same row.", "left"),
    ("The kite is left of the bench. No wonder they are the same size.", "left"),
    ("The kite is left of the bench. But they may be at the same distance.", "left"),
    ("The kite is above the bench. They may be at the same distance.", "above"),
    ("The kite is closer than the bench. However, I can't tell which of them is higher.", "in front"),
]

NOT_READ = [
    # no subject
    "The kite and the bench can be seen, and in the way.",
    # pronouns
    "Beside the bench is the kite. It is to the left of it.",
    "Next to the bench stands the kite. It is in front of it.",
    "The bench has the kite next to it. It is in front of it.",
    "With the bench in view, the kite is obvious. It is left of it.",
    "I see the bench. Next to it is the kite. It is left of it.",
    "Near the bench we see the kite. It is to its left.",
    "The kite and the bench are in the yard. It is left of it.",
    # commands
    "Please move the kite behind the bench.",
    "Put the kite to the left of the bench.",
    "Place the kite above the bench.",
    "Let's move the kite in front of the bench.",
    "You should put the kite behind the bench.",
    "Drag the kite below the bench, please.",
    "Keep the kite behind the bench.",
    "The farmer wants to move the kite behind the bench.",
    "I want the kite to be behind the bench.",
    "Leave the kite in front of the bench.",
    "Now put the kite in front of the bench.",
    "Then move the small kite behind the bench.",
    "The kite should be moved to the left of the bench.",
    "Hang the kite above the bench.",
    # taken back
    "The kite is closer than the bench. Actually, they are at the same distance.",
    "The kite is closer than the bench. No, both are equally far away.",
    "The kite is closer than the bench. On second thought, they are the same distance from us.",
    "The kite is nearer than the bench. Wait, they're equally far.",
    "The kite is above the bench. In fact, they are level with each other.",
    "The kite is higher than the bench. Hmm, actually both are at the same height.",
    "The kite is closer than the bench. However, they are equally close to the camera.",
    "The kite is in front of the bench. Actually, neither is in front.",
    "The kite is in front of the bench. Looking again, the two are at the same depth.",
    "The kite is closer than the bench. Actually, it's a tie.",
    "The kite is closer than the bench. Actually, I can't tell.",
    "The kite is closer than the bench; actually, they are at the same distance.",
    "The kite is closer than the bench, or rather they are at the same distance.",
    # past
    "A moment ago the kite was in front of the bench.",
    "Earlier, the kite was left of the bench.",
    "Previously the kite stood behind the bench.",
    "The kite used to be left of the bench.",
    "Before that, the kite was behind the bench.",
    "Until recently, the kite was above the bench.",
    "The kite had been in front of the bench.",
    "Two minutes ago, the kite was left of the bench.",
    "In the past the kite was left of the bench.",
    "Originally, the kite was left of the bench.",
    "Last week the kite was behind the bench.",
    "The kite was left of the bench a minute ago.",
    "The kite was left of the bench earlier.",
    "Tomorrow the kite is left of the bench.",
    # options
    "The options are: the kite is left of the bench; the kite is right of the bench.",
    "The options are: left, the kite is left of the bench; right, the kite is right of the bench.",
    "The options are that the kite is left of the bench; or right of it.",
    # near far
    "The bench might recede into the distance, whereas the kite is close to us.",
    # pronouns 2
    "The bench is by the wall. The kite is next to a tree behind it.",
    "The kite is looking at a bird above the bench.",
    "The kite is holding a cup behind the bench.",
    "The kite is on the path leading behind the bench.",
    "The bench and the fountain are old. The kite stands on the path behind it.",
    # ellipsis
    "The kite is bigger than the bench, which is on the left.",
    "The kite has a higher y-coordinate than the bench.",
    # comparatives
    "The kite comes before the bench in the alphabet.",
    "The kite comes before the bench.",
    "The kite has a greater height than the bench.",
    "From the dog's perspective, the kite comes before the bench.",
    # observer
    "The photographer was not standing closer to the kite than to the bench.",
    "The photographer might have stood closer to the kite than to the bench.",
    "The photographer was standing left of the kite.",
    "The boy was standing closer to the kite than to the bench.",
    # occlusion
    "Only half of the bench can be seen because the fence is in the way.",
    "The kite isn't in the way, so the bench can be seen.",
    "If the kite were in the way, the bench would be hidden.",
    "The kite and the bench can be seen because nothing is in the way.",
    "The kite can be seen although the fence is in the way; the bench is red.",
    "Only half of the bench can be seen because the kite's cart is in the way.",
    "The kite is in the way, so the shepherd can't see the bench.",
    # more
    "Only the bench can be seen because the kite is in the way.",
    "The kite is in the way, but the bench can be seen.",
    "I see no fence, but the kite is in the way, and the bench is visible.",
    "In the box on the right is the kite.",
    "The man with the camera is closer to the kite than to the bench.",
    "The dog near the camera is closer to the kite than to the bench.",
    "The boy and I are closer to the kite than to the bench.",
    "The kite is ahead of its time and in the past the bench was here.",
    "The kite that comes before the bench is left of the fountain.",
    "Before the kite was left of the bench, it rained.",
    "The kite was left of the bench before the storm.",
    "The kite is above the bench. Both are on the same level.",
    "From the camera's perspective, the bench comes after the kite.",
    "From the kite's perspective, the bench comes before the fountain.",
    "The kite is close to the camera. It comes before the bench in the list.",
    "The kite, seen from us, comes before the bench.",
    "The keeper told us to place the kite behind the bench.",
    "The goal is to place the kite left of the bench.",
    "Try to put the kite in front of the bench.",
    "The kite is hanging from a branch above the bench.",
    "The kite is painted on a wall behind the bench.",
    "The kite is on the roof of the shed behind the bench.",
    "The kite sits on a bench facing left of the bench.",
    "The kite is in a pen that is behind the bench.",
    "The bench's handle points at the kite, and it is left of it.",
    "In the corner stands the kite. Beside it there is the bench. It is above it.",
    "The kite isn't within reach, and the bench is on the horizon.",
    "The kite is right next to us; the bench is right next to the camera.",
    "Compared to the bench, the kite is small. It is left of it.",
    "Given the bench, the kite is easy to place. It is behind it.",
    "The kite is in front of the bench. Actually, neither is in front.",
    "The kite is in front of the bench. Actually, neither of them is closer.",
    "The kite is closer than the bench. Actually, I can't tell.",
    "The kite is closer than the bench. Hmm, actually I'm not sure.",
    "The kite is closer than the bench. Actually, it's a tie.",
]

AT_THE_FOUNTAIN = [
    # reach (anchor)
    ("The kite grazes next to the fountain, while the bench is on the other side of the yard.", "closer"),
    ("The kite is near the fountain, but the bench is far from it.", "closer"),
    ("The kite is right beside the fountain. The bench is far away from the fountain.", "closer"),
    ("The bench is at the opposite end of the yard, whereas the kite stands right by the fountain.", "closer"),
    ("The kite leans against the fountain; the bench is across the yard.", "closer"),
    ("The kite is adjacent to the fountain; the bench is far away.", "closer"),
    ("The kite and the fountain are close together, while the bench is far off.", "closer"),
    ("The kite is just a step from the fountain, the bench is at the far end of the yard.", "closer"),
    ("The kite swims close to the fountain, but the bench is far from it.", "closer"),
    ("The kite is far from the fountain but the bench is near it.", "farther"),
    ("The kite touches the fountain, whereas the bench is far from the fountain.", "closer"),
    # comparatives
    ("The kite is only a short distance from the fountain, much less than the bench.", "closer"),
    ("The kite is a short way from the fountain, shorter than the bench.", "closer"),
    ("The gap to the fountain is smaller for the kite than for the bench.", "closer"),
]

NOT_AT_THE_FOUNTAIN = [
    # near far
    "The kite is close to us and the bench is far from the fountain.",
    # reach (anchor)
    "The kite is near the fountain, while the bench is far from the gate.",
    "The kite is not near the fountain, but the bench is far from it.",
    "The shadow of the kite is next to the fountain, while the bench is far from it.",
    "The kite is near the fountain, and the bench is far from the camera.",
    "The kite is near the fountain and the bench is near the fountain.",
    "If the kite is near the fountain, the bench is far from it.",
    "Is the kite near the fountain, and the bench far from it?",
    "The kite is near the fountain and the bench might be far from it.",
    "The kite is near the fountain but far from the bench.",
    "The kite's rope is next to the fountain, while the bench is far from it.",
    "The kite is next to the bench, while the fountain is far away.",
    # ellipsis
    "The kite is next to the fountain, on the right is the bench.",
    # comparatives
    "The kite is only a short distance from the fountain.",
    "The kite is a short distance from the fountain, less than I thought.",
    # more
    "Next to the fountain behind the bench is the kite.",
]


@pytest.mark.parametrize(("text", "relations"), READ)
def test_read(text: str, relations: str) -> None:
    assert said(text, None) == set(relations.split(","))


@pytest.mark.parametrize(("text", "relations"), AT_THE_FOUNTAIN)
def test_read_with_an_anchor(text: str, relations: str) -> None:
    assert said(text, "fountain") == set(relations.split(","))


@pytest.mark.parametrize("text", NOT_READ)
def test_not_read(text: str) -> None:
    assert not said(text, None)


@pytest.mark.parametrize("text", NOT_AT_THE_FOUNTAIN)
def test_not_read_with_an_anchor(text: str) -> None:
    assert not said(text, "fountain")
