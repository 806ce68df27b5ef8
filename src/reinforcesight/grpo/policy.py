"""TRL's GRPO trainer with what it lacks: lazy pictures, permuted options, resampling, judged validation, pages."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate.utils import gather_object
from torch.utils.data import Sampler
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from trl.trainer.grpo_trainer import GRPOTrainer

from reinforcesight.errors import ConfigError
from reinforcesight.grpo.config import GrpoConfig
from reinforcesight.grpo.data import Presenter, QuestionView
from reinforcesight.grpo.groups_page import SampledGroup, write_groups_page
from reinforcesight.grpo.resampling import draw_questions, exchange_groups, groups_without_spread
from reinforcesight.grpo.reward import score_batch, text_of_completion
from reinforcesight.grpo.validation import ValidatedAnswer, validate, validation_metrics
from reinforcesight.jobs.files import write_text
from reinforcesight.tuning.callbacks import StopOnSignal
from reinforcesight.tuning.checkpoints import checkpoint_folder, is_complete
from reinforcesight.tuning.whole_weights import ResumesWholeWeights

# The checker knows TRL's trainer by halves; what is used of it is tested.
_Trainer: Any = GRPOTrainer

# Keeps the draws of resampling apart from other uses of the seed.
_RESAMPLING = 7


class KeepPlace(TrainerCallback):
    """Where a run goes on, sampling keeps its place in the order of questions.

    TRL counts forward passes from zero in each session, and samples when the count comes round.
    """

    def __init__(self, trainer: Any) -> None:
        self.trainer = trainer

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Count from the step at which the run goes on."""
        self.trainer._step = state.global_step * args.gradient_accumulation_steps


class PassSampler(Sampler[int]):
    """TRL's sampler with an order for each pass.

    TRL's draws the orders one after the other, so that a run which goes on in its second pass would get the first
    pass's order again.
    """

    def __init__(self, sampler: Any, seed: int, current_pass: Callable[[], int]) -> None:
        self.sampler = sampler
        self.seed = seed
        self.current_pass = current_pass

    def __iter__(self) -> Iterator[int]:
        state = np.random.SeedSequence([self.seed, self.current_pass()]).generate_state(1)
        self.sampler.generator.manual_seed(int(state[0]))
        yield from self.sampler

    def __len__(self) -> int:
        return len(self.sampler)


