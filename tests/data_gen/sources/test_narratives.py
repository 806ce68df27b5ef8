"""Localized narratives: phrases, their times and traces, both file forms, and the way to scenes and questions."""

from __future__ import annotations

import io
import json
import pickle
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from perception_support import KnownScenes
from PIL import Image

from reinforcesight.data_gen.config import GenerateConfig
from reinforcesight.data_gen.perception.config import PerceptionConfig
from reinforcesight.data_gen.perception.protocols import DepthPrediction
from reinforcesight.data_gen.pipeline import generate
from reinforcesight.data_gen.questions.forms import Form
from reinforcesight.data_gen.source import PictureRejected
from reinforcesight.data_gen.sources.narrated.narrative_files import open_narratives, open_on_hub
from reinforcesight.data_gen.sources.narrated.narratives import (
    TracePoint,
    narrated_queries,
    phrase_times,
    read_narrative,
    trace_evidence,
)
from reinforcesight.data_gen.sources.narrated.source import LocalizedNarrativesSource
from reinforcesight.errors import InputError
from reinforcesight.language.noun_phrases import noun_phrases, split_words

CAPTION = "In this image I can see a white cup on the table. There is a red lamp, and there are two books."
WIDTH, HEIGHT = 160, 120
# Name, box in pixels, depth.
THINGS = (
    ("white cup", (10.0, 70.0, 40.0, 100.0), 1.0),
    ("table", (60.0, 80.0, 110.0, 115.0), 1.8),
    ("red lamp", (120.0, 10.0, 150.0, 50.0), 3.5),
)


def points_in(box: tuple[float, ...], start: float, end: float, count: int = 20) -> list[dict[str, float]]:
    """A pointer that circles in a box (pixels) between two times."""
    angles = np.linspace(0, 6, count)
    x = (box[0] + box[2]) / 2 + 0.4 * (box[2] - box[0]) * np.cos(angles)
    y = (box[1] + box[3]) / 2 + 0.4 * (box[3] - box[1]) * np.sin(angles)
    t = np.linspace(start, end, count)
    return [{"x": float(a) / WIDTH, "y": float(b) / HEIGHT, "t": float(c)} for a, b, c in zip(x, y, t, strict=True)]


def record(image_id: str = "0a1b2c3d4e5f6071", **changes: object) -> dict[str, object]:
    """One narrative as in the published files, written by hand."""
    spoken = [
        ("In this image", 0.0, 1.0),
        ("I can see", 1.0, 2.0),
        ("a white cup", 3.0, 4.0),
        ("", 4.0, 4.2),
        ("on the table.", 6.0, 7.0),
        ("There is", 8.0, 8.5),
        ("a red lamp,", 9.0, 10.0),
        ("and there are", 11.0, 11.5),
        ("two books.", 12.0, 13.0),
    ]
    outside = [{"x": -0.06, "y": 1.21, "t": 0.1}, {"x": 1.04, "y": 0.5, "t": 0.3}]
    return {
        "dataset_id": "open_images_val",
        "image_id": image_id,
        "annotator_id": 93,
        "caption": CAPTION,
        "timed_caption": [{"utterance": u, "start_time": a, "end_time": b} for u, a, b in spoken],
        "traces": [
            outside + points_in(THINGS[0][1], 3.0, 4.0),
            points_in(THINGS[1][1], 6.0, 7.0) + points_in(THINGS[2][1], 9.0, 10.0),
        ],
        "voice_recording": "open_images_val/open_images_val_0a1b_93.ogg",
    } | changes


def as_columns(given: dict[str, object]) -> dict[str, object]:
    """The same with dicts of lists in place of lists of dicts."""

    def turned(rows: list[dict[str, object]]) -> dict[str, list[object]]:
        return {key: [row[key] for row in rows] for key in rows[0]}

    return given | {
        "timed_caption": turned(given["timed_caption"]),
        "traces": [turned(segment) for segment in given["traces"]],
    }


