"""What a report says besides accuracies: simple rules, overlap with training pictures, cautions, headlines."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from eval_samples import bench_rows, replay, write_answers, write_published
from PIL import Image
from small_dataset import change, make_rows, write_dataset

from reinforcesight.eval.benchmarks.load import load_benchmark
from reinforcesight.eval.evaluate import evaluate
from reinforcesight.eval.overlap import find_overlap, training_set_of
from reinforcesight.eval.results import Accuracy, Results
from reinforcesight.eval.shortcuts.rules import rule_hits
from reinforcesight.eval.verdicts import cautions, clearly_better, headline
from reinforcesight.export.cv_bench import to_cv_bench
from reinforcesight.jobs.record import RunRecord
from reinforcesight.scene import Scene


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("data") / "mine", {"test": make_rows(range(16), per_axis=4)})


def replayed(folder: Path, benchmark: Path, responses: dict[str, str], **more: Any) -> Results:
    folder.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps({"id": name, "response": text}) for name, text in responses.items()]
    (folder / "answers.jsonl").write_text("\n".join(lines))
    return evaluate(replay(benchmark, folder / "answers.jsonl", folder / "r.json", report=True, **more))


def test_the_rules_about_boxes_against_the_scenes(dataset: Path) -> None:
    benchmark = load_benchmark(str(dataset))
    hits = rule_hits(benchmark, seed=0)
    checked = 0
    for item in benchmark.items:
        scene, evidence = Scene.from_json(item.scene or ""), json.loads(item.evidence or "")
        first, second = scene[evidence["subject"]], scene[evidence["reference"]]
        if item.task == "Depth":
            assert first.depth is not None
            assert second.depth is not None
            nearer, other = (first, second) if first.depth < second.depth else (second, first)
            assert hits["the lower one is nearer"][item.id] == (nearer.box[3] > other.box[3])
            area = {o.id: (o.box[2] - o.box[0]) * (o.box[3] - o.box[1]) for o in (nearer, other)}
            assert hits["the larger box is nearer"][item.id] == (area[nearer.id] > area[other.id])
            checked += 1
        else:
            assert item.id not in hits["the lower one is nearer"]
    assert checked > 40


def test_rules_that_are_learnt_do_not_see_the_picture_that_they_answer(dataset: Path) -> None:
    hits = rule_hits(load_benchmark(str(dataset)), seed=0)
    for rule in ("majority by noun", "a classifier that reads only the text"):
        right = list(hits[rule].values())
        assert 0.3 < sum(right) / len(right) < 0.7, "names and letters are random here"


def test_a_model_that_follows_a_rule_is_told_apart(dataset: Path, tmp_path: Path) -> None:
    benchmark = load_benchmark(str(dataset))
    lower = rule_hits(benchmark, seed=0)["the lower one is nearer"]
    wrong = {"A": "B", "B": "A"}
    follows = {i.id: f"({i.gold if lower.get(i.id, True) else wrong[i.gold]})" for i in benchmark.items}
    results = replayed(tmp_path / "follows", dataset, follows)
    depth = [s for s in results.shortcuts if s.task == "Depth" and s.rule == "the lower one is nearer"]
    assert [(s.accuracy.correct, s.beaten) for s in depth] == [(depth[0].model.correct, False)]
    text = (tmp_path / "follows" / "r.md").read_text()
    sees = replayed(tmp_path / "sees", dataset, {i.id: f"({i.gold})" for i in benchmark.items})
    assert all(s.beaten for s in sees.shortcuts)
    assert not any("rule" in caution for caution in cautions(sees))
    best = max((s for s in results.shortcuts if s.task == "Depth"), key=lambda s: s.accuracy.accuracy or 0)
    assert not best.beaten
    below = best.model.correct < best.accuracy.correct
    assert f"right is {'less than' if below else 'not significantly better than'} the rule “{best.rule}”" in text
    assert "the lower one is nearer" in (tmp_path / "sees" / "r.html").read_text()


def encoded(data: bytes) -> bytes:
    buffer = io.BytesIO()
    Image.open(io.BytesIO(data)).convert("RGB").save(buffer, "JPEG", quality=80)
    return buffer.getvalue()


def test_pictures_of_the_training_set_are_found(tmp_path: Path) -> None:
    trained = write_dataset(tmp_path / "train", {"train": make_rows(range(6)), "test": make_rows([9])})
    asked = [
        *make_rows([4], source="annotated"),  # another source, equal picture
        *(change(row, image=encoded(row.image), source_id="photo.jpg", id=f"x{row.id}") for row in make_rows([5])),
        *(change(row, source_id="rendered-2", id=f"y{row.id}") for row in make_rows([7])),  # equal source
        *make_rows([9]),  # only in the training set's test split
        *make_rows([8]),
    ]
    items = load_benchmark(str(write_dataset(tmp_path / "bench", {"test": asked}))).items
    found = find_overlap(items, trained)
    assert (found.pictures, found.training_pictures) == (5, 6)
    assert (found.same_source, found.same_looks) == (1, 2)
    assert set(found.examples) == {"annotated-4", "photo.jpg", "rendered-2"}
    assert found.questions == sum(item.cluster in set(found.examples) for item in items)
    assert found.complete


def test_overlap_is_said_at_the_top(tmp_path: Path) -> None:
    rows = make_rows(range(3))
    trained = write_dataset(tmp_path / "train", {"train": rows, "test": rows})
    benchmark = load_benchmark(str(trained))
    model = tmp_path / "model"
    model.mkdir()
    RunRecord(model, {"data": {"path": str(trained)}}).save()
    assert training_set_of(str(model)) == trained
    results = replayed(
        tmp_path / "out", trained, {i.id: f"({i.gold})" for i in benchmark.items}, model_path=str(model)
    )
    assert results.overlap is not None
    assert results.overlap.questions == len(benchmark.items)
    for ending in ("html", "md"):
        text = (tmp_path / "out" / f"r.{ending}").read_text()
        assert 0 < text.index("3 of 3 pictures of this benchmark") < text.index("Relation")


def test_only_cv_bench_is_called_cv_bench(dataset: Path, tmp_path: Path) -> None:
    folder = tmp_path / "held_out" / "cv-bench"
    to_cv_bench(dataset, folder, scenes=True)
    benchmark = load_benchmark(str(folder))
    assert benchmark.name == "held_out (rendered)"
    replayed(tmp_path / "out", folder, {item.id: "(A)" for item in benchmark.items})
    for ending in ("json", "html", "md"):
        text = (tmp_path / "out" / f"r.{ending}").read_text().lower()
        assert "held_out (rendered)" in text
        assert " on cv-bench" not in text
    published = write_published(tmp_path / "cv-bench", bench_rows(2), "split")
    assert load_benchmark(str(published)).name == "cv-bench"


def test_small_sets_and_guessing_are_said(dataset: Path, tmp_path: Path) -> None:
    benchmark = load_benchmark(str(dataset))
    other = {"A": "B", "B": "A"}
    wrong = replayed(tmp_path / "wrong", dataset, {i.id: f"({other[i.gold]})" for i in benchmark.items})
    assert any(text.startswith("Only ") for text in cautions(wrong))
    assert any(text.startswith("Below guessing") for text in cautions(wrong))
    half = {i.id: f"({i.gold if at % 2 else other[i.gold]})" for at, i in enumerate(benchmark.items)}
    assert any(t.startswith("Not better than guessing") for t in cautions(replayed(tmp_path / "h", dataset, half)))


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [(0.5, 1.0, "From "), (1.0, 0.5, "Worse: from "), (0.7, 0.7, "No significant difference: ")],
)
def test_the_headline_obeys_its_test(before: float, after: float, expected: str, tmp_path: Path) -> None:
    rows = bench_rows(20, 20)
    folder = write_published(tmp_path / "bench", rows, "split")
    runs = []
    for name, right in (("before", before), ("after", after)):
        logged = write_answers(tmp_path / f"{name}.log.jsonl", rows, right=right)
        output, baseline = tmp_path / f"{name}.json", tmp_path / "before.json" if name == "after" else None
        runs.append(evaluate(replay(folder, logged, output, tasks="all", baseline=baseline)))
    base, tuned = runs
    assert tuned.paired is not None
    assert headline(tuned.paired, base, tuned).startswith(expected)


def test_better_only_where_the_intervals_are_apart():
    def accuracy(low, high):
        return Accuracy(accuracy=(low + high) / 2, correct=1, n=2, low=low, high=high, method="wilson")

    assert clearly_better(accuracy(0.6, 0.7), accuracy(0.5, 0.59))
    assert not clearly_better(accuracy(0.52, 0.62), accuracy(0.5, 0.6))
    assert not clearly_better(accuracy(0.5, 0.59), accuracy(0.6, 0.7))
