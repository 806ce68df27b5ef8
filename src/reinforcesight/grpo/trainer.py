"""Training with GRPO: thin over TRL's trainer, from a base, adapter or merged checkpoint, safe to stop and resume."""

from __future__ import annotations

import gc
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# TRL reports each run to its makers unless told not to; nothing leaves the machine without the user's wish.
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

import click
import torch
from accelerate import PartialState
from transformers import ProgressCallback
from transformers.trainer_callback import PrinterCallback

from reinforcesight.errors import ConfigError, OutputError, ReinforceSightError
from reinforcesight.grpo.arguments import training_arguments
from reinforcesight.grpo.config import GrpoConfig
from reinforcesight.grpo.curves import CHARTS
from reinforcesight.grpo.data import Presenter
from reinforcesight.grpo.policy import SpatialGrpoTrainer, read_answers
from reinforcesight.grpo.preparation import PreparedRun, prepare
from reinforcesight.grpo.reward import make_reward_functions
from reinforcesight.grpo.validation import BEST_METRIC, StopOnFall, compare_with_start
from reinforcesight.model.card import write_model_card
from reinforcesight.model.load import LoadedModel, load_model, quiet_libraries, resolve_path
from reinforcesight.run_record import RunRecord, differences, hardware, memory_peak, source_state
from reinforcesight.sft.data import TrainingData, load_training_data
from reinforcesight.sft.parts import freeze_for_full_tuning, lora_config, trainable_summary
from reinforcesight.sft.trainer import is_out_of_memory, signal_name
from reinforcesight.training.callbacks import (
    CheckpointKeeper,
    RecordMetrics,
    StopOnSignal,
    TrainingStoppedError,
)
from reinforcesight.training.checkpoints import (
    checkpoint_folder,
    complete_checkpoints,
    publish,
    remove_incomplete,
    step_of,
)
from reinforcesight.training.report import write_report


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
        loaded = _load(config)
    identity = {
        "data_fingerprint": data.description["fingerprint"],
        "model_fingerprint": loaded.description["fingerprint"] or loaded.description["revision"],
    }
    record = _open_record(
        output, config, {**config.recipe(processes=processes.num_processes), **identity}, data, loaded
    )
    if record.content["status"] == "finished":
        return _told(_finished_result(record))
    processes.wait_for_everyone()
    if processes.is_main_process:
        output.mkdir(parents=True, exist_ok=True)
        remove_incomplete(output)
    processes.wait_for_everyone()
    checkpoints = complete_checkpoints(output)
    last = checkpoints[-1] if checkpoints else None
    if processes.is_main_process:
        record.start_session(from_step=step_of(last) if last else 0)

    with StopOnSignal() as stop:
        started = time.monotonic()
        failure: ReinforceSightError | None = None
        step = step_of(last) if last else 0
        trainer: SpatialGrpoTrainer | None = None
        try:
            run = prepare(config, loaded, data, record, stop, identity)
            trainer = build_trainer(config, loaded, run, record, stop)
            record.content["model"]["trainable"] = trainable_summary(trainer.model)
            failure = _train(trainer, last)
            step = trainer.state.global_step
        except TrainingStoppedError:
            pass
        except ReinforceSightError as error:
            failure = error
        facts = {
            "to_step": step,
            "seconds": round(time.monotonic() - started, 1),
            "memory_peak": memory_peak(),
        }
        if failure is not None or stop.received is not None or trainer is None:
            status = "failed" if failure is not None else "interrupted"
            if processes.is_main_process:
                reason = str(failure) if failure else signal_name(stop.received)
                record.end_session(status, **facts, reason=reason)
                write_report(record, CHARTS)
            if failure is not None:
                raise failure
            code = 128 + (stop.received or 0)
            return _told(GrpoResult(status, output, step, None, {}, {}, exit_code=code))
    if trainer.is_world_process_zero():
        _finish(record, trainer, facts)
    processes.wait_for_everyone()
    reloaded = RunRecord.load(output)
    return _told(_finished_result(reloaded if reloaded is not None else record))


def _told(result: GrpoResult) -> GrpoResult:
    """Say how the run ended, once."""
    if PartialState().is_main_process:
        click.echo(str(result))
    return result


def _load(config: GrpoConfig) -> LoadedModel:
    options, full = config.model, config.tuning == "full"
    if options.dtype == "auto" and full:
        # Small updates to weights kept in bfloat16 are rounded away; the arithmetic may still be in bfloat16.
        options = options.model_copy(update={"dtype": "float32"})
    loaded = load_model(options.at(config.model_path), trainable=True, merge_adapter=full)
    loaded.model.config.eos_token_id = loaded.processor.tokenizer.eos_token_id
    loaded.model.config.pad_token_id = loaded.processor.tokenizer.pad_token_id
    if full:
        freeze_for_full_tuning(loaded.model, _sft_view(config))
    return loaded


