"""Row of the data set: its columns, and the Parquet schema that ``datasets`` and TRL read without a mapping."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Features

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class Row:
    """Row of the data set."""

    id: str  # unique within the data set: source, index of the picture, index of the question
    image: bytes  # encoded picture (PNG or JPEG), with boxes drawn into it if the form marks objects by boxes
    image_name: str  # file name of the picture, such as "rendered-0000012-1.png"
    prompt: str  # text of the user: question, options if the form lists them, instruction
    completion: str  # target: reasoning and answer in their tags
    question: str
    choices: tuple[str, ...]
    answer: str  # letter of the correct option, such as "(A)"
    answer_text: str  # text of the correct option
    relation: str  # of the subject to the reference, see the column evidence
    task: str  # name of the task in CV-Bench: Relation, Depth or Distance
    form: str  # a value of questions.forms.Form
    scene: str  # scene of the picture, JSON
    evidence: str  # objects and values that decide the answer, JSON
    margin: float  # scale-free difference of the compared values, at least 0
    source: str
    source_id: str  # name of the picture within the source

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
    """Return the Arrow schema; its metadata has the features, so that ``datasets`` decodes images."""
    return features().arrow_schema
