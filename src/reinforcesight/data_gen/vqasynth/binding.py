"""Match captions to masks in a row of VQASynth, and read the name in a caption.

VQASynth matches the lists ``masks``, ``bboxes_or_points`` and ``captions`` only by index (``vqasynth/localize.py``,
``Localizer.run``; ``vqasynth/prompts.py`` then matches captions to the remaining point clouds). Here, a caption counts
only if its box or point agrees with the mask. Otherwise the object is left out, and its name is no longer unique.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from reinforcesight.arrays import BoolArray
from reinforcesight.data_gen.source import Skipped
from reinforcesight.language.noun_phrases import HowMany, NounPhrase, noun_phrases, split_words
from reinforcesight.language.object_names import tidy_phrase
from reinforcesight.pictures.boxes import box_of, box_overlap
from reinforcesight.pictures.drawing import Box

_ARTICLES = ("the ", "an ", "a ")


@dataclass(frozen=True, slots=True)
class NamedMask:
    """Object whose caption and mask match."""

    name: str
    category: str
    mask: BoolArray
    box: Box


@dataclass(frozen=True, slots=True)
class BoundCaptions:
    """Matched objects, skipped entries, and the names of objects that were left out."""

    things: tuple[NamedMask, ...]
    skipped: tuple[Skipped, ...]
    unseen: tuple[str, ...]


def bind_captions(
    masks: Sequence[BoolArray],
    prompts: Sequence[Sequence[float]],
    captions: Sequence[str | None],
    *,
    least_overlap: float,
) -> BoundCaptions:
    """Match captions to masks by the boxes or points that the masks were made from.

    Args:
        masks: Masks, bool (H, W); may be empty.
        prompts: For each caption, [x0, y0, x1, y1] or [x, y] in pixels.
        captions: Caption of each prompt; may be missing.
        least_overlap: Minimum IoU of a box with its mask's box.

    Raises:
        ValueError: The numbers of captions and prompts differ.
    """
    if len(prompts) != len(captions):
        raise ValueError(f"{len(captions)} captions for {len(prompts)} boxes or points")
    agree = [
        [bool(mask.any()) and agrees(prompt, mask, least_overlap=least_overlap) for mask in masks]
        for prompt in prompts
    ]
    if len(masks) == len(prompts):
        places = [number if row[number] else None for number, row in enumerate(agree)]
    else:
        places = _by_agreement(agree, len(masks))
    # Florence repeats one sentence for all its boxes (FlorenceCaptionLocalizer.run), so a caption of two boxes names
    # neither. Molmo's captions are written for each point and may be equal.
    of_boxes = Counter(caption for prompt, caption in zip(prompts, captions, strict=True) if len(prompt) == 4)
    things: list[NamedMask] = []
    skipped: list[Skipped] = []
    unseen: list[str] = []
    for prompt, caption, place in zip(prompts, captions, places, strict=True):
        found, mentioned = read_caption(caption)
        if place is None:
            detail = f"{caption!r} at {[round(v, 1) for v in prompt]}: no mask belongs to it alone"
            found = Skipped("caption_unbound", detail)
        elif of_boxes[caption] > 1:
            found = Skipped("caption_of_several_boxes", f"{caption!r} is the caption of {of_boxes[caption]} boxes")
        if isinstance(found, Skipped):
            skipped.append(found)
            unseen += mentioned
        elif place is not None:
            things.append(NamedMask(found.text, found.head, masks[place], box_of(masks[place])))
    used = {place for place in places if place is not None}
    for number in range(len(masks)):
        if number not in used:
            skipped.append(Skipped("mask_unbound", f"mask {number}: no caption belongs to it alone"))
    return BoundCaptions(tuple(things), tuple(skipped), tuple(unseen))


def agrees(prompt: Sequence[float], mask: BoolArray, *, least_overlap: float) -> bool:
    """Return whether a mask can be the result of a prompt: it fills the box, or contains the point."""
    if len(prompt) == 4:
        return box_overlap(prompt, box_of(mask)) >= least_overlap
    height, width = mask.shape
    column, row = int(prompt[0]), int(prompt[1])
    return 0 <= column < width and 0 <= row < height and bool(mask[row, column])


def _by_agreement(agree: Sequence[Sequence[bool]], masks: int) -> list[int | None]:
    """Return for each prompt the only mask that agrees with it and with no other prompt, or ``None``."""
    places: list[int | None] = []
    for row in agree:
        own = [number for number in range(masks) if row[number]]
        alone = len(own) == 1 and sum(other[own[0]] for other in agree) == 1
        places.append(own[0] if alone else None)
    taken = [place for place in places if place is not None]
    # VQASynth loses masks but keeps the order of the rest. Another order means that something else is wrong.
    return places if taken == sorted(taken) else [None] * len(agree)


def read_caption(caption: str | None) -> tuple[NounPhrase | Skipped, tuple[str, ...]]:
    """Read the name in a caption that is a single noun phrase for one object, such as "a red chair".

    Returns:
        The name, or the reason why there is none; and all phrases in the caption.
    """
    text = " ".join(caption.split()).rstrip(".").lower() if isinstance(caption, str) else ""
    for article in _ARTICLES:
        text = text.removeprefix(article)
    if not text:
        return Skipped("caption_empty", "a thing without a caption"), ()
    phrases = noun_phrases(f"the {text}")
    mentioned = tuple(phrase.text for phrase in phrases)
    first = phrases[0] if phrases else None
    whole = first is not None and (first.start, first.stop) == (1, 1 + len(split_words(text)))
    if first is None or not whole or tidy_phrase(text) is None:
        return Skipped("caption_not_a_name", f"{caption!r} is not one noun phrase"), mentioned
    if first.how_many is not HowMany.ONE:
        return Skipped("caption_of_many", f"{caption!r} is not one thing"), mentioned
    return first, mentioned
