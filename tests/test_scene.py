"""The Scene record refuses what can't be, and survives a round trip."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from reinforcesight.errors import InputError
from reinforcesight.scene import Camera, Scene, SceneObject


def make(**more: object) -> SceneObject:
    return SceneObject.model_validate({"id": 1, "name": "red chair", "box": [10, 20, 30, 40], **more})


@pytest.mark.parametrize(
    "bad",
    [
        {"box": [30, 20, 10, 40]},
        {"box": [10, 20, 10, 40]},
        {"box": [10, 20, float("nan"), 40]},
        {"box": [10, 20, 30]},
        {"name": "  "},
        {"depth": 0.0},
        {"depth": -1.0},
        {"depth": float("inf")},
        {"depth_spread": -0.1},
        {"visible_fraction": 1.2},
        {"centre": [0.0, float("nan"), 1.0]},
    ],
)
def test_impossible_objects(bad: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        make(**bad)


@pytest.mark.parametrize(
    "bad",
    [
        {"width": 0},
        {"objects": [make(), make()]},
        {"objects": [make(box=[10, 20, 130, 40])]},
        {"camera": {"fx": 0, "fy": 1, "cx": 0, "cy": 0}},
        {"depth_unit": "feet"},
        {"surface_distances": [[0.0]], "objects": []},
    ],
)
def test_impossible_scenes(bad: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Scene.model_validate({"width": 100, "height": 80, **bad})


def test_round_trip_is_exact() -> None:
    scene = Scene(
        width=100,
        height=80,
        depth_unit="m",
        camera=Camera(fx=90.5, fy=90.5, cx=50, cy=40, source="exif"),
        objects=(make(depth=1.25, centre=(0.1, 0.2, 1.3)), make(id="b", name="lamp")),
        surface_distances=((0.0, None), (None, 0.0)),
    )
    again = Scene.from_json(scene.to_json())
    assert again == scene
    assert again.to_json() == scene.to_json()


def test_broken_json_is_named() -> None:
    with pytest.raises(InputError, match="not a valid scene"):
        Scene.from_json('{"width": 3}')


def test_lookup() -> None:
    scene = Scene(width=100, height=80, objects=(make(),))
    assert scene[1].name == "red chair"
    with pytest.raises(InputError, match="no object with id 7"):
        scene[7]
