"""How many completions a second the reward scores on one core, and what gaming attempts earn.

Run: ``python benchmarks/reward_speed.py [--questions 256] [--generations 8]`` for the speed, and
``python benchmarks/reward_speed.py --gaming-table`` for the table of docs/log/rewards.md.

Questions are made from random scenes, in all forms. Completions are the questions' own reasoning, varied so that no
two are equal, and broken ones among them. All functions that TRL would call are called, in batches as in training.
"""

from __future__ import annotations

import argparse
import gc
import json
import platform
import random
import time
from typing import Any

from gaming_attempts import gaming_table

from reinforcesight.data_gen.questions.compose import compose, find_candidates
from reinforcesight.data_gen.questions.forms import Form, QuestionKind
from reinforcesight.data_gen.questions.templates import load_templates
from reinforcesight.grpo.reward import make_reward_functions
from reinforcesight.relations import Axis
from reinforcesight.scene import Scene, SceneObject

NAMES = ("red chair", "table", "floor lamp", "sofa", "potted plant", "tv", "bicycle", "ball", "dog", "bottle")
COLUMNS = ("question", "choices", "answer", "scene", "evidence")


def main() -> None:
    """Print the table, or the rates in processor time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gaming-table", action="store_true", help="print the table of gaming attempts and stop")
    parser.add_argument("--questions", type=int, default=256)
    parser.add_argument("--generations", type=int, default=8, help="completions per question")
    parser.add_argument("--batch", type=int, default=64, help="completions per call, as in a training step")
    parser.add_argument("--epochs", type=int, default=5, help="how often the questions come again")
    args = parser.parse_args()
    if args.gaming_table:
        print(gaming_table(), end="")
        return
    rows = make_rows(args.questions)
    total = args.questions * args.generations
    print(f"Python {platform.python_version()}, {platform.machine()}")
    print(f"{args.questions} questions, {args.generations} completions each, batches of {args.batch}")
    functions = make_reward_functions()
    gc.collect()
    gc.freeze()  # the questions stay; a collection in the middle should not be counted against the reward
    rates = []
    for epoch in range(args.epochs):
        batches = make_batches(rows, args.generations, args.batch, epoch)
        start = time.process_time()
        for completions, columns in batches:
            for function in functions:
                function(prompts=completions, completions=completions, completion_ids=None, **columns)
        rates.append(total / (time.process_time() - start))
    print(f"questions seen for the first time: {rates[0]:,.0f} completions/s")
    if rates[1:]:
        print(f"questions seen before, new completions: {max(rates[1:]):,.0f} completions/s at best,")
        print(f"  {sorted(rates[1:])[(len(rates) - 1) // 2]:,.0f} in the median of {len(rates) - 1} rounds")


def make_rows(count: int) -> list[dict[str, Any]]:
    """Questions about random scenes, in the columns of a data set and with their own completion."""
    rng = random.Random(0)
    templates = load_templates()
    rows: list[dict[str, Any]] = []
    while len(rows) < count:
        scene = make_scene(rng)
        candidates, _ = find_candidates(scene)
        axis = list(Axis)[len(rows) % 4]
        fitting = [candidate for candidate in candidates if candidate.axis is axis]
        if not fitting:
            continue
        candidate = rng.choice(fitting)
        kind = QuestionKind(
            form=rng.choice(sorted(candidate.forms, key=list(Form).index)),
            relation=rng.choice([candidate.relation, candidate.relation.inverse]),
            answer_index=rng.randint(0, 1),
            affirm=rng.random() < 0.5,
        )
        question = compose(scene, candidate, kind, templates=templates, rng=rng)
        rows.append(
            {
                "question": question.question,
                "choices": list(question.choices),
                "answer": question.answer,
                "scene": scene.to_json(),
                "evidence": json.dumps(question.evidence),
                "completion": question.completion,
            }
        )
    return rows


def make_scene(rng: random.Random) -> Scene:
    """Six objects with depth at random places."""
    objects = []
    for index, name in enumerate(rng.sample(NAMES, 6)):
        width, height = rng.uniform(40, 140), rng.uniform(40, 140)
        x, y, z = rng.uniform(0, 640 - width), rng.uniform(0, 480 - height), rng.uniform(1, 9)
        centre = ((x + width / 2 - 320) * z / 500, (y + height / 2 - 240) * z / 500, z)
        objects.append(
            SceneObject(
                id=index,
                name=name,
                box=(x, y, x + width, y + height),
                depth=z,
                depth_spread=0.02 * z,
                centre=centre,
                thickness=0.1,
                masked=True,
            )
        )
    return Scene(width=640, height=480, depth_unit="m", objects=tuple(objects))


def make_batches(
    rows: list[dict[str, Any]], generations: int, size: int, epoch: int
) -> list[tuple[list[Any], dict[str, list[Any]]]]:
    """Batches as TRL makes them: the completions of a question stand together, as messages."""
    rng = random.Random(epoch)
    flat = [
        ([{"role": "assistant", "content": vary(row, rng, f"{epoch} {copy}")}], row)
        for row in rows
        for copy in range(generations)
    ]
    batches = []
    for start in range(0, len(flat), size):
        part = flat[start : start + size]
        columns = {name: [row[name] for _, row in part] for name in COLUMNS}
        batches.append(([completion for completion, _ in part], columns))
    return batches


def vary(row: dict[str, Any], rng: random.Random, mark: str) -> str:
    """A completion unlike the others: words more in it, the other answer, missing tags, numbers."""
    completion, choices = row["completion"], row["choices"]
    text = completion.replace("</think>", f" Look {mark.replace(' ', 'x')}.</think>", 1)
    text = text if rng.random() < 0.1 else text.translate(str.maketrans("0123456789", "abcdefghij"))
    kind = rng.random()
    if kind < 0.3:
        head, tag, _ = text.rpartition("<answer>")
        other = 1 - "AB".index(row["answer"][1])
        return f"{head}{tag}({'AB'[other]}) {choices[other]}</answer>"
    if kind < 0.35:
        return text.replace("</think>", "")
    if kind < 0.4:
        return text.replace("<answer>", "The answer is ").replace("</answer>", "")
    return text


if __name__ == "__main__":
    main()
