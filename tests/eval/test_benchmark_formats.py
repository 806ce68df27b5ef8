"""Each known benchmark in its published columns: items, official figures, a missing column, a broken picture."""

from __future__ import annotations

import base64
import csv
import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from eval_samples import picture_bytes, replay, write_parquet

from reinforcesight.errors import InputError
from reinforcesight.eval.benchmarks.formats import BENCHMARK_FORMATS
from reinforcesight.eval.benchmarks.load import load_benchmark, parse_columns
from reinforcesight.eval.evaluate import evaluate
from reinforcesight.eval.items import Variant, make_request
from reinforcesight.protocol import Protocol

Rows = list[dict[str, Any]]
PICTURE = [picture_bytes(seed, (48, 48)) for seed in range(8)]
TEXT = [base64.b64encode(picture).decode() for picture in PICTURE]


def stored(number: int) -> dict[str, Any]:
    """A picture as the feature Image of datasets stores it."""
    return {"bytes": PICTURE[number], "path": None}


def blink() -> Rows:
    shared = {"image_2": None, "image_3": None, "image_4": None, "explanation": ""}
    near = "Two points are circled on the image. Which point is closer to the camera?"
    depth = f"{near}\nSelect from the following choices.\n(A) A is closer\n(B) B is closer"
    side = "Is the cup left of the box?\nSelect from the following choices.\n(A) yes\n(B) no"
    return [
        {
            **shared,
            "idx": f"val_{task}_{n}",
            "sub_task": task,
            "question": question,
            "prompt": prompt,
            "choices": choices,
            "answer": f"({gold})",
            "image_1": stored(n),
        }
        for task, question, prompt, choices, golds in (
            ("Relative_Depth", near, depth, ["A is closer", "B is closer"], "BAB"),
            ("Spatial_Relation", "Is the cup left of the box?", side, ["yes", "no"], "AB"),
            ("Counting", "How many cups?", "How many cups?\n(A) 1\n(B) 2", ["1", "2"], "A"),
        )
        for n, gold in enumerate(golds, start=1)
    ]


def embspatial() -> Rows:
    return [
        {
            "data_source": source,
            "scene_id": "s",
            "question_id": f"{source}_{n}",
            "question": "How are drawer and bottle positioned in relation to each other in the image?",
            "relation": relation,
            "image": TEXT[n],
            "answer_options": ["The drawer is above it.", "The drawer is under it.", "It is left.", "It is far."],
            "answer": gold,
            "objects": [{"name": "drawer", "bbox": [1, 2, 3, 4]}],
        }
        for n, (source, relation, gold) in enumerate(
            [("mp3d", "above", 0), ("ai2thor", "under", 1), ("mp3d", "far", 3)]
        )
    ]


def robospatial() -> Rows:
    rows = [
        ("configuration", "Is the lamp left of the bed? Answer yes or no.", "Yes"),
        ("configuration", "Is the cup behind the box? Answer yes or no.", "No"),
        ("compatibility", "Can the cup fit above the counter? Answer yes or no.", "Yes"),
        ("context", "Pinpoint several points left of the bowl.", "[(0.383, 0.873), (0.390, 0.990), (0.4, 0.9)]"),
    ]
    return [
        {"category": c, "question": q, "answer": a, "img": stored(n), "depth_image": stored(0), "mask": None}
        for n, (c, q, a) in enumerate(rows)
    ]


def sat() -> Rows:
    return [
        {
            "image_bytes": [PICTURE[n]] if n else [PICTURE[0], PICTURE[1]],
            "question": "If I turn left, will I face the door?",
            "answers": ["yes", "no"],
            "question_type": kind,
            "correct_answer": gold,
        }
        for n, (kind, gold) in enumerate([("ego_movement", "yes"), ("goal_aim", "yes"), ("perspective", "no")])
    ]


