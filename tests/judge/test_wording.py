"""Answers in the wording of many models: for each question the texts that give a letter, or none."""

import pytest

from reinforcesight.judge import parse_answer

NEARER = (
    "Which object is closer to the camera taking this photo, the sofa (highlighted by a red box) or the "
    "lamp (highlighted by a blue box)?"
)
FARTHER = "Which object is farther from the camera, the bus or the bicycle?"
SIDES = (
    "Considering the relative positions of the cup and the plate in the image provided, where is the cup "
    "located with respect to the plate?"
)
HEIGHT = (
    "Considering the relative positions of the clock and the sofa in the image provided, where is the "
    "clock located with respect to the sofa?"
)
DISTANCE = (
    "Estimate the real-world distances between objects in this image. Which object is closer to the door "
    "(highlighted by a red box), the chair (highlighted by a blue box) or the table (highlighted by a "
    "green box)?"
)
COUNT = "How many dogs are in the image?"
YES_NO = "Is the cup to the left of the plate?"
FOUR = "Where is the phone with respect to the laptop?"
DEPTH = "Where is the ball with respect to the goal?"
FRONT = "Is the ball in front of or behind the goal?"
NEAREST = "Which of these objects is nearest to the camera?"
UNKNOWN = "Which is nearer to the camera, the knife or the bowl?"
CHOICES = {
    NEARER: ["sofa", "lamp"],
    FARTHER: ["bus", "bicycle"],
    SIDES: ["left", "right"],
    HEIGHT: ["above", "below"],
    DISTANCE: ["chair", "table"],
    COUNT: ["1", "2", "3", "4"],
    YES_NO: ["yes", "no"],
    FOUR: ["left", "right", "above", "below"],
    DEPTH: ["in front of", "behind"],
    FRONT: ["in front of", "behind"],
    NEAREST: ["book", "shoe", "vase", "plant"],
    UNKNOWN: ["the knife", "the bowl", "cannot be determined", "both at the same distance"],
}

