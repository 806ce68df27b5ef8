"""Pretrain the embedded model on rendered scenes: first to see, then to say what it sees.

Naming what each visual token shows is what makes seeing appear; it comes first and alone, since without the text
model a step is cheap. Then the text model learns to name, place and point, and to find the letter of an answer. No
task compares two objects. docs/nano.md has the measurements behind the recipe.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from tqdm import tqdm

from nano.batches import Encoder, TextBatch, mirrored, patches, varied
from nano.build import build_nano
from nano.card import write_card
from nano.config import PretrainConfig, PretrainRound
from nano.repaint import repainted
from nano.scenes import PretrainingScene, moved
from nano.score import score
from nano.supply import SceneSupply, held_out_scenes
from nano.tasks import picture_turns, text_turns
from nano.vision import GridHeads, batch_vision_attention, unseen_after, word_ids
from reinforcesight.errors import ConfigError
from reinforcesight.jobs.environment import memory_peak
from reinforcesight.jobs.record import RunRecord
from reinforcesight.jobs.signals import signal_name
from reinforcesight.model.load import load_model, quiet_libraries
from reinforcesight.model.memory import keep_freed_memory
from reinforcesight.model.options import ModelConfig
from reinforcesight.tuning.callbacks import StopOnSignal
from reinforcesight.tuning.records.checkpoints import (
    checkpoint_folder,
    complete_checkpoints,
    mark_complete,
    remove_old,
    step_of,
)
from reinforcesight.tuning.records.report import Chart, write_training_page
from reinforcesight.tuning.records.session import open_record, session_facts, start_session

# What may change between a run and its continuation.
_FREE = {"output", "workers", "threads", "save_steps", "log_steps", "score_steps", "score_scenes"}
_FINAL_SHARE = 0.05  # of the learning rate, at the end of each part
# What runs did that were begun before there was a choice.
_FORMER: dict[str, Any] = {
    "further": [],
    "start_model": None,
    "decay_from": 0.5,
    "skip_scenes": 0,
    "shift": 0,
    "repaint": 0.0,
    "open_pairs": False,
}


class Pretraining:
    """Model, optimizer and scenes of one run, at one step."""

    def __init__(self, config: PretrainConfig) -> None:
        self.config = config
        self.model, self.processor = build_nano(config)
        batch_vision_attention(self.model)
        options, sizes = config.rendering, config.architecture
        assert options.kinds is not None
        assert options.colours is not None
        words = word_ids(self.processor.tokenizer, [*options.kinds, *options.colours])
        with torch.random.fork_rng():
            torch.manual_seed(config.seed + 1)
            self.heads = GridHeads(sizes.text_width, words, options, open_pairs=config.open_pairs)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        if self.device.type == "cpu":
            keep_freed_memory()
        self.unseen = unseen_after(words, options, len(self.processor.tokenizer)).to(self.device)
        self.model.to(self.device)
        self.heads.to(self.device)
        self.visual = self.model.model.visual
        self.embed = self.model.get_input_embeddings()
        vision = [*self.visual.parameters(), *self.heads.parameters()]
        known = {id(p) for p in vision}
        text = [p for p in self.model.parameters() if id(p) not in known]
        self.optimizer = torch.optim.AdamW(
            [
                {"params": _matrices(group, decayed), "weight_decay": config.weight_decay * decayed}
                for group in (vision, text)
                for decayed in (True, False)
            ],
            betas=(0.9, 0.98),
        )
        width, height = config.picture_size
        self.grid = (height // sizes.cell, width // sizes.cell)
        self.encoder = Encoder(self.processor, self.grid)
        self.step = 0
        self.supply = SceneSupply(config, config.output / "scenes", config.new_scenes)

    def learn(self) -> dict[str, float]:
        """One optimizer step; returns its figures."""
        config = self.config
        number, part, within = config.at(self.step)
        alone = within < part.vision_steps
        rng = random.Random(f"{config.seed}-{self.step}")
        vision_rate, text_rate = self._rates()
        for index, group in enumerate(self.optimizer.param_groups):
            group["lr"] = vision_rate if index < 2 else text_rate
        scenes = self.supply.draw(self.step, config.vision_batch_size if alone else config.batch_size, rng)
        scenes = [mirrored(scene) if rng.random() < 0.5 else scene for scene in scenes]
        if config.shift:
            scenes = [moved(s, *(rng.randint(-config.shift, config.shift) for _ in range(2))) for s in scenes]
        if config.repaint:
            # Half as many once there is talk, for it names colours.
            share = config.repaint if alone else config.repaint / 2
            scenes = [repainted(s, config.rendering, rng) if rng.random() < share else s for s in scenes]
        tokens, drawn = self.see(scenes, rng)
        words = self.embed.weight
        if alone and (number or config.start_model is not None):
            # The text model knows these words by now: the vision tower comes to them, they stay where they are.
            words = words.detach()
        if config.start_model is not None and self.step < config.warmup_steps:
            # The layers that are thrown away begin anew: until they fit, what they want would undo what is learnt.
            tokens = tokens.detach()
        loss, figures = self.heads.loss(tokens, words, scenes)
        if not alone:
            loss = config.grid_weight * loss
            said = self._say(tokens, scenes, drawn, rng)
            figures["text"] = float(said.detach())
            loss = loss + said
            if config.text_batch_size:
                found = self._look_up(rng)
                figures["lookup"] = float(found.detach())
                loss = loss + 0.5 * found
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        norm = torch.nn.utils.clip_grad_norm_([p for g in self.optimizer.param_groups for p in g["params"]], 1.0)
        self.optimizer.step()
        self.step += 1
        return {**figures, "loss": float(loss.detach()), "grad_norm": float(norm), "learning_rate": text_rate}

    def see(self, scenes: list[PretrainingScene], rng: random.Random) -> tuple[torch.Tensor, list[dict[int, str]]]:
        """(B * N, D) visual tokens of scenes whose light and drawn boxes vary, and the boxes' colours."""
        shown = [varied(scene.picture, scene, rng) for scene in scenes]
        pictures = np.stack([picture for picture, _ in shown])
        sizes, normal = self.config.architecture, self.processor.image_processor
        pixels = patches(pictures, sizes.patch_size, sizes.merge_size, normal.image_mean, normal.image_std)
        shape = [1, self.grid[0] * sizes.merge_size, self.grid[1] * sizes.merge_size]
        grid = torch.tensor([shape] * len(scenes), device=self.device)
        seen: torch.Tensor = self.visual(pixels.to(self.device), grid_thw=grid).pooler_output
        return seen, [drawn for _, drawn in shown]

    def _say(
        self,
        tokens: torch.Tensor,
        scenes: list[PretrainingScene],
        drawn: list[dict[int, str]],
        rng: random.Random,
    ) -> torch.Tensor:
        talk = [
            picture_turns(scene, self.config.rendering, rng, boxes) for scene, boxes in zip(scenes, drawn, strict=True)
        ]
        seen = tokens.view(len(scenes), self.grid[0] * self.grid[1], -1)
        # Conversations of like length go together: padding would be a fifth of the work.
        order = sorted(
            (i for i, turns in enumerate(talk) if turns),
            key=lambda i: sum(len(user) + len(said) for user, said in talk[i]),
        )
        losses, learnt = [], 0
        for rows in (order[: len(order) // 2], order[len(order) // 2 :]):
            if not rows:
                continue
            batch = self.encoder.encode([talk[i] for i in rows], pictures=True)
            embedded = self.embed(batch.ids.to(self.device))
            start = batch.image_start or 0
            after = embedded[:, start + seen.shape[1] :]
            embedded = torch.cat([embedded[:, :start], seen[rows], after], dim=1)
            losses.append(self._text_loss(embedded, batch))
            learnt += batch.learnt
        # Nothing can be said about a few repainted pictures, such as one with two balls alone.
        return torch.stack(losses).sum() / learnt if losses else tokens.sum() * 0.0

    def _look_up(self, rng: random.Random) -> torch.Tensor:
        talk = [text_turns(self.config.rendering, rng) for _ in range(self.config.text_batch_size)]
        batch = self.encoder.encode(talk, pictures=False)
        return self._text_loss(self.embed(batch.ids.to(self.device)), batch) / batch.learnt

    def _text_loss(self, embedded: torch.Tensor, batch: TextBatch) -> torch.Tensor:
        """Sum over what is to be learnt."""
        # Padding stands on the right, where causal attention never looks at it, so that no mask is needed.
        hidden = self.model.model.language_model(
            inputs_embeds=embedded, position_ids=batch.positions.to(self.device), use_cache=False
        ).last_hidden_state
        targets = batch.targets.to(self.device)
        learnt = targets != -100
        logits, targets = self.model.lm_head(hidden[learnt]), targets[learnt]
        if self.config.open_pairs and batch.image_start is not None:
            unseen = self.unseen[batch.ids.to(self.device)[learnt]]
            # Options name things that are not there; what is to be said stays sayable.
            logits = logits.masked_fill(unseen & ~unseen.gather(1, targets[:, None]), -torch.inf)
        return F.cross_entropy(logits, targets, reduction="sum")

    def _rates(self) -> tuple[float, float]:
        """Learning rates of the vision tower and of the text model."""
        config = self.config
        _, part, done = config.at(self.step)
        alone, total = done < part.vision_steps, part.vision_steps
        if not alone:
            done, total = done - part.vision_steps, part.steps
        share = done / max(1, total)
        factor = min(1.0, (done + 1) / max(1, config.warmup_steps))
        if share > config.decay_from:
            factor *= 1 - (1 - _FINAL_SHARE) * (share - config.decay_from) / (1 - config.decay_from)
        if alone:
            # Between the parts the vision tower goes on learning, so that it need not come to rest.
            factor = max(factor, 0.3) if share > config.decay_from else factor
            return config.vision_learning_rate * factor, config.vision_learning_rate * factor
        return 0.5 * config.vision_learning_rate * factor, config.learning_rate * factor

    def begin_from(self, start: str) -> dict[str, Any]:
        """Take over the weights of a model of this kind; the optimizer and the layers that are thrown away are new.

        Returns:
            What the run begins from, for its record.

        Raises:
            InputError: There is no such model.
            ConfigError: It is of other sizes, or has another vocabulary.
        """
        loaded = load_model(ModelConfig(model_path=start, device="cpu", dtype="float32"))
        if loaded.processor.tokenizer.get_vocab() != self.processor.tokenizer.get_vocab():
            raise ConfigError(
                "the start model has another vocabulary, so its words would mean other things",
                where=f"start_model {start}",
                fix="give seed, kinds and colours as they were, and the version of ReinforceSight that made it",
            )
        theirs, ours = loaded.model.state_dict(), self.model.state_dict()
        unlike = [name for name in {**ours, **theirs} if _shape(ours, name) != _shape(theirs, name)]
        if unlike:
            raise ConfigError(
                f"the start model is of other sizes: {unlike[0]} and {len(unlike) - 1} more",
                where=f"start_model {start}",
                fix="give architecture and rendering as they were when it was pretrained",
            )
        self.model.load_state_dict(theirs)
        return {"model_path": start, "fingerprint": loaded.description["fingerprint"]}

    def save(self) -> None:
        """Write a checkpoint from which the run goes on exactly, and remove older ones."""
        folder = checkpoint_folder(self.config.output, self.step)
        folder.mkdir(parents=True, exist_ok=True)
        self.model.save_pretrained(folder)
        self.processor.save_pretrained(folder)
        save_file(self.heads.state_dict(), folder / "grid_heads.safetensors")
        torch.save(self.optimizer.state_dict(), folder / "optimizer.pt")
        mark_complete(folder)
        remove_old(self.config.output, keep=2, best_step=None)

    def load(self, folder: Path) -> None:
        """Go on from a checkpoint."""
        # Through transformers, which knows under which names it saved the weights.
        saved = type(self.model).from_pretrained(folder, dtype=torch.float32)
        self.model.load_state_dict(saved.state_dict())
        self.heads.load_state_dict(load_file(folder / "grid_heads.safetensors"))
        state = torch.load(folder / "optimizer.pt", weights_only=True, map_location=self.device)
        self.optimizer.load_state_dict(state)
        self.step = step_of(folder)


def _shape(state: Mapping[str, torch.Tensor], name: str) -> torch.Size | None:
    return state[name].shape if name in state else None


def _matrices(parameters: list[torch.nn.Parameter], wanted: bool) -> list[torch.nn.Parameter]:
    """Parameters that weight decay is for (matrices), or the others (gains and biases)."""
    return [p for p in parameters if (p.ndim > 1) == wanted]


_CHARTS = (
    Chart("Loss", {"loss": "all", "text": "texts about pictures", "lookup": "letters in texts"}),
    Chart("Naming visual tokens", {"grid_kind": "kind", "grid_colour": "colour", "grid_where": "place, depth"}),
    Chart(
        "Held-out scenes",
        {"named": "named", "placed": "named and placed", "present": "chosen", "letters": "letters"},
    ),
)


def pretrain_nano(config: PretrainConfig) -> RunRecord:
    """Pretrain the embedded model, or go on with a run that was stopped.

    Raises:
        OutputError: The folder holds a run with another configuration.
        ConfigError: Its length was changed too late.
    """
    quiet_libraries()
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    run = Pretraining(config)
    change_length(config)
    begins = {"model_path": "random weights"}
    if config.start_model is not None and not complete_checkpoints(config.output):
        begins = run.begin_from(config.start_model)
    record = open_record(
        "pretrain-nano",
        config.output,
        config,
        config.model_dump(mode="json", exclude=_FREE),
        data={"path": "rendered scenes", "seed": config.seed},
        model={"parameters": run.model.num_parameters(), **begins},
        seeds={"weights, scenes and tasks": config.seed},
    )
    last = start_session(record)
    if last is not None:
        run.load(last)
    started = time.monotonic()
    with StopOnSignal() as stop:
        _train(run, record, stop)
    run.supply.close()
    facts = session_facts(run.step, started)
    if stop.received is not None:
        record.end_session("interrupted", **facts, reason=signal_name(stop.received or 0))
        click.echo(f"stopped after step {run.step}; the same command goes on from there")
        return record
    _publish(run)
    scores = _score(run)
    record.content["results"] = {**scores, "steps": run.step, "memory_peak": memory_peak()}
    record.end_session("finished", **facts)
    write_card(record, config.output)
    write_training_page(record, _CHARTS)
    click.echo(f"{config.output}: {_told(scores)}")
    return record


def change_length(config: PretrainConfig) -> None:
    """Let a run be made longer or shorter where a run of the other length would have come to the same weights so far.

    That is so as long as the learning rate has not begun to fall, and rounds may be added at any time.

    Raises:
        ConfigError: It is too late for that.
    """
    record = RunRecord.load(config.output)
    if record is None:
        return
    recipe = record.content["recipe"]
    for name, value in _FORMER.items():
        recipe.setdefault(name, value)
    before, after = _rounds(recipe), config.rounds
    if before == after:
        return
    saved = complete_checkpoints(config.output)
    done = step_of(saved[-1]) if saved else 0
    alike = _alike(before, after, config.decay_from)
    if done > alike:
        raise ConfigError(
            f"the run was begun with rounds of {_lengths(before)} and has made {done} steps; with rounds of "
            f"{_lengths(after)} it would have come to other weights after step {alike}",
            where=str(config.output),
            fix="use the former vision_steps, steps, scenes_per_step and further, or another --output",
        )
    recipe["steps"] = config.steps
    recipe["vision_steps"] = config.vision_steps
    recipe["further"] = [part.model_dump() for part in config.further]
    record.save()


def _rounds(recipe: dict[str, Any]) -> list[PretrainRound]:
    names = PretrainRound.model_fields
    return [PretrainRound(**{name: part[name] for name in names}) for part in (recipe, *recipe["further"])]


def _lengths(rounds: Sequence[PretrainRound]) -> str:
    return ", ".join(f"{p.vision_steps} and {p.steps} steps ({p.scenes_per_step} scenes each)" for p in rounds)


def _alike(before: Sequence[PretrainRound], after: Sequence[PretrainRound], decay_from: float) -> int:
    """The last step up to which runs of these rounds come to the same weights."""
    alike = 0
    for one, other in zip(before, after, strict=False):
        if one.scenes_per_step != other.scenes_per_step:
            return alike
        for a, b in ((one.vision_steps, other.vision_steps), (one.steps, other.steps)):
            if a != b:
                return alike + int(decay_from * min(a, b))
            alike += a
    return alike


def _publish(run: Pretraining) -> None:
    """Write the model in half the size, and go on with those very weights, so that the score is theirs."""
    run.model.to(torch.bfloat16)
    run.model.save_pretrained(run.config.output)
    run.processor.save_pretrained(run.config.output)
    run.model.to(torch.float32)


def _train(run: Pretraining, record: RunRecord, stop: StopOnSignal) -> None:
    config = run.config
    total = sum(part.length for part in config.rounds)
    run.model.train()
    began, first, sums, summed = time.monotonic(), run.step, dict[str, float](), 0
    with tqdm(total=total, initial=run.step, unit="step", disable=None) as bar:
        while run.step < total and stop.received is None:
            figures = run.learn()
            bar.update()
            for name, value in figures.items():
                sums[name] = sums.get(name, 0.0) + value
            done, summed = run.step, summed + 1
            if done % config.log_steps == 0 or done == total:
                line: dict[str, Any] = {name: round(value / summed, 5) for name, value in sums.items()}
                line |= {
                    "step": done,
                    "seconds": round(time.monotonic() - began, 1),
                    "seconds_per_step": round((time.monotonic() - began) / (done - first), 3),
                    "waited": round(run.supply.waited, 1),
                }
                sums, summed = {}, 0
                record.add_metrics(line)
                bar.set_postfix(loss=line["loss"], named=line["grid_named"])
                if bar.disable:
                    click.echo(f"step {done} of {total}: {_told(line)}")
            if done % config.score_steps == 0 and done > config.vision_steps and done < total:
                scores = _score(run)
                record.add_metrics({"step": done, **scores})
                click.echo(f"step {done} of {total}: {_told(scores)}")
            if done % config.save_steps == 0 or done == total:
                run.save()
                write_training_page(record, _CHARTS)
    saved = complete_checkpoints(config.output)
    if not saved or step_of(saved[-1]) != run.step:
        run.save()


def _score(run: Pretraining) -> dict[str, float]:
    scenes = held_out_scenes(run.config, run.config.output / "scenes")
    run.model.eval()
    scores = score(run.model, run.processor, scenes, run.config.rendering, seed=run.config.seed)
    run.model.train()
    return {name: round(value, 4) for name, value in scores.items()}


def _told(figures: dict[str, Any]) -> str:
    shown: Sequence[str] = [f"{name} {value:.4g}" for name, value in figures.items() if name != "step"]
    return ", ".join(shown)
