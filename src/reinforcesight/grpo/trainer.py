"""Training with GRPO: thin over TRL's trainer, from a base, adapter or merged checkpoint, safe to stop and resume."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# TRL reports each run to its makers unless told not to; nothing leaves the machine without the user's wish.
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

from accelerate import PartialState

from reinforcesight.errors import ConfigError, ReinforceSightError
from reinforcesight.grpo.arguments import training_arguments
from reinforcesight.grpo.config import GrpoConfig
from reinforcesight.grpo.curves import GRPO_CHARTS
from reinforcesight.grpo.data import Presenter
from reinforcesight.grpo.policy import SpatialGrpoTrainer, read_answers
from reinforcesight.grpo.preparation import PreparedRun, prepare
from reinforcesight.grpo.rating import start_identity
from reinforcesight.grpo.reward import make_reward_functions
from reinforcesight.grpo.validation import BEST_METRIC, StopOnFall, compare_with_start
from reinforcesight.jobs.record import RunRecord
from reinforcesight.model.card import write_model_card
from reinforcesight.model.load import LoadedModel, quiet_libraries
from reinforcesight.tuning.callbacks import (
    CheckpointKeeper,
    RecordMetrics,
    StopOnSignal,
    TrainingStoppedError,
)
from reinforcesight.tuning.checkpoints import checkpoint_folder, publish, step_of
from reinforcesight.tuning.data import load_training_data
from reinforcesight.tuning.parts import load_to_train, name_base, new_adapter, trainable_summary
from reinforcesight.tuning.report import write_training_page
from reinforcesight.tuning.session import (
    announced,
    end_early,
    open_record,
    quiet_progress,
    run_trainer,
    session_facts,
    start_session,
)

_LESS_MEMORY = "use gradient checkpointing, a smaller generation.max_completion_length or model.max_pixels"


@dataclass(frozen=True)
class GrpoResult:
    """How a run ended.

    Attributes:
        status: ``finished`` or ``interrupted``.
        output: The run's folder; a model can be loaded from it once finished.
        step: The last optimiser step.
        best_step: The step whose weights were published.
        start: Validation metrics of the start model; empty without a validation split.
        best: The same of the published weights.
        exit_code: 0, or 128 + the signal that stopped the run.
    """

    status: str
    output: Path
    step: int
    best_step: int | None
    start: dict[str, float]
    best: dict[str, float]
    exit_code: int = 0

    def __str__(self) -> str:
        if self.status != "finished":
            return f"{self.output}: stopped at step {self.step}; run the same command to continue"
        text = f"{self.output}: best of {self.step} steps is step {self.best_step}"
        for name, label in (("eval_accuracy", "accuracy"), ("eval_faithful", "faithful reasoning")):
            if name in self.start and name in self.best:
                text += f", {label} {self.start[name]:.3f} -> {self.best[name]:.3f}"
        return text


def train_grpo(config: GrpoConfig) -> GrpoResult:
    """Train, continue, or report a run that is already finished.

    Raises:
        ConfigError: Options don't fit the model or the machine.
        InputError: The data set or the model can't be used; a broken picture is named by its row.
        OutputError: The folder holds another run, or memory ran out.
    """
    quiet_libraries()
    output = Path(config.output)
    processes = PartialState()
    data = load_training_data(config.dataset)
    with processes.main_process_first():
        loaded = load_to_train(config)
    identity = start_identity(data, loaded)
    record = open_record(
        "grpo",
        output,
        config,
        {**config.recipe(processes=processes.num_processes), **identity},
        data=data.description,
        model=loaded.description,
        seeds={"training": config.seed, "evaluation": config.evaluation.seed},
    )
    if record.content["status"] == "finished":
        return announced(_finished_result(record))
    last = start_session(record)

    with StopOnSignal() as stop:
        started = time.monotonic()
        failure: ReinforceSightError | None = None
        step = step_of(last) if last else 0
        trainer: SpatialGrpoTrainer | None = None
        try:
            run = prepare(config, loaded, data, record, stop, identity)
            trainer = build_trainer(config, loaded, run, record, stop)
            record.content["model"]["trainable"] = trainable_summary(trainer.model)
            failure = run_trainer(trainer, last, config, less_memory=_LESS_MEMORY)
            step = trainer.state.global_step
        except TrainingStoppedError:
            pass
        except ReinforceSightError as error:
            failure = error
        facts = session_facts(step, started)
        if failure is not None or stop.received is not None or trainer is None:
            end_early(record, GRPO_CHARTS, facts, failure, stop)
            code = 128 + (stop.received or 0)
            return announced(GrpoResult("interrupted", output, step, None, {}, {}, exit_code=code))
    if trainer.is_world_process_zero():
        _finish(record, trainer, facts)
    processes.wait_for_everyone()
    reloaded = RunRecord.load(output)
    return announced(_finished_result(reloaded if reloaded is not None else record))


def build_trainer(
    config: GrpoConfig, loaded: LoadedModel, run: PreparedRun, record: RunRecord, stop: StopOnSignal
) -> SpatialGrpoTrainer:
    """The trainer with its adapters, data, rewards and callbacks.

    Raises:
        ConfigError: Options don't go together.
    """
    adapter = new_adapter(loaded, config)
    arguments = training_arguments(config, loaded.processor, has_validation=run.held_out is not None)
    prompts_per_round = int(arguments.generation_batch_size or 0) // config.num_generations
    if len(run.questions) < prompts_per_round:
        raise ConfigError(
            f"{len(run.questions)} questions are fewer than the {prompts_per_round} that one step asks",
            where="per_device_train_batch_size x gradient_accumulation_steps / num_generations",
            fix="use smaller steps or more questions",
        )
    record.content["sampled_with"] = "vllm" if arguments.use_vllm else "transformers"
    callbacks: list[Any] = [CheckpointKeeper(Path(config.output), config.keep_checkpoints)]
    callbacks.append(RecordMetrics(record, GRPO_CHARTS))
    if run.held_out is not None:
        callbacks.append(StopOnFall(config.evaluation, run.start))
    presenter = Presenter(
        thinking=config.rewards.thinking,
        permute=config.permute_options,
        seed=config.seed,
        processor=loaded.processor if arguments.use_vllm else None,
    )
    trainer = SpatialGrpoTrainer(
        loaded.model,
        reward_funcs=make_reward_functions(config.rewards),
        args=arguments,
        train_dataset=run.questions,
        eval_dataset=run.questions if run.held_out is not None else None,  # never read: see evaluate
        processing_class=loaded.processor,
        peft_config=adapter,
        # The signal's callback comes last, for it has the last word on what a step asks for.
        callbacks=[*callbacks, stop],
        config=config,
        questions=run.held_out,
        presenter=presenter,
        stop=stop,
    )
    quiet_progress(trainer)
    if adapter is not None:
        name_base(trainer.model, loaded, config)
    if trainer.ref_model is not None and loaded.description["adapter"] is not None:
        _copy_to_reference(trainer)
    return trainer


def _copy_to_reference(trainer: SpatialGrpoTrainer) -> None:
    """TRL loads the base as reference of a fully trained model; the start is the base with the merged adapter."""
    if trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled:
        raise ConfigError(
            "with sharded weights the KL term can't be measured from a merged adapter",
            where="beta with tuning full",
            fix="merge first (reinforcesight export --to merged-model) and start from that, or use --beta 0",
        )
    reference = trainer.accelerator.unwrap_model(trainer.ref_model)
    reference.load_state_dict(trainer.accelerator.unwrap_model(trainer.model).state_dict())


def _finish(record: RunRecord, trainer: SpatialGrpoTrainer, facts: dict[str, Any]) -> None:
    """Publish the best checkpoint, and write results, curves and model card."""
    state = trainer.state
    best_step = state.best_global_step or state.global_step
    publish(checkpoint_folder(record.folder, best_step), record.folder)
    best: dict[str, Any] = next(
        (line for line in state.log_history if line["step"] == best_step and "eval_accuracy" in line), {}
    )
    best = {name: value for name, value in best.items() if name.startswith("eval_")}
    start = record.content.get("start", {})
    metric = f"eval_{BEST_METRIC}"
    ended = next((c.reason for c in trainer.callback_handler.callbacks if isinstance(c, StopOnFall)), None)
    record.content["results"] = {
        "step": state.global_step,
        "best_step": best_step,
        "accuracy": best.get("eval_accuracy"),
        "accuracy_at_start": start.get("eval_accuracy"),
        "parse_rate": best.get("eval_parse_rate"),
        "accuracy_by_task": {
            key.removeprefix("eval_accuracy_"): value
            for key, value in best.items()
            if key.startswith("eval_accuracy_")
        },
        "faithful": best.get("eval_faithful"),
        "faithful_at_start": start.get("eval_faithful"),
        "better_than_start": best[metric] > start[metric] if metric in best and metric in start else None,
        "compared_with_start": compare_with_start(
            read_answers(record.folder, 0), read_answers(record.folder, best_step)
        ),
        "start": start,
        "best": best,
        "stopped_early_by": ended,
        "epochs": state.epoch,
        "tokens": state.num_input_tokens_seen,
    }
    record.end_session("finished", **facts)
    write_training_page(record, GRPO_CHARTS)
    write_model_card(record, record.folder)


def _finished_result(record: RunRecord) -> GrpoResult:
    results = record.content["results"]
    return GrpoResult(
        "finished", record.folder, results["step"], results["best_step"], results["start"], results["best"]
    )