TEXTS = {
    (NEARER, "A"): [
        "The sofa is in front of the lamp.",
        "The lamp is partly hidden by the sofa, so the sofa is closer.",
        "The sofa occludes the lamp.",
        "The lamp is occluded by the sofa.",
        "The sofa hides part of the lamp, which means it is in front.",
        "Judging by size and occlusion, it's the sofa.",
        "Definitely the sofa",
        "the red one",
        "The object in the red box is nearer than the one in the blue box.",
        "It's the object with the red bounding box.",
        "The sofa appears larger and lower in the frame, suggesting it is nearer to the camera than the lamp.",
        "Compared to the lamp, the sofa is nearer.",
        "The lamp stands behind the sofa.",
        "Behind the sofa stands the lamp.",
        "In front of the lamp there is the sofa.",
        "The distance from the camera to the sofa is about 2 m, to the lamp 4 m. So the sofa.",
        "The sofa is about 1.5 meters away while the lamp is about 3 meters away, so A.",
        "The sofa's depth is smaller.",
        "Depth(sofa) < depth(lamp), so the sofa is closer.",
        "The sofa: foreground. The lamp: background.",
        "The sofa is in the foreground, the lamp in the background.",
        "The lamp is further back than the sofa.",
        "The lamp is not as close as the sofa.",
        "The lamp is less close to the camera.",
        "maybe A",
        "I think it's A but I'm not completely sure.",
        "Ans: (a)",
        "**Answer: (A) sofa**",
        "Going with A.",
        "A. The sofa",
        "Let's compare. Sofa: close. Lamp: far.",
        "The sofa is near, the lamp is far.",
        "Sofa is the nearest.",
        "the nearest is the sofa",
        "Closer: sofa",
        "The answer is the object in the red box, i.e., the sofa.",
        "The lamp would be closer if the sofa weren't there. The sofa is closer.",
        "At first I thought lamp, but it's the sofa.",
        "It seems that the lamp is closer, but since its base is hidden by the sofa, the sofa is closer.",
        "No, it's not the lamp. It's the sofa.",
        "The lamp? No. The sofa? Yes.",
        "Final answer: A\n\nExplanation: the sofa is closer to the camera than the lamp.",
        "Of the two, the sofa is nearer.",
        "The sofa is the one that's closer.",
        "The sofa is nearest to us.",
        "Sofa, since it is in front.",
        "The sofa (A) is closer to the camera than the lamp (B).",
        "The object closer to the camera is: (A) sofa.",
        "Object A is closer.",
        "The sofa appears closer because it occupies more of the image, though the lamp is taller.",
        "The lamp is placed on a table behind the sofa.",
        "The lamp, which is behind the sofa, is farther.",
        "Looking at the perspective, the floor recedes toward the lamp; therefore the sofa is nearer.",
        "Without more context, I'd say the sofa.",
        "It's hard to be certain, but the sofa looks closer.",
        "I'm not able to measure exactly, however the sofa is closer.",
        "The image does not show depth directly. The sofa is closer.",
        "While the lamp is bright, the sofa is closer.",
        "The lamp can be excluded, so it's the sofa.",
        "Option A is the sofa. Option B is the lamp. The sofa is clearly nearer. So, Option A.",
        "A: 2.1 m\nB: 3.4 m\n\nA is closer.",
        "(A) sofa: 2 m, (B) lamp: 4 m → (A)",
        "→ A",
        "∴ A",
        "The answer: A, not B.",
        "B is out, A it is.",
        "You should choose A.",
        "A is my final answer.",
        "Answer is a.",
        "<answer>The sofa</answer>",
        "<answer>(A) sofa is closer</answer>",
        "<final>A</final>",
        "$\\boxed{A}$",
        "The answer is \\(\\boxed{\\text{sofa}}\\).",
        '{"choice": "A"}',
        "[A]",
        "{A}",
        "__A__",
        "La réponse correcte est (A).",
        "Die korrekte Antwort ist A.",
        "Elijo la opción A.",
        "我选择A",
        "答案应该是A",
    ],
    (NEARER, "B"): [
        "I'd go for the lamp.",
        "My guess: lamp",
        "Blue box.",
        "The one highlighted in blue.",
        "The lamp has a smaller depth than the sofa.",
        "Most likely (B).",
        "Answer - B",
        "ANSWER: LAMP",
        "The correct choice would be B) lamp.",
        "Option B it is.",
        "Closest object: lamp",
        "Step 1: find the sofa. Step 2: find the lamp. Step 3: compare. Result: B",
        "(A)\n(B)\nThe right one is (B).",
        "Between A and B, B is nearer.",
        "Out of the sofa and the lamp, the lamp is closer.",
        "I believe the right answer is the lamp because its base is lower in the image.",
        "lamp - it is closer",
        "Closest to the camera is the lamp (blue box).",
        "Both the sofa and the lamp are far, but the lamp is nearer.",
        "Not the sofa, so the lamp.",
        "(A) is incorrect because the sofa is behind the lamp. (B) is correct.",
        "Option A: sofa - farther. Option B: lamp - closer. Answer: Option B.",
        "=> B",
        "A? No, B.",
        "Could be A, but B is closer.",
        "I initially considered A, but the correct answer is B.",
        "Answer: A. Wait, actually B.",
        "A... no, B.",
        "Choose B!",
        "I am confident that it's B.",
        "The letter is B",
        "<think>maybe A</think>B",
        "<answer>B: lamp</answer>",
        "<answer>A</answer><answer>B</answer>",
        "\\boxed{lamp}",
        "{'answer': 'lamp'}",
        '```json\n{"final_answer": "(B)"}\n```',
        "Answer:\n\nB",
        "**B**",
        "`(B)`",
        "La respuesta es B.",
        "Antwort B ist richtig.",
        "B es la respuesta correcta.",
        "B est la bonne réponse.",
        "Je choisis B.",
        "Ich wähle B.",
        "选项B是正确的",
        "La opción correcta es (B).",
        "L'option correcte est B.",
    ],
    (NEARER, None): [
        "sofa < lamp in depth",
        "Neither.",
        "They are equally close.",
        "I can't tell which is closer.",
        "It could be the sofa or the lamp.",
        "Either the sofa or the lamp",
        "It depends.",
        "Perhaps the sofa?",
        "The lamp is located in the far corner of the room, while the sofa is near the bottom of the image.",
    ],
    (FARTHER, "A"): [
        "The bus is farther.",
        "The bicycle is closer.",
        "The bicycle is in front of the bus, so the bus is farther away.",
        "The bus is behind the bicycle.",
        "The bicycle is nearer, hence the answer is the bus.",
        "The bus is more distant.",
        "The bus is in the background.",
        "The bicycle is in the foreground, while the bus is in the background.",
        "The bicycle is not farther than the bus.",
        "Farther: bus",
        "The bus looks smaller, so it is farther.",
    ],
    (SIDES, "A"): [
        "The cup is to the left of the plate.",
        "The plate is to the right of the cup.",
        "To the right of the cup is the plate.",
        "The cup sits left of the plate.",
        "On the plate's left.",
        "The cup is at x=100 and the plate is at x=300, so the cup is on the left.",
        "Left side",
        "left.",
        "The cup is on the left and the plate is on the right.",
        "That's right: left.",
        "Right, the cup is left of the plate.",
        "The right answer is left.",
        "left (A)",
        "Relative to the plate, the cup is on the left.",
        "The cup is further left than the plate.",
        "From the viewer's perspective the cup is left of the plate.",
    ],
    (SIDES, "B"): [
        "The plate is left of the cup, so the cup is right of the plate.",
        "It is on the right-hand side.",
        "To the right.",
        "The plate is on the left, the cup on the right.",
        "The cup is not on the left; it is on the right.",
        "The cup isn't to the left of the plate but to its right.",
        "The cup is to the plate's right.",
        "With respect to the plate, the cup is to the right.",
    ],
    (SIDES, None): [
        "The cup is left of the plate, right?",
    ],
    (HEIGHT, "A"): [
        "The clock hangs above the sofa.",
        "The sofa is below the clock.",
        "The clock is higher.",
        "Above it",
        "The clock is on the wall over the sofa.",
        "The sofa is under the clock.",
        "The clock is located higher up than the sofa.",
        "Higher",
    ],
    (HEIGHT, "B"): [
        "The clock is beneath the sofa.",
    ],
    (DISTANCE, "A"): [
        "The chair is closer to the door.",
        "The chair is 1 m from the door, and the table is 3 m from the door. The chair is closer.",
        "The table is farther from the door than the chair.",
        "The distance between the chair and the door is smaller than the distance between the table and the door.",
        "The chair is the object that is closest to the door.",
        "Door-chair: 1m. Door-table: 2m. Chair.",
    ],
    (DISTANCE, "B"): [
        "The door is nearer to the table.",
        "The door is closer to the table than it is to the chair.",
        "The table is the closest to the door.",
    ],
    (DISTANCE, None): [
        "The table is next to the door, while the chair is across the room.",
        "The chair is only a metre from the door; the table is across the room.",
    ],
    (COUNT, "C"): [
        "There are three dogs.",
        "3",
        "Two dogs on the left and one on the right, so three in total.",
        "I can see 1 dog on the sofa and 2 dogs on the floor, for a total of 3.",
        "Three.",
        "Option 3",
        "(C) 3",
        "There are 3 dogs (C).",
    ],
    (COUNT, "B"): [
        "I count 2 dogs in the image.",
        "At least 2.",
        "The number of dogs is 2.",
    ],
    (COUNT, "A"): [
        "One dog",
    ],
    (COUNT, None): [
        "There are 5 dogs.",
        "two or three",
        "no dogs",
    ],
    (YES_NO, "A"): [
        "Yes, the cup is left of the plate.",
        "Yes",
        "The answer is yes, not no.",
        "Yes, it is.",
        "(A) yes",
        "True",
        "The cup is to the left of the plate.",
        "The plate is to the right of the cup.",
        "Indeed, it is.",
    ],
    (YES_NO, "B"): [
        "No, it is on the right.",
        "The answer is no.",
        "Nope",
        "No, the cup isn't left of the plate.",
        "The cup stands to the right of the plate.",
        "The cup is not left of the plate.",
        "The cup doesn't appear to the left of the plate.",
        "The plate is to the cup's left, so this is false.",
        "No.",
    ],
    (YES_NO, None): [
        "The cup is above the plate.",
        "The cup is next to the plate.",
        "It is not clear whether the cup is left of the plate.",
        "It is not.",
        "Correct.",
    ],
    (FOUR, "C"): [
        "The phone is above the laptop.",
        "The laptop is below the phone.",
        "The phone is neither left nor right of it but above it.",
    ],
    (FOUR, None): [
        "left and above",
    ],
    (FOUR, "B"): [
        "The phone lies to the right of the laptop.",
    ],
    (FOUR, "D"): [
        "It's below.",
        "Not left, not right, not above: below.",
    ],
    (DEPTH, "B"): [
        "The ball is behind the goal.",
        "The goal is in front of the ball.",
        "behind",
    ],
    (DEPTH, "A"): [
        "In front.",
        "The ball is closer to the camera than the goal.",
    ],
    (FRONT, "B"): [
        "The goal is in front of the ball.",
        "The goal is nearer to the camera than the ball.",
    ],
    (FRONT, "A"): [
        "Behind the ball is the goal.",
        "The ball is in front of the goal.",
    ],
    (NEAREST, "D"): [
        "From the nearest to the farthest: plant, book, vase, shoe.",
        "The plant is closer than the book, the book is closer than the shoe, and the shoe is closer than the vase.",
    ],
    (NEAREST, None): [
        "The plant is closer than the book.",
    ],
    (UNKNOWN, "A"): [
        "The knife is nearer.",
    ],
    (UNKNOWN, "C"): [
        "It is impossible to say which one is nearer.",
    ],
    (UNKNOWN, "D"): [
        "They are equally far away.",
    ],
    (FARTHER, "B"): [
        "the farther one is the bicycle",
        "The bus is closer, so the bicycle is farther.",
    ],
    (COUNT, "D"): [
        "There appear to be 4 dogs.",
    ],
}


@pytest.mark.parametrize(
    ("text", "question", "expected"),
    [(text, question, letter) for (question, letter), texts in TEXTS.items() for text in texts],
)
def test_wording(text: str, question: str, expected: str | None) -> None:
    assert parse_answer(text, CHOICES[question], question=question).letter == expected
