"""``calibration.json``: measurements at each threshold, and the rules for a requested label error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from reinforcesight.config import StrictConfig
from reinforcesight.data_gen.calibration.bounds import ThresholdResult, least_strict
from reinforcesight.data_gen.perception.config import DetectionThresholds
from reinforcesight.errors import ConfigError, InputError
from reinforcesight.relations.kinds import Axis, RelationRules

_SCHEMA = 1
# Score that no claim reaches, so that the axis is not asked about.
_NEVER = 1e9
_RULE_OF = {Axis.DEPTH: "min_depth_score", Axis.DISTANCE: "min_distance_score"}


class AxisRecord(StrictConfig):
    """Measurements along one axis.

    Attributes:
        claims: Number of relations that the default rules derive from estimated depth.
        wrong: Number of wrong ones among them.
        undecided: Number of relations that the measured depth can't decide; the other two counts exclude them.
        steps: Thresholds, from strict to loose.
    """

    claims: int
    wrong: int
    undecided: int
    steps: tuple[ThresholdResult, ...]

    def step_for(self, max_error: float) -> ThresholdResult | None:
        return least_strict(self.steps, max_error)


class Calibration(StrictConfig):
    """Contents of ``calibration.json``.

    Attributes:
        skipped: Number of pictures skipped, by reason.
        depth_model: Identity of the estimator, with every setting that decides its result.
        views: Whether several views of each picture were used.
        rules: Calibrated rules, without ``min_depth_score`` and ``min_distance_score``.
        axes: Measurements for the axes ``depth`` and ``distance``.
        names: Wrong names by detection score, for the first and the second detector, each on its own scale.
    """

    schema_version: int = _SCHEMA
    input: str
    pictures: int
    skipped: dict[str, int]
    depth_model: str
    views: bool
    confidence: float
    rules: RelationRules
    axes: dict[Axis, AxisRecord]
    names: tuple[AxisRecord, ...] = ()

    @classmethod
    def load(cls, path: Path) -> Calibration:
        """Read a file that ``calibrate`` wrote; raises :class:`InputError` if it is not a valid calibration."""
        try:
            return cls.model_validate_json(path.read_bytes())
        except OSError as error:
            raise InputError(f"can't read the calibration: {error.strerror}", where=str(path)) from error
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = ".".join(str(part) for part in first["loc"]) or "file"
            raise InputError(
                f"not a calibration: {place}: {first['msg']}",
                where=str(path),
                fix="make it with: reinforcesight calibrate",
            ) from error

    def thresholds_for(
        self, max_error: float, thresholds: DetectionThresholds
    ) -> tuple[DetectionThresholds, list[dict[str, float]]]:
        """Return the lowest detection scores that keep wrong names below an error rate, and facts for the dataset
        card.

        Raises:
            ConfigError: No score of a detector is high enough.
        """
        update: dict[str, float] = {}
        facts = []
        for field, record in zip(("min_score", "second_min_score"), self.names, strict=False):
            step = record.step_for(max_error)
            if step is None:
                best = min((s.upper for s in record.steps), default=1.0)
                raise ConfigError(
                    f"no score of a detector bounds wrong names by {max_error:g}; the lowest bound is {best:.3g}, from "
                    f"{record.claims} detections",
                    where="--max_label_error",
                    fix="allow more, calibrate with more named boxes, or calibrate without --names",
                )
            update[field] = min(max(step.threshold, 0.0), 1.0)
            facts.append({"score": step.threshold, "upper": step.upper, "kept": step.share, "names": step.kept})
        return thresholds.model_copy(update=update), facts

    def rules_for(self, max_error: float, rules: RelationRules) -> tuple[RelationRules, dict[str, Any]]:
        """Return rules strict enough for a label error, and a statement about them for the data set's card.

        An axis whose error can't be bounded by ``max_error`` gets a threshold that no relation reaches.

        Raises:
            ConfigError: The rules differ from the calibrated rules, or no axis can be kept.
        """
        plain = dict.fromkeys(_RULE_OF.values(), 0.0)
        if rules.model_copy(update=plain) != self.rules.model_copy(update=plain):
            raise ConfigError(
                "the rules are not those that the calibration was made with",
                where="rules",
                fix="calibrate again with these rules, or leave them as they are in the calibration",
            )
        update: dict[str, float] = {}
        statement: dict[str, Any] = {
            "max_label_error": max_error,
            "confidence": self.confidence,
            "pictures": self.pictures,
            "depth_model": self.depth_model,
            "axes": {},
        }
        for axis, record in self.axes.items():
            step = record.step_for(max_error)
            # 0 disables the rule, and a threshold of at most 0 would not even require agreement.
            update[_RULE_OF[axis]] = _NEVER if step is None else max(step.threshold, 1e-9)
            statement["axes"][axis.value] = (
                None if step is None else {"upper": step.upper, "kept": step.share, "claims": step.kept}
            )
        if all(value == _NEVER for value in update.values()):
            best = min((s.upper for record in self.axes.values() for s in record.steps), default=1.0)
            raise ConfigError(
                f"no threshold of this calibration bounds the label error by {max_error:g}; the lowest bound is "
                f"{best:.3g}, from {self.pictures} pictures",
                where="--max_label_error",
                fix="allow more, calibrate on more pictures, or use a better depth model",
            )
        return rules.model_copy(update=update), statement
