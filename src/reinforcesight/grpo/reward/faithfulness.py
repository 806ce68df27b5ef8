"""Measure whether an answer follows from its reasoning, and whether the reasoning agrees with the scene.

For evaluation, where nothing is gated: pass :func:`faithfulness_metrics` as the ``metrics`` of
``reinforcesight.eval.evaluate.evaluate``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reinforcesight.grpo.reward.claims import ClaimVerdict, claimed_relation
from reinforcesight.grpo.reward.config import RewardConfig
from reinforcesight.grpo.reward.score import score_completion

_CONFIG = RewardConfig()


@dataclass(frozen=True, slots=True)
class Faithfulness:
    """Agreement of an output with its own claims and with the scene.

    Attributes:
        consistent: Whether the answer follows from the claims about the question's pair; False if these contradict
            each other. ``None`` without a readable answer, a claim about the pair, or a scene.
        grounded: Whether the scene contradicts no claim; ``None`` if it neither supports nor contradicts one.
        supported, contradicted, unknown: Number of different claims with this verdict.
        number_free: Whether the reasoning has no number; ``None`` without reasoning.
    """

    consistent: bool | None
    grounded: bool | None
    supported: int
    contradicted: int
    unknown: int
    number_free: bool | None

    def as_metrics(self) -> dict[str, float]:
        """Return the values that apply, for averaging."""
        values = {
            "consistent": self.consistent,
            "grounded": self.grounded,
            "number_free": self.number_free,
        }
        return {name: float(value) for name, value in values.items() if value is not None} | {
            "claims_supported": float(self.supported),
            "claims_contradicted": float(self.contradicted),
        }


def faithfulness(text: str, row: Mapping[str, Any]) -> Faithfulness:
    """Find and check the claims of an output; ``row`` as for :func:`~reinforcesight.grpo.reward.score_completion`."""
    parts = score_completion(text, row, _CONFIG)
    counts = {
        verdict: sum(item.counted and item.verdict is verdict for item in parts.claims) for verdict in ClaimVerdict
    }
    claimed, clash = claimed_relation(parts.claims)
    comparable = parts.letter is not None and (claimed is not None or clash)
    checkable = counts[ClaimVerdict.SUPPORTED] + counts[ClaimVerdict.CONTRADICTED]
    start, end = parts.reasoning
    return Faithfulness(
        consistent=parts.consistent == 1.0 if comparable and parts.consistent is not None else None,
        grounded=counts[ClaimVerdict.CONTRADICTED] == 0 if checkable else None,
        supported=counts[ClaimVerdict.SUPPORTED],
        contradicted=counts[ClaimVerdict.CONTRADICTED],
        unknown=counts[ClaimVerdict.UNKNOWN],
        number_free=not parts.numbers if text[start:end].strip() else None,
    )


def faithfulness_metrics(item: Any, text: str) -> Mapping[str, float]:
    """Return metrics of one answer to an item of ``reinforcesight.eval.items``; empty for items without a scene."""
    if item.scene is None or item.evidence is None:
        return {}
    row = {
        "question": item.question,
        "choices": item.choices,
        "answer": item.gold,
        "scene": item.scene,
        "evidence": item.evidence,
    }
    return faithfulness(text, row).as_metrics()
