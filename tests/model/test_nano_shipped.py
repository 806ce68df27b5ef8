"""The weights that come with the package: small, loadable by name, and able to see what the card says."""

import re
from pathlib import Path

import pytest
from nano.config import PretrainConfig
from nano.scenes import render_scene
from nano.score import score
from PIL import Image

from reinforcesight import protocol
from reinforcesight.config import load_config
from reinforcesight.data_gen.rendering import Distribution
from reinforcesight.model.chat import generate_text
from reinforcesight.model.load import EMBEDDED_DIRECTORY, ModelConfig, load_model

FOLDER = EMBEDDED_DIRECTORY / "nano"


@pytest.fixture(scope="module")
def recipe():
    return load_config(PretrainConfig, Path(__file__).parents[2] / "dev" / "nano" / "nano.yaml")


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


def test_it_chooses_one_of_the_offered_names_in_the_format(recipe):
    """Asked as it was taught: by colour and kind. What it chooses is often wrong; the score above is for that."""
    loaded = load_model(ModelConfig(model_path="nano"))
    kinds, colours = recipe.rendering.kinds, recipe.rendering.colours
    questions, pictures, offered = [], [], []
    for index in range(24):
        scene = render_scene(5, index, Distribution.HELD_OUT, recipe.picture_size, 16, recipe.rendering)
        names = [
            f"{colours[int(c)]} {kinds[int(k)]}" for c, k in zip(scene.colours, scene.kinds, strict=True) if k >= 0
        ]
        absent = next(f"{c} {k}" for c in colours for k in kinds if f"{c} {k}" not in names)
        question = protocol.with_options("Which of these is in the picture?", [names[0], absent])
        questions.append(protocol.with_instruction(question, protocol.Protocol.REASON))
        pictures.append(Image.fromarray(scene.picture))
        offered.append((names[0], absent))
    answers = generate_text(loaded.model, loaded.processor, questions, pictures, 96, batch_size=24)
    fitting = [
        re.fullmatch(rf"<think>.+</think><answer>(?:\(A\) {a}|\(B\) {b})</answer>", answer.text) is not None
        for answer, (a, b) in zip(answers, offered, strict=True)
    ]
    assert sum(fitting) >= 22, [answer.text for answer in answers]


def test_ask_takes_it_by_name(tmp_path, recipe):
    from reinforcesight.model.ask import AskConfig, ask

    scene = render_scene(5, 0, Distribution.HELD_OUT, recipe.picture_size, 16, recipe.rendering)
    Image.fromarray(scene.picture).save(tmp_path / "scene.png")
    (answer,) = ask(AskConfig(image=tmp_path / "scene.png", question="Where is the snowman?")).answers
    assert answer.finished
