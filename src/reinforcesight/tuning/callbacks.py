"""Callbacks for TRL's trainers: complete checkpoints, a clean stop on SIGTERM, the run record."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from transformers import EarlyStoppingCallback, TrainerCallback, TrainerControl, TrainerState

from reinforcesight.jobs.progress import Progress
from reinforcesight.jobs.record import RunRecord
from reinforcesight.jobs.signals import NotedSignals
from reinforcesight.tuning.records.checkpoints import checkpoint_folder, mark_complete, remove_old
from reinforcesight.tuning.records.report import Chart, write_training_page


class TrainingStoppedError(Exception):
    """A signal arrived outside a training step, such as during an evaluation."""


class CheckpointKeeper(TrainerCallback):
    """Marks each checkpoint complete once all processes have written their part, then removes old ones.

    The Trainer would remove old checkpoints before the new one is marked, so its rotation is off.
    """

    def __init__(self, output: Path, keep: int | None) -> None:
        self.output = output
        self.keep = keep

    def on_step_end(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Log with each checkpoint, so that a resumed run averages its loss over the same steps."""
        if control.should_save:
            control.should_log = True

    def on_evaluate(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Save when an evaluation gives a new best value, even if no checkpoint is due."""
        value = kwargs["metrics"].get(f"eval_{args.metric_for_best_model}")
        if value is not None and (state.best_metric is None or value > state.best_metric):
            control.should_save = True

    def on_save(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        processes = PartialState()
        processes.wait_for_everyone()
        if processes.is_main_process:
            mark_complete(checkpoint_folder(self.output, state.global_step))
            if self.keep is not None:
                remove_old(self.output, keep=self.keep, best_step=state.best_global_step)
        processes.wait_for_everyone()


class StopOnSignal(TrainerCallback):
    """On SIGTERM or SIGINT, finishes the step, saves, and stops; all processes stop after the same step.

    Use as a context manager around ``train()``. A second signal is handled as usual.
    """

    def __init__(self) -> None:
        self._agreed: int | None = None
        self._signals = NotedSignals()

    def __enter__(self) -> StopOnSignal:
        self._signals.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._signals.__exit__()

    @property
    def received(self) -> int | None:
        """The first signal, in this process or (after a step) in another process."""
        return self._agreed or next(iter(self._signals.received), None)

    def on_step_end(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        if self._anywhere():
            control.should_log = control.should_save = control.should_training_stop = True
            control.should_evaluate = False

    def _anywhere(self) -> bool:
        processes = PartialState()
        if processes.num_processes == 1:
            return self.received is not None
        flag = torch.tensor([self.received or 0], device=processes.device)
        torch.distributed.all_reduce(flag, op=torch.distributed.ReduceOp.MAX)
        self._agreed = int(flag.item()) or None
        return self._agreed is not None

    def check(self) -> None:
        """Stop a long evaluation; does nothing with several processes, since the others would hang.

        Raises:
            TrainingStoppedError: A signal was received.
        """
        if self.received is not None and PartialState().num_processes == 1:
            raise TrainingStoppedError


class MissedEvaluation(TrainerCallback):
    """On resuming, evaluates if the run was stopped between a step and its evaluation.

    Otherwise, this step could not be the best one, and a stopped run would publish other weights.
    """

    def __init__(self, trainer: Any) -> None:
        self.trainer = trainer

    def on_train_begin(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        step, metric = state.global_step, f"eval_{args.metric_for_best_model}"
        due = args.eval_strategy == "steps" and step > 0 and step % state.eval_steps == 0 and step >= args.eval_delay
        if due and not any(line["step"] == step and metric in line for line in state.log_history):
            metrics = self.trainer._evaluate(None, None)
            self.trainer._determine_best_metric(metrics, None)


class StopWithoutProgress(EarlyStoppingCallback):
    """Early stopping without ``load_best_model_at_end``, since the best checkpoint is published from disk."""

    @property
    def reason(self) -> str | None:
        """Reason for the stop; ``None`` if this callback did not stop training."""
        stopped = self.early_stopping_patience_counter >= self.early_stopping_patience
        return "accuracy" if stopped else None

    def on_train_begin(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Do nothing; the parent would warn that ``load_best_model_at_end`` is off."""


class RecordMetrics(TrainerCallback):
    """Appends the Trainer's logs to the run record, redraws the curves, and shows progress with metrics."""

    def __init__(self, record: RunRecord, charts: Sequence[Chart]) -> None:
        self.record = record
        self.charts = charts
        self._started = time.monotonic()
        self._progress: Progress | None = None

    def on_train_begin(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        self._progress = Progress(
            "steps", state.max_steps, done=state.global_step, shown=state.is_world_process_zero
        ).__enter__()

    def on_step_end(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        assert self._progress is not None
        self._progress.reach(state.global_step)

    def on_train_end(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        assert self._progress is not None
        self._progress.__exit__()

    def on_log(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        logs: dict[str, Any] = kwargs.get("logs") or {}
        if not state.is_world_process_zero or not logs:
            return
        seconds = round(time.monotonic() - self._started, 2)
        self.record.add_metrics({"step": state.global_step, "session_seconds": seconds, **logs})
        figures = {words: logs[key] for key, words in _SHOWN.items() if isinstance(logs.get(key), float)}
        if self._progress is not None and figures:
            self._progress.figures(figures)

    def on_save(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        if state.is_world_process_zero:
            write_training_page(self.record, self.charts)


_SHOWN = {
    "loss": "loss",
    "reward": "reward",
    "kl": "KL",
    "eval_loss": "validation loss",
    "eval_accuracy": "validation accuracy",
    "eval_parse_rate": "validation parse rate",
}
