"""The finished data set: opens as it is, is balanced and split by picture, and every answer follows from its scene."""

from __future__ import annotations

import io
import json
import math
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
import yaml
from click.testing import CliRunner
from PIL import Image
from pipeline_support import ALL_SPLITS, EVEN, digests, rows, run, write_annotated

from reinforcesight.cli import cli
from reinforcesight.config import load_config
from reinforcesight.data_gen.config import GenerateConfig
from reinforcesight.data_gen.dataset.rows import COLUMNS, arrow_schema
from reinforcesight.data_gen.perception.config import PerceptionConfig
from reinforcesight.data_gen.pipeline import generate
from reinforcesight.errors import ConfigError, InputError
from reinforcesight.judge import judge

pytestmark = pytest.mark.timeout(240)
REAL = Path(__file__).parents[3] / "shared" / "real_inputs"


def make(output: Path, **values) -> GenerateConfig:
    config = GenerateConfig.model_validate(
        {"output": output, "workers": 1, "gallery": {"samples": 4}, **EVEN, **values}
    )
    assert generate(config).exit_code == 0
    return config


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Path:
    """160 questions about annotated pictures with depth."""
    source = write_annotated(tmp_path_factory.mktemp("annotated"), 60)
    output = tmp_path_factory.mktemp("made") / "dataset"
    make(output, source="annotated", input=source, num_samples=160, rows_per_file=50)
    return output


def test_files_and_columns(dataset):
    names = sorted(path.name for path in (dataset / "data").iterdir())
    assert names == [
        "test-00000-of-00001.parquet",
        "train-00000-of-00003.parquet",
        "train-00001-of-00003.parquet",
        "train-00002-of-00003.parquet",
        "validation-00000-of-00001.parquet",
    ]
    others = {path.name for path in dataset.iterdir()}
    assert others == {"data", "README.md", "manifest.json", "rejections.json", "gallery.html"}
    manifest = json.loads((dataset / "manifest.json").read_text())
    assert {f["name"]: f["sha256"] for f in manifest["files"]} == digests(dataset)
    assert manifest["rows"] == {"train": 144, "validation": 8, "test": 8}
    assert manifest["shortfalls"] == []


def test_datasets_opens_it_as_it_is(dataset, tmp_path, monkeypatch):
    import datasets

    monkeypatch.setenv("HF_DATASETS_OFFLINE", "1")
    loaded = datasets.load_dataset(str(dataset), cache_dir=str(tmp_path))
    assert {name: split.num_rows for name, split in loaded.items()} == {
        "train": 144,
        "validation": 8,
        "test": 8,
    }
    train = loaded["train"]
    assert tuple(train.column_names) == COLUMNS
    assert isinstance(train.features["image"], datasets.Image)
    assert train.features.arrow_schema.equals(arrow_schema())
    row = train[0]
    assert row["image"].size == (160, 120)
    assert row["prompt"][0]["role"] == "user"
    assert [message["role"] for message in row["completion"]] == ["assistant"]
    assert isinstance(row["prompt"][0]["content"], str)


def test_it_is_what_trl_takes(dataset):
    trl = pytest.importorskip("trl.data_utils")
    for row in list(rows(dataset))[:10]:
        example = {"prompt": row["prompt"], "completion": row["completion"]}
        assert trl.is_conversational(example)


def test_balance(dataset):
    counts: dict[str, Counter] = defaultdict(Counter)
    for row in rows(dataset, "relation", "form", "answer", "choices", "answer_text"):
        for name in ("relation", "form", "answer"):
            counts[name][row[name]] += 1
        if row["form"] == "yes_no":
            counts["yes_no"][row["answer_text"]] += 1
    assert set(counts["relation"].values()) == {20}
    assert len(counts["relation"]) == 8
    assert set(counts["form"].values()) == {32}
    assert len(counts["form"]) == 5
    assert counts["answer"] == {"(A)": 80, "(B)": 80}
    assert counts["yes_no"] == {"yes": 16, "no": 16}


def test_no_picture_is_in_two_splits(dataset):
    splits = defaultdict(set)
    for row in rows(dataset, "source_id"):
        splits[row["source_id"]].add(row["split"])
    assert all(len(found) == 1 for found in splits.values())
    assert {split for found in splits.values() for split in found} == set(ALL_SPLITS)


def test_equal_pictures_under_two_names_share_a_split(tmp_path):
    source = write_annotated(tmp_path / "in", 12)
    coco = json.loads((source / "annotations.json").read_text())
    for entry in list(coco["images"]):
        (source / f"copy_{entry['file_name']}").write_bytes((source / entry["file_name"]).read_bytes())
        copy = {**entry, "id": entry["id"] + 100, "file_name": f"copy_{entry['file_name']}"}
        coco["images"].append(copy)
        shared = [a for a in coco["annotations"] if a["image_id"] == entry["id"]]
        for annotation in shared:
            number = len(coco["annotations"]) + 1
            coco["annotations"].append({**annotation, "id": number, "image_id": copy["id"]})
    (source / "annotations.json").write_text(json.dumps(coco))
    make(tmp_path / "out", source="annotated", input=source, num_samples=96)
    splits = defaultdict(set)
    for row in rows(tmp_path / "out", "source_id"):
        splits[row["source_id"].removeprefix("copy_")].add(row["split"])
    assert all(len(found) == 1 for found in splits.values())
    assert {split for found in splits.values() for split in found} == set(ALL_SPLITS)


