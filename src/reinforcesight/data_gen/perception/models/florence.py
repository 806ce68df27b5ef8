"""Boxes for noun phrases by Florence-2 (Xiao et al., 2023), transformers' own model, as phrase grounding.

The phrases are written as a caption, and the model writes each phrase again with the boxes of it. It tends to give a
box to every phrase, there or not: suited to phrases of a narrative, less to a long vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from reinforcesight.data_gen.perception.models.batches import batches_of_one_size
from reinforcesight.data_gen.perception.models.generation import end_tokens, generate, until_end
from reinforcesight.data_gen.perception.models.location_text import parse_boxes
from reinforcesight.data_gen.perception.models.model_files import Precision
from reinforcesight.data_gen.perception.protocols import GroundedBox, Picture
from reinforcesight.data_gen.perception.models.stored_model import StoredModel
from reinforcesight.language.names import canonical_words

_TASK = "<CAPTION_TO_PHRASE_GROUNDING>"
_PHRASES_AT_ONCE = 10
_MAX_NEW_TOKENS = 512  # ten phrases with some boxes each


class Florence2Grounder(StoredModel):
    """Florence-2 as a grounder.

    A box counts for a phrase only where the words before it are that phrase's, and its score is the geometric mean of
    the probabilities of its four location tokens. An answer that is not wholly of the documented form, or was cut
    off, makes each phrase that it was about unreadable.

    Args:
        model: Folder or hub id of a checkpoint in transformers' form, such as ``florence-community/Florence-2-base``.
        revision: Hub revision.
        floor: Boxes below this score are not given at all.
        device: "auto", "cpu", "cuda", ...
        dtype: "auto", "float32" or "bfloat16".
        batch_size: Pictures in one call.

    Raises:
        InputError: There is no such model, or it is of another family or in another form.
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
        if self.config.get("model_type") != "florence2" or "auto_map" in self.config:
            raise self._unfit(
                "Florence-2 in transformers' own form",
                fix="use a model such as florence-community/Florence-2-base",
            )

    @property
    def identity(self) -> str:
        """Weights, precision, least score and prompt."""
        return self._identity("grounding", self._floor, _TASK, _PHRASES_AT_ONCE)

    def _read(self) -> tuple[Any, Any]:
        import transformers

        return self._from_folder(
            transformers.Florence2ForConditionalGeneration, transformers.AutoProcessor, expected="Florence-2"
        )

    def ground(
        self, pictures: Sequence[Picture], phrases: Sequence[Sequence[str]]
    ) -> list[list[GroundedBox]]:
        """All boxes of each picture's phrases above the floor, best first."""
        found: list[list[GroundedBox]] = [[] for _ in pictures]
        asked: list[tuple[int, int, Sequence[str]]] = []  # picture, first phrase, phrases of one caption
        for position, all_of_one in enumerate(phrases):
            for start in range(0, len(all_of_one), _PHRASES_AT_ONCE):
                asked.append((position, start, all_of_one[start : start + _PHRASES_AT_ONCE]))
        for batch in batches_of_one_size([pictures[position] for position, _, _ in asked], self._batch_size):
            members = [asked[member] for member in batch]
            answers = self._answers([pictures[m[0]] for m in members], [m[2] for m in members])
            for (position, first, part), pieces in zip(members, answers, strict=True):
                height, width = pictures[position].shape[:2]
                found[position] += self._boxes(pieces, part, first, width=width, height=height)
        return [sorted(boxes, key=lambda b: (-b.score, b.phrase)) for boxes in found]

    def _boxes(
        self,
        pieces: list[tuple[str, float]] | None,
        phrases: Sequence[str],
        first: int,
        *,
        width: int,
        height: int,
    ) -> Iterator[GroundedBox]:
        written = None if pieces is None else parse_boxes(pieces)
        if written is None:
            for number in range(len(phrases)):
                yield GroundedBox.unreadable(first + number)
            return
        by_words = {canonical_words(phrase): number for number, phrase in enumerate(phrases)}
        for item in written:
            number_of = by_words.get(canonical_words(item.label))
            if number_of is not None and item.score >= self._floor:
                x0, y0, x1, y1 = item.box
                box = (x0 * width, y0 * height, x1 * width, y1 * height)
                yield GroundedBox(first + number_of, box, item.score)

    def _answers(
        self, pictures: list[Picture], captions: list[Sequence[str]]
    ) -> list[list[tuple[str, float]] | None]:
        """Tokens with probabilities of one answer a picture; ``None`` where it was cut off."""
        processor, model = self._load()
        texts = [_TASK + " ".join(f"{phrase.strip()}." for phrase in caption) for caption in captions]
        inputs = processor(images=pictures, text=texts, return_tensors="pt", padding=True).to(model.device)
        inputs["pixel_values"] = inputs["pixel_values"].to(model.dtype)
        ids, probabilities = generate(model, inputs, max_new_tokens=_MAX_NEW_TOKENS)
        tokenizer, end = processor.tokenizer, end_tokens(model, processor.tokenizer)
        answers: list[list[tuple[str, float]] | None] = []
        for row in range(len(pictures)):
            tokens, chances = ids[row], probabilities[row]
            skip = int(
                len(tokens) > 0 and int(tokens[0]) == tokenizer.bos_token_id
            )  # an answer begins with it
            whole = until_end(tokens[skip:], chances[skip:], end)
            answers.append(
                None
                if whole is None
                else [(tokenizer.decode([token]), chance) for token, chance in zip(*whole, strict=True)]
            )
        return answers
