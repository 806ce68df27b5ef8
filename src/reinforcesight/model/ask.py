"""``reinforcesight ask``: answer one question about one picture, or a file of questions."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from pydantic import Field, model_validator

from reinforcesight.config import StrictConfig
from reinforcesight.errors import InputError
from reinforcesight.judge.blocks import split_completion
from reinforcesight.model.load import LoadedModel, load_model
from reinforcesight.model.options import ModelOptions
from reinforcesight.pictures.decode import read_rgb
from reinforcesight.pictures.drawing import BOX_COLOURS, Box, draw_boxes
from reinforcesight.protocol import Protocol, with_instruction

if TYPE_CHECKING:
    from PIL import Image


class AskConfig(StrictConfig):
    """One question, or a file of questions, for a model."""

    image: Path | None = Field(None, description="Picture file")
    question: str | None = Field(None, description="Question; options may follow as (A) ... (B) ...")
    model_path: str = Field(
        "nano",
        description="Base model, adapter or checkpoint: folder, hub id, or nano (the tiny model in this package)",
    )
    box: tuple[str, ...] = Field(
        (),
        description='Draw a box around a named object: "name=x0,y0,x1,y1" in pixels, after EXIF rotation; at '
        "most three",
    )
    batch: Path | None = Field(
        None,
        description='File of JSON lines {"image": FILE, "question": TEXT, "box": ["name=x0,y0,x1,y1"]}, box optional;'
        " answers are printed as JSON lines",
    )
    image_root: Path | None = Field(
        None, description="With --batch: folder of the pictures; default: the folder of the file"
    )
    batch_size: int = Field(8, ge=1, description="Questions per batch")
    max_new_tokens: int = Field(256, ge=1, description="Maximum number of generated tokens")
    model: ModelOptions = Field(default_factory=ModelOptions)

    @model_validator(mode="after")
    def _one_or_many(self) -> AskConfig:
        if self.batch is None and (self.image is None or self.question is None):
            raise ValueError("give IMAGE and question, or --batch FILE.jsonl")
        if self.batch is not None and (self.image is not None or self.question is not None or self.box):
            raise ValueError("--batch has its own pictures, questions and boxes; leave out IMAGE, question and --box")
        return self


@dataclass(frozen=True)
class Answer:
    """A model's answer in its parts.

    Attributes:
        reasoning: Text between the thinking tags; empty if there are none.
        answer: Text between the answer tags, or the text without the reasoning.
        finished: Whether the model ended the answer, not the length limit.
    """

    reasoning: str
    answer: str
    text: str
    finished: bool


@dataclass(frozen=True)
class AskResult:
    """All answers; ``None`` for a line of the file that could not be asked."""

    answers: tuple[Answer | None, ...]
    exit_code: int


@dataclass(frozen=True)
class _Question:
    image: Path
    prompt: str
    boxes: tuple[tuple[Box, str], ...]


def ask(config: AskConfig) -> AskResult:
    """Answer, and print reasoning and answer; for a file, print one JSON object per line.

    Raises:
        InputError: The picture, a box, the file or the model can't be used. A bad line of a file is only reported, and
            the exit status is 1.
    """
    if config.batch is None:
        assert config.image is not None
        assert config.question is not None
        question = make_question(config.image, config.question, parse_boxes(config.box))
        asked = [(question, picture_with_boxes(question))]
        [answer] = _answer(load_model(config.model.at(config.model_path)), asked, config)
        if answer.reasoning:
            click.echo(answer.reasoning)
        click.echo(f"Answer: {answer.answer}")
        if not answer.finished:
            click.echo(f"(cut off after {config.max_new_tokens} tokens)", err=True)
        return AskResult((answer,), 0)
    return _ask_batch(config, config.batch)


def _ask_batch(config: AskConfig, path: Path) -> AskResult:
    lines = list(read_batch(path, config.image_root or path.parent))
    loaded = load_model(config.model.at(config.model_path))
    answers: list[Answer | None] = []
    for start in range(0, len(lines), config.batch_size):
        part = [(number, _with_picture(item)) for number, item in lines[start : start + config.batch_size]]
        asked = iter(_answer(loaded, [item for _, item in part if isinstance(item, tuple)], config))
        for number, item in part:
            shown: dict[str, Any] = {"line": number}
            if isinstance(item, tuple):
                question, answer = item[0], next(asked)
                answers.append(answer)
                shown |= {"image": str(question.image), "question": question.prompt}
                shown |= {"reasoning": answer.reasoning, "answer": answer.answer, "finished": answer.finished}
            else:
                answers.append(None)
                shown["error"] = str(item)
            click.echo(json.dumps(shown, ensure_ascii=False))
    return AskResult(tuple(answers), int(any(answer is None for answer in answers)))


def _with_picture(item: _Question | InputError) -> tuple[_Question, Image.Image] | InputError:
    if isinstance(item, InputError):
        return item
    try:
        return item, picture_with_boxes(item)
    except InputError as error:
        return error


def _answer(loaded: LoadedModel, asked: Sequence[tuple[_Question, Image.Image]], config: AskConfig) -> list[Answer]:
    if not asked:
        return []
    from reinforcesight.model.chat import generate_text

    outputs = generate_text(
        loaded.model,
        loaded.processor,
        [with_instruction(question.prompt, Protocol.REASON) for question, _ in asked],
        [picture for _, picture in asked],
        config.max_new_tokens,
        batch_size=config.batch_size,
    )
    answers = []
    for output in outputs:
        blocks = split_completion(output.text)
        answers.append(Answer(blocks.reasoning.strip(), blocks.answer.strip(), output.text, output.finished))
    return answers


def parse_boxes(items: Sequence[str]) -> list[tuple[str, Box]]:
    """Parse items of the form ``name=x0,y0,x1,y1``.

    Raises:
        InputError: An item has another form, or there are more than three.
    """
    if len(items) > len(BOX_COLOURS):
        raise InputError(f"{len(items)} boxes, at most {len(BOX_COLOURS)} have a colour", where="--box")
    boxes = []
    for item in items:
        name, _, numbers = item.rpartition("=")
        try:
            x0, y0, x1, y1 = (float(number) for number in numbers.split(","))
        except ValueError as error:
            raise InputError(
                f"expected name=x0,y0,x1,y1, got {item!r}",
                where="--box",
                fix='such as --box "red chair=10,20,90,140"',
            ) from error
        if not name.strip() or x1 <= x0 or y1 <= y0:
            raise InputError(f"the box {item!r} has no name or no area", where="--box")
        boxes.append((name.strip(), (x0, y0, x1, y1)))
    return boxes


def make_question(image: Path, question: str, boxes: Sequence[tuple[str, Box]]) -> _Question:
    """Insert each box after the first mention of its object, as in CV-Bench's questions.

    Raises:
        InputError: The question does not name an object that has a box.
    """
    coloured = []
    for (name, box), colour in zip(boxes, BOX_COLOURS, strict=False):
        mention = re.search(rf"\b{re.escape(name)}\b(?! \((?:highlighted|annotated) by)", question, re.IGNORECASE)
        if mention is None and not re.search(rf"\b{re.escape(name)}\b", question, re.IGNORECASE):
            raise InputError(f"the question does not name {name!r}", where="--box", fix="use the question's own words")
        if mention is not None and f"{colour} box)" not in question:
            question = f"{question[: mention.end()]} (highlighted by a {colour} box){question[mention.end() :]}"
        coloured.append((box, colour))
    return _Question(image, question, tuple(coloured))


def picture_with_boxes(question: _Question) -> Image.Image:
    """Read the picture in RGB and draw the question's boxes on it.

    Raises:
        InputError: The picture is missing or can't be used, or a box lies outside it.
    """
    picture = read_rgb(question.image)
    return draw_boxes(picture, question.boxes) if question.boxes else picture


def read_batch(path: Path, root: Path) -> Iterator[tuple[int, _Question | InputError]]:
    """Yield each line number with its question or error.

    Raises:
        InputError: The file can't be read or has no lines.
    """
    try:
        texts = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the batch can't be read: {error}", where=str(path)) from error
    numbered = [(number, text) for number, text in enumerate(texts, start=1) if text.strip()]
    if not numbered:
        raise InputError("the batch has no lines", where=str(path))
    for number, text in numbered:
        try:
            yield number, _parse_line(text, root)
        except InputError as error:
            yield number, InputError(error.what, where=f"{path}, line {number}", fix=error.fix)


def _parse_line(text: str, root: Path) -> _Question:
    try:
        item = json.loads(text)
    except ValueError as error:
        raise InputError(f"not JSON: {error}") from error
    if not isinstance(item, dict) or not all(isinstance(item.get(key), str) for key in ("image", "question")):
        raise InputError('expected an object with the texts "image" and "question"')
    boxes = item.get("box", [])
    if not isinstance(boxes, list) or not all(isinstance(box, str) for box in boxes):
        raise InputError('"box" must be a list of "name=x0,y0,x1,y1"')
    image = root / item["image"]
    # The file may come from someone else, so pictures outside its folder are refused.
    if not image.resolve().is_relative_to(root.resolve()):
        raise InputError(f"the picture {item['image']!r} lies outside {root}", fix="give --image_root")
    return make_question(image, item["question"], parse_boxes(boxes))
