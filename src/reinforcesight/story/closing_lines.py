"""Terminal output at the end of a run: accuracies, their interpretation, the page, and the next commands."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

from reinforcesight.eval.results import read_results
from reinforcesight.jobs.table import table_lines
from reinforcesight.pages.render import percent
from reinforcesight.story.config import RunConfig
from reinforcesight.story.folder import MODEL_TITLES
from reinforcesight.story.page_content import read_benchmark


def outcome_lines(config: RunConfig) -> list[str]:
    """Return the results of the evaluations as a table, and three lines about the first benchmark."""
    rows = []
    for name in config.benchmarks:
        results = {model: read_results(config.folder.results(name, model)) for model in MODEL_TITLES}
        base = results["base"]
        cells = [percent(r.micro.accuracy) for r in results.values()]
        rows.append(
            [f"{base.protocol['benchmark']['name']}, {base.n_scored} questions", *cells, percent(base.chance.random)]
        )
        for task in base.per_task:
            cells = [percent(r.per_task[task].accuracy) for r in results.values()]
            rows.append([f"  {task}", *cells, percent(base.chance.random_per_task.get(task))])
    main = read_benchmark(config, next(iter(config.benchmarks)))
    return [
        *table_lines(["right answers", *MODEL_TITLES.values(), "guessing"], rows),
        f"{main.name}: {main.headline}",
        main.sentences[1],
        main.cautions[0] if main.cautions else main.overlap,
    ]


def next_lines(config: RunConfig) -> list[str]:
    """Return the path of the page, and commands that work as shown."""
    command, folder = own_command(), config.folder
    return [
        f"Open this page in a browser: {folder.page}",
        f"Look through its questions:  {command} browse {shlex.quote(str(folder.dataset))}",
        *(f"Ask the model:               {line}" for line in [ask_line(config)] if line),
    ]


def ask_line(config: RunConfig) -> str:
    """Return a command that asks the trained model a question of the run; empty without an example."""
    folder = config.folder
    if not folder.example.exists():
        return ""
    question = folder.example.with_suffix(".txt").read_text(encoding="utf-8")
    parts = [str(folder.example), question, "--model_path", str(folder.grpo)]
    return f"{own_command()} ask {shlex.join(parts)}"


def own_command() -> str:
    """Return the command that calls this program in the user's shell, where its environment may not be active."""
    script = Path(sys.executable).with_name("reinforcesight")
    if sys.prefix == sys.base_prefix or "VIRTUAL_ENV" in os.environ or not script.exists():
        return "reinforcesight"
    here = Path.cwd()
    return shlex.quote(str(script.relative_to(here) if script.is_relative_to(here) else script))
