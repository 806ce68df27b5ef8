"""The adapter of VGGT against a stand-in with the documented interface (support/vggt_stand_in); never the real one."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import save_model

pytest.importorskip("torch")
pytest.importorskip("huggingface_hub")

from reinforcesight.data_gen.perception.config import PerceptionConfig
from reinforcesight.data_gen.perception.models.build import build_models
from reinforcesight.data_gen.perception.models.vggt import VggtDepth
from reinforcesight.errors import InputError, MissingDependencyError

STAND_IN = Path(__file__).parents[2] / "support" / "vggt_stand_in"


def _forget() -> None:
    for name in [name for name in sys.modules if name == "vggt" or name.startswith("vggt.")]:
        del sys.modules[name]


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as ``facebook/VGGT-1B``: constructor arguments as config.json, and safetensors."""
    monkeypatch.syspath_prepend(str(STAND_IN))
    _forget()
    from vggt.models.vggt import VGGT

    folder = tmp_path / "vggt"
    folder.mkdir()
    save_model(VGGT(), str(folder / "model.safetensors"))
    (folder / "config.json").write_text(json.dumps({"embed_dim": 1024, "img_size": 518, "patch_size": 14}))
    yield folder
    _forget()


def ramp(height: int, width: int) -> np.ndarray:
    """A picture that gets brighter downwards and to the right."""
    rows, columns = np.mgrid[0:height, 0:width]
    values = 40 + 100 * rows / height + 100 * columns / width
    return np.repeat(values[..., None], 3, axis=2).astype(np.uint8)


@pytest.mark.parametrize("size", [(240, 320), (320, 240), (200, 200), (90, 700)])
def test_depth_covers_the_picture_and_the_lens_is_the_pictures(model: Path, size: tuple[int, int]) -> None:
    height, width = size
    result = VggtDepth(str(model)).estimate([ramp(height, width)])[0]
    assert result.kind == "scale"
    h, w = result.values.shape
    assert w / h == pytest.approx(width / height, rel=0.1)
    # Padding would show as the brightest part at the border.
    assert result.values.max() == pytest.approx(3 * 240 / 255, rel=0.03)
    assert result.values[0, 0] == pytest.approx(3 * 40 / 255, rel=0.05)
    assert result.values[-1, -1] == result.values.max()
    # 60 degrees along the height of what the model saw, which for upright pictures is the padded square's.
    assert result.focal == pytest.approx(height / 2 / math.tan(math.radians(30)), rel=0.06)


def test_batches_equal_single_pictures(model: Path) -> None:
    adapter = VggtDepth(str(model), batch_size=2)
    pictures = [ramp(120, 160), ramp(120, 160)[::-1].copy(), ramp(160, 120)]
    for picture, together in zip(pictures, adapter.estimate(pictures), strict=True):
        alone = adapter.estimate([picture])[0]
        assert np.array_equal(alone.values, together.values)
        assert alone.focal == together.focal


def test_weights_are_loaded(model: Path) -> None:
    import torch
    from safetensors.torch import save_file

    before = VggtDepth(str(model))
    values = before.estimate([ramp(60, 80)])[0].values
    save_file({"depth_head.scale": torch.tensor(6.0)}, str(model / "model.safetensors"))
    after = VggtDepth(str(model))
    assert after.identity != before.identity
    assert np.allclose(after.estimate([ramp(60, 80)])[0].values, 2 * values, rtol=1e-5)


def test_the_configuration_finds_it(model: Path) -> None:
    config = PerceptionConfig(depth_model=str(model), grounding_model=str(model), segmentation_model=None)
    with pytest.raises(InputError, match="open-vocabulary"):
        build_models(config)  # as a grounder it is refused, as a depth model it is not
    (model / "config.json").write_text('{"model_type": "dpt"}')
    with pytest.raises(InputError, match="expected VGGT"):
        VggtDepth(str(model))


def test_without_the_package_the_command_is_named(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p != str(STAND_IN)])
    _forget()
    with pytest.raises(
        MissingDependencyError, match=r"pip install --no-deps git\+https://github.com/facebookresearch"
    ):
        VggtDepth(str(model)).estimate([ramp(60, 80)])
