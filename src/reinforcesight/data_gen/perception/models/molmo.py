"""Points on things that are named, by Molmo2 (Clark et al., 2026) through transformers' own model.

Points become prompts for the segmenter, which finds the outline. Coordinates are text, so that an answer is read
strictly or not at all (``location_text``).
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence
from typing import Any

from reinforcesight.data_gen.perception.models.generation import end_tokens, generate, until_end
from reinforcesight.data_gen.perception.models.location_text import geometric_mean, parse_points
from reinforcesight.data_gen.perception.models.model_files import Precision
from reinforcesight.data_gen.perception.protocols import GroundedBox, Picture
from reinforcesight.data_gen.perception.models.stored_model import StoredModel
from reinforcesight.errors import MissingDependencyError, require_module

_PROMPT = "Point out every {} in the image."
_MAX_NEW_TOKENS = 256  # about twenty-five points


class Molmo2Pointer(StoredModel):
    """Molmo2 as a grounder that gives points.

    One question a phrase. The score of a point is the geometric mean of the probabilities of the answer's tokens; an
    answer that can't be read, or was cut off, makes its phrase unreadable.

    Args:
        model: Folder or hub id, such as ``allenai/Molmo2-4B``.
        revision: Hub revision.
        floor: Answers below this score are not given at all.
        device: "auto", "cpu", "cuda", ...
        dtype: "auto", "float32" or "bfloat16".
        batch_size: Questions about one picture in one call.

    Raises:
        InputError: There is no such model, or it is of another family.
    """

    def __init__(
        self,
        model: str,
        *,
        revision: str = "main",
        floor: float = 0.2,
        device: str = "auto",
        dtype: Precision = "auto",
        batch_size: int = 4,
    ) -> None:
        super().__init__(model, revision=revision, device=device, dtype=dtype)
        self._floor, self._batch_size = floor, batch_size
        if self.config.get("model_type") != "molmo2":
            raise self._unfit("Molmo2", fix="use a model such as allenai/Molmo2-4B")

    @property
    def identity(self) -> str:
        """Weights, precision, least score and prompt."""
        return self._identity("pointing", self._floor, repr(_PROMPT))

    def _read(self) -> tuple[Any, Any]:
        import transformers

        if importlib.util.find_spec("transformers.models.molmo2") is None:
            raise MissingDependencyError(
                f"Molmo2 is in transformers from 5.20 on, and {transformers.__version__} is installed",
                where=self.name,
                fix='pip install "transformers>=5.20,<5.24"',
            )
        require_module("torchvision", extra="gpu")  # its image processor has no other way
        # By name, since the range of transformers that this package takes begins before the class.
        model_class: Any = importlib.import_module("transformers").Molmo2ForConditionalGeneration
        processor, model = self._from_folder(model_class, transformers.AutoProcessor, expected="Molmo2")
        processor.tokenizer.padding_side = "left"  # answers of a batch begin at one place
        return processor, model

    def ground(
        self, pictures: Sequence[Picture], phrases: Sequence[Sequence[str]]
    ) -> list[list[GroundedBox]]:
        """Points of each picture's phrases, best first."""
        results = []
        for picture, asked in zip(pictures, phrases, strict=True):
            found: list[GroundedBox] = []
            for start in range(0, len(asked), self._batch_size):
                part = asked[start : start + self._batch_size]
                for number, answer in enumerate(self._answers(picture, part)):
                    found += self._points(answer, start + number, picture)
            results.append(sorted(found, key=lambda b: (-b.score, b.phrase)))
        return results

    def _points(self, answer: tuple[str, float] | None, phrase: int, picture: Picture) -> list[GroundedBox]:
        places = None if answer is None else parse_points(answer[0])
        if answer is None or places is None:
            return [GroundedBox.unreadable(phrase)]
        height, width = picture.shape[:2]
        if answer[1] < self._floor:
            return []
        return [GroundedBox.at(phrase, (x * width, y * height), answer[1]) for x, y in places]

    def _answers(self, picture: Picture, phrases: Sequence[str]) -> list[tuple[str, float] | None]:
        """Text and score of one answer a phrase; ``None`` where it was cut off."""
        processor, model = self._load()
        questions = [
            processor.apply_chat_template(
                [
                    {
                        "role": "user",
                        "content": [
                            {"type": "image"},
                            {"type": "text", "text": _PROMPT.format(phrase.strip())},
                        ],
                    }
                ],
                tokenize=False,
                add_generation_prompt=True,
            )
            for phrase in phrases
        ]
        inputs = processor(
            images=[[picture]] * len(questions), text=questions, return_tensors="pt", padding=True
        ).to(model.device)
        inputs["pixel_values"] = inputs["pixel_values"].to(model.dtype)
        ids, probabilities = generate(model, inputs, max_new_tokens=_MAX_NEW_TOKENS)
        end = end_tokens(model, processor.tokenizer)
        answers: list[tuple[str, float] | None] = []
        for row in range(len(questions)):
            whole = until_end(ids[row], probabilities[row], end)
            if whole is None:
                answers.append(None)
            else:
                tokens, chances = whole
                text = processor.tokenizer.decode(tokens, skip_special_tokens=True)
                answers.append((text, geometric_mean(chances)))
        return answers
