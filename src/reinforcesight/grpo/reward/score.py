"""The reward of a completion: named parts, their gated total, and both as functions with TRL's signature.

Definitions, formulae, weights and reasons: ``docs/rewards.md``, ``docs/reward-parts.md``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from operator import is_
from typing import Any

from reinforcesight.errors import InputError
from reinforcesight.grpo.reward.answers import read_answer, read_blocks
from reinforcesight.grpo.reward.claims import (
    CheckedClaim,
    ClaimVerdict,
    claimed_relation,
    concluded_letter,
    make_checker,
)
from reinforcesight.grpo.reward.config import Gate, RewardConfig, RewardMode
from reinforcesight.grpo.reward.text_checks import count_words, numbers_in, over_length, repeated_share
from reinforcesight.judge import AnswerStatus
from reinforcesight.judge.blocks import with_opened_block
from reinforcesight.language.sentences.mentions import character_spans
from reinforcesight.protocol import LETTERS
from reinforcesight.relations.kinds import Relation

PART_NAMES = ("accuracy", "format", "qualitative", "grounded", "consistent", "over_length", "repetition")
CONSTRAINED = ("consistent", "grounded")  # the parts with a constraint in the mode ``constraints``
_DEFAULT = RewardConfig()
# The columns of a row that the reward reads.
REWARD_COLUMNS = ("question", "choices", "answer", "scene", "evidence")


@dataclass(frozen=True, slots=True)
class RewardParts:
    """All parts of a completion's reward, and the values that they were computed from.

    Attributes:
        accuracy: 1 if the judge parses the gold letter, else 0; ``None`` if the row itself is broken.
        format: 1 if the completion has exactly the required blocks, else 0.
        qualitative: 1 if the reasoning has words and no number, else 0; ``None`` without thinking.
        grounded: Supported minus contradicted claims, from -1 to 1; ``None`` without thinking, scene or evidence.
        consistent: 1 if the answer follows from the reasoning's claims, else 0; ``None`` as for ``grounded``.
        over_length: Penalty from -1 to 0; ``None`` without thinking.
        repetition: Penalty from -1 to 0; ``None`` without thinking.
        total: The gated, weighted sum; ``None`` if the row is broken.
        answer_counts: Whether the gate lets accuracy count.
        status: Outcome of parsing the answer.
        claims: The reasoning's claims with their verdicts; :func:`claim_spans` gives their positions.
        numbers: Numbers, units and coordinates found in the reasoning.
        reasoning: Start and end of the reasoning in the completion, in characters.
    """

    accuracy: float | None
    format: float
    qualitative: float | None
    grounded: float | None
    consistent: float | None
    over_length: float | None
    repetition: float | None
    total: float | None
    answer_counts: bool
    letter: str | None
    status: AnswerStatus
    claims: tuple[CheckedClaim, ...]
    numbers: tuple[str, ...]
    reasoning: tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Row:
    """The columns of a question that the reward reads."""

    question: str | None
    choices: tuple[str, ...]
    answer: str
    scene: str | None
    evidence: str | None

    @staticmethod
    def of(row: Mapping[str, Any]) -> _Row:
        missing = [name for name in ("choices", "answer") if row.get(name) is None]
        if missing:
            raise InputError(
                f"the reward needs the columns 'choices' and 'answer', and got no {' and no '.join(missing)}",
                where="row of the data set",
                fix="keep these columns (remove_unused_columns=False), or use a data set made by generate",
            )
        return _Row(
            _text(row.get("question")),
            tuple(map(str, row["choices"])),
            str(row["answer"]),
            _text(row.get("scene")),
            _text(row.get("evidence")),
        )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def score_completion(text: str, row: Mapping[str, Any], config: RewardConfig = _DEFAULT) -> RewardParts:
    """Score one completion.

    Args:
        text: The completion, any string.
        row: The question's columns ``choices`` and ``answer``; also ``question`` for the accuracy that ``evaluate``
            measures, and ``scene`` and ``evidence`` (JSON text) for grounding and consistency.
        config: Weights, gate, caps and lengths.

    Raises:
        InputError: The row has no choices or no answer. The text never causes an error.
    """
    return _scorer(config).score(text, _Row.of(row))


@lru_cache(maxsize=8)
def _scorer(config: RewardConfig) -> _Scorer:
    return _Scorer(config)


class _Scorer:
    """Scores with one configuration; caches questions and the last batch."""

    def __init__(self, config: RewardConfig) -> None:
        self.config = config
        self._checker = lru_cache(maxsize=4096)(partial(make_checker, rules=config.rules))
        self._last: tuple[list[str], dict[str, list[Any]], list[RewardParts]] | None = None

    def batch(self, completions: Sequence[object], columns: Mapping[str, Any]) -> list[RewardParts]:
        """Score a batch. The last batch is cached, since TRL calls every reward function with the same batch."""
        texts = [text_of_completion(completion) for completion in completions]
        used = {name: list(columns[name]) for name in REWARD_COLUMNS if columns.get(name) is not None}
        if self._last is None or self._last[0] != texts or not _same_values(self._last[1], used):
            rows = [_Row.of({name: used[name][at] for name in used}) for at in range(len(texts))]
            scored = [self.score(text, row) for text, row in zip(texts, rows, strict=True)]
            self._last = texts, used, scored
        return self._last[2]

    def score(self, text: str, row: _Row) -> RewardParts:
        config = self.config
        given = len(text)
        if config.opened and config.thinking:
            text = with_opened_block(text)
        added = len(text) - given
        blocks = read_blocks(text, thinking=config.thinking, max_answer_words=config.max_answer_words)
        letter, gold, status = read_answer(text, blocks, row.choices, row.answer, row.question)
        accuracy = None if gold is None else float(letter == gold)
        formed = float(blocks.exact)
        if not config.thinking:
            total = None if accuracy is None else _total_without_thinking(accuracy, formed, config)
            counts = config.condition is Gate.OFF or blocks.exact
            return RewardParts(
                accuracy, formed, None, None, None, None, None, total, counts, letter, status, (), (), (0, 0)
            )
        checker = self._checker(row.scene, row.evidence)
        words = checker.mentions.split(blocks.reasoning)
        numbers = numbers_in(blocks.reasoning, words, checker.mentions)
        length = count_words(words)
        qualitative = float(length > 0 and not numbers)
        claims = checker.check(words)
        long = over_length(length, config.soft_words, config.max_words)
        repeated = repeated_share(words, config.ngram)
        allowed = config.repetition_allowed
        repetition = max(0.0, (repeated - allowed) / (1.0 - allowed))
        grounded = consistent = None
        says_nothing = not any(item.as_asked for item in claims)
        if checker.asked is not None:
            grounded = grounding(claims, config.max_claims)
            announced = concluded_letter(blocks.reasoning, row.choices)
            implied = _implied_letter(claims, checker.asked.relation, gold, len(row.choices))
            consistent = float(letter is not None and letter == implied and announced in (None, letter))
        counts = blocks.exact or config.condition is Gate.OFF
        if config.condition in (Gate.REASONING, Gate.LEARNING):
            follows = consistent in (None, 1.0) or (config.condition is Gate.LEARNING and says_nothing)
            counts = counts and follows and long < 1.0 and repeated < config.repetition_limit
            counts = counts and (qualitative == 1.0 or config.condition is Gate.LEARNING)
        parts = (accuracy, formed, qualitative, grounded, consistent, -long, -repetition)
        total = None if accuracy is None else _total(parts, answer_counts=counts, config=config)
        start = blocks.offset - added
        span = (start, start + len(blocks.reasoning))
        return RewardParts(*parts, total, counts, letter, status, claims, numbers, span)


def _same_values(first: Mapping[str, list[Any]], second: Mapping[str, list[Any]]) -> bool:
    """Return whether the columns hold the same objects, which are kept alive, so that identity is enough."""
    return first.keys() == second.keys() and all(
        len(first[name]) == len(second[name]) and all(map(is_, first[name], second[name])) for name in first
    )


def claim_spans(text: str, parts: RewardParts) -> list[tuple[int, int, CheckedClaim]]:
    """Return start, end (characters) and claim for each claim of a scored completion."""
    start, end = parts.reasoning
    found = character_spans(text[start:end], [item.claim.tokens for item in parts.claims])
    return [(start + found[c.claim.tokens][0], start + found[c.claim.tokens][1], c) for c in parts.claims]


def claim_pieces(
    text: str, parts: RewardParts, part: tuple[int, int] | None = None
) -> Iterator[tuple[str, CheckedClaim | None]]:
    """Yield consecutive pieces of a scored completion, each with its claim if it is one; ``part``: start and end."""
    position, end = part or (0, len(text))
    for start, stop, claim in sorted(claim_spans(text, parts), key=lambda item: item[:2]):
        if start < position:
            continue  # overlaps the previous claim
        if start > position:
            yield text[position:start], None
        yield text[start:stop], claim
        position = stop
    if position < end:
        yield text[position:end], None


def grounding(claims: Sequence[CheckedClaim], most: int) -> float:
    """Return supported claims (at most ``most``) minus contradicted claims, divided by ``most``; from -1 to 1.

    Each claim counts once, even if it is reversed. The value is at most 0 unless a supported claim relates the two
    objects of the question.
    """
    counted = [item for item in claims if item.counted]
    supported = sum(item.verdict is ClaimVerdict.SUPPORTED for item in counted)
    contradicted = sum(item.verdict is ClaimVerdict.CONTRADICTED for item in counted)
    value = max(-1.0, (min(supported, most) - contradicted) / most)
    central = any(item.as_asked is not None and item.verdict is ClaimVerdict.SUPPORTED for item in counted)
    return value if central else min(0.0, value)


def _implied_letter(claims: Sequence[CheckedClaim], asked: Relation, gold: str | None, count: int) -> str | None:
    """Return the answer that follows from what the reasoning claims of the question's two objects, or ``None``.

    If it claims the stored relation, this is the gold letter; if it claims the inverse and there are two options, this
    is the other letter.
    """
    claimed, _ = claimed_relation(claims)
    if claimed is None or gold is None:
        return None
    if claimed is asked:
        return gold
    return LETTERS[1 - LETTERS.index(gold)] if count == 2 else None


_Parts = tuple[float | None, float, float, float | None, float | None, float, float]


def _total(parts: _Parts, config: RewardConfig, *, answer_counts: bool) -> float:
    """Return the weighted sum under the configured gate."""
    accuracy, formed, qualitative, grounded, consistent, over, repetition = (part or 0.0 for part in parts)
    w = config.weights
    reasons = w.grounded * grounded + w.consistent * consistent
    if config.mode is RewardMode.CONSTRAINTS:
        reasons = 0.0  # the two parts are rewards of their own, weighted by the multipliers
    penalties = w.over_length * over + w.repetition * repetition
    if config.condition is Gate.OFF:
        return w.accuracy * accuracy + w.format * formed + w.qualitative * qualitative + reasons + penalties
    earned = w.format + w.qualitative * qualitative
    if answer_counts:
        earned += accuracy * (w.accuracy + reasons)
    return formed * earned + penalties


def _total_without_thinking(accuracy: float, formed: float, config: RewardConfig) -> float:
    w = config.weights
    if config.condition is Gate.OFF:
        return w.accuracy * accuracy + w.format * formed
    return formed * (w.format + w.accuracy * accuracy)


def text_of_completion(completion: object) -> str:
    """Return the text of a completion from TRL: a string, or the assistant's messages joined."""
    if isinstance(completion, str):
        return completion
    if isinstance(completion, dict):
        if completion.get("role", "assistant") != "assistant":
            return ""
        return text_of_completion(completion.get("content", completion.get("text")))
    if isinstance(completion, list | tuple):
        return "\n".join(filter(None, map(text_of_completion, completion)))
    return ""


