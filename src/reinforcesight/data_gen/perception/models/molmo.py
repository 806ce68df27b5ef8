"""Find points on named objects with Molmo2 (Clark et al., 2026).

The points become prompts for the segmenter, which finds the masks. The model writes coordinates as text, which is
parsed strictly (``generated_text``).
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence
from typing import Any

from reinforcesight.data_gen.perception.models.generated_text import generate_answers, geometric_mean, parse_points
from reinforcesight.data_gen.perception.models.stored_model import StoredGrounder
from reinforcesight.data_gen.perception.protocols import GroundedBox, Picture
from reinforcesight.errors import MissingDependencyError, require_module

_PROMPT = "Point out every {} in the image."
_MAX_NEW_TOKENS = 256  # about 25 points


class Molmo2Pointer(StoredGrounder):
    """Molmo2 as a grounder that returns points.

    The model gets one question per phrase, in batches of ``batch_size`` questions about one picture. The score of a
    point is the geometric mean of the probabilities of the answer's tokens. If an answer is truncated or can't be
    parsed, its phrase counts as unreadable.
    """

    role = "pointing"
    families = frozenset({"molmo2"})
    expected = "Molmo2"
    suggestion = "a model such as allenai/Molmo2-4B"

    def _settings(self) -> tuple[object, ...]:
        return (self._min_score, repr(_PROMPT))

    def _read(self) -> tuple[Any, Any]:
        import transformers

        if importlib.util.find_spec("transformers.models.molmo2") is None:
            raise MissingDependencyError(
                f"Molmo2 needs transformers 5.20 or later, and {transformers.__version__} is installed",
                where=self.name,
                fix='pip install "transformers>=5.20,<5.24"',
            )
        require_module("torchvision", extra="gpu")  # for the image processor
        # Imported by name, since the oldest supported transformers does not have the class.
        model_class: Any = importlib.import_module("transformers").Molmo2ForConditionalGeneration
        processor, model = self._from_folder(model_class, transformers.AutoProcessor)
        processor.tokenizer.padding_side = "left"  # all answers of a batch start at the same position
        return processor, model

    def ground(self, pictures: Sequence[Picture], phrases: Sequence[Sequence[str]]) -> list[list[GroundedBox]]:
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
        if answer[1] < self._min_score:
            return []
        return [GroundedBox.at(phrase, (x * width, y * height), answer[1]) for x, y in places]

    def _answers(self, picture: Picture, phrases: Sequence[str]) -> list[tuple[str, float] | None]:
        """Return text and score of one answer per phrase; ``None`` for a truncated answer."""
        processor, model = self._load()
        questions = []
        for phrase in phrases:
            content = [{"type": "image"}, {"type": "text", "text": _PROMPT.format(phrase.strip())}]
            message = {"role": "user", "content": content}
            questions.append(processor.apply_chat_template([message], tokenize=False, add_generation_prompt=True))
        inputs = processor(images=[[picture]] * len(questions), text=questions, return_tensors="pt", padding=True).to(
            model.device
        )
        inputs["pixel_values"] = inputs["pixel_values"].to(model.dtype)
        tokenizer = processor.tokenizer
        made = generate_answers(model, tokenizer, inputs, max_new_tokens=_MAX_NEW_TOKENS)
        return [
            None if one is None else (tokenizer.decode(one[0], skip_special_tokens=True), geometric_mean(one[1]))
            for one in made
        ]
