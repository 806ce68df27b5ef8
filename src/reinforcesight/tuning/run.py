"""The run loop of SFT and GRPO: load, start or resume, train, and publish the best checkpoint."""

from __future__ import annotations

import contextlib
import math
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import click
from accelerate import PartialState
from peft import get_peft_model
from transformers import ProgressCallback
from transformers.trainer_callback import PrinterCallback

from reinforcesight.errors import ConfigError, InputError, OutputError, ReinforceSightError
from reinforcesight.jobs.file_list import MARKER, changed_file
from reinforcesight.jobs.files import full_disk, only_writer
from reinforcesight.jobs.record import RunRecord
from reinforcesight.jobs.signals import signal_name
from reinforcesight.model.card import write_model_card
from reinforcesight.model.load import LoadedModel, quiet_libraries
from reinforcesight.model.memory import is_out_of_memory
from reinforcesight.tuning.callbacks import (
    CheckpointKeeper,
    MissedEvaluation,
    RecordMetrics,
    StopOnSignal,
    TrainingStoppedError,
)
from reinforcesight.tuning.data import TrainingData, load_training_data
from reinforcesight.tuning.memory.out_of_memory import save_after_out_of_memory
from reinforcesight.tuning.memory.plan import warn_of_memory
from reinforcesight.tuning.parts import load_to_train, name_base, new_adapter, trainable_summary
from reinforcesight.tuning.records.checkpoints import (
    checkpoint_folder,
    complete_checkpoints,
    is_undamaged,
    publish,
    remove_incomplete,
    step_of,
)
from reinforcesight.tuning.records.report import Chart, write_training_page
from reinforcesight.tuning.records.session import open_record, session_facts, start_session
from reinforcesight.tuning.settings.config import TrainingConfig

TrainConfigT = TypeVar("TrainConfigT", bound=TrainingConfig)

# Data-loader processes of a killed run hold its lock until they notice.
_LONGEST_WAIT = 20.0


@dataclass(frozen=True)
class TrainingResult:
    """Result of a run with the status ``finished`` or ``interrupted``.

    Attributes:
        best_step: Step whose weights were published; 0 is the start model.
        start: Validation metrics of the start model, if it was validated.
        best: Validation metrics of the published weights; empty without a validation split.
        exit_code: 0, or 128 + the signal that stopped the run.
    """

    status: str
    output: Path
    step: int
    best_step: int | None = None
    start: dict[str, float] = field(default_factory=dict)
    best: dict[str, float] = field(default_factory=dict)
    exit_code: int = 0

    @property
    def accuracy(self) -> float | None:
        """Accuracy of generated answers at the best step."""
        return self.best.get("eval_accuracy")

    def __str__(self) -> str:
        if self.status != "finished":
            return f"{self.output}: stopped at step {self.step}; run the same command to resume"
        text = f"{self.output}: the best of {self.step} steps is step {self.best_step}"
        if self.best_step == 0:
            text = f"{self.output}: no checkpoint is better on validation than the start, which is published"
        for name, label in (("eval_accuracy", "accuracy"), ("eval_faithful", "faithful reasoning")):
            if name in self.best:
                before = f"{self.start[name]:.3f} -> " if name in self.start else ""
                text += f", {label} {before}{self.best[name]:.3f}"
        return text


@dataclass(frozen=True)
class Session(Generic[TrainConfigT]):
    """Everything a command needs to build its trainer."""

    config: TrainConfigT
    arguments: Any
    data: TrainingData
    loaded: LoadedModel
    record: RunRecord
    stop: StopOnSignal


@dataclass(frozen=True)
class Method(Generic[TrainConfigT]):
    """The differences between SFT and GRPO.

    Attributes:
        arguments: Function from the configuration and whether there is a validation split to TRL's arguments.
        check: Function of the configuration, TRL's arguments and the number of training rows that raises
            ``ConfigError`` if the run can't work; called before the model is loaded.
        build: Function that prepares the run and returns the trainer; may raise ``TrainingStoppedError``.
        results: Function from session, trainer and metrics of the best step to further results for the record.
        less_memory: Suggestion after out of memory if the batch can't be divided further.
        resumed: Function called with the trainer and the checkpoint to resume from.
    """

    command: str
    charts: Sequence[Chart]
    arguments: Callable[[TrainConfigT, bool], Any]
    check: Callable[[TrainConfigT, Any, int], None]
    build: Callable[[Session[TrainConfigT]], Any]
    results: Callable[[Session[TrainConfigT], Any, Mapping[str, Any]], dict[str, Any]]
    less_memory: str
    resumed: Callable[[Any, Path], None] = lambda trainer, checkpoint: None


