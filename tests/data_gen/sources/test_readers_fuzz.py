"""Whatever a file holds, its reader gives a result or names what is wrong, and one bad item loses no other.

The number of inputs is small here; the variable REINFORCESIGHT_FUZZ multiplies it.
"""

from __future__ import annotations

import io
import json
import os
import random

import numpy as np
import pytest
from annotated_support import HEIGHT, WIDTH, pixels
from growth import calls_of
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydantic import ValidationError

from reinforcesight.config import ConfigError, load_yaml
from reinforcesight.data_gen.config import GenerateConfig
from reinforcesight.data_gen.pipeline import generate
from reinforcesight.data_gen.questions.templates import load_templates
from reinforcesight.data_gen.source import PictureRejected
from reinforcesight.data_gen.sources.annotated.depth_files import DepthRefusedError, read_depth
from reinforcesight.data_gen.sources.annotated.source import AnnotatedSource
from reinforcesight.data_gen.sources.json_values import as_id, parse_json, short
from reinforcesight.data_gen.sources.narrated.narrative_files import open_narratives
from reinforcesight.data_gen.sources.narrated.narratives import narrated_queries, read_narrative
from reinforcesight.errors import InputError
from reinforcesight.pictures.decode import PictureError, decode_rgb
from reinforcesight.sft.config import SftConfig

ROUNDS = int(60 * float(os.environ.get("REINFORCESIGHT_FUZZ", "1")))

NASTY = [
    *(b"\xff\xfe", b"\0", b"\\ud8zz", b'"\\udce9"', b"[" * 3000, b'{"a":' * 2000, b"NaN", b"-Infinity", b"1e999"),
    *(b"9" * 5000, b"null", b"true", b'""', b"\r\n", b"&a *a", b"!!python/x", "é\u0301".encode(), b"{}" * 50),
]


def mutated(rng: random.Random, data: bytes) -> bytes:
    """A copy with a few bytes changed, pieces cut out, repeated, or replaced by what readers dislike."""
    found = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(found) + 1)
        end = min(len(found), at + rng.randint(1, 30))
        found[at:end] = rng.choice(
            [b"", bytes([rng.randrange(256)]), rng.choice(NASTY), bytes(found[at:end]) * 3, rng.randbytes(4)]
        )
    return bytes(found)


def encoded(image: Image.Image, format_: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format_, **options)
    return stream.getvalue()


def coco() -> bytes:
    box = {"image_id": 1, "category_id": 1, "bbox": [2, 3, 10, 12], "segmentation": [[2, 3, 12, 3, 12, 15]]}
    rows = [{"id": n, "area": 120, "attributes": {"color": "red"}, **box} for n in range(3)]
    lens = {"fx": 60, "fy": 60, "cx": 32, "cy": 24}
    image = {"id": 1, "file_name": "a.png", "width": WIDTH, "height": HEIGHT, "depth_file_name": "d.npy"}
    images = [{**image, "intrinsics": lens}, {"id": "2", "file_name": "a%20b.png"}]
    return json.dumps({"images": images, "annotations": rows, "categories": [{"id": 1, "name": "cup"}]}).encode()


def narrative(image_id: object = "a", caption: str = "I can see a red cup and a table.") -> bytes:
    words = caption.split()
    spoken = [{"utterance": word, "start_time": n, "end_time": n + 1.0} for n, word in enumerate(words)]
    traces = [[{"x": 0.1, "y": 0.2, "t": n / 4} for n in range(4 * len(words))]]
    return json.dumps({"image_id": image_id, "caption": caption, "timed_caption": spoken, "traces": traces}).encode()


def depth_png() -> bytes:
    return encoded(Image.fromarray(np.full((HEIGHT, WIDTH), 2000, np.uint16)), "PNG")


def depth_npy() -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.full((HEIGHT, WIDTH), 2.0, np.float32))
    return stream.getvalue()


def read_annotated(folder, data):
    (folder / "annotations.json").write_bytes(data)
    (folder / "d.npy").write_bytes(depth_npy())
    Image.fromarray(pixels()).save(folder / "a.png")
    source = AnnotatedSource(folder)
    source.fingerprint()
    json.dumps([[problem.reason, problem.detail] for problem in source.problems()])
    for index in range(source.count()):
        try:
            source.load(index).scene.to_json().encode()
        except PictureRejected as error:
            error.detail.encode()
            error.source_id.encode()


