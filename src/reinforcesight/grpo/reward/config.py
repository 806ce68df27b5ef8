"""Settings of the reward: weights of its parts, the gate, caps and lengths. Imports nothing heavy."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from reinforcesight.config import StrictConfig
from reinforcesight.relations.kinds import RelationRules

Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Gate(StrEnum):
    """Condition under which accuracy counts.

    With each gate except ``off``, nothing counts without the format, and grounding and consistency count only for
    correct answers.
    """

    REASONING = "reasoning"  # the answer must follow from number-free reasoning about the pair of the question
    LEARNING = "learning"  # a correct answer counts unless the reasoning contradicts it; for models without SFT
    ANSWER = "answer"  # every correct answer counts, whatever the reasoning says
    OFF = "off"  # the plain weighted sum


class RewardMode(StrEnum):
    """How the parts are combined into one reward."""

    GATE = "gate"  # accuracy counts under the condition of ``gate``
    CONSTRAINTS = "constraints"  # every correct answer counts; the weights of consistent and grounded are learnt
    SUM = "sum"  # the plain weighted sum; the same as the gate ``off``


class ConstraintOptions(StrictConfig):
    """Targets for the means of two parts; dual ascent learns their weights, the multipliers (docs/constraints.md)."""

    consistent: float = Field(
        0.95,
        ge=0,
        le=1,
        description="Target for the batch mean of the reward consistent, the fraction of answers that follow from "
        "their reasoning",
    )
    grounded: float = Field(
        0.9,
        ge=-1,
        le=1,
        description="Target for the batch mean of the reward grounded: 1 if all claims agree with the scene, -1 if "
        "all contradict it",
    )
    start: Weight = Field(
        0.2, description="With rewards.mode constraints: initial weight of the rewards consistent and grounded"
    )
    learning_rate: Weight = Field(
        0.1,
        description="With rewards.mode constraints: step size. Each training step adds learning_rate * (target - "
        "batch mean) to a weight; 0: fixed weights",
    )
    largest: Weight = Field(
        2.0, description="With rewards.mode constraints: maximum weight of consistent and grounded; the minimum is 0"
    )


class RewardWeights(StrictConfig):
    """Weight of each part in the total."""

    accuracy: Weight = Field(1.0, description="Weight of the reward for the correct answer")
    format: Weight = Field(
        0.1, description="Weight of the reward for exactly one reasoning block and one answer block"
    )
    qualitative: Weight = Field(0.1, description="Weight of the reward for reasoning without numbers")
    grounded: Weight = Field(0.3, description="Weight of the reward for reasoning whose claims agree with the scene")
    consistent: Weight = Field(0.2, description="Weight of the reward for an answer that follows from its reasoning")
    over_length: Weight = Field(0.3, description="Weight of the penalty for long reasoning")
    repetition: Weight = Field(0.3, description="Weight of the penalty for repeated n-grams")


class RewardConfig(StrictConfig):
    """Settings of the reward; ``docs/rewards.md`` has the formulae and the reasons."""

    weights: RewardWeights = RewardWeights()
    mode: RewardMode = Field(
        RewardMode.GATE,
        description="gate: a correct answer is rewarded only under the condition rewards.gate; constraints: every "
        "correct answer is rewarded, and the weights of consistent and grounded are adapted during "
        "training (docs/constraints.md); sum: plain weighted sum of all parts",
    )
    gate: Gate = Field(
        Gate.REASONING,
        description="With rewards.mode gate: condition for the accuracy reward. reasoning: the answer follows from "
        "number-free reasoning; learning: the reasoning does not contradict the answer; answer: no condition; "
        "off: plain weighted sum (docs/rewards.md)",
    )
    constraints: ConstraintOptions = ConstraintOptions()
    twin_bonus: Weight = Field(
        0.0,
        description="Maximum bonus for a correct answer to one question of a twin pair (the same question about "
        "two pictures, with opposite answers), multiplied by the fraction of correct completions for the "
        "other question; 0: off (docs/twins.md)",
    )
    thinking: bool = Field(True, description="Require a <think> block before the answer; false: an answer block alone")
    opened: bool = Field(
        False,
        description="The chat template ends the prompt with <think>, so completions start inside the reasoning; "
        "grpo detects this",
    )
    max_claims: int = Field(
        1, ge=1, description="Number of claims supported by the scene that give the full grounding reward"
    )
    soft_words: int = Field(120, ge=1, description="Number of reasoning words from which the length penalty starts")
    max_words: int = Field(
        240,
        ge=2,
        description="Number of reasoning words from which the length penalty is full and the answer gets no reward",
    )
    ngram: int = Field(4, ge=2, description="n-gram size in words, for the repetition penalty")
    repetition_allowed: float = Field(
        0.2, ge=0, lt=1, description="Fraction of repeated n-grams from which the penalty starts"
    )
    repetition_limit: float = Field(
        0.4, gt=0, le=1, description="Fraction of repeated n-grams from which the answer gets no reward"
    )
    max_answer_words: int = Field(20, ge=1, description="Maximum number of words in the answer block")
    rules: RelationRules = Field(
        RelationRules(), description="Thresholds for checking the reasoning's claims against the scene"
    )

    @field_validator("gate", mode="before")
    @classmethod
    def _off_is_a_word(cls, value: object) -> object:
        """Accept a bare ``off`` in YAML, which parses it as false."""
        return Gate.OFF if value is False else value

    @model_validator(mode="after")
    def _check_lengths(self) -> RewardConfig:
        if self.max_words <= self.soft_words:
            raise ValueError(f"max_words {self.max_words} must exceed soft_words {self.soft_words}")
        if self.repetition_limit <= self.repetition_allowed:
            raise ValueError("repetition_limit must exceed repetition_allowed")
        if self.mode is RewardMode.CONSTRAINTS and not self.thinking:
            raise ValueError("the mode constraints is about reasoning; use rewards.thinking true, or another mode")
        return self

    @property
    def condition(self) -> Gate:
        """Return the condition for the accuracy reward in the chosen mode."""
        if self.mode is RewardMode.GATE:
            return self.gate
        return Gate.OFF if self.mode is RewardMode.SUM else Gate.ANSWER
