"""TRL's ``GRPOTrainer`` on stored rows, with permuted options, resampling, judged validation and group pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate.utils import gather_object
from torch.utils.data import Sampler
from transformers import TrainerCallback, TrainerControl, TrainerState
from trl.trainer.grpo_trainer import GRPOTrainer

from reinforcesight.data_gen.dataset.twins import twin_name
from reinforcesight.grpo.data import Presenter, QuestionView
from reinforcesight.grpo.groups_page import SampledGroup, write_groups_page
from reinforcesight.grpo.resampling import draw_questions, exchange_groups, groups_without_spread
from reinforcesight.grpo.reward import RewardMode, score_rows, text_of_completion
from reinforcesight.grpo.reward.constraints import ConstraintMultipliers
from reinforcesight.grpo.reward.twins import order_with_pairs, pair_bonus
from reinforcesight.grpo.shared_prompt import groups_together, shared_log_probabilities, use_shared_prompts
from reinforcesight.grpo.validation import validate, validation_metrics
from reinforcesight.model.chat import plain_messages
from reinforcesight.model.repeated_prompts import prefill_repeated_once
from reinforcesight.tuning.accuracy import write_step_answers
from reinforcesight.tuning.trainer import ResumableTrainer, labelled_positions_only, unchanged_random_state

_Trainer: Any = GRPOTrainer  # mypy can't follow TRL's class; what is used of it is tested

_RESAMPLING = 7  # gives resampling other random numbers than other uses of the seed


class KeepPlace(TrainerCallback):
    """Resumes generation at the right step.

    TRL counts forward passes from zero in each session, and generates when the count is a multiple of the steps per
    generation.
    """

    def __init__(self, trainer: Any) -> None:
        self.trainer = trainer

    def on_train_begin(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Set the count to that of the step from which the run resumes."""
        self.trainer._step = state.global_step * args.gradient_accumulation_steps


class EpochSampler(Sampler[int]):
    """TRL's sampler, with an order that depends on the epoch.

    TRL draws the orders one after the other, so a run that resumes in its second epoch would get the first order
    again.
    """

    def __init__(
        self,
        sampler: Any,
        seed: int,
        current_epoch: Callable[[], int],
        order: Callable[[np.random.Generator], Sequence[int]] | None = None,
    ) -> None:
        self.sampler = sampler
        self.seed = seed
        self.current_epoch = current_epoch
        self.order = order  # in place of a random permutation

    def __iter__(self) -> Iterator[int]:
        if self.order is not None:
            order = self.order(np.random.default_rng([self.seed, self.current_epoch()]))
            self.sampler.shuffle = False
            yield from (order[at] for at in self.sampler)
            return
        state = np.random.SeedSequence([self.seed, self.current_epoch()]).generate_state(1)
        self.sampler.generator.manual_seed(int(state[0]))
        yield from self.sampler

    def __len__(self) -> int:
        return len(self.sampler)


