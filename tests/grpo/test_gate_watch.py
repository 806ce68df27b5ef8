"""The warning that the gate counts hardly any right answer."""

from types import SimpleNamespace

import pytest

from reinforcesight.grpo.curves import GRPO_CHARTS
from reinforcesight.grpo.gate_watch import WatchGate
from reinforcesight.grpo.reward import RewardConfig
from reinforcesight.jobs.record import RunRecord
from reinforcesight.tuning.records.report import write_training_page


@pytest.fixture
def record(tmp_path):
    return RunRecord(tmp_path, {})


def train(record, shares, every=1, **rewards):
    """Log these shares of right answers, of those that count, and of readable claims, with 8 completions a step."""
    watch = WatchGate(record, RewardConfig(**rewards))
    for number, (right, counted, read) in enumerate(shares, start=1):
        logs = {"reward/right": right, "reward/right_counts": counted, "reward/claims_read": read}
        state = SimpleNamespace(global_step=number * every, is_world_process_zero=True)
        watch.on_log(SimpleNamespace(generation_batch_size=8), state, None, logs=logs)
        watch.on_log(SimpleNamespace(generation_batch_size=8), state, None, logs={"eval_accuracy": 0.5})
    return record.content.get("warning")


def test_a_gate_that_counts_nothing_is_reported(record, capsys):
    warning = train(record, [(0.5, 0.0, 0.1)] * 5)
    assert "0% of the right answers of the first 4 steps" in warning
    assert "10% of the completions state a claim" in warning
    assert "SFT" in warning
    assert "answer or learning" in warning
    assert capsys.readouterr().err.count(warning) == 1
    assert RunRecord.load(record.folder).content["warning"] == warning
    assert warning in write_training_page(record, GRPO_CHARTS).read_text(encoding="utf-8")


def test_steps_between_logs_count(record):
    assert "first 10 steps" in train(record, [(0.5, 0.01, 0.1)], every=10)


@pytest.mark.parametrize(
    ("shares", "rewards"),
    [
        ([(0.5, 0.06, 0.1)] * 5, {}),  # more than a tenth
        ([(0.0, 0.0, 0.1)] * 30 + [(0.5, 0.0, 0.1)] * 10, {}),  # no right answer in the first steps
        ([(0.5, 0.0, 0.1)] * 5, {"gate": "answer"}),
        ([(0.5, 0.0, 0.1)] * 5, {"thinking": False}),
    ],
)
def test_no_warning(record, shares, rewards):
    assert train(record, shares, **rewards) is None


def test_the_page_has_no_warning_without_one(record):
    assert "Warning" not in write_training_page(record, GRPO_CHARTS).read_text(encoding="utf-8")
