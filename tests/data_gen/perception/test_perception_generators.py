"""Florence-2 and Molmo2: places that a model writes as text are read strictly, or not at all."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from perception_generators import PICTURE_SIZE, save_florence2, save_molmo2
from torchvision_shim import importable_torchvision

from reinforcesight.data_gen.perception.cache import ResultCache, pack_boxes, unpack_boxes
from reinforcesight.data_gen.perception.config import DetectionThresholds
from reinforcesight.data_gen.perception.filtering import Query, filter_boxes
from reinforcesight.data_gen.perception.models.generated_text import geometric_mean, parse_location_boxes, parse_points
from reinforcesight.data_gen.perception.perceive import PerceptionTask, perceive
from reinforcesight.data_gen.perception.protocols import GroundedBox, PerceptionModels, SegmentedMask
from reinforcesight.errors import InputError, MissingDependencyError

pytest.importorskip("transformers")
HAS_MOLMO2 = importlib.util.find_spec("transformers.models.molmo2") is not None
HEIGHT, WIDTH = PICTURE_SIZE


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('<points coords="1 1 073 160 2 173 600">boats</points>', [(0.073, 0.16), (0.173, 0.6)]),
        ('Counting the <points coords="1 1 500 1000" alt="dogs">the dogs</points> shows 1.', [(0.5, 1.0)]),
        ('<points coords="1 1 0 0"/>', [(0.0, 0.0)]),
        ("There are none.", []),
        ("  none  ", []),
        ("", None),
        ("The chair is on the left.", None),
        ('<points coords="">chair</points>', None),
        ('<points coords="1">chair</points>', None),
        ('<points coords="1 1 073">chair</points>', None),
        ('<points coords="1 1 073 160 2 173">chair</points>', None),  # cut off in the middle
        ('<points coords="1 1 073 160 3 173 600">chair</points>', None),  # numbers do not count up
        ('<points coords="2 1 073 160">chair</points>', None),  # another picture
        ('<points coords="1 1 073 1001">chair</points>', None),  # outside
        ('<points coords="1 1 -73 160">chair</points>', None),
        ('<points coords="1 1 7.3 160">chair</points>', None),
        ('<points coords="1 1 073 160 2 073 160">chair</points>', None),  # the same place twice: a loop
        ('<points coords="1 1 073 160">chair', None),
        ('<points coords="1 1 73 160">a</points><points coords="1 1 5 6">b</points>', None),
        ('<points x1="9.1" y1="11.7" alt="chair">chair</points>', None),  # Molmo's older form, in per cent
        ('<point x="9.1" y="11.7">chair</point>', None),
    ],
)
def test_points_of_an_answer(text: str, expected: list[tuple[float, float]] | None) -> None:
    assert parse_points(text) == expected


def pieces(text: str, probability: float = 0.9) -> list[tuple[str, float]]:
    """Tokens of an answer: locations whole, everything else by letters."""
    import re

    return [(piece, probability) for piece in re.findall(r"<[^<>]*>|.", text)]


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("red chair<loc_52><loc_333><loc_632><loc_774>", ["red chair"]),
        ("chair<loc_1><loc_2><loc_3><loc_4><loc_5><loc_6><loc_7><loc_8>", ["chair", "chair"]),
        ("chair<loc_1><loc_2><loc_3><loc_4> table<loc_5><loc_6><loc_7><loc_8>", ["chair", "table"]),
        ("", []),
        ("chair", None),
        ("<loc_1><loc_2><loc_3><loc_4>", None),
        ("chair<loc_1><loc_2><loc_3>", None),
        ("chair<loc_1><loc_2><loc_3><loc_4><loc_5>", None),
        ("chair<loc_3><loc_2><loc_1><loc_4>", None),  # right of its right side
        ("chair<loc_1><loc_2><loc_1><loc_4>", None),  # no width
        ("chair<loc_1><loc_2><loc_3><loc_1000>", None),
        ("chair<poly><loc_1><loc_2><loc_3><loc_4></poly>", None),
        ("chair<loc_1><loc_2><loc_3><loc_4>table", None),
        ("chair<loc_1><loc_2>table<loc_3><loc_4><loc_5><loc_6>", None),
    ],
)
def test_boxes_of_an_answer(text: str, labels: list[str] | None) -> None:
    found = parse_location_boxes(pieces(text))
    assert (None if found is None else [item.label for item in found]) == labels
    for item in found or []:
        assert item.score == pytest.approx(0.9)
        assert 0 < item.box[0] < item.box[2] < 1


def test_where_boxes_are() -> None:
    found = parse_location_boxes(
        [("chair", 0.1), ("<loc_0>", 0.4), ("<loc_499>", 0.9), ("<loc_999>", 0.9), ("<loc_500>", 0.4)]
    )
    assert found is not None
    assert found[0].box == pytest.approx((0.0005, 0.4995, 0.9995, 0.5005))
    assert found[0].score == pytest.approx(0.6)
    assert geometric_mean([]) == geometric_mean([0.5, 0.0]) == 0.0


ALPHABET = (
    *("<points", ' coords="', '">', "</points>", "1 ", "2 ", "1000 ", "99999 ", "-3 "),
    *("chair", "<loc_1>", "<loc_", "9>", '"', "<", ">", " "),
)


@given(st.lists(st.sampled_from(ALPHABET), max_size=14), st.text(max_size=20))
@settings(max_examples=300, deadline=None)
def test_no_text_raises_or_leaves_the_picture(parts: list[str], tail: str) -> None:
    text = "".join(parts) + tail
    for x, y in parse_points(text) or []:
        assert 0 <= x <= 1
        assert 0 <= y <= 1
    for item in parse_location_boxes([(part, 0.5) for part in [*parts, tail]]) or []:
        assert 0 < item.box[0] < item.box[2] < 1
        assert 0 < item.box[1] < item.box[3] < 1
        assert item.label


def test_a_changed_answer_is_refused_or_differs_visibly() -> None:
    """Deleting any part of a sound answer never moves a point that is still given."""
    text = '<points coords="1 1 073 160 2 173 600">boats</points>'
    sound = set(parse_points(text) or [])
    words = text.split(" ")
    for skipped in range(len(words)):
        got = parse_points(" ".join(words[:skipped] + words[skipped + 1 :]))
        assert got is None or set(got) <= sound


def picture(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def florence(tmp_path_factory: pytest.TempPathFactory) -> Path:
    answer = "red chair<loc_52><loc_333><loc_632><loc_774>table<loc_1><loc_2><loc_30><loc_40>"
    return save_florence2(tmp_path_factory.mktemp("florence"), answer, "red chair. table.")


def test_florence2_finds_what_it_writes(florence: Path) -> None:
    from reinforcesight.data_gen.perception.models.florence import Florence2Grounder

    adapter = Florence2Grounder(str(florence), min_score=0.5)
    found = adapter.ground([picture(0), picture(1)], [["red chair", "table"], ["the red chair", "table"]])
    for boxes in found:
        by_phrase = {box.phrase: box for box in boxes}
        assert set(by_phrase) == {0, 1}
        assert by_phrase[0].box == pytest.approx((0.0525 * WIDTH, 0.3335 * HEIGHT, 0.6325 * WIDTH, 0.7745 * HEIGHT))
        assert all(0.5 < box.score <= 1 for box in boxes)
    # Words that are not a phrase's own count for none, whatever the model says.
    assert adapter.ground([picture(0)], [["red chair"]])[0][0].phrase == 0
    assert adapter.ground([picture(0)], [[]]) == [[]]
    assert Florence2Grounder(str(florence), min_score=0.99999).ground([picture(0)], [["red chair", "table"]]) == [[]]


def test_florence2_with_random_weights_says_nothing_that_counts(tmp_path: Path) -> None:
    from reinforcesight.data_gen.perception.models import florence as module

    save_florence2(tmp_path)
    adapter = module.Florence2Grounder(str(tmp_path), min_score=0.0)
    found = adapter.ground([picture(0)], [["chair", "table"]])[0]
    assert {box.phrase for box in found} <= {0, 1}
    filtered = filter_boxes(
        found, [Query("chair"), Query("table")], width=WIDTH, height=HEIGHT, rules=DetectionThresholds()
    )
    assert not filtered.found
    assert {item.reason for item in filtered.skipped} == {"unreadable_answer"}
    assert filtered.unseen == ["chair", "table"]


def test_florence2_in_another_form_is_refused(tmp_path: Path, florence: Path) -> None:
    import json
    import shutil

    from reinforcesight.data_gen.perception.models.florence import Florence2Grounder

    other = Path(shutil.copytree(florence, tmp_path / "remote"))
    config = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps(config | {"auto_map": {"AutoConfig": "a.B"}}))
    with pytest.raises(InputError, match="code of its own"):
        Florence2Grounder(str(other))


def test_molmo2_is_named_where_transformers_has_none(tmp_path: Path) -> None:
    from reinforcesight.data_gen.perception.models.molmo import Molmo2Pointer

    if HAS_MOLMO2:
        pytest.skip("this transformers has Molmo2")
    (tmp_path / "config.json").write_text('{"model_type": "molmo2"}')
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(MissingDependencyError, match=r"transformers>=5\.20"):
        Molmo2Pointer(str(tmp_path)).ground([picture(0)], [["chair"]])


@pytest.mark.skipif(not HAS_MOLMO2, reason="needs transformers 5.20 or later")
def test_molmo2_points_at_what_it_writes(tmp_path: Path) -> None:
    if not importable_torchvision():
        pytest.skip("needs torchvision, or a build of it that a shim can import")
    from reinforcesight.data_gen.perception.models.molmo import Molmo2Pointer

    answer = '<points coords="1 1 250 500 2 073 160">red chair</points>'
    save_molmo2(tmp_path, answer, "Point out every red chair in the image.")
    adapter = Molmo2Pointer(str(tmp_path), min_score=0.5)
    together = adapter.ground([picture(0), picture(0)], [["red chair", "lamp"], ["red chair"]])
    for found in together:
        points = [box.point for box in found if box.phrase == 0]
        assert points == [
            pytest.approx((0.25 * WIDTH, 0.5 * HEIGHT)),
            pytest.approx((0.073 * WIDTH, 0.16 * HEIGHT)),
        ]
    assert Molmo2Pointer(str(tmp_path), min_score=0.99999).ground([picture(0)], [["red chair"]]) == [[]]


class Pointer:
    """Gives the points and answers that it was built with."""

    identity = "pointer"

    def __init__(self, found: list[GroundedBox]) -> None:
        self.found = found

    def release(self) -> None:
        pass

    def ground(self, pictures: list[np.ndarray], phrases: list[list[str]]) -> list[list[GroundedBox]]:
        return [self.found for _ in pictures]


class Outliner:
    """Outlines the thing that a point is on, or what fills a box, in a picture of two things."""

    identity = "outliner"

    def __init__(self, things: list[np.ndarray], score: float = 0.9) -> None:
        self.things, self.score = things, score

    def release(self) -> None:
        pass

    def segment(self, pictures: object, prompts: list[list[object]]) -> list[list[SegmentedMask]]:
        made = []
        for prompt in prompts[0]:
            x, y = prompt.point or ((prompt.box[0] + prompt.box[2]) / 2, (prompt.box[1] + prompt.box[3]) / 2)
            hit = [mask for mask in self.things if mask[int(y), int(x)]]
            made.append(SegmentedMask(hit[0] if hit else np.zeros((HEIGHT, WIDTH), dtype=bool), self.score))
        return [made for _ in prompts]


def things() -> list[np.ndarray]:
    masks = [np.zeros((HEIGHT, WIDTH), dtype=bool) for _ in range(2)]
    masks[0][10:40, 10:40] = True
    masks[1][20:60, 60:90] = True
    return masks


def looked_at(found: list[GroundedBox], segmenter: object, cache: ResultCache | None = None) -> object:
    task = PerceptionTask(b"picture", picture(3), (Query("red chair"), Query("lamp"), Query("chair")))
    return perceive([task], PerceptionModels(Pointer(found), None, segmenter), cache=cache)[0]


def test_points_become_boxes_through_the_segmenter(tmp_path: Path) -> None:
    found = [GroundedBox.at(0, (20, 20), 0.9), GroundedBox.at(1, (70, 30), 0.8)]
    cache = ResultCache(tmp_path)
    result = looked_at(found, Outliner(things()), cache)
    assert {item.name: item.box for item in result.scene.objects} == {
        "red chair": (10.0, 10.0, 40.0, 40.0),
        "lamp": (60.0, 20.0, 90.0, 60.0),
    }
    assert looked_at([], Outliner([]), cache) == result  # all of it was stored, points too


def test_two_points_on_one_thing_are_one_thing() -> None:
    found = [
        GroundedBox.at(0, (20, 20), 0.9),
        GroundedBox.at(0, (30, 30), 0.9),
        GroundedBox.at(1, (25, 25), 0.7),
    ]
    result = looked_at(found, Outliner(things()))
    assert [item.name for item in result.scene.objects] == ["red chair"]
    assert {item.reason for item in result.skipped} == {"duplicate_box", "same_thing_other_name"}


@pytest.mark.parametrize(
    ("second", "score", "reason"),
    [
        (GroundedBox.at(2, (50, 5), 0.9), 0.9, "empty_mask"),
        (GroundedBox.unreadable(2), 0.9, "unreadable_answer"),
    ],
)
def test_what_may_be_there_takes_the_name(second: GroundedBox, score: float, reason: str) -> None:
    """A chair that was pointed at and not outlined, or of which nothing is known, may be the red chair's namesake."""
    found = [GroundedBox.at(0, (20, 20), 0.9), GroundedBox.at(1, (70, 30), 0.8), second]
    result = looked_at(found, Outliner(things(), score))
    assert [item.name for item in result.scene.objects] == ["lamp"]
    assert reason in {item.reason for item in result.skipped}
    assert "name_shared_with_skipped" in {item.reason for item in result.skipped}


def test_points_need_a_segmenter() -> None:
    with pytest.raises(InputError, match="no segmenter"):
        looked_at([GroundedBox.at(0, (20, 20), 0.9)], None)


def test_points_and_unreadable_answers_are_stored() -> None:
    found = [
        GroundedBox.at(1, (3.5, 4.25), 0.5),
        GroundedBox(0, (1, 2, 3, 4), 0.75),
        GroundedBox.unreadable(2),
    ]
    again = unpack_boxes(pack_boxes(found))
    assert again[:2] == found[:2]
    assert np.isnan(again[2].box).all()
    assert again[2].point is None
    old = {name: values for name, values in pack_boxes(found).items() if name != "points"}
    assert [item.point for item in unpack_boxes(old)] == [None] * 3
