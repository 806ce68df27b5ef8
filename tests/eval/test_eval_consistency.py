"""Variants of questions: their right answers are the renderer's truth, and an item counts only if all are right."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from eval_samples import bench_rows, replay, write_answers, write_published
from small_dataset import make_rows, write_dataset

from reinforcesight.eval import consistency
from reinforcesight.eval.benchmarks.load import load_benchmark
from reinforcesight.eval.config import CONSISTENCY
from reinforcesight.eval.consistency import ConsistencyRequests, parse_consistency
from reinforcesight.eval.evaluate import evaluate
from reinforcesight.eval.items import Request, Variant, make_request
from reinforcesight.protocol import Protocol

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from consistency_truth import check_picture


def test_right_answers_are_the_renderers_truth() -> None:
    counts = check_picture(2, seed=1, size=(160, 120))
    for name in CONSISTENCY:
        assert counts[name, "asked"] >= 5
        assert counts[name, "wrong"] == 0
        assert counts[name, "wrong picture"] == 0


def test_a_wrong_label_or_picture_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consistency, "_mirror", lambda scene: scene)
    monkeypatch.setattr(consistency, "_next_colour", lambda colour: "red")
    counts = check_picture(2, seed=1, size=(160, 120))
    assert counts["mirror", "wrong"] > 0
    assert counts["colours", "wrong"] + counts["colours", "wrong picture"] > 0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("rows"), {"test": make_rows(range(4), per_axis=5)})


def requests_of(folder: Path) -> list[Request]:
    items = load_benchmark(str(folder)).items
    made = ConsistencyRequests(parse_consistency("all"), Protocol.DIRECT)
    plain = [
        make_request(item, variant, Protocol.DIRECT) for item in items for variant in (Variant.PLAIN, Variant.GREY)
    ]
    return [r for r in plain if r is not None] + [r for item in items for r in made.of(item)]


def answer_log(path: Path, requests: list[Request], knows: Callable[[Request], bool]) -> Path:
    with path.open("w") as lines:
        for request in requests:
            right = "ABC".index(request.gold)
            given = right if knows(request) else 1 - right if right < 2 else 0
            text = (
                f"({'ABC'[given]}) {request.choices[given]}" if request.item.shows_options else request.choices[given]
            )
            lines.write(json.dumps({"id": request.item.id, "variant": request.variant, "text": text}) + "\n")
    return path


def replayed(folder: Path, log: Path, output: Path, **more: Any) -> Any:
    return evaluate(replay(folder, log, output, **{"protocol": "direct", **more}))


def test_an_item_counts_only_if_all_its_variants_are_right(tmp_path: Path, folder: Path) -> None:
    requests = requests_of(folder)
    log = answer_log(
        tmp_path / "log.jsonl", requests, lambda r: r.variant is not Variant.MIRROR or r.item.row % 2 == 0
    )
    plain = replayed(folder, log, tmp_path / "plain.json")
    results = replayed(folder, log, tmp_path / "r.json", consistency="all", grey=True)
    assert plain.micro == results.micro  # variants do not touch the score of the benchmark
    assert plain.consistency is None
    found = results.consistency
    assert found.plain.accuracy == 1.0
    assert found.all_right.n == len({r.item.id for r in requests})
    odd = {r.item.id for r in requests if r.variant is Variant.MIRROR and r.item.row % 2}
    assert found.all_right.correct == found.all_right.n - len(odd)
    assert {name: f.alone for name, f in found.per_variant.items() if f.alone} == {"mirror": len(odd)}
    assert found.per_variant["mirror"].breaks.correct == len(odd)
    assert found.per_variant["letters"].breaks.correct == 0
    assert results.grey.micro.accuracy == 1.0
    assert found.left_out == {}
    # Answers are kept and found again, variants included.
    kept = Counter(json.loads(line)["variant"] for line in (tmp_path / "r.jsonl").read_text().splitlines())
    assert kept == Counter(r.variant.value for r in requests)
    assert replayed(folder, log, tmp_path / "r.json", consistency="all", grey=True).run["new_answers"] == 0


def test_a_model_that_answers_about_a_grey_picture_guesses(tmp_path: Path, folder: Path) -> None:
    log = answer_log(tmp_path / "log.jsonl", requests_of(folder), lambda r: r.variant is not Variant.GREY)
    results = replayed(folder, log, tmp_path / "r.json", protocols="direct,grey", report=True)
    assert results.micro.accuracy == 1.0
    assert results.grey.micro.correct == 0
    assert "Guesses: of the questions about a grey picture" in (tmp_path / "r.html").read_text()


def test_pictures_of_variants_are_altered_and_keys_differ(folder: Path) -> None:
    requests = [r for r in requests_of(folder) if r.variant in (Variant.GREY, Variant.MIRROR, Variant.COLOURS)]
    assert all(r.picture != r.item.picture for r in requests)
    assert {r.variant for r in requests} == {Variant.GREY, Variant.MIRROR, Variant.COLOURS}


def test_other_benchmarks_get_letters_and_orders(tmp_path: Path) -> None:
    rows = [row for row in bench_rows() if row["task"] != "Count"]
    bench = write_published(tmp_path / "bench", rows, "split")
    log = write_answers(tmp_path / "a.jsonl", rows, right=1)
    variants = ConsistencyRequests(parse_consistency("all"), Protocol.REASON)
    found = [request for item in load_benchmark(str(bench)).items for request in variants.of(item)]
    assert Counter(request.variant for request in found) == dict.fromkeys(("letters", "swapped"), len(rows))
    first = next(request for request in found if request.variant is Variant.LETTERS)
    assert f"(B) {first.choices[1]}\n(A) {first.choices[0]}" in first.text
    assert first.choices == first.item.choices[::-1]
    assert "swapped" not in log.read_text()
    results = replayed(bench, log, tmp_path / "r.json", consistency="letters")
    assert results.consistency.left_out == {}
    assert len(results.unanswered) == len(rows)


def test_a_question_that_its_scene_does_not_give_has_no_variants(folder: Path) -> None:
    item = load_benchmark(str(folder)).items[0]
    for changed, reason in (
        ({"gold": "B" if item.gold == "A" else "A"}, "right option"),
        ({"question": "Where is it?", "prompt": "Where is it?"}, "another wording"),
        ({"scene": "{}"}, "can't be read"),
        ({"scene": None}, "no scene"),
    ):
        made = ConsistencyRequests(parse_consistency("nouns,mirror"), Protocol.REASON)
        assert list(made.of(type(item)(**{**vars(item), **changed}))) == []
        assert len([text for text in made.left_out if reason in text]) == 1