def _holds(relation: str, subject: dict, reference: dict, anchor: dict | None) -> bool:
    """Whether a relation holds, from the stored scene alone and by other means than the product's."""
    x, y = ((o["box"][0] + o["box"][2], o["box"][1] + o["box"][3]) for o in (subject, reference))
    first, second = {
        "left": (x[0], y[0]),
        "right": (y[0], x[0]),
        "above": (x[1], y[1]),
        "below": (y[1], x[1]),
        "in front": (subject["depth"], reference["depth"]),
        "behind": (reference["depth"], subject["depth"]),
        "closer": (0.0, 0.0),
        "farther": (0.0, 0.0),
    }[relation]
    if anchor is not None:
        near, far = (math.dist(o["centre"], anchor["centre"]) for o in (subject, reference))
        first, second = (near, far) if relation == "closer" else (far, near)
    return first < second


def test_every_answer_follows_from_its_scene(dataset):
    names: dict[str, str] = {}
    for row in rows(dataset):
        scene, evidence = json.loads(row["scene"]), json.loads(row["evidence"])
        objects = {item["id"]: item for item in scene["objects"]}
        subject, reference = objects[evidence["subject"]], objects[evidence["reference"]]
        anchor = None if evidence["anchor"] is None else objects[evidence["anchor"]]
        assert _holds(row["relation"], subject, reference, anchor), row["id"]
        if row["form"] == "yes_no":
            yes = _holds(evidence["asked"], subject, reference, anchor)
            assert row["answer_text"] == ("yes" if yes else "no")
        elif row["answer_text"] not in (row["relation"], subject["name"]):
            assert row["form"] == "cvbench_boxes"
            assert row["answer_text"].startswith(subject["name"])
        letter = "AB".index(row["answer"][1])
        assert row["choices"][letter] == row["answer_text"]
        assert len(set(row["choices"])) == 2
        verdict = judge(row["completion"][0]["content"], row["choices"], row["answer"])
        assert verdict.correct, row["completion"]
        names[row["id"]] = row["source_id"]
    assert len(names) == 160


def test_boxes_are_drawn_where_the_form_asks_for_them(dataset):
    pictures = defaultdict(dict)
    for row in rows(dataset, "source_id", "form", "image", "evidence"):
        pixels = np.asarray(Image.open(io.BytesIO(row["image"]["bytes"])).convert("RGB"))
        drawn = bool(json.loads(row["evidence"])["boxes"])
        assert drawn == (row["form"] == "cvbench_boxes")
        pictures[row["source_id"]].setdefault(drawn, []).append(pixels)
    compared = 0
    for found in pictures.values():
        plain = found.get(False, [])
        assert all((p == plain[0]).all() for p in plain)
        for boxed in found.get(True, []):
            if plain:
                compared += 1
                assert 0 < (boxed != plain[0]).any(axis=2).mean() < 0.3
    assert compared > 5


def test_the_card_says_what_is_there(dataset):
    text = (dataset / "README.md").read_text()
    _, header, body = text.split("---\n", 2)
    card = yaml.safe_load(header)
    assert [f["split"] for f in card["configs"][0]["data_files"]] == list(ALL_SPLITS)
    assert [f["name"] for f in card["dataset_info"]["features"]] == list(COLUMNS)
    assert "visual-question-answering" in card["task_categories"]
    assert "| relation: left | 20 |" in body
    assert "--num_samples 160" in body


def test_jpeg_stays_jpeg_and_depth_is_not_needed(tmp_path):
    source = write_annotated(tmp_path / "in", 12, depth=False, suffix="jpg")
    make(tmp_path / "out", source="annotated", input=source, num_samples=40)
    relations = Counter()
    for row in rows(tmp_path / "out"):
        image = Image.open(io.BytesIO(row["image"]["bytes"]))
        assert image.format == "JPEG"
        assert row["image"]["path"].endswith(".jpg")
        relations[row["relation"]] += 1
        if row["form"] == "cvbench_boxes":
            assert image.layer[1][1:3] == image.layer[0][1:3] == (1, 1)  # 4:4:4
        else:
            assert row["image"]["bytes"] == (source / row["source_id"]).read_bytes()
    assert relations == {"left": 10, "right": 10, "above": 10, "below": 10}
    shortfalls = json.loads((tmp_path / "out" / "manifest.json").read_text())["shortfalls"]
    assert any("in front, behind, closer, farther" in told for told in shortfalls)


