"""Progress of training: steps and figures, as lines and in the metrics."""

from __future__ import annotations

from transformers import TrainerControl, TrainerState, TrainingArguments

from reinforcesight.jobs.record import RunRecord, read_metrics
from reinforcesight.tuning.callbacks import RecordMetrics


def test_steps_and_figures(tmp_path, capsys):
    arguments, control = TrainingArguments(output_dir=str(tmp_path / "out")), TrainerControl()
    state = TrainerState(max_steps=4, global_step=2)
    metrics = RecordMetrics(RunRecord(tmp_path, {}), [])
    metrics.on_train_begin(arguments, state, control)
    state.global_step = 3
    metrics.on_step_end(arguments, state, control)
    metrics.on_log(arguments, state, control, logs={"loss": 0.5, "grad_norm": 7.0, "eval_accuracy": 0.75})
    metrics.on_log(arguments, state, control, logs={"train_runtime": 3.0})
    state.global_step = 4
    metrics.on_step_end(arguments, state, control)
    metrics.on_train_end(arguments, state, control)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("steps: 3 of 4, loss 0.5, validation accuracy 0.75")
    assert lines[1].startswith("steps: 4 of 4, loss 0.5, validation accuracy 0.75")
    assert len(lines) == 2
    assert [(line["step"], line.get("loss")) for line in read_metrics(metrics.record.folder)] == [(3, 0.5), (3, None)]