def threedsr() -> Rows:
    def row(index: int, qid: str, a: str, b: str, gold: str, image: str) -> dict[str, Any]:
        shared = {"category": "location_above", "C": "", "D": "", "image_source": "COCO"}
        return (
            shared
            | {"index": index, "qid": qid, "A": a, "B": b, "answer": gold, "image": image}
            | {"question": "Which object is higher in the 3D world space, the cup or the box?"}
        )

    return [
        row(0, "AAAAAAAA", "cup", "box", "A", TEXT[0]),
        row(1, "AAAAAAAA-1", "box", "cup", "B", "0"),  # the picture of row 0
        row(2, "AAAAAAAA-flip", "cup", "box", "A", TEXT[1]),
        row(3, "AAAAAAAA-flip-1", "box", "cup", "B", "2"),
        row(4, "BBBBBBBB", "cup", "box", "B", TEXT[2]),
        row(5, "BBBBBBBB-1", "box", "cup", "A", "4"),
    ]


def vsr() -> Rows:
    return [
        {
            "image": f"{n:012d}.jpg",
            "image_link": f"http://images.cocodataset.org/train2017/{n:012d}.jpg",
            "caption": caption,
            "label": label,
            "relation": relation,
            "subj": "car",
            "obj": "suitcase",
            "annotator_id": 2,
            "vote_true_validator_id": "[18, 2]",
            "vote_false_validator_id": "[1]",
        }
        for n, (caption, label, relation) in enumerate(
            [("The car is behind the suitcase.", 1, "behind"), ("The car faces the suitcase.", 0, "facing")]
        )
    ]


def whatsup() -> Rows:
    prepositions = ("left_of", "right_of", "on", "under")
    captions = [f"A cup {word} a chair" for word in ("to the left of", "to the right of", "on", "under")]
    return [
        {
            "image_path": f"data/controlled_images/cup_{name}_chair.jpeg",
            "caption_options": [captions[n], *(c for c in captions if c != captions[n])],
        }
        for n, name in enumerate(prepositions)
    ]


def omnispatial() -> Rows:
    rows = [("Dynamic_Reasoning", "Motion_Analysis", 0), ("Perspective_Taking", "Allocentric", 3)]
    return [
        {
            "id": f"{n}_0",
            "question": "How long will it take the car?",
            "options": ["2.7s", "14.7s", "25.7s", "3.9s"],
            "answer": gold,
            "task_type": task,
            "sub_task_type": sub,
        }
        for n, (task, sub, gold) in enumerate(rows)
    ]


def realworldqa() -> Rows:
    letter = "\n\nA. Left\nB. Straight\nC. Right\n\nPlease answer directly with only the letter of the correct option "
    word = "\n\nPlease answer directly with a single word or number."
    rows = [
        (f"Where does the wheel face?{letter}and nothing else.", "C"),
        (f"Is there a stop sign?{word}", "No"),
        (f"How many cars are there?{word}", "3"),
        (f"Is the road going up or down?{word}", "Downhill"),
    ]
    return [
        {"question": q, "answer": a, "image": stored(n), "image_path": f"{n}.webp"} for n, (q, a) in enumerate(rows)
    ]


def mmvp() -> Rows:
    return [
        {
            "Index": n,
            "Question": "Are the butterfly's wings closer to being open or closed?",
            "Options": "(a) Open (b) Closed (as at rest)",
            "Correct Answer": f"({gold})",
        }
        for n, gold in enumerate("abab", start=1)
    ]


def write_table(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), delimiter="\t" if path.suffix == ".tsv" else ",")
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_json(path: Path, rows: Rows) -> None:
    path.write_text(json.dumps(rows))


def write_lines(path: Path, rows: Rows) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


