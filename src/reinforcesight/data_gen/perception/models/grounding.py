"""Boxes for noun phrases by open-vocabulary detectors: GroundingDINO (also MM-GroundingDINO) and OWLv2."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from reinforcesight.arrays import Float32Array
from reinforcesight.data_gen.perception.models.stored_model import StoredGrounder, batches_of_one_size
from reinforcesight.data_gen.perception.protocols import GroundedBox, Picture
from reinforcesight.errors import InputError
from reinforcesight.pictures.drawing import Box

_OWL = frozenset({"owlv2", "owlvit"})
# GroundingDINO reads at most 256 tokens; detection is better with fewer phrases at once.
_PHRASES_AT_ONCE = 20
_NAMES_OF_A_BOX = 2
_OWL_PROMPT = "a photo of a {}"


class TransformersGrounder(StoredGrounder):
    """Detector of ``AutoModelForZeroShotObjectDetection``.

    The score of a GroundingDINO box for a phrase is the mean probability over the phrase's tokens, so "red chair"
    needs both words; for OWLv2 it is the class probability. Each box gets its best phrase, and also the second best if
    that reaches ``min_score``: an object with two nearly equal names has no certain name.
    """

    families = frozenset({"grounding-dino", "mm-grounding-dino"}) | _OWL
    expected = "an open-vocabulary detector"
    suggestion = "GroundingDINO, MM-GroundingDINO, OWLv2, Florence-2 or Molmo2"

    @property
    def _is_owl(self) -> bool:
        return self.config["model_type"] in _OWL

    def _settings(self) -> tuple[object, ...]:
        return (self._min_score, _PHRASES_AT_ONCE, _NAMES_OF_A_BOX)

    def _read(self) -> tuple[Any, Any]:
        import transformers

        return self._from_folder(transformers.AutoModelForZeroShotObjectDetection, transformers.AutoProcessor)

    def ground(self, pictures: Sequence[Picture], phrases: Sequence[Sequence[str]]) -> list[list[GroundedBox]]:
        found: list[list[GroundedBox]] = [[] for _ in pictures]
        # Pictures with the same phrases (the fixed vocabulary) share a forward pass.
        groups: dict[tuple[str, ...], list[int]] = {}
        for position, asked in enumerate(phrases):
            groups.setdefault(tuple(asked), []).append(position)
        for asked, members in groups.items():
            for first, part in _parts(asked):
                for batch in batches_of_one_size([pictures[m] for m in members], self._batch_size):
                    positions = [members[b] for b in batch]
                    probabilities, boxes = self._detect([pictures[p] for p in positions], part)
                    for row, position in enumerate(positions):
                        height, width = pictures[position].shape[:2]
                        found[position] += self._boxes(
                            probabilities[row], boxes[row], first, width=width, height=height
                        )
        return [sorted(boxes, key=lambda b: (-b.score, b.phrase, b.box)) for boxes in found]

    def _boxes(
        self,
        probabilities: Float32Array,
        boxes: Float32Array,
        first: int,
        *,
        width: int,
        height: int,
    ) -> Iterator[GroundedBox]:
        """Yield boxes of one picture from probabilities (Q, P) and relative boxes (Q, 4) as centre and size."""
        # OWLv2 pads the picture to a square on the right and at the bottom.
        side = max(width, height)
        scale_x, scale_y = (side, side) if self._is_owl else (width, height)
        order = np.argsort(-probabilities, axis=1, kind="stable")[:, :_NAMES_OF_A_BOX]
        scores = np.take_along_axis(probabilities, order, axis=1)
        for query, rank in np.argwhere(scores >= self._min_score):
            x, y, w, h = (float(v) for v in boxes[query])
            box: Box = (
                (x - w / 2) * scale_x,
                (y - h / 2) * scale_y,
                (x + w / 2) * scale_x,
                (y + h / 2) * scale_y,
            )
            yield GroundedBox(first + int(order[query, rank]), box, float(scores[query, rank]))

    def _detect(self, pictures: list[Picture], phrases: Sequence[str]) -> tuple[Float32Array, Float32Array]:
        """Return the probabilities (B, Q, P) of each candidate box for each phrase, and the boxes (B, Q, 4)."""
        import torch

        processor, model = self._load()
        if self._is_owl:
            texts: Any = [[_OWL_PROMPT.format(phrase) for phrase in phrases]] * len(pictures)
            inputs = processor(images=pictures, text=texts, return_tensors="pt")
            spans = None
        else:
            caption, spans = _caption(phrases)
            inputs = processor(images=pictures, text=[caption] * len(pictures), return_tensors="pt")
        inputs = inputs.to(model.device)
        inputs["pixel_values"] = inputs["pixel_values"].to(model.dtype)
        with torch.inference_mode():
            outputs = model(**inputs)
        scores = outputs.logits.float().sigmoid().cpu().numpy()  # (B, Q, phrases or tokens)
        boxes = outputs.pred_boxes.float().cpu().numpy()
        if spans is not None:
            encoded = processor.tokenizer(caption, return_offsets_mapping=True)
            tokens = _tokens_of(encoded["offset_mapping"], spans)
            scores = np.stack([scores[..., own].mean(axis=-1) for own in tokens], axis=-1)
        return scores[..., : len(phrases)], boxes


def _parts(phrases: Sequence[str]) -> Iterator[tuple[int, Sequence[str]]]:
    for start in range(0, len(phrases), _PHRASES_AT_ONCE):
        yield start, phrases[start : start + _PHRASES_AT_ONCE]


def _caption(phrases: Sequence[str]) -> tuple[str, list[tuple[int, int]]]:
    """Return GroundingDINO's prompt "red chair. table." and the (start, stop) of each phrase in it."""
    text, spans = "", []
    for phrase in phrases:
        # The model treats a full stop as the end of a phrase.
        clean = phrase.replace(".", " ").strip().lower()
        spans.append((len(text), len(text) + len(clean)))
        text += clean + ". "
    return text.rstrip(), spans


def _tokens_of(offsets: Sequence[tuple[int, int]], spans: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Return each phrase's token indices, by characters; raises :class:`InputError` if a phrase has no token."""
    tokens = []
    for start, stop in spans:
        own = [i for i, (a, b) in enumerate(offsets) if a < b and a >= start and b <= stop]
        if not own:
            raise InputError("a phrase can't be read by the detector's tokenizer", fix="use plain words")
        tokens.append(own)
    return tokens
