"""The weights that come with the package: small, loadable by name, and able to see what the card says."""

import re
from pathlib import Path

import pytest

from reinforcesight.config import load_config
from reinforcesight.data_gen.sources.rendering import Distribution
from reinforcesight.model.load import EMBEDDED_DIRECTORY, ModelConfig, load_model
from reinforcesight.model.nano.config import PretrainConfig
from reinforcesight.model.nano.scenes import render_scene
from reinforcesight.model.nano.score import score

FOLDER = EMBEDDED_DIRECTORY / "nano"


@pytest.fixture(scope="module")
def recipe():
    return load_config(PretrainConfig, Path(__file__).parents[1] / "configs" / "nano.yaml")


def test_it_is_small_and_safe():
    files = list(FOLDER.iterdir())
    assert sum(f.stat().st_size for f in files) < 16e6
    assert {f.suffix for f in files} <= {".safetensors", ".json", ".jinja", ".md"}


def test_it_sees_what_its_card_says(recipe):
    """On scenes that neither training nor the card's own score has used."""
    loaded = load_model(ModelConfig(model_path="nano"))
    scenes = [
        render_scene(
            recipe.seed + 1,
            index,
            Distribution.HELD_OUT,
            recipe.picture_size,
            recipe.architecture.cell,
            recipe.rendering,
        )
        for index in range(48)
    ]
    scores = score(loaded.model, loaded.processor, scenes, recipe.rendering)
    card = (FOLDER / "README.md").read_text(encoding="utf-8")
    told = re.search(r"objects named, and placed right .*\| (0\.\d+) \|", card)
    # Some 190 objects: a standard error of three points.
    assert scores["placed"] == pytest.approx(float(told.group(1)), abs=0.1)
    assert scores["letters"] > 0.7


def test_it_answers_in_the_format_when_asked(tmp_path, recipe):
    from PIL import Image

    from reinforcesight.model.ask import AskConfig, ask

    scene = render_scene(5, 0, Distribution.HELD_OUT, recipe.picture_size, 16, recipe.rendering)
    Image.fromarray(scene.picture).save(tmp_path / "scene.png")
    kinds = recipe.rendering.kinds
    shown, absent = kinds[int(scene.kinds[0])], next(k for i, k in enumerate(kinds) if i not in scene.kinds)
    result = ask(
        AskConfig(
            image=tmp_path / "scene.png",
            question=f"Which of these is in the picture? Select from the following choices.\n(A) {shown}\n(B) {absent}",
        )
    )
    (answer,) = result.answers
    assert answer.finished
    assert answer.reasoning
    assert re.fullmatch(rf"\(A\) {shown}|\(B\) {absent}", answer.answer)