# Name: rows, file, how it is written, a column that every row needs, picture files.
BENCHMARKS: dict[str, tuple[Callable[[], Rows], str, Callable[[Path, Rows], object], str, list[str]]] = {
    "blink": (blink, "Relative_Depth/val-00000-of-00001.parquet", write_parquet, "image_1", []),
    "embspatial": (embspatial, "embspatial_bench.json", write_json, "answer_options", []),
    "robospatial-home": (robospatial, "data/configuration-00000-of-00001.parquet", write_parquet, "img", []),
    "sat-real": (sat, "SAT_test.parquet", write_parquet, "correct_answer", []),
    "3dsrbench": (threedsr, "3dsrbench_v1_vlmevalkit_circular.tsv", write_table, "qid", []),
    "vsr": (vsr, "test.jsonl", write_lines, "label", ["images/000000000000.jpg", "images/000000000001.jpg"]),
    "whatsup": (
        whatsup,
        "controlled_images_dataset.json",
        write_json,
        "caption_options",
        [f"controlled_images/cup_{name}_chair.jpeg" for name in ("left_of", "right_of", "on", "under")],
    ),
    "omnispatial": (
        omnispatial,
        "data.json",
        write_json,
        "sub_task_type",
        ["Dynamic_Reasoning/0.png", "Perspective_Taking/1.png"],
    ),
    "realworldqa": (realworldqa, "data/test-00000-of-00001.parquet", write_parquet, "answer", []),
    "mmvp": (mmvp, "Questions.csv", write_table, "Correct Answer", [f"MMVP Images/{n}.jpg" for n in range(1, 5)]),
}


def publish(folder: Path, name: str, change: Callable[[Rows], Rows] = lambda rows: rows) -> str:
    """Write a benchmark in its published format; return its ``--benchmark``."""
    rows, file, write, _, pictures = BENCHMARKS[name]
    for at, picture in enumerate(pictures):
        (folder / picture).parent.mkdir(parents=True, exist_ok=True)
        (folder / picture).write_bytes(PICTURE[at])
    (folder / file).parent.mkdir(parents=True, exist_ok=True)
    write(folder / file, change(rows()))
    return f"{name}={folder}"


def replayed(folder: Path, where: str, right: Callable[[Any], bool], report: bool = False) -> Any:
    """Evaluate with answers that are right for some items; others name another option, or nothing."""
    answers = folder / "answers.jsonl"
    with answers.open("w") as lines:
        for item in load_benchmark(where).items:
            wanted = "ABCDEFGHIJKLMNOPQRSTUVWXYZ".index(item.gold)
            chosen = item.choices[wanted if right(item) else wanted - 1]
            text = chosen if right(item) or len(item.choices) > 1 else "no idea"
            lines.write(json.dumps({"id": item.id, "response": f"<answer>{text}</answer>"}) + "\n")
    return evaluate(replay(where, answers, folder / "out.json", report=report, tasks="all"))


def test_every_layout_is_tested() -> None:
    assert BENCHMARKS.keys() == BENCHMARK_FORMATS.keys()


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_missing_column_is_named(name: str, tmp_path: Path) -> None:
    column = BENCHMARKS[name][3]
    where = publish(tmp_path, name, lambda rows: [{k: v for k, v in row.items() if k != column} for row in rows])
    others = re.escape(next(key for key in BENCHMARKS[name][0]()[0] if key != column))
    with pytest.raises(InputError, match=rf"missing column {column}.*; found .*{others}.*{tmp_path}"):
        load_benchmark(where)


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_broken_picture_is_named_and_the_others_scored(name: str, tmp_path: Path) -> None:
    whole = load_benchmark(publish(tmp_path / "whole", name))
    assert not whole.broken

    def damage(rows: Rows) -> Rows:
        at = 1 if name == "sat-real" else 0  # its first row has two pictures
        for key in ("image", "image_1", "img", "image_bytes"):
            if key in rows[at] and not BENCHMARKS[name][4]:
                rows[at][key] = {str: "%%%", list: [b"no picture"], dict: {"bytes": b"no picture", "path": None}}[
                    type(rows[at][key])
                ]
        return rows

    (tmp_path / "broken").mkdir()
    where = publish(tmp_path / "broken", name, damage)
    if BENCHMARKS[name][4]:
        (tmp_path / "broken" / BENCHMARKS[name][4][0]).write_bytes(PICTURE[0][:40])
    results = replayed(tmp_path / "broken", where, lambda item: True)
    assert results.broken
    assert {row.row for row in results.broken} == {1 if name == "sat-real" else 0} | (
        {1} if name == "3dsrbench" else set()  # its picture is that of row 0
    )
    assert results.exit_code == 1
    readable = [item for item in whole.items if item.row not in {row.row for row in results.broken}]
    assert results.n_scored == results.micro.correct == len(readable) > 0
    assert not results.official.figures


