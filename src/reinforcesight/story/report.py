"""The page of a run: one HTML file that works offline and is complete once all stages have finished."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reinforcesight.grpo.curves import GRPO_CHARTS
from reinforcesight.jobs.files import write_text
from reinforcesight.jobs.progress import duration, gigabytes
from reinforcesight.jobs.record import read_metrics
from reinforcesight.pages.chart import bar_chart
from reinforcesight.pages.question_cards import QuestionCard
from reinforcesight.pages.render import render_page
from reinforcesight.story.closing_lines import ask_line, own_command
from reinforcesight.story.config import RunConfig
from reinforcesight.story.folder import MODEL_TITLES
from reinforcesight.story.page_content import Story, interval_dots, read_story
from reinforcesight.story.stages import STAGES
from reinforcesight.tuning.records.report import SFT_CHARTS, draw_charts

_SHOWN_CHARTS = {
    "Loss",
    "Accuracy of generated answers",
    "Reward",
    "Parts of the reward: the answer",
    "Parts of the reward: the reasoning",
    "Held-out accuracy",
}
# Metrics of the reasoning, each with the statement about an answer that it measures.
_FAITHFULNESS = {
    "consistent": "answer follows from its own reasoning",
    "grounded": "no claim in the reasoning contradicts the scene",
    "number_free": "no numbers in the reasoning",
}


def write_page(config: RunConfig) -> Path:
    """Write ``index.html`` from the stages that have finished so far.

    Raises:
        InputError: A part of the run can't be read.
        OutputError: The page can't be written.
    """
    page = config.folder.page
    write_text(page, render(read_story(config)))
    return page


def render(story: Story) -> str:
    config, main = story.config, story.main
    done = {name for name, record in story.stages.items() if record.status == "finished"}
    return render_page(
        "story/pages/run.html.j2",
        story=story,
        config=config,
        title=config.report.title or (main.headline if main else "Run in progress"),
        main=main,
        hero=main
        and bar_chart(
            "Accuracy",
            interval_dots({m: main.results[m].micro for m in MODEL_TITLES}),
            level=main.chance,
        ),
        models=MODEL_TITLES,
        command=own_command(),
        ask=ask_line(config),
        steps=_steps(story),
        example=_example(story),
        sft_charts=draw_charts([c for c in SFT_CHARTS if c.title in _SHOWN_CHARTS], read_metrics(config.folder.sft)),
        grpo_charts=draw_charts(
            [c for c in GRPO_CHARTS if c.title in _SHOWN_CHARTS - {"Loss"}], read_metrics(config.folder.grpo)
        ),
        faithfulness=_FAITHFULNESS,
        costs=[
            (stage.title, duration(record.seconds), gigabytes(record.peak_memory_bytes))
            for stage in STAGES
            if (record := story.stages.get(stage.name)) is not None
        ],
        total=duration(sum(record.seconds for record in story.stages.values())),
        peak=gigabytes(max((record.peak_memory_bytes for record in story.stages.values()), default=0)),
        missing=[stage.title for stage in STAGES if stage.name not in {*done, "report"}],
        machine=_machine(story.sft.get("hardware", {})),
        guess=_guess(story.audit),
    )


def _steps(story: Story) -> list[tuple[str, str, str]]:
    """Return name, figure and explanation of each finished step of the run."""
    steps = []
    if story.manifest:
        pictures, rows = sum(story.manifest["pictures"].values()), sum(story.manifest["rows"].values())
        rendered = story.config.generate.source == "rendered"
        about = "rendered scenes with exact geometry" if rendered else "pictures with estimated or given geometry"
        steps += [
            ("Pictures", f"{pictures:,}", about),
            ("Questions", f"{rows:,}", "with reasoning; only relations with a clear margin"),
        ]
    if story.audit:
        verdict = "passed" if story.audit["passed"] else "failed"
        steps.append(("Audit", verdict, f"{story.audit['rows']:,} questions checked against every rule"))
    if story.sft:
        steps.append(("SFT", f"{story.sft['results']['step']:,} steps", "on questions with reasoning and answer"))
    if story.grpo:
        kept = story.grpo.get("data", {}).get("difficulty")
        if kept:
            figure = f"{kept['kept']:,} of {kept['rated']:,}"
            steps.append(("Filter", figure, "questions that the SFT model gets right sometimes"))
        figure = f"{story.grpo['results']['step']:,} steps"
        steps.append(("GRPO", figure, "reward: right answers whose reasoning matches the scene"))
    if story.benchmarks:
        asked = " + ".join(f"{b.results['base'].n_scored:,}" for b in story.benchmarks)
        unseen = all(b.unseen for b in story.benchmarks)
        about = "questions about pictures that are not in the training set" if unseen else "questions"
        steps.append(("Test", asked, about))
    return steps


def _machine(hardware: Mapping[str, Any]) -> str:
    gpus = [str(gpu.get("name")) for gpu in hardware.get("gpus") or ()]
    memory = hardware.get("memory_bytes") or 0
    return (
        f"{hardware.get('cpus', '?')} CPU cores, {memory / 2**30:.0f} GiB of memory, "
        f"{', '.join(gpus) if gpus else 'no GPU'}; {hardware.get('platform', 'unknown system')}"
    )


def _example(story: Story) -> QuestionCard | None:
    """Choose a question for the top of the page: the shortest of those that training taught, if there are any."""
    cards = story.compared.cards if story.compared else []
    learnt = [card for card in cards if card.tags[0].startswith("learnt")]
    return min(learnt or cards, key=lambda card: len(card.question), default=None)


def _guess(audit: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return how well a classifier guesses the letter from the text of the questions."""
    guesses = audit.get("measurements", {}).get("guessed_from_text", [])
    return next(
        (g for g in guesses if g["what"] == "letter" and g["axis"] == "all" and g["accuracy"] is not None),
        None,
    )
