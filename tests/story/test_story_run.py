"""``reinforcesight run``: what is done, kept, done again, stopped and continued, and how failures are reported."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import forked
import psutil
import pytest
from story_worker import quick

import reinforcesight
from reinforcesight.cli import run as command
from reinforcesight.config import load_config, valid_keys
from reinforcesight.errors import ConfigError, OutputError, ReinforceSightError
from reinforcesight.jobs.child import ChildResult
from reinforcesight.jobs.warm import can_fork
from reinforcesight.story import run as story
from reinforcesight.story.check import check_before_first_stage
from reinforcesight.story.config import RunConfig
from reinforcesight.story.run import StageError
from reinforcesight.story.stages import STAGE_NAMES, STAGES

ALL = list(STAGE_NAMES)
# For the processes that tests start: the stand-in for the worker, and the package under test.
PATHS = f"{Path(__file__).parents[1] / 'support'}{os.pathsep}{Path(reinforcesight.__file__).parents[1]}"


def here(module, arguments, *, log, lock, signals, on_event, on_tick, warm):
    """A stage's work in this process: starting one for each stage would take most of the tests' time."""
    path, stage = arguments
    on_event({"event": "progress", "what": "questions", "done": 1, "total": 2})
    on_tick(0.5, 1000)
    try:
        code, problem = quick(load_config(RunConfig, Path(path)), stage), ""
    except ReinforceSightError as error:
        code, problem = 2, str(error)
    return ChildResult(code, None, 1.0, 1000, problem)


@pytest.fixture
def processes(tmp_path, monkeypatch):
    """A run folder whose stages are quick, each in a process of its own."""
    base = tmp_path / "base"
    base.mkdir()
    (base / "config.json").write_text("{}")
    (base / "model.safetensors").write_bytes(b"weights")
    monkeypatch.setattr(story, "_WORKER", "story_worker")
    monkeypatch.setattr(story, "check_before_first_stage", lambda settings, warm: None)
    monkeypatch.setenv("PYTHONPATH", PATHS)
    return tmp_path / "run"


@pytest.fixture
def folder(processes, monkeypatch):
    """The same, with the stages' work in this process."""
    monkeypatch.setattr(story, "run_child", here)
    return processes


def settings(folder, *overrides, **top):
    values = {
        "generate": {"num_samples": 40},
        "benchmarks": {"held_out": {"seed": 1, "distribution": "held_out"}},
        "sft": {"model_path": str(folder.parent / "base")},
        **top,
    }
    path = folder.parent / "run.yaml"
    path.write_text(json.dumps(values))
    return load_config(RunConfig, path, overrides, {"output": folder})


def do(folder, *overrides, **top):
    """Run, and say which stages worked."""
    calls = folder.parent / "calls.txt"
    calls.unlink(missing_ok=True)
    try:
        result = story.run_story(settings(folder, *overrides, **top))
    finally:
        worked = calls.read_text().split() if calls.exists() else []
    assert list(result.done) == worked
    return worked


def records(folder):
    return json.loads((folder / "run.json").read_text())["stages"]


def test_all_stages_once_then_none(folder, capsys):
    assert do(folder) == ALL
    capsys.readouterr()
    assert do(folder) == []
    assert "nothing to do" in capsys.readouterr().out


def test_a_changed_setting_redoes_its_stage_and_those_that_read_it(folder, capsys):
    do(folder)
    changed = do(folder, "sft.trainer.learning_rate=0.5")
    assert changed == ["sft", "difficulty", "grpo", "evaluate", "report"]
    assert "learning_rate was 0.0001, now 0.5" in capsys.readouterr().err
    assert (folder / "replaced" / "sft-1" / "begun.txt").exists(), "earlier results are moved, not removed"
    # How fast a stage goes is no part of what it makes.
    same = [
        "sft.trainer.learning_rate=0.5",
        "generate.workers=1",
        "evaluate.batch_size=3",
        "sft.trainer.save_steps=7",
    ]
    assert do(folder, *same) == []
    # Training's own settings of GRPO leave the pass rates as they are.
    assert do(folder, "sft.trainer.learning_rate=0.5", "grpo.trainer.learning_rate=0.5") == [
        "grpo",
        "evaluate",
        "report",
    ]
    assert do(folder, "sft.trainer.learning_rate=0.5", "grpo.trainer.learning_rate=0.5", "report.scenes=3") == [
        "report"
    ]


def test_the_table_of_stages_names_earlier_stages_and_settings_that_exist():
    keys = set(valid_keys(RunConfig))
    for at, stage in enumerate(STAGES):
        assert set(stage.reads) <= set(STAGE_NAMES[:at])
        assert set(stage.less_memory.split(" or ")) <= keys


def test_settings_of_perception_leave_rendered_pictures_alone(folder, tmp_path):
    do(folder)
    assert do(folder, "generate.perception.batch_size=1") == []
    source = tmp_path / "photos"
    source.mkdir()
    photographs = {"source": "image_folder", "input": str(source), "num_samples": 40}
    assert "generate" in do(folder, generate=photographs)
    assert "generate" in do(folder, "generate.perception.batch_size=1", generate=photographs)


