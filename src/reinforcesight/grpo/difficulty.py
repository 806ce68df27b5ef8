"""Pass rates of the start model. Questions that it always or never answers correctly give no gradient.

The file has one JSON object per line: first everything that affects the rates, then one line per question. A kill
loses at most one block of questions; a question whose line is damaged is rated again. Other runs with the same model,
data and sampling can read the file.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from accelerate.utils import gather_object

from reinforcesight.errors import InputError, OutputError, ReinforceSightError
from reinforcesight.grpo.config import DifficultyOptions
from reinforcesight.grpo.data import QuestionView
from reinforcesight.jobs.files import append_lines, json_line, json_value, sealed, write_text
from reinforcesight.jobs.pool import WorkerPool
from reinforcesight.jobs.record import differences
from reinforcesight.judge import judge_row
from reinforcesight.model.chat import generate_text
from reinforcesight.tuning.data import decode_picture
from reinforcesight.tuning.trainer import unchanged_random_state

RATES_NAME = "difficulty.jsonl"

# A task is a block: indices of the questions to rate together.
RatingPool = WorkerPool[Any, tuple[int, ...], list["PassRate"]]


@dataclass(frozen=True)
class PassRate:
    """The number of answers to the question ``id`` (``samples``) and of correct answers (``right``)."""

    id: str
    right: int
    readable: int
    samples: int

    @property
    def rate(self) -> float:
        return self.right / self.samples


def rate_questions(
    model: Any,
    processor: Any,
    rows: QuestionView,
    options: DifficultyOptions,
    *,
    path: Path,
    depends_on: Mapping[str, Any],
    temperature: float,
    max_new_tokens: int,
    seed: int,
    stopped: Callable[[], bool] = lambda: False,
    on_block: Callable[[int], object] = lambda done: None,
    pool: RatingPool | None = None,
) -> dict[str, PassRate] | None:
    """Sample and judge answers to all rows that have no rate in the file.

    Args:
        model: Model in evaluation mode, on its device.
        options: Number of samples and batch size.
        depends_on: Identity of model and data; the sampling settings are added.
        stopped: Function that returns whether to stop after the current block.
        on_block: Function called with the number of rated questions.
        pool: Processes that rate the blocks instead of this one, with the same model; see :func:`rate_seeded`.

    Returns:
        Rates by question, or ``None`` if the rating was stopped.

    Raises:
        OutputError: The file was made with another model, data set or sampling.
    """
    sampling = {"temperature": temperature, "max_new_tokens": max_new_tokens}
    header = {"schema": 1, **depends_on, "samples": options.samples, **sampling, "seed": seed}
    processes = PartialState()
    if processes.is_main_process:
        _prepare_file(path, header)
    processes.wait_for_everyone()
    rates = read_rates(path)
    missing = [at for at, name in enumerate(rows.ids) if name not in rates]
    world, per_block = processes.num_processes, max(1, options.batch_size // options.samples)
    if pool is not None:
        blocks = [tuple(missing[start : start + per_block]) for start in range(0, len(missing), per_block)]
        for outcome in pool.run(blocks):
            if outcome.result is None:
                raise ReinforceSightError(
                    f"a process that rates questions was {outcome.crash}",
                    where="difficulty",
                    fix="free memory or lower difficulty.batch_size, then run it again; finished work is kept",
                )
            rates |= {rate.id: rate for rate in outcome.result}
            _append(path, outcome.result)
            on_block(len(rates))
            if stopped():
                return None
        return rates
    for start in range(0, len(missing), per_block * world):
        block = missing[start : start + per_block * world]
        # Every process needs the same number of rows, since gathering sharded weights involves all processes.
        share = -(-len(block) // world)
        first = processes.process_index * share
        own = [rows[block[i % len(block)]] for i in range(first, first + share)]
        found = rate_seeded(model, processor, own, options, seed, synced_gpus=world > 1, **sampling)
        results = gather_object([(rate, stopped()) for rate in found])
        fresh = {rate.id: rate for rate, _ in results}
        rates |= fresh
        if processes.is_main_process:
            _append(path, list(fresh.values()))
        on_block(len(rates))
        if any(flag for _, flag in results):
            return None
    processes.wait_for_everyone()
    return rates


def rate_seeded(
    model: Any,
    processor: Any,
    rows: Sequence[Mapping[str, Any]],
    options: DifficultyOptions,
    seed: int,
    **sampling: Any,
) -> list[PassRate]:
    """Rate a block of questions with random numbers that depend on the seed and its first question."""
    repeated = [row for row in rows for _ in range(options.samples)]
    pictures = [picture for row in rows for picture in [decode_picture(row)] * options.samples]
    prompts = [row["prompt"][-1]["content"] for row in repeated]
    with unchanged_random_state(model.device):
        torch.manual_seed(zlib.crc32(f"{seed} {rows[0]['id']}".encode()))
        texts = generate_text(model, processor, prompts, pictures, batch_size=options.batch_size, **sampling)
    verdicts = [judge_row(text.text, row) for text, row in zip(texts, repeated, strict=True)]
    rates = []
    for at, row in enumerate(rows):
        own = verdicts[at * options.samples : (at + 1) * options.samples]
        right = sum(bool(verdict.correct) for verdict in own)
        readable = sum(verdict.letter is not None for verdict in own)
        rates.append(PassRate(row["id"], right, readable, options.samples))
    return rates


def _prepare_file(path: Path, header: Mapping[str, Any]) -> None:
    """Create the file, or check it and drop an incomplete last line."""
    header = json_value(json.dumps(header))
    if not path.is_file():
        write_text(path, json.dumps(header) + "\n")
        return
    found, lines = _read(path)
    changed = differences(found, header)
    if changed:
        raise OutputError(
            f"these pass rates are of another model, data set or sampling: {changed}",
            where=str(path),
            fix="name another difficulty.file, or remove this one",
        )
    write_text(path, "".join(json.dumps(line) + "\n" for line in [found, *map(sealed, lines)]))


def _read(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    try:
        texts = path.read_text(encoding="utf-8").splitlines()
        header = json_value(texts[0])
    except (OSError, ValueError, IndexError) as error:
        raise OutputError(f"the pass rates can't be read: {error}", where=str(path), fix="remove the file") from error
    lines = []
    for text in texts[1:]:
        line = json_line(text)
        if line is not None and line.keys() >= {"id", "right", "readable", "samples"}:
            lines.append(line)
    if not isinstance(header, dict):
        raise OutputError("the first line is not a JSON object", where=str(path), fix="remove the file")
    return header, lines


def read_rates(path: Path) -> dict[str, PassRate]:
    """Read the pass rates in a file.

    Raises:
        OutputError: The file is missing or can't be read.
    """
    _, lines = _read(path)
    return {line["id"]: PassRate(line["id"], line["right"], line["readable"], line["samples"]) for line in lines}


def _append(path: Path, rates: Sequence[PassRate]) -> None:
    append_lines(path, (json.dumps(sealed(asdict(rate))) for rate in rates))


def choose_questions(
    ids: Sequence[str], rates: Mapping[str, PassRate], options: DifficultyOptions
) -> tuple[list[int], dict[str, float]]:
    """Return the indices of the questions whose pass rate is between the two bounds, and counts for the record.

    Raises:
        InputError: No question would be left.
    """
    rated = [(at, rates[name].rate) for at, name in enumerate(ids) if name in rates]
    kept = [at for at, rate in rated if options.min_pass_rate < rate < options.max_pass_rate]
    low = sum(rate <= options.min_pass_rate for _, rate in rated)
    high = sum(rate >= options.max_pass_rate for _, rate in rated)
    if not kept:
        raise InputError(
            f"none of {len(rated)} questions is left: {low} are too hard for the start model, {high} too easy",
            where="difficulty",
            fix="use harder or easier questions, more difficulty.samples, or difficulty.enabled false",
        )
    mean = round(sum(rate for _, rate in rated) / len(rated), 4)
    counts = {"rated": len(rated), "kept": len(kept), "too_hard": low, "too_easy": high, "mean_pass_rate": mean}
    return kept, counts