@pytest.mark.parametrize("name", BENCHMARKS)
def test_everything_right_gives_full_figures(name: str, tmp_path: Path) -> None:
    results = replayed(tmp_path, publish(tmp_path, name), lambda item: True)
    assert results.exit_code == 0
    assert results.micro.accuracy == 1
    assert results.official.figures
    assert {figure.accuracy for figure in results.official.figures.values()} == {1}
    assert results.protocol["benchmark"]["name"] == BENCHMARK_FORMATS[name].title
    assert results.chance.random < 0.6


def test_official_figures_by_hand(tmp_path: Path) -> None:
    """Figures of the published definitions, computed by hand for a few wrong answers."""
    wrong = {
        # 2 of 3 and 2 of 2: the tasks count alike.
        "blink": ({"val_Relative_Depth_1"}, {"mean of tasks": (2 / 3 + 1) / 2}),
        "robospatial-home": ({"row-0"}, {"VQA average": 0.75}),
        # One order of one of two questions.
        "sat-real": ({"1-0"}, {"circular, mean over orders": 0.75, "circular, all orders": 0.5}),
        # AAAAAAAA fails in one flipped copy: its circular group stands, its flipped one falls.
        "3dsrbench": (
            {"AAAAAAAA-flip-1"},
            {"flip_circ_eval": 1 / 2, "circ_eval": 2 / 3, "flip_eval": 3 / 4, "vanilla": 5 / 6},
        ),
        "mmvp": ({"2"}, {"pairs": 0.5, "accuracy": 0.75}),
        "whatsup": ({"cup_on_chair"}, {"Controlled_A, pairs": 0.5, "Controlled_A, sets": 0.0}),
        "embspatial": ({"ai2thor_1"}, {"accuracy": 2 / 3}),
    }
    for name, (ids, figures) in wrong.items():
        folder = tmp_path / name
        results = replayed(folder, publish(folder, name), lambda item, ids=ids: item.id not in ids)
        found = {figure: accuracy.accuracy for figure, accuracy in results.official.figures.items()}
        assert found == pytest.approx(figures), name
    assert results.official.missing == ()
    results = replayed(tmp_path / "whatsup", f"whatsup={tmp_path / 'whatsup'}", lambda item: True)
    assert "What'sUp, mean of A and B: no Controlled_B" in results.official.missing


def test_questions_and_choices(tmp_path: Path) -> None:
    read = {name: load_benchmark(publish(tmp_path / name, name)) for name in BENCHMARKS}
    assert [item.task for item in read["blink"].items] == ["Relative_Depth"] * 3 + ["Spatial_Relation"] * 2
    assert read["blink"].items[0].prompt == blink()[0]["prompt"]
    for name in ("robospatial-home", "vsr"):
        for item in read[name].items:
            assert (item.choices, item.shows_options) == (("yes", "no"), False)
            request = make_request(item, Variant.PLAIN, Protocol.DIRECT)
            assert request is not None
            assert "Answer yes or no." in request.text
            assert "(A)" not in request.text
    assert [item.gold for item in read["vsr"].items] == ["A", "B"]
    assert [item.task for item in read["vsr"].items] == ["projective", "orientation"]
    assert read["robospatial-home"].notes == ("1 rows are not asked: rows of the category context ask for points",)
    assert read["sat-real"].notes == ("1 rows are not asked: questions about several pictures",)
    assert [item.choices for item in read["sat-real"].items[:2]] == [("yes", "no"), ("no", "yes")]
    assert {item.gold for item in read["whatsup"].items} != {"A"}  # the right caption is first in the files
    choice, yes_no, number, word = read["realworldqa"].items
    assert (choice.question, choice.choices) == ("Where does the wheel face?", ("Left", "Straight", "Right"))
    assert (yes_no.question, yes_no.choices, yes_no.gold) == ("Is there a stop sign?", ("yes", "no"), "B")
    assert (number.gold, number.shows_options) == ("D", False)
    assert (word.choices, word.shows_options) == (("Downhill",), False)
    assert read["mmvp"].items[0].choices == ("Open", "Closed (as at rest)")
    assert [item.choices[1] for item in read["omnispatial"].items] == ["14.7s"] * 2
    assert read["3dsrbench"].items[0].picture == read["3dsrbench"].items[1].picture == PICTURE[0]