def as_nested_columns(given: dict[str, object]) -> dict[str, object]:
    segments = given["traces"]
    nested = {key: [[point[key] for point in segment] for segment in segments] for key in ("x", "y", "t")}
    return given | {"traces": nested}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (CAPTION, [("white cup", "one"), ("table", "one"), ("red lamp", "one"), ("books", "many")]),
        (
            "There is a man sitting on a wooden chair holding a book, behind him there are trees.",
            [("man", "one"), ("wooden chair", "one"), ("book", "one"), ("trees", "many")],
        ),
        (
            "On the left side there is another dog and some dogs, a girl's hat.",
            [("dog", "many"), ("dogs", "many"), ("hat", "one")],
        ),
        ("In the background there is a building, grass and sky.", [("building", "one")]),
        ("This picture shows a couple of bottles and coffee.", [("bottles", "many"), ("coffee", "unclear")]),
        ("The woman is standing.", [("woman", "one")]),
        ("This is a black and white image of a plate full of rice.", [("plate", "one"), ("rice", "unclear")]),
        ("a a the", []),
        ("", []),
    ],
)
def test_noun_phrases(text: str, expected: list[tuple[str, str]]) -> None:
    assert [(phrase.text, phrase.how_many.value) for phrase in noun_phrases(text)] == expected


@given(st.text(max_size=80) | st.lists(st.sampled_from(CAPTION.split()), max_size=20).map(" ".join))
@settings(max_examples=150, deadline=None)
def test_any_text_gives_phrases_of_its_own_words(text: str) -> None:
    words = [token.lower().replace("’", "'") for token in split_words(text)]
    last = 0
    for phrase in noun_phrases(text):
        assert last <= phrase.start < phrase.stop <= len(words)
        assert words[phrase.stop - 1] == phrase.head
        last = phrase.stop


def test_all_shapes_are_read_alike() -> None:
    lists = read_narrative(record())
    assert len(lists.utterances) == 8  # the empty one is left out
    assert len(lists.points) == 62
    assert read_narrative(as_columns(record())) == lists
    assert read_narrative(as_nested_columns(record())) == lists
    empty = read_narrative(record(timed_caption=None, traces=[]))
    assert empty.utterances == ()
    assert empty.points == ()
    assert read_narrative(record(traces=[[], None])).points == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"caption": None},
        {"caption": " "},
        {"timed_caption": "a cup"},
        {"timed_caption": [3]},
        {"timed_caption": {"utterance": ["a"], "start_time": [], "end_time": []}},
        {"timed_caption": {"utterance": "a cup"}},
        {"traces": "1 2 3"},
        {"traces": [[1, 2]]},
        {"traces": [3]},
    ],
)
def test_another_schema_is_named(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="expected"):
        read_narrative(record(**changes))


def test_broken_times_and_points_are_left_out() -> None:
    odd = record(
        timed_caption=[
            {"utterance": "a cup", "start_time": None, "end_time": 2.0},
            {"utterance": "a cup", "start_time": 3.0, "end_time": 2.0},
            {"utterance": "a cup", "start_time": 3.0, "end_time": float("nan")},
            {"utterance": None, "start_time": 3.0, "end_time": 4.0},
            {"utterance": "a cup", "start_time": 3.0, "end_time": 4.0},
        ],
        traces=[[{"x": float("nan"), "y": 0.5, "t": 1.0}, {"x": 0.5, "y": 0.5}, {"x": 0.5, "y": 0.5, "t": 1.0}]],
    )
    narrative = read_narrative(odd)
    assert len(narrative.utterances) == 1
    assert len(narrative.points) == 1


def test_phrases_have_the_times_of_their_utterances() -> None:
    narrative = read_narrative(record())
    phrases = noun_phrases(narrative.caption)
    assert phrase_times(narrative, phrases) == [(3.0, 4.0), (6.0, 7.0), (9.0, 10.0), (12.0, 13.0)]
    # A caption that was corrected afterwards: what was not said has no time.
    corrected = read_narrative(record(caption=CAPTION.replace("red lamp", "small green mug")))
    times = phrase_times(corrected, noun_phrases(corrected.caption))
    assert times == [(3.0, 4.0), (6.0, 7.0), None, (12.0, 13.0)]
    silent = read_narrative(record(timed_caption=[]))
    assert phrase_times(silent, phrases) == [None] * 4


