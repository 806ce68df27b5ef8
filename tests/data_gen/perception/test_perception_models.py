"""The adapters run real architecture classes, tiny and random, through the loading path of real checkpoints."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from perception_support import save_depth_anything, save_depth_pro, save_grounding_dino, save_owlv2, save_sam2

pytest.importorskip("torch")
pytest.importorskip("transformers")

from reinforcesight.data_gen.perception.models.depth import TransformersDepth
from reinforcesight.data_gen.perception.models.depth_pro import depth_of
from reinforcesight.data_gen.perception.models.grounding import TransformersGrounder
from reinforcesight.data_gen.perception.models.model_files import find_model
from reinforcesight.data_gen.perception.models.segmentation import Sam2Segmenter
from reinforcesight.data_gen.perception.protocols import SegmentPrompt
from reinforcesight.errors import InputError

SIZES = ((60, 84), (60, 84), (90, 84))


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    return [
        np.random.default_rng(number).integers(0, 255, (*size, 3), dtype=np.uint8) for number, size in enumerate(SIZES)
    ]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("models")
    return {
        "metric": save_depth_anything(root / "metric", metric=True),
        "relative": save_depth_anything(root / "relative", metric=False),
        "depth_pro": save_depth_pro(root / "depth_pro"),
        "dino": save_grounding_dino(root / "dino"),
        "owl": save_owlv2(root / "owl"),
        "sam": save_sam2(root / "sam"),
    }


@pytest.mark.parametrize(("name", "kind"), [("metric", "metric"), ("relative", "inverse")])
def test_depth(models: dict[str, Path], pictures: list[np.ndarray], name: str, kind: str) -> None:
    adapter = TransformersDepth(str(models[name]), batch_size=2)
    together = adapter.estimate(pictures)
    assert [result.kind for result in together] == [kind] * 3
    for picture, result in zip(pictures, together, strict=True):
        assert np.isfinite(result.values).all()
        assert np.ptp(result.values) > 0
        aspect = result.values.shape[1] / result.values.shape[0]
        assert aspect == pytest.approx(picture.shape[1] / picture.shape[0], rel=0.25)
        alone = adapter.estimate([picture])[0]
        assert np.allclose(alone.values, result.values, rtol=5e-3, atol=1e-3)
    if name == "metric":
        assert all(result.values.min() > 0 and result.values.max() <= 20.02 for result in together)


def test_depth_in_bfloat16_is_near_float32(models: dict[str, Path], pictures: list[np.ndarray]) -> None:
    exact = TransformersDepth(str(models["relative"]), dtype="float32")
    rough = TransformersDepth(str(models["relative"]), dtype="bfloat16")
    assert exact.identity != rough.identity
    first, second = exact.estimate(pictures[:1])[0].values, rough.estimate(pictures[:1])[0].values
    assert np.corrcoef(first.ravel(), second.ravel())[0, 1] > 0.98


def test_depth_pro_gives_metres_and_its_lens(models: dict[str, Path], pictures: list[np.ndarray]) -> None:
    adapter = TransformersDepth(str(models["depth_pro"]), batch_size=2)
    assert adapter.kind == "metric"
    results = adapter.estimate(pictures)
    for picture, result in zip(pictures, results, strict=True):
        assert result.values.ndim == 2
        assert (result.values > 0).all()
        assert result.focal is not None
        assert result.focal > 0
        alone = adapter.estimate([picture])[0]
        assert alone.focal == pytest.approx(result.focal, rel=1e-3)
        assert np.allclose(alone.values, result.values, rtol=5e-3)


def test_depth_pro_reads_inverse_depth_through_the_lens() -> None:
    canonical = np.array([[0.5, 0.25]], dtype=np.float32)
    # 90 degrees: f is half the width, so that inverse depth doubles.
    z, kind, focal = depth_of(canonical, 90.0, 640)
    assert kind == "metric"
    assert focal == pytest.approx(320)
    assert z == pytest.approx(np.array([[1.0, 2.0]]))
    z, kind, focal = depth_of(canonical, None, 640)
    assert (kind, focal) == ("scale", None)
    assert z[0, 1] / z[0, 0] == pytest.approx(2)


@pytest.mark.parametrize("name", ["dino", "owl"])
def test_grounding(models: dict[str, Path], pictures: list[np.ndarray], name: str) -> None:
    adapter = TransformersGrounder(str(models[name]), min_score=0.0)
    phrases = [["chair", "red table"], ["chair", "red table"], ["lamp"]]
    together = adapter.ground(pictures, phrases)
    for picture, asked, found in zip(pictures, phrases, together, strict=True):
        assert found
        assert [box.score for box in found] == sorted((box.score for box in found), reverse=True)
        assert {box.phrase for box in found} <= set(range(len(asked)))
        alone = adapter.ground([picture], [asked])[0]
        assert len(alone) == len(found)
        assert np.allclose([b.score for b in alone], [b.score for b in found], atol=1e-4)
    best = together[0][0].score
    sure = TransformersGrounder(str(models[name]), min_score=best).ground(pictures[:1], phrases[:1])[0]
    assert all(box.score >= best for box in sure)


def test_grounding_agrees_with_the_processors_own_boxes(models: dict[str, Path], pictures: list[np.ndarray]) -> None:
    import torch
    from transformers import AutoModelForZeroShotObjectDetection, AutoProcessor

    for name, text in (("dino", ["chair."]), ("owl", [["a photo of a chair"]])):
        processor = AutoProcessor.from_pretrained(models[name])
        model = AutoModelForZeroShotObjectDetection.from_pretrained(models[name]).eval()
        inputs = processor(images=[pictures[0]], text=text, return_tensors="pt")
        with torch.inference_mode():
            outputs = model(**inputs)
        extra = {"input_ids": inputs["input_ids"]} if name == "dino" else {}
        theirs = processor.post_process_grounded_object_detection(
            outputs, threshold=0.0, target_sizes=[pictures[0].shape[:2]], **extra
        )[0]
        ours = TransformersGrounder(str(models[name]), min_score=0.0).ground(pictures[:1], [["chair"]])[0]
        expected = {tuple(np.round(box.tolist(), 2)) for box in theirs["boxes"]}
        assert {tuple(np.round(box.box, 2)) for box in ours} == expected


def test_segmentation(models: dict[str, Path], pictures: list[np.ndarray]) -> None:
    adapter = Sam2Segmenter(str(models["sam"]))
    prompts = [
        [SegmentPrompt((5, 5, 30, 40)), SegmentPrompt(point=(9, 9)), SegmentPrompt((40, 10, 80, 50))],
        [],
        [SegmentPrompt((5, 5, 30, 40), point=(9, 9))],
    ]
    results = adapter.segment(pictures, prompts)
    assert [len(masks) for masks in results] == [3, 0, 1]
    for picture, masks in zip(pictures, results, strict=True):
        for made in masks:
            assert made.mask.dtype == bool
            assert made.mask.shape == picture.shape[:2]
            assert 0 <= made.score <= 1
    # The order of prompts of different kinds is kept.
    again = adapter.segment(pictures[:1], [prompts[0][1:2]])[0][0]
    assert (again.mask == results[0][1].mask).mean() > 0.999
    with pytest.raises(ValueError, match="box, a point"):
        SegmentPrompt()


def test_adapters_travel_without_their_weights(models: dict[str, Path], pictures: list[np.ndarray]) -> None:
    adapter = TransformersDepth(str(models["metric"]))
    first = adapter.estimate(pictures[:1])[0].values
    sent = pickle.dumps(adapter)
    assert len(sent) < 4096
    copy = pickle.loads(sent)
    assert copy.identity == adapter.identity
    assert np.array_equal(copy.estimate(pictures[:1])[0].values, first)
    adapter.release()
    assert np.array_equal(adapter.estimate(pictures[:1])[0].values, first)


def test_other_weights_are_another_model(models: dict[str, Path], tmp_path: Path) -> None:
    import shutil

    copy = shutil.copytree(models["metric"], tmp_path / "copy")
    assert find_model(str(copy)).identity == find_model(str(models["metric"])).identity
    weights = copy / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)
    assert find_model(str(copy)).identity != find_model(str(models["metric"])).identity


def test_models_that_can_not_be_used_are_named(models: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such model folder"):
        find_model(str(tmp_path / "nowhere" / "at" / "all"))
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "config.json").write_text("{}")
    (tmp_path / "bare" / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(InputError, match="safetensors"):
        find_model(str(tmp_path / "bare"))
    with pytest.raises(InputError, match="depth or its inverse"):
        TransformersDepth(str(models["sam"]))
    with pytest.raises(InputError, match="open-vocabulary"):
        TransformersGrounder(str(models["metric"]))
    with pytest.raises(InputError, match="SAM 2"):
        Sam2Segmenter(str(models["dino"]))
    config = json.loads((models["metric"] / "config.json").read_text())
    assert config["model_type"] == "depth_anything"
