"""Rows are removed with a record, and a removal that was killed is completed by the next one."""

from __future__ import annotations

import json
import shutil

import pytest
from datasets import load_dataset
from page_support import post, serving

from reinforcesight.cli import run
from reinforcesight.data_gen.config import GenerateConfig
from reinforcesight.data_gen.dataset.manifest import load_manifest
from reinforcesight.data_gen.pipeline import generate
from reinforcesight.data_gen.viewing import removing
from reinforcesight.data_gen.viewing.browse_pages import DatasetPages
from reinforcesight.data_gen.viewing.removing import remove_and_report
from reinforcesight.errors import InputError


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """Settings of a data set of three files for train and one for test, which was made with them."""
    settings = GenerateConfig(
        output=tmp_path_factory.mktemp("original") / "set",
        num_samples=24,
        rows_per_file=8,
        picture_size=(96, 72),
        splits={"train": 0.8, "validation": 0, "test": 0.2},
        workers=1,
        gallery={"samples": 4},
    )
    assert generate(settings).state == "finished"
    return settings


@pytest.fixture
def made(original, tmp_path):
    shutil.copytree(original.output, tmp_path / "set")
    return original.model_copy(update={"output": tmp_path / "set"})


def ids(folder):
    index = DatasetPages(folder).index
    return list(zip(index.columns["id"], index.columns["split"], strict=True))


def audit_findings(folder, tmp_path):
    report = tmp_path / "audit.json"
    run(["audit", str(folder), "--report", str(report), "--quiet"])
    return {finding["rule"] for finding in json.loads(report.read_text())["findings"]}


def test_excluded_rows_are_removed_with_a_record(made, tmp_path, capsys):
    folder = made.output
    before = ids(folder)
    with serving(DatasetPages(folder)) as port:
        assert post(port, "/annotate/3", {"excluded": True, "comment": "two mugs"})[0].status == 200
        assert post(port, "/annotate/20", {"excluded": True})[0].status == 200
    (folder / "README.md").write_text((folder / "README.md").read_text() + "\nMine.\n")
    assert run(["browse", str(folder), "--remove_excluded"]) == 0
    assert ids(folder) == [row for number, row in enumerate(before) if number not in (3, 20)]
    listed = [json.loads(line) for line in (folder / "removed.jsonl").read_text().splitlines()]
    assert [(r["id"], r["reason"], r["by"]) for r in listed] == [
        (before[3][0], "two mugs", "browse"),
        (before[20][0], "excluded by hand", "browse"),
    ]
    manifest = load_manifest(folder)
    assert sum(manifest.rows.values()) == sum(manifest.counts["relation"].values()) == 22
    assert manifest.removed["reasons"] == {"two mugs": 1, "excluded by hand": 1}
    assert "manifest" not in audit_findings(folder, tmp_path)
    card = (folder / "README.md").read_text()
    assert "22 questions" in card
    assert "two mugs" in card
    assert "Mine." in (folder / "README.edited.md").read_text()
    loaded = load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))
    assert sum(split.num_rows for split in loaded.values()) == 22
    # It is still the finished data set of these settings, and nothing is left to remove.
    assert generate(made).state == "already_finished"
    assert run(["browse", str(folder), "--remove_excluded"]) == 0
    assert "no row to remove" in capsys.readouterr().out
    assert len(ids(folder)) == 22


@pytest.mark.parametrize("files_before_the_kill", [0, 1])
def test_a_killed_removal_is_completed(made, monkeypatch, files_before_the_kill):
    folder = made.output
    before = ids(folder)
    reasons = {before[number][0]: "wrong relation" for number in (2, 10, 12)}
    real, calls = removing.replace_file, []

    def dies(*arguments):
        if len(calls) == files_before_the_kill:
            raise KeyboardInterrupt
        calls.append(arguments)
        return real(*arguments)

    monkeypatch.setattr(removing, "replace_file", dies)
    with pytest.raises(KeyboardInterrupt):
        remove_and_report(folder, reasons, by="review")
    assert len(ids(folder)) == len(before) - files_before_the_kill
    monkeypatch.setattr(removing, "replace_file", real)
    remove_and_report(folder, {}, by="review")
    assert [row for row, _ in ids(folder)] == [row for row, _ in before if row not in reasons]
    assert load_manifest(folder).removed["rows"] == 3


def test_nothing_is_removed_from_a_damaged_set(made):
    folder = made.output
    before = ids(folder)
    path = sorted((folder / "data").iterdir())[0]
    whole = path.read_bytes()
    middle = len(whole) // 2
    path.write_bytes(whole[:middle] + bytes(16) + whole[middle + 16 :])
    with pytest.raises(InputError, match=r"damaged|not the file"):
        remove_and_report(folder, {before[-1][0]: "wrong"}, by="review")
    assert not (folder / "removed.jsonl").exists()
    path.write_bytes(whole)
    assert ids(folder) == before
