"""Corrections, denials, hedges, remarks, weights of every option, two answers, cut texts."""

from __future__ import annotations

import pytest
from question_wordings import nearer, where

from reinforcesight.judge import parse_answer

# Question, choices, and texts with the letter that a careful reader gives.
TEXTS: list[tuple[str, list[str], list[tuple[str, str | None]]]] = [
    # confidence
    (
        nearer("cup", "jar"),
        ["cup", "jar"],
        [
            ("A: 20 %, B: 80 %", "B"),
            ("A: 0.2\nB: 0.8", "B"),
            ("cup 30%, jar 70%", "B"),
            ("P(A)=0.1, P(B)=0.9", "B"),
            ("(A) 15% (B) 85%", "B"),
            ("I'm 70 % confident that the jar is closer.", "B"),
            ("30% cup, 70% jar", "B"),
            ("I'd give the cup 25 % and the jar 75 %.", "B"),
            ("B (confidence: high)", "B"),
            ("Probability that the cup is closer: 35%. Probability that the jar is closer: 65%.", "B"),
            ("With 90% certainty: B", "B"),
            ('{"A": 0.12, "B": 0.88}', "B"),
            ("| A | 0.12 |\n| B | 0.88 |", "B"),
            ("A is unlikely (10 %); B is likely (90 %).", "B"),
            ("B with high probability, A with low probability.", "B"),
            ("50% A, 50% B", None),
            ("It's a coin flip between A and B.", None),
            ("Score(cup) = 0.9, score(jar) = 0.1", "A"),
            ("The cup fills 20 % of the width, the jar fills 80 %.", None),
            ("There is the cup. 20 % of it lies in shadow. There is the jar. 80 % of it is lit.", None),
        ],
    ),
    (
        where("cup", "jar"),
        ["left", "right"],
        [
            ("left: 0.9, right: 0.1", "A"),
            ("Left (10 %), right (90 %)", "B"),
            ("My confidence in left is low; my confidence in right is high.", "B"),
        ],
    ),
    # table
    (
        nearer("cup", "jar"),
        ["cup", "jar"],
        [
            ("| Object | Closer |\n|---|---|\n| cup | no |\n| jar | yes |", "B"),
            ("- cup: ✗\n- jar: ✓", "B"),
            ("A ❌\nB ✅", "B"),
            ("[ ] A. cup\n[x] B. jar", "B"),
            ("☐ cup ☑ jar", "B"),
            ("A: No. B: Yes.", "B"),
            ("A) False B) True", "B"),
        ],
    ),
    # table
    (
        nearer("cup", "jar"),
        ["cup", "jar"],
        [
            ("| | cup | jar |\n|---|---|---|\n| closer | ✗ | ✓ |", "B"),
        ],
    ),
    # correction
    (
        where("cup", "jar"),
        ["left", "right"],
        [
            ("left\n\nCorrection: right.", "B"),
            ("It's left. Oops, I mixed them up. Right.", "B"),
            ("The cup is left of the jar. No, scratch that, it's right of the jar.", "B"),
            ("Left... no, right.", "B"),
            ("Left - sorry, right.", "B"),
            ("I'd say left. On second thought, right.", "B"),
            ("I initially said left, but it is right.", "B"),
            ("Left. Edit: should be right.", "B"),
            ("Left? Let me double-check. The cup is at x=500, the jar at x=100. So right.", "B"),
        ],
    ),
    (
        where("cup", "jar"),
        ["above", "below"],
        [
            (("Above. Hmm, wait. The jar is on the shelf and the cup on the floor. It must be below then."), "B"),
            ("The cup is above the jar. Strike that. The cup is below the jar.", "B"),
        ],
    ),
    (
        nearer("cup", "jar"),
        ["cup", "jar"],
        [
            ("A. No, B.", "B"),
            ("A - sorry, I meant B.", "B"),
            ("Answer: A\n\nWait, I misread the boxes. Answer: B", "B"),
            ("The cup is closer. Correction: the jar is closer.", "B"),
            ("The cup. Or rather the jar.", "B"),
            ("Cup... no, wait, the jar is in front of it. So jar.", "B"),
            ("My first answer was A, but after checking the overlap I change it to B.", "B"),
            ("I said A before. That was wrong; the right answer is B.", "B"),
            (("The answer is A. Upon closer inspection, the jar occludes the cup, so the answer should be B."), "B"),
            ("(A) cup\n\nUpdate: looking again, (B) jar.", "B"),
            ("It's the cup. Hmm, no. It's the jar.", "B"),
            ("The cup seems closer at first, but the jar overlaps it. Final answer: jar", "B"),
            ("I think the cup is closer. Actually no, the jar is.", "B"),
            ("First I thought B, then A, but I end up with B.", "B"),
            ("A? Or B? The jar's base is lower. B.", "B"),
            ("The jar, I mean the cup, is closer.", "A"),
            ("B. Wait, no... yes, B.", "B"),
        ],
    ),
    (
        "How many cups are in the image?",
        ["2", "3", "4", "5"],
        [
            ("3. No, 4: there's one behind the jar.", "C"),
            ("I count three... no, four cups.", "C"),
            ("At first I saw 3 cups, but there is a fourth behind the jar, so 4.", "C"),
            ("Three cups. Wait, there is one more in the sink, so four.", "C"),
        ],
    ),
    # waver
    (
        nearer("cup", "jar"),
        ["cup", "jar"],
        [
            ("A. No, B. No, A. I need to look again.", None),
            ("It's the cup. Or the jar? Let me check once more", None),
            ("The cup is closer. Hmm, let me re-examine the picture.", None),
            ("B. Wait, let me think about this again.", None),
        ],
    ),
    # negation
    (
        nearer("chair", "desk"),
        ["chair", "desk"],
        [
            ("It's not the desk that is closest to the camera but the chair.", "A"),
            ("It is the chair that is closer, not the desk.", "A"),
            ("The closer object isn't the desk but the chair.", "A"),
            ("The closer one is not the desk; it is the chair.", "A"),
            ("Not A. The other one.", "B"),
            ("A can be ruled out, so it has to be the other one.", "B"),
            ("The chair can't be it, since it's behind the desk. So it's the other.", "B"),
            ("The desk is not behind the chair; it is in front of it.", "B"),
            ("It is wrong that the chair is closer; the desk is.", "B"),
            ("No, the chair isn't closer - the desk is.", "B"),
            ("I don't think it's the desk, I think it's the chair.", "A"),
            ("I wouldn't pick the desk. I'd pick the chair.", "A"),
            ("Contrary to first impressions, the desk isn't the nearer object; the chair is.", "A"),
            ("The chair is anything but closer; the desk is nearest.", "B"),
            ("There's no doubt that the chair is closer.", "A"),
            ("Nothing is closer than the desk.", "B"),
            ("The chair is no farther away than the desk; in fact it's closer.", "A"),
            ("I can't see how the chair could be closer, so the desk.", "B"),
            ("Don't choose A: the chair is at the back. Choose B.", "B"),
            ("Neither of them is closer.", None),
            ("Neither option is correct.", None),
            ("I cannot rule out the chair, nor the desk.", None),
            ("I would not say A.", None),
            ("It would be a mistake to answer A.", None),
            ("The answer is anything but A.", None),
            ("The answer is definitely not the chair.", None),
        ],
    ),
    (
        where("chair", "desk"),
        ["left", "right"],
        [
            ("It's on the right, not on the left.", "B"),
            ("The chair isn't on the left of the desk but on its right.", "B"),
            ("Not left but right.", "B"),
            ("The desk is not to the left of the chair, it's to the right.", "A"),
            ('"Left" would be wrong: the chair is right of the desk.', "B"),
        ],
    ),
    (
        where("chair", "desk"),
        ["above", "below"],
        [
            ("The chair is not above the desk. It is below it.", "B"),
            ("The chair is not above, it's below the desk.", "B"),
        ],
    ),
    (
        "How many cups are in the image?",
        ["0", "1", "2", "3"],
        [
            ("There aren't any cups.", "A"),
            ("No cups can be seen.", "A"),
            ("There isn't a single cup in this picture.", "A"),
            ("Not two, three.", "D"),
            ("I see three cups, not two.", "D"),
            ("There are not 2 but 3 cups.", "D"),
        ],
    ),
    # hedge
    (
        nearer("cup", "jar"),
        ["cup", "jar"],
        [
            ("Could be A, could be B.", None),
            ("Perhaps A, perhaps B.", None),
            ("If the jar is larger in reality, A; otherwise B.", None),
            ("If the cup is bigger than it looks, then the cup is closer.", None),
            ("Either one could be closer.", None),
            ("The cup may be closer, but so may the jar.", None),
            ("Whether the cup or the jar is closer depends on the viewpoint.", None),
            ("You are asking which is closer, the cup or the jar.", None),
            ("I need to determine if the cup is closer than the jar.", None),
            ("Some would say A, others B.", None),
            ("The cup would be closer if the table were moved.", None),
            ("Is the cup closer? Or the jar?", None),
            ("A would be right if the picture were mirrored.", None),
            ("It depends: seen from the door, the cup is closer.", None),
            ("I can't decide between A and B.", None),
            ("Suppose the cup is closer. Then its shadow would be larger.", None),
            ("To say the cup is closer one would need to know its size.", None),
        ],
    ),
    (
        where("cup", "jar"),
        ["left", "right"],
        [
            ("Left or right? I can't tell.", None),
            ("It may be on the left or on the right.", None),
            ("Depending on the viewpoint, left or right.", None),
        ],
    ),
    (
        "How many boats are in the image?",
        ["1", "2", "3", "4"],
        [
            ("Two or maybe three boats.", None),
            ("Between two and four boats.", None),
            ("a few boats", None),
        ],
    ),
    # caveat
    (
        nearer("cup", "jar"),
        ["cup", "jar"],
        [
            ("Probably the jar, although it's hard to be sure from one picture.", "B"),
            ("The jar, but I can't be certain.", "B"),
            ("I'd guess the jar, though the perspective makes it hard to tell.", "B"),
            ("It might be the jar, but I'm not sure.", None),
            ("The jar appears closer, but this is only an estimate.", "B"),
            ("It's hard to say, but I think it is the jar.", "B"),
            ("Without depth information I can't be sure, but the jar seems closer.", "B"),
            ("My best guess is the jar; however, the image is blurry.", "B"),
            ("B, but not by much.", "B"),
            ("The jar, if I had to choose.", "B"),
            ("If I had to guess, B.", "B"),
            ("Assuming the boxes are right, the jar is closer.", "B"),
            ("Judging by the size alone it would be the cup, but the jar overlaps it, so B.", "B"),
            ("The jar is closer, although the cup looks bigger.", "B"),
            ("B (low confidence, the picture is dark).", "B"),
            ("I'm not an expert, but B.", "B"),
            ("As far as I can tell, it's the jar.", "B"),
            ("Jar. Note that A would be right if one measured to the table.", "B"),
            ("The jar is closer to the camera (the cup is closer to the window, though).", "B"),
        ],
    ),
    (
        where("cup", "jar"),
        ["left", "right"],
        [
            (("Right, from the viewer's point of view (it would be left for the person in the picture)."), "B"),
            ("Left in the image, though right from the waiter's perspective.", "A"),
        ],
    ),
    (
        "How many boats are in the image?",
        ["1", "2", "3", "4"],
        [
            ("Three, unless the dark shape in the back is a boat as well.", "C"),
            ("I believe there are 3, but one might be a raft.", "C"),
        ],
    ),
    # both
    (
        nearer("cup", "jar"),
        ["cup", "jar"],
        [
            ("<answer>A</answer> or maybe <answer>B</answer>", None),
            ("\\boxed{A} or \\boxed{B}", None),
            ("\\boxed{A} and \\boxed{B}", None),
            ("<answer>A or B</answer>", None),
            ("<answer>A, B</answer>", None),
            ("<answer>cup and jar</answer>", None),
            ("Answer: A\nAnswer: B", None),
            ("A/B", None),
            ("A, B", None),
            ("cup, jar", None),
            ("cup\njar", None),
            ("(A) cup (B) jar", None),
            ("(A) jar", None),
            ("B. cup", None),
            ("The answer is B, the cup.", None),
            ("Both.", None),
            ("They are equally close.", None),
            ("The cup is closer. B", None),
            ("The cup is closer, so the answer is B.", None),
            ('{"answer": ["A", "B"]}', None),
            ("A B A B", None),
            ("The cup and the jar are closer.", None),
            ("I choose A. I choose B.", None),
            ("Final answer: A and B", None),
            ("The answer could be A. The answer could be B.", None),
            ("A is correct. B is correct.", None),
            ("A is correct and B is also correct.", None),
        ],
    ),
    (
        where("cup", "jar"),
        ["left", "right"],
        [
            ("It is both left and right.", None),
            ("left/right", None),
            ("The cup is left of the jar. The jar is left of the cup.", None),
            ("The cup is left and right of the jar.", None),
            ("left right", None),
            ("The answer is (A) right.", None),
        ],
    ),
    (
        "How many boats are in the image?",
        ["1", "2", "3", "4"],
        [
            ("2 and 3", None),
            ("(B) 3", None),
            ("I see 2 boats. I see 3 boats.", None),
        ],
    ),
    # trunc
    (
        nearer("cup", "jar"),
        ["cup", "jar"],
        [
            ("Looking at the picture, the cup", None),
            ("The object closer to the camera is the", None),
            ("Let me compare the cup with", None),
            ("Option A is the cup, which", None),
            ("A: The cup is on the table and B: the jar is", None),
            (("The cup is large and clearly visible, which might suggest that it is closer. However, the"), None),
            ("<think>The cup is closer. So the answer is A.", None),
            ("<answer>The", None),
            ("The answer is (", None),
            ("Both objects are on the desk. The jar", None),
        ],
    ),
    (
        where("cup", "jar"),
        ["left", "right"],
        [
            ("The cup is located to the", None),
            ("Looking at the left part of the image, I see", None),
        ],
    ),
    (
        "How many boats are in the image?",
        ["1", "2", "3", "4"],
        [
            ("I can see one boat on the left, two", None),
            ("Let me count: 1, 2,", None),
            ("There are", None),
        ],
    ),
]


@pytest.mark.parametrize(
    ("text", "choices", "question", "expected"),
    [(text, choices, question, letter) for question, choices, texts in TEXTS for text, letter in texts],
)
def test_read(text: str, choices: list[str], question: str, expected: str | None) -> None:
    assert parse_answer(text, choices, question=question).letter == expected
