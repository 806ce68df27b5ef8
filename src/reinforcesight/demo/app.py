"""The page of the demo, built with gradio."""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from PIL import Image, ImageDraw

from reinforcesight.demo.answers import CLAIM_LABELS, DemoAnswer, DemoModels
from reinforcesight.demo.config import DemoConfig
from reinforcesight.demo.questions import (
    QUESTION_KINDS,
    DemoQuestion,
    own_question,
    rendered_question,
    rendered_source,
)
from reinforcesight.errors import ConfigError, InputError, ReinforceSightError, require_module
from reinforcesight.jobs.signals import Stopped
from reinforcesight.pictures.decode import to_rgb
from reinforcesight.pictures.drawing import BOX_COLOURS, Box, draw_boxes

_LONGEST_SIDE = 1024  # pixels; larger uploads are shrunk
_OBJECTS = ("First object", "Second object", "Third object (for distances)")
_STYLE = """
#picture img { width: 100%; height: 100%; object-fit: contain; }
.claim { border-radius: 3px; padding: 0 2px; }
.claim.good { background: #b7e4c7; color: #10341f; }
.claim.bad { background: #f6bcbc; color: #4a1010; }
.claim.open { background: #d9dde5; color: #22262d; }
.verdict { font-weight: 600; }
"""
_CLASSES = dict(zip(CLAIM_LABELS.values(), ("good", "bad", "open"), strict=True))


def demo(config: DemoConfig) -> None:
    """Serve the page until interrupted.

    Raises:
        MissingDependencyError: The extra ``demo`` is not installed.
        ConfigError: The address or port can't be used.
    """
    gradio = require_module("gradio", extra="demo")
    models = DemoModels(config)
    page = build_page(models, config)
    try:
        _, address, _ = page.launch(
            server_name=config.host,
            server_port=config.port or None,
            inbrowser=config.open_browser,
            share=False,
            quiet=True,
            prevent_thread_lock=True,
            # Without web fonts, so that the page works offline.
            theme=gradio.themes.Default(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]),
            css=_STYLE,
        )
    except OSError as error:
        raise ConfigError(
            f"can't listen on {config.host}, port {config.port}: {error}", fix="give another --port or --host"
        ) from error
    click.echo(f"{config.model_path}: {address} (stop with Ctrl-C)")
    try:
        page.block_thread()
    except (KeyboardInterrupt, Stopped):
        click.echo("stopped")
    finally:
        page.close(verbose=False)


