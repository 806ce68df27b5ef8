"""Data sets in the forms of other trainers, and the command that writes them."""

from __future__ import annotations

import inspect
import io
import json
import shutil
from importlib import import_module
from pathlib import Path

import pytest
from PIL import Image
from small_dataset import make_rows, write_dataset

from reinforcesight.cli import run
from reinforcesight.data_gen.dataset.rows import Row
from reinforcesight.data_gen.viewing.browse_pages import DatasetPages
from reinforcesight.export.command import TARGETS, ExportConfig
from reinforcesight.scene import Scene


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return make_rows(range(6))


@pytest.fixture(scope="module")
def dataset(rows: list[Row], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("data"), {"train": rows[:20], "test": rows[20:]})


def test_trl(dataset: Path, rows: list[Row], tmp_path: Path) -> None:
    from datasets import load_dataset

    assert run(["export", "--to", "trl", "--dataset", str(dataset), "--output", str(tmp_path)]) == 0
    train = load_dataset(str(tmp_path), split="train", cache_dir=str(tmp_path / "cache"))
    assert len(train) == 20
    first = train[0]
    assert first["images"][0].size == Image.open(io.BytesIO(rows[0].image)).size
    assert first["prompt"] == [{"role": "user", "content": rows[0].prompt}]
    assert first["completion"] == [{"role": "assistant", "content": rows[0].completion}]
    assert first["choices"] == list(rows[0].choices)


def test_llama_factory(dataset: Path, rows: list[Row], tmp_path: Path) -> None:
    assert run(["export", "--to", "llama-factory", "--dataset", str(dataset), "--output", str(tmp_path)]) == 0
    declared = json.loads((tmp_path / "dataset_info.json").read_text(encoding="utf-8"))
    assert set(declared) == {"reinforcesight_train", "reinforcesight_test"}
    items = json.loads((tmp_path / declared["reinforcesight_train"]["file_name"]).read_text(encoding="utf-8"))
    assert [item["id"] for item in items] == [row.id for row in rows[:20]]
    user, assistant = items[0]["messages"]
    # LLaMA-Factory wants one placeholder a picture, no more and no less.
    assert user["content"].count("<image>") == len(items[0]["images"]) == 1
    assert assistant["content"] == rows[0].completion
    assert (tmp_path / items[0]["images"][0]).read_bytes() == rows[0].image


def test_ms_swift_shares_equal_pictures_and_finds_them_from_any_folder(
    dataset: Path, rows: list[Row], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["export", "--to", "ms-swift", "--dataset", str(dataset), "--output", "swift"]) == 0
    monkeypatch.chdir("/")
    lines = (tmp_path / "swift/train.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 20
    fourth = json.loads(lines[3])
    assert fourth["messages"][0]["role"] == "user"
    assert Path(fourth["images"][0]).read_bytes() == rows[3].image
    files = list((tmp_path / "swift/images").iterdir())
    assert len(files) == len({row.image for row in rows})


def test_fiftyone_samples_have_boxes_notes_and_a_file_each(dataset: Path, rows: list[Row], tmp_path: Path) -> None:
    copy = tmp_path / "set"
    shutil.copytree(dataset, copy)
    pages = DatasetPages(copy)
    pages.post("/annotate/3", {"tags": ["odd"], "comment": "two mugs", "excluded": True})
    assert run(["export", "--to", "fiftyone", "--dataset", str(copy), "--output", str(tmp_path / "fo")]) == 0
    samples = json.loads((tmp_path / "fo/samples.json").read_text(encoding="utf-8"))["samples"]
    assert len({sample["filepath"] for sample in samples}) == len(samples) == len(pages)
    fourth, row = samples[3], rows[3]
    assert (tmp_path / "fo" / fourth["filepath"]).read_bytes() == row.image
    assert fourth["tags"] == ["train", "odd", "excluded"]
    assert fourth["comment"] == "two mugs"
    assert fourth["relation"] == {"_cls": "Classification", "label": row.relation}
    scene, evidence = Scene.from_json(row.scene), json.loads(row.evidence)
    for found in fourth["objects"]["detections"]:
        left, top, width, height = found["bounding_box"]
        item = scene[evidence[found["role"]]]
        assert found["label"] == item.name
        box = (left * 160, top * 120, (left + width) * 160, (top + height) * 120)
        assert box == pytest.approx(item.box)
    about = json.loads((tmp_path / "fo/metadata.json").read_text())
    assert "version" not in about  # by which FiftyOne takes it as plain JSON
    assert about["info"]["questions"] == len(samples)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--to", "trl"], "--dataset"),
        (["--to", "merged-model"], "--model_path"),
        (["--to", "trl", "--dataset", "nowhere"], "no such data set"),
        (["--to", "trl", "--dataset", "x", "--push_to_hub", "a/b"], "merged-model"),
        (["--to", "somewhere"], "somewhere"),
    ],
)
def test_mistakes_are_one_line(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["export", *arguments, "--output", str(tmp_path / "out")]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


def test_broken_parquet_is_named(dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = tmp_path / "broken" / "data"
    broken.mkdir(parents=True)
    whole = next((dataset / "data").glob("train-*.parquet")).read_bytes()
    (broken / "train-00000-of-00001.parquet").write_bytes(whole[: len(whole) // 2])
    assert run(["export", "--to", "ms-swift", "--dataset", str(broken.parent), "--output", str(tmp_path / "o")]) == 2
    assert "train-00000-of-00001.parquet" in capsys.readouterr().err


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_is_one_line_of_the_table(name: str) -> None:
    target = TARGETS[name]
    function = getattr(import_module(f"reinforcesight.export.{target.module}"), target.function)
    assert set(target.settings) <= inspect.signature(function).parameters.keys()
    assert set(target.settings) <= ExportConfig.model_fields.keys()


def test_a_picture_that_a_killed_run_left_half_is_written_again(dataset: Path, tmp_path: Path) -> None:
    arguments = ["export", "--to", "ms-swift", "--dataset", str(dataset), "--output", str(tmp_path)]
    assert run(arguments) == 0
    picture = next((tmp_path / "images").iterdir())
    whole = picture.read_bytes()
    picture.write_bytes(whole[:100])
    assert run(arguments) == 0
    assert picture.read_bytes() == whole


# Work files and the tables of other projects are no data sets.
PARQUET_READERS = {
    "data_gen/dataset/reader.py",
    "data_gen/scanning/work_files.py",
    "data_gen/sources/narrated/narrative_files.py",
}


def test_data_sets_are_read_in_one_place() -> None:
    package = Path(__file__).parents[2] / "src" / "reinforcesight"
    readers = ("pq.ParquetFile(", "pq.read_table(", "pq.read_schema(", "pq.read_metadata(", "read_parquet(")
    found = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if any(call in path.read_text(encoding="utf-8") for call in readers)
    }
    assert found == PARQUET_READERS
