"""Generate answers with token probabilities, and parse the points and boxes in them.

A text that does not have exactly the documented format gives no result at all, not even its readable part.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reinforcesight.pictures.drawing import Box

_TAG = re.compile(r'<points\s+coords="([^"<>]*)"(?:\s+alt="[^"<>]*")?\s*(?:/>|>[^<>]*</points>)')
_ABSENT = re.compile(r"(?:there are none|none|not present|this isn'?t in the image)\.?", re.IGNORECASE)
_LOCATION = re.compile(r"<loc_(\d{1,4})>")
_STEPS = 1000  # coordinate steps per picture side, of Molmo2 and Florence-2


def generate_answers(
    model: Any, tokenizer: Any, inputs: Mapping[str, Any], *, max_new_tokens: int
) -> list[tuple[list[int], list[float]] | None]:
    """Generate greedy answers for a batch: token ids before the end token, and the probability of each.

    An answer that is cut off at ``max_new_tokens`` is ``None``, since its end is missing.
    """
    import torch

    with torch.inference_mode():
        made = model.generate(
            **inputs,
            do_sample=False,
            num_beams=1,
            max_new_tokens=max_new_tokens,
            output_logits=True,
            return_dict_in_generate=True,
        )
    ids = made.sequences[:, -len(made.logits) :]
    chosen = [
        logits.float().softmax(dim=-1).gather(1, ids[:, step : step + 1]) for step, logits in enumerate(made.logits)
    ]
    probabilities = torch.cat(chosen, dim=1).cpu().double().tolist()
    end = _end_tokens(model, tokenizer)
    answers: list[tuple[list[int], list[float]] | None] = []
    for tokens, chances in zip(ids.tolist(), probabilities, strict=True):
        stop = next((at for at, token in enumerate(tokens) if token in end), None)
        answers.append(None if stop is None else (tokens[:stop], chances[:stop]))
    return answers


def _end_tokens(model: Any, tokenizer: Any) -> set[int]:
    """Return the token ids that end an answer, from the model's generation config and its tokenizer."""
    found: set[int] = set()
    for ids in (getattr(model.generation_config, "eos_token_id", None), tokenizer.eos_token_id):
        if isinstance(ids, int):
            found.add(ids)
        elif ids is not None:
            found.update(int(i) for i in ids)
    return found


def geometric_mean(probabilities: Sequence[float]) -> float:
    """Return the geometric mean of probabilities; 0 if there are none or one is 0."""
    if not probabilities or min(probabilities) <= 0:
        return 0.0
    return math.exp(sum(math.log(p) for p in probabilities) / len(probabilities))


def parse_points(text: str) -> list[tuple[float, float]] | None:
    """Parse the points in a Molmo2 answer about one picture, as fractions of the picture.

    The format is ``<points coords="1 1 073 160 2 173 600">boats</points>``: index of the picture, then for each point
    its index, x and y in thousandths.

    Returns:
        Points; an empty list if the model says that there are none; ``None`` if the answer can't be parsed (no tag or
            several, another picture, indices that do not count up, points outside the picture or given twice).
    """
    if _ABSENT.fullmatch(text.strip()):
        return []
    tags = _TAG.findall(text)
    if len(tags) != 1 or text.count("<point") != 1:
        return None
    words = tags[0].split()
    if len(words) < 4 or len(words) % 3 != 1 or not all(re.fullmatch(r"[0-9]{1,4}", w) for w in words):
        return None
    picture, *numbers = (int(word) for word in words)
    if picture != 1 or numbers[0::3] != list(range(1, len(numbers) // 3 + 1)):
        return None
    places = list(zip(numbers[1::3], numbers[2::3], strict=True))
    if max(max(place) for place in places) > _STEPS or len(set(places)) < len(places):
        return None
    return [(x / _STEPS, y / _STEPS) for x, y in places]


@dataclass(frozen=True, slots=True)
class WrittenBox:
    """Box in generated text, and the words before it."""

    label: str
    box: Box  # fractions of the picture, xyxy
    score: float  # geometric mean of the probabilities of its four tokens


def parse_location_boxes(pieces: Sequence[tuple[str, float]]) -> list[WrittenBox] | None:
    """Parse the boxes in a Florence-2 answer, given as tokens with their probabilities.

    The format is ``red chair<loc_52><loc_333><loc_932><loc_774>``: words, then four locations per box (left, top,
    right, bottom; each the middle of a thousandth of the side). A label may have several boxes, an answer several
    labels.

    Returns:
        Boxes; an empty list for an empty answer; ``None`` if the answer can't be parsed (words without a box, a box
            without words, a number of locations that is not a multiple of four, sides in the wrong order, other tags).
    """
    found: list[WrittenBox] = []
    label, places = "", list[tuple[int, float]]()

    def close() -> bool:
        if not label.strip() and not places:
            return True
        if not label.strip() or not places or len(places) % 4:
            return False
        for start in range(0, len(places), 4):
            four = places[start : start + 4]
            x0, y0, x1, y1 = (place for place, _ in four)
            if not (x0 < x1 <= _STEPS - 1 and y0 < y1 <= _STEPS - 1):
                return False
            box = ((x0 + 0.5) / _STEPS, (y0 + 0.5) / _STEPS, (x1 + 0.5) / _STEPS, (y1 + 0.5) / _STEPS)
            found.append(WrittenBox(label.strip(), box, geometric_mean([p for _, p in four])))
        return True

    for piece, probability in pieces:
        location = _LOCATION.fullmatch(piece.strip())
        if location is not None:
            places.append((int(location[1]), probability))
        elif "<" in piece or ">" in piece:
            return None
        elif places and piece.strip():
            if not close():
                return None
            label, places = piece, []
        else:
            label += piece
    return found if close() else None
