"""Pages of sampled groups: picture with boxes, question, and each completion with its reward and checked claims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reinforcesight.errors import InputError
from reinforcesight.grpo.reward import PART_NAMES, RewardParts, claim_spans
from reinforcesight.pages.pictures import ShownPicture, read_question_scene, show_picture
from reinforcesight.pages.render import save_page

_INDEX = "groups.html"
_FOLDER = "groups"
_SIDE = 448  # longer side of a picture on the page, pixels


@dataclass(frozen=True)
class SampledGroup:
    """A question as the model saw it, with its picture, and each completion's text, rewards and advantage."""

    row: Mapping[str, Any]
    completions: Sequence[str]
    parts: Sequence[RewardParts]
    advantages: Sequence[float]


def write_groups_page(folder: Path, step: int, groups: Sequence[SampledGroup]) -> Path:
    """Write ``groups/step-….html`` into a run's folder, and ``groups.html``, which lists all such pages."""
    path = folder / _FOLDER / f"step-{step:06d}.html"
    save_page(path, "grpo/pages/groups.html.j2", step=step, groups=[_view(g) for g in groups])
    names = sorted((p.name for p in path.parent.glob("step-*.html")), reverse=True)
    entries = [(name, int(name.removeprefix("step-").removesuffix(".html"))) for name in names]
    save_page(folder / _INDEX, "grpo/pages/groups_index.html.j2", entries=entries)
    return path


def _view(group: SampledGroup) -> dict[str, Any]:
    totals = [parts.total for parts in group.parts]
    return {
        "id": group.row["id"],
        "prompt": group.row["prompt"][-1]["content"],
        "answer": group.row["answer"],
        "picture": _picture(group.row),
        "flat": len({None if total is None else round(total, 6) for total in totals}) == 1,
        "completions": [
            {
                "pieces": marked_pieces(text, parts),
                "right": parts.accuracy == 1.0,
                "total": _shown(parts.total),
                "advantage": _shown(advantage),
                "parts": [(name, _shown(value)) for name in PART_NAMES if (value := getattr(parts, name)) is not None],
                "numbers": ", ".join(parts.numbers),
            }
            for text, parts, advantage in zip(group.completions, group.parts, group.advantages, strict=True)
        ],
    }


def _picture(row: Mapping[str, Any]) -> ShownPicture | None:
    """Return the picture with boxes, or without them if the row has no scene."""
    try:
        known = read_question_scene(row.get("scene"), row.get("evidence"))
    except InputError:
        known = None
    return show_picture(row["image"], side=_SIDE, known=known)


def _shown(value: float | None) -> str:
    return "none" if value is None else f"{value + 0.0:.3g}"  # turns -0.0 into 0.0


def marked_pieces(text: str, parts: RewardParts) -> list[tuple[str, str | None]]:
    """Split a completion into consecutive pieces of text, each with its verdict if it is a claim."""
    pieces: list[tuple[str, str | None]] = []
    position = 0
    for start, end, claim in sorted(claim_spans(text, parts), key=lambda item: item[:2]):
        if start < position:
            continue  # overlaps the previous claim
        if start > position:
            pieces.append((text[position:start], None))
        pieces.append((text[start:end], claim.verdict.value))
        position = end
    if position < len(text):
        pieces.append((text[position:], None))
    return pieces
