"""Clauses that are disbelieved, two answers that are both allowed, conditions, cut texts, and orders."""

from __future__ import annotations

import pytest

from reinforcesight.judge import parse_answer

NEARER = "Which object is closer to the camera, the chair or the table?"
WHERE = "Where is the cup located with respect to the lamp?"
BARN = (
    "Estimate the real-world distances between objects in this image. Which object is closer to the barn (highlighted "
    "by a red box), the silo (highlighted by a blue box) or the cart (highlighted by a green box)?"
)
POND = "Which object is closest to the pond?"
COUNT = "How many pumpkins are in the image?"
CHOICES = {
    NEARER: ["chair", "table"],
    WHERE: ["left", "right"],
    BARN: ["silo", "cart"],
    POND: ["bench", "willow", "bridge", "shed"],
    COUNT: ["3", "4", "5", "2"],
}

TEXTS: dict[str, list[tuple[str, str | None]]] = {
    WHERE: [
        ("There's no way it is on the left.", None),
        ("There is no way the cup is left of the lamp.", None),
        ("I doubt that it is on the left.", None),
        ("I don't think the cup is on the left of the lamp.", None),
        ("I don't believe it is on the left side.", None),
        ("It is impossible that the cup is on the left.", None),
        ("No chance that it's right of the lamp.", None),
        ("It is by no means on the right.", None),
        ("It is hardly on the left.", None),
        ("It is anything but right.", None),
        ("It's far from being on the right.", None),
        ("There is no doubt it is on the left.", "A"),
        ("No doubt, left.", "A"),
        ("Without a doubt it's on the left.", "A"),
        ("There's no way to miss it: the cup is left of the lamp.", "A"),
        ("Under no circumstances is the cup on the left.", None),
        ("I refuse to say left.", None),
        ("It would be wrong to say that the cup is on the left.", None),
        ("I can't see how it could be on the left.", None),
        ("The cup can't be said to be left of the lamp, so choose the opposite.", "B"),
        ("It is not right, so the opposite.", "A"),
        ("I first read left; the right answer is right.", "B"),
        ("(A)... hang on, it's on the right. (B)", "B"),
        ("At first I took it for left, but it's right.", "B"),
        ("left, assuming the boxes are drawn correctly", "A"),
        ("right, provided the boxes are labelled correctly", "B"),
        ("It is left, assuming that the annotation is accurate.", "A"),
        ("Assuming it is right, the answer is B.", None),
        ("not left, assuming the image is drawn well", None),
    ],
    NEARER: [
        ("There's no way it is the chair.", None),
        ("There's no way the chair is closer.", None),
        ("There's no way the chair is closer than the table.", "B"),
        ("I doubt the chair is closer.", None),
        ("Choosing B would not be wrong", None),
        ("Choosing B would not be wrong.", None),
        ("Picking the table would not be a mistake.", None),
        ("It would not be wrong to answer B.", None),
        ("Option B would not be incorrect.", None),
        ("Answering B is not wrong.", None),
        ("B would not be a bad choice.", None),
        ("B could be correct too.", None),
        ("\\boxed{A} \\boxed{B}", None),
        ("\\boxed{A}\\boxed{A}", "A"),
        ("\\boxed{chair} \\boxed{table}", None),
        ("\\boxed{A}, wait, \\boxed{B}", "B"),
        ("<answer>A</answer><answer>B</answer>", None),
        ("<answer>A</answer>\n<answer>B</answer>", None),
        ("<answer>A</answer>\n<answer>(A) chair</answer>", "A"),
        ("<answer>A</answer><answer>A</answer>", "A"),
        ("<answer>A</answer> No, wait. <answer>B</answer>", "B"),
        ("<answer>The chair is closer.</answer><answer>B</answer>", None),
        ("<answer>The table is closer.</answer><answer>B</answer>", "B"),
        ("<answer>chair</answer><answer>table</answer>", None),
        ("<answer></answer><answer>B</answer>", "B"),
        ("<answer></answer>B", "B"),
        ("<answer>A</answer><think>Look again: the table is closer.</think><answer>B</answer>", "B"),
        ("Option A is right. Option B is right too.", None),
        ("A is correct. B is correct too.", None),
        ("A is right and B is right as well.", None),
        ("Option A is correct. So is option B.", None),
        ("Both A and B are correct.", None),
        ("A is the answer; B is also the answer.", None),
        ("The answer is A. The answer is B too.", None),
        ("Option A fits, and so does option B.", None),
        ("The chair is right. The table is right too.", None),
        ("A is true. B is equally true.", None),
        ("I'll estimate the distances:\n\n- Camera to chair:", None),
        ("Let me go through them.\n1. The chair:", None),
        ("The objects are:\n- chair\n- table:", None),
        ("Distances\n* table:", None),
        ("First, the table:", None),
        ("**Table:**", "B"),
        ("Answer:\ntable", "B"),
        ("Let me compare.\n\nThe chair:\n", None),
        ("Should the lens be a telephoto, I'd say chair; with a normal lens, table.", None),
        ("If the lens is wide, I'd say the chair; otherwise the table.", None),
        ("With a wide lens I'd say chair; with a normal lens, table.", None),
        ("Should the boxes be swapped, the answer is A.", None),
        ("Should you ask me, it's the chair.", "A"),
        ("Depending on the lens, I'd say chair or table.", None),
        ("Provided the lens is normal, the answer is A; else B.", None),
        ("In case the chair is small, I'd choose A.", None),
        ("Were the camera lower, I'd pick the table.", None),
        ("Should it be a mirror image, I'd go for B.", None),
        ("The table obstructs our view of the chair.", "B"),
        ("Anyone walking into the scene passes the table first.", "B"),
        ("A walker reaches the chair before the table.", "A"),
        ("The chair is not as far away as the table.", "A"),
        ("The table isn't so far from the camera as the chair.", "B"),
        ("As far as I can tell, the chair is closer.", "A"),
        ("chair (likelihood: 9/10)\ntable (likelihood: 1/10)", "A"),
        ("table: confidence 8 out of 10; chair: confidence 2 out of 10", "B"),
        ("chair – very unlikely; table – almost certain", "B"),
        ("chair: likely, table: very likely", "B"),
        ("With about 70% certainty I'd answer table.", "B"),
        ("I would answer chair.", "A"),
        ("I wouldn't answer chair.", None),
        ("Focus: the chair is blurred as near things often are. Putting both together → chair.", "A"),
        ("It masks the cue; so, chair.", "A"),
        ("The table can't be the one, so choose the opposite.", "A"),
        ("The chair is in front of the table → chair", "A"),
        ("chair -> table", None),
        ("The chair is behind, so: table.", "B"),
    ],
    BARN: [
        ("4) so: silo", "A"),
        (
            "1) barn = red box, near the centre\n2) silo = blue box, at the wall\n3) cart = green box\n4) so: silo",
            "A",
        ),
        ("The cart isn't as far from the barn as the silo.", "B"),
        ("The silo is not as far from the barn as the cart.", "A"),
        ("The silo is not so far away as the cart.", "A"),
        ("The thing in the blue box.", "A"),
        ("The item in the green box.", "B"),
        ("Silo touches the barn → silo.", "A"),
        ("silo → 2 m, cart → 3 m", "A"),
        ("2 m → silo, 3 m → cart", "A"),
    ],
    COUNT: [
        ("At first it looks like five, but it's really four.", "B"),
        ("I first guessed three, but there are five.", "C"),
        ("I thought two but counted four.", "B"),
        ("At first glance three pumpkins, but one is hidden, so four.", "B"),
        ("There are four pumpkins, but one is cut.", "B"),
    ],
    POND: [
        ("Ranking by distance to the pond (near → far): willow, bridge, bench, shed.", "B"),
        ("Sorted by distance to the pond, closest to farthest: bridge, shed, bench, willow", "C"),
        ("From farthest to nearest: shed, bench, willow, bridge.", "C"),
    ],
}


@pytest.mark.parametrize(
    ("text", "question", "expected"),
    [(text, question, letter) for question, rows in TEXTS.items() for text, letter in rows],
)
def test_read(text: str, question: str, expected: str | None) -> None:
    assert parse_answer(text, CHOICES[question], question=question).letter == expected
