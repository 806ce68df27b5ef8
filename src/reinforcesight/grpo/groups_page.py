"""Pages of sampled groups: picture with boxes, question, and each completion with its reward and checked claims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reinforcesight.grpo.reward import PART_NAMES, RewardParts, claim_pieces
from reinforcesight.pages.pictures import known_scene, show_picture
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
        "picture": show_picture(
            group.row["image"], side=_SIDE, known=known_scene(group.row.get("scene"), group.row.get("evidence"))
        ),
        "flat": len({None if total is None else round(total, 6) for total in totals}) == 1,
        "completions": [
            {
                "pieces": [(piece, claim and claim.verdict.value) for piece, claim in claim_pieces(text, parts)],
                "right": parts.accuracy == 1.0,
                "total": _shown(parts.total),
                "advantage": _shown(advantage),
                "parts": [(name, _shown(value)) for name in PART_NAMES if (value := getattr(parts, name)) is not None],
                "numbers": ", ".join(parts.numbers),
            }
            for text, parts, advantage in zip(group.completions, group.parts, group.advantages, strict=True)
        ],
    }


def _shown(value: float | None) -> str:
    return "none" if value is None else f"{value + 0.0:.3g}"  # turns -0.0 into 0.0