def test_a_table_of_vlmevalkit(tmp_path: Path) -> None:
    """Circular copies have the index of the question plus a multiple of a million, and refer to its picture."""
    head = ("index", "question", "A", "B", "answer", "category", "image")
    table = [
        (7, "Where?", "left", "right", "B", "side", TEXT[0]),
        (1000007, "Where?", "right", "left", "A", "side", 7),
        (8, "Is it on?", "", "", "Yes", "lamp", TEXT[1]),
    ]
    rows = [dict(zip(head, row, strict=True)) for row in table]
    path = write_table(tmp_path / "Bench_circular.tsv", rows)
    results = replayed(tmp_path, str(path), lambda item: item.id != "1000007", report=True)
    assert "official figure: circular accuracy" in (tmp_path / "out.html").read_text()
    assert "Official figure, circular accuracy: 50.0" in (tmp_path / "out.md").read_text()
    assert results.official.figures["circular accuracy"].accuracy == 0.5
    assert results.micro.accuracy == pytest.approx(2 / 3)
    assert [item.picture for item in load_benchmark(str(path)).items] == [PICTURE[0], PICTURE[0], PICTURE[1]]
    plain = replayed(tmp_path, str(write_table(tmp_path / "Bench.tsv", [rows[0], rows[2]])), lambda item: True)
    assert plain.official.missing == ("circular accuracy: the file has no copies of a question",)


