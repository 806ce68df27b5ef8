"""TRL's ``SFTTrainer`` whose evaluation also generates and judges answers."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from trl.trainer.sft_trainer import SFTTrainer

from reinforcesight.tuning.accuracy import accuracy_metrics, judge_generated, write_step_answers
from reinforcesight.tuning.trainer import ResumableTrainer, unchanged_random_state

_Trainer: Any = SFTTrainer  # mypy can't follow TRL's class; what is used of it is tested


class AnswerTrainer(ResumableTrainer, _Trainer):  # type: ignore[misc]
    """TRL's trainer whose evaluation also generates and judges answers to ``questions``."""

    def __init__(self, *args: Any, questions: Any, **kwargs: Any) -> None:
        self.questions = questions
        super().__init__(*args, **kwargs)
        # The Trainer concludes from Qwen's classes that the loss can't be divided by the tokens of the whole step, and
        # averages over parts of it (huggingface/transformers#37766). TRL computes the loss itself, so it can.
        self.model_accepts_loss_kwargs = True

    def evaluate(self, *args: Any, **kwargs: Any) -> Any:
        """Restores the random state, so that eval_steps does not change training."""
        with unchanged_random_state(self.args.device):
            return super().evaluate(*args, **kwargs)

    def evaluation_loop(self, *args: Any, metric_key_prefix: str = "eval", **kwargs: Any) -> Any:
        """Add the accuracy of generated answers to the metrics."""
        output = super().evaluation_loop(*args, metric_key_prefix=metric_key_prefix, **kwargs)
        self.stop.check()
        with self.compute_loss_context_manager():
            answers = judge_generated(
                self.model,
                self.processing_class,
                self.questions,
                self.run_config.evaluation,
                on_batch=lambda _: self.stop.check(),
            )
        output.metrics.update(accuracy_metrics(answers, metric_key_prefix))
        if self.is_world_process_zero():
            lines = [asdict(answer) for answer in answers]
            write_step_answers(Path(self.args.output_dir), self.state.global_step, lines)
        return output
