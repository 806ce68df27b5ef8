"""Runs in separate processes that are really killed, and resume."""

import json
import os
import signal
import time
from pathlib import Path
from types import SimpleNamespace

import forked
import pytest
import torch
from safetensors.torch import load_file
from tiny_models import build_tiny
from training_support import write_dataset

from reinforcesight.errors import InputError, OutputError
from reinforcesight.jobs.files import only_writer
from reinforcesight.jobs.record import RunRecord, read_metrics
from reinforcesight.model.load import ModelConfig, load_model
from reinforcesight.sft.config import SftConfig
from reinforcesight.sft.trainer import train_sft
from reinforcesight.tuning.callbacks import StopOnSignal
from reinforcesight.tuning.records.checkpoints import (
    MARKER,
    complete_checkpoints,
    is_complete,
    is_undamaged,
    mark_complete,
    publish,
    step_of,
)
from reinforcesight.tuning.run import _best_sound_step

TRAIN = """
import json, sys, torch
torch.set_num_threads(1)
from reinforcesight.sft.config import SftConfig
from reinforcesight.sft.trainer import train_sft
sys.exit(train_sft(SftConfig(**json.loads(sys.argv[1]))).exit_code)
"""


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    torch.set_num_threads(1)  # as in the processes, since the number changes rounding
    folder = tmp_path_factory.mktemp("resume")
    return {
        "dataset": str(write_dataset(folder / "data", train=20, validation=3)),
        "model_path": str(build_tiny(folder / "tiny")),
        "trainer": {
            "max_steps": 14,
            "eval_steps": 4,
            "save_steps": 2,
            "logging_steps": 1,
            "learning_rate": 0.01,
            "per_device_train_batch_size": 1,
            "gradient_accumulation_steps": 2,
        },
        "lora": {"rank": 4, "dropout": 0.1},
        "evaluation": {"max_new_tokens": 3},
    }


SMALL_FILES = """
import resource, sys
from reinforcesight.__main__ import main
sys.dont_write_bytecode = True  # the limit would cut it off
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
main()
"""


def start(settings, output):
    return forked.start_code(TRAIN, json.dumps({**settings, "output": str(output)}))


def kill_when(process, condition, number=signal.SIGKILL):
    """Send a signal as soon as a condition on the output folder holds; the exit status."""
    while process.poll() is None:
        if condition():
            process.send_signal(number)
            break
        time.sleep(0.001)
    _, said = process.communicate(timeout=120)
    return process.returncode, said


def last_step(output):
    return max((line["step"] for line in read_metrics(output)), default=0)


def curve(output):
    keys = ("step", "loss", "grad_norm", "learning_rate", "num_tokens", "mean_token_accuracy")
    return [tuple(line[key] for key in keys) for line in read_metrics(output) if "loss" in line]


def test_a_killed_run_that_trains_all_weights_resumes_with_them(settings, tmp_path):
    few = settings["trainer"] | {"learning_rate": 0.001, "max_steps": 6, "eval_steps": 6}
    settings = settings | {"tuning": "full", "trainer": few}
    reference, run = tmp_path / "reference", tmp_path / "run"
    status, said = kill_when(start(settings, run), lambda: last_step(run) >= 3)
    assert status == -signal.SIGKILL, said
    assert complete_checkpoints(run)
    for output in (run, reference):
        assert train_sft(SftConfig(**settings, output=str(output))).status == "finished"
    assert curve(run) == curve(reference)
    weights = [load_file(folder / "model.safetensors") for folder in (run, reference)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[1])


