"""Training with TRL's ``GRPOTrainer``, from a base, an adapter or a merged checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reinforcesight.errors import ConfigError
from reinforcesight.grpo.arguments import check_numbers, grpo_arguments, suppress_vision_tokens
from reinforcesight.grpo.config import GrpoConfig
from reinforcesight.grpo.curves import GRPO_CHARTS
from reinforcesight.grpo.data import Presenter
from reinforcesight.grpo.gate_watch import WatchGate
from reinforcesight.grpo.grpo_trainer import SpatialGrpoTrainer
from reinforcesight.grpo.preparation import PreparedRun, prepare
from reinforcesight.grpo.reward import make_reward_functions
from reinforcesight.grpo.validation import BEST_METRIC, StopOnFall, compare_with_start
from reinforcesight.judge.blocks import opened_block
from reinforcesight.model.chat import chat_text, user_message
from reinforcesight.tuning.accuracy import read_step_answers
from reinforcesight.tuning.run import Method, Session, TrainingResult, make_trainer, run_training


def train_grpo(config: GrpoConfig) -> TrainingResult:
    """Train, resume, or report a finished run. Raises the same errors as :func:`run_training`."""
    return run_training(_GRPO, config)


def build_grpo_trainer(session: Session[GrpoConfig], prepared: PreparedRun) -> SpatialGrpoTrainer:
    """Build the trainer with its adapter, data, rewards and callbacks.

    Raises:
        ConfigError: The options can't be combined.
    """
    config, arguments, processor = session.config, session.arguments, session.loaded.processor
    per_round = int(arguments.generation_batch_size) // arguments.num_generations
    if len(prepared.questions) < per_round:
        raise ConfigError(
            f"{len(prepared.questions)} questions are left, fewer than the {per_round} of one step",
            where="per_device_train_batch_size x gradient_accumulation_steps / num_generations",
            fix="use smaller steps or more questions; the pass rates are kept for the next run",
        )
    suppress_vision_tokens(arguments, processor)
    session.record.content["sampled_with"] = "vllm" if arguments.use_vllm else "transformers"
    validated = prepared.held_out is not None
    opened = opened_block(chat_text(processor, [user_message("?")], with_image=False)) != ""
    rewards = config.rewards.model_copy(update={"opened": opened or config.rewards.opened})
    trainer: SpatialGrpoTrainer = make_trainer(
        SpatialGrpoTrainer,
        session,
        *([StopOnFall(config.evaluation, prepared.start)] if validated else []),
        WatchGate(session.record, rewards),
        charts=GRPO_CHARTS,
        reward_funcs=make_reward_functions(rewards),
        train_dataset=prepared.questions,
        eval_dataset=prepared.questions if validated else None,  # never read: see evaluate
        questions=prepared.held_out,
        presenter=Presenter(
            thinking=config.rewards.thinking,
            permute=config.permute_options,
            seed=config.seed,
            processor=processor if arguments.use_vllm else None,
        ),
    )
    if trainer.ref_model is not None and session.loaded.description["adapter"] is not None:
        _copy_to_reference(trainer)
    return trainer


def _copy_to_reference(trainer: SpatialGrpoTrainer) -> None:
    """Copy the start weights to the reference model: TRL loads the base there, without the merged adapter."""
    if trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled:
        raise ConfigError(
            "with sharded weights the KL term can't be measured from a merged adapter",
            where="trainer.beta with tuning full",
            fix="merge first (reinforcesight export --to merged-model) and start from that, or use --beta 0",
        )
    reference = trainer.accelerator.unwrap_model(trainer.ref_model)
    reference.load_state_dict(trainer.accelerator.unwrap_model(trainer.model).state_dict())


def _results(session: Session[GrpoConfig], trainer: SpatialGrpoTrainer, best: Mapping[str, Any]) -> dict[str, Any]:
    folder, start = session.record.folder, session.record.content.get("start", {})
    metric = f"eval_{BEST_METRIC}"
    best_step = trainer.state.best_global_step or trainer.state.global_step
    ended = next((c.reason for c in trainer.callback_handler.callbacks if isinstance(c, StopOnFall)), None)
    return {
        "accuracy_at_start": start.get("eval_accuracy"),
        "faithful": best.get("eval_faithful"),
        "faithful_at_start": start.get("eval_faithful"),
        "better_than_start": best[metric] > start[metric] if metric in best and metric in start else None,
        "compared_with_start": compare_with_start(read_step_answers(folder, 0), read_step_answers(folder, best_step)),
        "stopped_early_by": ended,
        "tokens": trainer.state.num_input_tokens_seen,
    }


_GRPO: Method[GrpoConfig] = Method(
    "grpo",
    GRPO_CHARTS,
    grpo_arguments,
    check_numbers,
    lambda session: build_grpo_trainer(session, prepare(session)),
    _results,
    less_memory="use gradient checkpointing, a smaller trainer.max_completion_length or model.max_pixels",
)