@dataclass(frozen=True)
class RewardFunction:
    """One part of the reward, or the total, with the signature of TRL's GRPOTrainer.

    Called with ``prompts``, ``completions`` (strings or messages) and the data set's columns as lists, it returns one
    number per completion, ``None`` if the part does not apply. All parts of a batch are computed once.

    Attributes:
        name: "total" or one of ``PART_NAMES``.
        config: Weights, gate, caps and lengths.
    """

    name: str
    config: RewardConfig = _DEFAULT

    def __post_init__(self) -> None:
        if self.name != "total" and self.name not in PART_NAMES:
            raise InputError(
                f"no part of the reward is called {self.name!r}", fix=f"use total, {', '.join(PART_NAMES)}"
            )

    @property
    def __name__(self) -> str:
        """The name under which TRL logs the values."""
        return self.name

    def __call__(
        self,
        prompts: Sequence[object],
        completions: Sequence[object],
        completion_ids: Sequence[Sequence[int]] | None = None,
        *,
        log_extra: Callable[[str, list[Any]], None] | None = None,
        log_metric: Callable[[str, float], None] | None = None,
        **columns: Any,
    ) -> list[float | None]:
        parts = score_batch(completions, columns, self.config)
        if self.name == "total" and parts:
            _log(parts, log_extra, log_metric)
        return [getattr(item, self.name) for item in parts]


