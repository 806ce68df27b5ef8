"""Find boxes for noun phrases with Florence-2's task of phrase grounding (Xiao et al., 2023).

The prompt is a caption of the phrases; the model repeats each phrase with its boxes. It tends to return a box for
every phrase, present or not, so it suits the phrases of a narrative better than a long vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from reinforcesight.data_gen.perception.models.generated_text import generate_answers, parse_location_boxes
from reinforcesight.data_gen.perception.models.stored_model import StoredGrounder, batches_of_one_size
from reinforcesight.data_gen.perception.protocols import GroundedBox, Picture
from reinforcesight.language.vocabulary import canonical_words

_TASK = "<CAPTION_TO_PHRASE_GROUNDING>"
_PHRASES_AT_ONCE = 10
_MAX_NEW_TOKENS = 512  # ten phrases with a few boxes each


class Florence2Grounder(StoredGrounder):
    """Florence-2 as a grounder.

    A box counts for a phrase only if the words before it are that phrase; its score is the geometric mean of the
    probabilities of its four location tokens. If an answer is truncated or does not have the documented format, all
    its phrases count as unreadable.
    """

    families = frozenset({"florence2"})
    expected = "Florence-2 in transformers' own format"
    suggestion = "a model such as florence-community/Florence-2-base"

    def _fits(self) -> bool:
        return super()._fits() and "auto_map" not in self.config

    def _settings(self) -> tuple[object, ...]:
        return (self._min_score, _TASK, _PHRASES_AT_ONCE)

    def _read(self) -> tuple[Any, Any]:
        import transformers

        return self._from_folder(transformers.Florence2ForConditionalGeneration, transformers.AutoProcessor)

    def ground(self, pictures: Sequence[Picture], phrases: Sequence[Sequence[str]]) -> list[list[GroundedBox]]:
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
        written = None if pieces is None else parse_location_boxes(pieces)
        if written is None:
            for number in range(len(phrases)):
                yield GroundedBox.unreadable(first + number)
            return
        by_words = {canonical_words(phrase): number for number, phrase in enumerate(phrases)}
        for item in written:
            number_of = by_words.get(canonical_words(item.label))
            if number_of is not None and item.score >= self._min_score:
                x0, y0, x1, y1 = item.box
                box = (x0 * width, y0 * height, x1 * width, y1 * height)
                yield GroundedBox(first + number_of, box, item.score)

    def _answers(self, pictures: list[Picture], captions: list[Sequence[str]]) -> list[list[tuple[str, float]] | None]:
        """Return tokens with probabilities of one answer per picture; ``None`` for a truncated answer."""
        processor, model = self._load()
        texts = [_TASK + " ".join(f"{phrase.strip()}." for phrase in caption) for caption in captions]
        inputs = processor(images=pictures, text=texts, return_tensors="pt", padding=True).to(model.device)
        inputs["pixel_values"] = inputs["pixel_values"].to(model.dtype)
        tokenizer = processor.tokenizer
        answers: list[list[tuple[str, float]] | None] = []
        for made in generate_answers(model, tokenizer, inputs, max_new_tokens=_MAX_NEW_TOKENS):
            if made is None:
                answers.append(None)
                continue
            start = int(made[0][:1] == [tokenizer.bos_token_id])
            tokens, chances = made[0][start:], made[1][start:]
            answers.append(
                [(tokenizer.decode([token]), chance) for token, chance in zip(tokens, chances, strict=True)]
            )
        return answers
