"""The benchmark loader: published layouts, checked columns, broken rows named and kept apart."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from eval_samples import bench_rows, write_parquet, write_published

from reinforcesight.errors import InputError
from reinforcesight.eval.benchmarks.load import load_benchmark, parse_tasks
from reinforcesight.eval.items import Variant, make_request, relation_of
from reinforcesight.protocol import REASON_INSTRUCTION, Protocol, with_instruction, with_options


@pytest.mark.parametrize("layout", ["split", "single", "jsonl"])
def test_every_published_layout_gives_the_same_items(tmp_path: Path, layout: str) -> None:
    rows = bench_rows()
    benchmark = load_benchmark(str(write_published(tmp_path / layout, rows, layout)), tasks=["all"])
    assert [item.id for item in benchmark.items] == [str(row["idx"]) for row in rows]
    assert [item.picture for item in benchmark.items] == [row["image"]["bytes"] for row in rows]
    assert [item.prompt for item in benchmark.items] == [row["prompt"] for row in rows]
    reference = load_benchmark(str(write_published(tmp_path / "again", rows, "single")), tasks=["all"])
    assert benchmark.fingerprint == reference.fingerprint


def test_the_qualitative_tasks_are_the_default(tmp_path: Path) -> None:
    folder = str(write_published(tmp_path, bench_rows(), "split"))
    assert {item.task for item in load_benchmark(folder).items} == {"Relation", "Depth", "Distance"}
    assert {item.task for item in load_benchmark(folder, tasks=["Count"]).items} == {"Count"}
    assert load_benchmark(folder).available["COCO", "Count"] == 4
    assert parse_tasks("Relation, Depth") == ("Relation", "Depth")
    with pytest.raises(InputError, match="no task Size"):
        load_benchmark(folder, tasks=["Size"])


def test_the_relation_comes_from_the_gold_answer(tmp_path: Path) -> None:
    for item in load_benchmark(str(write_published(tmp_path, bench_rows(), "split")), tasks=["all"]).items:
        gold = item.choices["ABCDEFG".index(item.gold)]
        expected = {"Relation": gold, "Depth": "in front", "Distance": "closer", "Count": None}[item.task]
        assert item.relation == expected


def test_fingerprint_follows_content_and_not_the_file_name(tmp_path: Path) -> None:
    rows = bench_rows()
    first = load_benchmark(str(write_parquet(tmp_path / "a.parquet", rows)))
    assert load_benchmark(str(write_parquet(tmp_path / "b.parquet", rows))).fingerprint == first.fingerprint
    rows[-1] = {**rows[-1], "answer": "(B)" if rows[-1]["answer"] == "(A)" else "(A)"}
    assert load_benchmark(str(write_parquet(tmp_path / "c.parquet", rows))).fingerprint != first.fingerprint


def test_limit_is_spread_over_tasks_and_nested(tmp_path: Path) -> None:
    folder = str(write_published(tmp_path, bench_rows(12, 12), "split"))
    small = load_benchmark(folder, limit=6).items
    assert sorted(item.task for item in small) == ["Depth"] * 2 + ["Distance"] * 2 + ["Relation"] * 2
    assert {item.id for item in small} < {item.id for item in load_benchmark(folder, limit=9).items}
    assert {item.id for item in small} != {item.id for item in load_benchmark(folder, limit=6, seed=1).items}


@pytest.mark.parametrize("column", ["question", "choices", "answer", "task", "image"])
def test_a_missing_column_is_named(tmp_path: Path, column: str) -> None:
    rows = [{k: v for k, v in row.items() if k not in (column, "filename")} for row in bench_rows()]
    with pytest.raises(InputError, match=f"missing column.* {column}"):
        load_benchmark(str(write_parquet(tmp_path / "b.parquet", rows)))


def test_broken_rows_are_named_and_apart(tmp_path: Path) -> None:
    rows = [row for row in bench_rows() if row["task"] == "Relation"]
    rows[0] = {**rows[0], "choices": []}
    rows[1] = {**rows[1], "answer": "(C)"}
    rows[2] = {**rows[2], "answer": None}
    rows[3] = {**rows[3], "question": ""}
    rows[4] = {**rows[4], "image": {"bytes": None, "path": "../../etc/passwd"}}
    rows[5] = {**rows[5], "image": {"bytes": b"", "path": None}, "filename": None}
    benchmark = load_benchmark(str(write_parquet(tmp_path / "b.parquet", rows)))
    assert [b.problem for b in benchmark.broken] == [
        "empty choice list",
        "gold letter outside the choices",
        "gold letter outside the choices",
        "no question",
        "picture outside the data folder",
        "no picture",
    ]
    assert [b.id for b in benchmark.broken] == [str(row["idx"]) for row in rows[:6]]
    assert len(benchmark.items) == len(rows) - 6


def test_files_that_are_no_benchmark(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "b.parquet", bench_rows())
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(InputError, match="can't be read"):
        load_benchmark(str(path))
    lines = tmp_path / "b.jsonl"
    lines.write_text('{"question": "q", "choices": ["a"], "answer": "(A)", "task": "T", "filename": "x.png"}\n{"quest')
    broken = load_benchmark(str(lines)).broken
    assert [(row.problem, row.detail[:6]) for row in broken][1:] == [("not valid JSON", "line 2")]
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no benchmark"):
        load_benchmark(str(tmp_path / "empty"))
    with pytest.raises(InputError, match="no such benchmark"):
        load_benchmark(str(tmp_path / "nowhere"))


def test_repeated_ids_become_unique(tmp_path: Path) -> None:
    rows = [{**row, "idx": 7} for row in bench_rows(2, 2)]
    benchmark = load_benchmark(str(write_parquet(tmp_path / "b.parquet", rows)), tasks=["all"])
    assert len({item.id for item in benchmark.items}) == len(rows)
    assert benchmark.notes


def own_row(form: str, question: str, choices: list[str], prompt: str, number: int) -> dict[str, object]:
    """A row in the columns of our own data sets."""
    source = bench_rows()[-1]
    return {
        "id": f"r-{number}",
        "image": source["image"],
        "prompt": [{"role": "user", "content": prompt}],
        "question": question,
        "choices": choices,
        "answer": "(A)",
        "relation": "left",
        "task": "Relation",
        "form": form,
        "scene": json.dumps({"objects": []}),
        "evidence": "{}",
        "source": "rendered",
        "source_id": "scene-1",
    }


def test_own_data_sets_and_their_splits(tmp_path: Path) -> None:
    shown = with_instruction(with_options("Where is the cup?", ["left", "right"]), Protocol.REASON)
    hidden = with_instruction("Is the cup left or right of the lamp?", Protocol.REASON)
    rows = [
        own_row("cvbench", "Where is the cup?", ["left", "right"], shown, 0),
        own_row("open", "Is the cup left or right of the lamp?", ["left", "right"], hidden, 1),
    ]
    write_parquet(tmp_path / "data" / "test-00000-of-00001.parquet", rows)
    write_parquet(tmp_path / "data" / "train-00000-of-00001.parquet", rows[:1])
    benchmark = load_benchmark(str(tmp_path))
    assert benchmark.split == "test"
    listed, open_form = benchmark.items
    assert listed.prompt == with_options("Where is the cup?", ["left", "right"])
    assert listed.shows_options
    assert not open_form.shows_options
    assert open_form.prompt == "Is the cup left or right of the lamp?"
    assert listed.relation == "left"
    assert listed.cluster == "scene-1"
    with pytest.raises(InputError, match="no split 'validation', only test, train"):
        load_benchmark(str(tmp_path), split="validation")

    question = make_request(open_form, Variant.PLAIN, Protocol.REASON)
    assert question is not None
    assert question.text.count(REASON_INSTRUCTION) == 1
    direct = make_request(open_form, Variant.PLAIN, Protocol.DIRECT)
    assert direct is not None
    assert "letter" not in direct.text  # there are no letters to choose from
    assert make_request(open_form, Variant.SWAPPED, Protocol.REASON) is None


def test_swapping_moves_options_and_gold_together(tmp_path: Path) -> None:
    for item in load_benchmark(str(write_published(tmp_path, bench_rows(), "split")), tasks=["all"]).items:
        plain, swapped = (
            make_request(item, Variant.PLAIN, Protocol.DIRECT),
            make_request(item, Variant.SWAPPED, Protocol.DIRECT),
        )
        assert plain is not None
        assert swapped is not None
        assert swapped.choices == plain.choices[::-1]
        assert swapped.choices["ABCDEFG".index(swapped.gold)] == plain.choices["ABCDEFG".index(plain.gold)]
        for place, choice in enumerate(swapped.choices):
            assert f"({'ABCDEFG'[place]}) {choice}" in swapped.text
        assert swapped.text.startswith(item.question)


def test_the_hub_is_asked_for_the_pinned_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = pytest.importorskip("huggingface_hub")
    folder = write_published(tmp_path, bench_rows(), "split")
    asked: list[tuple[str, str]] = []

    def download(repository: str, *, revision: str, **_: object) -> str:
        asked.append((repository, revision))
        return str(folder)

    monkeypatch.setattr(hub, "snapshot_download", download)
    benchmark = load_benchmark("cv-bench")
    assert asked == [("nyu-visionx/CV-Bench", benchmark.revision)]
    assert re.fullmatch("[0-9a-f]{40}", str(benchmark.revision))
    assert load_benchmark("someone/bench@v1.2").revision == "v1.2"
    assert asked[1] == ("someone/bench", "v1.2")


def test_without_a_network_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def download(*_: object, **__: object) -> str:
        raise ConnectionError("name or service not known")

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    with pytest.raises(InputError, match=r"can't be downloaded.*give its folder"):
        load_benchmark("cv-bench")


@pytest.mark.parametrize(
    ("task", "gold", "question", "relation"),
    [
        ("Relation", "Left", "where is the cup?", "left"),
        (
            "Depth",
            "cup",
            "Which object is closer to the camera taking this photo, the cup or the pan?",
            "in front",
        ),
        (
            "Depth",
            "cup",
            "Which object is farther from the camera taking this photo, the cup or the pan?",
            "behind",
        ),
        ("Distance", "cup", "Which object is farther from the tree, the cup or the pan?", "farther"),
        ("Count", "2", "How many cups?", None),
    ],
)
def test_relation_of_a_row(task, gold, question, relation):
    assert relation_of(task, gold, question) == relation