def build_page(models: DemoModels, config: DemoConfig) -> Any:
    gr: Any = require_module("gradio", extra="demo")
    source = rendered_source(config.scenes or (Path("nano_scenes") if models.few_pixels else None), config.seed)
    about = "This model knows ten kinds of objects in eight colours, those of the rendered pictures. "
    with gr.Blocks(title="ReinforceSight", analytics_enabled=False) as page:
        gr.Markdown(f"# ReinforceSight\n{about if models.few_pixels else ''}See which claims of the reasoning hold.")
        original, clicks, known, number = gr.State(None), gr.State([]), gr.State(None), gr.State(0)
        with gr.Row():
            with gr.Column():
                gr.Markdown("Take a rendered picture, or upload one and click two opposite corners of each object.")
                picture = gr.Image(show_label=False, type="pil", height=340, elem_id="picture")
                with gr.Row():
                    rendered = gr.Button("Rendered picture")
                    clear = gr.Button("Clear boxes")
                names = [gr.Textbox(label=label, max_lines=1) for label in _OBJECTS]
                kind = gr.Dropdown(list(QUESTION_KINDS), value=next(iter(QUESTION_KINDS)), label="What to ask")
                compose = gr.Button("Write the question")
            with gr.Column():
                question = gr.Textbox(label="Question", lines=3)
                options = gr.Textbox(label="Options, one per line (may be empty)", lines=2)
                ask = gr.Button("Ask", variant="primary")
                answers = gr.HTML(label="Answers")

        def take_upload(image: Image.Image | None) -> tuple[Any, ...]:
            if image is None:
                return None, None, [], None
            fitted = to_rgb(image)
            fitted.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))
            return fitted, fitted, [], None

        def take_click(
            image: Image.Image | None, points: list[tuple[int, int]], event: Any
        ) -> tuple[Any, list[tuple[int, int]], Any]:
            if image is None or len(points) == 2 * len(_OBJECTS):
                return gr.skip(), points, None
            points = [*points, (int(event.index[0]), int(event.index[1]))]
            return with_clicks(image, points), points, None

        # gradio reads this annotation at run time and passes the event to the parameter.
        take_click.__annotations__["event"] = gr.SelectData

        def write(image: Image.Image | None, points: list[tuple[int, int]], what: str, *typed: str) -> tuple[Any, ...]:
            try:
                if image is None:
                    raise InputError("no picture", fix="upload one, or take a rendered one")
                made = own_question(image, list(zip(typed, boxes_of(points), strict=False)), what)
            except ReinforceSightError as error:
                raise gr.Error(str(error)) from error
            return made.picture, made.question, "\n".join(made.choices), made

        def take_rendered(count: int) -> tuple[Any, ...]:
            try:
                made = rendered_question(source, count)
            except ReinforceSightError as error:
                raise gr.Error(str(error)) from error
            return made.picture, None, [], made, made.question, "\n".join(made.choices), count + 1, ""

        def give_answers(shown: Image.Image | None, made: DemoQuestion | None, text: str, lines: str) -> str:
            choices = tuple(line.strip() for line in lines.splitlines() if line.strip())
            if shown is None or not text.strip():
                raise gr.Error("a picture and a question are needed")
            if made is None:
                made = DemoQuestion(to_rgb(shown), text.strip(), choices)
            elif (made.question, made.choices) != (text.strip(), choices):
                # For an edited question, claims can still be checked, but the correct option is unknown.
                made = DemoQuestion(made.picture, text.strip(), choices, made.scene, made.evidence)
            try:
                return answers_as_html(models.answer(made), made)
            except ReinforceSightError as error:
                raise gr.Error(str(error)) from error

        picture.upload(take_upload, picture, [picture, original, clicks, known])
        picture.clear(lambda: (None, [], None), None, [original, clicks, known])
        picture.select(take_click, [original, clicks], [picture, clicks, known])
        clear.click(lambda image: (image or gr.skip(), [], None), original, [picture, clicks, known])
        compose.click(write, [original, clicks, kind, *names], [picture, question, options, known])
        rendered.click(take_rendered, number, [picture, original, clicks, known, question, options, number, answers])
        ask.click(give_answers, [picture, known, question, options], answers)
    return page


def boxes_of(points: Sequence[tuple[int, int]]) -> list[Box]:
    """Return the boxes of clicked corners, two corners per box; ignore a last single corner."""
    boxes = []
    for (x0, y0), (x1, y1) in zip(points[::2], points[1::2], strict=False):
        boxes.append((float(min(x0, x1)), float(min(y0, y1)), float(max(x0, x1) + 1), float(max(y0, y1) + 1)))
    return boxes


def with_clicks(picture: Image.Image, points: Sequence[tuple[int, int]]) -> Image.Image:
    """Draw the boxes so far, and a dot on a corner whose box is not complete."""
    boxes = boxes_of(points)
    shown = draw_boxes(picture, list(zip(boxes, BOX_COLOURS, strict=False)))
    if len(points) % 2:
        x, y = points[-1]
        ImageDraw.Draw(shown).circle((x, y), 4, fill=list(BOX_COLOURS.values())[len(boxes)])
    return shown


def answers_as_html(answers: Sequence[DemoAnswer], question: DemoQuestion) -> str:
    """Return the answers as HTML with marked claims; all model output is escaped."""
    parts = []
    for item in answers:
        said = "".join(
            html.escape(text)
            if label is None
            else f'<span class="claim {_CLASSES[label]}" title="{label}">{html.escape(text)}</span>'
            for text, label in item.segments
        )
        verdict = "" if item.correct is None else (" (correct)" if item.correct else " (wrong)")
        cut = "" if item.finished else "<p><small>The answer was cut off at the length limit.</small></p>"
        parts.append(
            f"<h3>{html.escape(item.model)}</h3><p>{said or '<small>no reasoning</small>'}</p>"
            f'<p class="verdict">{html.escape(item.answer)}{verdict}</p>{cut}'
        )
    legend = " ".join(f'<span class="claim {_CLASSES[label]}">{label}</span>' for label in _CLASSES)
    about = "in this scene" if question.scene else "(nothing is known about this picture)"
    return f"{''.join(parts)}<p><small>Claims: {legend} {about}</small></p>"