def test_killed_between_and_during_checkpoints_and_stopped_the_curve_is_as_undisturbed(settings, tmp_path, capsys):
    reference, run = tmp_path / "reference", tmp_path / "run"
    # Between checkpoints: step 5 is logged, 4 is saved and 6 is not.
    status, said = kill_when(start(settings, run), lambda: last_step(run) >= 5)
    assert status == -signal.SIGKILL, said
    assert complete_checkpoints(run)
    # During a checkpoint: the folder is there and its list of files is not.
    eighth = run / "checkpoint-8"
    status, said = kill_when(start(settings, run), lambda: eighth.exists() and not (eighth / MARKER).exists())
    assert status == -signal.SIGKILL, said
    # And whatever the kill had left of it, now with a half-written file for certain.
    if (eighth / "optimizer.pt").exists():
        (eighth / "optimizer.pt").write_bytes(b"half")
    assert not is_complete(eighth)
    # A polite stop leaves a checkpoint of the very step.
    status, said = kill_when(start(settings, run), lambda: last_step(run) >= 10, signal.SIGTERM)
    assert status == 128 + signal.SIGTERM, said
    newest = complete_checkpoints(run)[-1]
    assert newest.name == f"checkpoint-{last_step(run)}"
    load_model(ModelConfig(model_path=str(newest)))
    assert json.loads((run / "run_record.json").read_text())["status"] == "interrupted"
    # Bytes that change in place make a checkpoint useless, and the one before it is taken.
    before = complete_checkpoints(run)[-2]
    content = bytearray((newest / "optimizer.pt").read_bytes())
    content[len(content) // 2] ^= 255
    (newest / "optimizer.pt").write_bytes(content)
    result = train_sft(SftConfig(**settings, output=str(run)))
    assert result.status == "finished"
    assert f"{newest} is damaged" in capsys.readouterr().err
    train_sft(SftConfig(**settings, output=str(reference)))
    assert curve(run) == curve(reference)
    assert (run / "adapter_model.safetensors").exists()
    sessions = json.loads((run / "run_record.json").read_text())["sessions"]
    assert len(sessions) == 4
    assert sessions[1]["from_step"] == 4
    assert sessions[2]["from_step"] == 6
    assert sessions[3]["from_step"] == step_of(before)


def test_what_counts_as_complete(tmp_path):
    folder = tmp_path / "checkpoint-1"
    folder.mkdir()
    (folder / "adapter_model.safetensors").write_bytes(b"12345")
    (folder / "adapter_config.json").write_text("{}")
    (folder / "optimizer.pt").write_bytes(b"1")
    assert not is_complete(folder)
    mark_complete(folder)
    assert is_complete(folder)
    publish(folder, tmp_path)
    assert sorted(f.name for f in tmp_path.iterdir() if f.is_file()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
        MARKER,
    ]
    (folder / "optimizer.pt").write_bytes(b"2")
    assert is_complete(folder)
    assert not is_undamaged(folder)
    (folder / "optimizer.pt").write_bytes(b"")
    assert not is_complete(folder)
    (folder / MARKER).write_text("{")
    assert not is_complete(folder)


def test_a_checkpoint_is_on_the_disk_before_its_list(tmp_path, monkeypatch):
    folder = tmp_path / "checkpoint-1"
    (folder / "below").mkdir(parents=True)
    names = ["adapter_model.safetensors", "below/optimizer.pt", "trainer_state.json"]
    for name in names:
        (folder / name).write_bytes(b"1")
    synced = []

    def fsync(handle):
        synced.append((Path(f"/proc/self/fd/{handle}").readlink(), (folder / MARKER).exists()))

    monkeypatch.setattr(os, "fsync", fsync)
    mark_complete(folder)
    before = {path for path, listed in synced if not listed}
    assert {folder / name for name in names} <= before
    assert {tmp_path, folder, folder / "below"} <= before, "the names of the files, too"


def test_a_published_model_that_changed_is_named(tmp_path):
    folder = tmp_path / "checkpoint-2"
    build_tiny(folder)
    mark_complete(folder)
    output = tmp_path / "run"
    output.mkdir()
    publish(folder, output)
    load_model(ModelConfig(model_path=str(output)))
    weights = bytearray((output / "model.safetensors").read_bytes())
    weights[-5] ^= 1
    (output / "model.safetensors").write_bytes(weights)
    for place in (output, folder):  # the same file under two names
        with pytest.raises(InputError, match=r"model\.safetensors is not the file that was written"):
            load_model(ModelConfig(model_path=str(place)))
    (output / MARKER).unlink()
    load_model(ModelConfig(model_path=str(output)))


def test_without_the_best_checkpoint_the_best_of_the_others_is_published(tmp_path, capsys):
    for step in (2, 4, 6):
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        (folder / "model.safetensors").write_bytes(b"weights")
        mark_complete(folder)
    history = [{"step": step, "eval_accuracy": value} for step, value in ((2, 0.5), (4, 0.9), (6, 0.7))]
    state = SimpleNamespace(best_global_step=4, global_step=6, log_history=history)
    assert _best_sound_step(tmp_path, state, "eval_accuracy") == 4
    (tmp_path / "checkpoint-4" / "model.safetensors").write_bytes(b"we1ghts")
    assert _best_sound_step(tmp_path, state, "eval_accuracy") == 6
    assert "the best checkpoint, of step 4, is damaged or gone; step 6" in capsys.readouterr().err
    for step in (2, 6):
        (tmp_path / f"checkpoint-{step}" / "model.safetensors").unlink()
    with pytest.raises(OutputError, match="all checkpoints are damaged"):
        _best_sound_step(tmp_path, state, "eval_accuracy")


def test_a_damaged_record_is_named(tmp_path):
    record = RunRecord(tmp_path, {"status": "finished", "results": {"accuracy": 0.5}})
    record.save()
    assert RunRecord.load(tmp_path).content == record.content
    path = tmp_path / "run_record.json"
    path.write_text(path.read_text().replace("0.5", "0.9"))
    with pytest.raises(OutputError, match="the run record is damaged"):
        RunRecord.load(tmp_path)


def test_a_full_disk_in_a_checkpoint_is_one_line_and_a_second_run_waits(settings, tmp_path):
    run = tmp_path / "run"
    few = settings | {"trainer": settings["trainer"] | {"max_steps": 2, "eval_steps": 2}}

    arguments = ["sft", "--config", str(tmp_path / "sft.yaml")]
    (tmp_path / "sft.yaml").write_text(json.dumps({**few, "output": str(run)}))
    process = forked.start_code(SMALL_FILES, *arguments)
    _, said = process.communicate(timeout=120)
    errors = [line for line in said.splitlines() if line.startswith("error: ")]
    assert process.returncode == 2, said
    assert len(errors) == 1
    assert "finished work is kept" in errors[0]
    assert "Traceback" not in said
    assert not list(run.glob("checkpoint-*"))
    with only_writer(run):
        done = forked.run("reinforcesight", *arguments, imports=forked.TRAIN)
    assert done.returncode == 2
    assert "another process is writing here" in done.stderr
    assert train_sft(SftConfig(**few, output=str(run))).status == "finished"


def test_an_evaluation_that_a_signal_prevented_is_done_on_resuming(settings, tmp_path):
    few = settings["trainer"] | {"max_steps": 4, "eval_steps": 2}
    whole = train_sft(SftConfig(**settings | {"trainer": few, "output": str(tmp_path / "whole")}))
    run = tmp_path / "run"

    class StopAt2(StopOnSignal):
        def on_step_end(self, args, state, control, **kwargs):
            if state.global_step == 2:
                self._agreed = signal.SIGTERM
            super().on_step_end(args, state, control, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("reinforcesight.tuning.run.StopOnSignal", StopAt2)
        assert train_sft(SftConfig(**settings | {"trainer": few, "output": str(run)})).status == "interrupted"
    result = train_sft(SftConfig(**settings | {"trainer": few, "output": str(run)}))
    evaluated = [line["step"] for line in read_metrics(run) if "eval_accuracy" in line]
    assert evaluated == [line["step"] for line in read_metrics(tmp_path / "whole") if "eval_accuracy" in line]
    assert result.best_step == whole.best_step
