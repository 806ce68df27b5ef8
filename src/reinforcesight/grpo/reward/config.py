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

    consistent: Annotated[
        float,
        Field(
            ge=0,
            le=1,
            description="Target for the batch mean of the reward consistent, the fraction of answers that follow from "
            "their reasoning",
        ),
    ] = 0.95
    grounded: Annotated[
        float,
        Field(
            ge=-1,
            le=1,
            description="Target for the batch mean of the reward grounded: 1 if all claims agree with the scene, -1 if "
            "all contradict it",
        ),
    ] = 0.9
    start: Annotated[
        Weight,
        Field(description="With rewards.mode constraints: initial weight of the rewards consistent and grounded"),
    ] = 0.2
    learning_rate: Annotated[
        Weight,
        Field(
            description="With rewards.mode constraints: step size. Each training step adds learning_rate * (target - "
            "batch mean) to a weight; 0: fixed weights"
        ),
    ] = 0.1
    largest: Annotated[
        Weight,
        Field(
            description="With rewards.mode constraints: maximum weight of consistent and grounded; the minimum is 0"
        ),
    ] = 2.0


class RewardWeights(StrictConfig):
    """Weight of each part in the total."""

    accuracy: Annotated[Weight, Field(description="Weight of the reward for the correct answer")] = 1.0
    format: Annotated[
        Weight, Field(description="Weight of the reward for exactly one reasoning block and one answer block")
    ] = 0.1
    qualitative: Annotated[Weight, Field(description="Weight of the reward for reasoning without numbers")] = 0.1
    grounded: Annotated[
        Weight, Field(description="Weight of the reward for reasoning whose claims agree with the scene")
    ] = 0.3
    consistent: Annotated[
        Weight, Field(description="Weight of the reward for an answer that follows from its reasoning")
    ] = 0.2
    over_length: Annotated[Weight, Field(description="Weight of the penalty for long reasoning")] = 0.3
    repetition: Annotated[Weight, Field(description="Weight of the penalty for repeated n-grams")] = 0.3


class RewardConfig(StrictConfig):
    """Settings of the reward; ``docs/rewards.md`` has the formulae and the reasons."""

    weights: RewardWeights = RewardWeights()
    mode: Annotated[
        RewardMode,
        Field(
            description="gate: a correct answer is rewarded only under the condition rewards.gate; constraints: every "
            "correct answer is rewarded, and the weights of consistent and grounded are adapted during "
            "training (docs/constraints.md); sum: plain weighted sum of all parts"
        ),
    ] = RewardMode.GATE
    gate: Annotated[
        Gate,
        Field(
            description="With rewards.mode gate: condition for the accuracy reward. reasoning: the answer follows from "
            "number-free reasoning; learning: the reasoning does not contradict the answer; answer: no condition; "
            "off: plain weighted sum (docs/rewards.md)"
        ),
    ] = Gate.REASONING
    constraints: ConstraintOptions = ConstraintOptions()
    twin_bonus: Annotated[
        Weight,
        Field(
            description="Maximum bonus for a correct answer to one question of a twin pair (the same question about "
            "two pictures, with opposite answers), multiplied by the fraction of correct completions for the "
            "other question; 0: off (docs/twins.md)"
        ),
    ] = 0.0
    thinking: Annotated[
        bool, Field(description="Require a <think> block before the answer; false: an answer block alone")
    ] = True
    opened: Annotated[
        bool,
        Field(
            description="The chat template ends the prompt with <think>, so completions start inside the reasoning; "
            "grpo detects this"
        ),
    ] = False
    max_claims: Annotated[
        int, Field(ge=1, description="Number of claims supported by the scene that give the full grounding reward")
    ] = 1
    soft_words: Annotated[
        int, Field(ge=1, description="Number of reasoning words from which the length penalty starts")
    ] = 120
    max_words: Annotated[
        int,
        Field(
            ge=2,
            description="Number of reasoning words from which the length penalty is full and the answer gets no reward",
        ),
    ] = 240
    ngram: Annotated[int, Field(ge=2, description="n-gram size in words, for the repetition penalty")] = 4
    repetition_allowed: Annotated[
        float, Field(ge=0, lt=1, description="Fraction of repeated n-grams from which the penalty starts")
    ] = 0.2
    repetition_limit: Annotated[
        float, Field(gt=0, le=1, description="Fraction of repeated n-grams from which the answer gets no reward")
    ] = 0.4
    max_answer_words: Annotated[int, Field(ge=1, description="Maximum number of words in the answer block")] = 20
    rules: Annotated[
        RelationRules, Field(description="Thresholds for checking the reasoning's claims against the scene")
    ] = RelationRules()

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