def test_a_trace_is_what_was_pointed_at_in_the_time() -> None:
    steady = [TracePoint(0.5 + 0.01 * (i % 3), 0.4, 1.0 + 0.05 * i) for i in range(20)]
    strays = [TracePoint(-3.0, 7.0, 1.5), TracePoint(0.0, 0.0, 50.0)]
    found = trace_evidence(steady + strays, 1.0, 2.0)
    assert found is not None
    assert np.median(found, axis=0) == pytest.approx((0.51, 0.4))
    assert all(0 <= x <= 1 and 0 <= y <= 1 for x, y in found)
    assert trace_evidence(steady, 30.0, 31.0) is None
    assert trace_evidence(steady[:3], 1.0, 2.0) is None
    assert len(trace_evidence(steady * 20, 1.0, 2.0)) == 64


@given(
    st.lists(st.tuples(st.floats(-2, 3), st.floats(-2, 3), st.floats(0, 5)), min_size=4, max_size=80),
)
@settings(max_examples=60, deadline=None)
def test_evidence_stays_inside_the_picture(points: list[tuple[float, float, float]]) -> None:
    found = trace_evidence([TracePoint(*p) for p in points], 0.0, 5.0)
    assert found is not None
    assert all(0 <= value <= 1 for point in found for value in point)


def test_queries_carry_names_and_traces() -> None:
    asked = narrated_queries([read_narrative(record())])
    assert [(q.phrase, q.category) for q in asked.queries] == [
        ("white cup", "cup"),
        ("table", "table"),
        ("red lamp", "lamp"),
    ]
    for query, (_, box, _) in zip(asked.queries, THINGS, strict=True):
        centre = ((box[0] + box[2]) / 2 / WIDTH, (box[1] + box[3]) / 2 / HEIGHT)
        assert np.median(query.traces[0], axis=0) == pytest.approx(centre, abs=0.1)
    assert asked.unseen == ("books",)
    assert [s.reason for s in asked.skipped] == ["phrase_of_many"]
    twice = narrated_queries([read_narrative(record()), read_narrative(record(annotator_id=7))])
    assert [len(q.traces) for q in twice.queries] == [2, 2, 2]
    untraced = narrated_queries([read_narrative(record(traces=[]))])
    assert len(untraced.queries) == 3
    assert [s.reason for s in untraced.skipped].count("phrase_without_trace") == 3


