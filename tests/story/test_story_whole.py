"""The whole story with the real stages on a model of random weights, two steps each, and its report."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from forked import quiet_environment
from grpo_support import BY_LENGTH, smallest_model

from reinforcesight.cli import run as command
from reinforcesight.config import load_config
from reinforcesight.eval.results import read_results
from reinforcesight.grpo.config import GrpoConfig
from reinforcesight.pages.question_cards import CardAnswer
from reinforcesight.pages.render import percent, whole_percent
from reinforcesight.story.closing_lines import next_lines, outcome_lines
from reinforcesight.story.config import RunConfig
from reinforcesight.story.folder import MODEL_TITLES
from reinforcesight.story.page_content import pattern_in_words, read_story
from reinforcesight.story.report import render
from reinforcesight.story.run import run_story

pytestmark = pytest.mark.timeout(900)

TRAINING = {
    "tuning": "full",
    "trainer": {
        "max_steps": 2,
        "eval_steps": 2,
        "save_steps": 2,
        "logging_steps": 1,
        "per_device_train_batch_size": 4,
        "gradient_accumulation_steps": 1,
        "gradient_checkpointing": False,
    },
    "evaluation": {"samples": 2, "max_new_tokens": 4},
}


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    folder = tmp_path_factory.mktemp("story")
    path = folder / "run.yaml"
    values = {
        "output": str(folder / "run"),
        "generate": {
            "num_samples": 80,
            "picture_size": [64, 64],
            "rendering": {"antialias": 1},
            "splits": {"train": 0.8, "validation": 0.2, "test": 0},
            "workers": 1,
        },
        "audit": {"max_texts": 40},
        "benchmarks": {"held_out": {"num_samples": 8, "seed": 1, "distribution": "held_out"}},
        "sft": {**TRAINING, "model_path": str(smallest_model(folder / "base"))},
        "grpo": {
            **TRAINING,
            "trainer": {**TRAINING["trainer"], "num_generations": 2, "max_completion_length": 8},
            "resample_rounds": 0,
            # Random weights are never right, so that no question would be left.
            "difficulty": {"enabled": False},
            "rewards": BY_LENGTH,
            "groups": {"every": 0},
        },
        "evaluate": {"blind": True, "max_new_tokens": 4, "protocols": "direct,reason"},
        "report": {"scenes": 2, "answers": 3},
    }
    path.write_text(yaml.safe_dump(values))
    return load_config(RunConfig, path)


@pytest.fixture(scope="module")
def terminal():
    return io.StringIO()


@pytest.fixture(scope="module")
def done(config, terminal):
    environment = quiet_environment()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stderr(terminal):
        for name, value in environment.items():
            patch.setenv(name, value)
        return run_story(config)


def test_every_stage_works_and_the_page_has_the_numbers_of_the_results(config, done):
    assert done.exit_code == 0
    assert len(done.done) == 8
    page = config.folder.page.read_text()
    for model in ("base", "sft", "grpo"):
        results = read_results(config.folder.results("held_out", model))
        assert results.n_scored == 8
        assert results.blind is not None
        for cell in (results.micro, results.blind.micro, *results.per_task.values()):
            assert percent(cell.accuracy) in page
        assert whole_percent(results.micro.accuracy) in page
        other = read_results(config.folder.results("held_out", model).with_suffix(".direct.json"))
        assert other.protocol["name"] == "direct"
        assert f"{percent(other.micro.accuracy)}" in page
    assert "all questions, “direct”" in page
    record = json.loads((config.output / "run.json").read_text())["stages"]
    assert all(stage["peak_memory_bytes"] > 1e7 and stage["seconds"] > 0 for stage in record.values())
    manifest = json.loads((config.folder.dataset / "manifest.json").read_text())
    assert f"{sum(manifest['pictures'].values()):,}" in page


def test_the_terminal_names_the_page_after_the_first_stage(config, done, terminal):
    lines = terminal.getvalue().splitlines()
    named = [number for number, line in enumerate(lines) if str(config.folder.page) in line]
    second = next(number for number, line in enumerate(lines) if line.startswith("[2/8]"))
    assert named == [second - 1]


def test_the_page_needs_nothing_beside_it(config, done):
    page = config.folder.page.read_text()
    assert not re.findall(r'(?:src|href)="(?!data:)(?:https?:|//)[^"]*"', page)
    assert "<script" not in page
    assert not re.findall(r"url\(|@import", page)
    for link in re.findall(r'href="([^"#]+)"', page):
        assert (config.output / link).exists(), link


def test_a_second_run_has_nothing_to_do_and_needs_no_torch(config, done):
    code = (
        "import sys\nfrom reinforcesight.cli import run\n"
        "assert run(['run', '--config', sys.argv[1]]) == 0\n"
        "print(sorted({'torch', 'transformers', 'trl', 'datasets'} & set(sys.modules)))"
    )
    again = subprocess.run(
        [sys.executable, "-c", code, str(config.folder.settings)], capture_output=True, text=True, check=True
    )
    assert "nothing to do" in again.stdout
    assert again.stdout.splitlines()[-1] == "[]"


def test_what_models_write_is_escaped(config, done):
    story = read_story(config)
    assert story.compared is not None
    evil = CardAnswer("Base", False, "<script>alert(1)</script>", "<img src=x>")
    story.compared.cards[0] = dataclasses.replace(story.compared.cards[0], answers=(evil,))
    page = render(story)
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize(
    ("right", "words"),
    [
        ((True, True, True), "right from the start"),
        ((False, False, False), "always wrong"),
        ((False, True, True), "learnt by SFT"),
        ((False, False, True), "learnt by GRPO"),
        ((True, True, False), "lost by GRPO"),
        ((False, True, False), "lost by GRPO"),
        ((True, False, False), "lost by SFT"),
        ((True, False, True), "lost by SFT, regained by GRPO"),
    ],
)
def test_who_was_right_in_words(right, words):
    assert pattern_in_words(right) == words


def test_the_terminal_shows_the_result_and_commands_that_work(config, done, monkeypatch, capsys):
    lines = outcome_lines(config)
    results = {model: read_results(config.folder.results("held_out", model)) for model in MODEL_TITLES}
    assert lines[0].split() == ["right", "answers", "Base", "SFT", "GRPO", "guessing"]
    for result in results.values():
        assert percent(result.micro.accuracy) in lines[2]
    assert any("No significant difference" in line or "From " in line or "Worse" in line for line in lines)
    monkeypatch.chdir(config.folder.root.parent)
    shown = [line.partition("  ")[2].strip() for line in next_lines(config)[1:]]
    assert len(shown) == 2
    for line in shown:
        _, *words = shlex.split(line)
        if words[0] == "ask":
            assert command([*words, "--max_new_tokens", "4"]) == 0
            assert "Answer:" in capsys.readouterr().out
        else:
            assert Path(words[-1]).is_dir()


def test_rating_is_a_step_of_its_own_whose_file_grpo_reads(tmp_path, monkeypatch):
    from grpo_support import settings, write_scenes

    from reinforcesight.grpo import preparation
    from reinforcesight.grpo.difficulty import PassRate, read_rates
    from reinforcesight.grpo.trainer import train_grpo

    dataset, model = write_scenes(tmp_path / "data"), smallest_model(tmp_path / "base")
    file = tmp_path / "rates.jsonl"
    config: GrpoConfig = settings(
        dataset, model, tmp_path / "out", difficulty={"samples": 2, "batch_size": 4, "file": file, "questions": 8}
    )
    seen: list[str] = []

    def half_right(*arguments: object, **_: object) -> list[PassRate]:
        rows = arguments[2]
        seen.extend(row["id"] for row in rows)
        return [PassRate(row["id"], 1, 2, 2) for row in rows]

    # What a model of random weights never is.
    monkeypatch.setattr("reinforcesight.grpo.difficulty.rate_seeded", half_right)
    result = preparation.rate_difficulty(config)
    assert result.counts["kept"] == 8
    assert len(read_rates(file)) == len(seen) == 8
    trained = train_grpo(config)
    assert trained.status == "finished"
    assert len(seen) == 8, "training asked nothing again"
