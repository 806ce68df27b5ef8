"""What VQASynth wrote becomes scenes: captions bound safely, depth the right way round, its labels unused."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from perception_claims import as_perception_knows, claims
from vqasynth_support import Row, boxes_row, png, write_rows

from reinforcesight.data_gen.source import PictureRejected, Skipped, SourcePicture
from reinforcesight.data_gen.vqasynth.binding import bind_captions, read_caption
from reinforcesight.data_gen.vqasynth.source import VqasynthSource
from reinforcesight.errors import InputError
from reinforcesight.relations import Axis

CUP, BOWL, LAMP = (
    ("red cup", (10, 40, 30, 70), 2.0),
    ("green bowl", (45, 45, 70, 68), 3.0),
    ("lamp", (80, 8, 104, 36), 5.0),
)
SCALE = 0.5  # VGGT's unit is not the metre; a power of two leaves every ratio of float32 as it is


def load(tmp_path: Path, *rows: Row) -> list[SourcePicture]:
    source = VqasynthSource(write_rows(tmp_path / "set", rows))
    return [source.load(index) for index in range(source.count())]


def names(picture: SourcePicture) -> list[str]:
    return [item.name for item in picture.scene.objects]


def reasons(picture: SourcePicture) -> list[str]:
    return [entry.reason for entry in picture.skipped]


def rejected(tmp_path: Path, *rows: Row) -> list[str]:
    source = VqasynthSource(write_rows(tmp_path / "set", rows))
    found = []
    for index in range(source.count()):
        try:
            source.load(index)
            found.append("")
        except PictureRejected as error:
            found.append(error.reason)
    return found


def rendered_row(picture: object, scene: object, *, points: bool) -> Row:
    masks = [picture.instances == item.id for item in scene.objects]
    prompts = []
    for mask, item in zip(masks, scene.objects, strict=True):
        rows, columns = np.nonzero(mask)
        middle = len(rows) // 2
        prompts.append([columns[middle] + 0.5, rows[middle] + 0.5] if points else list(item.box))
    z = np.where(np.isfinite(picture.depth), picture.depth, 0).astype(np.float32) * SCALE
    captions = [item.name for item in scene.objects]
    return Row(picture.picture, masks, prompts, captions, z, picture.camera.fx)


@pytest.mark.parametrize("points", [True, False])
def test_rendered_scenes_keep_their_labels(tmp_path: Path, points: bool) -> None:
    pytest.importorskip("embreex")
    from reinforcesight.data_gen.rendering import Distribution, RenderConfig, render_picture
    from reinforcesight.data_gen.sources.rendered import scene_of

    # VGGT's width and a multiple of its patch: the stored depth map has one reading a pixel.
    pictures = [render_picture(5, n, Distribution.TRAIN, (518, 392), RenderConfig()) for n in range(4)]
    pairs = [(picture, scene_of(picture)) for picture in pictures]
    made = load(tmp_path, *(rendered_row(picture, scene, points=points) for picture, scene in pairs))
    axes: Counter[Axis] = Counter()
    for (picture, scene), result in zip(pairs, made, strict=True):
        boxes = {item.box for item in result.scene.objects}
        assert len(boxes) >= 0.6 * len(scene.objects), result.skipped
        expected = claims(as_perception_knows(scene, result.scene))
        assert claims(result.scene) == expected
        axes.update(axis for axis, *_ in expected)
        assert result.scene.depth_unit == "scene"
        nearest = {item.box: picture.depth[picture.instances == item.id].min() for item in scene.objects}
        for (_, first, second, _), (relation, _) in claims(result.scene, (Axis.DEPTH,)).items():
            # The stored clouds hold -z, by whose order VQASynth's own prompts call the farther one the nearer.
            turned = {box: -z for box, z in nearest.items()}
            assert (nearest[first] < nearest[second]) == (relation == "in front")
            assert (turned[first] < turned[second]) == (relation == "behind")
    assert all(axes[axis] > 5 for axis in Axis), axes


def test_a_picture_without_masks_takes_no_other_with_it(tmp_path: Path) -> None:
    good = boxes_row([CUP, LAMP])
    empty = replace(good, masks=[], prompts=[], captions=[])
    nothing = replace(good, masks=None, depth=None, focal=None)
    assert rejected(tmp_path, good, empty, nothing, good) == ["", "no_masks", "no_masks", ""]


def test_a_lost_mask_moves_no_caption(tmp_path: Path) -> None:
    row = boxes_row([CUP, BOWL, LAMP])
    for points, lost in ((True, 0), (True, 1), (False, 0), (False, 2)):
        whole = boxes_row([CUP, BOWL, LAMP], points=points)
        fewer = replace(whole, masks=[mask for n, mask in enumerate(whole.masks) if n != lost])
        (result,) = load(tmp_path / f"{points}{lost}", fewer)
        expected = {name: box for n, (name, box, _) in enumerate([CUP, BOWL, LAMP]) if n != lost}
        assert {item.name: item.box for item in result.scene.objects} == expected
        assert reasons(result) == ["caption_unbound"]
    # Kept in the list but empty: its place is known, and it has no outline.
    hollow = replace(row, masks=[np.zeros_like(row.masks[0]), *row.masks[1:]])
    (result,) = load(tmp_path / "hollow", hollow)
    assert names(result) == ["green bowl", "lamp"]


def test_an_unclear_binding_is_left_out(tmp_path: Path) -> None:
    # The mask of the table holds the cup's point as well, so that it could be either's.
    row = boxes_row([("table", (5, 30, 100, 80), 3.0), ("red cup", (40, 40, 60, 60), 2.5), LAMP])
    table = row.masks[0] | row.masks[1]
    (result,) = load(tmp_path / "a", replace(row, masks=[table, row.masks[2]]))
    assert names(result) == ["lamp"]
    assert Counter(reasons(result)) == {"caption_unbound": 2, "mask_unbound": 1}
    # Masks in another order than the captions: more went wrong than a loss.
    (result,) = load(tmp_path / "b", replace(row, masks=[row.masks[2], row.masks[0]]))
    assert names(result) == []
    # As many masks as captions, two of them exchanged.
    swapped = replace(row, masks=[row.masks[0], row.masks[2], row.masks[1]])
    (result,) = load(tmp_path / "c", swapped)
    assert names(result) == ["table"]
    # A caption too many: no telling which.
    assert rejected(tmp_path / "d", replace(row, captions=[*row.captions, "clock"])) == ["captions_unbound"]


def test_duplicate_captions(tmp_path: Path) -> None:
    chairs = [("chair", (10, 40, 30, 70), 2.0), ("chair", (45, 45, 70, 68), 3.0), LAMP]
    (result,) = load(tmp_path / "points", boxes_row(chairs))
    # Two chairs that Molmo pointed at are two chairs; no question says "the chair" of either.
    assert names(result) == ["chair", "chair", "lamp"]
    (result,) = load(tmp_path / "boxes", boxes_row(chairs, points=False))
    # Florence's boxes share the caption of their sentence, which then names neither.
    assert names(result) == ["lamp"]
    assert reasons(result) == ["caption_of_several_boxes"] * 2
    # One of two chairs was left out: the other is not "the chair" either.
    row = boxes_row(chairs)
    (result,) = load(tmp_path / "lost", replace(row, masks=row.masks[1:]))
    assert names(result) == ["lamp"]
    assert reasons(result) == ["caption_unbound", "name_shared_with_skipped"]


@pytest.mark.parametrize(
    ("caption", "name"),
    [
        ("red chair", "red chair"),
        ("A red chair.", "red chair"),
        ("chairs", None),
        ("two cups", None),
        ("a man riding a horse", None),
        ("The image shows a cat sitting on a sofa", None),
        ("chair on the left", None),
        ("sky", None),
        ("", None),
        (None, None),
    ],
)
def test_captions_that_are_names(caption: str | None, name: str | None) -> None:
    found, _ = read_caption(caption)
    assert (None if isinstance(found, Skipped) else found.text) == name


def test_what_a_sentence_mentions_is_not_unique(tmp_path: Path) -> None:
    row = boxes_row([("man riding a horse", (5, 40, 30, 70), 2.0), ("horse", (45, 40, 70, 68), 3.0), LAMP])
    (result,) = load(tmp_path, row)
    assert names(result) == ["lamp"]
    assert reasons(result) == ["caption_not_a_name", "name_shared_with_skipped"]


def test_negated_depth_is_turned_back(tmp_path: Path) -> None:
    row = boxes_row([CUP, BOWL, LAMP])
    assert row.depth is not None
    right, turned, refused = load(
        tmp_path,
        row,
        replace(row, depth=-row.depth),
        replace(row, depth=-row.depth, canonicalized=False),
    )
    assert turned.scene == right.scene
    assert [item.depth for item in turned.scene.objects] == [2.0, 3.0, 5.0]
    assert reasons(turned) == ["depth_sign_restored"]
    assert reasons(refused) == ["invalid_depth"]
    assert all(item.depth is None for item in refused.scene.objects)


def test_depth_of_another_size(tmp_path: Path) -> None:
    row = boxes_row([CUP, BOWL, LAMP])
    assert row.depth is not None
    half = row.depth[::2, ::2]
    exact, small, odd, none = load(
        tmp_path,
        row,
        replace(row, depth=half, focal=row.focal / 2),
        replace(row, depth=row.depth[:, :56]),
        replace(row, depth=None, focal=None),
    )
    assert [item.depth for item in small.scene.objects] == [2.0, 3.0, 5.0]
    assert small.scene.camera == exact.scene.camera
    assert claims(small.scene).keys() == claims(exact.scene).keys()
    for flat, reason in ((odd, "depth_size"), (none, "no_depth")):
        assert reasons(flat) == [reason]
        assert {axis for axis, *_ in claims(flat.scene)} == {Axis.HORIZONTAL, Axis.VERTICAL}


def test_the_rows_that_vqasynth_cuts_off_have_no_depth(tmp_path: Path) -> None:
    # 56 x 112: its preprocessing keeps the middle square of a picture that is higher than wide.
    things = [
        ("red cup", (10, 40, 30, 60), 2.0),
        ("green bowl", (32, 62, 52, 80), 3.0),
        ("lamp", (5, 2, 25, 20), 5.0),
    ]
    row = boxes_row(things, size=(56, 112))
    assert row.depth is not None
    (result,) = load(tmp_path, replace(row, depth=row.depth[28:84]))
    assert [item.depth for item in result.scene.objects] == [2.0, 3.0, None]
    # Taken for the whole picture, the middle would be stretched and the lamp get the background's depth.
    assert result.scene.objects[2].valid_depth_fraction == 0.0


def test_focal_length(tmp_path: Path) -> None:
    row = boxes_row([CUP, LAMP])
    good, bad = load(tmp_path, row, replace(row, focal=0.0))
    assert good.scene.camera is not None
    assert (good.scene.camera.fx, good.scene.camera.source) == (pytest.approx(0.9 * 112), "model")
    assert bad.scene.camera is not None
    assert bad.scene.camera.source == "default"
    assert reasons(bad) == ["focal_length"]


def test_forms_of_columns(tmp_path: Path) -> None:
    from datasets import Dataset

    row = boxes_row([CUP, BOWL, LAMP], points=False)
    plain = load(tmp_path / "plain", row)[0]
    # SAM 2 with several boxes: (N, 1, H, W). A single example: everything of the scene stage in a list of one.
    assert row.masks is not None
    assert row.depth is not None
    other = {
        "picture": [png(row.picture)],
        "image": [[{"bytes": png(row.picture), "path": None}]],
        "masks": [[mask[None].astype(np.uint8) * 255 for mask in row.masks]],
        "bboxes_or_points": [row.prompts],
        "captions": [row.captions],
        "is_canonicalized": [[True]],
        "depth_map": [[row.depth]],
        "focallength": [[row.focal]],
    }
    from datasets import Features, List, Value
    from datasets import Image as ImageFeature

    other.pop("picture")
    features = Features(
        {
            "image": List(ImageFeature()),
            "masks": List(List(List(List(Value("uint8"))))),
            "bboxes_or_points": List(List(Value("float64"))),
            "captions": List(Value("string")),
            "is_canonicalized": List(Value("bool")),
            "depth_map": List(List(List(Value("float32")))),
            "focallength": List(Value("float64")),
        }
    )
    Dataset.from_dict(other, features=features).save_to_disk(str(tmp_path / "other"))
    source = pickle.loads(pickle.dumps(VqasynthSource(tmp_path / "other")))
    assert source.load(0).scene == plain.scene


def test_broken_rows_are_named(tmp_path: Path) -> None:
    row = boxes_row([CUP, LAMP])
    assert row.masks is not None
    wide = replace(row, masks=[mask[:, :-1] for mask in row.masks])
    assert rejected(tmp_path / "a", wide, row) == ["mask_size", ""]
    assert rejected(tmp_path / "b", replace(row, prompts=[[1.0], [2.0]])) == ["unreadable_row"]


def test_not_a_data_set(tmp_path: Path) -> None:
    from datasets import Dataset

    with pytest.raises(InputError, match=r"dataset_dict\.json or state\.json"):
        VqasynthSource(tmp_path)
    Dataset.from_dict({"text": ["a"]}).save_to_disk(str(tmp_path / "text"))
    with pytest.raises(InputError, match="masks, bboxes_or_points, captions"):
        VqasynthSource(tmp_path / "text")
    folder = write_rows(tmp_path / "torn", [boxes_row([CUP, LAMP])])
    (arrow,) = folder.rglob("*.arrow")
    arrow.write_bytes(arrow.read_bytes()[:100])
    with pytest.raises(InputError, match="can't be read"):
        VqasynthSource(folder)


def test_binding_wants_a_caption_for_each_prompt() -> None:
    mask = np.ones((4, 4), dtype=bool)
    with pytest.raises(ValueError, match="2 captions for 1"):
        bind_captions([mask], [[1.0, 1.0]], ["cup", "bowl"], least_overlap=0.6)


def test_to_questions(tmp_path: Path) -> None:
    rows = []
    for number in range(8):
        shift = number
        things = [(n, (b[0] + shift, b[1], b[2] + shift, b[3]), z + 0.1 * number) for n, b, z in (CUP, BOWL, LAMP)]
        rows.append(boxes_row(things))
    rows[3] = replace(rows[3], masks=[], prompts=[], captions=[])
    folder, output = write_rows(tmp_path / "set", rows), tmp_path / "data"
    command = [
        sys.executable,
        "-m",
        "reinforcesight",
        "generate",
        "--source",
        "vqasynth",
        "--input",
        str(folder),
    ]
    command += ["--output", str(output), "--num_samples", "24", "--workers", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    table = pq.read_table(output / "data")
    assert set(table["source"].to_pylist()) == {"vqasynth"}
    assert "train/3" not in table["source_id"].to_pylist()
    front = {"red cup": 2, "green bowl": 3, "lamp": 5}
    asked = 0
    for row in table.to_pylist():
        evidence = json.loads(row["evidence"])
        if evidence["axis"] == "depth":
            objects = {item["id"]: item["name"] for item in json.loads(row["scene"])["objects"]}
            subject, other = objects[evidence["subject"]], objects[evidence["reference"]]
            assert (front[subject] < front[other]) == (evidence["relation"] == "in front")
            asked += 1
    assert asked
    told = json.loads((output / "rejections.json").read_text())
    assert "no_masks" in json.dumps(told)
    assert "behind everything" not in json.dumps(table.drop_columns(["image"]).to_pylist(), default=str)