@pytest.mark.parametrize("splits", [False, True])
def test_a_folder_of_save_to_disk(splits: bool, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    rows = datasets.Dataset.from_list(realworldqa()).cast_column("image", datasets.Image())
    (datasets.DatasetDict(test=rows, other=rows.select([0])) if splits else rows).save_to_disk(tmp_path / "saved")
    found = load_benchmark(f"realworldqa={tmp_path / 'saved'}")
    assert [item.picture for item in found.items] == PICTURE[:4]
    renamed = load_benchmark(
        str(tmp_path / "saved"),
        columns=parse_columns("filename=image_path"),
        split="other" if splits else "test",
    )
    assert len(renamed.items) + len(renamed.broken) == (1 if splits else 4)
    if splits:
        with pytest.raises(InputError, match="no split 'train', only other, test"):
            load_benchmark(str(tmp_path / "saved"), split="train")
    else:
        file = next((tmp_path / "saved").glob("*.arrow"))
        file.write_bytes(file.read_bytes()[:400])
        with pytest.raises(InputError, match="Arrow file can't be read"):
            load_benchmark(str(tmp_path / "saved"))


def test_a_linked_folder_of_pictures(tmp_path: Path) -> None:
    where = publish(tmp_path / "bench", "vsr")
    (tmp_path / "bench" / "images").rename(tmp_path / "coco")
    (tmp_path / "bench" / "images").symlink_to(tmp_path / "coco")
    found = load_benchmark(where)
    assert [item.picture for item in found.items] == PICTURE[:2]
    (tmp_path / "coco" / "000000000001.jpg").unlink()
    assert [row.problem for row in load_benchmark(where).broken] == ["picture file missing"]
    assert found.items[1].picture == b""  # an engine reports it as unreadable


def test_options_in_any_file(tmp_path: Path) -> None:
    (tmp_path / "p.png").write_bytes(PICTURE[0])
    rows = [{"n": 1, "ask": "Where?", "options": '["left", "right"]', "label": "right", "file": "p.png"}]
    for path in (tmp_path / "b.csv", tmp_path / "b.tsv"):
        write_table(path, rows)
    write_json(tmp_path / "b.json", [{**rows[0], "options": ["left", "right"]}])
    columns = parse_columns("id=n,question=ask,choices=options,answer=label,filename=file")
    for name in ("b.csv", "b.tsv", "b.json"):
        (item,) = load_benchmark(str(tmp_path / name), columns=columns).items
        assert (item.id, item.choices, item.gold, item.picture) == ("1", ("left", "right"), "B", PICTURE[0]), name
    (tmp_path / "b.json").write_text(json.dumps(rows)[:-1])
    broken = load_benchmark(str(tmp_path / "b.json"), columns=columns).broken
    assert [row.detail for row in broken] == ["the list is cut off"]


def test_the_hub_is_asked_for_what_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = pytest.importorskip("huggingface_hub")
    asked: list[tuple[str, str | None]] = []
    commit = "0123456789" * 4

    def download(repository: str, *, revision: str | None, allow_patterns: list[str], **_: object) -> str:
        name = next(name for name, published in BENCHMARK_FORMATS.items() if published.hub == repository)
        assert allow_patterns == list(BENCHMARK_FORMATS[name].hub_files)
        asked.append((name, revision))
        if name == "vsr":
            (tmp_path / name / commit).mkdir(parents=True)
            rows = [{"index": 0, "question": "Is it so? Answer yes or no.", "answer": "Yes", "image": TEXT[0]}]
            write_table(tmp_path / name / commit / "vsr_zeroshot_dataset_yn_strict.tsv", rows)
        else:
            publish(tmp_path / name / commit, name)
        return str(tmp_path / name / commit)

    monkeypatch.setattr(hub, "snapshot_download", download)
    for name, published in BENCHMARK_FORMATS.items():
        if published.hub is None:
            with pytest.raises(InputError, match=f"not on the hub.*{name}=DIR"):
                load_benchmark(name)
        else:
            assert load_benchmark(name).revision == commit
            assert asked[-1] == (name, published.revision)
    assert load_benchmark("mmvp", revision="v2").items
    assert asked[-1] == ("mmvp", "v2")


def test_an_archive_is_unpacked_once(tmp_path: Path) -> None:
    import zipfile

    publish(tmp_path / "made", "omnispatial")
    (tmp_path / "bench").mkdir()
    archive = tmp_path / "bench" / "OmniSpatial-test.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for path in sorted((tmp_path / "made").rglob("*.*")):
            packed.write(path, Path("OmniSpatial-test", path.relative_to(tmp_path / "made")))
    for where in (tmp_path / "bench", archive, tmp_path / "bench"):
        assert len(load_benchmark(f"omnispatial={where}").items) == 2
    archive.write_bytes(b"PK")
    assert len(load_benchmark(f"omnispatial={tmp_path / 'bench'}").items) == 2


def test_a_wrong_path_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no such file.*blink=nowhere"):
        load_benchmark("blink=nowhere")
    with pytest.raises(InputError, match=r"does not hold BLINK.*expected Relative_Depth/val-"):
        load_benchmark(f"blink={tmp_path}")
    with pytest.raises(InputError, match=r"no such benchmark.*blink, embspatial"):
        load_benchmark("blinks")


def test_pictures_are_not_kept_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reinforcesight.eval.benchmarks.pictures._IN_MEMORY", 10)
    found = load_benchmark(publish(tmp_path, "realworldqa"))
    assert [item.picture for item in reversed(found.items)] == PICTURE[3::-1]
    assert pa.total_allocated_bytes() < 1 << 20
