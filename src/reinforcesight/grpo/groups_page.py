"""Pages of sampled groups: picture with boxes, question, each completion with its reward and its checked claims."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from reinforcesight.errors import InputError
from reinforcesight.grpo.reward import PART_NAMES, RewardParts, claim_spans
from reinforcesight.jobs.files import write_text
from reinforcesight.pages.question_cards import ROLES, Overlay, overlay
from reinforcesight.scene import Scene

if TYPE_CHECKING:
    from jinja2 import Environment

INDEX_NAME = "groups.html"
_FOLDER = "groups"
_SIDE = 448  # longer side of a picture on the page, pixels


@dataclass(frozen=True)
class SampledGroup:
    """A question with its completions.

    Attributes:
        row: The question as it was asked, its picture decoded.
        completions: What the model said.
        parts: Rewards of each completion.
        advantages: Of each completion.
    """

    row: Mapping[str, Any]
    completions: Sequence[str]
    parts: Sequence[RewardParts]
    advantages: Sequence[float]


def write_groups_page(folder: Path, step: int, groups: Sequence[SampledGroup]) -> Path:
    """Write ``groups/step-….html`` into a run's folder, and ``groups.html``, which lists all such pages.

    Returns:
        The page of this step.
    """
    path = folder / _FOLDER / f"step-{step:06d}.html"
    page = _pages().get_template("groups.html.j2").render(step=step, groups=[_view(g) for g in groups])
    write_text(path, page + "\n")
    names = sorted((p.name for p in path.parent.glob("step-*.html")), reverse=True)
    entries = [(name, int(name.removeprefix("step-").removesuffix(".html"))) for name in names]
    write_text(
        folder / INDEX_NAME, _pages().get_template("groups_index.html.j2").render(entries=entries) + "\n"
    )
    return path


def _view(group: SampledGroup) -> dict[str, Any]:
    row, picture = group.row, group.row["image"]
    width, height, overlays = _overlays(row, picture)
    totals = [parts.total for parts in group.parts]
    return {
        "id": row["id"],
        "prompt": row["prompt"][-1]["content"],
        "answer": row["answer"],
        "picture": _as_data_uri(picture),
        "width": width,
        "height": height,
        "overlays": overlays,
        "flat": len({None if total is None else round(total, 6) for total in totals}) == 1,
        "completions": [
            {
                "pieces": marked_pieces(text, parts),
                "right": parts.accuracy == 1.0,
                "total": _shown(parts.total),
                "advantage": _shown(advantage),
                "parts": [
                    (name, _shown(value))
                    for name in PART_NAMES
                    if (value := getattr(parts, name)) is not None
                ],
                "numbers": ", ".join(parts.numbers),
            }
            for text, parts, advantage in zip(group.completions, group.parts, group.advantages, strict=True)
        ],
    }


def _shown(value: float | None) -> str:
    return "none" if value is None else f"{value + 0.0:.3g}"  # minus zero is zero


def marked_pieces(text: str, parts: RewardParts) -> list[tuple[str, str | None]]:
    """A completion cut into pieces: text, and the verdict where it is a claim. Together they are the whole text."""
    pieces: list[tuple[str, str | None]] = []
    position = 0
    for start, end, claim in sorted(claim_spans(text, parts), key=lambda item: item[:2]):
        if start < position:
            continue  # a claim that shares words with the last one
        if start > position:
            pieces.append((text[position:start], None))
        pieces.append((text[start:end], claim.verdict.value))
        position = end
    if position < len(text):
        pieces.append((text[position:], None))
    return pieces


def _overlays(row: Mapping[str, Any], picture: Image.Image) -> tuple[int, int, tuple[Overlay, ...]]:
    """Size of the scene in pixels and the boxes of what is asked about; none where the row has no scene."""
    try:
        scene = Scene.from_json(row.get("scene") or "")
        evidence = json.loads(row.get("evidence") or "")
        found = tuple(
            overlay(role, scene[evidence[role]]) for role in ROLES if evidence.get(role) is not None
        )
    except (InputError, ValueError, KeyError, TypeError, AttributeError):
        return picture.width, picture.height, ()
    return scene.width, scene.height, found


def _as_data_uri(picture: Image.Image) -> str:
    small = picture.convert("RGB")
    small.thumbnail((_SIDE, _SIDE))
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


@cache
def _pages() -> Environment:
    """The templates; everything that comes from data or models is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("reinforcesight.grpo", "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
