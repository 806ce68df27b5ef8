"""Repainted pictures show no pair that is kept for evaluation, and what was never seen is not learnt to be absent."""

import math
import random
import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from nano.config import PretrainConfig
from nano.repaint import colour_change, hues, nearest_colour, never_seen, repainted
from nano.scenes import render_scene
from nano.tasks import picture_turns
from nano.vision import GridHeads, unseen_after

from reinforcesight.data_gen.rendering import Distribution, RenderConfig
from reinforcesight.data_gen.rendering.distribution import pairs
from reinforcesight.data_gen.rendering.palette import COLOURS, albedo_of

KINDS = ("ball", "box", "chair", "tree", "mug", "kite")
NAMED = ("red", "blue", "green", "yellow", "pink", "black")
OPTIONS = RenderConfig(
    world="toys",
    objects_min=3,
    objects_max=5,
    kinds=KINDS,
    colours=NAMED,
    min_extent=0.12,
    furnishing=1,
    shadows=False,
)
SHIFTED = set(pairs(Distribution.SHIFTED, KINDS, COLOURS))


@pytest.fixture(scope="module")
def scenes():
    return [render_scene(5, index, Distribution.TRAIN, (128, 96), 16, OPTIONS) for index in range(8)]


# The same examples each time: one draw in tens of thousands turns a colour by next to nothing.
@settings(max_examples=60, deadline=None, derandomize=True)
@given(index=st.integers(0, 7), seed=st.integers(0, 10**6))
def test_objects_alone_change_and_never_to_a_pair_kept_for_evaluation(scenes, index, seed):
    scene = scenes[index]
    result = repainted(scene, OPTIONS, random.Random(seed))
    rows = np.flatnonzero(scene.kinds >= 0)
    elsewhere = ~np.isin(scene.instances, rows)
    assert np.array_equal(result.picture[elsewhere], scene.picture[elsewhere])
    for name in ("kinds", "boxes", "depths", "visible", "instances", "cells"):
        assert np.array_equal(getattr(result, name), getattr(scene, name)), name
    near = hues(result.colours, OPTIONS)
    for row in rows:
        kind = KINDS[scene.kinds[row]]
        assert (kind, COLOURS[near[row]]) not in SHIFTED
        # By the pixels alone: paint in full light is the brightest that is seen of the named colour, so the whole
        # object's mean changes as its paint does.
        mask = scene.instances == row
        before, after = (p[mask].astype(float).mean(axis=0) for p in (scene.picture, result.picture))
        if result.colours[row] < -1 and NAMED[scene.colours[row]] != "black":
            assert np.abs(after - before).max() > 2
    assert set(result.colours[scene.kinds < 0]) <= {-1}


def test_a_third_of_a_turn_takes_red_to_green_and_grey_stays():
    assert nearest_colour(colour_change(2 * math.pi / 3, 1, 1) @ np.array(albedo_of("red"))) == "green"
    assert nearest_colour(colour_change(4 * math.pi / 3, 1, 1) @ np.array(albedo_of("red"))) == "blue"
    for colour in COLOURS:
        assert nearest_colour(np.array(albedo_of(colour))) == colour


@given(
    turn=st.floats(0, 7),
    saturation=st.floats(0, 2),
    brightness=st.floats(0, 2),
    paint=st.tuples(*[st.floats(0, 1)] * 3),
)
def test_a_change_of_colour_keeps_brightness_and_scales_the_distance_from_grey(turn, saturation, brightness, paint):
    before = np.array(paint)
    after = colour_change(turn, saturation, brightness) @ before
    assert after.mean() == pytest.approx(brightness * before.mean(), abs=1e-9)
    assert np.linalg.norm(after - after.mean()) == pytest.approx(
        brightness * saturation * np.linalg.norm(before - before.mean()), abs=1e-9
    )


def test_what_was_never_seen_is_what_scenes_for_training_never_hold():
    unseen = never_seen(OPTIONS)
    found = {(k, c) for i, c in enumerate(COLOURS) for j, k in enumerate(KINDS) if unseen[i, j]}
    assert found == SHIFTED
    shown = {
        (KINDS[k], NAMED[c])
        for index in range(60)
        for k, c in zip(*_pairs_of(render_scene(6, index, Distribution.TRAIN, (64, 48), 16, OPTIONS)), strict=True)
    }
    assert len(shown) > 20
    assert not shown & found


def _pairs_of(scene):
    there = scene.kinds >= 0
    return scene.kinds[there].tolist(), scene.colours[there].tolist()


