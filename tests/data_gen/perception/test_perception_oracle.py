"""Exact depth, boxes and masks handed in through the model protocols give the claims of the rendered source."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from perception_claims import as_perception_knows, claims
from perception_support import KnownScenes

from reinforcesight.data_gen.perception.cache import ResultCache
from reinforcesight.data_gen.perception.config import DetectionThresholds
from reinforcesight.data_gen.perception.filtering import Query
from reinforcesight.data_gen.perception.perceive import PerceptionTask, model_roles, perceive, run_model
from reinforcesight.data_gen.perception.protocols import DepthPrediction
from reinforcesight.errors import InputError
from reinforcesight.relations import Axis
from reinforcesight.scene import Camera, Scene

pytest.importorskip("embreex")

PICTURES, SIZE = 8, (256, 192)


def rendered() -> list[tuple[object, Scene]]:
    from reinforcesight.data_gen.rendering import Distribution, RenderConfig, render_picture
    from reinforcesight.data_gen.sources.rendered import scene_of

    pictures = [render_picture(5, number, Distribution.TRAIN, SIZE, RenderConfig()) for number in range(PICTURES)]
    return [(picture, scene_of(picture)) for picture in pictures]


def task_of(picture: object, scene: Scene) -> PerceptionTask:
    from reinforcesight.data_gen.sources.rendered import encode_png

    lens = picture.camera
    camera = Camera(fx=lens.fx, fy=lens.fy, cx=lens.cx, cy=lens.cy)
    categories = {item.name: item.category for item in scene.objects}
    queries = tuple(Query(name, category) for name, category in categories.items())
    return PerceptionTask(encode_png(picture.picture), picture.picture, queries, camera=camera)


def known(pairs: list[tuple[object, Scene]], *, kind: str = "metric") -> KnownScenes:
    truth = KnownScenes()
    for picture, scene in pairs:
        z = picture.depth.astype(np.float32)
        if kind == "inverse":
            with np.errstate(divide="ignore"):
                z = np.where(z > 0, 3.0 / z - 0.7, np.nan).astype(np.float32)
        truth.add(
            picture.picture,
            DepthPrediction(z, kind),
            [
                (item.name, item.box, 0.9 - 0.001 * number, picture.instances == item.id)
                for number, item in enumerate(scene.objects)
            ],
        )
    return truth


def test_same_claims_as_the_rendered_source(tmp_path: Path) -> None:
    pairs = rendered()
    truth = known(pairs)
    tasks = [task_of(picture, scene) for picture, scene in pairs]
    results = perceive(tasks, truth.models(), cache=ResultCache(tmp_path))
    axes: Counter[Axis] = Counter()
    for (_, scene), result in zip(pairs, results, strict=True):
        boxes = {item.box for item in result.scene.objects}
        assert len(boxes) >= 0.6 * len(scene.objects), result.skipped
        assert len(boxes) + len(result.skipped) == len(scene.objects)
        expected = claims(as_perception_knows(scene, result.scene))
        assert claims(result.scene) == expected
        axes.update(axis for axis, *_ in expected)
        assert result.scene.depth_unit == "m"
        assert result.scene.floor == scene.floor or result.skipped
    assert all(axes[axis] > 10 for axis in Axis), axes
    # The same once more from the cache, without a call of a model.
    before = dict(truth.calls)
    assert perceive(tasks, truth.models(), cache=ResultCache(tmp_path)) == results
    assert truth.calls == before


def test_relative_depth_gives_the_true_order_and_nothing_else() -> None:
    pairs = rendered()
    truth = known(pairs, kind="inverse")
    results = perceive([task_of(picture, scene) for picture, scene in pairs], truth.models())
    count = 0
    for (_, scene), result in zip(pairs, results, strict=True):
        assert result.scene.depth_unit == "scene"
        assert result.scene.camera is None
        assert not claims(result.scene, (Axis.DISTANCE,))
        depth = {item.box: item.depth for item in scene.objects}
        for (_, first, second, _), (relation, _) in claims(result.scene, (Axis.DEPTH,)).items():
            assert (depth[first] < depth[second]) == (relation == "in front")
            count += 1
    assert count > 10


def test_models_one_by_one_store_what_all_together_would(tmp_path: Path) -> None:
    pairs = rendered()[:2]
    truth = known(pairs)
    tasks, models, cache = [task_of(*pair) for pair in pairs], truth.models(), ResultCache(tmp_path)
    assert model_roles(models) == ("depth", "grounding", "segmentation")
    with pytest.raises(InputError, match="results of a grounding model are not in the cache"):
        run_model("segmentation", tasks, models, rules=DetectionThresholds(), cache=cache, batch_size=4)
    for number, role in enumerate(model_roles(models), start=1):
        run_model(role, tasks, models, rules=DetectionThresholds(), cache=cache, batch_size=4)
        assert sum(truth.calls.values()) == number * len(tasks)
    before = dict(truth.calls)
    stored = perceive(tasks, models, cache=cache)
    assert truth.calls == before
    assert stored == perceive(tasks, models)
