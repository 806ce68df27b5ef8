"""Settings of the reward: a weight for each part, the gate, caps and lengths. Imports nothing heavy."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from reinforcesight.config import StrictConfig
from reinforcesight.relations.kinds import RelationRules

Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Gate(StrEnum):
    """What must hold before accuracy counts.

    With each gate except ``off``, nothing counts without the format, and grounding and consistency count only for
    right answers.
    """

    REASONING = "reasoning"  # the answer must follow from number-free reasoning about the pair of the question
    LEARNING = "learning"  # a right answer counts unless the reasoning claims otherwise: for models without SFT
    ANSWER = "answer"  # every right answer counts, whatever the reasoning says
    OFF = "off"  # the plain weighted sum


class RewardWeights(StrictConfig):
    """Weight of each part in the total."""

    accuracy: Annotated[Weight, Field(description="The judge reads the right letter")] = 1.0
    format: Annotated[Weight, Field(description="Exactly the required blocks")] = 0.1
    qualitative: Annotated[Weight, Field(description="No numbers in the reasoning")] = 0.1
    grounded: Annotated[Weight, Field(description="Claims of the reasoning agree with the scene")] = 0.3
    consistent: Annotated[Weight, Field(description="The answer follows from the reasoning's claims")] = 0.2
    over_length: Annotated[Weight, Field(description="Penalty for long reasoning")] = 0.3
    repetition: Annotated[Weight, Field(description="Penalty for repeated word sequences")] = 0.3


class RewardConfig(StrictConfig):
    """Settings of the reward; ``docs/rewards.md`` gives the formulae and the reasons."""

    weights: RewardWeights = RewardWeights()
    gate: Annotated[Gate, Field(description="What must hold before the answer counts")] = Gate.REASONING
    thinking: Annotated[bool, Field(description="Require a reasoning block; off: an answer block alone")] = True
    opened: Annotated[
        bool,
        Field(
            description="Completions begin inside the reasoning block, since the chat template ends the prompt with "
            "<think>; grpo finds this out itself"
        ),
    ] = False
    max_claims: Annotated[int, Field(ge=1, description="Supported claims that count towards grounding")] = 1
    soft_words: Annotated[int, Field(ge=1, description="Words of reasoning without a penalty")] = 120
    max_words: Annotated[
        int,
        Field(ge=2, description="Words of reasoning with the full penalty; no answer counts from here on"),
    ] = 240
    ngram: Annotated[int, Field(ge=2, description="Words in a sequence that counts as repeated")] = 4
    repetition_allowed: Annotated[
        float, Field(ge=0, lt=1, description="Share of repeated sequences without a penalty")
    ] = 0.2
    repetition_limit: Annotated[
        float, Field(gt=0, le=1, description="Share of repeated sequences from which no answer counts")
    ] = 0.4
    max_answer_words: Annotated[int, Field(ge=1, description="Maximum words in the answer block")] = 20
    rules: Annotated[
        RelationRules, Field(description="Margins by which the scene supports or contradicts a claim")
    ] = RelationRules()

    @field_validator("gate", mode="before")
    @classmethod
    def _off_is_a_word(cls, value: object) -> object:
        """YAML reads a bare ``off`` as false."""
        return Gate.OFF if value is False else value

    @model_validator(mode="after")
    def _check_lengths(self) -> RewardConfig:
        if self.max_words <= self.soft_words:
            raise ValueError(f"max_words {self.max_words} must exceed soft_words {self.soft_words}")
        if self.repetition_limit <= self.repetition_allowed:
            raise ValueError("repetition_limit must exceed repetition_allowed")
        return self
