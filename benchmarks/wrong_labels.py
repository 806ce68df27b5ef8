"""What wrong labels in the training data cost: accuracy of nano after SFT on data with a known share of wrong labels.

    python benchmarks/wrong_labels.py RUN --output DIR [--shares 0.02 0.05 0.1 0.2] [--seeds 0 1] [--relations behind]

RUN is the folder of a finished quickstart; its training set and its held-out benchmark are used. A wrong label is
what an error of perception makes: two objects are exchanged, so that the answer and the whole reasoning state the
opposite relation, and agree with each other. Validation keeps its true labels. `--relations` adds data in which only
questions of these relations are wrong; the share is then that of the relation's own questions. A second call goes on
where the first one stopped.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from reinforcesight.data_gen.dataset.reader import find_files
from reinforcesight.data_gen.questions.compose import Candidate, compose
from reinforcesight.data_gen.questions.forms import Form, QuestionKind, ReasoningStyle
from reinforcesight.data_gen.questions.templates import load_templates
from reinforcesight.eval.results import read_results
from reinforcesight.jobs.table import table_lines
from reinforcesight.protocol import LETTERS
from reinforcesight.relations import Axis, Relation
from reinforcesight.scene import Scene
from reinforcesight.story.folder import RunFolder

NANO_WORDING = ReasoningStyle(places=1.0, letters=1.0, fixed_wording=True)


def recompose(row: dict[str, Any], *, wrong: bool) -> tuple[str, str, str]:
    """Write a row's answer, its text and the completion again; ``wrong``: with the two objects exchanged.

    Raises:
        ValueError: The wording is not nano's: true labels don't give the stored text.
    """
    scene, evidence = Scene.from_json(row["scene"]), json.loads(row["evidence"])
    form, relation = Form(row["form"]), Relation(evidence["relation"])
    subject, reference = evidence["subject"], evidence["reference"]
    right, affirm = LETTERS.index(row["answer"][1]), row["answer_text"] == "yes"
    if wrong:
        names = {subject: scene[reference].name, reference: scene[subject].name}
        objects = [o.model_copy(update={"name": names.get(o.id, o.name)}) for o in scene.objects]
        scene, right, affirm = scene.model_copy(update={"objects": tuple(objects)}), 1 - right, not affirm
    # The question keeps its words. If the answer is a name, the relation asked for stays, and the other object has it;
    # otherwise the object that is asked about now has the other's place.
    is_word = row["answer_text"] in {"yes", "no", *(each.value for each in Relation)}
    question = compose(
        scene,
        Candidate(
            axis=Axis(evidence["axis"]),
            subject=subject,
            reference=reference,
            anchor=evidence["anchor"],
            relation=relation,
            margin=row["margin"],
            evidence=evidence["values"],
            forms=frozenset(Form),
        ),
        QuestionKind(relation.inverse if wrong and is_word else relation, form, right, affirm),
        templates=load_templates(),
        rng=random.Random(0),
        style=NANO_WORDING,
    )
    if list(question.choices) != row["choices"]:
        raise ValueError(f"{row['id']}: the options changed from {row['choices']} to {question.choices}")
    if not wrong and question.completion != row["completion"][0]["content"]:
        raise ValueError(f"{row['id']}: not in nano's wording: {row['completion'][0]['content']}")
    return question.answer, question.answer_text, question.completion


def spoil(dataset: Path, output: Path, share: float, relation: Relation | None, seed: int) -> int:
    """Write a data set with wrong labels in a share of the training questions; return how many are wrong."""
    (output / "data").mkdir(parents=True, exist_ok=True)
    rng, count = random.Random(seed), 0
    for file in find_files(dataset):
        table = pq.read_table(file.path)
        rows = table.to_pylist()
        if file.split == "train":
            chosen = [i for i, row in enumerate(rows) if relation in (None, Relation(row["relation"]))]
            for index in rng.sample(chosen, round(share * len(chosen))):
                recompose(rows[index], wrong=False)
                answer, text, completion = recompose(rows[index], wrong=True)
                if answer == rows[index]["answer"]:
                    raise ValueError(f"{rows[index]['id']}: the answer stayed")
                said = [{"role": "assistant", "content": completion}]
                rows[index] |= {"answer": answer, "answer_text": text, "completion": said}
                count += 1
        pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), output / "data" / file.path.name)
    return count


def train_and_evaluate(run: Path, dataset: Path, output: Path, seed: int) -> None:
    """SFT as in the run, with another seed, and the run's evaluation with reasoning on the held-out benchmark."""
    settings = yaml.safe_load(RunFolder(run).settings.read_text(encoding="utf-8"))["sft"] | {"seed": seed}
    recipe = output / "sft.yaml"
    recipe.write_text(yaml.safe_dump(settings), encoding="utf-8")
    model, results = output / "sft", output / "results.json"
    command = [sys.executable, "-m", "reinforcesight"]
    benchmark = str(RunFolder(run).benchmark("held_out"))
    generation = ["--batch_size", "256", "--max_new_tokens", "112"]
    steps = [
        ["sft", "--config", str(recipe), "--dataset", str(dataset), "--output", str(model)],
        ["evaluate", "--model_path", str(model), "--benchmark", benchmark, "--output", str(results), *generation],
    ]
    for words in steps:
        subprocess.run([*command, *words], check=True, stdout=subprocess.DEVNULL)
    shutil.rmtree(model)


def conditions(shares: list[float], relations: list[Relation]) -> Iterator[tuple[str, float, Relation | None]]:
    yield "none", 0.0, None
    for relation in [None, *relations]:
        for share in shares:
            yield f"{100 * share:g} % of {'all' if relation is None else relation.value}", share, relation


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="folder of a finished quickstart")
    parser.add_argument("--output", type=Path, required=True, help="folder for the results")
    parser.add_argument("--shares", type=float, nargs="+", default=[0.02, 0.05, 0.1, 0.2], help="of wrong labels")
    parser.add_argument("--relations", type=Relation, nargs="*", default=[], help="relations that are wrong alone")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1], help="seeds of the wrong labels and of SFT")
    args = parser.parse_args()
    tasks = ["Relation", "Depth", "Distance"]
    rows = []
    for name, share, relation in conditions(args.shares, args.relations):
        found, wrong = [], 0
        for seed in args.seeds:
            folder = args.output / f"{name.replace(' ', '_').replace('%', 'percent')}-{seed}"
            wrong = spoil(RunFolder(args.run).dataset, folder / "dataset", share, relation, seed)
            if not (folder / "results.json").exists():
                train_and_evaluate(args.run, folder / "dataset", folder, seed)
            shutil.rmtree(folder / "dataset")
            found.append(read_results(folder / "results.json"))
        figures = [[r.micro.accuracy for r in found], *([r.per_task[task].accuracy for r in found] for task in tasks)]
        if relation is not None:
            figures.append([r.per_relation[relation.value].accuracy for r in found])
        means = [f"{100 * statistics.mean(values):.1f}" for values in figures]
        each = " ".join(f"{100 * value:.1f}" for value in figures[0])
        rows.append([name, str(wrong), means[0], each, *means[1:4], means[4] if relation is not None else ""])
        header = ["wrong", "labels", "accuracy", "each seed", *tasks, "that relation"]
        print("\n".join(table_lines(header, rows)), flush=True)


if __name__ == "__main__":
    main()
