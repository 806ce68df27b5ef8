"""Rows and completions for the tests of rewards."""

from __future__ import annotations

import json
import random
import re

from question_scenes import random_question

from reinforcesight.data_gen.questions.compose import Question
from reinforcesight.scene import Scene, SceneObject


def columns(scene: Scene, question: Question) -> dict:
    """The data set's columns that rewards read."""
    return {
        "question": question.question,
        "choices": list(question.choices),
        "answer": question.answer,
        "scene": scene.to_json(),
        "evidence": json.dumps(question.evidence),
    }


def random_row(seed: int, **options) -> tuple[dict, Question]:
    scene, _, question, _ = random_question(random.Random(seed), **options)
    return columns(scene, question), question


def thing(name: str, box: tuple, depth: float, object_id=None) -> SceneObject:
    middle = ((box[0] + box[2]) / 2 - 320, (box[1] + box[3]) / 2 - 240)
    return SceneObject(
        id=object_id or name,
        name=name,
        box=box,
        depth=depth,
        depth_spread=0.01,
        centre=(middle[0] * depth / 500, middle[1] * depth / 500, depth),
        thickness=0.05,
        masked=True,
    )


# cat: far left, low, near. dog: middle, low, as near as the cat. bird: right, high, far.
SCENE = Scene(
    width=640,
    height=480,
    depth_unit="m",
    objects=(
        thing("cat", (40, 300, 120, 380), 2.0),
        thing("dog", (280, 295, 380, 385), 2.05),
        thing("black bird", (520, 40, 590, 110), 6.0),
    ),
)


def row(
    subject="cat",
    reference="dog",
    relation="left",
    *,
    anchor=None,
    choices=("left", "right"),
    answer="(A)",
    question="Where is the cat located with respect to the dog?",
    scene=SCENE,
    boxes=(),
) -> dict:
    evidence = {
        "subject": subject,
        "reference": reference,
        "anchor": anchor,
        "relation": relation,
        "boxes": list(boxes),
    }
    return {
        "question": question,
        "choices": list(choices),
        "answer": answer,
        "scene": scene.to_json(),
        "evidence": json.dumps(evidence),
    }


def says(reasoning: str, answer: str = "(A) left") -> str:
    return f"<think>{reasoning}</think><answer>{answer}</answer>"


def swapped_options(data: dict, completion: str) -> tuple[dict, str]:
    """The same question and completion with its two options in the other order."""
    letters = {"A": "B", "B": "A"}
    text = re.sub(
        r"\((A|B)\)|\b(option )(A|B)\b",
        lambda m: f"({letters[m[1]]})" if m[1] else f"{m[2]}{letters[m[3]]}",
        completion,
        flags=re.IGNORECASE,
    )
    answer = f"({letters[data['answer'][1]]})"
    return {**data, "choices": data["choices"][::-1], "answer": answer}, text


def renamed(data: dict, completion: str, names: dict[str, str]) -> tuple[dict, str]:
    """The same question and completion with every object called otherwise."""
    pattern = re.compile("|".join(rf"\b{re.escape(n)}\b" for n in sorted(names, key=len, reverse=True)))

    def put(text: str) -> str:
        return pattern.sub(lambda m: names[m[0]], text)

    scene = json.loads(data["scene"])
    for item in scene["objects"]:
        item["name"] = names[item["name"]]
    return {
        **data,
        "question": put(data["question"]),
        "choices": [put(choice) for choice in data["choices"]],
        "scene": json.dumps(scene),
    }, put(completion)
