"""Rooms and streets: real sizes, things where they belong, names as short as the picture allows."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from test_rendering_toys import _above, _apart, world_vertices

from reinforcesight.data_gen.rendering import REAL_KINDS, REAL_PLACES, Distribution, RenderConfig, render_picture
from reinforcesight.data_gen.rendering.layout import draw_layout
from reinforcesight.data_gen.rendering.objects.real_kinds import Spot, build_real
from reinforcesight.data_gen.rendering.worlds.composition import SceneLayout
from reinforcesight.data_gen.sources.rendered import scene_of
from reinforcesight.language.names import ambiguous_names
from reinforcesight.pictures.drawing import BOX_COLOURS

pytest.importorskip("embreex")

NOUNS = {kind.name for kind in REAL_KINDS.values()}


def layout(index: int, distribution: Distribution = Distribution.TRAIN, **choices: object) -> SceneLayout:
    rng = np.random.default_rng([22, index])
    return draw_layout(rng, distribution, (448, 336), RenderConfig.model_validate(choices))


@pytest.fixture(scope="module")
def train() -> list[SceneLayout]:
    return [layout(i) for i in range(160)]


def kinds_of(noun: str) -> list:
    return [kind for kind in REAL_KINDS.values() if kind.name == noun]


def test_the_catalogue_is_complete():
    assert set().union(*(place.more for place in REAL_PLACES.values())) == set(REAL_KINDS)
    for name, kind in REAL_KINDS.items():
        assert kind.source, name
        assert 0 < kind.spread <= 0.25, name
        assert set(kind.on) | set(kind.beside) <= set(REAL_KINDS), name
        assert bool(kind.on) == (kind.spot is Spot.TOP), name
        assert set(kind.palette(shifted=True)), name
        if kind.told_apart:
            assert not set(kind.palette(shifted=True)) & set(kind.palette(shifted=False)), name


@pytest.mark.parametrize("name", REAL_KINDS)
def test_sizes_are_real(name):
    kind, rng = REAL_KINDS[name], np.random.default_rng(5)
    for spread in (0.0, 0.25):
        most = min(kind.spread, spread) + 1e-9
        for _ in range(2):
            shape = build_real(kind, kind.colours[0], rng, spread)
            np.testing.assert_allclose(shape.vertices.max(axis=0) - shape.vertices.min(axis=0), shape.size)
            assert (np.abs(shape.size / np.array(kind.size) - 1) <= most).all()
            np.testing.assert_allclose(np.linalg.norm(shape.corner_normals, axis=2), 1.0)


def test_places_hold_what_belongs_there(train):
    for scene in train:
        nouns = {REAL_KINDS[kind].name for kind in REAL_PLACES[scene.setting].more}
        assert {o.kind for o in scene.objects} <= nouns
    seen = Counter(o.kind for scene in train for o in scene.objects)
    assert len(seen) > 0.85 * len(NOUNS)
    assert {scene.setting for scene in train} == set(REAL_PLACES)
    assert np.mean([len(scene.objects) >= 5 for scene in train]) > 0.9
    assert max(len(scene.objects) for scene in train) <= 9


def test_solids_do_not_run_into_one_another(train):
    for scene in train[:80]:
        for a, b in combinations(scene.objects, 2):
            carried = any(
                kind.on and set(kind.on) & {n for n, k in REAL_KINDS.items() if k.name == lower.kind}
                for upper, lower in ((a, b), (b, a))
                for kind in kinds_of(upper.kind)
            )
            # A pillow lies between the boards of its bed.
            assert carried or _apart(world_vertices(a), world_vertices(b)), (a.kind, b.kind)


def test_everything_stands_lies_or_hangs_where_it_belongs(train):
    raised = 0
    for scene in train:
        for o in scene.objects:
            spots = {kind.spot for kind in kinds_of(o.kind)}
            if o.box.low == 0:
                assert spots & {*Spot} - {Spot.TOP}, o.kind
                continue
            raised += 1
            carriers = {REAL_KINDS[name].name for kind in kinds_of(o.kind) for name in kind.on}
            carried = any(
                other.kind in carriers
                and _above(o.box, other.box)
                and other.box.low < o.box.low <= other.box.high + 1e-9
                for other in scene.objects
            )
            assert carried or Spot.WALL in spots, o.kind
    assert raised > 0.25 * sum(len(scene.objects) for scene in train)


def test_higher_in_the_picture_is_not_always_farther(train):
    agree = []
    for scene in train:
        centres = [scene.camera.to_camera(o.box.corners()).mean(axis=0) for o in scene.objects]
        rows = [scene.camera.project(c)[1] for c in centres]
        for i, j in combinations(range(len(centres)), 2):
            agree.append((rows[i] < rows[j]) == (centres[i][2] > centres[j][2]))
    assert 0.5 < np.mean(agree) < 0.85


def test_some_rooms_are_seen_from_above_and_no_street(train):
    down = {"street": [], "room": []}
    for scene in train:
        down["street" if scene.setting == "street" else "room"].append(scene.camera.pitch >= 31.0)
        assert not 22.0 < scene.camera.pitch < 31.0  # those of shifted scenes are between
    assert not any(down["street"])
    assert 0.27 < np.mean(down["room"]) < 0.53
    assert any(scene.camera.pitch < 22.0 for scene in train if scene.setting != "street")


def test_a_chosen_place_and_chosen_things_are_kept():
    for place in REAL_PLACES:
        assert layout(1, setting=place).setting == place
    assert layout(2, setting="ground").setting == "street"
    assert layout(2, setting="room").setting != "street"
    some = [layout(i, setting="kitchen", kinds=("cup", "table"), colours=("white", "brown")) for i in range(6)]
    assert {o.kind for scene in some for o in scene.objects} == {"cup", "table"}
    # Without anything to carry them, chosen cups stand on the floor.
    assert layout(3, setting="kitchen", kinds=("cup",)).objects


def test_shifted_scenes_have_other_colours(train):
    shown = {(o.kind, o.colour) for scene in train for o in scene.objects}
    for index in range(40):
        for o in layout(index, Distribution.SHIFTED).objects:
            assert (o.kind, o.colour) not in shown or not all(kind.told_apart for kind in kinds_of(o.kind))


def test_colour_words_only_tell_things_apart():
    coloured = bare = 0
    for index in range(40):
        scene = scene_of(render_picture(6, index, size=(160, 120), config=RenderConfig(antialias=1, same_kind=1.0)))
        counts = Counter(item.category for item in scene.objects)
        unclear = ambiguous_names([item.name for item in scene.objects])
        for item, flag in zip(scene.objects, unclear, strict=True):
            colour = item.attributes[0]
            if item.name == item.category:
                bare += 1
                continue
            coloured += 1
            assert item.name == f"{colour} {item.category}"
            assert counts[item.category] > 1
            assert not flag
            assert colour not in BOX_COLOURS
    assert bare > coloured > 3
