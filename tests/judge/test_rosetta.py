"""The comparison with the reading rules of public harnesses."""

import json

import pytest
from judge_rosetta import CORPUS, cambrian_rule, compare, lmms_eval_rule, read_rows, table, vlmevalkit_rule

PAIR = ["chair", "table"]


@pytest.mark.parametrize(
    ("rule", "text", "letter"),
    [
        (lmms_eval_rule, "(B) table", "B"),
        (lmms_eval_rule, " b.", "B"),
        (lmms_eval_rule, "Based on the picture, the chair.", "B"),
        (lmms_eval_rule, "The table.", None),
        (vlmevalkit_rule, "The answer is (B).", "B"),
        (vlmevalkit_rule, "B, since everything in the picture points that way", None),
        (vlmevalkit_rule, "A or B", None),
        (vlmevalkit_rule, "the table", "B"),
        (cambrian_rule, "I looked. The answer is (B) table.", "B"),
        (cambrian_rule, "Answer: a", "A"),
        (cambrian_rule, "The table.", None),
    ],
)
def test_rules(rule, text, letter):
    assert rule(text, PAIR) == letter


def test_table_of_a_file(tmp_path):
    path = tmp_path / "answers.jsonl"
    lines = [
        {"text": "The answer is (B), so option A is wrong.", "choices": PAIR, "letter": "B"},
        {"text": "Not sure.", "choices": PAIR, "letter": None},
    ]
    path.write_text("\n".join(map(json.dumps, lines)) + "\n\n")
    rows = read_rows(path)
    first, second = compare(rows)
    assert first == {"this project": "B", "lmms-eval": None, "VLMEvalKit": None, "Cambrian": "B"}
    assert set(second.values()) == {None}
    assert "| this project | 100.0 % | 0 | 0 | 0 |" in table(rows, [first, second])


def test_results_of_an_evaluation(tmp_path):
    path = tmp_path / "results.jsonl"
    prompt = "Which is farther, the chair or the table? Select from the following choices.\n(A) chair\n(B) table"
    path.write_text(json.dumps({"response": "The chair is closer.", "choices": PAIR, "gold": "(B)", "prompt": prompt}))
    (row,) = read_rows(path)
    assert row["gold"] == "B"
    assert compare([row])[0]["this project"] == "B"
    path.write_text('{"answer": "B"}')
    with pytest.raises(SystemExit, match="line 1"):
        read_rows(path)


def test_the_table_of_the_docs_is_true():
    page = (CORPUS.parents[2] / "docs" / "judge.md").read_text(encoding="utf-8")
    rows = read_rows(CORPUS)
    assert table(rows, compare(rows)) in page
