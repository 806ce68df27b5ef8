"""Conclusions and comparisons in other words, stated distances, several objects, slips, other languages."""

from __future__ import annotations

import pytest
from question_wordings import nearer, nearer_to, where

from reinforcesight.judge import parse_answer

# Question, choices, and texts with the letter that a careful reader gives.
TEXTS: list[tuple[str, list[str], list[tuple[str, str | None]]]] = [
    # conclusion
    (
        nearer("drum", "piano"),
        ["drum", "piano"],
        [
            ("Looking at A: the drum is half hidden. Looking at B: the piano hides it. So B it is.", "B"),
            ("The drum sits far back and the piano right here. B it is then!", "B"),
            ("Both are large. Still, the piano fills the lower half. My vote goes to the piano.", "B"),
            ("The drum is far back. A is out. B wins.", "B"),
            (("Step 1: drum is at the back wall.\nStep 2: piano is at the front.\nStep 3: Pick the piano."), "B"),
            (("1. Drum: near the rear wall.\n2. Piano: near the bottom of the frame.\n\nTherefore: piano."), "B"),
            ("First, drum: medium distance. Second, piano: large and low. So I'd go with option B.", "B"),
            ("Everything points to the drum.", "A"),
            ("All cues favour the piano.", "B"),
            ("That makes the drum the closer object.", "A"),
            ("That makes it B.", "B"),
            ("In the end I settle for the drum.", "A"),
            ("=> A", "A"),
            ("Drum base y = 700, piano base y = 500.\n-> drum closer", "A"),
            ("Thus the winner is the piano.", "B"),
        ],
    ),
    (
        nearer_to("wall", "drum", "piano"),
        ["drum", "piano"],
        [
            ("- wall to drum: across the room\n- wall to piano: touching\n\n=> (B)", "B"),
            (
                (
                    "The piano leans against the wall. The drum stands in the middle of the room. Hence the "
                    "piano is the nearer one."
                ),
                "B",
            ),
            ("The drum touches the wall; the piano doesn't.", "A"),
        ],
    ),
    (
        where("drum", "piano"),
        ["left", "right"],
        [
            (
                (
                    "Step 1: the drum's x-centre is 100.\nStep 2: the piano's x-centre is 420.\nStep 3: 100 "
                    "< 420.\nSo the drum is on the left side of the piano. Left is option A."
                ),
                "A",
            ),
            ("The drum has the greater x coordinate, so it lies to the right of the piano.", "B"),
        ],
    ),
    (
        where("drum", "piano"),
        ["above", "below"],
        [
            (
                (
                    "The y-coordinate of the drum is 50, that of the piano is 300, and y grows downward. So "
                    "the drum is above."
                ),
                "A",
            ),
        ],
    ),
    (
        "How many drums are in the image?",
        ["1", "2", "3", "4"],
        [
            (
                ("First drum: on the left. Second drum: in the middle. Third drum: on the right. That makes three."),
                "C",
            ),
            ("Drum 1: left. Drum 2: middle. Hence two drums in all.", "B"),
        ],
    ),
    # inverse
    (
        nearer("curtain", "vase"),
        ["curtain", "vase"],
        [
            ("You would get to the vase before you get to the curtain.", "B"),
            ("Walking forward, one would bump into the vase first.", "B"),
            ("From where we stand, the vase comes first and the curtain after it.", "B"),
            ("The curtain is the one that's farther away.", "B"),
            ("The curtain lies beyond the vase.", "B"),
            ("The vase stands between the camera and the curtain.", "B"),
            ("The vase blocks our view of the curtain.", "B"),
            ("There is nothing between us and the curtain, while the vase stands behind it.", "A"),
            ("The curtain forms the backdrop of the vase.", "B"),
            ("The curtain is at a greater depth than the vase.", "B"),
            ("Of the two, the curtain is the farther one.", "B"),
            ("The vase partly covers the curtain.", "B"),
            ("The curtain is deeper in the scene than the vase.", "B"),
            ("The curtain is set further into the room than the vase.", "B"),
            ("Part of the curtain is hidden by the vase.", "B"),
            ("The curtain is less close to us than the vase.", "B"),
            ("The curtain can be seen behind the vase.", "B"),
            ("Behind the vase there is a curtain.", "B"),
        ],
    ),
    (
        nearer_to("door", "sofa", "chair"),
        ["sofa", "chair"],
        [
            ("The sofa is more remote from the door than the chair.", "B"),
            ("The sofa has a greater distance to the door than the chair.", "B"),
            (("The distance between the door and the sofa exceeds that between the door and the chair."), "B"),
            ("The door is closer to the chair than to the sofa.", "B"),
            ("The sofa stands farther off from the door than the chair does.", "B"),
            ("The chair has the door right beside it; the sofa does not.", "B"),
        ],
    ),
    (
        where("cat", "box"),
        ["left", "right"],
        [
            ("The box sits on the cat's left.", "B"),
            ("The box is right of the cat.", "A"),
            ("To the left of the cat there is a box.", "B"),
            ("The cat has the box on its left.", "B"),
            ("The box is the left one, the cat the right one.", "B"),
            ("Going from left to right, first the box, then the cat.", "B"),
        ],
    ),
    (
        where("mat", "shelf"),
        ["above", "below"],
        [
            ("The shelf is over the mat.", "B"),
            ("Above the mat hangs the shelf.", "B"),
            ("The mat has the shelf above it.", "B"),
            ("The shelf is higher than the mat.", "B"),
            ("Under the shelf you can see the mat.", "B"),
            ("The shelf rests on top of the mat.", "B"),
        ],
    ),
    # paraphrase
    (
        nearer("cup", "jar"),
        ["cup", "jar"],
        [
            ("The mug is the nearest thing to the lens.", "A"),
            ("that would be the jar", "B"),
            ("Red box.", "A"),
            ("the one in blue", "B"),
            ("The item outlined in blue is closer.", "B"),
            ("The jar has less depth.", "B"),
            ("The jar's closer.", "B"),
            ("The jar is at the front of the scene.", "B"),
            ("Depth-wise, the jar comes first.", "B"),
            ("The jar is the object with the smallest distance to the camera.", "B"),
        ],
    ),
    (
        where("cup", "jar"),
        ["left", "right"],
        [
            ("It's to the left.", "A"),
            ("left-hand side", "A"),
            ("To its right.", "B"),
            ("The cup is found at the jar's left.", "A"),
        ],
    ),
    (
        where("cup", "jar"),
        ["above", "below"],
        [
            ("higher up", "A"),
            ("Beneath it.", "B"),
            ("The cup is sitting atop the jar.", "A"),
            ("The cup is lower.", "B"),
        ],
    ),
    # three
    (
        "Which object is closest to the camera?",
        ["sofa", "table", "lamp"],
        [
            ("The table is nearer than both the sofa and the lamp.", "B"),
            ("First comes the lamp, then the table, and last the sofa.", "C"),
            ("The sofa is behind the table, and the lamp is behind the sofa.", "B"),
            ("Both the sofa and the lamp are behind the table.", "B"),
            ("Neither the sofa nor the lamp: it's the table.", "B"),
            ("In front of everything stands the table.", "B"),
            ("The table is in front of the other two.", "B"),
            ("The order from near to far is lamp, table, sofa.", "C"),
            ("The sofa is farthest, the lamp is in the middle and the table is nearest.", "B"),
            ("The sofa is closer than the table.", None),
            ("The lamp is not the closest.", None),
            ("The sofa is closer than the lamp, and the table is closer than the sofa.", "B"),
            ("Not the sofa and not the table, so the lamp.", "C"),
            ("Either the sofa or the lamp.", None),
        ],
    ),
    (
        "Which object is farthest from the camera?",
        ["sofa", "table", "lamp"],
        [
            ("The sofa is nearest, the lamp is next and the table comes last.", "B"),
            ("The table is behind the sofa and the lamp.", "B"),
            ("No object is farther away than the lamp.", "C"),
            ("sofa 2 m, table 5 m, lamp 3 m", "B"),
        ],
    ),
    (
        "Where is the cat relative to the sofa?",
        ["left", "right", "above", "below"],
        [
            ("Not on the sides, but above it.", "C"),
            ("The sofa is below the cat.", "C"),
            ("It's above and to the left.", None),
        ],
    ),
    # metric
    (
        nearer("bus", "tram"),
        ["bus", "tram"],
        [
            ("bus ≈ 12 m, tram ≈ 30 m", "A"),
            ("The bus is 12 m away. The tram is 30 m away.", "A"),
            ("Bus: 30 m. Tram: 12 m.", "B"),
            ("I estimate 30 m for the bus and 12 m for the tram.", "B"),
            ("The bus is around 8 meters from the camera, the tram around 20.", "A"),
            ("The distance to the bus is 4 feet, the distance to the tram is 10 feet.", "A"),
            ("The bus is at 90 cm and the tram at 2 m.", "A"),
            ("The tram is 3 m further from the camera than the bus.", "A"),
            ("The bus is 3 m wide and the tram is 2.5 m wide.", None),
            ("The bus is 3 m tall and the tram is 4 m long.", None),
            ("The bus is 3 m long and the tram is 4 m long.", None),
            ("The height of the bus is 3 m, that of the tram 4 m.", None),
            ("Both are about 10 m away.", None),
            ("The bus is 10 m away and the tram is 10 m away.", None),
            ("The bus is 12 m away.", None),
        ],
    ),
    (
        nearer_to("desk", "lamp", "sofa"),
        ["lamp", "sofa"],
        [
            ("lamp to desk: 0.4 m; sofa to desk: 2.5 m", "A"),
            ("The lamp is 40 cm from the desk, the sofa 2.5 m.", "A"),
            ("desk-lamp = 2.2 m, desk-sofa = 0.9 m", "B"),
            ("The desk is 2.2 m from the lamp and 0.9 m from the sofa.", "B"),
            ("Distance (desk, lamp) ≈ 0.5 m\nDistance (desk, sofa) ≈ 3 m", "A"),
            (("The sofa is roughly 3 meters away from the desk, whereas the lamp is only half a meter away."), "A"),
            ("The lamp is 3 m from the camera and the sofa is 2 m from the camera.", None),
        ],
    ),
    (
        where("bus", "tram"),
        ["left", "right"],
        [
            ("bus: x=600, tram: x=150. So the bus is right of the tram.", "B"),
        ],
    ),
    # lang
    (
        where("cup", "jar"),
        ["left", "right"],
        [
            ("Die Tasse steht links.", "A"),
            ("A la derecha.", "B"),
            ("à gauche", "A"),
            ("左边", "A"),
            ("在右侧", "B"),
            ("右", "B"),
        ],
    ),
    (
        where("cup", "jar"),
        ["above", "below"],
        [
            ("arriba", "A"),
            ("en dessous", "B"),
            ("unterhalb", "B"),
            ("上方", "A"),
        ],
    ),
    (
        nearer("cup", "jar"),
        ["cup", "jar"],
        [
            ("答案：A", "A"),
            ("选A", "A"),
            ("应该选 B", "B"),
            ("La respuesta correcta es B.", "B"),
            ("Antwort: B", "B"),
            ("Die Antwort lautet B.", "B"),
            ("Le jar est plus proche de la caméra.", "B"),
            ("El jar está más cerca de la cámara.", "B"),
            ("Der jar ist näher an der Kamera.", "B"),
            ("jar 更近", "B"),
            ("jar 离相机更近。", "B"),
            ("正解はBです。", "B"),
            ("정답은 B입니다.", "B"),
            ("Правильный ответ: B", "B"),
            ("La risposta giusta è la B.", "B"),
            ("No puedo determinarlo.", None),
            ("我无法判断。", None),
        ],
    ),
    (
        "How many boats are in the image?",
        ["1", "2", "3", "4"],
        [
            ("Es gibt drei Boote.", "C"),
            ("Il y a deux bateaux.", "B"),
            ("Ci sono quattro barche.", "D"),
            ("图中有三艘船。", "C"),
            ("Há duas barcas.", "B"),
        ],
    ),
    # an article's letters at the end of a word
    (
        nearer("soda can", "sofa bed"),
        ["soda can", "sofa bed"],
        [
            ("The soda can partly hides the sofa bed.", "A"),
            ("The sofa bed covers part of the soda can.", "B"),
            ("The can is closer.", "A"),
            ("A soda can.", "A"),
        ],
    ),
    # broken
    (
        where("cup", "jar"),
        ["left", "right"],
        [
            ("the cup is rigth of the jar", "B"),
            ("lefft", "A"),
        ],
    ),
    (
        where("cup", "jar"),
        ["above", "below"],
        [
            ("belwo", "B"),
            ("The cup is benath the jar.", "B"),
        ],
    ),
    (
        nearer("cup", "jar"),
        ["cup", "jar"],
        [
            ("anwser: B", "B"),
            ("<answr>B</answr>", "B"),
            ("<answer>B<answer>", "B"),
            ("<answer>B</anwser>", "B"),
            ("answer>B</answer>", "B"),
            ("{answer: B}", "B"),
            ("{'answer': 'B'", "B"),
            ("\\boxed{B", "B"),
            ("((B))", "B"),
            ("[B", "B"),
            ("**(B**", "B"),
            ("Answer - B", "B"),
            ("B B B B B B B", "B"),
            ("jar is closer jar is closer jar is closer jar is", "B"),
            ("THE JAR IS CLOSER", "B"),
            ("The jar is clsoer.", "B"),
            ("closer: jar", "B"),
            ("Answer:B)jar", "B"),
            ("A.B.", None),
        ],
    ),
]


@pytest.mark.parametrize(
    ("text", "choices", "question", "expected"),
    [(text, choices, question, letter) for question, choices, texts in TEXTS for text, letter in texts],
)
def test_read(text: str, choices: list[str], question: str, expected: str | None) -> None:
    assert parse_answer(text, choices, question=question).letter == expected
