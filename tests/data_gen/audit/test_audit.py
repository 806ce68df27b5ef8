"""The audit passes a sound data set and names every planted defect."""

from __future__ import annotations

import hashlib
import io
import json
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from small_dataset import change, make_picture, make_rows, write_dataset

from reinforcesight.data_gen.audit.config import AuditConfig
from reinforcesight.data_gen.audit.findings import RULES
from reinforcesight.data_gen.audit.pictures import perceptual_hash, plain_stem
from reinforcesight.data_gen.audit.run import audit, rules_of
from reinforcesight.data_gen.dataset.rows import COLUMNS, arrow_schema
from reinforcesight.errors import ConfigError, InputError
from reinforcesight.scene import Scene

TRAIN, TEST = range(24), range(24, 30)


@pytest.fixture(scope="module")
def rows():
    return make_rows([*TRAIN, *TEST], per_axis=4)


@pytest.fixture
def splits(rows):
    train = [row for row in rows if int(row.source_id.split("-")[1]) in TRAIN]
    return {"train": train, "test": [row for row in rows if row not in train]}


def run(root, splits=None, **settings):
    if splits is not None:
        write_dataset(root, splits)
    return audit(AuditConfig(dataset=root, quiet=True, max_texts=1, **settings))


def rules(report):
    return {finding.rule for finding in report.findings}


def first(rows, **wanted):
    """Position of the first row with these values."""
    return next(i for i, row in enumerate(rows) if all(getattr(row, key) == v for key, v in wanted.items()))


def test_a_sound_data_set_passes(tmp_path, splits):
    write_dataset(tmp_path, splits)
    report = audit(AuditConfig(dataset=tmp_path, quiet=True))
    assert {finding.rule for finding in report.findings if finding.hard} == set()
    assert report.exit_code == 0
    assert report.rows == 480
    assert report.pictures == 30
    assert report.measurements["pictures_decoded"] >= 30