def test_broken_pictures_are_named_and_the_rest_is_made(tmp_path):
    source = write_annotated(tmp_path / "in", 14)
    whole = (source / "picture0003.png").read_bytes()
    (source / "picture0003.png").write_bytes(whole[: len(whole) // 2])
    (source / "picture0007.png").unlink()
    make(tmp_path / "out", source="annotated", input=source, num_samples=40)
    rejected = json.loads((tmp_path / "out" / "rejections.json").read_text())["pictures"]
    named = {sample["source_id"] for entry in rejected.values() for sample in entry["samples"]}
    assert named == {"picture0003.png", "picture0007.png"}
    assert not named & {row["source_id"] for row in rows(tmp_path / "out", "source_id")}


def test_nothing_to_ask_is_an_error_that_says_why(tmp_path):
    source = write_annotated(tmp_path / "in", 2)
    for path in source.glob("*.png"):
        path.write_bytes(b"not a picture")
    with pytest.raises(InputError, match=r"no question can be asked about these 2 pictures .*picture0000"):
        make(tmp_path / "out", source="annotated", input=source)


def test_rendered_pictures(tmp_path):
    pytest.importorskip("embreex")
    make(tmp_path / "a", num_samples=48, picture_size=(160, 120), workers=2)
    make(tmp_path / "b", num_samples=48, picture_size=(160, 120), workers=1)
    assert digests(tmp_path / "a") == digests(tmp_path / "b")
    found = list(rows(tmp_path / "a"))
    assert set(Counter(row["relation"] for row in found).values()) == {6}
    assert {row["split"] for row in found} == set(ALL_SPLITS)
    assert {row["source"] for row in found} == {"rendered"}


def test_a_real_photograph(tmp_path):
    if not REAL.is_dir():
        pytest.skip("the real photographs are not here")
    make(tmp_path / "out", source="annotated", input=REAL / "indoor_boxes", num_samples=40)
    assert Counter(row["relation"] for row in rows(tmp_path / "out")) == dict.fromkeys(
        ("left", "right", "above", "below"), 10
    )


def test_wrong_settings_are_explained(tmp_path):
    def refused(match: str, **values) -> None:
        with pytest.raises(ConfigError, match=match):
            load_config(GenerateConfig, None, (), {"output": tmp_path, **values})

    refused("shard: .*I/N", shard="4/4")
    refused("needs --input", source="annotated")
    refused("takes no input", input=tmp_path)
    refused("num_samples", num_samples=0)
    refused("forms", forms={"cvbench": 0})
    refused("rows_per_fil", **{"rows_per_fil": 3})
    config = load_config(GenerateConfig, None, (), {"output": tmp_path, "forms": ["open", "cvbench"]})
    assert list(config.forms.values()) == [1.0, 1.0]
    (tmp_path / "empty").mkdir()
    for source in ("image_folder", "localized_narratives"):
        with pytest.raises(InputError, match=r"in the folder|the folder holds"):
            make(tmp_path / "out", source=source, input=tmp_path / "empty")


def test_the_main_configurations_are_valid(tmp_path):
    configs = Path(__file__).parents[2] / "configs"
    rendered = load_config(GenerateConfig, configs / "rendered.yaml", (), {"output": tmp_path})
    assert rendered == GenerateConfig(output=tmp_path)
    main = load_config(GenerateConfig, configs / "config.yaml", (), {"output": tmp_path})
    assert (main.source, main.num_samples) == ("localized_narratives", 10_000)
    assert str(main.input) == "hub:HuggingFaceM4/LocalizedNarratives"
    # All else is as by default, the second detector too.
    same = {"source": "rendered", "input": None, "perception": rendered.perception}
    assert main.model_copy(update=same) == rendered
    changed = {"batch_size": rendered.perception.batch_size}
    assert main.perception.second_grounding_model is not None
    assert main.perception.model_copy(update=changed) == rendered.perception


def test_the_second_detector_goes_with_the_first_by_default_alone():
    assert PerceptionConfig().second_grounding_model is not None
    assert PerceptionConfig(grounding_model="folder").second_grounding_model is None
    both = PerceptionConfig(grounding_model="folder", second_grounding_model="other")
    assert both.second_grounding_model == "other"
    assert PerceptionConfig.model_validate(PerceptionConfig().model_dump()) == PerceptionConfig()


def test_the_command_takes_flags_with_dashes(tmp_path):
    source = write_annotated(tmp_path / "in", 3)
    flags = [
        "--source",
        "annotated",
        "--input",
        str(source),
        "--output",
        str(tmp_path / "out"),
        "--num-samples",
        "8",
    ]
    result = CliRunner().invoke(cli, ["generate", *flags, "--workers", "1"], standalone_mode=False)
    assert result.exception is None
    assert result.return_value == 0
    done = run(source, tmp_path / "out", "--num-samples", 8)
    assert "already finished" in done.stdout
