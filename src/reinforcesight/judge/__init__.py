"""The answer parser and the verdict, used by data checks, training rewards and evaluation alike.

See docs/judge.md, and docs/judge-rules.md for the rules in order.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from reinforcesight.judge.options import choice_texts, compile_options
from reinforcesight.judge.parse import parse_answer
from reinforcesight.judge.records import AnswerStatus, ParsedAnswer, Verdict
from reinforcesight.protocol import LETTERS

__all__ = ["AnswerStatus", "ParsedAnswer", "Verdict", "judge", "judge_row", "parse_answer"]

_GOLD_LETTER = re.compile(r"\s*(?:\(\s*([A-Za-z])\s*\)|([A-Za-z])[.):]?)\s*(.*)", re.DOTALL)


def judge_row(text: str, row: Mapping[str, Any]) -> Verdict:
    """Compare an output with the answer of a data set's row.

    Raises:
        KeyError: The row lacks the column ``question``, ``choices`` or ``answer``.
    """
    return judge(text, row["choices"], row["answer"], question=row["question"])


def judge(text: str, choices: Sequence[str], gold: str, question: str | None = None) -> Verdict:
    """Compare an output with the gold answer.

    Args:
        text: Raw output, any string.
        choices: The options in letter order.
        gold: "(A)", "A", "a", "(A) left" or the text of an option.
        question: The question as asked; see `parse_answer`.

    Returns:
        The verdict. A broken item (no choices, more than 26, gold not among them) is not scorable; no error is raised.
    """
    answer = parse_answer(text, choices, question=question)
    gold_letter, problem = _gold_letter(gold, choices)
    if gold_letter is None:
        return Verdict(False, answer.letter, None, answer.status, answer.rule, False, f"not scorable: {problem}")
    correct = answer.letter == gold_letter
    if answer.letter is None:
        explanation = f"no letter ({answer.status}, {answer.rule}); gold is {gold_letter}"
    else:
        explanation = f"{answer.letter} by {answer.rule}; gold is {gold_letter}"
    return Verdict(correct, answer.letter, gold_letter, answer.status, answer.rule, True, explanation)


def _gold_letter(gold: str, choices: Sequence[str]) -> tuple[str | None, str]:
    """Return the letter of the gold answer, or None and the reason why the item is broken."""
    texts = choice_texts(choices)
    if not texts:
        return None, "the item has no choices"
    if len(texts) > len(LETTERS):
        return None, f"{len(texts)} choices, but only {len(LETTERS)} letters"
    wanted, named = _folded(gold), [_folded(text) for text in texts]
    lettered = _GOLD_LETTER.fullmatch(str(gold))
    if lettered:
        index = LETTERS.find((lettered[1] or lettered[2]).upper())
        rest = _folded(lettered[3])
        # A choice may itself be a letter; gold means the letter of the position, unless the item lacks that letter.
        if index < len(texts) and rest in ("", named[index]):
            return LETTERS[index], ""
        if not rest and wanted not in named:
            return None, f"gold {gold!r} is beyond the choices"
    if named.count(wanted) > 1:
        return None, f"gold {gold!r} names {named.count(wanted)} choices"
    if wanted in named:
        return LETTERS[named.index(wanted)], ""
    index_by_name = compile_options(tuple(texts), None).index_of(wanted)
    if index_by_name is not None and index_by_name >= 0:
        return LETTERS[index_by_name], ""
    return None, f"gold {gold!r} is not among the choices"


def _folded(text: object) -> str:
    return " ".join(str(text).split()).casefold()