# Each entry changes one row and names the rule that must catch it.
PLANTED = {
    "flipped answer": (
        {"form": "cvbench", "relation": "left"},
        lambda r: {
            "answer": "(B)" if r.answer == "(A)" else "(A)",
            "answer_text": "right",
            "completion": "<think>Seen.</think><answer>({}) right</answer>".format("B" if r.answer == "(A)" else "A"),
        },
        "wrong_answer",
    ),
    "flipped yes": (
        {"form": "yes_no", "answer_text": "yes"},
        lambda r: {"answer": "(B)" if r.answer == "(A)" else "(A)", "answer_text": "no"},
        "wrong_answer",
    ),
    "flipped object": (
        {"form": "which_object", "relation": "closer"},
        lambda r: {
            "choices": r.choices[::-1],
            "prompt": r.prompt.replace("(A)", "(?)").replace("(B)", "(A)"),
        },
        "wrong_answer",
    ),
    "flipped relation": ({"relation": "in front"}, lambda r: {"relation": "behind"}, "wrong_label"),
    "question turned round": (
        {"form": "which_object", "relation": "left"},
        lambda r: {
            "question": r.question.replace("left", "right"),
            "prompt": r.prompt.replace("left", "right"),
        },
        "asked_otherwise",
    ),
    "scene changed": (
        {"relation": "behind"},
        lambda r: {"scene": re.sub(r'"depth":[\d.]+', '"depth":2.0', r.scene)},
        "unclaimable",
    ),
    "scene lost": ({}, lambda _: {"scene": "{}"}, "bad_scene"),
    "unknown object": (
        {},
        lambda r: {"evidence": json.dumps({**json.loads(r.evidence), "subject": 99})},
        "bad_scene",
    ),
    "evidence is no mapping": ({}, lambda _: {"evidence": "[]"}, "bad_scene"),
    "number word": (
        {},
        lambda r: {"completion": r.completion.replace("<think>", "<think>There are two metres between them. ")},
        "number_in_reasoning",
    ),
    "numeral": (
        {},
        lambda r: {"completion": r.completion.replace("<think>", "<think>At 0.5. ")},
        "number_in_reasoning",
    ),
    "no reasoning": (
        {},
        lambda r: {"completion": re.sub("<think>.*</think>", "<think></think>", r.completion)},
        "completion_format",
    ),
    "no tags": ({}, lambda r: {"completion": f"The answer is {r.answer}."}, "completion_format"),
    "other letter": (
        {"form": "cvbench", "answer": "(A)"},
        lambda r: {"completion": r.completion.replace("<answer>(A) ", "<answer>(B) ")},
        "judge",
    ),
    "options in an open prompt": (
        {"form": "open"},
        lambda r: {"prompt": r.prompt.replace(r.question, f"{r.question}\n(A) {r.choices[0]}")},
        "prompt",
    ),
    "option lost": ({"form": "yes_no"}, lambda r: {"prompt": r.prompt.replace("(B)", "")}, "prompt"),
    "answer_text": ({}, lambda r: {"answer_text": r.choices[0 if r.answer == "(B)" else 1]}, "column"),
    "task": ({"relation": "left"}, lambda _: {"task": "Depth"}, "column"),
    "form": ({}, lambda _: {"form": "essay"}, "column"),
    "letter beyond the options": ({}, lambda _: {"answer": "(C)"}, "column"),
    "equal options": ({"form": "yes_no"}, lambda _: {"choices": ("yes", "Yes")}, "column"),
    "margin": ({}, lambda r: {"margin": r.margin + 0.1}, "column"),
    "cut picture": ({}, lambda r: {"image": r.image[: len(r.image) // 2]}, "unreadable_image"),
    "picture of another size": (
        {},
        lambda r: {"image": encode(Image.open(io.BytesIO(r.image)).resize((80, 60)))},
        "unreadable_image",
    ),
    "box not drawn": (
        {"form": "cvbench_boxes"},
        lambda r: {"image": make_picture(int(r.source_id.split("-")[1]))[1]},
        "box_not_drawn",
    ),
    "empty value": ({}, lambda _: {"source_id": None}, "bad_row"),
    "no picture": ({}, lambda _: {"image": b""}, "bad_row"),
}


def encode(image, format_="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, format_, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_defect_is_found(tmp_path, splits, name):
    wanted, make, rule = PLANTED[name]
    train = splits["train"][::3]
    at = first(train, **wanted)
    train[at] = change(train[at], **make(train[at]))
    report = run(tmp_path, {"train": train})
    assert rule in rules(report)
    finding = next(f for f in report.findings if f.rule == rule)
    assert finding.count == 1
    assert "train-00000-of-00001.parquet, row" in finding.examples[0]
    assert report.exit_code == 1


@pytest.mark.parametrize(
    ("text", "contradicts"),
    [
        ("The {s} is clearly to the right of the {r}.", True),
        ("The {s} appears to be located on the right side of the {r}.", True),
        ("The {r} sits a bit left of the {s}. The {r} is slightly left of the {s}.", True),
        ("Is the {s} to the right of the {r}? It is not.", False),
        ("Suppose the {s} is right of the {r}.", False),
        ("The {s} may be right of the {r}.", False),
        ("That the {s} is right of the {r} is false.", False),
    ],
)
def test_a_contradiction_in_the_reasoning(tmp_path, splits, text, contradicts):
    """The audit reads claims as the reward does: what is asked, supposed or denied is no claim."""
    train = splits["train"][:80]
    at = first(train, relation="left", form="cvbench")
    evidence, scene = json.loads(train[at].evidence), Scene.from_json(train[at].scene)
    text = text.format(s=scene[evidence["subject"]].name, r=scene[evidence["reference"]].name)
    train[at] = change(train[at], completion=f"<think>{text}</think><answer>{train[at].answer} left</answer>")
    assert ("reasoning_contradicts" in rules(run(tmp_path, {"train": train}))) is contradicts


def test_two_objects_of_one_name_need_boxes(tmp_path, splits):
    train = splits["train"][:80]
    at = first(train, form="cvbench")
    evidence, scene = json.loads(train[at].evidence), json.loads(train[at].scene)
    subject = next(o for o in scene["objects"] if o["id"] == evidence["subject"])
    involved = (evidence["subject"], evidence["reference"], evidence["anchor"])
    other = next(o for o in scene["objects"] if o["id"] not in involved)
    other["name"] = subject["name"]
    train[at] = change(train[at], scene=json.dumps(scene))
    assert "ambiguous_name" in rules(run(tmp_path, {"train": train}))


def test_rows_that_repeat(tmp_path, splits):
    train = splits["train"][:40]
    report = run(tmp_path, {"train": [*train, train[3], change(train[5], id="new")]})
    found = {f.rule: f.count for f in report.findings}
    assert found["duplicate_id"] == 1
    assert found["duplicate_question"] == 2


def test_uneven_letters_relations_and_truth(tmp_path, rows):
    only_a = [row for row in rows if row.answer == "(A)"]
    assert "letter_balance" in rules(run(tmp_path / "a", {"train": only_a}))
    few_left = [row for row in rows if row.relation != "left"]
    assert "relation_balance" in rules(run(tmp_path / "b", {"train": few_left}))
    all_yes = [row for row in rows if row.form != "yes_no" or row.answer_text == "yes"]
    assert "truth_balance" in rules(run(tmp_path / "c", {"train": all_yes}))


# Leakage


def test_a_picture_in_two_splits(tmp_path, splits):
    leaked = change(splits["train"][0], id="leaked")
    report = run(tmp_path, {**splits, "test": [*splits["test"], leaked]})
    finding = next(f for f in report.findings if f.rule == "split_leak")
    assert {example.split(":")[0] for example in finding.examples} == {"source picture", "picture", "scene"}
    assert report.exit_code == 1


def test_twins_in_two_splits(tmp_path, splits):
    twins = {}
    for split in ("train", "test"):
        row = splits[split][0]
        evidence = json.loads(row.evidence) | {"twin": {"id": "pair", "made_by": "mirrored", "moved": None}}
        twins[split] = [change(row, evidence=json.dumps(evidence)), *splits[split][1:]]
    report = run(tmp_path, {**splits, **twins})
    finding = next(f for f in report.findings if f.rule == "split_leak")
    assert [example.split(":")[0] for example in finding.examples] == ["twins"]


def test_the_same_bytes_under_another_name(tmp_path, splits):
    at = first(splits["train"], form="cvbench")
    leaked = change(splits["train"][at], id="leaked", source_id="other.png", scene=splits["test"][0].scene)
    report = run(tmp_path, {**splits, "test": [*splits["test"], leaked]})
    assert any(e.startswith("picture: other.png") for f in report.findings for e in f.examples)


def test_a_re_encoded_picture_in_two_splits(tmp_path, splits):
    at = first(splits["train"], form="cvbench")
    row = splits["train"][at]
    image = encode(Image.open(io.BytesIO(row.image)), "JPEG", quality=60)
    scene = row.scene.replace('"source":"given"', '"source":"exif"')
    leaked = change(row, id="leaked", source_id="other.jpg", image=image, scene=scene)
    report = run(tmp_path, {**splits, "test": [*splits["test"], leaked]})
    assert "near_duplicate" in rules(report)
    assert "split_leak" not in rules(report)


def test_overlap_with_cv_bench(tmp_path, splits):
    rows = [change(row, source_id=f"COCO_val2014_{row.source_id}.jpg") for row in splits["train"][:32]]
    write_dataset(tmp_path / "d", {"train": rows})
    names = tmp_path / "names.txt"
    names.write_text("nothing.jpg\nval/rendered-1.png\n")
    (tmp_path / "names.jsonl").write_text('{"source_filename": "rendered-1.jpg"}\n')
    (tmp_path / "names.csv").write_text("idx,filename\n3,x/rendered-1.jpg\n")
    for path in (names, tmp_path / "names.jsonl", tmp_path / "names.csv"):
        report = run(tmp_path / "d", cv_bench_files=path)
        found = next(f for f in report.findings if f.rule == "cv_bench_overlap")
        assert found.count == 1
        assert "rendered-1.jpg (file name)" in found.examples[0]
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    Image.open(io.BytesIO(make_picture(0)[1])).resize((320, 240)).save(pictures / "x.jpg")
    (tmp_path / "hashes.txt").write_text(f"{perceptual_hash(Image.open(pictures / 'x.jpg')):016x} x.jpg\n")
    table = pa.table({"image": [{"bytes": (pictures / "x.jpg").read_bytes(), "path": "x.jpg"}]})
    pq.write_table(table, tmp_path / "bench.parquet")
    for path in (pictures, tmp_path / "hashes.txt", tmp_path / "bench.parquet"):
        report = run(tmp_path / "d", cv_bench_images=path)
        found = next(f for f in report.findings if f.rule == "cv_bench_overlap")
        assert found.examples == ["COCO_val2014_rendered-0.jpg (picture), train"]
    (tmp_path / "none.txt").write_text("\n")
    for setting in ("cv_bench_files", "cv_bench_images"):
        for path in (tmp_path / "none.txt", tmp_path / "absent.txt"):
            with pytest.raises(InputError, match=path.name):
                run(tmp_path / "d", **{setting: path})


def test_file_names_are_compared_without_folder_suffix_and_prefix():
    assert plain_stem("val2017/000000000139.jpg") == plain_stem("COCO_val2014_000000000139.png") == "000000000139"


# Files


def test_a_truncated_file_is_named_and_the_rest_is_read(tmp_path, splits):
    write_dataset(tmp_path, splits)
    path = tmp_path / "data/train-00000-of-00001.parquet"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    report = run(tmp_path)
    finding = next(f for f in report.findings if f.rule == "damaged_file")
    assert path.name in finding.examples[0]
    assert report.rows == len(splits["test"])
    # Damaged in the middle, footer intact: the rows before are still checked.
    path.write_bytes(whole[: len(whole) // 2] + bytes(2000) + whole[len(whole) // 2 + 2000 :])
    report = run(tmp_path)
    assert {"damaged_file"} <= rules(report) | {f.rule for f in report.findings if f.rule == "unreadable_image"}
    assert report.exit_code == 1


def test_a_missing_file_and_column_and_type(tmp_path, splits):
    write_dataset(tmp_path, splits)
    (tmp_path / "data/train-00000-of-00001.parquet").rename(tmp_path / "data/train-00001-of-00002.parquet")
    path = tmp_path / "data/test-00000-of-00001.parquet"
    table = pq.read_table(path)
    changed = table.drop_columns(["margin"]).append_column("extra", pa.array([1] * len(table)))
    changed = changed.set_column(changed.schema.get_field_index("task"), "task", pa.array([1] * len(table)))
    pq.write_table(changed, path)
    report = run(tmp_path)
    examples = {f.rule: f.examples for f in report.findings}
    assert examples["missing_file"] == ["train-00000-of-00002.parquet"]
    assert any("'margin' is missing" in e for e in examples["schema"])
    assert any("task is int64" in e for e in examples["schema"])
    assert examples["extra_column"] == ["test-00000-of-00001.parquet: extra"]


def test_large_types_of_other_writers_are_fine(tmp_path, splits):
    write_dataset(tmp_path, {"train": splits["train"][:20]})
    path = tmp_path / "data/train-00000-of-00001.parquet"
    table = pq.read_table(path)
    for name in ("question", "scene"):
        column = table[name].cast(pa.large_string())
        table = table.set_column(table.schema.get_field_index(name), name, column)
    pq.write_table(table, path)
    assert "schema" not in rules(run(tmp_path))


def test_the_manifest_is_compared(tmp_path, splits):
    write_dataset(tmp_path, splits)
    files = [
        {"name": p.name, "sha256": hashlib.sha256(p.read_bytes()).hexdigest()}
        for p in sorted((tmp_path / "data").iterdir())
    ]
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps({"files": files}))
    assert "manifest" not in rules(run(tmp_path))
    files[0]["sha256"] = "0" * 64
    files.append({"name": "test-00001-of-00002.parquet", "sha256": "0"})
    manifest.write_text(json.dumps({"files": files}))
    report = run(tmp_path)
    assert next(f for f in report.findings if f.rule == "manifest").count == 2


def test_the_rules_of_the_data_set_are_used(tmp_path):
    assert rules_of(tmp_path).depth_gap == rules_of(tmp_path / "absent").depth_gap
    (tmp_path / "manifest.json").write_text(json.dumps({"job": {"rules": {"depth_gap": 0.5}}}))
    assert rules_of(tmp_path).depth_gap == 0.5
    for text in ("{", "[]", '{"job": {"rules": {"depth_gap": 7}}}', '{"job": 3}'):
        (tmp_path / "manifest.json").write_text(text)
        assert rules_of(tmp_path).depth_gap < 0.5


def test_no_data_set(tmp_path):
    with pytest.raises(InputError, match="no Parquet"):
        run(tmp_path)
    with pytest.raises(InputError, match="no such"):
        run(tmp_path / "absent")


# Reports


def test_reports_for_people_and_programs(tmp_path, splits, capsys):
    train = splits["train"][:40]
    evil = "<script>alert(1)</script> [bold]"
    train[0] = change(train[0], id=evil, answer="(C)")
    write_dataset(tmp_path, {"train": train})
    for name in ("report.json", "report.html"):
        report = audit(AuditConfig(dataset=tmp_path, report=tmp_path / name, max_texts=1))
    printed = capsys.readouterr().out
    assert "audit FAILED: 40 questions on" in printed
    assert "[bold]" in printed
    loaded = json.loads((tmp_path / "report.json").read_text())
    assert loaded["passed"] is False
    assert loaded["rows"] == 40
    assert {f["rule"] for f in loaded["findings"]} == rules(report)
    assert sum(cell["count"] for cell in loaded["measurements"]["counts"]) == 40
    page = (tmp_path / "report.html").read_text()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    with pytest.raises(ConfigError, match=r"report\.txt"):
        run(tmp_path, report=tmp_path / "report.txt")


def test_every_rule_is_documented():
    text = (Path(__file__).parents[3] / "docs/audit-rules.md").read_text()
    for name, rule in RULES.items():
        assert f"`{name}`" in text, name
        section = "Hard rules" if rule.hard else "Warnings"
        assert text.index(f"`{name}`") > text.index(f"## {section}")


def test_the_columns_are_those_of_the_schema():
    assert arrow_schema().names == list(COLUMNS)