def read_narratives(folder, data):
    Image.fromarray(pixels()).save(folder / "a.png")
    (folder / "n.jsonl").write_bytes(data)
    files = open_narratives(folder)
    files.fingerprint()
    for index in range(len(files.entries)):
        try:
            found = files.read(index)
        except PictureRejected as error:
            error.detail.encode()
            continue
        for record in found.records:
            try:
                asked = narrated_queries([read_narrative(record)])
            except ValueError:
                continue
            json.dumps([query.phrase for query in asked.queries]).encode()


def read_depth_file(name):
    def read(folder, data):
        (folder / name).write_bytes(data)
        assert read_depth(folder / name, width=WIDTH, height=HEIGHT).z.shape == (HEIGHT, WIDTH)

    return read


def read_picture(folder, data):
    assert decode_rgb(data).mode == "RGB"


def read_config(folder, data):
    (folder / "c.yaml").write_bytes(data)
    json.dumps(load_yaml(folder / "c.yaml", "file"), default=str)


def read_templates(folder, data):
    (folder / "t.yaml").write_bytes(data)
    load_templates(folder / "t.yaml")


TEMPLATES = b"extends: default\nyes_no:\n  left: ['Is {subject} to the left of {reference}?']\nadd:\n  yes_no: {}\n"
READERS = {
    "annotations": (read_annotated, coco()),
    "narratives": (read_narratives, b"\n".join([narrative(), narrative("b"), narrative(12)])),
    "depth.png": (read_depth_file("d.png"), depth_png()),
    "depth.npy": (read_depth_file("d.npy"), depth_npy()),
    "jpeg": (read_picture, encoded(Image.fromarray(pixels()), "JPEG")),
    "png": (read_picture, encoded(Image.fromarray(pixels()), "PNG")),
    "tiff": (read_picture, encoded(Image.fromarray(pixels()), "TIFF", compression="tiff_lzw")),
    "gif": (read_picture, encoded(Image.fromarray(pixels()).convert("P"), "GIF")),
    "yaml": (read_config, b"a: &x {b: [1, 2.5, true]}\nc: *x\nd: 2001-01-01\ne: |\n  text\n"),
    "templates": (read_templates, TEMPLATES),
}
NAMED = (InputError, ConfigError, PictureError, DepthRefusedError)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("reader", READERS)
def test_damaged_files_are_read_or_named(tmp_path, reader):
    read, data = READERS[reader]
    read(tmp_path, data)
    rng = random.Random(reader)
    found: list[str] = []
    for number in range(ROUNDS):
        damaged = mutated(rng, data)
        try:
            read(tmp_path, damaged)
        except NAMED as error:
            found.append(str(error))
        except Exception as error:  # noqa: BLE001 - any other exception is what this test looks for
            pytest.fail(f"{type(error).__name__} {error} of {reader}, round {number}: {damaged[:300]!r}")
    assert all(text.strip() and "\n" not in text for text in found)


# One bad item loses no other


BAD_LINES = [
    *(b'{"image_id": "\\ud8zz", "caption": "a"}', b'{"image_id": ' + b"9" * 5000 + b"}", b"\xff\xfe\0", b"[1, 2]"),
    *(b'{"image_id":"b","x":' + b"[" * 50_000, b'{"image_id": "b", "caption": "\\udce9 a cup"', b'{"caption": "a"}'),
    *(b'{"image_id": "b", "caption": NaN}', b'{"image_id": null}', b"\0" * 40),
]


@given(st.lists(st.sampled_from(BAD_LINES), max_size=4), st.integers(0, 4))
@settings(max_examples=25, deadline=None)
def test_bad_lines_lose_no_good_one(tmp_path_factory, lines, place):
    folder = tmp_path_factory.mktemp("lines")
    for name in ("a", "b"):
        Image.fromarray(pixels()).save(folder / f"{name}.png")
    (folder / "n.jsonl").write_bytes(b"\n".join([*lines[:place], narrative("a"), *lines[place:]]))
    files = open_narratives(folder)
    good = [files.read(index) for index in range(len(files.entries))]
    assert next(found for found in good if found.source_id == "a").records
    unread = sum(len(found.skipped) for found in good) + len(files.problems)
    parsed = sum(len(found.records) for found in good)
    assert unread + parsed == len(lines) + 1


