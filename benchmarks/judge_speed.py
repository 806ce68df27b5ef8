"""Outputs per second that the answer parser reads on one core, over the test corpus.

    python benchmarks/judge_speed.py [--seconds 3]

Only the compiled choices are cached between outputs, as in an evaluation or a training reward. A first pass, which
imports modules and compiles the choices, is not counted.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from pathlib import Path

from reinforcesight.judge import parse_answer

CORPUS = Path(__file__).parent.parent / "tests" / "data" / "judge_corpus.jsonl"


def main() -> None:
    """Print the rate over the whole corpus and over its short and long outputs, in processor time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0, help="processor seconds for each figure")
    seconds = parser.parse_args().seconds
    rows = [json.loads(line) for line in CORPUS.read_text(encoding="utf-8").splitlines()]
    groups = {
        "all": rows,
        "up to 40 characters": [row for row in rows if len(row["text"]) <= 40],
        "longer": [row for row in rows if len(row["text"]) > 40],
    }
    for row in rows:
        parse_answer(row["text"], row["choices"], question=row.get("question"))
    print(f"Python {platform.python_version()}, {platform.machine()}")
    for name, group in groups.items():
        done = 0
        start = time.process_time()
        while (spent := time.process_time() - start) < seconds:
            for row in group:
                parse_answer(row["text"], row["choices"], question=row.get("question"))
            done += len(group)
        mean = sum(len(row["text"]) for row in group) / len(group)
        print(f"{name}: {len(group)} outputs, {mean:.0f} characters on average, {done / spent:,.0f} outputs/s")


if __name__ == "__main__":
    main()