def test_a_stage_that_makes_the_same_again_leaves_the_next_ones_alone(folder):
    do(folder)
    (folder / "sft" / "file.safetensors").unlink()
    assert do(folder) == ["sft"]
    # Copied, so with new times: what counts is the content.
    os.utime(folder / "dataset" / "manifest.json", (1, 1))
    assert do(folder) == []
    (folder / "dataset" / "manifest.json").write_text("another")
    assert do(folder) == ["generate"]


def test_from_and_until(folder):
    assert do(folder, until="audit") == ["generate", "audit"]
    with pytest.raises(OutputError, match="benchmarks"):
        do(folder, **{"from": "sft"})
    assert do(folder) == ALL[2:]
    assert do(folder, **{"from": "grpo", "until": "evaluate"}) == ["grpo", "evaluate"]
    assert do(folder) == []
    with pytest.raises(ConfigError, match="comes after"):
        settings(folder, **{"from": "grpo", "until": "sft"})


def test_a_failure_names_its_stage_keeps_the_rest_and_is_gone_on_from(folder, monkeypatch):
    monkeypatch.setenv("STORY_FAIL", "sft")
    with pytest.raises(StageError, match="the stage sft failed: the picture is broken") as error:
        story.run_story(settings(folder))
    assert str(folder / "logs" / "sft.log") in str(error.value)
    assert {name: record["status"] for name, record in records(folder).items()} == {
        "generate": "finished",
        "audit": "finished",
        "benchmarks": "finished",
        "sft": "failed",
    }
    monkeypatch.delenv("STORY_FAIL")
    assert do(folder) == ["sft", "difficulty", "grpo", "evaluate", "report"]
    assert (folder / "sft" / "begun.txt").read_text().count("session") == 2, "it went on in its folder"
    assert records(folder)["sft"]["sessions"] == 2


def test_a_stage_in_its_own_process(processes, monkeypatch, capsys):
    monkeypatch.setenv("STORY_FAIL", "audit")
    with pytest.raises(StageError, match=r"the stage audit failed: the picture is broken \(row 7\): repair it"):
        story.run_story(settings(processes))
    assert "row 7" in (processes / "logs" / "audit.log").read_text()
    assert records(processes)["audit"]["status"] == "failed"
    made = records(processes)["generate"]
    assert made["status"] == "finished"
    assert made["seconds"] > 0
    assert made["peak_memory_bytes"] > 1e7
    shown = capsys.readouterr().err
    assert "[1/8] generate: finished" in shown
    assert "accuracy 0.75" in shown
    assert "working on generate" in shown
    assert "99 of 99" not in shown, "the text of a stage goes to its log and is not read"
    assert "99 of 99" in (processes / "logs" / "generate.log").read_text()


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (signal.SIGKILL, "the stage audit was killed by SIGKILL at .* of memory.*lower audit.max_texts"),
        (signal.SIGSEGV, "the stage audit was ended by SIGSEGV"),
        (signal.SIGTERM, "the stage audit was ended by SIGTERM"),
    ],
)
def test_a_killed_stage_is_told_from_a_failed_one(processes, monkeypatch, number, words):
    monkeypatch.setenv("STORY_KILL", f"audit:{int(number)}")
    with pytest.raises(StageError, match=words) as error:
        story.run_story(settings(processes))
    assert error.value.exit_code == 1
    record = records(processes)["audit"]
    assert record["status"] == "killed"
    assert signal.Signals(number).name in record["problem"]
    monkeypatch.delenv("STORY_KILL")
    assert do(processes, until="audit") == ["audit"]
    assert (processes / "audit" / "begun.txt").read_text().count("session") == 2, "it continues in its folder"


def test_a_defect_in_a_stage_is_reported_by_its_last_line(processes, monkeypatch):
    monkeypatch.setenv("STORY_CRASH", "generate")
    with pytest.raises(StageError, match="the stage generate failed: RuntimeError: an unexpected error") as error:
        story.run_story(settings(processes))
    assert error.value.exit_code == 1
    assert records(processes)["generate"]["status"] == "failed"


@pytest.mark.parametrize(
    ("variable", "value", "code"),
    [("STORY_FAIL", "generate", 2), ("STORY_CRASH", "generate", 1), ("STORY_KILL", "generate:9", 1)],
)
def test_exit_status_of_the_command(processes, monkeypatch, capsys, variable, value, code):
    settings(processes)
    monkeypatch.setenv(variable, value)
    arguments = ["run", "--config", str(processes.parent / "run.yaml"), "--output", str(processes)]
    assert command(arguments) == code
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert "the stage generate" in errors[0]


COMMAND = """
import sys
from pathlib import Path
from reinforcesight.config import load_config
from reinforcesight.story import run as story
from reinforcesight.story.config import RunConfig
story._WORKER = "story_worker"
story.check_before_first_stage = lambda settings, warm: None
sys.exit(story.run_story(load_config(RunConfig, Path(sys.argv[1]), [], {"output": sys.argv[2]})).exit_code)
"""


