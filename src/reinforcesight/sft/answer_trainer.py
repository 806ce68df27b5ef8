"""TRL's trainer with answers generated and judged at each evaluation, and its arguments from the configuration."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

# TRL reports each run to its makers unless told not to; nothing leaves the machine without the user's wish.
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
# The tokenizer's own threads deadlock in forked data-loader workers.
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import click
import torch
from accelerate import PartialState
from trl.trainer.sft_config import SFTConfig as TrlConfig
from trl.trainer.sft_trainer import SFTTrainer

from reinforcesight.errors import ConfigError
from reinforcesight.jobs.files import write_text
from reinforcesight.sft.config import SftConfig
from reinforcesight.tuning.accuracy import accuracy_metrics, as_lines, judge_generated
from reinforcesight.tuning.callbacks import StopOnSignal
from reinforcesight.tuning.checkpoints import checkpoint_folder, is_complete
from reinforcesight.tuning.schedule import scheduler_arguments
from reinforcesight.tuning.whole_weights import ResumesWholeWeights

# The checker knows TRL's trainer by halves; what is used of it is tested.
_Trainer: Any = SFTTrainer


class AnswerTrainer(ResumesWholeWeights, _Trainer):  # type: ignore[misc]
    """TRL's trainer whose evaluation also generates and judges answers."""

    def __init__(
        self, *args: Any, config: SftConfig, questions: Any, stop: StopOnSignal, **kwargs: Any
    ) -> None:
        self.sft_config = config
        self.questions = questions
        self.stop = stop
        super().__init__(*args, **kwargs)
        # TRL computes the loss itself and can divide by all the step's tokens. Qwen's classes say that their own
        # loss can't, from which the trainer concludes to average over parts of the batch, which weighs tokens by
        # how the batch happens to be cut up.
        self.model_accepts_loss_kwargs = True

    def evaluate(self, *args: Any, **kwargs: Any) -> Any:
        """As ever, but without a trace in the random numbers of training: how often is a matter of taste."""
        devices = [self.args.device] if self.args.device.type == "cuda" else []
        with torch.random.fork_rng(devices):
            return super().evaluate(*args, **kwargs)

    def evaluation_loop(self, *args: Any, metric_key_prefix: str = "eval", **kwargs: Any) -> Any:
        """The loss as ever, and the accuracy of generated answers in the same metrics."""
        output = super().evaluation_loop(*args, metric_key_prefix=metric_key_prefix, **kwargs)
        self.stop.check()
        with self.compute_loss_context_manager():
            answers = judge_generated(
                self.model,
                self.processing_class,
                self.questions,
                self.sft_config.evaluation,
                on_batch=lambda _: self.stop.check(),
            )
        output.metrics.update(accuracy_metrics(answers, metric_key_prefix))
        if self.is_world_process_zero():
            lines = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in as_lines(answers))
            write_text(Path(self.args.output_dir) / "answers" / f"step-{self.state.global_step}.jsonl", lines)
        return output

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """None per checkpoint; the finished model gets one made from the run record."""

    def save_now(self) -> None:
        """Write a checkpoint of the last whole step, unless there is one."""
        if not is_complete(checkpoint_folder(Path(self.args.output_dir), self.state.global_step)):
            self._save_checkpoint(self.model, None)
            self.callback_handler.on_save(self.args, self.state, self.control)


def training_arguments(config: SftConfig, *, has_validation: bool) -> TrlConfig:
    """TRL's own arguments, filled from the configuration.

    Raises:
        ConfigError: bf16 is asked for and the GPU has none, or a value is not known to transformers.
    """
    cuda = torch.cuda.is_available()
    has_bf16 = not cuda or torch.cuda.is_bf16_supported()
    if config.precision == "bf16" and not has_bf16:
        raise ConfigError(
            "this GPU has no bfloat16 arithmetic", where="precision", fix="use --precision float32"
        )
    workers = _worker_count() if config.num_workers < 0 else config.num_workers
    scheduler = scheduler_arguments(config.lr_scheduler_type, config.lr_scheduler_kwargs)
    try:
        return TrlConfig(
            output_dir=config.output,
            num_train_epochs=config.num_train_epochs,
            max_steps=config.max_steps,
            per_device_train_batch_size=config.per_device_train_batch_size,
            per_device_eval_batch_size=config.per_device_train_batch_size,
            gradient_accumulation_steps=config.gradient_accumulation_steps,
            learning_rate=config.learning_rate,
            lr_scheduler_type=config.lr_scheduler_type,
            lr_scheduler_kwargs=scheduler,
            warmup_steps=config.warmup_ratio,
            weight_decay=config.weight_decay,
            max_grad_norm=config.max_grad_norm,
            optim=config.optimizer,
            seed=config.seed,
            bf16=config.precision == "bf16" or (config.precision == "auto" and cuda and has_bf16),
            use_cpu=not cuda,
            gradient_checkpointing=config.gradient_checkpointing,
            gradient_checkpointing_kwargs={"use_reentrant": False},
            max_length=None,  # truncation would cut picture tokens
            completion_only_loss=True,
            remove_unused_columns=False,
            dataset_kwargs={"skip_prepare_dataset": True},
            dataloader_num_workers=workers,
            dataloader_persistent_workers=workers > 0,
            ddp_find_unused_parameters=False,
            logging_steps=config.logging_steps,
            logging_first_step=True,
            logging_nan_inf_filter=False,
            eval_strategy="steps" if has_validation else "no",
            eval_steps=config.eval_steps,
            save_strategy="steps",
            save_steps=config.save_steps,
            metric_for_best_model="accuracy" if has_validation else None,
            greater_is_better=True if has_validation else None,
            restore_callback_states_from_checkpoint=True,
            report_to=list(config.report_to) or "none",
            run_name=config.run_name,
        )
    except (ValueError, ImportError) as error:
        raise ConfigError(f"the training options don't fit: {' '.join(str(error).split())[:300]}") from error


# Batches of pictures on their way from the workers lie in shared memory; a container's usual 64 MiB don't hold them.
_SHARED_MEMORY = Path("/dev/shm")
_ENOUGH_SHARED_MEMORY = 1 << 30


def _worker_count() -> int:
    """Processes that decode pictures: none on a CPU, whose cores the model needs, nor where shared memory is scarce."""
    if not torch.cuda.is_available():
        return 0
    if _SHARED_MEMORY.is_dir() and (size := shutil.disk_usage(_SHARED_MEMORY).total) < _ENOUGH_SHARED_MEMORY:
        if PartialState().is_main_process:
            click.echo(
                f"shared memory is {size >> 20} MiB, too small for data workers: pictures are decoded in the training "
                "process (docker run --shm-size 8g makes room, --num_workers N insists)",
                err=True,
            )
        return 0
    return min(8, max(1, (os.cpu_count() or 1) // max(1, torch.cuda.device_count()) - 1))
