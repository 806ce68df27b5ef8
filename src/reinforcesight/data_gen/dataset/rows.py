"""One question of the data set: its columns, and the Parquet schema that ``datasets`` and TRL read as it is."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class Row:
    """One question.

    Attributes:
        id: Unique within the data set: source, position of the picture, number of the question.
        image: The encoded picture (PNG or JPEG), with boxes drawn into it where the form asks for them.
        image_name: File name of the picture, such as "rendered-0000012-1.png".
        prompt: The user's text: question, options where they are shown, instruction.
        completion: The target: reasoning and answer in their tags.
        question: The question alone.
        choices: The options in order.
        answer: Letter of the right option, such as "(A)".
        answer_text: Text of the right option.
        relation: The relation that holds of subject to reference, see the column ``evidence``.
        task: CV-Bench's name of the task: Relation, Depth or Distance.
        form: How the question is asked, see :class:`~reinforcesight.data_gen.questions.compose.Form`.
        scene: The picture's scene, JSON.
        evidence: Objects and values that decide the answer, JSON.
        margin: Scale-free distance from a tie.
        source: Name of the source.
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
        """The row in the shape of the data set's columns."""
        return {
            "id": self.id,
            "image": {"bytes": self.image, "path": self.image_name},
            "prompt": [{"role": "user", "content": self.prompt}],
            "completion": [{"role": "assistant", "content": self.completion}],
            "question": self.question,
            "choices": list(self.choices),
            "answer": self.answer,
            "answer_text": self.answer_text,
            "relation": self.relation,
            "task": self.task,
            "form": self.form,
            "scene": self.scene,
            "evidence": self.evidence,
            "margin": self.margin,
            "source": self.source,
            "source_id": self.source_id,
        }


COLUMNS = (
    "id",
    "image",
    "prompt",
    "completion",
    "question",
    "choices",
    "answer",
    "answer_text",
    "relation",
    "task",
    "form",
    "scene",
    "evidence",
    "margin",
    "source",
    "source_id",
)
_MESSAGES = ("prompt", "completion")


def arrow_schema() -> pa.Schema:
    """The Arrow schema, with the ``datasets`` features as metadata so that pictures decode as pictures."""
    import pyarrow as pa

    message = pa.struct([("role", pa.string()), ("content", pa.string())])
    kinds: dict[str, pa.DataType] = {
        "image": pa.struct([("bytes", pa.binary()), ("path", pa.string())]),
        "prompt": pa.list_(message),
        "completion": pa.list_(message),
        "choices": pa.list_(pa.string()),
        "margin": pa.float64(),
    }
    fields = [(name, kinds.get(name, pa.string())) for name in COLUMNS]
    metadata = {"huggingface": json.dumps({"info": {"features": _features()}})}
    return pa.schema(fields, metadata=metadata)


def _features() -> dict[str, Any]:
    """The features as ``datasets`` writes them into Parquet metadata."""
    string = {"dtype": "string", "_type": "Value"}
    message = {"feature": {"role": string, "content": string}, "_type": "List"}
    special: dict[str, Any] = {
        "image": {"_type": "Image"},
        "prompt": message,
        "completion": message,
        "choices": {"feature": string, "_type": "List"},
        "margin": {"dtype": "float64", "_type": "Value"},
    }
    return {name: special.get(name, string) for name in COLUMNS}


def card_features() -> list[dict[str, Any]]:
    """The features in the short notation of a dataset card's ``dataset_info``."""
    special: dict[str, dict[str, Any]] = {
        "image": {"dtype": "image"},
        **{
            name: {"list": [{"name": part, "dtype": "string"} for part in ("role", "content")]}
            for name in _MESSAGES
        },
        "choices": {"list": "string"},
        "margin": {"dtype": "float64"},
    }
    return [{"name": name, **special.get(name, {"dtype": "string"})} for name in COLUMNS]