def run_training(method: Method[TrainConfigT], config: TrainConfigT) -> TrainingResult:
    """Train, resume, or report a run that is already finished.

    Raises:
        ConfigError: The options don't fit TRL, the model or the machine.
        InputError: The data set or the model can't be used; a broken picture is named by its row.
        OutputError: The folder has another run, or memory ran out.
    """
    quiet_libraries()
    processes = PartialState()
    data = load_training_data(config.dataset)
    arguments = method.arguments(config, data.validation is not None)
    method.check(config, arguments, len(data.train))
    if processes.is_main_process:
        warn_of_memory(config)
    with processes.main_process_first():
        loaded = load_to_train(config)
    with contextlib.ExitStack() as held:
        if processes.is_main_process:
            output, waiting = Path(config.output), "waiting for an earlier run in this folder to end"
            held.enter_context(only_writer(output, wait=_LONGEST_WAIT, waiting=waiting))
        return _run_locked(method, config, data, arguments, loaded)


def _run_locked(
    method: Method[TrainConfigT], config: TrainConfigT, data: TrainingData, arguments: Any, loaded: LoadedModel
) -> TrainingResult:
    processes = PartialState()
    record = open_record(
        method.command,
        Path(config.output),
        config,
        {**config.result_settings(processes=processes.num_processes), **start_identity(data, loaded)},
        data=data.description,
        model=loaded.description,
        seeds={"training": config.seed, "evaluation": config.evaluation.seed},
    )
    if record.content["status"] == "finished":
        changed = changed_file(record.folder)
        if changed is not None:
            raise OutputError(
                f"training has finished here, but {changed} is not the file that it wrote",
                where=str(record.folder),
                fix=f"restore it, or give another --output; if you changed it yourself, remove {MARKER}",
            )
        return _announced(_finished(record))
    last = start_session(record)

    failure: ReinforceSightError | None = None
    trainer: Any = None
    started = time.monotonic()
    with StopOnSignal() as stop:
        session = Session(config, arguments, data, loaded, record, stop)
        try:
            trainer = method.build(session)
            record.content["model"]["trainable"] = trainable_summary(trainer.model)
            if last is not None:
                method.resumed(trainer, last)
            failure = _train(trainer, last, method.less_memory)
            if failure is None and stop.received is None:
                failure = _unfinished(trainer)
        except TrainingStoppedError:
            pass
        except ReinforceSightError as error:
            failure = error
        step = trainer.state.global_step if trainer is not None else step_of(last) if last else 0
        facts = session_facts(step, started)
        if failure is not None or stop.received is not None or trainer is None:
            if processes.is_main_process:
                status = "failed" if failure is not None else "interrupted"
                remove_incomplete(record.folder)
                reason = str(failure or signal_name(stop.received or 0))
                # After a full disk, there may be no room for these either.
                with contextlib.suppress(OutputError) if failure is not None else contextlib.nullcontext():
                    record.end_session(status, **facts, reason=reason)
                    write_training_page(record, method.charts)
            if failure is not None:
                raise failure
            code = 128 + (stop.received or 0)
            return _announced(TrainingResult("interrupted", record.folder, step, exit_code=code))
    if processes.is_main_process:
        _finish(method, session, trainer, facts)
    processes.wait_for_everyone()
    return _announced(_finished(RunRecord.load(record.folder) or record))


def start_identity(data: TrainingData, loaded: LoadedModel) -> dict[str, Any]:
    return {
        "data_fingerprint": data.description["fingerprint"],
        "model_fingerprint": loaded.description["fingerprint"] or loaded.description["revision"],
    }


def make_trainer(
    trainer_class: Any, session: Session[Any], *callbacks: Any, charts: Sequence[Chart], **arguments: Any
) -> Any:
    """Build a trainer with the model, its adapter and the callbacks of every run.

    Raises:
        ConfigError: TRL refuses the arguments.
    """
    config, loaded = session.config, session.loaded
    adapter = new_adapter(loaded, config)
    keeper = CheckpointKeeper(Path(config.output), config.trainer["save_total_limit"])
    try:
        trainer = trainer_class(
            loaded.model,
            args=session.arguments,
            processing_class=loaded.processor,
            peft_config=adapter,
            # StopOnSignal comes last, since the last callback decides what happens after a step.
            callbacks=[keeper, RecordMetrics(session.record, charts), *callbacks, session.stop],
            config=config,
            stop=session.stop,
            **arguments,
        )
    except (ValueError, NotImplementedError) as error:
        reason = " ".join(str(error).split())[:300]
        raise ConfigError(f"TRL refuses these settings: {reason}", where="trainer") from error
    trainer.add_callback(MissedEvaluation(trainer))
    # RecordMetrics shows progress instead.
    trainer.remove_callback(PrinterCallback)
    trainer.remove_callback(ProgressCallback)
    if adapter is not None:
        name_base(trainer.model, loaded, config)
    return trainer