def score_batch(
    completions: Sequence[object], columns: Mapping[str, Any], config: RewardConfig = _DEFAULT
) -> list[RewardParts]:
    """Score completions with the rows in columns, which are lists of the same length."""
    return list(_scorer(config).batch(completions, columns))


def score_rows(
    completions: Sequence[object], rows: Sequence[Mapping[str, Any]], config: RewardConfig = _DEFAULT
) -> list[RewardParts]:
    """Score completions, each with its row."""
    known = [name for name in REWARD_COLUMNS if any(name in row for row in rows)]
    return score_batch(completions, {name: [row.get(name) for row in rows] for name in known}, config)


def _log(
    parts: Sequence[RewardParts],
    log_extra: Callable[[str, list[Any]], None] | None,
    log_metric: Callable[[str, float], None] | None,
) -> None:
    """Log means, and add columns to TRL's table of completions."""
    if log_extra is not None:
        log_extra("answer_read", [item.letter or item.status.value for item in parts])
        log_extra(
            "claims",
            ["; ".join(f"{c.claim.relation.value}: {c.verdict.value}" for c in item.claims) for item in parts],
        )
    if log_metric is not None:
        count = len(parts)
        log_metric("reward/answer_readable", sum(item.letter is not None for item in parts) / count)
        log_metric("reward/answer_counts", sum(item.answer_counts for item in parts) / count)
        log_metric("reward/claims_read", sum(bool(item.claims) for item in parts) / count)
        right = [item for item in parts if item.accuracy == 1.0]
        log_metric("reward/right", len(right) / count)
        log_metric("reward/right_counts", sum(item.answer_counts for item in right) / count)
        for verdict in ClaimVerdict:
            said = sum(claim.verdict is verdict for item in parts for claim in item.claims)
            log_metric(f"reward/claims_{verdict.value}", said / count)


def make_reward_functions(config: RewardConfig = _DEFAULT) -> list[RewardFunction]:
    """Return the functions for ``GRPOTrainer(reward_funcs=...)``: the gated total, then every part that applies.

    TRL sums weighted functions and has no gate, so only the total has a weight and the parts are only logged: pass
    :func:`reward_weights` as ``GRPOConfig(reward_weights=...)``.
    """
    names = PART_NAMES if config.thinking else ("accuracy", "format")
    return [RewardFunction(name, config) for name in ("total", *names)]


def reward_weights(config: RewardConfig = _DEFAULT) -> list[float]:
    """Return TRL's weights for :func:`make_reward_functions`: 1 for the total, 0 for the parts.

    With the mode ``constraints``, the weights of the two constrained parts are the start of their multipliers.
    """
    constrained = CONSTRAINED if config.mode is RewardMode.CONSTRAINTS else ()
    names = [function.name for function in make_reward_functions(config)[1:]]
    return [1.0, *(config.constraints.start if name in constrained else 0.0 for name in names)]
