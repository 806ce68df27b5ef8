"""One question of the data set: its columns, and the Parquet schema that ``datasets`` and TRL read as it is."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Features

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class Row:
    """One question.

    Attributes:
        id: Unique within the data set: source, position of the picture, number of the question.
        image: The encoded picture (PNG or JPEG), with boxes drawn into it if the form marks objects by boxes.
        image_name: File name of the picture, such as "rendered-0000012-1.png".
        prompt: The user's text: question, options if the form lists them, instruction.
        completion: The target: reasoning and answer in their tags.
        answer, answer_text: Letter of the right option, such as "(A)", and its text.
        relation: The relation of the subject to the reference, see the column ``evidence``.
        task: CV-Bench's name of the task: Relation, Depth or Distance.
        form: How the question is asked, see :class:`~reinforcesight.data_gen.questions.forms.Form`.
        scene: The picture's scene, JSON.
        evidence: Objects and values that decide the answer, JSON.
        margin: Scale-free distance from a tie.
        source_id: Name of the picture within the source.
    """

    id: str
    image: bytes
    image_name: str
    prompt: str
    completion: str
    question: str
    choices: tuple[str, ...]
    answer: str
    answer_text: str
    relation: str
    task: str
    form: str
    scene: str
    evidence: str
    margin: float
    source: str
    source_id: str

    def to_columns(self) -> dict[str, Any]:
        return {
            **{name: getattr(self, name) for name in COLUMNS},
            "image": {"bytes": self.image, "path": self.image_name},
            "prompt": [{"role": "user", "content": self.prompt}],
            "completion": [{"role": "assistant", "content": self.completion}],
            "choices": list(self.choices),
        }


COLUMNS = tuple(field.name for field in fields(Row) if field.name != "image_name")


def features() -> Features:
    """The columns' types, as the library ``datasets`` describes them."""
    from datasets import Features, Image, List, Value

    text = Value("string")
    messages = List({"role": text, "content": text})
    special: dict[str, Any] = {
        "image": Image(),
        "prompt": messages,
        "completion": messages,
        "choices": List(text),
        "margin": Value("float64"),
    }
    return Features({name: special.get(name, text) for name in COLUMNS})


def arrow_schema() -> pa.Schema:
    """The Arrow schema, with the features in its metadata so that ``datasets`` decodes pictures as pictures."""
    return features().arrow_schema
