"""A calibration that no pictures were needed for."""

from __future__ import annotations

import numpy as np

from reinforcesight.data_gen.calibration.bounds import steps_of
from reinforcesight.data_gen.calibration.record import AxisRecord, Calibration
from reinforcesight.relations import DEFAULT_RULES, Axis


def made_up(pictures: int = 400, *, depth_model: str = "known scenes") -> Calibration:
    """A calibration with many pictures: wrong claims about depth have small scores, distances are hopeless."""
    picture = np.repeat(np.arange(pictures), 10)
    score = np.tile(np.linspace(0.02, 1.0, 10), pictures)
    rng = np.random.default_rng(1)
    wrong = {
        Axis.DEPTH: rng.random(score.size) < 0.2 * (score < 0.3),
        Axis.DISTANCE: rng.random(score.size) < 0.3,
    }
    axes = {}
    for axis, flags in wrong.items():
        steps = tuple(steps_of(score, flags, picture))
        axes[axis] = AxisRecord(claims=score.size, wrong=int(flags.sum()), undecided=0, steps=steps)
    return Calibration(
        input="rooms", pictures=pictures, skipped={}, depth_model=depth_model, views=False, confidence=0.95,
        rules=DEFAULT_RULES, axes=axes,
    )  # fmt: skip