def draw(number: int) -> np.ndarray:
    picture = np.random.default_rng(number).integers(100, 140, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    for index, (_, box, _) in enumerate(THINGS):
        x0, y0, x1, y1 = (int(v) for v in box)
        picture[y0:y1, x0:x1] = np.eye(3, dtype=np.uint8)[index] * 200
    return picture


def encoded(picture: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    return buffer.getvalue()


def known(pictures: list[np.ndarray], *extra: tuple[str, tuple[float, ...], float]) -> KnownScenes:
    """Models that know these pictures, and see further things with a score in place of the depth."""
    truth = KnownScenes()
    for picture in pictures:
        z = np.full((HEIGHT, WIDTH), 8.0, dtype=np.float32)
        things = []
        for name, box, depth in THINGS:
            mask = np.zeros((HEIGHT, WIDTH), dtype=bool)
            mask[int(box[1]) : int(box[3]), int(box[0]) : int(box[2])] = True
            z[mask] = depth
            things.append((name, box, 0.9, mask))
        for name, box, score in extra:
            things.append((name, box, score, np.zeros((HEIGHT, WIDTH), dtype=bool)))
        truth.add(picture, DepthPrediction(z, "metric"), things)
    return truth


def write_lines(folder: Path, count: int) -> list[np.ndarray]:
    (folder / "val").mkdir(parents=True)
    pictures = [draw(number) for number in range(count)]
    lines = []
    for number, picture in enumerate(pictures):
        (folder / "val" / f"{number:016x}.png").write_bytes(encoded(picture))
        lines.append(json.dumps(record(f"{number:016x}")))
    (folder / "narratives.jsonl").write_text("\n".join(lines) + "\n")
    return pictures


def write_parquet(path: Path, pictures: list[np.ndarray], *, nested: bool, group: int = 2) -> None:
    rows = []
    for number, picture in enumerate(pictures):
        row = record(f"{number:016x}")
        row = as_columns(row) if nested else row
        rows.append(row | {"image": {"bytes": encoded(picture), "path": None}, "image_url": "none"})
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=group)


def test_lines_and_parquet_give_the_same_scenes(tmp_path: Path) -> None:
    pictures = write_lines(tmp_path / "lines", 5)
    models = known(pictures).models()
    source = LocalizedNarrativesSource(tmp_path / "lines", models=models)
    assert source.count() == 5
    loaded = [source.load(index) for index in range(5)]
    for picture in loaded:
        assert [item.name for item in picture.scene.objects] == ["white cup", "table", "red lamp"]
        assert [item.box for item in picture.scene.objects] == [box for _, box, _ in THINGS]
        assert [item.depth for item in picture.scene.objects] == pytest.approx([z for _, _, z in THINGS])
    for nested in (False, True):
        path = tmp_path / f"nested-{nested}.parquet"
        write_parquet(path, pictures, nested=nested)
        stored = LocalizedNarrativesSource(path, models=models)
        assert pickle.loads(pickle.dumps(stored)).fingerprint() == stored.fingerprint()
        assert [stored.load(index) for index in range(5)] == loaded


def test_a_box_that_the_trace_never_visits_is_doubted(tmp_path: Path) -> None:
    pictures = write_lines(tmp_path, 1)
    truth = known(pictures, ("red lamp", (10.0, 5.0, 40.0, 40.0), 0.99))
    picture = LocalizedNarrativesSource(tmp_path, models=truth.models()).load(0)
    reasons = [s.reason for s in picture.skipped]
    assert "trace_elsewhere" in reasons
    # Which lamp is meant is not clear by the name alone any more.
    assert [item.name for item in picture.scene.objects] == ["white cup", "table"]


def test_troubled_lines_are_named(tmp_path: Path) -> None:
    pictures = write_lines(tmp_path, 3)
    (tmp_path / "val" / f"{1:016x}.png").write_bytes(b"not a picture")
    lines = (tmp_path / "narratives.jsonl").read_text().splitlines()
    lines.append(json.dumps(record("absent")))
    lines.append(json.dumps({"caption": "no id"}))
    lines.append(json.dumps(record(f"{0:016x}"))[:120])  # cut off: the picture's other narrative stays
    lines.append(json.dumps(record("wordless", caption="")))
    lines.append(json.dumps(record("thingless", caption="It is dark.", timed_caption=[], traces=[])))
    (tmp_path / "narratives.jsonl").write_text("\n".join(lines))
    for name in ("wordless", "thingless"):
        (tmp_path / f"{name}.png").write_bytes(encoded(draw(9)))
    source = LocalizedNarrativesSource(tmp_path, models=known(pictures).models())
    assert [problem.reason for problem in source.problems()] == ["line_without_image_id"]
    outcome = {}
    for index in range(source.count()):
        try:
            picture = source.load(index)
            outcome[picture.source_id] = [s.reason for s in picture.skipped]
        except PictureRejected as error:
            outcome[error.source_id] = error.reason
    assert outcome == {
        f"{0:016x}": ["bad_narrative", "phrase_of_many"],
        f"{1:016x}": "unreadable_picture",
        f"{2:016x}": ["phrase_of_many"],
        "absent": "missing_file",
        "wordless": "bad_narrative",
        "thingless": "nothing_named",
    }


def test_pictures_with_numeric_ids_are_found(tmp_path: Path) -> None:
    (tmp_path / "000000391895.jpg").write_bytes(encoded(draw(0)))
    (tmp_path / "coco.jsonl").write_text(json.dumps(record("391895")))
    files = open_narratives(tmp_path / "coco.jsonl")
    assert files.read(0).photograph.width == WIDTH


def test_rows_without_pictures_and_other_files_are_named(tmp_path: Path) -> None:
    rows = [record("a") | {"image": {"bytes": None, "path": None}}, record("b") | {"image": None}]
    rows.append(record("c") | {"image": {"bytes": b"junk", "path": None}})
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "rows.parquet")
    files = open_narratives(tmp_path / "rows.parquet")
    reasons = []
    for index in range(3):
        with pytest.raises(PictureRejected) as caught:
            files.read(index)
        reasons.append((caught.value.source_id, caught.value.reason))
    assert reasons == [("a", "missing_file"), ("b", "missing_file"), ("c", "unreadable_picture")]
    pq.write_table(pa.table({"text": ["a"]}), tmp_path / "other.parquet")
    with pytest.raises(InputError, match="columns are missing: caption, image"):
        open_narratives(tmp_path / "other.parquet")
    (tmp_path / "cut.parquet").write_bytes((tmp_path / "rows.parquet").read_bytes()[:200])
    with pytest.raises(InputError, match="can't be read as Parquet"):
        open_narratives(tmp_path / "cut.parquet")
    (tmp_path / "x.jsonl").write_text("{}\n")
    with pytest.raises(InputError, match="both"):
        open_narratives(tmp_path)
    with pytest.raises(InputError, match="expected localized narratives"):
        open_narratives(tmp_path / "absent.txt")