def start(folder, stage):
    """A run in a process of its own, stopped in a stage that hangs; returns it with the stage's process."""
    settings(folder)
    (folder / "logs" / f"{stage}.log").unlink(missing_ok=True)
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, str(folder.parent / "run.yaml"), str(folder)],
        env={**os.environ, "STORY_HANG": stage, "PYTHONPATH": PATHS},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    log = folder / "logs" / f"{stage}.log"
    until = time.monotonic() + 120
    while not (log.exists() and "hanging" in log.read_text()):
        assert time.monotonic() < until
        assert process.poll() is None
        time.sleep(0.05)
    (child,) = psutil.Process(process.pid).children()
    return process, child


def test_arguments_of_trl_are_checked_before_the_first_stage(folder, monkeypatch):
    warm = forked.warm_process(forked.TRAIN) if can_fork() else None
    monkeypatch.setattr(
        story, "check_before_first_stage", lambda settings, _: check_before_first_stage(settings, warm)
    )
    with pytest.raises(ConfigError, match=r"'num_generation' \(grpo\.trainer.*did you mean 'num_generations'"):
        do(folder, "grpo.trainer.num_generation=4")
    assert not (folder.parent / "calls.txt").exists()


def test_the_check_without_torch_names_one_pip_command(folder):
    config = settings(folder)
    folder.mkdir()
    story._write_settings(config)
    code = "import sys; from pathlib import Path; sys.modules['torch'] = None"
    command = [sys.executable, "-c", f"{code}; from reinforcesight.story.check import main; main(Path(sys.argv[1]))"]
    command.append(str(config.folder.settings))
    environment = {**os.environ, "PYTHONPATH": PATHS}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    problem = json.loads(done.stdout)
    assert problem["what"] == "the package 'torch' is not installed"
    assert "[rendered,train]" in problem["fix"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_the_stage_and_the_next_run_goes_on(folder, number):
    process, child = start(folder, "generate")
    process.send_signal(number)
    shown = process.communicate(timeout=60)[1]
    assert process.returncode == 128 + number
    assert "Traceback" not in shown
    last = shown.splitlines()[-1]
    assert last == "stopped at the stage generate; finished work is kept: run the same command to continue"
    assert not child.is_running()
    assert records(folder)["generate"]["status"] == "interrupted"
    assert do(folder) == ALL
    assert (folder / "dataset" / "begun.txt").read_text().count("session") == 2, "it went on in its folder"


def test_kill_9_leaves_no_process_behind_and_the_next_run_goes_on(folder):
    do(folder, until="audit")
    process, child = start(folder, "benchmarks")
    process.kill()
    process.wait()
    assert do(folder) == ALL[2:], "it waits for the stage of the killed run to end"
    # Where nobody collects orphans, an ended one stays in the list.
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
    assert (folder / "benchmarks" / "begun.txt").read_text().count("session") == 2


def test_two_runs_do_not_share_a_folder(folder, monkeypatch):
    process, _ = start(folder, "generate")
    monkeypatch.setattr(story, "_LONGEST_WAIT", 0.0)
    try:
        with pytest.raises(OutputError, match="another process is writing here"):
            do(folder)
    finally:
        process.terminate()
        process.wait(60)


def test_sections_come_from_files_and_paths_from_the_run(tmp_path):
    (tmp_path / "sft.yaml").write_text(
        "{dataset: elsewhere, output: elsewhere, trainer: {learning_rate: 0.5}, seed: 3}"
    )
    path = tmp_path / "run.yaml"
    path.write_text("output: runs/x\nsft: {extends: sft.yaml, seed: 4}\nbenchmarks: {real: cv-bench}\n")
    config = load_config(RunConfig, path)
    assert (config.sft.trainer["learning_rate"], config.sft.seed) == (0.5, 4)
    assert config.sft.dataset == str(Path("runs/x/dataset"))
    assert config.grpo.model_path == config.sft.output == str(Path("runs/x/sft"))
    path.write_text("output: runs/x\nsft: {extends: sft.yaml}\nbenchmarks: {real: cv-bench}\n")
    (tmp_path / "sft.yaml").write_text("learning_rat: 0.5")
    with pytest.raises(ConfigError, match="learning_rate") as error:
        load_config(RunConfig, path)
    assert "sft.yaml" in str(error.value)


def test_a_benchmark_is_made_like_the_training_set_but_for_what_it_says(tmp_path):
    config = settings(
        tmp_path / "run",
        generate={
            "num_samples": 40,
            "picture_size": [64, 96],
            "rendering": {"shadows": False, "antialias": 1},
        },
        benchmarks={"one": {"seed": 5, "rendering": {"antialias": 2}}},
    )
    made = config.benchmarks["one"]
    assert (made.picture_size, made.seed) == ((64, 96), 5)
    assert (made.rendering.shadows, made.rendering.antialias) == (False, 2)
    assert made.splits.test == 1
    assert [form.value for form in made.forms] == ["cvbench", "cvbench_boxes"]
    again = RunConfig.model_validate(config.model_dump(mode="json"))
    assert again == config, "config.yaml in the run folder says the same"
