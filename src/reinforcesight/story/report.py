"""The report of a run: one page that needs neither a network nor anything beside it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from reinforcesight.eval.results import Accuracy
from reinforcesight.grpo.curves import CHARTS as GRPO_CHARTS
from reinforcesight.jobs.files import write_text
from reinforcesight.jobs.progress import duration, gigabytes
from reinforcesight.jobs.record import read_metrics
from reinforcesight.story.config import RunConfig
from reinforcesight.story.content import TITLES, Story, read_story
from reinforcesight.story.layout import MODELS
from reinforcesight.story.stages import STAGES
from reinforcesight.tuning.report import Chart, draw_chart

_SFT_CHARTS = (
    Chart("Loss", {"loss": "training", "eval_loss": "validation"}),
    Chart(
        "Generated answers, validation", {"eval_accuracy": "accuracy", "eval_parse_rate": "readable answers"}
    ),
)
_GRPO_SHOWN = (
    "Reward",
    "Parts of the reward: the answer",
    "Parts of the reward: the reasoning",
    "Held-out accuracy",
)
# Measures of the reasoning, with what each says of an answer.
_FAITHFULNESS = {
    "consistent": "the answer follows from its own reasoning",
    "grounded": "the scene contradicts nothing in the reasoning",
    "number_free": "the reasoning holds no numbers",
}


def write_page(config: RunConfig) -> Path:
    """Write ``index.html`` from what lies in the run's folder.

    Raises:
        InputError: A part of the run is missing or can't be read.
        OutputError: The page can't be written.
    """
    page = config.folder.page
    write_text(page, render(read_story(config)))
    return page


def render(story: Story) -> str:
    """The page. Everything that came from a model or a data file is escaped."""
    environment = Environment(
        loader=ChoiceLoader(
            [
                PackageLoader("reinforcesight.story", "pages"),
                PackageLoader("reinforcesight.data_gen", "pages"),
            ]
        ),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": percent, "whole": whole, "duration": duration, "gigabytes": gigabytes}
    main = story.main
    cells = {model: main.results[model].micro for model in MODELS}
    return environment.get_template("run.html.j2").render(
        story=story,
        config=story.config,
        title=story.config.report.title or headline(cells),
        main=main,
        titles=TITLES,
        models=MODELS,
        steps=steps(story),
        example=_example(story),
        sft_charts=_charts(_SFT_CHARTS, story.config.folder.sft),
        grpo_charts=_charts(
            tuple(chart for chart in GRPO_CHARTS if chart.title in _GRPO_SHOWN), story.config.folder.grpo
        ),
        faithfulness=_FAITHFULNESS,
        stage_titles={stage.name: stage.title for stage in STAGES},
        total_seconds=sum(record.seconds for record in story.stages.values()),
        peak_memory=max((record.peak_memory_bytes for record in story.stages.values()), default=0),
        machine=machine(story.sft.get("hardware", {})),
        guess=_guess(story.audit),
    )


def headline(cells: Mapping[str, Accuracy]) -> str:
    """What the numbers say, in one line."""
    return f"From {whole(cells['base'].accuracy)} to {whole(cells['grpo'].accuracy)} right"


def percent(value: float | None) -> str:
    """A share with one decimal."""
    return "–" if value is None else f"{100 * value:.1f} %"


def whole(value: float | None) -> str:
    """A share in whole percent."""
    return "–" if value is None else f"{100 * value:.0f} %"


def steps(story: Story) -> list[tuple[str, str, str]]:
    """The drawing of the story: for each step its name, its figure in this run, and what it is."""
    manifest, audit = story.manifest, story.audit
    pictures, rows = sum(manifest["pictures"].values()), sum(manifest["rows"].values())
    rendered = story.config.generate.source == "rendered"
    found = [
        (
            "Pictures",
            f"{pictures:,}",
            "rendered scenes whose geometry is known exactly" if rendered else "pictures with their geometry",
        ),
        ("Questions", f"{rows:,}", "with reasoning; only relations that hold clearly are claimed"),
        (
            "Audit",
            "passed" if audit["passed"] else "failed",
            f"{audit['rows']:,} questions held against every rule",
        ),
        ("SFT", f"{story.sft['results']['step']:,} steps", "learns to answer by reasoning, from examples"),
    ]
    kept = story.grpo.get("data", {}).get("difficulty")
    if kept:
        found.append(
            (
                "Filter",
                f"{kept['kept']:,} of {kept['rated']:,}",
                "questions that the model gets right sometimes",
            )
        )
    found.append(
        (
            "GRPO",
            f"{story.grpo['results']['step']:,} steps",
            "rewarded for right answers whose reasoning the scene supports",
        )
    )
    asked = " + ".join(f"{b.results['base'].n_scored:,}" for b in story.benchmarks)
    found.append(("Test", asked, "questions about pictures that it has never seen"))
    return found


def machine(hardware: Mapping[str, Any]) -> str:
    """The machine in words."""
    gpus = [str(gpu.get("name")) for gpu in hardware.get("gpus") or ()]
    memory = hardware.get("memory_bytes") or 0
    return (
        f"{hardware.get('cpus', '?')} processor cores, {memory / 2**30:.0f} GiB of memory, "
        f"{', '.join(gpus) if gpus else 'no GPU'}; {hardware.get('platform', 'unknown system')}"
    )


def _charts(charts: tuple[Chart, ...], folder: Path) -> list[tuple[str, Markup]]:
    """Titles and drawings, which hold numbers and escaped labels alone."""
    metrics = read_metrics(folder)
    return [(chart.title, Markup(draw_chart(chart, metrics))) for chart in charts]


def _example(story: Story) -> Any:
    """A question for the top of the page: the shortest of those that were learnt, where there is one."""
    if story.comparison is None or not story.comparison.shown:
        return None
    learnt = [asked for asked in story.comparison.shown if asked.pattern.startswith("learnt")]
    return min(learnt or story.comparison.shown, key=lambda asked: len(asked.item.question))


def _guess(audit: Mapping[str, Any]) -> dict[str, Any] | None:
    """How well the letter can be guessed from the text of all questions alone."""
    guesses = audit.get("measurements", {}).get("guessed_from_text", [])
    return next(
        (g for g in guesses if g["what"] == "letter" and g["axis"] == "all" and g["accuracy"] is not None),
        None,
    )