def _train(trainer: Any, last: Path | None, less_memory: str) -> ReinforceSightError | None:
    """Run the trainer; after an error that the user can fix, save the state and return the error."""
    stopped = False
    try:
        trainer.train(resume_from_checkpoint=str(last) if last is not None else None)
    except TrainingStoppedError:
        stopped = True
    except ReinforceSightError as error:
        return _from_worker(error)
    except Exception as error:
        full = full_disk(error, Path(trainer.args.output_dir))
        if full is not None:
            return full
        if not isinstance(error, RuntimeError | MemoryError) or not is_out_of_memory(error):
            raise
    else:
        return None
    # Outside the exception handler, whose traceback would keep the activations of the failed step.
    if stopped:
        trainer.save_now()
        return None
    return save_after_out_of_memory(trainer, less_memory)


def _unfinished(trainer: Any) -> ReinforceSightError | None:
    """Return an error if training ended before ``max_steps`` and no callback stopped it."""
    state, callbacks = trainer.state, trainer.callback_handler.callbacks
    if state.global_step >= state.max_steps or any(getattr(callback, "reason", None) for callback in callbacks):
        return None
    return InputError(
        f"training ended at step {state.global_step} of {state.max_steps}",
        where=str(trainer.args.output_dir),
        fix="the batches ended early; run the same command to resume",
    )


def _from_worker(error: ReinforceSightError) -> ReinforceSightError:
    """Return the original error; one from a data-loader worker has the worker's traceback as its text."""
    marker = f"{type(error).__name__}: "
    if "Traceback (most recent call last)" not in error.what or marker not in error.what:
        return error
    return InputError(error.what.rpartition(marker)[2].strip())


def _finish(
    method: Method[TrainConfigT], session: Session[TrainConfigT], trainer: Any, facts: Mapping[str, Any]
) -> None:
    """Publish the best checkpoint, and write results, curves and model card."""
    record, state = session.record, trainer.state
    best_step = _best_sound_step(record.folder, state, f"eval_{trainer.args.metric_for_best_model}")
    line: dict[str, Any] = next(
        (line for line in state.log_history if line["step"] == best_step and "eval_accuracy" in line), {}
    )
    best = {name: value for name, value in line.items() if name.startswith("eval_")}
    of_method = method.results(session, trainer, best)
    start, metric = record.content.get("start", {}), f"eval_{trainer.args.metric_for_best_model}"
    if metric in start and metric in best and best[metric] <= start[metric]:
        best_step, best = 0, start
        _publish_start(session)
    else:
        publish(checkpoint_folder(record.folder, best_step), record.folder)
    by_task = "eval_accuracy_"
    record.content["results"] = {
        "step": state.global_step,
        "best_step": best_step,
        "accuracy": best.get("eval_accuracy"),
        "parse_rate": best.get("eval_parse_rate"),
        "accuracy_by_task": {
            key.removeprefix(by_task): value for key, value in best.items() if key.startswith(by_task)
        },
        "epochs": state.epoch,
        "start": start,
        "best": best,
        **of_method,
    }
    record.end_session("finished", **facts)
    write_training_page(record, method.charts)
    write_model_card(record, record.folder)


def _best_sound_step(output: Path, state: Any, metric: str) -> int:
    """Return the step of the best checkpoint; if it is damaged, say so and return the best of the others."""
    best = int(state.best_global_step or state.global_step)
    if is_undamaged(checkpoint_folder(output, best)):
        return best
    scores = {line["step"]: line[metric] for line in state.log_history if metric in line}
    sound = [step_of(path) for path in complete_checkpoints(output) if is_undamaged(path)]
    if not sound:
        raise OutputError(
            "all checkpoints are damaged or gone, and none can be published",
            where=str(checkpoint_folder(output, best)),
            fix="run the same command with another --output",
        )
    other = max(sound, key=lambda step: (scores.get(step, -math.inf), step))
    click.echo(f"the best checkpoint, of step {best}, is damaged or gone; step {other} is published instead", err=True)
    return other


def _publish_start(session: Session[Any]) -> None:
    """Publish the start model: all weights, its adapter, or a new adapter that changes nothing."""
    config, folder = session.config, session.record.folder
    loaded = load_to_train(config)
    adapter = new_adapter(loaded, config)
    model = loaded.model if adapter is None else get_peft_model(loaded.model, adapter)
    if adapter is not None:
        name_base(model, loaded, config)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".start-") as saved:
        model.save_pretrained(saved)
        loaded.processor.save_pretrained(saved)
        publish(Path(saved), folder)


def _finished(record: RunRecord) -> TrainingResult:
    results = record.content["results"]
    return TrainingResult(
        "finished", record.folder, results["step"], results["best_step"], results["start"], results["best"]
    )


def _announced(result: TrainingResult) -> TrainingResult:
    if PartialState().is_main_process:
        click.echo(str(result))
    return result
