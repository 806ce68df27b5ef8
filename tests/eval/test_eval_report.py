"""The report: complete, offline, and safe with whatever a model wrote."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from eval_samples import bench_rows, replay, write_answers, write_parquet, write_published

from reinforcesight.eval.benchmarks.load import load_benchmark
from reinforcesight.eval.config import EvaluateConfig
from reinforcesight.eval.evaluate import evaluate
from reinforcesight.eval.report import question_picture


class Outline(HTMLParser):
    """Collects what a page would load, and checks that tags close."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.scripts = 0
        self.entries: list[dict[str, str | None]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.links += [str(values[name]) for name in ("src", "href") if name in values]
        self.scripts += tag == "script"
        if tag == "article":
            self.entries.append(values)
        if tag not in ("meta", "br", "image", "link", "img", "input"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if self.open and self.open[-1] == tag:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def parse(path: Path) -> Outline:
    outline = Outline()
    outline.feed(path.read_text())
    assert outline.open == []
    return outline


@pytest.fixture
def reported(tmp_path: Path) -> Path:
    rows = bench_rows(8, 8)
    folder = write_published(tmp_path / "bench", rows, "split")
    for name, right in (("base", 0.5), ("tuned", 0.8)):
        logged = write_answers(tmp_path / f"{name}.log.jsonl", rows, right=right)
        if name == "tuned":
            with logged.open() as lines:
                answers = [json.loads(line) for line in lines]
            answers[40]["response"] = "<think>x</think><script>alert(1)</script><img src=http://example.org/x>"
            logged.write_text("".join(json.dumps(a) + "\n" for a in answers))
        output, baseline = tmp_path / f"{name}.json", tmp_path / "base.json" if name == "tuned" else None
        title = f"{name} <b>model</b>"
        evaluate(replay(folder, logged, output, title=title, tasks="all", report=True, baseline=baseline))
    return tmp_path / "tuned.json"


def test_the_page_needs_nothing_else(reported: Path) -> None:
    page = parse(reported.with_suffix(".html"))
    assert page.links
    assert all(link.startswith("data:image/jpeg;base64,") for link in page.links)
    assert page.scripts == 1  # its own
    text = reported.with_suffix(".html").read_text()
    assert "&lt;script&gt;alert(1)" in text
    assert "tuned &lt;b&gt;model&lt;/b&gt;" in text


def test_every_figure_and_failure_is_there(reported: Path) -> None:
    results = json.loads(reported.read_text())
    text = reported.with_suffix(".html").read_text()
    for cell in (results["micro"], results["macro"], *results["per_task"].values()):
        assert f"{100 * cell['accuracy']:.1f}" in text
        assert f"{100 * cell['low']:.1f} to {100 * cell['high']:.1f}" in text
    wrong = [a for a in map(json.loads, reported.with_suffix(".jsonl").read_text().splitlines()) if not a["correct"]]
    page = parse(reported.with_suffix(".html"))
    assert len(page.entries) == len(wrong)
    assert {e["data-task"] for e in page.entries} == {a["task"] for a in wrong}
    base = {
        a["item"]: a["correct"] for a in map(json.loads, (reported.parent / "base.jsonl").read_text().splitlines())
    }
    assert sum(e["data-baseline"] == "right in the baseline" for e in page.entries) == sum(
        base[a["item"]] for a in wrong
    )


def test_protocols_side_by_side(tmp_path: Path) -> None:
    rows = bench_rows(8, 8)
    folder = write_published(tmp_path / "bench", rows, "split")
    for name, right in (("base", 0.4), ("tuned", 0.8)):
        logged = write_answers(tmp_path / f"{name}.log.jsonl", rows, right=right)
        output, baseline = tmp_path / f"{name}.json", tmp_path / "base.json" if name == "tuned" else None
        evaluate(replay(folder, logged, output, protocols="direct,reason", title=name, report=True, baseline=baseline))
    read = {p.name: json.loads(p.read_text()) for p in tmp_path.glob("*.json")}
    assert set(read) == {"base.json", "base.direct.json", "tuned.json", "tuned.direct.json"}
    assert [read[n]["protocol"]["name"] for n in ("tuned.direct.json", "tuned.json")] == ["direct", "reason"]
    assert read["base.json"]["paired"]["title"] == "base, direct"
    assert read["tuned.direct.json"]["paired"]["title"] == "base, direct"
    assert read["tuned.direct.json"]["paired"]["same_protocol"]
    paired = read["tuned.json"]["paired"]
    assert paired["title"] == "base, reason"
    assert set(paired["per_task"]) == {"Relation", "Depth", "Distance"}
    assert all(t["p_adjusted"] >= t["p_value"] for t in paired["per_task"].values())
    assert paired["test"]["detectable"] > 0
    page = (tmp_path / "tuned.html").read_text()
    assert "tuned, direct" in page
    assert "Holm" in page
    for wrong in ("direct", "direct,direct", "direct,other", "blind,grey"):
        with pytest.raises(ValueError, match="at least two of"):
            EvaluateConfig(model_path="m", protocols=wrong)


def test_the_markdown_table(reported: Path) -> None:
    text = reported.with_suffix(".md").read_text()
    results = json.loads(reported.read_text())
    cells = [results["micro"], results["macro"], *results["per_task"].values()]
    shown = [f"{100 * c['accuracy']:.1f} ({100 * c['low']:.1f} to {100 * c['high']:.1f})" for c in cells]
    assert f"| tuned <b>model</b> | {' | '.join(shown)} |" in text
    assert "McNemar" in text
    assert f"Official CV-Bench: {100 * results['official']['cv_bench']['accuracy']:.1f}" in text


def test_a_run_without_any_answer_still_reports(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [{**row, "answer": "(Z)"} for row in bench_rows()]
    path = write_parquet(tmp_path / "b.parquet", rows)
    logged = write_answers(tmp_path / "a.jsonl", bench_rows(), right=1)
    output = tmp_path / "r.json"
    results = evaluate(replay(path, logged, output, report=True))
    assert results.exit_code == 1
    assert results.micro.accuracy is None
    assert "can't be scored" in output.with_suffix(".html").read_text()


def test_boxes_of_the_objects_asked_about(tmp_path: Path) -> None:
    scene = {
        "width": 56,
        "height": 56,
        "objects": [
            {"id": i, "name": name, "box": [i, 2, i + 10, 20]} for i, name in enumerate(("cup", "lamp", "bed"))
        ],
    }
    evidence = {"subject": 1, "reference": 0, "anchor": None, "boxes": [{"object": 0, "colour": "red"}]}
    row = {**bench_rows()[8], "scene": json.dumps(scene), "evidence": json.dumps(evidence)}
    plain = {**row, "idx": 99, "scene": "no scene"}
    first, second = load_benchmark(str(write_parquet(tmp_path / "b.parquet", [row, plain]))).items
    shown, bare = question_picture(first), question_picture(second)
    assert shown is not None
    assert bare is not None
    assert [(box.role, box.name, box.x, box.width) for box in shown.boxes] == [("subject", "lamp", 1.0, 10.0)]
    assert bare.boxes == ()