class SpatialGrpoTrainer(ResumableTrainer, _Trainer):  # type: ignore[misc]
    """TRL's ``GRPOTrainer`` on stored rows.

    Args:
        questions: Held-out questions; ``None`` without a validation split.
        presenter: Turns stored rows into rows for the model.
    """

    def __init__(self, *args: Any, questions: QuestionView | None, presenter: Presenter, **kwargs: Any) -> None:
        self.questions = questions
        self.presenter = presenter
        self._sampled: tuple[list[Any], list[Any], torch.Tensor] | None = None
        self._means: dict[str, float] = {}
        self._paged_step: int | None = None
        self.shares_prompts = False
        super().__init__(*args, **kwargs)
        self.add_callback(KeepPlace(self))
        rewards = self.run_config.rewards
        self.twin_bonus = rewards.twin_bonus
        self.multipliers: ConstraintMultipliers | None = None
        if rewards.mode is RewardMode.CONSTRAINTS:
            self.multipliers = ConstraintMultipliers(rewards.constraints, self.reward_func_names, self.reward_weights)
            self.add_callback(self.multipliers)
        models = [model for model in (self.model, self.ref_model) if model is not None]
        if self.run_config.encode_prompts_once:
            prefill_repeated_once(self.model)
        self.shares_prompts = self.run_config.encode_prompts_once and all(use_shared_prompts(m) for m in models)

    def _current_epoch(self) -> int:
        """Return the number of finished epochs, the same on all processes and after resuming."""
        # The Trainer computes the epoch by division, so at its end it may be slightly below an integer.
        return int((self.state.epoch or 0.0) + 1e-6)

    def _get_train_sampler(self, dataset: Any = None) -> EpochSampler:
        order = None
        if self.twin_bonus:
            names = [twin_name(text) for text in self.train_dataset["evidence"]]
            per_step = self.args.generation_batch_size // self.num_generations
            order = partial(order_with_pairs, names, per_step)
        return EpochSampler(super()._get_train_sampler(dataset), self.args.seed, self._current_epoch, order)

    # Sampling

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        batch = self._sample(self.presenter.present(inputs, epoch=self._current_epoch()))
        self._write_page(batch)
        means = self._means  # of the first draw: later draws have only groups with spread
        if self.run_config.resample_rounds:
            batch = self._resample(batch, inputs)
        if self.multipliers is not None:
            for name, value in self.multipliers.ascend(means, self.state).items():
                self._metrics["train"][name].append(value)
        if self.shares_prompts:
            rows = torch.arange(len(inputs), device=batch["prompt_ids"].device)
            batch["group"] = rows // self.num_generations
        return batch

    def _resample(self, batch: dict[str, Any], inputs: list[dict[str, Any]]) -> dict[str, Any]:
        """Replace groups with zero reward std by groups of other questions."""
        epoch = self._current_epoch()
        flat = self._groups_without_spread()
        groups = len(inputs) // self.num_generations
        asked = list(inputs)
        drawn = exchanged = rounds = 0
        share = self._mean_share(len(flat), groups)
        while rounds < self.run_config.resample_rounds:
            wanted = max(gather_object([len(flat)]))
            if wanted == 0:
                break
            rows = self._draw(asked, wanted, rounds)
            asked += rows
            fresh = self._sample(self.presenter.present(rows, epoch=epoch))
            rounds += 1
            drawn += wanted
            dull = set(self._groups_without_spread())
            useful = [group for group in range(wanted) if group not in dull]
            exchanges = dict(zip(flat, useful, strict=False))
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
        """Run TRL's generation and scoring for one generation batch."""
        # TRL assumes that the processor pads token types on the left; if it does not, picture tokens are shifted in
        # prompts shorter than the longest (huggingface/trl#5785).
        for row in rows:
            row["prompt"] = plain_messages(self.processing_class, row["prompt"])
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
        if self.twin_bonus:
            rewards[:, 0] += self.twin_bonus * self._twin_shares(inputs, completions).to(rewards.device)
        if self.multipliers is not None:
            self._means = self.multipliers.means(rewards)
        first = self.accelerator.process_index * len(prompts)
        # Only the first function, the total, has a weight, and the constrained parts have their multipliers.
        weighted = (rewards * self.reward_weights.to(rewards.device)).nansum(dim=1) + 0 * rewards[:, 0]
        self._sampled = (inputs, completions, weighted[first : first + len(prompts)])
        return rewards

    def _twin_shares(self, inputs: list[Any], completions: list[Any]) -> torch.Tensor:
        """Return :func:`pair_bonus` of the completions of all processes, and log how often both twins are right."""
        scored = score_rows(completions, inputs, self.run_config.rewards)
        right = gather_object([float(parts.accuracy == 1.0 and parts.answer_counts) for parts in scored])
        names = gather_object([twin_name(row.get("evidence")) for row in inputs])
        ids = gather_object([row["id"] for row in inputs])
        shares = pair_bonus(torch.tensor(right), names, ids, self.num_generations)
        paired = [at for at, name in enumerate(names) if names.count(name) > self.num_generations and name]
        if paired:
            self._metrics["train"]["twins/both_right"].append(float(shares[paired].mean()))
        return shares

    def _groups_without_spread(self) -> list[int]:
        """Return group indices in this process's last generation batch."""
        assert self._sampled is not None
        return groups_without_spread(self._sampled[2], self.num_generations)

    def _mean_share(self, flat: int, groups: int) -> float:
        shares = gather_object([flat / groups])
        return float(sum(shares) / len(shares))

    def _draw(self, asked: list[dict[str, Any]], count: int, round_number: int) -> list[dict[str, Any]]:
        """Return this process's rows of questions not yet asked in this step, each repeated for its group."""
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
        """Write a page of the sampled groups if one is due."""
        options, step = self.run_config.groups, self.state.global_step
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
            groups.append(
                SampledGroup(
                    rows[first],
                    [text_of_completion(completion) for completion in completions[own]],
                    score_rows(completions[own], rows[own], self.reward_funcs[0].config),
                    advantages[own],
                )
            )
        write_groups_page(Path(self.args.output_dir), step, groups)

    # Loss

    def _prepare_inputs(self: Any, generation_batch: Any) -> Any:
        before = self._buffered_inputs
        inputs = super()._prepare_inputs(generation_batch)
        fresh = self._buffered_inputs is not None and self._buffered_inputs is not before
        if not self.shares_prompts or not fresh or len(self._buffered_inputs) == 1:
            return inputs
        self._buffered_inputs = groups_together(self._buffered_inputs)
        return self._buffered_inputs[self._step % self.args.steps_per_generation]

    def _get_per_token_logps_and_entropies(
        self,
        model: Any,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        logits_to_keep: int,
        batch_size: int | None = None,
        compute_entropy: bool = False,
        compute_aux_loss: bool = False,
        **pictures: Any,
    ) -> Any:
        """Return TRL's values, with a group's prompt encoded once if possible."""
        with labelled_positions_only(), self.loss_precision():
            if self.shares_prompts and not compute_aux_loss:
                with self.accelerator.autocast():
                    found = shared_log_probabilities(
                        model, input_ids, attention_mask, logits_to_keep, batch_size, pictures
                    )
                if found is not None:
                    return found[0], found[1] if compute_entropy else None, None
            return super()._get_per_token_logps_and_entropies(
                model,
                input_ids,
                attention_mask,
                logits_to_keep,
                batch_size,
                compute_entropy,
                compute_aux_loss,
                **pictures,
            )

    # Validation

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Answer held-out questions greedily and judge them; restore the random state."""
        self.model.eval()
        with unchanged_random_state(self.args.device), self.compute_loss_context_manager():
            answers = validate(
                self.model,
                self.processing_class,
                self.questions,
                self.run_config.evaluation,
                self.run_config.rewards,
                on_batch=lambda _: self.stop.check(),
            )
        metrics = validation_metrics(answers)
        if self.is_world_process_zero():
            lines = [answer.as_line() for answer in answers]
            write_step_answers(Path(self.args.output_dir), self.state.global_step, lines)
        self.log(metrics)
        before: Any = vars(self)["control"]
        self.control: Any = self.callback_handler.on_evaluate(self.args, self.state, before, metrics)
        return metrics

    # Checkpoints

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None) -> None:
        """Save without the frozen copy of the start adapter, which is the reference of the KL term.

        In a subfolder, it would be loaded in place of the trained adapter on resuming: the Trainer expects one adapter
        (huggingface/transformers#30478).
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
