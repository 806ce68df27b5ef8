"""Exports of annotation tools as they come: folders, names, ids, and what is said if nothing can be read."""

from __future__ import annotations

import json
import shutil
import unicodedata

import pytest
from annotated_support import Folder, pixels, rejection
from PIL import Image

from reinforcesight.data_gen.config import GenerateConfig
from reinforcesight.data_gen.pipeline import generate
from reinforcesight.data_gen.sources.annotated.source import AnnotatedSource
from reinforcesight.errors import InputError


def export(root, annotation_file, pictures):
    """Two objects in each picture; ``pictures`` maps the file name in the JSON to the path of the picture."""
    folder = Folder(root)
    for number, (name, path) in enumerate(pictures.items(), start=1):
        folder.entry(name)
        folder.box([2, 3, 10, 12], image=number)
        folder.box([40, 20, 12, 20], 2, image=number)
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels()).save(root / path)
    (root / annotation_file).parent.mkdir(parents=True, exist_ok=True)
    (root / annotation_file).write_text(json.dumps(folder.data))
    return root


BENCHMARK_FORMATS = {
    "cvat": ("annotations/instances_default.json", {"a.png": "images/default/a.png"}),
    "coco": ("annotations/instances_val.json", {"a.png": "val/a.png"}),
    "fiftyone": ("labels.json", {"a.png": "data/a.png"}),
    "roboflow": ("train/_annotations.coco.json", {"a_png.rf.12.png": "train/a_png.rf.12.png"}),
    "label studio on Windows": ("result.json", {"images\\a.png": "images/a.png"}),
    "label studio, percent signs": ("result.json", {"images/my%20desk.png": "images/my desk.png"}),
    "label studio, local files": ("result.json", {"/data/local-files/?d=media/a.png": "images/media/a.png"}),
    "label studio, upload": ("result.json", {"/data/upload/3/7f-a.png": "images/7f-a.png"}),
    "absolute paths of another machine": ("labels.json", {"/home/someone/photos/a.png": "photos/a.png"}),
    "accents in the other form": (
        "labels.json",
        {unicodedata.normalize("NFC", "café.png"): unicodedata.normalize("NFD", "data/café.png")},
    ),
    "capitals of Windows": ("labels.json", {"Images\\\\A.PNG": "images/a.png"}),
    "another machine's drive": ("labels.json", {"C:\\\\photos\\\\a.png": "data/photos/a.png"}),
    "address with a query": ("labels.json", {"https://example.org/media/a.png?X-Date=1": "data/a.png"}),
    "same name in two folders": ("labels.json", {"x/a.png": "data/x/a.png", "y/a.png": "data/y/a.png"}),
}


@pytest.mark.parametrize("layout", BENCHMARK_FORMATS)
def test_exports_are_read_as_they_come(tmp_path, layout):
    annotation_file, pictures = BENCHMARK_FORMATS[layout]
    export(tmp_path, annotation_file, pictures)
    for given in (tmp_path, tmp_path / annotation_file):
        source = AnnotatedSource(given)
        assert [len(source.load(index).scene.objects) for index in range(len(pictures))] == [2] * len(pictures)
        assert [source.read(i).path for i in range(len(pictures))] == [tmp_path / path for path in pictures.values()]


def test_pictures_elsewhere(tmp_path):
    export(tmp_path / "labels", "labels.json", {"a.png": "data/a.png"})
    shutil.move(tmp_path / "labels/data", tmp_path / "photos")
    source = AnnotatedSource(tmp_path / "labels")
    before = source.fingerprint()
    with pytest.raises(Exception, match=r"'a\.png' in .*labels.* anywhere below it: give --image_root DIR"):
        source.load(0)
    found = AnnotatedSource(tmp_path / "labels", image_root=tmp_path / "photos")
    assert found.load(0).source_id == "a.png"
    assert found.fingerprint() != before
    with pytest.raises(InputError, match="no such folder"):
        AnnotatedSource(tmp_path / "labels", image_root=tmp_path / "absent")


def test_a_name_with_several_files_is_not_guessed(tmp_path):
    folder = Folder(export(tmp_path, "labels.json", {"a.png": "one/a.png"}))
    (tmp_path / "two").mkdir()
    shutil.copy(tmp_path / "one/a.png", tmp_path / "two/a.png")
    folder.entry("a.png")
    error = rejection(folder)
    assert error.reason == "missing_file"
    assert "one/a.png, two/a.png" in error.detail


def test_two_entries_never_get_the_same_file(tmp_path):
    folder = Folder(export(tmp_path, "labels.json", {"x/a.png": "data/a.png"}))
    folder.entry("x/a.png")
    folder.entry("y/a.png")
    assert [rejection(folder, index).reason for index in (0, 1)] == ["missing_file"] * 2


def test_links_out_of_the_folder_are_not_found_by_name(tmp_path):
    (tmp_path / "outside").mkdir()
    Image.fromarray(pixels()).save(tmp_path / "outside/a.png")
    folder = Folder(tmp_path / "data")
    (tmp_path / "data/images/deep").mkdir(parents=True)
    (tmp_path / "data/images/deep/a.png").symlink_to(tmp_path / "outside/a.png")
    folder.entry("a.png")
    assert rejection(folder).reason == "path_leaves_folder"


def test_text_and_floats_are_the_same_ids(tmp_path):
    folder = Folder(tmp_path)
    folder.picture(id="7")
    folder.picture("b.png", id=8.0)
    folder.data["categories"] = [
        {"id": "1", "name": "chair"},
        {"id": 2.0, "name": "table"},
        {"id": "x", "name": "lamp"},
    ]
    for image, category in ((7, 1), ("7.0", "2"), (7.0, "x"), ("8", 1.0)):
        folder.box([2 + 15 * len(folder.data["annotations"]), 3, 10, 12], category, image=image)
    folder.box([2, 3, 10, 12], image=8.5)
    source = folder.source()
    assert [item.name for item in source.load(0).scene.objects] == ["chair", "table", "lamp"]
    assert [item.name for item in source.load(1).scene.objects] == ["chair"]
    assert [(p.reason, "8.5" in p.detail) for p in source.problems()] == [("unknown_image", True)]


def test_a_picture_given_as_annotations_is_named(tmp_path):
    Image.fromarray(pixels()).save(tmp_path / "a.png")
    with pytest.raises(InputError, match=r"got a PNG picture.*--source image_folder"):
        AnnotatedSource(tmp_path / "a.png")


def test_what_cannot_be_asked_is_named_and_mended_input_is_taken(tmp_path):
    folder = Folder(export(tmp_path / "in", "annotations.json", {f"{n}.png": f"{n}.png" for n in range(3)}))
    folder.data = json.loads((folder.root / "annotations.json").read_text())
    good = folder.data["categories"]
    output = tmp_path / "out"
    config = GenerateConfig(
        source="annotated", input=folder.root, output=output, num_samples=6, workers=1, splits={"train": 1}
    )
    for categories, reason in (
        ([{"id": 1, "name": "3"}, {"id": 2, "name": "left"}], "unusable_name 6; first unusable_name: 0.png: "),
        ([{"id": 1, "name": "N/A"}, {"id": 9, "name": "table"}], "unknown_category 6; first unknown_category"),
    ):
        folder.data["categories"] = categories
        folder.source()
        with pytest.raises(InputError, match=reason):
            generate(config)
        counted = json.loads((output / "rejections.json").read_text())["annotations"]
        assert counted[reason.split()[0]]["count"] == 6
    folder.data["categories"] = good
    folder.source()
    assert generate(config).state == "finished"
