"""Wherever the package judges an answer, the judge gets the question: some answers mean nothing without it."""

from __future__ import annotations

import ast
from pathlib import Path
from types import SimpleNamespace

import pytest

import reinforcesight
from reinforcesight.grpo import difficulty
from reinforcesight.grpo.config import DifficultyOptions
from reinforcesight.judge import judge, judge_row, parse_answer
from reinforcesight.tuning import accuracy
from reinforcesight.tuning.data import ANSWER_COLUMNS
from reinforcesight.tuning.settings.config import EvaluationOptions

# "nearer" says that the chair is the wrong answer, since the question asks for the farther one.
ANSWER = "The chair is nearer to the camera."
ROW = {
    "id": "q",
    "task": "Depth",
    "question": "Which object is farther from the camera, the chair or the table?",
    "choices": ["chair", "table"],
    "answer": "(B)",
    "prompt": [{"role": "user", "content": "..."}],
}


def test_the_reading_depends_on_the_question():
    assert parse_answer(ANSWER, ROW["choices"], ROW["question"]).letter == "B"
    assert parse_answer(ANSWER, ROW["choices"]).letter == "A"
    assert judge(ANSWER, ROW["choices"], ROW["answer"], ROW["question"]).correct
    assert judge_row(ANSWER, ROW).correct
    with pytest.raises(KeyError):
        judge_row(ANSWER, {name: value for name, value in ROW.items() if name != "question"})


@pytest.fixture
def spoken(monkeypatch):
    """A model that always gives ``ANSWER``."""

    def generate(model, processor, texts, pictures, *_, **__):
        return [SimpleNamespace(text=ANSWER, finished=True) for _ in texts]

    for module in (accuracy, difficulty):
        monkeypatch.setattr(module, "generate_text", generate)
        monkeypatch.setattr(module, "decode_picture", lambda row: None)


@pytest.mark.usefixtures("spoken")
def test_accuracy_in_training():
    assert "question" in ANSWER_COLUMNS
    rows = [{name: ROW[name] for name in ROW if name in ANSWER_COLUMNS}]
    [answer] = accuracy.judge_generated(None, None, rows, EvaluationOptions())
    assert (answer.letter, answer.correct) == ("B", True)


@pytest.mark.usefixtures("spoken")
def test_pass_rates(tmp_path):
    class View(list):
        ids = ("q",)

    model = SimpleNamespace(device=SimpleNamespace(type="cpu"))
    rates = difficulty.rate_questions(
        model,
        None,
        View([ROW]),
        DifficultyOptions(samples=2),
        path=tmp_path / "rates.jsonl",
        depends_on={},
        temperature=1.0,
        max_new_tokens=8,
        seed=0,
    )
    assert rates["q"].rate == 1.0


def test_no_call_in_the_package_leaves_it_out():
    calls = []
    for path in Path(reinforcesight.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            called = node.func if isinstance(node, ast.Call) else None
            if isinstance(called, ast.Name) and called.id in ("judge", "parse_answer"):
                calls.append(path.name)
                assert "question" in {word.arg for word in node.keywords}, f"{path}:{node.lineno}"
    assert calls
