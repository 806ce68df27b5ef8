"""One file of logged answers, read by this project's judge and by the rules of public harnesses: where they differ.

    python benchmarks/judge_rosetta.py [FILE.jsonl] [--show 20]

FILE has one answer a line: ``text`` or ``response``, ``choices``, and where known ``question`` or ``prompt``, and
``letter`` (what a careful reader reads; null for no answer) or ``gold``. ``results.jsonl`` of ``evaluate`` is such a
file. Without FILE the test corpus is read, to which the judge is tuned.

The rules are written here from the harnesses' code; where a harness is installed, its own function is called:

* lmms-eval, task cv_bench: the first letter of the answer, after spaces and a bracket, whatever word it begins.
* VLMEvalKit, ``can_infer``: signs removed, the only option letter that is a word, if it is among the last five words;
  else the only option whose text occurs in an answer at most twice as long as all options together.
* Cambrian, CV-Bench 3D: the first character after the last "answer is" or "answer:", or of the whole answer.
"""

from __future__ import annotations

import argparse
import json
import string
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from reinforcesight.judge import judge, parse_answer
from reinforcesight.protocol import LETTERS

CORPUS = Path(__file__).parent.parent / "tests" / "data" / "judge_corpus.jsonl"
Rule = Callable[[str, Sequence[str]], str | None]


def lmms_eval_rule(text: str, choices: Sequence[str]) -> str | None:
    """The letter with which an answer begins."""
    first = text.lstrip().lstrip("( \n\t")[:1].upper()
    return _offered(first, choices)


def vlmevalkit_rule(text: str, choices: Sequence[str]) -> str | None:
    """The one option letter, or the one option, that an answer names."""
    words = text.translate(str.maketrans(dict.fromkeys(".()[],:;!*#{}", " "))).split()
    letters = LETTERS[: len(choices)]
    named = [letter for letter in letters if letter in words]
    if len(named) == 1 and words.index(named[0]) > len(words) - 5:
        return named[0]
    if len(text) > 2 * sum(map(len, choices)):
        return None
    held = [letter for letter, choice in zip(letters, choices, strict=True) if choice.lower() in text.lower()]
    return held[0] if len(held) == 1 else None


def cambrian_rule(text: str, choices: Sequence[str]) -> str | None:
    """The first character of the answer, after its last "answer is"."""
    text = text.lower().strip()
    for words in ("answer is", "answer is:", "answer:"):
        text = text.rpartition(words)[2]
    text = text.strip().rstrip(".:,").lstrip("(").rstrip(")")
    return _offered(text[:1].upper(), choices)


def _offered(letter: str, choices: Sequence[str]) -> str | None:
    return letter if letter and letter in LETTERS[: len(choices)] else None


def _installed_lmms_eval() -> Rule | None:
    try:
        from lmms_eval.tasks.cv_bench.utils import _extract_answer_letter as extract
    except ImportError:
        return None
    return lambda text, choices: _offered(extract(text), choices)


def _installed_vlmevalkit() -> Rule | None:
    try:
        from vlmeval.utils.matching_util import can_infer
    except ImportError:
        return None

    def read(text: str, choices: Sequence[str]) -> str | None:
        found = can_infer(text, dict(zip(string.ascii_uppercase, choices, strict=False)))
        return _offered(found, choices) if found else None

    return read


def parsers() -> dict[str, Rule]:
    """Name of each harness to its way of reading."""
    own = {"lmms-eval": _installed_lmms_eval(), "VLMEvalKit": _installed_vlmevalkit(), "Cambrian": None}
    written = {"lmms-eval": lmms_eval_rule, "VLMEvalKit": vlmevalkit_rule, "Cambrian": cambrian_rule}
    return {name: own[name] or written[name] for name in written}


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The answers of a file, with the fields text, choices, question and, where known, letter."""
    rows: list[dict[str, Any]] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        given = json.loads(line)
        text = given.get("text", given.get("response"))
        if not isinstance(text, str) or not isinstance(given.get("choices"), list):
            raise SystemExit(f"{path}, line {number}: expected text (or response) and choices, got {sorted(given)}")
        question = given.get("question") or str(given.get("prompt") or "").partition(" Select from the following")[0]
        row = {"text": text, "choices": list(map(str, given["choices"])), "question": question or None}
        if "letter" in given and "gold" not in given:
            row["letter"] = given["letter"]
        elif given.get("gold") is not None:
            row["gold"] = judge("", row["choices"], str(given["gold"])).gold
        rows.append(row)
    return rows


def compare(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, str | None]]:
    """For each answer what each way of reading gives."""
    rules = parsers()
    return [
        {"this project": parse_answer(row["text"], row["choices"], question=row["question"]).letter}
        | {name: rule(row["text"], row["choices"]) for name, rule in rules.items()}
        for row in rows
    ]


def table(rows: Sequence[Mapping[str, Any]], read: Sequence[Mapping[str, str | None]]) -> str:
    """A table in Markdown: how often each agrees with the reader, and how it differs."""
    lines = ["| | agrees with the reader | another letter | a letter where there is none | none where there is one |"]
    lines.append("|---|---:|---:|---:|---:|")
    for name in read[0] if read else ():
        counts: Counter[str] = Counter()
        for row, letters in zip(rows, read, strict=True):
            wanted, found = row["letter"], letters[name]
            kind = (
                "same" if wanted == found else "missed" if found is None else "invented" if wanted is None else "other"
            )
            counts[kind] += 1
        share = f"{counts['same'] / len(rows):.1%}".replace("%", " %")
        lines.append(f"| {name} | {share} | {counts['other']} | {counts['invented']} | {counts['missed']} |")
    return "\n".join(lines)


def main() -> None:
    """Print the table, or accuracies where only the gold answer is known, and the answers that are read differently."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, nargs="?", default=CORPUS, help="answers, one JSON object a line")
    parser.add_argument("--show", type=int, default=0, help="print this many answers that are read differently")
    args = parser.parse_args()
    rows = read_rows(args.file)
    read = compare(rows)
    if all("letter" in row for row in rows):
        print(table(rows, read))
    for name in read[0] if read else ():
        scored = [letters[name] == row["gold"] for row, letters in zip(rows, read, strict=True) if row.get("gold")]
        if scored:
            print(f"{name}: {sum(scored)} of {len(scored)} right, {sum(r[name] is None for r in read)} not read")
    differ = [(row, letters) for row, letters in zip(rows, read, strict=True) if len(set(letters.values())) > 1]
    print(f"{len(rows)} answers, {len(differ)} read differently")
    for row, letters in differ[: args.show]:
        print(json.dumps({"text": row["text"][-300:], "choices": row["choices"], **letters}, ensure_ascii=False))


if __name__ == "__main__":
    main()