def test_a_job_with_bad_items_does_the_rest(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    data = {"images": [], "annotations": [], "categories": [{"id": n, "name": f"{c}up"} for n, c in enumerate("cp")]}
    names = ["a.png", "caf\udce9.png", "pipe.png", "b\ud800.png", "c\0.png", "d.png"]
    for number, name in enumerate(names):
        data["images"].append({"id": number, "file_name": name, "width": WIDTH, "height": HEIGHT})
        for x in (2, 40):
            box = {"bbox": [x, 5, 12, 12], "category_id": int(x > 2), "image_id": number, "id": f"{x}\udce9"}
            data["annotations"].append(box)
    for name in ("a.png", "caf\udce9.png", "d.png"):
        Image.fromarray(np.roll(pixels(), len(name), axis=1)).save(folder / name)
    os.mkfifo(folder / "pipe.png")
    deep = "[" * 900 + "]" * 900
    text = json.dumps(data).replace('"images":', f'"x": {deep}, "images":', 1)
    (folder / "annotations.json").write_text(text.replace('"bbox"', f'"attributes": {deep}, "bbox"', 1))
    config = GenerateConfig(
        source="annotated", input=folder, output=tmp_path / "out", num_samples=6, workers=1, splits={"train": 1}
    )
    assert generate(config).state == "finished"
    left_out = json.loads((config.output / "rejections.json").read_text(encoding="utf-8"))
    assert {reason: entry["count"] for reason, entry in left_out["pictures"].items()} == {
        "missing_file": 1,
        "path_leaves_folder": 2,
    }


@pytest.mark.parametrize("name", ["caf\udce9", "a\0b"])
def test_output_paths_that_parquet_cannot_have_are_refused(tmp_path, name):
    with pytest.raises(ValidationError, match=r"path in UTF-8|character NUL"):
        GenerateConfig(output=tmp_path / name)
    with pytest.raises(ValidationError, match=r"path in UTF-8|character NUL"):
        SftConfig(dataset="x", output=str(tmp_path / name))


# Values and growth


@given(st.recursive(st.none() | st.floats() | st.integers() | st.text(), lambda inner: st.lists(inner) | inner))
def test_any_value_has_a_short_text_and_an_id_or_none(value):
    short(value).encode()
    found = as_id(value)
    assert found is None or as_id(found) == found
    assert as_id(str(found)) == found or isinstance(found, str) or found is None


def test_ids_are_the_same_in_any_form():
    assert [as_id(v) for v in ("1", 1, 1.0, " 1 ", "1.0", "-3")] == [1, 1, 1, 1, 1, -3]
    assert [as_id(v) for v in ("01", "1e3", "x", "٣")] == ["01", "1e3", "x", "٣"]
    assert [as_id(v) for v in ("", " ", None, True, 1.5, float("nan"), 10**400, [1])] == [None] * 8
    assert parse_json("[" + "9" * 5000 + ", 7]")[1] == 7


@pytest.mark.parametrize(
    "caption",
    [
        lambda n: "there is a red cup on a table " * n,
        lambda n: " ".join(f"a {'cup' if k % 3 else 'jar'}" for k in range(3 * n)),
        lambda n: "a " * 6 * n,
        lambda n: "a" * 30 * n,
        lambda n: "the man's " * 4 * n,
    ],
)
def test_captions_take_work_in_proportion_to_their_length(caption):
    def work(count):
        record = json.loads(narrative(caption=caption(count)))
        return calls_of(lambda: narrated_queries([read_narrative(record)]))

    assert work(400) <= 2.5 * work(200)


def test_json_takes_work_in_proportion_to_its_length(tmp_path):
    def work(count):
        text = json.dumps({"images": [{"id": n, "file_name": f"{n}.png"} for n in range(count)]})
        rows = [{"id": n, "image_id": n % 7, "category_id": 1, "bbox": [1, 2, 3, 4]} for n in range(count)]
        (tmp_path / "a.json").write_text(f'{text[:-1]}, "categories": [], "annotations": {json.dumps(rows)}}}')
        return calls_of(lambda: AnnotatedSource(tmp_path / "a.json").fingerprint())

    assert work(400) <= 2.5 * work(200)
