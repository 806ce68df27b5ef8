"""Whatever a row of a benchmark holds: it is counted with its reason, and the others are scored."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest
from eval_samples import picture_bytes, replay
from hypothesis import given, settings
from hypothesis import strategies as st

from reinforcesight.errors import ConfigError, InputError
from reinforcesight.eval.benchmarks.load import load_benchmark, parse_columns
from reinforcesight.eval.evaluate import evaluate

GOOD: dict[str, Any] = {
    "question": "Which is nearer?",
    "choices": ["cup", "box"],
    "answer": "(A)",
    "task": "Depth",
    "filename": "p.png",
    "source": "COCO",
}


def line(**changed: object) -> bytes:
    return json.dumps({**GOOD, **changed}).encode()


BAD = {
    "cut": b'{"question": "Which',
    "bytes": b'{"question": "\xff\xfe"}',
    "deep": b'{"a":' + b"[" * 100_000,
    "number": b"1" * 10_000,
    "list": b"[1, 2]",
    "surrogate": line(question="\ud800"),
    "surrogate id": line(id="\udfff", answer="(Z)"),
    "surrogate task": line(task="\ud800", choices=[]),
    "nul": line(filename="a\0b"),
    "long name": line(filename="a" * 5000),
    "outside": line(filename="../../etc/passwd"),
    "folder": line(filename="."),
    "pipe": line(filename="pipe"),
    "null": line(question=None),
    "choices": line(choices={"a": 1}),
    "nan": b'{"question": NaN, "choices": [NaN], "answer": NaN, "task": NaN, "filename": NaN}',
    "image": line(image={"bytes": "text"}, filename=None),
    "no picture": line(filename="text.png"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("bench")
    (made / "p.png").write_bytes(picture_bytes(1))
    (made / "text.png").write_text("no picture")
    os.mkfifo(made / "pipe")
    return made


@pytest.mark.parametrize("name", BAD)
def test_one_bad_line_among_good_ones(name: str, folder: Path, tmp_path: Path) -> None:
    (folder / "test.jsonl").write_bytes(b"\n".join([BAD[name], line(id="1"), BAD[name], line(id="2")]))
    (tmp_path / "a.jsonl").write_text("".join(json.dumps({"id": i, "response": "(A)"}) + "\n" for i in ("1", "2")))
    results = evaluate(replay(folder, tmp_path / "a.jsonl", tmp_path / "r.json", report=True))
    assert results.micro.correct == results.n_scored == 2
    assert len(results.broken) == 2 or len(results.unanswered) == 2
    assert results.exit_code == 1
    stored = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert all(row["problem"] for row in stored["broken"])
    assert (tmp_path / "r.html").exists()


def test_columns_of_another_file(tmp_path: Path) -> None:
    picture = picture_bytes(1, (120, 120))
    head = ["index", "image", "question", "A", "B", "C", "answer", "category"]
    rows = [
        ["1", base64.b64encode(picture).decode() * 1, "Where?", "left", "right", "", "B", "side"],
        ["2", base64.b64encode(picture).decode(), "Which?", "cup", "box", "hat", "hat", "thing"],
        ["3", "%%%" * 900, "Which?", "cup", "box", "hat", "A", "thing"],
    ]
    table = tmp_path / "b.tsv"
    table.write_text("\n".join("\t".join(row) for row in [head, *rows]) + "\n")
    columns = parse_columns("id=index,choices=A+B+C,task=category")
    found = load_benchmark(str(table), columns=columns)
    assert [(i.id, i.choices, i.gold, i.task) for i in found.items] == [
        ("1", ("left", "right"), "B", "side"),
        ("2", ("cup", "box", "hat"), "C", "thing"),
    ]
    assert [b.id for b in found.broken] == ["3"]
    (tmp_path / "p.png").write_bytes(picture)
    lines = [{"ask": "Fits it?", "label": "Yes", "file": "p.png"}, {"ask": "On it?", "label": "no", "file": "p.png"}]
    (tmp_path / "b.jsonl").write_text("\n".join(map(json.dumps, lines)))
    found = load_benchmark(str(tmp_path / "b.jsonl"), columns=parse_columns("question=ask,answer=label,filename=file"))
    assert [(i.choices, i.gold) for i in found.items] == [(("yes", "no"), "A"), (("yes", "no"), "B")]
    with pytest.raises(InputError, match="missing column asked; found ask, label, file"):
        load_benchmark(str(tmp_path / "b.jsonl"), columns=parse_columns("question=asked,answer=label,filename=file"))
    for wrong in ("question", "what=ask", "question="):
        with pytest.raises(ConfigError, match="expected ours=theirs"):
            parse_columns(wrong)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(st.characters(), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from([*GOOD, "id", "idx", "image", "prompt", "scene", "type"]), ANYTHING))
def test_any_values(tmp_path_factory: pytest.TempPathFactory, row: dict[str, Any]) -> None:
    folder = tmp_path_factory.mktemp("any")
    (folder / "p.png").write_bytes(picture_bytes(1))
    (folder / "test.jsonl").write_bytes(b"\n".join([line(id="1"), json.dumps({**GOOD, **row}).encode()]))
    found = load_benchmark(str(folder), tasks=["all"])
    assert len(found.items) + len(found.broken) == 2
    json.dumps([[b.id, b.task, b.detail] for b in found.broken], ensure_ascii=False).encode()
