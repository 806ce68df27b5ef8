"""Convert a row of a data set to a question card."""

from __future__ import annotations

from reinforcesight.data_gen.dataset.rows import Row
from reinforcesight.data_gen.questions.forms import Form
from reinforcesight.errors import InputError
from reinforcesight.judge.blocks import split_completion
from reinforcesight.pages.pictures import QuestionScene, read_question_scene, show_picture
from reinforcesight.pages.question_cards import QuestionCard
from reinforcesight.protocol import LETTERS
from reinforcesight.relations.kinds import Axis


def make_card(row: Row, split: str, *, side: int = 448, quality: int = 80, link: str = "") -> QuestionCard:
    """Make the card of a question; ``side``: thumbnail's longer side in pixels, ``quality``: JPEG quality."""
    problem = ""
    facts: tuple[str, ...] = ()
    known: QuestionScene | None = None
    try:
        known = read_question_scene(row.scene, row.evidence)
        facts = _measurements(row, known)
    except (InputError, ValueError, KeyError, TypeError, AttributeError) as error:
        problem = str(error) if isinstance(error, InputError) else f"scene or evidence can't be read: {error}"
    picture = show_picture(row.image, side=side, quality=quality, known=known)
    blocks = split_completion(row.completion)
    notes = [f"{row.source} {row.source_id}"]
    if row.form == Form.OPEN:
        notes.insert(0, "the prompt does not show the options")
    return QuestionCard(
        question=row.question,
        picture=picture,
        options=tuple(zip(LETTERS, row.choices, strict=False)),
        right=row.answer.strip("()"),
        reasoning=blocks.reasoning,
        answer=blocks.answer,
        tags=(row.relation, row.task, row.form, split, f"margin {row.margin:.2f}"),
        facts=facts,
        notes=tuple(notes),
        problem=problem or ("" if picture else "the picture can't be read"),
        name=row.id,
        link=link,
        filters={"relation": row.relation, "form": row.form, "split": split},
    )


def _measurements(row: Row, known: QuestionScene) -> tuple[str, ...]:
    """Return the recorded evidence as sentences with the numbers that decide the answer."""
    evidence, objects = known.evidence, known.objects
    values = evidence.get("values") or {}
    subject, reference = objects["subject"].name, objects["reference"].name
    axis = Axis(evidence["axis"])
    unit = {"m": " m", "scene": " scene units"}.get(known.scene.depth_unit or "", "")
    lines: list[str] = []
    first, second = values.get("subject"), values.get("reference")
    if first is not None and second is not None:
        if axis in (Axis.HORIZONTAL, Axis.VERTICAL):
            edge = "left" if axis is Axis.HORIZONTAL else "upper"
            lines.append(
                f"Box centres, from the {edge} edge: {subject} {first:.0%}, {reference} {second:.0%} of the picture."
            )
            if values.get("overlap") is not None:
                lines.append(f"The boxes share {values['overlap']:.0%} of the shorter side along this axis.")
        elif axis is Axis.DEPTH:
            lines.append(f"Depth: {subject} {first:.2f}{unit}, {reference} {second:.2f}{unit}.")
            if values.get("spread") is not None:
                lines.append(f"Joint spread of the two depths: {values['spread']:.2f}{unit}.")
        else:
            anchor = objects["anchor"].name
            lines.append(f"Distance from the {anchor}: {subject} {first:.2f}{unit}, {reference} {second:.2f}{unit}.")
            near, far = values.get("subject_surface"), values.get("reference_surface")
            if near is not None and far is not None:
                lines.append(f"Between the surfaces: {near:.2f}{unit} and {far:.2f}{unit}.")
    relation = evidence.get("relation", row.relation)
    lines.append(f"Result: {subject} | {relation} | {reference}; margin {row.margin:.2f} ({_MARGINS[axis]}).")
    asked = evidence.get("asked")
    if asked is not None and asked != relation:
        lines.append(f"The question asks about the opposite: {asked}.")
    return tuple(lines)


_MARGINS = {
    Axis.HORIZONTAL: "centre distance / mean box width",
    Axis.VERTICAL: "centre distance / mean box height",
    Axis.DEPTH: "1 - near / far",
    Axis.DISTANCE: "1 - near / far",
}
