import json

import pytest
from PIL import Image
from pydantic import ValidationError
from tiny_models import build_tiny

from reinforcesight.errors import InputError
from reinforcesight.model.ask import AskConfig, ask, make_question, parse_boxes, picture_with_boxes


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return str(build_tiny(tmp_path_factory.mktemp("tiny")))


def test_boxes_are_drawn_and_mentioned_in_cv_bench_colours(tmp_path):
    path = tmp_path / "p.png"
    Image.new("RGB", (100, 80), "white").save(path)
    boxes = parse_boxes(["red chair=10,20,40,60", "table=50,20,90,60"])
    question = make_question(path, "Which is closer, the red chair or the table?", boxes)
    assert question.prompt == (
        "Which is closer, the red chair (highlighted by a red box) or the table (highlighted by a blue box)?"
    )
    picture = picture_with_boxes(question)
    assert picture.getpixel((10, 40)) == (255, 0, 0)
    assert picture.getpixel((50, 40)) == (0, 0, 255)
    assert picture.getpixel((25, 40)) == (255, 255, 255)


@pytest.mark.parametrize("item", ["chair", "chair=1,2,3", "=1,2,3,4", "chair=5,5,1,9", "chair=a,b,c,d"])
def test_bad_boxes_are_named(item):
    with pytest.raises(InputError, match=r"box|expected"):
        parse_boxes([item])


def test_a_box_for_something_that_is_not_asked_about(tmp_path):
    with pytest.raises(InputError, match="does not name 'lamp'"):
        make_question(tmp_path / "p.png", "Where is the chair?", parse_boxes(["lamp=0,0,5,5"]))


def test_one_question(tiny, tmp_path, capsys):
    Image.new("RGB", (64, 48), "white").save(tmp_path / "p.png")
    result = ask(AskConfig(image=tmp_path / "p.png", question="Where?", model_path=tiny, max_new_tokens=5))
    assert result.exit_code == 0
    assert result.answers[0] is not None
    assert "Answer: " in capsys.readouterr().out


def test_a_batch_goes_on_past_bad_lines_and_never_leaves_its_folder(tiny, tmp_path, capsys):
    folder = tmp_path / "batch"
    folder.mkdir()
    Image.new("RGB", (64, 48), "white").save(folder / "p.png")
    Image.new("RGB", (64, 48), "white").save(tmp_path / "outside.png")
    (folder / "broken.png").write_bytes(b"\x89PNG nothing")
    good = {"image": "p.png", "question": "Where is the cup?", "box": ["cup=1,1,20,20"]}
    bad = [
        {"image": "../outside.png", "question": "Where?"},
        {"image": "broken.png", "question": "Where?"},
        {"image": "none.png", "question": "Where?"},
        {"question": "Where?"},
    ]
    lines = [json.dumps(good), *map(json.dumps, bad), "{", json.dumps(good)]
    (folder / "q.jsonl").write_text("\n".join(lines) + "\n")
    result = ask(AskConfig(batch=folder / "q.jsonl", model_path=tiny, max_new_tokens=4, batch_size=2))
    assert result.exit_code == 1
    assert [answer is not None for answer in result.answers] == [True, *[False] * 5, True]
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["line"] for line in printed] == list(range(1, 8))
    assert "highlighted by a red box" in printed[0]["question"]
    for line, words in zip(
        printed[1:6], ("outside", "can't be read", "no such picture", "texts", "JSON"), strict=True
    ):
        assert words in line["error"]
    assert printed[0]["answer"] == printed[6]["answer"]


def test_either_a_question_or_a_batch(tmp_path):
    for fields in ({}, {"image": tmp_path}, {"batch": tmp_path, "question": "?"}):
        with pytest.raises(ValidationError, match=r"give IMAGE|--batch"):
            AskConfig(**fields)