class SpatialGrpoTrainer(ResumesWholeWeights, _Trainer):  # type: ignore[misc]
    """TRL's trainer on stored rows.

    Args:
        config: The run's configuration.
        questions: Held-out questions, ``None`` where there are none.
        presenter: Turns stored rows into what the model is asked.
        stop: Tells whether a signal has come.
        args, kwargs: Of TRL's trainer.

    Raises:
        ConfigError: Resampling is on and a group would be shared by several processes.
    """

    def __init__(
        self,
        *args: Any,
        config: GrpoConfig,
        questions: QuestionView | None,
        presenter: Presenter,
        stop: StopOnSignal,
        **kwargs: Any,
    ) -> None:
        self.grpo_config = config
        self.questions = questions
        self.presenter = presenter
        self.stop = stop
        self._sampled: tuple[list[Any], list[Any], torch.Tensor] | None = None
        self._paged_step: int | None = None
        super().__init__(*args, **kwargs)
        self.add_callback(KeepPlace(self))
        local = self.args.generation_batch_size // self.accelerator.num_processes
        if config.resample_rounds and local % self.num_generations:
            raise ConfigError(
                f"each process samples {local} completions, which are not whole groups of {self.num_generations}",
                where="resample_rounds",
                fix="make per_device_train_batch_size x gradient_accumulation_steps a multiple of num_generations, "
                "or use --resample_rounds 0",
            )

    def _current_pass(self) -> int:
        """How many times the questions have been gone through; the same on all processes and after a resumption."""
        # The trainer counts passes in steps; at the end of one, division may leave it a hair short.
        return int((self.state.epoch or 0.0) + 1e-6)

    def _get_train_sampler(self, dataset: Any = None) -> PassSampler:
        """As TRL's, but in an order that a run which goes on in a later pass finds again."""
        return PassSampler(super()._get_train_sampler(dataset), self.args.seed, self._current_pass)

    # Sampling

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        passes = self._current_pass()
        batch = self._sample(self.presenter.present(inputs, passes=passes))
        self._write_page(batch)
        if not self.grpo_config.resample_rounds:
            return batch
        flat = self._groups_without_spread()
        groups = len(inputs) // self.num_generations
        asked = list(inputs)
        drawn = exchanged = rounds = 0
        share = self._mean_share(len(flat), groups)
        while rounds < self.grpo_config.resample_rounds:
            wanted = max(gather_object([len(flat)]))
            if wanted == 0:
                break
            rows = self._draw(asked, wanted, rounds)
            asked += rows
            fresh = self._sample(self.presenter.present(rows, passes=passes))
            rounds += 1
            drawn += wanted
            dull = set(self._groups_without_spread())
            lively = [group for group in range(wanted) if group not in dull]
            exchanges = dict(zip(flat, lively, strict=False))
            if exchanges:
                batch = exchange_groups(
                    batch,
                    fresh,
                    exchanges,
                    size=self.num_generations,
                    pad_token_id=self._tokenizer.pad_token_id,
                )
            exchanged += len(exchanges)
            flat = [group for group in flat if group not in exchanges]
        if rounds:
            tokens = batch["completion_mask"].sum()
            batch["num_items_in_batch"] = self.accelerator.gather(tokens).sum()
        values = {
            "zero_variance_share": share,
            "zero_variance_share_after": self._mean_share(len(flat), groups),
            "rounds": float(rounds),
            "groups_drawn": float(sum(gather_object([drawn]))),
            "groups_exchanged": float(sum(gather_object([exchanged]))),
        }
        for name, value in values.items():
            self._metrics["train"][f"resampling/{name}"].append(value)
        return batch

    def _sample(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        """TRL's round of sampling and scoring."""
        # It pads prompts on the left itself, and takes for granted that the processor, from which it has the kind of
        # each token, does so too. Else pictures are looked for beside their place, in prompts shorter than others.
        before, self._tokenizer.padding_side = self._tokenizer.padding_side, "left"
        try:
            batch: dict[str, Any] = super()._generate_and_score_completions(rows)
        finally:
            self._tokenizer.padding_side = before
        return batch

    def _calculate_rewards(
        self, inputs: list[Any], prompts: list[Any], completions: list[Any], completion_ids_list: list[Any]
    ) -> torch.Tensor:
        rewards: torch.Tensor = super()._calculate_rewards(inputs, prompts, completions, completion_ids_list)
        first = self.accelerator.process_index * len(prompts)
        # The first function is the gated total, which alone has a weight.
        self._sampled = (inputs, completions, rewards[first : first + len(prompts), 0])
        return rewards

    def _groups_without_spread(self) -> list[int]:
        """Of this process's last round of sampling."""
        assert self._sampled is not None
        return groups_without_spread(self._sampled[2], self.num_generations)

    def _mean_share(self, flat: int, groups: int) -> float:
        shares = gather_object([flat / groups])
        return float(sum(shares) / len(shares))

    def _draw(self, asked: list[dict[str, Any]], count: int, round_number: int) -> list[dict[str, Any]]:
        """Rows of questions not yet asked in this step, each as often as a group is large, for this process."""
        used_ids = {name for names in gather_object([[row["id"] for row in asked]]) for name in names}
        within_step = self._step % self.args.gradient_accumulation_steps
        key = (self.args.seed, _RESAMPLING, self.state.global_step, within_step, round_number)
        used = {at for at, name in enumerate(self._question_ids()) if name in used_ids}
        world, own = self.accelerator.num_processes, self.accelerator.process_index
        chosen = draw_questions(len(self.train_dataset), count * world, used=used, key=key)
        rows = [self.train_dataset[at] for at in chosen[own * count : (own + 1) * count]]
        return [row for row in rows for _ in range(self.num_generations)]

    def _question_ids(self) -> list[str]:
        if not hasattr(self, "_ids"):
            self._ids: list[str] = [str(name) for name in self.train_dataset["id"]]
        return self._ids

    def _write_page(self, batch: dict[str, Any]) -> None:
        """A page of the groups sampled just now, if one is due."""
        options, step = self.grpo_config.groups, self.state.global_step
        if not options.every or step % options.every or step == self._paged_step:
            return
        self._paged_step = step
        if not self.is_world_process_zero():
            return
        assert self._sampled is not None
        rows, completions, _ = self._sampled
        advantages = batch["advantages"].tolist()
        size, groups = self.num_generations, []
        for first in range(0, len(rows) - size + 1, size)[: options.shown]:
            own = slice(first, first + size)
            columns = {name: [row.get(name) for row in rows[own]] for name in rows[first]}
            groups.append(
                SampledGroup(
                    rows[first],
                    [text_of_completion(completion) for completion in completions[own]],
                    score_batch(completions[own], columns, self.grpo_config.rewards),
                    advantages[own],
                )
            )
        write_groups_page(Path(self.args.output_dir), step, groups)

    # Validation

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Held-out questions, answered greedily and judged; without a trace in the random numbers of training."""
        self.model.eval()
        devices = [self.args.device] if self.args.device.type == "cuda" else []
        with torch.random.fork_rng(devices), self.compute_loss_context_manager():
            answers = validate(
                self.model,
                self.processing_class,
                self.questions,
                self.grpo_config.evaluation,
                self.grpo_config.rewards,
                on_batch=lambda _: self.stop.check(),
            )
        metrics = validation_metrics(answers)
        if self.is_world_process_zero():
            write_answers(Path(self.args.output_dir), self.state.global_step, answers)
        self.log(metrics)
        self._notify_evaluated(metrics)
        return metrics

    def _notify_evaluated(self, metrics: dict[str, float]) -> None:
        before: Any = vars(self)["control"]
        self.control: Any = self.callback_handler.on_evaluate(self.args, self.state, before, metrics)

    # Checkpoints

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None) -> None:
        """As ever, but without the frozen copy of the start adapter that the KL term is measured from.

        Saved, it would stand in a folder of its own, and on resumption be loaded in place of the trained one.
        """
        adapters = getattr(self.model, "peft_config", {})
        if "ref" not in adapters:
            super()._save(output_dir, state_dict)
            return
        reference = adapters.pop("ref")
        weights = self.model.state_dict() if state_dict is None else state_dict
        try:
            super()._save(output_dir, {name: w for name, w in weights.items() if ".ref." not in name})
        finally:
            adapters["ref"] = reference

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """None per checkpoint; the finished model gets one made from the run record."""

    def save_now(self) -> None:
        """Write a checkpoint of the last whole step, unless there is one."""
        if not is_complete(checkpoint_folder(Path(self.args.output_dir), self.state.global_step)):
            self._save_checkpoint(self.model, None)
            self.callback_handler.on_save(self.args, self.state, self.control)


def answers_file(output: Path, step: int) -> Path:
    """Where the validation answers of a step stand."""
    return output / "answers" / f"step-{step}.jsonl"


def write_answers(output: Path, step: int, answers: list[ValidatedAnswer]) -> None:
    """Write one JSON object per answer."""
    lines = "".join(json.dumps(answer.as_line(), ensure_ascii=False) + "\n" for answer in answers)
    write_text(answers_file(output, step), lines)


def read_answers(output: Path, step: int) -> list[dict[str, Any]]:
    """The validation answers of a step; empty where there are none."""
    path = answers_file(output, step)
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