def _sft_view(config: GrpoConfig) -> Any:
    """The functions shared with SFT read ``train_parts`` and ``lora``, which both configurations have."""
    return config


def _open_record(
    output: Path, config: GrpoConfig, recipe: dict[str, Any], data: TrainingData, loaded: LoadedModel
) -> RunRecord:
    """A new record, or the one of the run to continue.

    Raises:
        OutputError: The folder holds a run with another configuration, model or data set.
    """
    # Through JSON, so that tuples and lists compare as the stored record has them.
    recipe = json.loads(json.dumps(recipe))
    old = RunRecord.load(output)
    if old is None:
        if complete_checkpoints(output):
            raise OutputError(
                "the folder has checkpoints but no run record", where=str(output), fix="choose another"
            )
        content = {
            "schema": 1,
            "command": "grpo",
            "status": "running",
            "config": config.model_dump(mode="json"),
            "recipe": recipe,
            "data": data.description,
            "model": loaded.description,
            "seeds": {"training": config.seed, "evaluation": config.evaluation.seed},
            "source": source_state(),
            "hardware": hardware(),
            "sessions": [],
            "results": {},
        }
        return RunRecord(output, content)
    changed = differences(old.content.get("recipe", {}), recipe)
    if changed:
        more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
        raise OutputError(
            f"this folder holds a run with another configuration or data: {'; '.join(changed[:3])}{more}",
            where=str(output),
            fix="give another --output, restore the settings, or remove the folder",
        )
    old.content["config"] = config.model_dump(mode="json")
    return old


def build_trainer(
    config: GrpoConfig, loaded: LoadedModel, run: PreparedRun, record: RunRecord, stop: StopOnSignal
) -> SpatialGrpoTrainer:
    """The trainer with its adapters, data, rewards and callbacks.

    Raises:
        ConfigError: Options don't go together.
    """
    attached = hasattr(loaded.model, "peft_config")
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
    callbacks.append(RecordMetrics(record, CHARTS))
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
        peft_config=lora_config(loaded.model, _sft_view(config))
        if config.tuning == "lora" and not attached
        else None,
        # The signal's callback comes last, for it has the last word on what a step asks for.
        callbacks=[*callbacks, stop],
        config=config,
        questions=run.held_out,
        presenter=presenter,
        stop=stop,
    )
    trainer.remove_callback(PrinterCallback)
    if not os.isatty(2):
        trainer.remove_callback(ProgressCallback)
    if config.tuning == "lora" and not attached:
        # As the user named it, so that the adapter also loads where an embedded model lies in another folder.
        adapter = trainer.model.peft_config["default"]
        adapter.base_model_name_or_path = config.model_path
        if not Path(resolve_path(config.model_path)).is_dir():
            adapter.revision = loaded.description["revision"]
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


def _train(trainer: SpatialGrpoTrainer, last: Path | None) -> ReinforceSightError | None:
    """Run the trainer; what a user can mend comes back instead of being raised, once state is saved."""
    stopped = False
    try:
        trainer.train(resume_from_checkpoint=str(last) if last is not None else None)
    except TrainingStoppedError:
        stopped = True
    except ReinforceSightError as error:
        return error
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
    else:
        return None
    # Out of the handler, so that the failed step's activations are no longer held by its traceback.
    if stopped:
        trainer.save_now()
        return None
    return _save_after_out_of_memory(trainer)


def _save_after_out_of_memory(trainer: SpatialGrpoTrainer) -> OutputError:
    trainer.model.zero_grad(set_to_none=True)
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    # With several processes the others wait in a collective call, so nothing can be saved together.
    if trainer.state.global_step > 0 and PartialState().num_processes == 1:
        trainer.save_now()
    kept = complete_checkpoints(Path(trainer.args.output_dir))
    saved = f"; {kept[-1].name} is saved" if kept else ""
    config = trainer.grpo_config
    smaller = max(1, config.per_device_train_batch_size // 2)
    factor = config.per_device_train_batch_size // smaller
    fix = (
        f"run again with --per_device_train_batch_size {smaller} --gradient_accumulation_steps "
        f"{config.gradient_accumulation_steps * factor}, which continues it"
        if config.per_device_train_batch_size % 2 == 0
        else "use gradient checkpointing, a smaller generation.max_completion_length or model.max_pixels"
    )
    return OutputError(
        f"memory ran out after step {trainer.state.global_step}{saved}", where=config.output, fix=fix
    )


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
    write_report(record, CHARTS)
    write_model_card(record, record.folder)


def _finished_result(record: RunRecord) -> GrpoResult:
    results = record.content["results"]
    return GrpoResult(
        "finished", record.folder, results["step"], results["best_step"], results["start"], results["best"]
    )