def test_hub_files_are_chosen_and_read_by_row_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hub itself is not asked: its two calls are answered from a folder."""
    import huggingface_hub

    pictures = [draw(number) for number in range(3)]
    (tmp_path / "OpenImages" / "train").mkdir(parents=True)
    write_parquet(tmp_path / "OpenImages" / "train" / "0000.parquet", pictures, nested=False)

    class Sibling:
        def __init__(self, name: str) -> None:
            self.rfilename = name

    class Info:
        sha = "0123abc"
        siblings = tuple(
            Sibling(n) for n in ("README.md", "OpenImages/train/0000.parquet", "Other/train/0000.parquet")
        )

    class Api:
        def dataset_info(self, repository: str, *, revision: str) -> Info:
            assert (repository, revision) == ("HuggingFaceM4/LocalizedNarratives", "refs/convert/parquet")
            return Info()

    class Files:
        def open(self, name: str, mode: str) -> object:
            root = "datasets/HuggingFaceM4/LocalizedNarratives@0123abc/"
            assert name.startswith(root)
            return (tmp_path / name.removeprefix(root)).open(mode)

    monkeypatch.setattr(huggingface_hub, "HfApi", Api)
    monkeypatch.setattr(huggingface_hub, "HfFileSystem", Files)
    files = open_narratives("hub:HuggingFaceM4/LocalizedNarratives")
    assert files.opener.func is open_on_hub
    assert files.opener.args == ("datasets/HuggingFaceM4/LocalizedNarratives@0123abc",)
    assert [files.read(index).source_id for index in range(3)] == [f"{number:016x}" for number in range(3)]
    with pytest.raises(InputError, match="no Parquet files of OpenImages/test"):
        open_narratives("hub:HuggingFaceM4/LocalizedNarratives/OpenImages/test")
    with pytest.raises(InputError, match="owner/name"):
        open_narratives("hub:LocalizedNarratives")


def test_narratives_to_questions(tmp_path: Path) -> None:
    pictures = write_lines(tmp_path / "in", 12)
    source = LocalizedNarrativesSource(
        tmp_path / "in", PerceptionConfig(cache=tmp_path / "kept"), models=known(pictures).models()
    )
    job = GenerateConfig(
        source="localized_narratives",
        input=tmp_path / "in",
        output=tmp_path / "out",
        num_samples=32,
        workers=1,
        tasks={"Relation": 2, "Depth": 1, "Distance": 1},
        forms=list(Form),
        box_colour_words=True,
        max_shortcut_share=1,
    )
    report = generate(job, source)
    assert report.state == "finished"
    assert sum(report.rows.values()) == 32
    questions = pq.read_table(next((tmp_path / "out" / "data").glob("train-*.parquet")))
    assert set(questions["source"].to_pylist()) == {"localized_narratives"}
    assert any("white cup" in text for text in questions["question"].to_pylist())