@pytest.mark.parametrize("open_pairs", [True, False])
def test_nothing_is_learnt_about_kinds_never_seen_in_the_colour_that_is_shown(scenes, open_pairs):
    width = len(KINDS) + len(NAMED)
    heads = GridHeads(width, list(range(width)), OPTIONS, open_pairs=open_pairs)
    with torch.no_grad():
        heads.nothing.zero_()  # so that tokens that resemble a kind resemble it alone
    rng = random.Random(0)

    def kind_loss(tokens, scene):
        loss, parts = heads.loss(tokens, torch.eye(width), [scene])
        assert torch.isfinite(loss)
        return parts["grid_kind"]

    for scene in (*scenes, *(repainted(scene, OPTIONS, rng) for scene in scenes)):
        near = hues(scene.colours, OPTIONS)
        for row in np.flatnonzero(scene.kinds >= 0):
            shows = torch.from_numpy((scene.cells == row).reshape(-1))
            if not bool(shows.any()):
                continue
            for at, kind in enumerate(KINDS):
                tokens = torch.zeros(48, width)
                tokens[shows, at] = 20.0  # as if it looked like this kind
                change = kind_loss(tokens, scene) - kind_loss(torch.zeros(48, width), scene)
                if kind == KINDS[scene.kinds[row]]:
                    assert change < -0.01
                elif open_pairs and (kind, COLOURS[near[row]]) in SHIFTED:
                    assert change == pytest.approx(0, abs=1e-6)
                else:
                    assert change > 0.01


def test_a_colour_without_a_name_is_not_learnt(scenes):
    width = len(KINDS) + len(NAMED)
    heads = GridHeads(width, list(range(width)), OPTIONS, open_pairs=True)
    scene = repainted(scenes[0], OPTIONS, random.Random(1))
    shows = torch.from_numpy(np.isin(scene.cells, np.flatnonzero(scene.colours < -1)).reshape(-1))
    assert bool(shows.any())
    tokens = torch.zeros(48, width)
    before = heads.loss(tokens, torch.eye(width), [scene])[1]["grid_colour"]
    tokens[shows, len(KINDS)] = 20.0
    assert heads.loss(tokens, torch.eye(width), [scene])[1]["grid_colour"] == pytest.approx(before)


def test_conversations_about_repainted_pictures_name_no_colour(scenes):
    rng = random.Random(2)
    talked = 0
    for index in range(80):
        scene = repainted(scenes[index % 8], OPTIONS, rng)
        kinds = [KINDS[k] for k in scene.kinds if k >= 0]
        for user, answer in picture_turns(scene, OPTIONS, rng):
            talked += 1
            assert not re.search(rf"\b({'|'.join(COLOURS)})\b", user + answer)
            for kind in re.findall(rf"\b({'|'.join(KINDS)})\b", user + answer):
                # "box" is a kind here and what CV-Bench draws; no box is drawn in these.
                assert kinds.count(kind) == 1
    assert talked > 100


def test_texts_rule_out_no_pair_that_was_never_seen(tmp_path):
    """The loss of a text doesn't depend on how likely the model thinks a pair that training never shows."""
    from nano.pretrain import Pretraining
    from test_nano_model import SMALL

    rendering = SMALL["rendering"] | {"kinds": list(KINDS), "colours": list(NAMED)}
    losses = {}
    for open_pairs in (True, False):
        config = SMALL | {"output": tmp_path, "rendering": rendering, "open_pairs": open_pairs}
        run = Pretraining(PretrainConfig.model_validate(config))
        kind, colour = next((k, c) for k, c in sorted(SHIFTED) if c in NAMED)
        other = next(k for k in KINDS if (k, colour) not in SHIFTED)
        ids = {w: run.processor.tokenizer.encode(f" {w}")[0] for w in (kind, colour, other)}
        table = unseen_after(run.heads.words, OPTIONS, len(run.processor.tokenizer))
        assert bool(table[ids[colour], ids[kind]])
        assert not bool(table[ids[colour], ids[other]])
        raised = torch.nn.functional.one_hot(torch.tensor(ids[kind]), len(run.processor.tokenizer)) * 30.0
        for named in (other, kind):
            batch = run.encoder.encode([[("Which?", f"The {colour} {named}.")]], pictures=True)
            embedded = run.embed(batch.ids)
            losses[open_pairs, named == kind, 0.0] = float(run._text_loss(embedded, batch).detach())
            hook = run.model.lm_head.register_forward_hook(lambda _, __, out, by=raised: out + by)
            losses[open_pairs, named == kind, 30.0] = float(run._text_loss(embedded, batch).detach())
            hook.remove()
        run.supply.close()
    # The token after the colour is scored without the pair's kind; the others feel it.
    gained = {key[:2]: losses[(*key[:2], 30.0)] - losses[(*key[:2], 0.0)] for key in losses}
    assert gained[True, False] < gained[False, False] - 15
    # What the text does say is learnt as ever.
    assert losses[True, True, 0.0] == pytest.approx(losses[False, True, 0.0], rel=1e-5)
