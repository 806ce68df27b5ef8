"""A folder of photographs: upright, with the lens that EXIF tells, broken files by name, to questions in the end."""

from __future__ import annotations

import io
import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from calibration_support import made_up
from perception_support import KnownScenes, save_depth_anything, save_grounding_dino, save_owlv2, save_sam2
from PIL import Image
from small_dataset import make_picture

from reinforcesight.data_gen.config import GenerateConfig
from reinforcesight.data_gen.perception.camera import camera_from_tags
from reinforcesight.data_gen.perception.config import DetectionThresholds, PerceptionConfig
from reinforcesight.data_gen.perception.protocols import DepthPrediction
from reinforcesight.data_gen.pipeline import generate
from reinforcesight.data_gen.questions.forms import Form
from reinforcesight.data_gen.source import PictureRejected
from reinforcesight.data_gen.sources.image_folder import ImageFolderSource
from reinforcesight.data_gen.sources.photographs import list_photographs, read_photograph, shrunk
from reinforcesight.errors import ConfigError, InputError

REAL = Path(__file__).parents[3] / ".." / "shared" / "real_inputs" / "indoor_boxes" / "images"
EXIF_BLOCK = 0x8769


def save(path: Path, size: tuple[int, int] = (60, 40), *, orientation: int = 1, **tags: float) -> None:
    """A picture whose top-left corner is red and whose rest is blue, as stored."""
    image = Image.new("RGB", size, "blue")
    image.paste("red", (0, 0, size[0] // 4, size[1] // 4))
    exif = Image.Exif()
    if orientation != 1:
        exif[0x0112] = orientation
    names = {
        "focal": 0x920A,
        "focal35": 0xA405,
        "resolution": 0xA20E,
        "unit": 0xA210,
        "w": 0xA002,
        "h": 0xA003,
    }
    block = exif.get_ifd(EXIF_BLOCK)
    for name, value in tags.items():
        block[names[name]] = value
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, exif=exif, quality=95)


def test_lists_what_is_a_picture_in_order(tmp_path: Path) -> None:
    for name in ("b.JPG", "a.png", "sub/c.webp", "notes.txt", ".hidden.png", ".thumbs/d.png", "e.jpeg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    assert list_photographs(tmp_path) == ("a.png", "b.JPG", "e.jpeg", "sub/c.webp")
    with pytest.raises(InputError, match="folder of pictures"):
        list_photographs(tmp_path / "absent")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"no .jpg"):
        list_photographs(tmp_path / "empty")


def test_focal_length_becomes_a_camera(tmp_path: Path) -> None:
    # A full-frame picture (3:2) with 36 mm: as wide as the sensor, so fx is the width.
    save(tmp_path / "a.jpg", (600, 400), focal35=36)
    camera = read_photograph(tmp_path, "a.jpg").camera
    assert camera is not None
    assert camera.source == "exif"
    assert camera.fx == camera.fy == pytest.approx(600)
    assert (camera.cx, camera.cy) == (300, 200)
    # Turned by a quarter: the same lens, the middle turned with the picture.
    save(tmp_path / "b.jpg", (600, 400), orientation=6, focal35=36)
    turned = read_photograph(tmp_path, "b.jpg").camera
    assert turned is not None
    assert (turned.fx, turned.cx) == (pytest.approx(600), 200)
    # 5 mm on a sensor with 1200 pixels over 6 mm, stored at half size: 500 pixels.
    save(tmp_path / "c.jpg", (600, 400), focal=5.0, resolution=200.0, unit=4, w=1200, h=800)
    scaled = read_photograph(tmp_path, "c.jpg").camera
    assert scaled is not None
    assert scaled.fx == pytest.approx(500)
    save(tmp_path / "d.png")
    assert read_photograph(tmp_path, "d.png").camera is None


@pytest.mark.parametrize(
    "tags",
    [
        {},
        {0xA405: 0},
        {0xA405: "wide"},
        {0xA405: float("nan")},
        {0xA405: 5000},
        {0xA405: 2},
        {0x920A: 5.0},
        {0x920A: 5.0, 0xA20E: 200.0, 0xA210: 9, 0xA002: 600, 0xA003: 400},
        {0xA405: 36, 0xA002: 600, 0xA003: 600},
    ],
)
def test_exif_that_tells_nothing_sure_gives_no_camera(tags: dict[int, object]) -> None:
    assert camera_from_tags(tags, 600, 400) is None


def known_folder(folder: Path, count: int) -> tuple[KnownScenes, PerceptionConfig]:
    """Random coloured squares with their truth, which the models know."""
    truth = KnownScenes()
    names: list[str] = []
    for number in range(count):
        scene, encoded = make_picture(number)
        (folder / f"p{number:02d}.png").write_bytes(encoded)
        with Image.open(folder / f"p{number:02d}.png") as image:
            picture = np.asarray(image.convert("RGB"))
        z = np.full((scene.height, scene.width), 40.0, dtype=np.float32)
        things = []
        for item in scene.objects:
            x0, y0, x1, y1 = (int(v) for v in item.box)
            z[y0:y1, x0:x1] = item.depth
            mask = np.zeros_like(z, dtype=bool)
            mask[y0:y1, x0:x1] = True
            things.append((item.name, item.box, 0.9, mask))
            names.append(item.name)
        truth.add(picture, DepthPrediction(z, "metric"), things)
    return truth, PerceptionConfig(vocabulary=tuple(dict.fromkeys(names)), cache=folder / ".cache")


def test_broken_files_are_named_and_lose_nothing_else(tmp_path: Path) -> None:
    truth, config = known_folder(tmp_path, 3)
    whole = (tmp_path / "p01.png").read_bytes()
    (tmp_path / "p01.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "p03.png").write_bytes(b"")
    (tmp_path / "p04.jpg").symlink_to("/etc/hostname")
    (tmp_path / "p05.png").symlink_to(tmp_path / "gone.png")
    Image.new("F", (30, 30)).save(tmp_path / "p06.tiff")
    source = ImageFolderSource(tmp_path, config, models=truth.models())
    reasons = {}
    for index in range(source.count()):
        try:
            picture = source.load(index)
            assert len(picture.scene.objects) == 6
        except PictureRejected as error:
            reasons[error.source_id] = error.reason
    assert reasons == {
        "p01.png": "unreadable_picture",
        "p03.png": "unreadable_picture",
        "p04.jpg": "path_leaves_folder",
        "p05.png": "missing_file",
        "p06.tiff": "unsupported_mode",
    }


def test_pictures_are_the_same_in_any_order_and_process(tmp_path: Path) -> None:
    truth, config = known_folder(tmp_path, 5)
    config = config.model_copy(update={"chunk_size": 2})
    source = ImageFolderSource(tmp_path, config, models=truth.models())
    copy = pickle.loads(pickle.dumps(source))
    in_order = [source.load(index) for index in range(5)]
    assert [copy.load(index) for index in (4, 0, 3, 1, 2)] == [in_order[index] for index in (4, 0, 3, 1, 2)]
    before = source.fingerprint()
    assert copy.fingerprint() == before
    other = ImageFolderSource(
        tmp_path, config.model_copy(update={"gates": DetectionThresholds(min_score=0.5)}), models=truth.models()
    )
    assert other.fingerprint() != before
    save(tmp_path / "zz.png")
    assert ImageFolderSource(tmp_path, config, models=truth.models()).fingerprint() != before


def test_large_pictures_are_stored_smaller_with_their_lens(tmp_path: Path) -> None:
    save(tmp_path / "a.jpg", (600, 400), focal35=36)
    photograph = read_photograph(tmp_path, "a.jpg")
    assert shrunk(photograph, 600) is photograph
    small = shrunk(photograph, 300)
    with Image.open(io.BytesIO(small.data)) as image:
        assert image.size == (small.width, small.height) == (300, 200)
        assert image.format == "JPEG"
    assert small.camera is not None
    assert (small.camera.fx, small.camera.cx) == (pytest.approx(300), 150)


def test_folder_to_questions(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    truth, config = known_folder(tmp_path / "in", 12)
    source = ImageFolderSource(tmp_path / "in", config, models=truth.models())
    job = GenerateConfig(
        source="image_folder",
        input=tmp_path / "in",
        output=tmp_path / "out",
        num_samples=48,
        workers=1,
        tasks={"Relation": 2, "Depth": 1, "Distance": 1},
        forms=list(Form),
        box_colour_words=True,
        max_shortcut_share=1,
    )
    report = generate(job, source)
    assert report.state == "finished"
    assert sum(report.rows.values()) == 48
    import datasets

    rows = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    assert set(rows["train"]["task"]) == {"Relation", "Depth", "Distance"}
    assert set(rows["train"]["source"]) == {"image_folder"}


@pytest.mark.skipif(not REAL.is_dir(), reason="the real photographs are not here")
def test_real_photographs_with_tiny_models_run_to_the_end(tmp_path: Path) -> None:
    """Random weights: what the scenes say means nothing, the way to them is the real one."""
    pytest.importorskip("transformers")
    everything = DetectionThresholds(
        min_score=0, doubt_score=0, other_name=1, name_margin=0, min_mask_score=0, mask_box=0, same_mask=1,
        fills_picture=1,
    )  # fmt: skip
    config = PerceptionConfig(
        depth_model=str(save_depth_anything(tmp_path / "depth", metric=True)),
        grounding_model=str(save_grounding_dino(tmp_path / "dino")),
        segmentation_model=str(save_sam2(tmp_path / "sam")),
        vocabulary=("chair", "table", "lamp"),
        device="cpu",
        cache=tmp_path / "cache",
        gates=everything,
        keep_loaded=False,
    )
    source = ImageFolderSource(REAL, config)
    assert source.count() == 15
    pictures = [source.load(index) for index in range(source.count())]
    assert [picture.source_id for picture in pictures] == sorted(p.name for p in REAL.iterdir())
    for picture in pictures:
        assert picture.scene.depth_unit == "m" or any(s.reason == "flat_depth" for s in picture.skipped)
    assert sum(len(picture.scene.objects) for picture in pictures) >= 15
    stored = list((tmp_path / "cache").rglob("*.npz"))
    assert len(stored) == 3 * 15
    again = ImageFolderSource(REAL, config)
    assert again.fingerprint() == source.fingerprint()
    assert [again.load(index) for index in range(15)] == pictures


@pytest.mark.skipif(not REAL.is_dir(), reason="the real photographs are not here")
def test_the_command_takes_a_folder_of_photographs(tmp_path: Path) -> None:
    """Random weights again: from files and models on the disk to a data set."""
    pytest.importorskip("transformers")
    photographs = tmp_path / "in"
    photographs.mkdir()
    for path in sorted(REAL.iterdir())[:6]:
        (photographs / path.name).write_bytes(path.read_bytes())
    gates = "min_score=0 doubt_score=0 other_name=1 name_margin=0 min_mask_score=0 mask_box=0 same_mask=1"
    gates += " fills_picture=1"
    settings = {
        "depth_model": save_depth_anything(tmp_path / "depth", metric=True),
        "grounding_model": save_owlv2(tmp_path / "owl"),
        "segmentation_model": save_sam2(tmp_path / "sam"),
        "vocabulary": "[chair, table, lamp, dog, bottle, sofa, cat, bird]",
        "device": "cpu",
        "cache": tmp_path / "cache",
        **{f"gates.{gate.split('=')[0]}": gate.split("=")[1] for gate in gates.split()},
    }
    command = [
        sys.executable,
        "-m",
        "reinforcesight",
        "generate",
        "--source",
        "image_folder",
        "--workers",
        "1",
    ]
    command += ["--input", str(photographs), "--output", str(tmp_path / "out"), "--num_samples", "8"]
    for key, value in settings.items():
        command += ["--set", f"perception.{key}={value}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert sum(manifest["rows"].values()) > 0
    assert len(list((tmp_path / "cache").rglob("*.npz"))) == 3 * 6


def test_a_calibration_makes_the_rules_strict_and_is_on_the_card(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    truth, config = known_folder(tmp_path / "in", 12)
    source = ImageFolderSource(tmp_path / "in", config, models=truth.models())
    (tmp_path / "c.json").write_text(made_up().model_dump_json())
    job = GenerateConfig(
        source="image_folder", input=tmp_path / "in", output=tmp_path / "out", num_samples=24, workers=1,
        calibration=tmp_path / "c.json", max_label_error=0.01,
    )  # fmt: skip
    assert generate(job, source).state == "finished"
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["job"]["rules"]["min_depth_score"] > 0.3
    card = (tmp_path / "out" / "README.md").read_text()
    assert "## Label error" in card
    assert "not asked: no threshold was good enough" in card
    assert "closer" not in manifest["counts"]["relation"]

    (tmp_path / "other.json").write_text(made_up(depth_model="another").model_dump_json())
    wrong = job.model_copy(update={"calibration": tmp_path / "other.json", "output": tmp_path / "wrong"})
    with pytest.raises(ConfigError, match="another depth model"):
        generate(wrong, source)
