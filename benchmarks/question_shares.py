"""What the questions of a data set are like: names without colour words, drawn boxes, forms, and a rule of thumb.

reinforcesight generate --output DIR --num_samples 3000 --seed 91
python benchmarks/question_shares.py DIR
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq

from reinforcesight.data_gen.rendering import COLOURS
from reinforcesight.pictures.drawing import BOX_COLOURS


def main() -> None:
    """Print the shares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder of the data set")
    args = parser.parse_args()
    counts: Counter[str] = Counter()
    tasks: Counter[str] = Counter()
    forms: Counter[str] = Counter()
    boxed: Counter[str] = Counter()
    for path in sorted((args.folder / "data").glob("*.parquet")):
        columns = ["task", "form", "relation", "scene", "evidence"]
        for row in pq.read_table(path, columns=columns).to_pylist():
            evidence = json.loads(row["evidence"])
            things = {item["id"]: item for item in json.loads(row["scene"])["objects"]}
            ids = [evidence[role] for role in ("subject", "reference", "anchor") if evidence[role] is not None]
            words = {word for thing in ids for word in things[thing]["name"].split()}
            tasks[row["task"]] += 1
            forms[row["form"]] += 1
            counts["names without a colour word"] += not words & set(COLOURS)
            if evidence["boxes"]:
                boxed[row["task"]] += 1
                counts["drawn boxes, and a name with the colour of a box"] += bool(words & BOX_COLOURS.keys())
            if row["task"] == "Depth":
                first, second = (things[thing]["box"][3] for thing in ids)
                counts["lower is nearer"] += (first > second) == (row["relation"] == "in front")
    total = tasks.total()
    print(f"{total} questions")
    for name in ("names without a colour word", "drawn boxes, and a name with the colour of a box"):
        print(f"{name}: {counts[name] / total:.1%}")
    print(f"drawn boxes: {boxed.total() / total:.1%}")
    for task, count in sorted(tasks.items()):
        print(f"  {task}: {count / total:.1%} of the questions, {boxed[task] / count:.1%} of them with drawn boxes")
    for form, count in forms.most_common():
        print(f"form {form}: {count / total:.1%}")
    print(f"'the lower one is nearer' answers {counts['lower is nearer'] / max(1, tasks['Depth']):.1%} of Depth")


if __name__ == "__main__":
    main()
